package cluster

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"yett.dev/cluster/kube"
)

// From an object in the API server to traffic, and every change of it.
func TestWatchFollows(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.backend(s.namespace, "web")
	s.Apply(t, s.namespace, s.ingress("first", "first.test", ""))
	g := s.gate(s.user())
	g.WaitReady(t)
	if answer := g.WaitAnswer(t, "http://first.test/path", http.StatusOK); !strings.Contains(answer.Body, "/path") {
		t.Errorf("the answer is %q", answer.Body)
	}
	s.Apply(t, s.namespace, s.ingress("second", "second.test", ""))
	g.WaitAnswer(t, "http://second.test/", http.StatusOK)
	s.Apply(t, s.namespace, s.ingress("second", "other.test", ""))
	g.WaitAnswer(t, "http://other.test/", http.StatusOK)
	g.WaitAnswer(t, "http://second.test/", http.StatusNotFound)
	s.Delete(t, s.namespace, s.ingress("second", "other.test", ""))
	g.WaitAnswer(t, "http://other.test/", http.StatusNotFound)
	s.Delete(t, s.namespace, slice("web", "10.77.240.1"))
	g.WaitAnswer(t, "http://first.test/", http.StatusServiceUnavailable)
}

// A right to list Secrets is neither there nor asked for: each is watched by its name.
func TestSecretsAreReadByName(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.backend(s.namespace, "web")
	s.Apply(t, s.namespace, secret(t, "first", "first.test")+secret(t, "unused", "unused.test"))
	s.Apply(t, s.namespace, s.ingress("first", "first.test", "first"))
	s.mayRead(s.namespace, "first")
	g := s.gate(s.user())
	g.WaitReady(t)
	if name, err := certificateFor(t, g, "first.test"); name != "first.test" {
		t.Errorf("once ready it shows the certificate of %q, %v", name, err)
	}

	// One that may not be read is told about, harms nobody, and is read once it may be.
	s.Apply(t, s.namespace, secret(t, "second", "second.test")+s.ingress("second", "second.test", "second"))
	kube.Wait(t, 10*time.Second, "a diagnostic", func() error {
		return contains(diagnostics(t, g), "tls-secret-unreadable", "yett rbac", s.namespace+"/second")
	})
	g.WaitAnswer(t, "http://second.test/", http.StatusOK)
	waitCertificate(t, g, "first.test", 0)
	s.mayRead(s.namespace, "first", "second")
	waitCertificate(t, g, "second.test", 45*time.Second)

	// A renewed one is followed.
	before := serial(t, g, "first.test")
	s.Apply(t, s.namespace, secret(t, "first", "first.test"))
	kube.Wait(t, 10*time.Second, "the renewed certificate", func() error {
		if serial(t, g, "first.test") == before {
			return contains("the old certificate", "the new one")
		}
		return nil
	})

	for _, event := range s.asked() {
		if event.ObjectRef == nil || event.ObjectRef.Resource != "secrets" {
			continue
		}
		if event.ObjectRef.Name == "" || event.ObjectRef.Namespace == "" {
			t.Errorf("Secrets are asked for without a name: %s", event.RequestURI)
		}
		if event.ObjectRef.Name == "unused" {
			t.Errorf("a Secret that nobody refers to is asked for: %s", event.RequestURI)
		}
	}
}

// For those who prefer it: all Secrets by one watch.
func TestSecretsByOneWatch(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.backend(s.namespace, "web")
	s.temporary("", `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: `+s.name+`-secrets}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: `+s.name+`-secrets}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: `+s.name+`}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: `+s.name+`-secrets}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [list, watch]}
`)
	s.Apply(t, s.namespace, secret(t, "first", "first.test")+s.ingress("first", "first.test", "first"))
	g := s.gate(s.user(), "--watch-secrets", "cluster")
	g.WaitReady(t)
	waitCertificate(t, g, "first.test", 0)
	s.Apply(t, s.namespace, secret(t, "second", "second.test"))
	s.Apply(t, s.namespace, s.ingress("second", "second.test", "second"))
	waitCertificate(t, g, "second.test", 10*time.Second)
	before := serial(t, g, "second.test")
	s.Apply(t, s.namespace, secret(t, "second", "second.test"))
	kube.Wait(t, 10*time.Second, "the renewed certificate", func() error {
		if serial(t, g, "second.test") == before {
			return contains("the old certificate", "the new one")
		}
		return nil
	})
}

// With one namespace to watch, a Role is enough; the class is found by its name.
func TestOneNamespace(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.backend(s.namespace, "web")
	elsewhere := s.Namespace(t)
	s.backend(elsewhere, "web")
	user := "role-" + s.name
	s.Apply(t, s.namespace, `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: gate}
rules:
- {apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [list, watch]}
- {apiGroups: [""], resources: [services], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: gate}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: gate}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: `+user+`}
`)
	s.Apply(t, s.namespace, s.ingress("here", "here.test", ""))
	s.Apply(t, elsewhere, s.ingress("elsewhere", "elsewhere.test", ""))
	kubeconfig, err := s.Kubeconfig(user)
	if err != nil {
		t.Fatal(err)
	}
	g := s.gate(kubeconfig, "--watch-namespace", s.namespace, "--ingress-class-by-name")
	g.WaitReady(t)
	g.WaitAnswer(t, "http://here.test/", http.StatusOK)
	g.WaitAnswer(t, "http://elsewhere.test/", http.StatusNotFound)
	if err := contains(diagnostics(t, g), "api-forbidden", "IngressClass"); err != nil {
		t.Error(err)
	}
}

// Namespaces are chosen by their labels, from the moment that they have them.
func TestNamespacesByLabel(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.backend(s.namespace, "web")
	s.Apply(t, s.namespace, secret(t, "cert", "chosen.test")+s.ingress("web", "chosen.test", "cert"))
	s.mayRead(s.namespace, "cert")
	g := s.gate(s.user(), "--watch-namespace-selector", "gate="+s.name+",closed!=yes")
	g.WaitReady(t)
	g.WaitAnswer(t, "http://chosen.test/", http.StatusNotFound)
	s.label(`{"gate": "` + s.name + `"}`)
	g.WaitAnswer(t, "http://chosen.test/", http.StatusOK)
	waitCertificate(t, g, "chosen.test", 0)
	s.label(`{"closed": "yes"}`)
	g.WaitAnswer(t, "http://chosen.test/", http.StatusNotFound)
	s.label(`{"closed": null}`)
	g.WaitAnswer(t, "http://chosen.test/", http.StatusOK)
}

// Never ready before all was read once.
func TestNotReadyWithoutRights(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	nobody, err := s.Kubeconfig("nobody-" + s.name)
	if err != nil {
		t.Fatal(err)
	}
	g := s.gate(nobody)
	kube.Wait(t, 10*time.Second, "the log to tell of missing rights", func() error {
		return contains(g.Tail(100), "api_watch_failed", "status=403")
	})
	if status, err := g.Ready(t.Context()); err != nil || status == http.StatusOK {
		t.Errorf("/readyz answers %d, %v", status, err)
	}
}
