package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// annotationPrefix is that of ingress-nginx's annotations.
const annotationPrefix = "nginx.ingress.kubernetes.io/"

// httpBackend is Go's server on a port of its own, with what it saw of connections.
type httpBackend struct {
	Addr string

	mu          sync.Mutex
	connections int
}

// startHTTPBackend serves over TLS where `config` is given. Every answer says how it was reached.
func startHTTPBackend(t *testing.T, config *tls.Config, protocols *http.Protocols) *httpBackend {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &httpBackend{Addr: listener.Addr().String()}
	server := &http.Server{
		Handler:   http.HandlerFunc(reached),
		TLSConfig: config,
		Protocols: protocols,
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				b.mu.Lock()
				b.connections++
				b.mu.Unlock()
			}
		},
	}
	t.Cleanup(func() { server.Close() })
	if config != nil {
		go server.ServeTLS(listener, "", "")
	} else {
		go server.Serve(listener)
	}
	return b
}

func (b *httpBackend) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.connections
}

// reached tells the protocol, and what TLS agreed on.
func reached(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/close" {
		w.Header().Set("Connection", "close")
	}
	if r.URL.Path == "/echo" {
		io.Copy(w, r.Body)
		return
	}
	fmt.Fprint(w, r.Proto)
	if r.TLS != nil {
		fmt.Fprintf(w, " sni=%s resumed=%t", r.TLS.ServerName, r.TLS.DidResume)
		for _, peer := range r.TLS.PeerCertificates {
			fmt.Fprintf(w, " client=%s", peer.Subject.CommonName)
		}
	}
}

func protocolsOf(http1, http2, h2c bool) *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(http1)
	p.SetHTTP2(http2)
	p.SetUnencryptedHTTP2(h2c)
	return p
}

