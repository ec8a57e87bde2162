package e2e

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// tlsLineServer ends TLS itself and serves as a lineServer does.
func tlsLineServer(t *testing.T, name string, certificate gate.Certificate) *lineServer {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", certificateConfig(t, certificate))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s := &lineServer{name: name, addr: listener.Addr().String(), listener: listener}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, false)
		}
	}()
	return s
}

const passedHost = "passed.test"

// passthroughObjects are a host that passes through, and one that is terminated.
func passthroughObjects(t *testing.T, passed string) []gate.Object {
	web := gate.NewBackend(t, "web")
	return gate.Join(gate.Backends("passed", passed), gate.Backends("web", web.Addr), gate.NewCertificate(t, siteHost).Secret("tls"),
		gate.Ingress{Name: "passed", Annotations: map[string]string{"nginx.ingress.kubernetes.io/ssl-passthrough": "true"},
			Rules: []gate.Rule{{Host: passedHost, Paths: []gate.Path{{Path: "/", Service: "passed"}}}}}.Object(),
		gate.Ingress{Name: "web", Rules: []gate.Rule{{Host: siteHost, Paths: []gate.Path{{Path: "/", Service: "web"}}}},
			TLS: []gate.TLS{{Hosts: []string{siteHost}, Secret: "tls"}}}.Object())
}

func startPassthrough(t *testing.T, args ...string) (*gate.Gate, *lineServer) {
	t.Helper()
	server := tlsLineServer(t, "passed", gate.NewCertificate(t, "of-the-backend.test"))
	dir := gate.NewDir(t)
	dir.Write("objects.yaml", passthroughObjects(t, server.addr)...)
	return gate.Start(t, gate.Options{Dir: dir, Args: append([]string{"--enable-ssl-passthrough"}, args...)}), server
}

// choppedConn sends what is written in pieces of so many bytes, each a segment of its own.
type choppedConn struct {
	net.Conn
	step int
}

func (c *choppedConn) Write(p []byte) (int, error) {
	for at := 0; at < len(p); at += c.step {
		if _, err := c.Conn.Write(p[at:min(at+c.step, len(p))]); err != nil {
			return at, err
		}
		if at < 50*c.step { // the first ones surely arrive alone
			time.Sleep(time.Millisecond)
		}
	}
	return len(p), nil
}

// whoAnswers shakes hands in pieces of `step` bytes and returns the common name of the certificate, and a line
// where it is the lineServer's.
func whoAnswers(t *testing.T, g *gate.Gate, serverName string, step int, before string) (string, string) {
	t.Helper()
	raw, err := net.Dial("tcp", g.HTTPS)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(30 * time.Second * gate.Scale()))
	io.WriteString(raw, before)
	conn := tls.Client(&choppedConn{raw, step}, &tls.Config{ServerName: serverName, InsecureSkipVerify: true})
	if err := conn.Handshake(); err != nil {
		t.Fatalf("%s in pieces of %d: %v", serverName, step, err)
	}
	name := conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	if name != "of-the-backend.test" {
		return name, ""
	}
	fmt.Fprintf(conn, "hello\n")
	conn.CloseWrite()
	text, err := io.ReadAll(conn)
	if err != nil {
		t.Errorf("%s in pieces of %d: %v", serverName, step, err)
	}
	return name, string(text)
}

func TestPassthrough(t *testing.T) {
	g, _ := startPassthrough(t)
	const lines = "passed\npassed hello\nbye\n"
	const generated = "Kubernetes Ingress Controller Fake Certificate"
	for _, step := range []int{1 << 20, 100, 1} {
		for serverName, want := range map[string]string{
			passedHost: "of-the-backend.test", "PASSED.test": "of-the-backend.test", siteHost: siteHost,
			"unknown.test": generated, "x.passed.test": generated, "": generated,
		} {
			name, text := whoAnswers(t, g, serverName, step, "")
			if name != want {
				t.Errorf("%q in pieces of %d: the certificate is %s's", serverName, step, name)
			}
			if want == "of-the-backend.test" && text != lines {
				t.Errorf("%q in pieces of %d: %q", serverName, step, text)
			}
		}
	}
	g.AccessLog.WaitLine(t, 0, "] TCP 200 ", 10*time.Second)

	// The HTTP port knows nothing of it, and whoever speaks HTTP to the TLS port is told so.
	if answer := g.Get(t, siteHost, "/"); answer.StatusCode != 308 {
		t.Errorf("HTTP: status %d", answer.StatusCode)
	}
	conn := gate.DialAddr(t, g.HTTPS)
	conn.Send(t, "GET / HTTP/1.1\r\nHost: "+siteHost+"\r\n\r\n")
	if answer := conn.Answer(t, "GET"); answer.StatusCode != 400 {
		t.Errorf("HTTP on the TLS port: status %d", answer.StatusCode)
	}
}

