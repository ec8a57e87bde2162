package e2e

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// interopCases are all of the official client's but those for which it asks Google's own accounts (compute_engine_creds,
// service_account_creds, jwt_token_creds, per_rpc_creds, oauth2_auth_token, google_default_credentials,
// compute_engine_channel_credentials), and pick_first_unary, for which the official server does not say its name.
var interopCases = []string{"empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "empty_stream",
	"timeout_on_sleeping_server", "cancel_after_begin", "cancel_after_first_response", "status_code_and_message",
	"special_status_message", "custom_metadata", "unimplemented_method", "unimplemented_service",
	"rpc_soak", "channel_soak", "orca_per_rpc", "orca_oob"}

// interopTool is one of grpc-go's own programs, which go.mod has as tools: Go builds it once, which may take minutes on
// a busy machine, and keeps it in its cache.
func interopTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.CommandContext(t.Context(), "go", "tool", "-n", "google.golang.org/grpc/interop/"+name).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return strings.TrimSpace(string(path))
}

// interopServer runs the official server on a port that was free a moment ago.
func interopServer(t *testing.T, server string, certificate *gate.Certificate) string {
	t.Helper()
	port := freePort(t)
	address := gate.Addr(port)
	args := []string{fmt.Sprint("-port=", port)}
	if certificate != nil {
		args = append(args, "-use_tls", "-tls_cert_file="+gate.WriteFile(t, "cert.pem", certificate.CertPEM),
			"-tls_key_file="+gate.WriteFile(t, "key.pem", certificate.KeyPEM))
	}
	cmd := exec.Command(server, args...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := gate.StartProcess(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	gate.WaitFor(t, 20*time.Second, "the interop server", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return address
}

// The official client and server of grpc-go with the gate between them.
func TestGRPCInterop(t *testing.T) {
	t.Parallel() // it waits most of its time
	client, server := interopTool(t, "client"), interopTool(t, "server")
	for _, side := range grpcSides {
		t.Run(side.what, func(t *testing.T) {
			t.Parallel()
			var certificate *gate.Certificate
			if side.backendTLS {
				made := gate.NewCertificate(t, "backend.test")
				certificate = &made
			}
			s := grpcSite(t, side, map[string]string{"proxy-body-size": "0"}, nil, interopServer(t, server, certificate))
			// Without TLS the client's :authority is the address: any host will do.
			s.Change(t, func() {
				s.Dir.Write("any.yaml", gate.Ingress{Name: "any",
					Annotations: map[string]string{"nginx.ingress.kubernetes.io/backend-protocol": side.protocol()},
					Rules:       []gate.Rule{{Paths: []gate.Path{{Path: "/", Service: "site"}}}}}.Object())
			})
			address := s.HTTP
			args := []string{}
			if side.clientTLS {
				address = s.HTTPS
				args = append(args, "-use_tls", "-use_test_ca", "-ca_file="+s.caFile, "-server_host_override="+siteHost)
			}
			host, port, _ := net.SplitHostPort(address)
			for _, name := range interopCases {
				begin := time.Now()
				one := append([]string{"-server_host=" + host, "-server_port=" + port, "-test_case=" + name}, args...)
				if strings.HasPrefix(name, "orca_") { // as grpc-go's own interop_test.sh calls them
					one = append(one, `-service_config_json={"loadBalancingConfig":[{"test_backend_metrics_load_balancer":{}}]}`)
				}
				gate.Tool(t, client, one...)
				t.Logf("%-27s passed in %v", name, time.Since(begin).Round(time.Millisecond))
			}
		})
	}
}
