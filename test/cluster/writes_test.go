package cluster

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"yett.dev/cluster/kube"
	"yett.dev/cluster/plane"
)

// writes is the place of a test of what yett writes: a namespace, an IngressClass of its own, and a user who has the
// rights that docs/cluster.md names, and no others.
type writes struct {
	*kube.Cluster
	t          *testing.T
	namespace  string // the name of class, user and Lease, too
	kubeconfig string
}

const writesRights = `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: %[1]s}
spec: {controller: yett.dev/%[1]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: %[1]s}
rules:
- {apiGroups: [networking.k8s.io], resources: [ingresses, ingressclasses], verbs: [list, watch]}
- {apiGroups: [""], resources: [services], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
- {apiGroups: [networking.k8s.io], resources: [ingresses/status], verbs: [patch]}
- {apiGroups: [""], resources: [events], verbs: [create, get, patch]}
- {apiGroups: [""], resources: [nodes], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[1]s}
subjects:
- {kind: User, name: %[1]s}
- {kind: ServiceAccount, name: default, namespace: %[1]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: %[1]s, namespace: %[2]s}
rules:
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create]}
- {apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [%[1]s], verbs: [get, list, watch, patch]}
- {apiGroups: [""], resources: [pods], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: %[1]s, namespace: %[2]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: %[1]s}
subjects:
- {kind: User, name: %[1]s}
- {kind: ServiceAccount, name: default, namespace: %[1]s}
`

// newWrites keeps the Lease in `leases`; empty: in the test's own namespace, as with Pods.
func newWrites(t *testing.T, leases string) *writes {
	t.Helper()
	c := kube.Shared(t)
	w := &writes{Cluster: c, t: t, namespace: c.Namespace(t)}
	if leases == "" {
		leases = w.namespace
	}
	rights := fmt.Sprintf(writesRights, w.namespace, leases)
	c.Apply(t, "", rights)
	t.Cleanup(func() { c.DeleteYAML(context.Background(), "", []byte(rights)) })
	var err error
	if w.kubeconfig, err = c.Kubeconfig(w.namespace); err != nil {
		t.Fatal(err)
	}
	return w
}

// start starts a replica, and does not care how it ends.
func (w *writes) start(flags ...string) *kube.Gate {
	w.t.Helper()
	member := w.NewMember(w.t)
	address := member.Address.String()
	g := &kube.Gate{Member: member, HTTP: address + ":80", HTTPS: address + ":443", Admin: address + ":10254"}
	process, err := w.StartProcess(member.Namespace, w.namespace+"-"+address, append([]string{w.Options.Gate, "run",
		"--kubeconfig", w.kubeconfig, "--address", address, "--healthz-host", address, "--workers", "1",
		"--controller-class", "yett.dev/" + w.namespace, "--election-id", w.namespace}, flags...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	g.Process = process
	w.t.Cleanup(func() {
		g.Stop(30 * time.Second)
		if w.t.Failed() {
			w.t.Logf("the log of yett at %s ends so:\n%s", address, g.Tail(30))
		}
	})
	g.WaitReady(w.t)
	return g
}

func (w *writes) ingress(name, class, more string) string {
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %[1]s}
spec:
  ingressClassName: %[2]s
  rules:
  - host: %[1]s.test
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
%[3]s
---
`, name, class, more)
}

// service is one with an endpoint at the member's address, where nobody need listen.
func (w *writes) service(name string, address string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[1]s-1, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [%[2]q]}]
---
`, name, address)
}

