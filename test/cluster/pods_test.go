package cluster

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"yett.dev/cluster/kube"
)

// pod reads a Pod; nil where there is none.
func pod(t *testing.T, c *kube.Cluster, namespace, name string) *v1.Pod {
	t.Helper()
	object, err := c.Client.CoreV1().Pods(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		return nil
	}
	return object
}

// waitPod waits until a Pod is as `check` wants it, and returns it.
func waitPod(t *testing.T, c *kube.Cluster, namespace, name, what string, check func(*v1.Pod) bool) *v1.Pod {
	t.Helper()
	var last *v1.Pod
	kube.Wait(t, time.Minute, name+": "+what, func() error {
		if last = pod(t, c, namespace, name); last == nil {
			return fmt.Errorf("there is no such Pod")
		}
		if !check(last) {
			return fmt.Errorf("%s, %+v, %+v", last.Status.Phase, last.Status.ContainerStatuses, last.Status.InitContainerStatuses)
		}
		return nil
	})
	return last
}

func isReady(p *v1.Pod) bool { return hasCondition(p, v1.PodReady, v1.ConditionTrue) }

func hasCondition(p *v1.Pod, kind v1.PodConditionType, status v1.ConditionStatus) bool {
	for _, condition := range p.Status.Conditions {
		if condition.Type == kind {
			return condition.Status == status
		}
	}
	return false
}

func isOver(p *v1.Pod) bool {
	return p.Status.Phase == v1.PodSucceeded || p.Status.Phase == v1.PodFailed
}

// logs are those of a Pod's only container, by way of the API server.
func logs(t *testing.T, c *kube.Cluster, namespace, name string, options v1.PodLogOptions) string {
	t.Helper()
	text, err := c.Client.CoreV1().Pods(namespace).GetLogs(name, &options).DoRaw(t.Context())
	if err != nil {
		t.Fatalf("logs of %s: %v", name, err)
	}
	return string(text)
}

// script is a Pod that runs a shell's words once; `spec` is indented by two and is part of its spec, `container` is
// indented by four and is part of its container.
func script(name, words, spec, container string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %s, labels: {app: %[1]s}}
spec:
  restartPolicy: Never
%s
  containers:
  - name: main
    image: machine
    command: ["sh", "-c", %q]
%s
`, name, spec, words, container)
}

// indented puts each line of a text in its place.
func indented(by int, text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		b.WriteString(strings.Repeat(" ", by) + line)
	}
	return b.String()
}

func TestPodRunsOnce(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	c.Apply(t, namespace, script("fine", "echo one; echo two; echo three", "", ""))
	c.Apply(t, namespace, script("failing", "echo because >/dev/termination-log; echo oops >&2; exit 3", "", ""))
	c.Apply(t, namespace, `
