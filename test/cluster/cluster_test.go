// Package cluster has the tests of yett in a real cluster, and of that cluster.
package cluster

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"yett.dev/cluster/kube"
	"yett.dev/cluster/plane"
)

func TestMain(m *testing.M) { kube.Main(m) }

func TestNodesAreReady(t *testing.T) {
	c := kube.Shared(t)
	nodes, err := c.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(nodes.Items) != c.Options.Nodes {
		t.Errorf("%d nodes; want %d", len(nodes.Items), c.Options.Nodes)
	}
	c.Kubectl(t, "wait", "--for=condition=Ready", "--timeout=5s", "nodes", "--all")
}

// From a Deployment to its Pods' answers, by the real controllers and scheduler.
func TestDeploymentServes(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	c.Apply(t, namespace, echoes("web", 2))
	addresses := c.WaitEndpoints(t, namespace, "web", 2)
	client := c.NewMember(t)
	for _, address := range addresses {
		answer, err := client.Get(t.Context(), address+":8080", "http://web.test/path")
		if err != nil || answer.StatusCode != 200 || !strings.Contains(answer.Body, "/path") {
			t.Errorf("%s answers %+v, %v", address, answer, err)
		}
	}
	pods := c.Kubectl(t, "--namespace", namespace, "get", "pods", "--output=name")
	name := strings.Fields(pods)[0]
	if logs := c.Kubectl(t, "--namespace", namespace, "logs", name); logs == "" {
		t.Errorf("%s has no log", name)
	}
	c.Scale(t, namespace, "web", 0)
	c.WaitEndpoints(t, namespace, "web", 0)
}

func TestLoadBalancerServes(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	c.Apply(t, namespace, echoes("web", 2))
	c.Apply(t, namespace, `
apiVersion: v1
kind: Service
metadata: {name: gate}
spec:
  type: LoadBalancer
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
`)
	c.WaitEndpoints(t, namespace, "gate", 2)
	address := c.WaitLoadBalancer(t, namespace, "gate")
	client := c.NewMember(t)
	kube.Wait(t, 10*time.Second, "an answer by the load balancer", func() error {
		answer, err := client.Get(t.Context(), address.String()+":80", "http://web.test/")
		if err == nil && answer.StatusCode != 200 {
			err = fmt.Errorf("status %d", answer.StatusCode)
		}
		return err
	})
}

// A watch that knows a resourceVersion goes on after a crash of the API server, unless the history went with it.
func TestHistory(t *testing.T) {
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	before := configMap(t, c, namespace, "before")
	restart(t, c)
	after := configMap(t, c, namespace, "after")
	if got := nextName(t, c, namespace, before.ResourceVersion); got != after.Name {
		t.Errorf("the watch begins with %s; want %s", got, after.Name)
	}
	c.KillAPIServer()
	if err := c.Compact(t.Context()); err != nil {
		t.Error(err)
	}
	start(t, c)
	_, err := c.Client.CoreV1().ConfigMaps(namespace).Watch(t.Context(), metav1.ListOptions{ResourceVersion: before.ResourceVersion})
	if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
		if got := nextName(t, c, namespace, before.ResourceVersion); !strings.HasPrefix(got, "410") {
			t.Errorf("a watch from before: %v, then %s; want 410", err, got)
		}
	}
}

