package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// rsaSecret is a Secret with an RSA certificate for `name`.
func rsaSecret(t *testing.T, secret, name string) gate.Object {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := gate.Certificate{
		CertPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		KeyPEM:  pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
	}
	return certificate.Secret(secret)
}

func TestTLSVersionsAndKeys(t *testing.T) {
	for kind, secret := range map[string]gate.Object{
		"ECDSA": gate.NewCertificate(t, siteHost).Secret("tls"),
		"RSA":   rsaSecret(t, "tls", siteHost),
	} {
		s := newSite(t, siteOptions{tls: []gate.Object{secret}}, answering(echoTarget))
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			conn, err := tls.Dial("tcp", s.HTTPS, &tls.Config{ServerName: siteHost, InsecureSkipVerify: true,
				MinVersion: version, MaxVersion: version, NextProtos: []string{"h3", "http/1.1"}})
			if err != nil {
				t.Fatalf("%s, %s: %v", kind, tls.VersionName(version), err)
			}
			state := conn.ConnectionState()
			if state.NegotiatedProtocol != "http/1.1" || state.PeerCertificates[0].Subject.CommonName != siteHost {
				t.Errorf("%s: ALPN %q, certificate of %s", kind, state.NegotiatedProtocol, state.PeerCertificates[0].Subject)
			}
			fmt.Fprint(conn, get("/over-tls", "Connection: close"))
			if text, err := io.ReadAll(conn); err != nil || !strings.HasSuffix(string(text), "/over-tls") {
				t.Errorf("%s: %q, %v", kind, text, err)
			}
			conn.Close()
		}
		if _, err := tls.Dial("tcp", s.HTTPS, &tls.Config{InsecureSkipVerify: true,
			MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
			t.Error("TLS 1.1 was spoken")
		}
	}
}

// Whom a certificate is shown for, and that those who are connected keep theirs when it is replaced.
func TestTLSServerNames(t *testing.T) {
	s := newSite(t, siteOptions{tls: []gate.Object{gate.NewCertificate(t, siteHost).Secret("tls")}}, answering(echoTarget))
	s.Change(t, func() {
		s.Dir.Write("wild.yaml", gate.Join(gate.NewCertificate(t, "*.wild.test").Secret("wild"), gate.Ingress{
			Name: "wild", Rules: []gate.Rule{{Host: "*.wild.test", Paths: []gate.Path{{Path: "/", Service: "site"}}}},
			TLS: []gate.TLS{{Hosts: []string{"*.wild.test"}, Secret: "wild"}}}.Object())...)
	})
	const generated = "Kubernetes Ingress Controller Fake Certificate"
	for name, want := range map[string]string{
		siteHost: siteHost, "A.TEST": siteHost, "x.wild.test": "*.wild.test", "x.y.wild.test": generated,
		"wild.test": generated, "unknown.test": generated, "": generated,
	} {
		if got := s.ServerCertificate(t, name).Subject.CommonName; got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestTLSCertificateReplaced(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	write := func(certificate gate.Certificate) {
		s.Dir.Write("tls.yaml", gate.Join(certificate.Secret("tls"), gate.Ingress{
			Name: "tls", Rules: []gate.Rule{{Host: "b.test", Paths: []gate.Path{{Path: "/", Service: "site"}}}},
			TLS: []gate.TLS{{Hosts: []string{"b.test"}, Secret: "tls"}}}.Object())...)
	}
	write(gate.NewCertificate(t, "b.test"))
	gate.WaitFor(t, 5*time.Second, "the certificate", func() bool {
		return s.ServerCertificate(t, "b.test").Subject.CommonName == "b.test"
	})
	conn := s.DialTLS(t, "b.test")
	second := gate.NewCertificate(t, "b.test", siteHost)
	s.Change(t, func() { write(second) })
	if got := s.ServerCertificate(t, "b.test"); !got.Equal(second.Leaf) {
		t.Errorf("certificate %v", got.Subject)
	}
	for range 3 {
		conn.SendRequest(t, "GET", "/kept", "b.test")
		expectAnswer(t, conn, "GET", 200, "/kept")
	}
}

// Whoever speaks HTTP to the TLS port is told so in HTTP; whoever speaks neither, is cut off.
func TestTLSPortInTheClear(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	conn := gate.DialAddr(t, s.HTTPS)
	conn.Send(t, get("/plain"))
	if answer := conn.Answer(t, "GET"); answer.StatusCode != 400 || !answer.Close {
		t.Errorf("%d, close %v", answer.StatusCode, answer.Close)
	}
	for _, bytes := range []string{"\x00\x01\x02\x03\x04\x05\x06\x07\x08", "\x16\x03\x01\xff\xff\x01", "\x80\x2e\x01\x00\x02"} {
		other := gate.DialAddr(t, s.HTTPS)
		other.Send(t, bytes)
		other.CloseWrite()
		if rest, _ := other.ReadEnd(); strings.HasPrefix(rest, "HTTP/") {
			t.Errorf("%q: %q", bytes, rest)
		}
	}
	if len(s.seen.all()) != 0 {
		t.Errorf("the backend saw %q", s.seen.all())
	}
}

// A stream that ends without close_notify may have been cut by someone: a body that is not whole is none.
func TestTLSTruncated(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	raw := gate.DialAddr(t, s.HTTPS)
	conn := tls.Client(raw.Conn, &tls.Config{InsecureSkipVerify: true})
	fmt.Fprint(conn, request("POST", "/cut", "Content-Length: 10")+"hello")
	raw.CloseWrite()
	if line := s.waitLogged(t, "/cut"); !strings.Contains(line, " 499 ") {
		t.Errorf("logged %q", line)
	}
}

// A client that begins a handshake and says no more is let go.
func TestTLSSlowHandshake(t *testing.T) {
	t.Parallel() // it waits most of its time
	s := newSite(t, siteOptions{}, answering(echoTarget))
	conn := gate.DialAddr(t, s.HTTPS)
	conn.SetDeadline(time.Now().Add(40 * time.Second))
	start := time.Now()
	conn.Send(t, "\x16\x03\x01\x02\x00\x01")
	conn.ReadEnd()
	if took := time.Since(start); took < 14*time.Second || took > 25*time.Second {
		t.Errorf("ended after %v", took)
	}
}

func TestTLSLargeTransfers(t *testing.T) {
	bytes := streamBytes() / 40
	backend := gate.NewRawBackend(t, streamBackend(bytes))
	g := startSite(t, siteOptions{config: map[string]string{"proxy-body-size": "0"}}, backend.Addr)
	conn := g.DialTLS(t, siteHost)
	conn.SetDeadline(time.Now().Add(time.Minute * gate.Scale()))
	conn.Send(t, get("/small"))
	expectAnswer(t, conn, "GET", 200, "small")
	transfer(t, g, "TLS download", bytes, func() error {
		conn.Send(t, get("/large"))
		readHead(t, conn)
		_, err := io.CopyN(&pausing{io.Discard, 200}, conn.Reader, bytes)
		return err
	})
	transfer(t, g, "TLS upload", bytes, func() error { return upload(t, conn, "Content-Length", bytes) })
	expectAnswer(t, conn, "POST", 200, fmt.Sprint(bytes))
}
