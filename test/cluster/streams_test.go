package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"

	"yett.dev/cluster/kube"
)

// What a gate with TCP and UDP Services needs beyond.
const streamRights = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: streams}
rules:
- {apiGroups: [""], resources: [configmaps], resourceNames: [tcp, udp], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: streams}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: streams}
subjects: [{kind: User, name: %s}]
`

func portMap(name string, lines ...string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {%s}\n", name, strings.Join(lines, ", "))
}

// Ports of ConfigMaps come, lead to ready Pods, and go, while a client talks; what is wrong with a line is told at
// the ConfigMap.
func TestTCPAndUDPServices(t *testing.T) {
	t.Parallel()
	w := newWrites(t, "default")
	w.Apply(t, w.namespace, fmt.Sprintf(streamRights, w.namespace)+"---\n"+strings.Replace(balanced, "  type: LoadBalancer\n", "", 1)+
		"---\n"+portMap("tcp")+"---\n"+portMap("udp"))
	w.WaitEndpoints(t, w.namespace, "raw", 2)
	g := w.start("--update-status=false", "--tcp-services-configmap", w.namespace+"/tcp", "--udp-services-configmap", w.namespace+"/udp")
	client := w.NewMember(t)
	at := func(port int) string { return fmt.Sprintf("%s:%d", g.Member.Address, port) }

	w.Apply(t, w.namespace, portMap("tcp", fmt.Sprintf("'700': '%s/raw:stream'", w.namespace))+"---\n"+
		portMap("udp", fmt.Sprintf("'53': '%s/raw:datagram'", w.namespace)))
	conn, reader, name, err := talk(t, client, at(700))
	kube.Wait(t, 15*time.Second, "the TCP port", func() error {
		conn, reader, name, err = talk(t, client, at(700))
		return err
	})
	udpAny(t, client, at(53))

	// Another port beside it, a line that is wrong, and one for a port that somebody has.
	squatter, err := w.StartProcess(g.Member.Namespace, w.namespace+"-squatter", w.Options.Gate, "echo", "--address", g.Member.Address.String(), "--port", "702")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { squatter.Stop(10 * time.Second) })
	kube.Wait(t, 10*time.Second, "the squatter", func() error {
		probe, err := client.DialContext(t.Context(), "tcp", at(702))
		if err == nil {
			probe.Close()
		}
		return err
	})
	w.Apply(t, w.namespace, portMap("tcp", fmt.Sprintf("'700': '%[1]s/raw:stream', '701': '%[1]s/raw:700', '702': '%[1]s/raw:700', '703': 'nothing'", w.namespace)))
	kube.Wait(t, 15*time.Second, "the second TCP port", func() error {
		_, _, _, err := talk(t, client, at(701))
		return err
	})
	for _, reason := range []string{"ListenerInvalid", "PortUnavailable"} {
		event := w.waitEvent(reason)
		if event.Type != v1.EventTypeWarning || event.InvolvedObject.Kind != "ConfigMap" || event.InvolvedObject.Name != "tcp" {
			t.Errorf("the Event is %+v", event)
		}
	}

	// Both gone: no new connection, the old one goes on.
	w.Apply(t, w.namespace, portMap("tcp"))
	kube.Wait(t, 15*time.Second, "the end of the ports", func() error {
		for _, port := range []int{700, 701} {
			if probe, err := client.DialContext(t.Context(), "tcp", at(port)); err == nil {
				probe.Close()
				return fmt.Errorf("port %d is open", port)
			}
		}
		return nil
	})
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintln(conn, "still here")
	if line, err := reader.ReadString('\n'); err != nil || line != "still here\n" {
		t.Errorf("on the connection to %s: %q, %v", name, line, err)
	}
}

func udpAny(t *testing.T, client *kube.Member, target string) {
	t.Helper()
	conn, err := client.DialContext(t.Context(), "udp", target)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	kube.Wait(t, 15*time.Second, "an answer by UDP", func() error {
		conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write([]byte("hello")); err != nil {
			return err
		}
		buffer := make([]byte, 100)
		n, err := conn.Read(buffer)
		if err == nil && !strings.HasSuffix(string(buffer[:n]), " hello") {
			err = fmt.Errorf("%q", buffer[:n])
		}
		return err
	})
}
