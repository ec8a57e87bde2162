package e2e

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// sessions is what a client keeps: one session, whatever the server.
type sessions struct{ state *tls.ClientSessionState }

func (s *sessions) Get(string) (*tls.ClientSessionState, bool) { return s.state, s.state != nil }
func (s *sessions) Put(_ string, state *tls.ClientSessionState) {
	if state != nil {
		s.state = state
	}
}

// resumes shakes hands with what was kept, makes a request, so that tickets come, and tells whether a session was resumed.
func resumes(t *testing.T, address, serverName string, version uint16, kept *sessions) bool {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: serverName, InsecureSkipVerify: true, MinVersion: version,
		MaxVersion: version, ClientSessionCache: kept})
	if err != nil {
		t.Fatalf("%s of %s: %v", tls.VersionName(version), serverName, err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", serverName)
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if answer, err := io.ReadAll(conn); err != nil || len(answer) == 0 {
		t.Fatalf("%s of %s: %q, %v", tls.VersionName(version), serverName, answer, err)
	}
	return conn.ConnectionState().DidResume
}

var tlsVersions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

func ticketKey(t *testing.T) string {
	key := make([]byte, 80)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(key)
}

func ticketSecret(keys map[string]string) gate.Object {
	secret, data := gate.NewObject("v1", "Secret", "tickets"), map[string]any{}
	for name, key := range keys {
		data[name] = key
	}
	secret["data"] = data
	return secret
}

// Whichever worker takes the connection, and whoever died meanwhile, the session that another gave is resumed.
func TestSessionsOutliveWorkersAndController(t *testing.T) {
	certificate := gate.NewCertificate(t, "a.test")
	g := start(t, gate.Options{Workers: 3}, services(t, "web"), certificate.Secret("tls"), tlsRoute("a", "a.test", "tls"))
	for _, version := range tlsVersions {
		var kept sessions
		if resumes(t, g.HTTPS, "a.test", version, &kept) {
			t.Fatalf("%s: the first connection resumed something", tls.VersionName(version))
		}
		for i := range 20 { // of three workers, each gets some
			if !resumes(t, g.HTTPS, "a.test", version, &kept) {
				t.Errorf("%s: connection %d shook hands in full", tls.VersionName(version), i)
			}
		}
		for worker := range 3 {
			g.KillWorker(t, worker)
		}
		for i := range 10 {
			if !resumes(t, g.HTTPS, "a.test", version, &kept) {
				t.Errorf("%s, after all workers died: connection %d shook hands in full", tls.VersionName(version), i)
			}
		}
		before := g.Generation(t)
		g.Kill(t, "yett: controller")
		g.WaitGeneration(t, before+1)
		if !resumes(t, g.HTTPS, "a.test", version, &kept) {
			t.Errorf("%s, after the controller died: full handshake", tls.VersionName(version))
		}
	}
}

// Two gates with one Secret resume each other's sessions, through a rotation of its keys; those without do not.
func TestSessionsOfReplicas(t *testing.T) {
	certificate := gate.NewCertificate(t, "a.test")
	first, second := ticketKey(t), ticketKey(t)
	objects := gate.Join(services(t, "web"), certificate.Secret("tls"), tlsRoute("a", "a.test", "tls"))
	shared := func(keys map[string]string) *gate.Gate {
		g := start(t, gate.Options{Args: []string{"--session-ticket-secret", "default/tickets"}}, objects)
		g.Change(t, func() { g.Dir.Write("tickets.yaml", ticketSecret(keys)) })
		return g
	}
	one, other := shared(map[string]string{"2025": first}), shared(map[string]string{"2025": first})
	alone := start(t, gate.Options{}, objects)
	for _, version := range tlsVersions {
		var kept sessions
		resumes(t, one.HTTPS, "a.test", version, &kept)
		atAlone := kept
		if !resumes(t, other.HTTPS, "a.test", version, &kept) {
			t.Errorf("%s: the other replica shook hands in full", tls.VersionName(version))
		}
		if resumes(t, alone.HTTPS, "a.test", version, &atAlone) {
			t.Errorf("%s: a gate that has not the key resumed", tls.VersionName(version))
		}
	}
	var old sessions
	resumes(t, one.HTTPS, "a.test", tls.VersionTLS12, &old)
	for _, g := range []*gate.Gate{one, other} { // one after the other, as a Secret reaches replicas
		g.Change(t, func() { g.Dir.Write("tickets.yaml", ticketSecret(map[string]string{"2025": first, "2026": second})) })
	}
	renewed := old
	if !resumes(t, other.HTTPS, "a.test", tls.VersionTLS12, &renewed) {
		t.Error("a session of before the rotation is not resumed")
	}
	for _, g := range []*gate.Gate{one, other} {
		g.Change(t, func() { g.Dir.Write("tickets.yaml", ticketSecret(map[string]string{"2026": second})) })
	}
	if resumes(t, one.HTTPS, "a.test", tls.VersionTLS12, &old) {
		t.Error("a session by a key that was dropped is resumed")
	}
	if !resumes(t, one.HTTPS, "a.test", tls.VersionTLS12, &renewed) {
		t.Error("a session that was renewed by the new key is not resumed")
	}
}

// What ends a session, and what does not.
func TestSessionsEndWithWhatTheyStandFor(t *testing.T) {
	certificate, replaced := gate.NewCertificate(t, "a.test"), gate.NewCertificate(t, "a.test")
	g := start(t, gate.Options{Args: keepAlive}, services(t, "web"), tlsRoute("a", "a.test", "tls"))
	write := func(certificate gate.Certificate, settings map[string]string) {
		g.Change(t, func() { g.Dir.Write("tls.yaml", certificate.Secret("tls"), gate.ConfigMap("settings", settings)) })
	}
	write(certificate, map[string]string{"ssl-protocols": "TLSv1.2 TLSv1.3"})
	for _, version := range tlsVersions {
		var kept sessions
		resumes(t, g.HTTPS, "a.test", version, &kept)
		write(certificate, map[string]string{"ssl-protocols": "TLSv1.2 TLSv1.3", "keep-alive": fmt.Sprint(60 + version)})
		if !resumes(t, g.HTTPS, "a.test", version, &kept) {
			t.Errorf("%s: a change that concerns no handshake ended the session", tls.VersionName(version))
		}
		write(replaced, map[string]string{"ssl-protocols": "TLSv1.2 TLSv1.3"})
		if resumes(t, g.HTTPS, "a.test", version, &kept) {
			t.Errorf("%s: the session outlived its certificate", tls.VersionName(version))
		}
		write(certificate, map[string]string{"ssl-protocols": "TLSv1.2 TLSv1.3"})
	}
	write(certificate, map[string]string{"ssl-session-cache": "false", "ssl-session-tickets": "false"})
	for _, version := range tlsVersions {
		var kept sessions
		resumes(t, g.HTTPS, "a.test", version, &kept)
		if resumes(t, g.HTTPS, "a.test", version, &kept) {
			t.Errorf("%s: a session is resumed though that is off", tls.VersionName(version))
		}
	}
}