func (w *writes) get(name string) *networking.Ingress {
	w.t.Helper()
	ingress, err := w.Client.NetworkingV1().Ingresses(w.namespace).Get(w.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return ingress
}

// addresses of an Ingress' status, with spaces between.
func (w *writes) addresses(name string) string {
	var texts []string
	for _, each := range w.get(name).Status.LoadBalancer.Ingress {
		texts = append(texts, each.IP+each.Hostname)
	}
	return strings.Join(texts, " ")
}

// waitAddresses waits until they are these, and says how long it took.
func (w *writes) waitAddresses(name, want string, limit time.Duration) time.Duration {
	w.t.Helper()
	begin := time.Now()
	kube.Wait(w.t, limit, "the status of "+name, func() error {
		if got := w.addresses(name); got != want {
			return fmt.Errorf("it is %q; want %q", got, want)
		}
		return nil
	})
	return time.Since(begin)
}

// setStatus writes it as somebody else would.
func (w *writes) setStatus(name, ip string) {
	w.t.Helper()
	ingress := w.get(name)
	ingress.Status.LoadBalancer.Ingress = nil
	if ip != "" {
		ingress.Status.LoadBalancer.Ingress = []networking.IngressLoadBalancerIngress{{IP: ip}}
	}
	if _, err := w.Client.NetworkingV1().Ingresses(w.namespace).UpdateStatus(w.t.Context(), ingress, metav1.UpdateOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// asked is what the replicas asked for, as far as `is` says.
func (w *writes) asked(is func(e plane.AuditEvent) bool) []plane.AuditEvent {
	w.t.Helper()
	events, err := w.Audit(w.namespace)
	if err != nil {
		w.t.Fatal(err)
	}
	return slices.DeleteFunc(events, func(e plane.AuditEvent) bool { return e.ObjectRef == nil || !is(e) })
}

func isWrite(resource string) func(e plane.AuditEvent) bool {
	return func(e plane.AuditEvent) bool {
		return e.ObjectRef.Resource == resource && slices.Contains([]string{"create", "update", "patch", "delete"}, e.Verb)
	}
}

// isGoodWrite is one that was not refused: rights that were just granted take a moment.
func isGoodWrite(resource string) func(e plane.AuditEvent) bool {
	return func(e plane.AuditEvent) bool {
		return isWrite(resource)(e) && e.ResponseStatus != nil && e.ResponseStatus.Code < 300
	}
}

// metric of a replica; labels are passed over.
func (w *writes) metric(g *kube.Gate, name string) (float64, error) {
	answer, err := g.Member.Get(w.t.Context(), g.Admin, "http://"+g.Admin+"/metrics")
	if err != nil {
		return 0, err
	}
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("/metrics answers %d", answer.StatusCode)
	}
	for line := range strings.Lines(answer.Body) {
		if rest, ok := strings.CutPrefix(line, name); ok && (rest[0] == '{' || rest[0] == ' ') {
			fields := strings.Fields(rest)
			return strconv.ParseFloat(fields[len(fields)-1], 64)
		}
	}
	return 0, fmt.Errorf("there is no metric %s", name)
}

// leader is the one of the replicas that leads.
func (w *writes) leader(gates []*kube.Gate) (leader *kube.Gate) {
	w.t.Helper()
	kube.Wait(w.t, 20*time.Second, "one of the replicas to lead", func() error {
		leader = nil
		for _, g := range gates {
			leads, err := w.metric(g, "nginx_ingress_controller_leader_election_status")
			if err != nil {
				return err
			}
			if leads == 1 && leader != nil {
				return fmt.Errorf("two lead")
			}
			if leads == 1 {
				leader = g
			}
		}
		if leader == nil {
			return fmt.Errorf("none leads")
		}
		return nil
	})
	return leader
}

// holds fails the test as soon as `check` does, within `time`: for what must not happen.
func (w *writes) holds(limit time.Duration, check func() error) {
	w.t.Helper()
	for begin := time.Now(); time.Since(begin) < limit; time.Sleep(100 * time.Millisecond) {
		if err := check(); err != nil {
			w.t.Fatal(err)
		}
	}
}

// waitLog waits until a replica's log has this event.
func (w *writes) waitLog(g *kube.Gate, event string) {
	w.t.Helper()
	kube.Wait(w.t, 15*time.Second, event+" in the log", func() error {
		if !strings.Contains(g.Tail(1000), event) {
			return fmt.Errorf("the log ends so:\n%s", g.Tail(10))
		}
		return nil
	})
}
