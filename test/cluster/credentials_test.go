package cluster

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"yett.dev/cluster/kube"
	"yett.dev/cluster/plane"
)

// someone is a user of the API server with the rights of a gate, and a directory for what belongs to it.
type someone struct {
	c    *kube.Cluster
	name string
	dir  string
}

// newSomeone gives the rights to a user of this name, whoever that is.
func newSomeone(t *testing.T, c *kube.Cluster, name string) *someone {
	t.Helper()
	rights := fmt.Sprintf(someonesRights, strings.ReplaceAll(name, ":", "."), name)
	c.Apply(t, "", rights)
	t.Cleanup(func() { c.DeleteYAML(context.Background(), "", []byte(rights)) })
	return &someone{c, name, t.TempDir()}
}

const someonesRights = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "%[1]s"}
rules:
- {apiGroups: [networking.k8s.io], resources: [ingresses, ingressclasses], verbs: [get, list, watch]}
- {apiGroups: [networking.k8s.io], resources: [ingresses/status], verbs: [update, patch]}
- {apiGroups: [""], resources: [services, namespaces, nodes], verbs: [get, list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}
- {apiGroups: ["", events.k8s.io], resources: [events], verbs: [create, patch]}
- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, list, watch, create, update, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "%[1]s"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "%[1]s"}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: "%[2]s"}
`

// file writes a file of the user's own, whole, and returns its path.
func (s *someone) file(t *testing.T, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path+".new", []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// certificate issues one for the user, as PEM.
func (s *someone) certificate(t *testing.T) (certificate, key string) {
	t.Helper()
	c, k, err := s.c.Authority.Issue(plane.Wish{User: s.name})
	if err != nil {
		t.Fatal(err)
	}
	return string(c), string(k)
}

// kubeconfig writes one that `change` completes.
func (s *someone) kubeconfig(t *testing.T, change func(*api.Cluster, *api.AuthInfo)) string {
	t.Helper()
	cluster := &api.Cluster{Server: "https://" + plane.Address.String(), CertificateAuthorityData: s.c.Authority.PEM}
	user := &api.AuthInfo{}
	change(cluster, user)
	config := api.NewConfig()
	config.Clusters["yett"] = cluster
	config.AuthInfos["someone"] = user
	config.Contexts["yett"] = &api.Context{Cluster: "yett", AuthInfo: "someone"}
	config.CurrentContext = "yett"
	content, err := clientcmd.Write(*config)
	if err != nil {
		t.Fatal(err)
	}
	return s.file(t, "kubeconfig", string(content), 0o600)
}

// gate starts one that serves Ingresses of a class that is not there.
func (s *someone) gate(t *testing.T, kubeconfig string) *kube.Gate {
	t.Helper()
	class := strings.ReplaceAll(s.name, ":", ".")
	return s.c.StartGate(t, kubeconfig, "--ingress-class", class, "--controller-class", "yett.dev/"+class)
}

// wantKnown fails unless the API server knows the gate's requests as this user's.
func (s *someone) wantKnown(t *testing.T) {
	t.Helper()
	events, err := s.c.Audit(s.name)
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range events {
		if strings.HasPrefix(event.UserAgent, "yett/") && event.ObjectRef != nil && event.ObjectRef.Resource == "ingresses" {
			return
		}
	}
	t.Errorf("the audit log has no request for Ingresses by yett as %s", s.name)
}

// metric reads a number of /metrics that has no labels.
func metric(t *testing.T, g *kube.Gate, name string) float64 {
	t.Helper()
	answer, err := g.Member.Get(t.Context(), g.Admin, "http://"+g.Admin+"/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(answer.Body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatal(err)
			}
			return number
		}
	}
	t.Fatalf("/metrics has no %s", name)
	return 0
}

// Every way in which a kubeconfig may say who one is.
func TestCredentials(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	token := c.Token(t, namespace, "someone")
	account := kube.ServiceAccountUser(namespace, "someone")

	ways := []struct {
		name, user string
		change     func(t *testing.T, s *someone, user *api.AuthInfo)
	}{
		{"token", account, func(t *testing.T, s *someone, user *api.AuthInfo) { user.Token = token }},
		{"token-file", account, func(t *testing.T, s *someone, user *api.AuthInfo) {
			user.TokenFile = s.file(t, "token", token+"\n", 0o600)
		}},
		{"certificate", namespace + "-certificate", func(t *testing.T, s *someone, user *api.AuthInfo) {
			certificate, key := s.certificate(t)
			user.ClientCertificateData, user.ClientKeyData = []byte(certificate), []byte(key)
		}},
		{"certificate-files", namespace + "-certificate-files", func(t *testing.T, s *someone, user *api.AuthInfo) {
			certificate, key := s.certificate(t)
			user.ClientCertificate = s.file(t, "crt", certificate, 0o600)
			user.ClientKey = s.file(t, "key", key, 0o600)
		}},
		{"exec-token", account, func(t *testing.T, s *someone, user *api.AuthInfo) {
			user.Exec = plugin(t, s, "client.authentication.k8s.io/v1", fmt.Sprintf(`"token":%q`, token))
		}},
		{"exec-certificate", namespace + "-exec-certificate", func(t *testing.T, s *someone, user *api.AuthInfo) {
			certificate, key := s.certificate(t)
			user.Exec = plugin(t, s, "client.authentication.k8s.io/v1beta1",
				fmt.Sprintf(`"clientCertificateData":%q,"clientKeyData":%q`, certificate, key))
		}},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			s := newSomeone(t, c, way.user)
			gate := s.gate(t, s.kubeconfig(t, func(_ *api.Cluster, user *api.AuthInfo) { way.change(t, s, user) }))
			gate.WaitReady(t)
			s.wantKnown(t)
		})
	}
}

// plugin writes one that answers with what is in the file "says", and counts its runs in the file "runs".
func plugin(t *testing.T, s *someone, version, says string) *api.ExecConfig {
	t.Helper()
	s.file(t, "says", says, 0o600)
	path := s.file(t, "plugin", fmt.Sprintf(`#!/bin/sh
