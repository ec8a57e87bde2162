package cluster

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"yett.dev/cluster/kube"
	"yett.dev/cluster/plane"
)

// A scene is what a test of watching has to itself: a class of Ingresses, a namespace, and a user whose rights are
// those that docs/cluster.md names, and no others.
type scene struct {
	*kube.Cluster
	t         *testing.T
	name      string // of the class, and of the user
	namespace string
	flags     []string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	s := &scene{Cluster: c, t: t, name: "watch-" + namespace, namespace: namespace}
	// What is written has tests of its own, and asks for rights of its own.
	s.flags = []string{"--controller-class", s.controller(), "--ingress-class", s.name, "--disable-leader-election"}
	s.temporary("", fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: %[1]s}
spec: {controller: %[2]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: %[1]s}
rules:
- {apiGroups: [networking.k8s.io], resources: [ingresses, ingressclasses], verbs: [list, watch]}
- {apiGroups: [""], resources: [services, namespaces], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[1]s}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: %[1]s}
- {kind: ServiceAccount, name: %[1]s, namespace: %[3]s}
`, s.name, s.controller(), namespace))
	return s
}

func (s *scene) controller() string { return "yett.dev/" + s.name }

// temporary applies objects that lie in no namespace of the test's, and so do not go with it. The test before may have
// left an API server that has just started.
func (s *scene) temporary(namespace, text string) {
	s.t.Helper()
	kube.Wait(s.t, time.Minute, "objects to be taken", func() error {
		return s.ApplyYAML(s.t.Context(), namespace, []byte(text))
	})
	s.t.Cleanup(func() {
		if err := s.DeleteYAML(context.Background(), namespace, []byte(text)); err != nil {
			s.t.Log(err)
		}
	})
}

// user is a kubeconfig of the scene's user, by a client certificate.
func (s *scene) user() string {
	s.t.Helper()
	kubeconfig, err := s.Kubeconfig(s.name)
	if err != nil {
		s.t.Fatal(err)
	}
	return kubeconfig
}

func (s *scene) gate(kubeconfig string, flags ...string) *kube.Gate {
	s.t.Helper()
	return s.StartGate(s.t, kubeconfig, append(flags, s.flags...)...)
}

// backend starts an echo outside of the cluster, and a Service without a selector that leads to it.
func (s *scene) backend(namespace, name string) *kube.Member {
	s.t.Helper()
	member := s.NewMember(s.t)
	process, err := s.StartProcess(member.Namespace, "echo-"+namespace+"-"+name,
		s.Options.Gate, "echo", "--address", member.Address.String(), "--port", "8080")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(process.Kill)
	s.Apply(s.t, namespace, service(name)+slice(name, member.Address.String()))
	kube.Wait(s.t, 10*time.Second, "the echo", func() error {
		_, err := member.Get(s.t.Context(), member.Address.String()+":8080", "http://x/")
		return err
	})
	return member
}

func service(name string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %s}
spec: {ports: [{name: http, port: 80}]}
`, name)
}

func slice(service, address string) string {
	return fmt.Sprintf(`
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[1]s-by-hand, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
ports: [{name: http, port: 8080}]
endpoints: [{addresses: [%[2]s], conditions: {ready: true}}]
`, service, address)
}

// ingress leads from `host` to the Service `web`; with TLS where `secret` is not empty.
func (s *scene) ingress(name, host, secret string) string {
	tls := ""
	if secret != "" {
		tls = fmt.Sprintf("tls: [{hosts: [%s], secretName: %s}]", host, secret)
	}
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: %s
  annotations: {nginx.ingress.kubernetes.io/ssl-redirect: "false"}
spec:
  ingressClassName: %s
  %s
  rules:
  - host: %s
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
---
`, name, s.name, tls, host)
}

// secret is a Secret of type kubernetes.io/tls for `host`.
func secret(t *testing.T, name, host string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: host},
		DNSNames:     []string{host},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	encodedKey, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: %s}
type: kubernetes.io/tls
data: {tls.crt: %s, tls.key: %s}
---
`, name, encode("CERTIFICATE", certificate), encode("PRIVATE KEY", encodedKey))
}

// mayRead gives the scene's user the right to read these Secrets, by their names.
func (s *scene) mayRead(namespace string, secrets ...string) {
	s.t.Helper()
	s.Apply(s.t, namespace, fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: %[1]s}
rules:
- {apiGroups: [""], resources: [secrets], verbs: [get, list, watch], resourceNames: [%[2]s]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: %[1]s}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: %[1]s}
`, s.name, strings.Join(secrets, ", ")))
}

// label changes labels of the scene's namespace.
func (s *scene) label(labels string) {
	s.t.Helper()
	_, err := s.Client.CoreV1().Namespaces().Patch(s.t.Context(), s.namespace, types.MergePatchType,
		[]byte(`{"metadata": {"labels": `+labels+`}}`), metav1.PatchOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
}

// asked is what the scene's user asked of the API server.
func (s *scene) asked() []plane.AuditEvent {
	s.t.Helper()
	events, err := s.Audit(s.name)
	if err != nil {
		s.t.Fatal(err)
	}
	return events
}

// listings counts those that were granted, by list or by a streaming list.
func (s *scene) listings() int {
	s.t.Helper()
	count := 0
	for _, event := range s.asked() {
		uri, err := url.Parse(event.RequestURI)
		if err != nil {
			s.t.Fatal(err)
		}
		begins := event.Stage == "ResponseStarted" || event.Verb != "watch" // a watch is told of at its end, too
		if begins && (event.Verb == "list" || uri.Query().Has("sendInitialEvents")) {
			count++
		}
	}
	return count
}

// diagnostics are the codes of what the gate has to say.
func diagnostics(t *testing.T, g *kube.Gate) string {
	t.Helper()
	answer, err := g.Member.Get(t.Context(), g.Admin, "http://"+g.Admin+"/api/v1/diagnostics")
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if json.Indent(&text, []byte(answer.Body), "", " ") != nil {
		return answer.Body
	}
	return text.String()
}

// certificateFor is the common name of the certificate that the gate shows for a host.
func certificateFor(t *testing.T, g *kube.Gate, host string) (string, error) {
	t.Helper()
	answer, err := g.Member.Get(t.Context(), g.HTTPS, "https://"+host+"/")
	if err != nil {
		return "", err
	}
	return answer.TLS.PeerCertificates[0].Subject.CommonName, nil
}

func waitCertificate(t *testing.T, g *kube.Gate, host string, limit time.Duration) {
	t.Helper()
	kube.Wait(t, limit, "the certificate of "+host, func() error {
		name, err := certificateFor(t, g, host)
		if err == nil && name != host {
			err = fmt.Errorf("it is of %q", name)
		}
		return err
	})
}

func serial(t *testing.T, g *kube.Gate, host string) string {
	t.Helper()
	answer, err := g.Member.Get(t.Context(), g.HTTPS, "https://"+host+"/")
	if err != nil {
		t.Fatal(err)
	}
	return answer.TLS.PeerCertificates[0].SerialNumber.String()
}

// contains is an error where `text` lacks one of `wants`.
func contains(text string, wants ...string) error {
	for _, want := range wants {
		if !strings.Contains(text, want) {
			return fmt.Errorf("there is no %q in\n%s", want, text)
		}
	}
	return nil
}