func certificateConfig(t *testing.T, certificate gate.Certificate) *tls.Config {
	t.Helper()
	pair, err := tls.X509KeyPair(certificate.CertPEM, certificate.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

// startProtocolSite is a gate for a.test with these annotations, and with Secrets beside the Ingress.
func startProtocolSite(t *testing.T, address string, annotations map[string]string, secrets ...gate.Object) *gate.Gate {
	t.Helper()
	dir := gate.NewDir(t)
	ingress := gate.Ingress{
		Name: "site", Annotations: annotations,
		Rules: []gate.Rule{{Host: siteHost, Paths: []gate.Path{{Path: "/", Service: "site"}}}},
	}
	dir.Write("site.yaml", gate.Join(gate.Backends("site", address), ingress.Object(), secrets)...)
	return gate.Start(t, gate.Options{Dir: dir, Workers: 1})
}

// ask sends a request for a.test and returns status and body.
func ask(t *testing.T, g *gate.Gate, method, path, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequest(method, g.URL(path), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = siteHost
	client := http.Client{Timeout: 20 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func expectReached(t *testing.T, g *gate.Gate, path string, status int, text string) {
	t.Helper()
	if got, body := ask(t, g, "GET", path, ""); got != status || text != "" && body != text {
		t.Fatalf("%s: %d %q instead of %d %q", path, got, body, status, text)
	}
}

// Without proxy-ssl-secret any certificate will do, no name is sent, and HTTP/1.1 is spoken; sessions are resumed.
func TestBackendHTTPS(t *testing.T) {
	backend := startHTTPBackend(t, certificateConfig(t, gate.NewCertificate(t, "whoever")), protocolsOf(true, true, false))
	g := startProtocolSite(t, backend.Addr, map[string]string{annotationPrefix + "backend-protocol": "HTTPS"})
	expectReached(t, g, "/", 200, "HTTP/1.1 sni= resumed=false")
	expectReached(t, g, "/close", 200, "HTTP/1.1 sni= resumed=false")
	expectReached(t, g, "/", 200, "HTTP/1.1 sni= resumed=true")
	if n := backend.count(); n != 2 {
		t.Errorf("%d connections instead of 2", n)
	}
	large := strings.Repeat("0123456789abcdef", 40000)
	if status, body := ask(t, g, "POST", "/echo", large); status != 200 || body != large {
		t.Errorf("an echo over TLS: %d, %d bytes", status, len(body))
	}
}

// The backend's certificate is verified, and ours is shown, as the Secret and the annotations say.
func TestBackendVerifiedWithClientCertificate(t *testing.T) {
	ours, theirs := gate.NewCertificate(t, "the-gate"), gate.NewCertificate(t, "backend.test")
	config := certificateConfig(t, theirs)
	config.ClientAuth = tls.RequireAndVerifyClientCert
	config.ClientCAs = ours.Pool()
	backend := startHTTPBackend(t, config, protocolsOf(true, false, false))
	secret := ours.Secret("to-backend")
	secret["stringData"].(map[string]any)["ca.crt"] = string(theirs.CertPEM)
	annotations := map[string]string{
		annotationPrefix + "backend-protocol":      "HTTPS",
		annotationPrefix + "proxy-ssl-secret":      "default/to-backend",
		annotationPrefix + "proxy-ssl-verify":      "on",
		annotationPrefix + "proxy-ssl-name":        "backend.test",
		annotationPrefix + "proxy-ssl-server-name": "on",
		annotationPrefix + "proxy-ssl-protocols":   "TLSv1.2 TLSv1.3",
	}
	g := startProtocolSite(t, backend.Addr, annotations, secret)
	expectReached(t, g, "/", 200, "HTTP/1.1 sni=backend.test resumed=false client=the-gate")

	annotations[annotationPrefix+"proxy-ssl-name"] = "another.test"
	g = startProtocolSite(t, backend.Addr, annotations, secret)
	expectReached(t, g, "/", 502, "")
	g.Log.WaitLine(t, 0, "upstream_tls_failed", 5*time.Second)
}

// GRPC is HTTP/2 in the clear, GRPCS by ALPN: many requests at a time share few connections.
func TestBackendHTTP2(t *testing.T) {
	for name, c := range map[string]struct {
		config    *tls.Config
		protocols *http.Protocols
		expected  string
	}{
		"GRPC":  {nil, protocolsOf(false, false, true), "HTTP/2.0"},
		"GRPCS": {certificateConfig(t, gate.NewCertificate(t, "whoever")), protocolsOf(true, true, false), "HTTP/2.0 sni= resumed=false"},
	} {
		t.Run(name, func(t *testing.T) {
			backend := startHTTPBackend(t, c.config, c.protocols)
			g := startProtocolSite(t, backend.Addr, map[string]string{annotationPrefix + "backend-protocol": name})
			expectReached(t, g, "/", 200, c.expected)
			large := strings.Repeat("0123456789abcdef", 50000)
			var all sync.WaitGroup
			for range 50 {
				all.Add(1)
				go func() {
					defer all.Done()
					request, _ := http.NewRequest("POST", g.URL("/echo"), strings.NewReader(large))
					request.Host = siteHost
					answer, err := http.DefaultClient.Do(request)
					if err != nil {
						t.Error(err)
						return
					}
					defer answer.Body.Close()
					if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != 200 || string(body) != large {
						t.Errorf("an echo: %d, %d bytes, %v", answer.StatusCode, len(body), err)
					}
				}()
			}
			all.Wait()
			if n := backend.count(); n > 2 {
				t.Errorf("%d connections for 51 requests", n)
			}
		})
	}
}

// A backend that speaks another protocol than the route says gets no request, and the client a 502.
func TestBackendOfAnotherProtocol(t *testing.T) {
	plain := startHTTPBackend(t, nil, protocolsOf(true, false, false))
	for _, protocol := range []string{"HTTPS", "GRPCS", "GRPC"} {
		g := startProtocolSite(t, plain.Addr, map[string]string{annotationPrefix + "backend-protocol": protocol})
		expectReached(t, g, "/", 502, "")
	}
}
