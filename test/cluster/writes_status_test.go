package cluster

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"yett.dev/cluster/kube"
)

// One's own class has the addresses, and nothing is written into another's.
func TestStatusOfOnesOwn(t *testing.T) {
	t.Parallel()
	w := newWrites(t, "default")
	w.start("--publish-status-address", "gate.example,192.0.2.2,192.0.2.1")
	w.Apply(t, w.namespace, w.ingress("ours", w.namespace, "")+w.ingress("theirs", "of-somebody-else", ""))
	w.waitAddresses("ours", "192.0.2.1 192.0.2.2 gate.example", 10*time.Second)
	line := w.Kubectl(t, "-n", w.namespace, "get", "ingress", "ours", "--no-headers")
	for _, part := range []string{w.namespace, "ours.test", "192.0.2.1,192.0.2.2"} {
		if !strings.Contains(line, part) {
			t.Errorf("kubectl get ingress says %q, without %s", line, part)
		}
	}

	/* It becomes somebody else's, and keeps what it has; his becomes ours. */
	w.Apply(t, w.namespace, w.ingress("ours", "of-somebody-else", "")+w.ingress("theirs", w.namespace, ""))
	w.waitAddresses("theirs", "192.0.2.1 192.0.2.2 gate.example", 10*time.Second)
	w.setStatus("ours", "198.51.100.1")
	w.Apply(t, w.namespace, w.ingress("last", w.namespace, ""))
	w.waitAddresses("last", "192.0.2.1 192.0.2.2 gate.example", 10*time.Second)
	if got := w.addresses("ours"); got != "198.51.100.1" {
		t.Errorf("what is somebody else's now has %q", got)
	}
	count := map[string]int{}
	for _, e := range w.asked(isGoodWrite("ingresses")) {
		count[e.ObjectRef.Name]++
		if e.ObjectRef.Subresource != "status" {
			t.Errorf("%s %s is no status", e.Verb, e.RequestURI)
		}
	}
	for name, n := range count {
		if n != 1 {
			t.Errorf("%s was written %d times; once is enough", name, n)
		}
	}
}

// What somebody else wrote is put back at once, but not for ever at that pace.
func TestStatusIsPutBack(t *testing.T) {
	t.Parallel()
	w := newWrites(t, "default")
	g := w.start("--publish-status-address", "192.0.2.1")
	w.Apply(t, w.namespace, w.ingress("web", w.namespace, ""))
	w.waitAddresses("web", "192.0.2.1", 10*time.Second)
	generation, err := w.metric(g, "yett_config_generation")
	if err != nil {
		t.Fatal(err)
	}
	w.settle()
	w.setStatus("web", "")
	t.Logf("an empty status was put back within %v", w.waitAddresses("web", "192.0.2.1", 5*time.Second))
	if after, err := w.metric(g, "yett_config_generation"); err != nil || after != generation {
		t.Errorf("for a status, generation %v follows %v (%v); it is none of what is compiled", after, generation, err)
	}

	/* Somebody insists: the dispute is told of, and it is no race. */
	before := len(w.asked(isWrite("ingresses")))
	kube.Wait(t, 30*time.Second, "the dispute to be told of", func() error {
		if w.addresses("web") == "192.0.2.1" {
			w.setStatus("web", "198.51.100.1")
		}
		if n, err := w.metric(g, "yett_status_contended"); err != nil || n != 1 {
			return fmt.Errorf("%v Ingresses are in dispute (%v); want 1", n, err)
		}
		return nil
	})
	w.waitLog(g, "status_contended")
	if n := len(w.asked(isWrite("ingresses"))) - before; n > 3 {
		t.Errorf("until then it was written %d times", n)
	}
}

// settle lets a write become so old that the next change by somebody else is not taken for what was before it
// (STATUS_REST_MS), during which it must stay.
func (w *writes) settle() {
	w.t.Helper()
	w.holds(2500*time.Millisecond, func() error {
		if got := w.addresses("web"); got != "192.0.2.1" {
			return fmt.Errorf("nobody changed it, and it is %q", got)
		}
		return nil
	})
}