// Terminated hosts are what they were: keep-alive, several requests, large answers.
func TestPassthroughBesideTerminated(t *testing.T) {
	g, _ := startPassthrough(t)
	conn := g.DialTLS(t, siteHost)
	for i := range 5 {
		conn.SendRequest(t, "GET", fmt.Sprintf("/%d", i), siteHost)
		if answer := conn.Answer(t, "GET"); answer.StatusCode != 200 || answer.Body != "web" {
			t.Fatalf("request %d: %d %q", i, answer.StatusCode, answer.Body)
		}
	}
}

func TestPassthroughWithoutTheFlag(t *testing.T) {
	server := tlsLineServer(t, "passed", gate.NewCertificate(t, "of-the-backend.test"))
	dir := gate.NewDir(t)
	dir.Write("objects.yaml", passthroughObjects(t, server.addr)...)
	g := gate.Start(t, gate.Options{Dir: dir})
	if name, _ := whoAnswers(t, g, passedHost, 1<<20, ""); name == "of-the-backend.test" {
		t.Error("passed through without --enable-ssl-passthrough")
	}
	found := false
	for _, d := range g.Diagnostics(t).Diagnostics {
		found = found || d.Code == "passthrough-unused" && d.Name == "passed"
	}
	if !found {
		t.Error("nobody says so")
	}
}

// With the PROXY protocol, a header comes before the hello, perhaps in one segment with it.
func TestPassthroughBehindProxyProtocol(t *testing.T) {
	server := tlsLineServer(t, "passed", gate.NewCertificate(t, "of-the-backend.test"))
	dir := gate.NewDir(t)
	dir.Write("objects.yaml", passthroughObjects(t, server.addr)...)
	dir.Write("config.yaml", gate.ConfigMap("config", map[string]string{"use-proxy-protocol": "true"}))
	g := gate.Start(t, gate.Options{Dir: dir, Args: []string{"--enable-ssl-passthrough", "--configmap", "default/config"}})
	header := "PROXY TCP4 192.0.2.7 198.51.100.1 5555 443\r\n"
	for _, step := range []int{1 << 20, 1} {
		if name, text := whoAnswers(t, g, passedHost, step, header); name != "of-the-backend.test" || !strings.HasSuffix(text, "bye\n") {
			t.Errorf("in pieces of %d: %s, %q", step, name, text)
		}
		if name, _ := whoAnswers(t, g, siteHost, step, header); name != siteHost {
			t.Errorf("terminated, in pieces of %d: %s", step, name)
		}
	}
	g.AccessLog.WaitLine(t, 0, "[192.0.2.7] ", 10*time.Second)
}

// A change cuts no connection that passes through, and leads the next one elsewhere.
func TestPassthroughChanges(t *testing.T) {
	g, _ := startPassthrough(t)
	conn := g.DialTLS(t, passedHost)
	lines := &lineConn{RawConn: conn}
	lines.name = strings.TrimSpace(lines.line(t))
	other := tlsLineServer(t, "other", gate.NewCertificate(t, "other-backend.test"))
	g.Change(t, func() { g.Dir.Write("objects.yaml", passthroughObjects(t, other.addr)...) })
	lines.ask(t, "still there")
	if name, _ := whoAnswers(t, g, passedHost, 1<<20, ""); name != "other-backend.test" {
		t.Errorf("a new connection: the certificate is %s's", name)
	}
	g.Change(t, func() { g.Dir.Remove("objects.yaml") })
	lines.ask(t, "and even now")
}

// What is no hello, or too much of one, ends soon and harms nobody.
func TestPassthroughHostileHellos(t *testing.T) {
	g, _ := startPassthrough(t)
	for what, bytes := range map[string]string{
		"a record of no hello": "\x17\x03\x03\x00\x05hello", "an empty record": "\x16\x03\x01\x00\x00" + strings.Repeat("\x16\x03\x01\x00\x00", 100),
		"a hello of 16 MB": "\x16\x03\x01\x40\x00\x01\xff\xff\xff" + strings.Repeat("x", 1<<20), "zeroes": strings.Repeat("\x00", 100000),
		"a cut one": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	} {
		conn := gate.DialAddr(t, g.HTTPS)
		conn.SetDeadline(time.Now().Add(20 * time.Second * gate.Scale()))
		io.WriteString(conn.Conn, bytes)
		conn.CloseWrite()
		if rest, err := conn.ReadEnd(); len(rest) > 100 || err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %q, %v", what, rest, err)
		}
		conn.Close()
	}
	if name, _ := whoAnswers(t, g, passedHost, 1<<20, ""); name != "of-the-backend.test" {
		t.Errorf("afterwards: %s", name)
	}
}