apiVersion: v1
kind: Pod
metadata: {name: unknown}
spec: {containers: [{name: main, image: "registry.test/unknown:1"}]}
`)
	fine := waitPod(t, c, namespace, "fine", "is over", isOver)
	if fine.Status.Phase != v1.PodSucceeded || fine.Status.PodIP == "" || fine.Status.HostIP == "" {
		t.Errorf("%+v", fine.Status)
	}
	for _, check := range []struct {
		options v1.PodLogOptions
		want    string
	}{
		{v1.PodLogOptions{TailLines: new(int64)}, ""},
		{v1.PodLogOptions{TailLines: number(1)}, "three\n"},
		{v1.PodLogOptions{LimitBytes: number(3)}, "one"},
		{v1.PodLogOptions{Follow: true, TailLines: number(1)}, "three\n"},
	} {
		if got := logs(t, c, namespace, "fine", check.options); got != check.want {
			t.Errorf("logs with %+v: %q; want %q", check.options, got, check.want)
		}
	}
	if got := logs(t, c, namespace, "fine", v1.PodLogOptions{}); got != "one\ntwo\nthree\n" {
		t.Errorf("all logs: %q", got)
	}
	failing := waitPod(t, c, namespace, "failing", "is over", isOver)
	end := failing.Status.ContainerStatuses[0].State.Terminated
	if failing.Status.Phase != v1.PodFailed || end.ExitCode != 3 || end.Reason != "Error" || end.Message != "because\n" {
		t.Errorf("%+v", failing.Status)
	}
	if got := logs(t, c, namespace, "failing", v1.PodLogOptions{}); got != "oops\n" {
		t.Errorf("standard error: %q", got)
	}
	waitPod(t, c, namespace, "unknown", "says which file to name the image in", func(p *v1.Pod) bool {
		waiting := waitingState(p)
		return waiting.Reason == "ErrImageNeverPull" && strings.Contains(waiting.Message, "images.json") && p.Status.Phase == v1.PodPending
	})
}

func number(n int64) *int64 { return &n }

// waitingState is that of the first container; empty where it does not wait.
func waitingState(p *v1.Pod) v1.ContainerStateWaiting {
	if len(p.Status.ContainerStatuses) == 0 || p.Status.ContainerStatuses[0].State.Waiting == nil {
		return v1.ContainerStateWaiting{}
	}
	return *p.Status.ContainerStatuses[0].State.Waiting
}

func TestPodIsRestarted(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	c.Apply(t, namespace, strings.Replace(script("crashing", "echo life; exit 4", "", ""), "Never", "Always", 1))
	p := waitPod(t, c, namespace, "crashing", "backs off", func(p *v1.Pod) bool {
		return waitingState(p).Reason == "CrashLoopBackOff"
	})
	last := p.Status.ContainerStatuses[0].LastTerminationState.Terminated
	if last == nil || last.ExitCode != 4 || p.Status.Phase != v1.PodRunning || isReady(p) {
		t.Errorf("%+v", p.Status)
	}
	waitPod(t, c, namespace, "crashing", "was restarted", func(p *v1.Pod) bool { return p.Status.ContainerStatuses[0].RestartCount >= 1 })
	if got := logs(t, c, namespace, "crashing", v1.PodLogOptions{Previous: true}); got != "life\n" {
		t.Errorf("logs of the life before: %q", got)
	}
}

// Init containers run one after the other; one that is always restarted (a sidecar) only starts before the next, and
// ends after the others.
func TestInitContainers(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	c.Apply(t, namespace, `
apiVersion: v1
kind: Pod
metadata: {name: ordered}
spec:
  restartPolicy: Never
  volumes: [{name: shared, emptyDir: {}}]
  initContainers:
  - {name: first, image: machine, command: [sh, -c, "echo first >>/shared/order"], volumeMounts: [{name: shared, mountPath: /shared}]}
  - name: side
    image: machine
    restartPolicy: Always
    command: [sh, -c, "trap 'echo side ends >>/shared/order; exit' TERM; echo side >>/shared/order; while :; do sleep 0.05; done"]
    startupProbe: {exec: {command: [grep, -q, side, /shared/order]}, periodSeconds: 1, failureThreshold: 30}
    volumeMounts: [{name: shared, mountPath: /shared}]
  - {name: second, image: machine, command: [sh, -c, "echo second >>/shared/order"], volumeMounts: [{name: shared, mountPath: /shared}]}
  containers:
  - {name: main, image: machine, command: [sh, -c, "echo main >>/shared/order; cat /shared/order"], volumeMounts: [{name: shared, mountPath: /shared}]}
`)
	p := waitPod(t, c, namespace, "ordered", "is over", isOver)
	if p.Status.Phase != v1.PodSucceeded {
		t.Errorf("%+v", p.Status)
	}
	got := logs(t, c, namespace, "ordered", v1.PodLogOptions{Container: "main"})
	if want := "first\nside\nsecond\nmain\n"; got != want {
		t.Errorf("order %q; want %q", got, want)
	}
	for _, status := range p.Status.InitContainerStatuses {
		if status.State.Terminated == nil || status.State.Terminated.ExitCode != 0 {
			t.Errorf("%+v", status)
		}
	}
}

func TestProbes(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	c.Apply(t, namespace, `
apiVersion: v1
kind: Pod
metadata: {name: probed}
spec:
  containers:
  - name: main
    image: programs
    args: [web, --start-after=1s]
    ports: [{name: http, containerPort: 8080}]
    startupProbe: {httpGet: {path: /live, port: http}, periodSeconds: 1, failureThreshold: 60}
    readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 1}
    livenessProbe: {httpGet: {path: /live, port: http}, periodSeconds: 1, failureThreshold: 2}
---
apiVersion: v1
kind: Pod
metadata: {name: others}
spec:
  containers:
  - name: grpc
    image: programs
    args: [grpc]
    readinessProbe: {grpc: {port: 9000}, periodSeconds: 1}
    livenessProbe: {tcpSocket: {port: 9000}, periodSeconds: 1, failureThreshold: 60}
  - name: exec
    image: machine
    command: [sh, -c, "echo 1 >/tmp/ready; exec sleep 1000"]
    readinessProbe: {exec: {command: [sh, -c, "test $(cat /tmp/ready) = 1"]}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: unready}
spec:
  containers:
  - name: main
    image: machine
    command: [sleep, "1000"]
    readinessProbe: {tcpSocket: {port: 9}, periodSeconds: 1}