// The Service's addresses are followed; that it has none takes nobody's away.
func TestStatusFromService(t *testing.T) {
	t.Parallel()
	w := newWrites(t, "default")
	w.Apply(t, w.namespace, w.ingress("web", w.namespace, ""))
	g := w.start("--publish-service", w.namespace+"/gate")
	w.leader([]*kube.Gate{g})
	w.Apply(t, w.namespace, `
apiVersion: v1
kind: Service
metadata: {name: gate}
spec: {type: LoadBalancer, selector: {app: nobody}, ports: [{port: 80}]}
`)
	address := w.WaitLoadBalancer(t, w.namespace, "gate").String()
	w.waitAddresses("web", address, 10*time.Second)

	patch := []byte(`{"spec":{"externalIPs":["192.0.2.7"]}}`)
	if _, err := w.Client.CoreV1().Services(w.namespace).Patch(t.Context(), "gate", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	both := address + " 192.0.2.7"
	if address > "192.0.2.7" {
		both = "192.0.2.7 " + address
	}
	t.Logf("a change of the Service was followed within %v", w.waitAddresses("web", both, 10*time.Second))

	if err := w.Client.CoreV1().Services(w.namespace).Delete(t.Context(), "gate", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.waitLog(g, "publish_service_missing")
	w.Apply(t, w.namespace, w.ingress("other", w.namespace, ""))
	w.waitAddresses("other", both, 10*time.Second)
	if got := w.addresses("web"); got != both {
		t.Errorf("without its Service it has %q", got)
	}
}

// In Pods and without flags: the nodes that they run on.
func TestStatusFromNodes(t *testing.T) {
	t.Parallel()
	w := newWrites(t, "")
	w.Apply(t, w.namespace, w.ingress("web", w.namespace, ""))
	w.Apply(t, w.namespace, fmt.Sprintf(writesDeployment, w.namespace))
	w.WaitDeployment(t, w.namespace, "yett")
	nodes, err := w.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	internal := map[string]string{}
	for _, node := range nodes.Items {
		for _, address := range node.Status.Addresses {
			if address.Type == "InternalIP" {
				internal[node.Name] = address.Address
			}
		}
	}
	if internal["node-1"] == "" || internal["node-2"] == "" {
		t.Fatalf("the nodes have the addresses %v", internal)
	}
	w.waitAddresses("web", internal["node-1"]+" "+internal["node-2"], 20*time.Second)
	w.Scale(t, w.namespace, "yett", 1)
	kube.Wait(t, 40*time.Second, "the address of the one that is left", func() error {
		if got := w.addresses("web"); got != internal["node-1"] && got != internal["node-2"] {
			return fmt.Errorf("it is %q", got)
		}
		return nil
	})
}

const writesDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: yett}
spec:
  replicas: 2
  selector: {matchLabels: {app: gate}}
  template:
    metadata: {labels: {app: gate}}
    spec:
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
          - {labelSelector: {matchLabels: {app: gate}}, topologyKey: kubernetes.io/hostname}
      containers:
      - name: yett
        image: yett
        args: [run, --workers, "1", --controller-class, yett.dev/%[1]s, --election-id, %[1]s, --election-ttl, "4"]
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        readinessProbe: {httpGet: {path: /readyz, port: 10254}, periodSeconds: 1}
`

// It stays when the last replica ends, unless that was asked for; then it takes out what is its own.
func TestStatusAtTheEnd(t *testing.T) {
	t.Parallel()
	w := newWrites(t, "default")
	w.Apply(t, w.namespace, w.ingress("one", w.namespace, "")+w.ingress("two", w.namespace, ""))
	g := w.start("--publish-status-address", "192.0.2.1")
	w.waitAddresses("one", "192.0.2.1", 10*time.Second)
	w.waitAddresses("two", "192.0.2.1", 10*time.Second)
	g.Stop(20 * time.Second)
	if got := w.addresses("one"); got != "192.0.2.1" {
		t.Errorf("after the end it is %q", got)
	}

	g = w.start("--publish-status-address", "192.0.2.1", "--update-status-on-shutdown")
	w.leader([]*kube.Gate{g})
	g.Stop(30 * time.Second)
	if status := g.ExitStatus(); status != 0 {
		t.Errorf("yett ended with status %d", status)
	}
	for _, name := range []string{"one", "two"} {
		if got := w.addresses(name); got != "" {
			t.Errorf("%s has %q after an end that was to clear it", name, got)
		}
	}
}

// As many writes as there are Ingresses, and none for what does not concern a status.
func TestStatusOfMany(t *testing.T) {
	t.Parallel()
	const many = 500
	w := newWrites(t, "default")
	g := w.start("--publish-status-address", "192.0.2.1", "--status-update-interval", "5", "--disable-sync-events")
	w.leader([]*kube.Gate{g})
	begin := time.Now()
	for i := range many {
		ingress := w.ingress(fmt.Sprint("i", i), w.namespace, "")
		if err := w.ApplyYAML(t.Context(), w.namespace, []byte(ingress)); err != nil {
			t.Fatal(err)
		}
	}
	applied := time.Since(begin)
	kube.Wait(t, time.Minute, "all statuses", func() error { return w.countWith("192.0.2.1", many) })
	t.Logf("%d Ingresses were made within %v, and had their status %v later", many, applied.Round(time.Millisecond),
		(time.Since(begin) - applied).Round(time.Millisecond))
	if n := w.statusWrites(); n != many {
		t.Errorf("%d statuses were written for %d Ingresses", n, many)
	}

	for i := range 50 { /* changes that leave the status as it is */
		w.Apply(t, w.namespace, w.ingress(fmt.Sprint("i", i), w.namespace, "  tls: [{hosts: [x.test]}]"))
	}
	w.holds(7*time.Second, func() error { /* a round of looking at all of them, which must leave no trace */
		if n := w.statusWrites(); n != many {
			return fmt.Errorf("%d more were written for changes that concern no status", n-many)
		}
		return nil
	})
}

func (w *writes) statusWrites() int {
	return len(w.asked(isGoodWrite("ingresses")))
}

// countWith fails unless `want` Ingresses have this address.
func (w *writes) countWith(ip string, want int) error {
	list, err := w.Client.NetworkingV1().Ingresses(w.namespace).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		return err
	}
	n := 0
	for _, ingress := range list.Items {
		if status := ingress.Status.LoadBalancer.Ingress; len(status) == 1 && status[0].IP == ip {
			n++
		}
	}
	if n != want {
		return fmt.Errorf("%d of %d have it", n, want)
	}
	return nil
}
