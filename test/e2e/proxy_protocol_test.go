package e2e

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// proxyV2 is a PROXY header of version 2 for TCP over IPv4 or IPv6, with these TLVs behind the addresses.
func proxyV2(source, destination string, tlvs ...byte) string {
	from, to := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(source)), net.TCPAddrFromAddrPort(netip.MustParseAddrPort(destination))
	family := byte(0x11)
	addresses := append([]byte{}, from.IP.To4()...)
	addresses = append(addresses, to.IP.To4()...)
	if from.IP.To4() == nil {
		family = 0x21
		addresses = append(append([]byte{}, from.IP.To16()...), to.IP.To16()...)
	}
	addresses = binary.BigEndian.AppendUint16(addresses, uint16(from.Port))
	addresses = binary.BigEndian.AppendUint16(addresses, uint16(to.Port))
	addresses = append(addresses, tlvs...)
	header := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x21, family)
	header = binary.BigEndian.AppendUint16(header, uint16(len(addresses)))
	return string(append(header, addresses...))
}

const proxyV2Local = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"

func startProxyProtocol(t *testing.T, config map[string]string, extra ...any) *gate.Gate {
	t.Helper()
	config["use-proxy-protocol"] = "true"
	backend := gate.NewBackend(t, "web")
	dir := gate.NewDir(t)
	dir.Write("config.yaml", gate.ConfigMap("config", config))
	dir.Write("web.yaml", gate.Join(append([]any{gate.Backends("web", backend.Addr), gate.NewCertificate(t, siteHost).Secret("tls"),
		gate.Ingress{Name: "web", Rules: []gate.Rule{{Host: siteHost, Paths: []gate.Path{{Path: "/", Service: "web"}}}},
			Annotations: map[string]string{"nginx.ingress.kubernetes.io/ssl-redirect": "false"},
			TLS:         []gate.TLS{{Hosts: []string{siteHost}, Secret: "tls"}}}.Object()}, extra...)...)...)
	return gate.Start(t, gate.Options{Dir: dir, Args: []string{"--configmap", "default/config"}})
}

// requestAfter sends bytes, then a request, on a connection of its own.
func requestAfter(t *testing.T, g *gate.Gate, before string) (gate.Answer, error) {
	t.Helper()
	conn := gate.DialAddr(t, g.HTTP)
	defer conn.Close()
	io.WriteString(conn.Conn, before+"GET / HTTP/1.1\r\nHost: "+siteHost+"\r\nConnection: close\r\n\r\n")
	return conn.ReadAnswer("GET")
}

