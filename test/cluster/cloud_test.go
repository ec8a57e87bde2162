package cluster

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"yett.dev/cluster/kube"
)

// Two Pods that a label makes endpoints of the Service, whose readiness is a file.
const balanced = `
apiVersion: v1
kind: Service
metadata: {name: raw}
spec:
  type: LoadBalancer
  selector: {app: raw}
  ports:
  - {name: stream, protocol: TCP, port: 700, targetPort: 7000}
  - {name: datagram, protocol: UDP, port: 700, targetPort: 7000}
---
apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: raw}}
spec:
  terminationGracePeriodSeconds: 5
  containers:
  - name: main
    image: programs
    args: [raw]
    readinessProbe: {exec: {command: [sh, -c, "test ! -e /tmp/unready"]}, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: two, labels: {app: raw}}
spec: {containers: [{name: main, image: programs, args: [raw]}]}
`

// talk connects and reads the name of the Pod at the other end.
func talk(t *testing.T, client *kube.Member, address string) (net.Conn, *bufio.Reader, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	conn, err := client.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, "", err
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	reader := bufio.NewReader(conn)
	name, err := reader.ReadString('\n')
	return conn, reader, strings.TrimSpace(name), err
}

func TestLoadBalancer(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	c.Apply(t, namespace, balanced)
	c.WaitEndpoints(t, namespace, "raw", 2)
	address := c.WaitLoadBalancer(t, namespace, "raw")
	target := address.String() + ":700"
	client := c.NewMember(t)
	open := map[string]net.Conn{}
	var ofOne *bufio.Reader
	kube.Wait(t, kube.CloudLimit, "connections to both Pods", func() error {
		conn, reader, name, err := talk(t, client, target)
		if err != nil {
			return err
		}
		if open[name] = conn; name == "one" {
			ofOne = reader
		}
		if len(open) < 2 {
			return fmt.Errorf("only %v", open)
		}
		return nil
	})

	// No new connection goes to a Pod that terminates, though it still serves; an open one is left alone.
	if err := c.Client.CoreV1().Pods(namespace).Delete(t.Context(), "one", metav1.DeleteOptions{GracePeriodSeconds: number(5)}); err != nil {
		t.Fatal(err)
	}
	c.WaitEndpoints(t, namespace, "raw", 1)
	only(t, client, target, "two")
	fmt.Fprintln(open["one"], "still here")
	if line, err := ofOne.ReadString('\n'); err == nil && line != "still here\n" {
		t.Errorf("on the open connection: %q", line)
	}

	udp(t, client, target, "two")

	if err := c.Client.CoreV1().Services(namespace).Delete(t.Context(), "raw", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	kube.Wait(t, kube.CloudLimit, "the end of the load balancer", func() error {
		conn, _, name, err := talk(t, client, target)
		if err == nil {
			conn.Close()
			return fmt.Errorf("%s answers", name)
		}
		return nil
	})
	if _, err := io.ReadAll(open["two"]); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the open connection of a load balancer that is gone: %v", err)
	}
}

// only waits until all new connections lead to one Pod, and sees that it stays so.
func only(t *testing.T, client *kube.Member, target, want string) {
	t.Helper()
	round := func() error {
		for range 6 {
			_, _, name, err := talk(t, client, target)
			if err != nil || name != want {
				return fmt.Errorf("%q answers, %v", name, err)
			}
		}
		return nil
	}
	kube.Wait(t, kube.CloudLimit, "connections to "+want+" only", round)
	if err := round(); err != nil {
		t.Error(err)
	}
}

func udp(t *testing.T, client *kube.Member, target, want string) {
	t.Helper()
	conn, err := client.DialContext(t.Context(), "udp", target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	kube.Wait(t, kube.CloudLimit, "an answer by UDP", func() error {
		conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write([]byte("hello")); err != nil {
			return err
		}
		buffer := make([]byte, 100)
		n, err := conn.Read(buffer)
		if got := string(buffer[:n]); err == nil && got != want+" hello" {
			err = fmt.Errorf("%q", got)
		}
		return err
	})
}

// A target that does not answer is passed over, and the client is none the wiser.
func TestLoadBalancerTriesTheNext(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	c.Apply(t, namespace, strings.Replace(balanced, "  selector: {app: raw}\n", "", 1))
	waitPod(t, c, namespace, "two", "is ready", isReady)
	c.Apply(t, namespace, fmt.Sprintf(`
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: raw-by-hand, labels: {kubernetes.io/service-name: raw}}
addressType: IPv4
ports: [{name: stream, protocol: TCP, port: 7000}]
endpoints:
- {addresses: [10.77.199.199]}
- {addresses: [%s]}
`, pod(t, c, namespace, "two").Status.PodIP))
	address := c.WaitLoadBalancer(t, namespace, "raw")
	only(t, c.NewMember(t), address.String()+":700", "two")
}

func TestLoadBalancerTellsTheClient(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	c.Apply(t, namespace, balanced)
	c.WaitEndpoints(t, namespace, "raw", 2)
	address := c.WaitLoadBalancer(t, namespace, "raw")
	client := c.NewMember(t)
	for _, version := range []string{"v1", "v2"} {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{"cloud.yett.dev/proxy-protocol":%q}}}`, version)
		if _, err := c.Client.CoreV1().Services(namespace).Patch(t.Context(), "raw", types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		kube.Wait(t, kube.CloudLimit, "a header of version "+version, func() error {
			conn, reader, _, err := talk(t, client, address.String()+":700")
			if err != nil {
				return err
			}
			from := strings.Replace(conn.LocalAddr().String(), ":", " ", 1)
			to := strings.Replace(conn.RemoteAddr().String(), ":", " ", 1)
			want := "PROXY TCP4 " + strings.Fields(from)[0] + " " + strings.Fields(to)[0] + " " + strings.Fields(from)[1] + " " + strings.Fields(to)[1] + "\r\n"
			if version == "v2" {
				want = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"
			}
			conn.SetDeadline(time.Now().Add(time.Second))
			got := make([]byte, len(want))
			if _, err := io.ReadFull(reader, got); err != nil || string(got) != want {
				return fmt.Errorf("%q, %v; want %q", got, err, want)
			}
			return nil
		})
	}
}

// A node that loses its power takes its Pods along; when it is back, they start again.
func TestNodeLosesItsPower(t *testing.T) {
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	node := c.Nodes()[0]
	c.Apply(t, namespace, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: survivor}
spec:
  nodeName: %s
  containers: [{name: main, image: programs, args: [raw]}]
`, node.Name))
	before := waitPod(t, c, namespace, "survivor", "is ready", isReady)
	node.Kill()
	client := c.NewMember(t)
	kube.Wait(t, 10*time.Second, "the end of the Pod's process", func() error {
		conn, _, name, err := talk(t, client, before.Status.PodIP+":7000")
		if err == nil {
			conn.Close()
			return fmt.Errorf("%s answers", name)
		}
		return nil
	})
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	kube.Wait(t, time.Minute, "the Pod after the node's return", func() error {
		after := pod(t, c, namespace, "survivor")
		status := after.Status.ContainerStatuses[0]
		if !isReady(after) || status.RestartCount != 1 || status.LastTerminationState.Terminated == nil {
			return fmt.Errorf("%+v", after.Status)
		}
		conn, _, _, err := talk(t, client, after.Status.PodIP+":7000")
		if err == nil {
			conn.Close()
		}
		return err
	})
}
