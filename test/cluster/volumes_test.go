package cluster

import (
	"bufio"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	authentication "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"yett.dev/cluster/kube"
)

const settings = `
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {color: blue, size: "7"}
---
apiVersion: v1
kind: Secret
metadata: {name: hidden}
stringData: {word: abracadabra}
`

func TestEnvironment(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	c.Apply(t, namespace, settings)
	c.Apply(t, namespace, script("env", "env; pwd; echo args: \"$@\"", "", `
    args: [zero, "$(NAME) $$(NAME) $(NOTHING)"]
    workingDir: /some/where
    resources: {limits: {cpu: 1500m}}
    envFrom: [{prefix: S_, configMapRef: {name: settings}}, {secretRef: {name: absent, optional: true}}]
    env:
    - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
    - {name: LABEL, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app']"}}}
    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    - {name: CPUS, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
    - {name: COLOR, valueFrom: {configMapKeyRef: {name: settings, key: color}}}
    - {name: WORD, valueFrom: {secretKeyRef: {name: hidden, key: word}}}
    - {name: NONE, valueFrom: {secretKeyRef: {name: hidden, key: none, optional: true}}}
    - {name: BOTH, value: "$(COLOR)-$(S_size)"}
`))
	p := waitPod(t, c, namespace, "env", "is over", isOver)
	got := logs(t, c, namespace, "env", v1.PodLogOptions{})
	for _, want := range []string{
		"NAME=env", "NAMESPACE=" + namespace, "LABEL=env", "IP=" + p.Status.PodIP, "NODE=" + p.Spec.NodeName, "CPUS=2",
		"COLOR=blue", "WORD=abracadabra", "S_color=blue", "S_size=7", "BOTH=blue-7", "HOSTNAME=env", "/some/where",
		"args: env $(NAME) $(NOTHING)", "KUBERNETES_SERVICE_HOST=" + strings.Split(strings.TrimPrefix(c.REST.Host, "https://"), ":")[0],
	} {
		if !hasLine(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "NONE=") {
		t.Error("an optional variable without a value is set")
	}
}

// watcher runs a script that prints whenever what a command prints is another. Where files are exchanged amid it, it fails,
// and runs again.
func watcher(command string) string {
	return fmt.Sprintf(`last=; while sleep 0.05; do now=$({ %s; } 2>/dev/null) || continue; test "$now" = "$last" || echo $now; last=$now; done`, command)
}

// follow returns what reads the Pod's log line by line, and fails after a while without one.
func follow(t *testing.T, c *kube.Cluster, namespace, name string) func() string {
	t.Helper()
	waitPod(t, c, namespace, name, "runs", func(p *v1.Pod) bool { return p.Status.Phase == v1.PodRunning })
	stream, err := c.Client.CoreV1().Pods(namespace).GetLogs(name, &v1.PodLogOptions{Follow: true}).Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stream.Close() })
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(stream); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	return func() string {
		t.Helper()
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("the log of %s has ended", name)
			}
			return strings.TrimSpace(line)
		case <-time.After(30 * time.Second):
			t.Fatalf("nothing more in the log of %s", name)
		}
		return ""
	}
}

// Files of objects follow the objects, all of them in one moment.
func TestVolumesFollow(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	c.Apply(t, namespace, settings)
	c.Apply(t, namespace, script("reader", watcher("cd /data/..data && cat color size && cat /data/deep/word /labels"), indented(2, `
volumes:
- name: data
  projected:
    sources:
    - configMap: {name: settings}
    - secret: {name: hidden, items: [{key: word, path: deep/word}]}
- name: labels
  downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
`), indented(4, `
volumeMounts:
- {name: data, mountPath: /data}
- {name: labels, mountPath: /labels, subPath: labels}
`)))
	next := follow(t, c, namespace, "reader")
	if got, want := next(), `blue7abracadabraapp="reader"`; got != want {
		t.Errorf("%q; want %q", got, want)
	}
	update := func(resource, name, patch string) {
		t.Helper()
		client := c.Client.CoreV1().RESTClient()
		if err := client.Patch(types.MergePatchType).Namespace(namespace).Resource(resource).Name(name).Body([]byte(patch)).Do(t.Context()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	update("configmaps", "settings", `{"data":{"color":"red","size":"8"}}`)
	if got, want := next(), `red8abracadabraapp="reader"`; got != want {
		t.Errorf("%q; want %q", got, want)
	}
	update("secrets", "hidden", `{"stringData":{"word":"sesame"}}`)
	if got, want := next(), `red8sesameapp="reader"`; got != want {
		t.Errorf("%q; want %q", got, want)
	}
}

// A Pod whose volume has no object waits for it, and says so.
func TestVolumeWaitsForItsObject(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	c.Apply(t, namespace, script("early", "cat /data/word", "  volumes: [{name: data, secret: {secretName: hidden}}]",
		"    volumeMounts: [{name: data, mountPath: /data}]"))
	c.Apply(t, namespace, script("refused", "true", "  volumes: [{name: data, hostPath: {path: /etc}}]", ""))
	for name, want := range map[string]string{"early": `secret "hidden" not found`, "refused": "hostPath"} {
		kube.Wait(t, 30*time.Second, "an event about "+want, func() error {
			events, err := c.Client.CoreV1().Events(namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=" + name})
			if err != nil {
				return err
			}
			for _, event := range events.Items {
				if event.Reason == "FailedMount" && strings.Contains(event.Message, want) {
					return nil
				}
			}
			return fmt.Errorf("%d events say nothing of it", len(events.Items))
		})
	}
	c.Apply(t, namespace, settings)
	waitPod(t, c, namespace, "early", "is over", isOver)
	if got := logs(t, c, namespace, "early", v1.PodLogOptions{}); got != "abracadabra\n" {
		t.Errorf("%q", got)
	}
}

// A Pod's token is bound to it, and replaced while the old one is still good.
func TestTokenOfPodRotates(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	const dir = "/var/run/secrets/kubernetes.io/serviceaccount"
	c.Apply(t, namespace, script("holder", watcher("cat "+dir+"/token")+"& ls -L "+dir+"; stat -L -c '%a %u' "+dir+"/token; wait",
		"  securityContext: {runAsUser: 1234}", ""))
	next := follow(t, c, namespace, "holder")
	var first string
	got := map[string]bool{}
	for range 5 {
		line := next()
		if len(line) > 100 {
			first, line = line, "a token"
		}
		got[line] = true
	}
	for _, want := range []string{"ca.crt", "namespace", "token", "600 1234", "a token"} {
		if !got[want] {
			t.Errorf("there is no %q in %v", want, got)
		}
	}
	node := pod(t, c, namespace, "holder").Spec.NodeName
	if err := c.Client.CoreV1().RESTClient().Post().Resource("nodes").Name(node).SubResource("proxy").Suffix("rotateTokens").Do(t.Context()).Error(); err != nil {
		t.Fatal(err)
	}
	second := next()
	if second == first {
		t.Error("it is the same token")
	}
	for _, token := range []string{first, second} {
		review, err := c.Client.AuthenticationV1().TokenReviews().Create(t.Context(), &authentication.TokenReview{
			Spec: authentication.TokenReviewSpec{Token: token},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		user, _ := json.Marshal(review.Status.User)
		if !review.Status.Authenticated || review.Status.User.Username != kube.ServiceAccountUser(namespace, "default") ||
			!strings.Contains(string(user), `"holder"`) {
			t.Errorf("%+v", review.Status)
		}
	}
}
