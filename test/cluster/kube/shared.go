package kube

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"yett.dev/cluster/sandbox"
)

// shared is the cluster of all tests of a package.
var shared struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

// Main is the TestMain of tests that use Shared.
func Main(m *testing.M) {
	sandbox.Main(func() int {
		noticeLostConnections()
		defer func() {
			if shared.cluster != nil {
				shared.cluster.Stop()
				keepLogs(shared.cluster)
			}
		}()
		return m.Run()
	})
}

// noticeLostConnections has clients of the API server, those in other processes included, give up after 10 seconds a
// connection that says nothing, where the default is 45.
func noticeLostConnections() {
	os.Setenv("HTTP2_READ_IDLE_TIMEOUT_SECONDS", "5")
	os.Setenv("HTTP2_PING_TIMEOUT_SECONDS", "5")
}

// keepLogs copies the logs, which otherwise end with the sandbox, to the directory that YETT_CLUSTER_LOGS names.
func keepLogs(c *Cluster) {
	dir := os.Getenv("YETT_CLUSTER_LOGS")
	if dir == "" {
		return
	}
	if err := os.CopyFS(dir, os.DirFS(c.Logs())); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// CloudLimit is how long the cloud may take to follow a change: at once, on a machine of one's own.
const CloudLimit = 30 * time.Second

// StartLimit is how long a start of the cluster may take; on a machine of one's own it takes a third of it.
const StartLimit = 60 * time.Second

// Shared returns the cluster; it starts with the first test that asks.
func Shared(t testing.TB) *Cluster {
	t.Helper()
	shared.once.Do(func() {
		var options Options
		if options, shared.err = DefaultOptions(); shared.err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), StartLimit)
		defer cancel()
		start := time.Now()
		shared.cluster, shared.err = Start(ctx, options)
		fmt.Fprintf(os.Stderr, "cluster: started in %.1f s\n", time.Since(start).Seconds())
	})
	if shared.err != nil {
		t.Fatalf("no cluster: %v", shared.err)
	}
	t.Cleanup(func() {
		if err := shared.cluster.Check(); err != nil {
			t.Error(err)
		}
	})
	return shared.cluster
}

var namespaces atomic.Int32

// Namespace makes a Kubernetes namespace for the test, with the ServiceAccount "default" in place, and deletes it at
// the test's end.
func (c *Cluster) Namespace(t testing.TB) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	name = fmt.Sprintf("%s-%d", name[:min(len(name), 50)], namespaces.Add(1))
	ctx := t.Context()
	// Tests take the API server away: the connection to it may be lost, which is told once.
	Wait(t, 30*time.Second, "the namespace "+name, func() error {
		_, err := c.Client.CoreV1().Namespaces().Create(ctx, &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		if errors.IsAlreadyExists(err) {
			return nil
		}
		return err
	})
	t.Cleanup(func() { c.Client.CoreV1().Namespaces().Delete(context.Background(), name, metav1.DeleteOptions{}) })
	Wait(t, 2*time.Minute, "the default ServiceAccount of "+name, func() error {
		_, err := c.Client.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	return name
}

// Apply applies the objects of a text, and fails the test if one is refused.
func (c *Cluster) Apply(t testing.TB, namespace, text string) {
	t.Helper()
	if err := c.ApplyYAML(t.Context(), namespace, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// Delete deletes what Apply applied.
func (c *Cluster) Delete(t testing.TB, namespace, text string) {
	t.Helper()
	if err := c.DeleteYAML(t.Context(), namespace, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// Wait calls `check` until it returns nil; after `limit` it fails the test with the last error.
func Wait(t testing.TB, limit time.Duration, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s: %v", limit, what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
