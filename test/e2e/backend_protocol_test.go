package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// startHTTPBackend serves over TLS where `config` is given. Every answer says how it was reached.
func startHTTPBackend(t *testing.T, config *tls.Config, protocols *http.Protocols) *gate.Backend {
	t.Helper()
	backend := gate.NewBackendOf(t, "site", config, protocols)
	backend.Handle(reached)
	return backend
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
	return &tls.Config{Certificates: []tls.Certificate{certificate.Pair(t)}}
}

// spoken are the annotations of an Ingress whose backends speak this.
func spoken(protocol string) map[string]string {
	return map[string]string{"nginx.ingress.kubernetes.io/backend-protocol": protocol}
}

func expectReached(t *testing.T, g *gate.Gate, path string, status int, text string) {
	t.Helper()
	if answer := g.Get(t, siteHost, path); answer.StatusCode != status || text != "" && answer.Body != text {
		t.Fatalf("%s: %d %q instead of %d %q", path, answer.StatusCode, answer.Body, status, text)
	}
}

// echo sends this text to the backend, which is to send it back.
func echo(client *http.Client, text string) error {
	answer, err := client.Post(siteURL(false, "/echo"), "text/plain", strings.NewReader(text))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != 200 || string(body) != text {
		return fmt.Errorf("an echo: status %d, %d bytes of %d, %v", answer.StatusCode, len(body), len(text), err)
	}
	return nil
}

// Without proxy-ssl-secret any certificate will do, no name is sent, and HTTP/1.1 is spoken; sessions are resumed.
func TestBackendHTTPS(t *testing.T) {
	backend := startHTTPBackend(t, certificateConfig(t, gate.NewCertificate(t, "whoever")), protocolsOf(true, true, false))
	g := startSite(t, siteOptions{annotations: spoken("HTTPS")}, backend.Addr)
	expectReached(t, g, "/", 200, "HTTP/1.1 sni= resumed=false")
	expectReached(t, g, "/close", 200, "HTTP/1.1 sni= resumed=false")
	expectReached(t, g, "/", 200, "HTTP/1.1 sni= resumed=true")
	if n := backend.Connections.Load(); n != 2 {
		t.Errorf("%d connections instead of 2", n)
	}
	if err := echo(g.Client(20*time.Second*gate.Scale()), strings.Repeat("0123456789abcdef", 40000)); err != nil {
		t.Error(err)
	}
}

// The backend's certificate is verified, and ours is shown, as the Secret and the annotations say.
func TestBackendVerifiedWithClientCertificate(t *testing.T) {
	t.Parallel() // it waits most of its time
	ours, theirs := gate.NewCertificate(t, "the-gate"), gate.NewCertificate(t, "backend.test")
	config := certificateConfig(t, theirs)
	config.ClientAuth = tls.RequireAndVerifyClientCert
	config.ClientCAs = ours.Pool()
	backend := startHTTPBackend(t, config, protocolsOf(true, false, false))
	secret := trusting("to-backend", &ours, theirs.CertPEM)
	options := siteOptions{annotations: verifying("to-backend", "backend.test"), secrets: []gate.Object{secret}}
	g := startSite(t, options, backend.Addr)
	expectReached(t, g, "/", 200, "HTTP/1.1 sni=backend.test resumed=false client=the-gate")

	options.annotations = verifying("to-backend", "another.test")
	g = startSite(t, options, backend.Addr)
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
			g := startSite(t, siteOptions{annotations: spoken(name)}, backend.Addr)
			expectReached(t, g, "/", 200, c.expected)
			client := g.Client(20 * time.Second * gate.Scale())
			each(t, 50, func(int) error { return echo(client, strings.Repeat("0123456789abcdef", 50000)) })
			if n := backend.Connections.Load(); n > 2 {
				t.Errorf("%d connections for 51 requests", n)
			}
		})
	}
}

// A backend that speaks another protocol than the route says gets no request, and the client a 502.
func TestBackendOfAnotherProtocol(t *testing.T) {
	t.Parallel() // it waits most of its time
	plain := startHTTPBackend(t, nil, protocolsOf(true, false, false))
	var requests atomic.Int64
	plain.Handle(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "PRI" { // Go's server takes the preface of HTTP/2 for a request
			requests.Add(1)
		}
		reached(w, r)
	})
	for _, protocol := range []string{"HTTPS", "GRPCS", "GRPC"} {
		g := startSite(t, siteOptions{annotations: spoken(protocol)}, plain.Addr)
		expectReached(t, g, "/", 502, "")
		if n := requests.Load(); n != 0 {
			t.Errorf("%s: %d requests reached the backend", protocol, n)
		}
	}
	g := startSite(t, siteOptions{annotations: spoken("HTTP")}, plain.Addr)
	expectReached(t, g, "/", 200, "HTTP/1.1")
	if n := requests.Load(); n != 1 {
		t.Errorf("HTTP: %d requests reached the backend", n)
	}
}