cd "$(dirname "$0")" && echo run >>runs
printf '{"apiVersion":"%s","kind":"ExecCredential","status":{%%s}}' "$(cat says)"
`, version), 0o700)
	return &api.ExecConfig{Command: path, APIVersion: version, InteractiveMode: api.NeverExecInteractiveMode}
}

func (s *someone) runs(t *testing.T) int {
	t.Helper()
	runs, err := os.ReadFile(filepath.Join(s.dir, "runs"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(runs), "run")
}

// A token that the server refuses from now on is asked for again, and nobody starts yett anew.
func TestExecPluginRunsAgainWhenRefused(t *testing.T) {
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	s := newSomeone(t, c, kube.ServiceAccountUser(namespace, "someone"))
	says := func() string { return fmt.Sprintf(`"token":%q`, c.Token(t, namespace, "someone")) }
	gate := s.gate(t, s.kubeconfig(t, func(_ *api.Cluster, user *api.AuthInfo) {
		user.Exec = plugin(t, s, "client.authentication.k8s.io/v1", says())
	}))
	gate.WaitReady(t)
	if runs := s.runs(t); runs != 1 {
		t.Errorf("the plugin ran %d times; want 1", runs)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*kube.StartLimit)
	defer cancel()
	if err := c.RotateServiceAccountKey(ctx); err != nil {
		t.Fatal(err)
	}
	s.file(t, "says", says(), 0o600)
	if err := c.RevokeOldTokens(ctx); err != nil {
		t.Fatal(err)
	}
	kube.Wait(t, time.Minute, "watches with the new token", func() error {
		if metric(t, gate, "yett_api_in_step") != 1 || s.runs(t) < 2 {
			return fmt.Errorf("in step: %v, runs: %d", metric(t, gate, "yett_api_in_step"), s.runs(t))
		}
		return nil
	})
}

// Files with a certificate and its key are followed: by connections that are new.
func TestCertificateFilesAreFollowed(t *testing.T) {
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	s := newSomeone(t, c, namespace+"-first")
	other := newSomeone(t, c, namespace+"-second")
	certificate, key := s.certificate(t)
	gate := s.gate(t, s.kubeconfig(t, func(_ *api.Cluster, user *api.AuthInfo) {
		user.ClientCertificate = s.file(t, "crt", certificate, 0o600)
		user.ClientKey = s.file(t, "key", key, 0o600)
	}))
	gate.WaitReady(t)
	s.wantKnown(t)
	certificate, key = other.certificate(t)
	s.file(t, "key", key, 0o600)
	s.file(t, "crt", certificate, 0o600)
	restart(t, c)
	kube.Wait(t, time.Minute, "watches that stand again", func() error {
		if metric(t, gate, "yett_api_in_step") != 1 {
			return fmt.Errorf("they do not")
		}
		return nil
	})
	other.wantKnown(t)
}

// connectProxy is a proxy that knows CONNECT and nothing else; it counts what it was asked for.
func connectProxy(t *testing.T, listener net.Listener, dial func(context.Context, string, string) (net.Conn, error)) *atomic.Int64 {
	var asked atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				reader := bufio.NewReader(conn)
				request, err := http.ReadRequest(reader)
				if err != nil || request.Method != http.MethodConnect || request.Header.Get("Authorization") != "" {
					io.WriteString(conn, "HTTP/1.1 405 Method Not Allowed\r\n\r\n")
					return
				}
				asked.Add(1)
				up, err := dial(context.Background(), "tcp", request.Host)
				if err != nil {
					io.WriteString(conn, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
					return
				}
				defer up.Close()
				io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
				go func() {
					io.Copy(up, reader)
					up.Close()
				}()
				io.Copy(conn, up)
			}()
		}
	}()
	t.Cleanup(func() { listener.Close() })
	return &asked
}

func TestProxyURL(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	s := newSomeone(t, c, c.Namespace(t))
	member := c.NewMember(t)
	listener, err := member.Listen("tcp", member.Address.String()+":3128")
	if err != nil {
		t.Fatal(err)
	}
	asked := connectProxy(t, listener, member.DialContext)
	gate := s.gate(t, s.kubeconfig(t, func(cluster *api.Cluster, user *api.AuthInfo) {
		certificate, key := s.certificate(t)
		user.ClientCertificateData, user.ClientKeyData = []byte(certificate), []byte(key)
		cluster.ProxyURL = "http://" + listener.Addr().String()
	}))
	gate.WaitReady(t)
	s.wantKnown(t)
	if n := asked.Load(); n == 0 || n != int64(metric(t, gate, "yett_api_connections_total")) {
		t.Errorf("the proxy was asked for %d connections of %v", n, metric(t, gate, "yett_api_connections_total"))
	}
}

// The name that a certificate has to show need not be the one that leads to the server.
func TestTLSServerName(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	s := newSomeone(t, c, c.Namespace(t))
	certificate, key := s.certificate(t)
	start := func(name string) *kube.Gate {
		return s.gate(t, s.kubeconfig(t, func(cluster *api.Cluster, user *api.AuthInfo) {
			user.ClientCertificateData, user.ClientKeyData = []byte(certificate), []byte(key)
			cluster.TLSServerName = name
		}))
	}
	start("kubernetes.default.svc").WaitReady(t)
	s.wantKnown(t)

	gate := start("elsewhere.test")
	kube.Wait(t, 30*time.Second, "a word about the wrong name", func() error {
		if log := gate.Tail(100); !strings.Contains(log, "api_unreachable") || !strings.Contains(log, "elsewhere.test") {
			return fmt.Errorf("the log says\n%s", log)
		}
		return nil
	})
	if status, err := gate.Ready(t.Context()); err != nil || status == http.StatusOK {
		t.Errorf("it is ready (%d, %v), and has not read anything", status, err)
	}
}

// All watches share a connection, since the API server speaks HTTP/2.
func TestWatchesShareAConnection(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	s := newSomeone(t, c, c.Namespace(t))
	gate := s.gate(t, s.kubeconfig(t, func(_ *api.Cluster, user *api.AuthInfo) {
		certificate, key := s.certificate(t)
		user.ClientCertificateData, user.ClientKeyData = []byte(certificate), []byte(key)
	}))
	gate.WaitReady(t)
	if calls := metric(t, gate, "yett_api_calls_in_flight"); calls < 4 {
		t.Errorf("%v watches; want at least 4", calls)
	}
	if n := metric(t, gate, "yett_api_connections_total"); n != 1 {
		t.Errorf("%v connections; want 1", n)
	}
}