func configMap(t *testing.T, c *kube.Cluster, namespace, name string) *v1.ConfigMap {
	t.Helper()
	object, err := c.Client.CoreV1().ConfigMaps(namespace).Create(t.Context(),
		&v1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return object
}

// nextName is what the first event of a watch is about; for an error, its code and message.
func nextName(t *testing.T, c *kube.Cluster, namespace, version string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	watch, err := c.Client.CoreV1().ConfigMaps(namespace).Watch(ctx, metav1.ListOptions{ResourceVersion: version})
	if err != nil {
		return err.Error()
	}
	defer watch.Stop()
	switch object := (<-watch.ResultChan()).Object.(type) {
	case *v1.ConfigMap:
		return object.Name
	case *metav1.Status:
		return fmt.Sprint(object.Code, " ", object.Message)
	}
	return "no event"
}

func restart(t *testing.T, c *kube.Cluster) {
	t.Helper()
	c.KillAPIServer()
	start(t, c)
}

func start(t *testing.T, c *kube.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), kube.StartLimit)
	defer cancel()
	if err := c.StartAPIServer(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestTokensAreRotatedAndRevoked(t *testing.T) {
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	who := func(token string) error {
		client, err := kubernetes.NewForConfig(&rest.Config{
			Host: c.REST.Host, TLSClientConfig: rest.TLSClientConfig{CAData: c.Authority.PEM}, BearerToken: token,
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.CoreV1().ConfigMaps(namespace).List(t.Context(), metav1.ListOptions{})
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*kube.StartLimit)
	defer cancel()
	old := c.Token(t, namespace, "someone")
	if err := who(old); !apierrors.IsForbidden(err) {
		t.Errorf("a valid token without a right: %v; want 403", err)
	}
	if err := c.RotateServiceAccountKey(ctx); err != nil {
		t.Fatal(err)
	}
	fresh := c.Token(t, namespace, "someone")
	if err := who(old); !apierrors.IsForbidden(err) {
		t.Errorf("a token of the old key, rotated: %v; want 403", err)
	}
	if err := c.RevokeOldTokens(ctx); err != nil {
		t.Fatal(err)
	}
	if err := who(old); !apierrors.IsUnauthorized(err) {
		t.Errorf("a token of the old key, revoked: %v; want 401", err)
	}
	if err := who(fresh); !apierrors.IsForbidden(err) {
		t.Errorf("a token of the new key: %v; want 403", err)
	}
	events, err := c.Audit(kube.ServiceAccountUser(namespace, "someone"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(events, func(e plane.AuditEvent) bool {
		return e.Verb == "list" && e.ObjectRef.Resource == "configmaps" && e.ResponseStatus.Code == 403
	}) {
		t.Errorf("the audit log has none of it: %+v", events)
	}
}

func TestExpiredCertificateIsServed(t *testing.T) {
	c := kube.Shared(t)
	if err := c.ServeExpired(); err != nil {
		t.Fatal(err)
	}
	kube.Wait(t, kube.StartLimit, "the expired certificate", func() error {
		_, err := c.Client.Discovery().ServerVersion()
		var invalid x509.CertificateInvalidError
		if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
			return nil
		}
		return fmt.Errorf("%v", err)
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*kube.StartLimit)
	defer cancel()
	if err := c.ServeRenewed(ctx); err != nil {
		t.Fatal(err)
	}
}

// What is cut does not answer, and does not refuse.
func TestWayToAPIServerIsCut(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	client, other := c.NewMember(t), c.NewMember(t)
	url := c.REST.Host + "/version"
	address := strings.TrimPrefix(c.REST.Host, "https://")
	get := func(m *kube.Member, limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		_, err := m.Get(ctx, address, url)
		return err
	}
	if err := c.NS.Cut(client.Address); err != nil {
		t.Fatal(err)
	}
	if err := get(client, 500*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cut: %v; want no answer", err)
	}
	if err := get(other, 10*time.Second); err != nil {
		t.Errorf("another client: %v", err)
	}
	if err := c.NS.Heal(client.Address); err != nil {
		t.Fatal(err)
	}
	if err := get(client, 10*time.Second); err != nil {
		t.Errorf("healed: %v", err)
	}
}

// echoes is a Deployment of `yett echo`, and its Service with port 80.
func echoes(name string, replicas int) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s}
spec:
  replicas: %[2]d
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      containers:
      - name: echo
        image: yett
        args: [echo, --address, 0.0.0.0, --port, "8080"]
        ports: [{containerPort: 8080}]
        readinessProbe:
          httpGet: {path: /, port: 8080}
          periodSeconds: 1
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec:
  selector: {app: %[1]s}
  ports: [{name: http, port: 80, targetPort: 8080}]
`, name, replicas)
}
