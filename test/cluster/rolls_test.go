package cluster

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"yett.dev/cluster/kube"
	"yett.dev/cluster/programs"
)

// gracefulWeb is a Deployment that stops as it should: its hook keeps a Pod serving until nobody asks it any more.
func gracefulWeb(replicas int, spec string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: %d
  strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
%s
      containers:
      - name: web
        image: programs
        args: [web, --linger=3s]
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 1}
        lifecycle: {preStop: {httpGet: {path: /drain, port: http}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
`, replicas, spec)
}

// serveWeb has a gate of its own serve web.test from that Deployment.
func serveWeb(t *testing.T, replicas int, spec string) (s *scene, gate *kube.Gate) {
	t.Helper()
	s = newScene(t)
	s.Apply(t, s.namespace, gracefulWeb(replicas, spec))
	s.Apply(t, s.namespace, s.ingress("web", "web.test", ""))
	s.WaitEndpoints(t, s.namespace, "web", replicas)
	gate = s.gate(s.user(), "--access-log", "off")
	gate.WaitReady(t)
	gate.WaitAnswer(t, "http://web.test/", http.StatusOK)
	return s, gate
}

// A Pod that is to stop may be asked for this long: until its word has come through the API server, the controller that
// writes EndpointSlices, and the gate. It serves for longer than that.
const lateAfter = 2 * time.Second

// goodAndInTime accepts 200, by a Pod that is not stopping, or only just.
func goodAndInTime(answer kube.Answer) string {
	if answer.StatusCode != http.StatusOK {
		return fmt.Sprintf("status %d", answer.StatusCode)
	}
	if text := answer.Header.Get(programs.StoppingHeader); text != "" {
		if since, err := time.ParseDuration(text); err != nil || since > lateAfter {
			return "asked a Pod that has been stopping for long"
		}
	}
	return ""
}

// roll has all Pods of a Deployment replaced, and waits until they are.
func roll(t *testing.T, c *kube.Cluster, namespace, name string, round int) {
	t.Helper()
	patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"round":"%d"}}}}}`, round)
	_, err := c.Client.AppsV1().Deployments(namespace).Patch(t.Context(), name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.WaitDeployment(t, namespace, name)
}

func nothingLost(t *testing.T, load *kube.Load) {
	t.Helper()
	result := load.Stop()
	t.Log(result)
	if result.Failed() > 0 {
		t.Errorf("requests were lost: %v", result)
	}
	if result.Requests < 100 {
		t.Errorf("that was no load: %v", result)
	}
}

func TestDeploymentIsRolledTenTimes(t *testing.T) {
	t.Parallel()
	s, gate := serveWeb(t, 2, "")
	load := s.NewMember(t).StartLoad(t, kube.LoadOptions{Address: gate.HTTP, Host: "web.test", Clients: 4, Pause: 5 * time.Millisecond, Check: goodAndInTime})
	pods := map[string]bool{}
	for round := range 10 {
		roll(t, s.Cluster, s.namespace, "web", round)
		list, err := s.Client.CoreV1().Pods(s.namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list.Items {
			pods[p.Name] = true
		}
		load.WaitRequests(t, 20)
	}
	if len(pods) < 20 {
		t.Errorf("only %d Pods took part", len(pods))
	}
	nothingLost(t, load)
}

// Without Pods there is 503, at once and nothing worse; with Pods, there is not.
func TestScaleToZeroAndBack(t *testing.T) {
	t.Parallel()
	s, gate := serveWeb(t, 2, "")
	member := s.NewMember(t)
	options := kube.LoadOptions{Address: gate.HTTP, Host: "web.test", Clients: 4, Pause: 5 * time.Millisecond, Limit: 3 * time.Second}
	// Where all Pods are stopping, these are asked to their end.
	options.Check = func(answer kube.Answer) string {
		if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusServiceUnavailable {
			return fmt.Sprintf("status %d", answer.StatusCode)
		}
		return ""
	}
	throughout := member.StartLoad(t, options)
	throughout.WaitRequests(t, 50)

	s.Scale(t, s.namespace, "web", 0)
	s.WaitEndpoints(t, s.namespace, "web", 0)
	gate.WaitAnswer(t, "http://web.test/", http.StatusServiceUnavailable)
	options.Check = func(answer kube.Answer) string {
		if answer.StatusCode != http.StatusServiceUnavailable {
			return fmt.Sprintf("status %d without Pods", answer.StatusCode)
		}
		return ""
	}
	empty := member.StartLoad(t, options)
	empty.WaitRequests(t, 200)
	nothingLost(t, empty)

	s.Scale(t, s.namespace, "web", 2)
	s.WaitEndpoints(t, s.namespace, "web", 2)
	gate.WaitAnswer(t, "http://web.test/", http.StatusOK)
	options.Check = goodAndInTime
	again := member.StartLoad(t, options)
	again.WaitRequests(t, 200)
	nothingLost(t, again)
	nothingLost(t, throughout)
}

// A node that is gone from one moment to the next refuses nothing: what is on its way there gets no answer, and is asked
// for elsewhere. The Ingress says how long to wait for one.
func TestNodeIsGone(t *testing.T) {
	s, gate := serveWeb(t, 4, `      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}`)
	patch := `{"metadata":{"annotations":{
		"nginx.ingress.kubernetes.io/proxy-connect-timeout":"1","nginx.ingress.kubernetes.io/proxy-read-timeout":"1",
		"nginx.ingress.kubernetes.io/proxy-next-upstream":"error timeout"}}}`
	_, err := s.Client.NetworkingV1().Ingresses(s.namespace).Patch(t.Context(), "web", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	node := s.Nodes()[1]
	list, err := s.Client.CoreV1().Pods(s.namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=" + node.Name})
	if err != nil || len(list.Items) != 2 {
		t.Fatalf("%d Pods on %s, %v; want half of 4", len(list.Items), node.Name, err)
	}
	load := s.NewMember(t).StartLoad(t, kube.LoadOptions{Address: gate.HTTP, Host: "web.test", Clients: 4, Pause: 5 * time.Millisecond})
	load.WaitRequests(t, 200)
	if err := node.NS.Unplug(); err != nil {
		t.Fatal(err)
	}
	defer waitNodeReady(t, s.Cluster, node.Name)
	defer node.NS.Plug()
	load.WaitRequests(t, 1000)
	result := load.Result()
	if result.Longest < time.Second {
		t.Errorf("no request has noticed: %v", result)
	}
	// Its Pods are passed over from now on, or asked so rarely that it does not matter.
	quick := s.NewMember(t).StartLoad(t, kube.LoadOptions{Address: gate.HTTP, Host: "web.test", Clients: 4, Pause: 5 * time.Millisecond})
	begun := time.Now()
	quick.WaitRequests(t, 1000)
	if took := time.Since(begun); took > 15*time.Second {
		t.Errorf("1000 requests took %v without the node", took)
	}
	nothingLost(t, quick)
	nothingLost(t, load)
}

func waitNodeReady(t *testing.T, c *kube.Cluster, name string) {
	t.Helper()
	kube.Wait(t, time.Minute, "node "+name, func() error {
		node, err := c.Client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		var all []string
		for _, condition := range node.Status.Conditions {
			all = append(all, fmt.Sprint(condition.Type, "=", condition.Status))
			if condition.Type == v1.NodeReady && condition.Status == v1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("%s", strings.Join(all, " "))
	})
}
