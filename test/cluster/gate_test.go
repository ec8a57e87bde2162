package cluster

import (
	"context"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"yett.dev/cluster/kube"
)

// gateUser gives a ServiceAccount the rights that a gate needs in the whole cluster, and returns a kubeconfig of it. There
// is an IngressClass with the name of the namespace, too.
func gateUser(t *testing.T, c *kube.Cluster, namespace string) (kubeconfig, user string) {
	t.Helper()
	token := c.Token(t, namespace, "yett")
	rights := fmt.Sprintf(gateRights, namespace) + ingressClass(namespace)
	c.Apply(t, namespace, rights)
	t.Cleanup(func() { c.DeleteYAML(context.Background(), namespace, []byte(rights)) })
	kubeconfig, err := c.TokenKubeconfig(namespace+"-yett", namespace, token)
	if err != nil {
		t.Fatal(err)
	}
	return kubeconfig, kube.ServiceAccountUser(namespace, "yett")
}

// gateRights has no right to any Secret.
const gateRights = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "%[1]s"}
rules:
- {apiGroups: [networking.k8s.io], resources: [ingresses, ingressclasses], verbs: [get, list, watch]}
- {apiGroups: [networking.k8s.io], resources: [ingresses/status], verbs: [update, patch]}
- {apiGroups: [""], resources: [services, namespaces, nodes], verbs: [get, list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}
- {apiGroups: ["", events.k8s.io], resources: [events], verbs: [create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "%[1]s"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "%[1]s"}
subjects:
- {kind: ServiceAccount, name: yett, namespace: "%[1]s"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: yett}
rules:
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, list, watch, create, update, patch]}
- {apiGroups: [""], resources: [configmaps, pods], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: yett}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: yett}
subjects:
- {kind: ServiceAccount, name: yett}
`

// ingressClass is one with a controller of its own name, so that tests do not meet.
func ingressClass(name string) string {
	return fmt.Sprintf(`
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: "%[1]s"}
spec: {controller: "yett.dev/%[1]s"}
`, name)
}

func ingress(name, class, host, service string) string {
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: "%s"}
spec:
  ingressClassName: "%s"
  rules:
  - host: "%s"
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: "%s", port: {name: http}}}}
`, name, class, host, service)
}

// startClass starts a gate for the class of this name alone.
func startClass(t *testing.T, c *kube.Cluster, namespace, class string, flags ...string) (gate *kube.Gate, user string) {
	t.Helper()
	kubeconfig, user := gateUser(t, c, namespace)
	return startClassAs(t, c, kubeconfig, class, flags...), user
}

func startClassAs(t *testing.T, c *kube.Cluster, kubeconfig, class string, flags ...string) *kube.Gate {
	t.Helper()
	return c.StartGate(t, kubeconfig, append([]string{"--ingress-class", class, "--controller-class", "yett.dev/" + class,
		"--election-id", "yett-" + class}, flags...)...)
}

// The whole way: Ingress, Service, EndpointSlices, Pods; with a role that has no right to any Secret.
func TestIngressServes(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	gate, user := startClass(t, c, namespace, namespace)
	c.Apply(t, namespace, echoes("web", 2))
	c.Apply(t, namespace, ingress("web", namespace, "web.test", "web"))
	gate.WaitReady(t)
	gate.WaitAnswer(t, "http://web.test/", 200)
	events, err := c.Audit(user)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) == 0 {
		t.Error("the audit log knows nothing of yett")
	}
	for _, event := range events {
		if event.ObjectRef != nil && event.ObjectRef.Resource == "secrets" {
			t.Errorf("yett has asked for Secrets, though no Ingress names one: %s", event.RequestURI)
		}
		if event.ResponseStatus != nil && event.ResponseStatus.Code == 403 {
			t.Errorf("yett has asked for what it has no right to: %s %s", event.Verb, event.RequestURI)
		}
	}
}

// Two gates with classes of their own: each serves its own Ingresses and tells their addresses, and no other's.
func TestTwoControllers(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespaces := [2]string{c.Namespace(t), c.Namespace(t)}
	home := namespaces[0]
	c.Apply(t, home, echoes("web", 1))
	var gates [2]*kube.Gate
	var users [2]string
	for i, class := range namespaces {
		gates[i], users[i] = startClass(t, c, class, class, "--publish-status-address", fmt.Sprintf("192.0.2.%d", i+1))
		c.Apply(t, home, ingress(fmt.Sprintf("of-%d", i), class, fmt.Sprintf("of-%d.test", i), "web"))
	}
	c.WaitEndpoints(t, home, "web", 1)
	for i, gate := range gates {
		gate.WaitReady(t)
		gate.WaitAnswer(t, fmt.Sprintf("http://of-%d.test/", i), 200)
		gate.WaitAnswer(t, fmt.Sprintf("http://of-%d.test/", 1-i), 404)
	}
	for i, user := range users {
		waitAddress(t, c, home, fmt.Sprintf("of-%d", i), fmt.Sprintf("192.0.2.%d", i+1))
		writesOnly(t, c, user, fmt.Sprintf("of-%d", i))
	}
}

func waitAddress(t *testing.T, c *kube.Cluster, namespace, ingress, address string) {
	t.Helper()
	kube.Wait(t, 15*time.Second, "the address of "+ingress, func() error {
		object, err := c.Client.NetworkingV1().Ingresses(namespace).Get(t.Context(), ingress, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if got := object.Status.LoadBalancer.Ingress; len(got) != 1 || got[0].IP != address {
			return fmt.Errorf("it is %v, and not %s", got, address)
		}
		return nil
	})
}

// writesOnly asks the audit log which Ingresses the user has written.
func writesOnly(t *testing.T, c *kube.Cluster, user, ingress string) {
	t.Helper()
	events, err := c.Audit(user)
	if err != nil {
		t.Fatal(err)
	}
	written := 0
	for _, event := range events {
		if event.ObjectRef == nil || event.ObjectRef.Resource != "ingresses" || (event.Verb != "patch" && event.Verb != "update") {
			continue
		}
		written++
		if event.ObjectRef.Name != ingress {
			t.Errorf("%s has written %s, which is not its own", user, event.RequestURI)
		}
	}
	if written == 0 {
		t.Errorf("the audit log has no write of %s to %s", user, ingress)
	}
}