`)
	waitPod(t, c, namespace, "probed", "has not started", func(p *v1.Pod) bool {
		status := p.Status.ContainerStatuses
		return len(status) == 1 && status[0].State.Running != nil && !*status[0].Started && !status[0].Ready && !isReady(p)
	})
	p := waitPod(t, c, namespace, "probed", "is ready", isReady)
	waitPod(t, c, namespace, "others", "is ready", isReady)
	client := c.NewMember(t)
	if _, err := client.Get(t.Context(), p.Status.PodIP+":8080", "http://probed/kill"); err != nil {
		t.Fatal(err)
	}
	again := waitPod(t, c, namespace, "probed", "was restarted and is ready", func(p *v1.Pod) bool {
		return p.Status.ContainerStatuses[0].RestartCount == 1 && isReady(p)
	})
	if again.Status.PodIP != p.Status.PodIP {
		t.Errorf("the address was %s and is %s", p.Status.PodIP, again.Status.PodIP)
	}
	if unready := pod(t, c, namespace, "unready"); unready == nil || isReady(unready) || unready.Status.Phase != v1.PodRunning {
		t.Errorf("%+v", unready)
	}
}

// A Pod that stops: the hook, the signal, the kill; and what EndpointSlices say meanwhile.
func TestPodStopsWithGrace(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	c.Apply(t, namespace, `
apiVersion: v1
kind: Pod
metadata: {name: graceful, labels: {app: graceful}}
spec:
  terminationGracePeriodSeconds: 20
  containers:
  - name: main
    image: programs
    args: [web, --linger=1500ms]
    readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
    lifecycle: {preStop: {httpGet: {path: /drain, port: 8080}}}
---
apiVersion: v1
kind: Service
metadata: {name: graceful}
spec: {selector: {app: graceful}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: stubborn}
spec:
  terminationGracePeriodSeconds: 3
  containers: [{name: main, image: machine, command: [sh, -c, "trap '' TERM; while :; do sleep 0.1; done"]}]
`)
	waitPod(t, c, namespace, "graceful", "is ready", isReady)
	waitPod(t, c, namespace, "stubborn", "is ready", isReady)
	c.WaitEndpoints(t, namespace, "graceful", 1)
	stream, err := c.Client.CoreV1().Pods(namespace).GetLogs("graceful", &v1.PodLogOptions{Follow: true}).Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for _, name := range []string{"graceful", "stubborn"} {
		if err := c.Client.CoreV1().Pods(namespace).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	kube.Wait(t, 10*time.Second, "an endpoint that terminates and serves", func() error {
		conditions, err := endpointConditions(t.Context(), c, namespace, "graceful")
		if want := "ready=false serving=true terminating=true"; err == nil && conditions != want {
			err = fmt.Errorf("%s; want %s", conditions, want)
		}
		return err
	})
	var text strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := stream.Read(buffer)
		text.Write(buffer[:n])
		if err != nil {
			break
		}
	}
	if want := "draining\nstopping\n"; !strings.HasSuffix(text.String(), want) {
		t.Errorf("the log ends %q; want %q", text.String(), want)
	}
	for _, check := range []struct {
		name    string
		atLeast time.Duration
	}{{"graceful", 3 * time.Second}, {"stubborn", 3 * time.Second}} {
		kube.Wait(t, time.Minute, "the end of "+check.name, func() error {
			if pod(t, c, namespace, check.name) != nil {
				return fmt.Errorf("it is still there")
			}
			return nil
		})
		if took := time.Since(begun); took < check.atLeast {
			t.Errorf("%s ended after %v; it had %v", check.name, took, check.atLeast)
		}
	}
}

// Hooks run in the container, as its user; and a Pod that is deleted by force gets no hook and no signal but the last.
func TestHooks(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	const words = "trap 'echo signalled; exit' TERM; while :; do sleep 0.05; done"
	const hooks = `
    securityContext: {runAsUser: 1234}
    lifecycle:
      postStart: {exec: {command: [sh, -c, "echo started by $(id -u) >/proc/1/fd/1"]}}
      preStop: {exec: {command: [sh, -c, "echo asked to stop >/proc/1/fd/1"]}}
`
	c.Apply(t, namespace, script("hooked", words, "", hooks))
	c.Apply(t, namespace, script("forced", words, "", hooks))
	for name, check := range map[string]struct {
		grace int64
		want  []string
	}{
		"hooked": {30, []string{"started by 1234", "asked to stop", "signalled"}},
		"forced": {0, []string{"started by 1234"}},
	} {
		waitPod(t, c, namespace, name, "is ready", isReady)
		next := follow(t, c, namespace, name)
		got := []string{next()}
		if err := c.Client.CoreV1().Pods(namespace).Delete(t.Context(), name, metav1.DeleteOptions{GracePeriodSeconds: &check.grace}); err != nil {
			t.Fatal(err)
		}
		for range check.want[1:] {
			got = append(got, next())
		}
		if fmt.Sprint(got) != fmt.Sprint(check.want) {
			t.Errorf("%s says %q; must be %q", name, got, check.want)
		}
		kube.Wait(t, 20*time.Second, "the end of "+name, func() error {
			if pod(t, c, namespace, name) != nil {
				return fmt.Errorf("it is still there")
			}
			return nil
		})
	}
}

func endpointConditions(ctx context.Context, c *kube.Cluster, namespace, service string) (string, error) {
	slices, err := c.Client.DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + service})
	if err != nil {
		return "", err
	}
	var all []string
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			conditions := endpoint.Conditions
			all = append(all, fmt.Sprintf("ready=%v serving=%v terminating=%v", *conditions.Ready, *conditions.Serving, *conditions.Terminating))
		}
	}
	return strings.Join(all, "; "), nil
}