func TestProxyProtocolHTTP(t *testing.T) {
	g := startProxyProtocol(t, map[string]string{})
	for what, c := range map[string]struct{ header, ip, port, proto string }{
		"v1 IPv4":      {"PROXY TCP4 192.0.2.7 198.51.100.1 5555 80\r\n", "192.0.2.7", "80", "http"},
		"v1 IPv6":      {"PROXY TCP6 2001:db8::7 2001:db8::1 5555 8080\r\n", "2001:db8::7", "8080", "http"},
		"v1 port 443":  {"PROXY TCP4 192.0.2.7 198.51.100.1 5555 443\r\n", "192.0.2.7", "443", "https"},
		"v1 unknown":   {"PROXY UNKNOWN\r\n", "127.0.0.1", "", "http"},
		"v2 IPv4":      {proxyV2("192.0.2.8:1", "198.51.100.1:80"), "192.0.2.8", "80", "http"},
		"v2 IPv6":      {proxyV2("[2001:db8::8]:1", "[2001:db8::1]:81"), "2001:db8::8", "81", "http"},
		"v2 with TLVs": {proxyV2("192.0.2.9:1", "198.51.100.1:80", 0x02, 0, 1, 'x', 0xEA, 0, 0), "192.0.2.9", "80", "http"},
		"v2 local":     {proxyV2Local, "127.0.0.1", "", "http"},
	} {
		answer, err := requestAfter(t, g, c.header)
		if err != nil || answer.StatusCode != 200 {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if c.port == "" {
			_, c.port, _ = net.SplitHostPort(g.HTTP)
		}
		for name, want := range map[string]string{"X-Forwarded-For": c.ip, "X-Real-Ip": c.ip, "X-Forwarded-Port": c.port, "X-Forwarded-Proto": c.proto} {
			if got := answer.Header.Get("Got-" + name); got != want {
				t.Errorf("%s: %s is %q, not %q", what, name, got, want)
			}
		}
	}
	g.AccessLog.WaitLine(t, 0, "192.0.2.9 - - ", 10*time.Second)
}

// The header says who it is to lists of forwarded addresses, too: it is the peer.
func TestProxyProtocolAndForwardedFor(t *testing.T) {
	g := startProxyProtocol(t, map[string]string{"use-forwarded-headers": "true", "proxy-real-ip-cidr": "127.0.0.0/8,192.0.2.0/24"})
	for header, want := range map[string]string{
		"PROXY TCP4 192.0.2.7 198.51.100.1 5555 80\r\n":   "203.0.113.5", // a trusted balancer's word
		"PROXY TCP4 203.0.113.9 198.51.100.1 5555 80\r\n": "203.0.113.9", // anyone's
	} {
		conn := gate.DialAddr(t, g.HTTP)
		conn.Send(t, header)
		conn.SendRequest(t, "GET", "/", siteHost, "X-Forwarded-For: 203.0.113.5", "Connection: close")
		if got := conn.Answer(t, "GET").Header.Get("Got-X-Real-Ip"); got != want {
			t.Errorf("%q: %s", header, got)
		}
	}
}

func TestProxyProtocolHTTPS(t *testing.T) {
	g := startProxyProtocol(t, map[string]string{})
	for what, header := range map[string]string{
		"v1": "PROXY TCP4 192.0.2.7 198.51.100.1 5555 443\r\n", "v2": proxyV2("192.0.2.7:1", "198.51.100.1:443"),
	} {
		for _, step := range []int{len(header), 1} { // in one piece; byte by byte
			raw, err := net.Dial("tcp", g.HTTPS)
			if err != nil {
				t.Fatal(err)
			}
			raw.SetDeadline(time.Now().Add(20 * time.Second * gate.Scale()))
			for at := 0; at < len(header); at += step {
				io.WriteString(raw, header[at:min(at+step, len(header))])
			}
			conn := tls.Client(raw, &tls.Config{ServerName: siteHost, InsecureSkipVerify: true})
			fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", siteHost)
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if ip, proto := answer.Header.Get("Got-X-Real-Ip"), answer.Header.Get("Got-X-Forwarded-Proto"); ip != "192.0.2.7" || proto != "https" {
				t.Errorf("%s: %s, %s", what, ip, proto)
			}
			raw.Close()
		}
	}
}

// The header, the ClientHello and whatever follows may come in one segment.
func TestProxyProtocolWithHelloInOneSegment(t *testing.T) {
	g := startProxyProtocol(t, map[string]string{})
	raw, err := net.Dial("tcp", g.HTTPS)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	raw.SetDeadline(time.Now().Add(20 * time.Second * gate.Scale()))
	conn := tls.Client(&prefixedConn{raw, proxyV2("192.0.2.7:1", "198.51.100.1:443")}, &tls.Config{InsecureSkipVerify: true, ServerName: siteHost})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
}

// prefixedConn puts a text before the first thing written, in the same write.
type prefixedConn struct {
	net.Conn
	prefix string
}

func (c *prefixedConn) Write(p []byte) (int, error) {
	prefix := c.prefix
	c.prefix = ""
	n, err := c.Conn.Write(append([]byte(prefix), p...))
	return max(0, n-len(prefix)), err
}

// Without a header, with a bad one, or from whom nothing is believed: closed without a byte, and counted.
func TestProxyProtocolRefused(t *testing.T) {
	t.Parallel() // it waits most of its time
	g := startProxyProtocol(t, map[string]string{"proxy-protocol-header-timeout": "1s"})
	refused := func() int { return int(g.Metric(t, "yett_proxy_headers_refused_total")) }
	for what, bytes := range map[string]string{
		"none": "", "v1, malformed": "PROXY TCP4 192.0.2.7 5555 80\r\n", "v1, forged family": "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
		"v2, cut TLV": proxyV2("192.0.2.7:1", "198.51.100.1:80", 0x02, 0), "v2, wrong checksum": proxyV2("192.0.2.7:1", "198.51.100.1:80", 3, 0, 4, 1, 2, 3, 4),
		"a space first": " PROXY TCP4 192.0.2.7 198.51.100.1 5555 80\r\n",
	} {
		before := refused()
		if answer, err := requestAfter(t, g, bytes); err == nil {
			t.Errorf("%s: status %d", what, answer.StatusCode)
		}
		if got := refused(); got != before+1 {
			t.Errorf("%s: counted %d times", what, got-before)
		}
	}
	conn := gate.DialAddr(t, g.HTTP)
	conn.Send(t, "PROXY TCP4 192.0.2.7") // and no more
	start := time.Now()
	if rest, err := conn.ReadEnd(); rest != "" || err != nil {
		t.Errorf("half a header: %q, %v", rest, err)
	}
	if took := time.Since(start); took > 5*time.Second*gate.Scale() {
		t.Errorf("half a header was waited for %v", took)
	}
	// Probes need no header.
	if status, _, err := g.AdminGet("/readyz"); err != nil || status != 200 {
		t.Errorf("/readyz: %d, %v", status, err)
	}
	g.Log.WaitLine(t, 0, "proxy_header_refused", time.Second)
}

func TestProxyProtocolFromUntrustedPeers(t *testing.T) {
	g := startProxyProtocol(t, map[string]string{"proxy-real-ip-cidr": "10.0.0.0/8"})
	for _, header := range []string{"PROXY TCP4 10.0.0.7 198.51.100.1 5555 80\r\n", proxyV2Local, ""} {
		if answer, err := requestAfter(t, g, header); err == nil {
			t.Errorf("%q was believed: status %d, %s", header, answer.StatusCode, answer.Header.Get("Got-X-Real-Ip"))
		}
	}
	if n := g.Metric(t, "yett_proxy_headers_refused_total"); n != 3 {
		t.Errorf("counted %v", n)
	}
}

// The key concerns new connections: those that stand keep what they were.
func TestProxyProtocolIsSwitched(t *testing.T) {
	g := startProxyProtocol(t, map[string]string{})
	with := gate.DialAddr(t, g.HTTP)
	with.Send(t, "PROXY TCP4 192.0.2.7 198.51.100.1 5555 80\r\n")
	ip := func(conn *gate.RawConn) string {
		conn.SendRequest(t, "GET", "/", siteHost)
		return conn.Answer(t, "GET").Header.Get("Got-X-Real-Ip")
	}
	if got := ip(with); got != "192.0.2.7" {
		t.Fatalf("address %s", got)
	}
	g.Change(t, func() {
		g.Dir.Write("config.yaml", gate.ConfigMap("config", map[string]string{"use-proxy-protocol": "false"}))
	})
	if got := ip(with); got != "192.0.2.7" {
		t.Errorf("after the change: address %s", got)
	}
	without := gate.DialAddr(t, g.HTTP)
	if got := ip(without); got != "127.0.0.1" {
		t.Errorf("a new connection: address %s", got)
	}
	g.Change(t, func() {
		g.Dir.Write("config.yaml", gate.ConfigMap("config", map[string]string{"use-proxy-protocol": "true"}))
	})
	if got := ip(without); got != "127.0.0.1" {
		t.Errorf("after the change back: address %s", got)
	}
	if _, err := requestAfter(t, g, ""); err == nil {
		t.Error("a new connection needs no header")
	}
}

// TCP Services: the first PROXY reads a header, the second writes one.
func TestTCPServiceProxyProtocol(t *testing.T) {
	plain, in, out, both, second := freePort(t), freePort(t), freePort(t), freePort(t), freePort(t)
	without, with := newLineServer(t, "without", false), newLineServer(t, "with", true)
	g := startL4(t, ports{plain: "without:80", in: "without:80:PROXY", out: "with:80::PROXY", both: "with:80:PROXY:PROXY", second: "with:80::PROXY-V2"}, nil, nil,
		gate.Backends("without", without.addr), gate.Backends("with", with.addr))

	dialLines(t, plain, "").ask(t, "plain")
	header := "PROXY TCP4 192.0.2.7 198.51.100.1 5555 4242\r\n"
	behind := dialLines(t, in, header)
	behind.ask(t, "in")
	behind.Close()
	g.AccessLog.WaitLine(t, 0, "[192.0.2.7] ", 10*time.Second)

	conn := dialLines(t, out, "")
	want := fmt.Sprintf("PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n", conn.LocalAddr().(*net.TCPAddr).Port, out)
	if got := with.lastHeader(); got != want {
		t.Errorf("sent %q, not %q", got, want)
	}
	conn = dialLines(t, second, "")
	want = proxyV2(conn.LocalAddr().String(), gate.Addr(second))
	if got := with.lastHeader(); got != want {
		t.Errorf("sent %q, not %q", got, want)
	}
	for sent, want := range map[string]string{
		header: header, proxyV2("192.0.2.8:1", "198.51.100.1:2"): "PROXY TCP4 192.0.2.8 198.51.100.1 1 2\r\n",
		proxyV2("[2001:db8::8]:1", "[2001:db8::1]:2"): "PROXY TCP6 2001:db8::8 2001:db8::1 1 2\r\n",
	} {
		dialLines(t, both, sent).ask(t, "both")
		if got := with.lastHeader(); got != want {
			t.Errorf("sent %q, not %q", got, want)
		}
	}
	refused := gate.DialAddr(t, gate.Addr(in))
	refused.Send(t, "no header at all\n")
	if rest, err := refused.ReadEnd(); strings.Contains(rest, "without") {
		t.Errorf("without a header: %q, %v", rest, err)
	}
}
