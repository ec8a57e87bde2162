package e2e

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// verifying is how an Ingress says that it verifies a backend as `name` by the Secret, which may hold a pair as well.
func verifying(secret, name string, more ...string) map[string]string {
	annotations := map[string]string{
		"nginx.ingress.kubernetes.io/backend-protocol":      "HTTPS",
		"nginx.ingress.kubernetes.io/proxy-ssl-secret":      "default/" + secret,
		"nginx.ingress.kubernetes.io/proxy-ssl-verify":      "on",
		"nginx.ingress.kubernetes.io/proxy-ssl-name":        name,
		"nginx.ingress.kubernetes.io/proxy-ssl-server-name": "on",
		"nginx.ingress.kubernetes.io/proxy-ssl-protocols":   "TLSv1.2 TLSv1.3",
	}
	for i := 0; i < len(more); i += 2 {
		annotations["nginx.ingress.kubernetes.io/"+more[i]] = more[i+1]
	}
	return annotations
}

func backendRoute(host, service string, annotations map[string]string) gate.Object {
	return gate.Ingress{Name: strings.ReplaceAll(host, ".", "-"), Annotations: annotations,
		Rules: []gate.Rule{{Host: host, Paths: []gate.Path{{Path: "/", Service: service}}}}}.Object()
}

// trusting is a Secret with the authorities that verify a backend, and perhaps a pair that is shown to it.
func trusting(name string, shown *gate.Certificate, authorities ...[]byte) gate.Object {
	secret, bundle := gate.NewObject("v1", "Secret", name), ""
	for _, authority := range authorities {
		bundle += string(authority)
	}
	data := map[string]any{"ca.crt": bundle}
	if shown != nil {
		data["tls.crt"], data["tls.key"] = string(shown.CertPEM), string(shown.KeyPEM)
	}
	secret["stringData"] = data
	return secret
}

// What is wrong with a backend's certificate is a 502, told in the log, and never an answer.
func TestBackendCertificates(t *testing.T) {
	t.Parallel() // it waits most of its time
	good, other := gate.NewCertificate(t, "backend.test", "*.wild.test"), gate.NewCertificate(t, "other.test")
	authority := gate.NewAuthority(t, "authority")
	expired := authority.Server(t, "backend.test", -time.Minute)
	backend := startHTTPBackend(t, certificateConfig(t, good), protocolsOf(true, false, false))
	late := startHTTPBackend(t, &tls.Config{Certificates: []tls.Certificate{expired}}, protocolsOf(true, false, false))
	plain := gate.NewBackend(t, "plain")
	objects := gate.Join(gate.Backends("good", backend.Addr), gate.Backends("late", late.Addr), gate.Backends("plain", plain.Addr),
		trusting("its-own", nil, good.CertPEM), trusting("another", nil, other.CertPEM), trusting("of-late", nil, authority.PEM))
	cases := map[string]struct {
		service     string
		annotations map[string]string
		status      int
		told        string // in the log
	}{
		"good.test":         {"good", verifying("its-own", "backend.test"), 200, ""},
		"wildcard.test":     {"good", verifying("its-own", "a.wild.test"), 200, ""},
		"two-labels.test":   {"good", verifying("its-own", "a.b.wild.test"), 502, "hostname mismatch"},
		"other-name.test":   {"good", verifying("its-own", "other.test"), 502, "hostname mismatch"},
		"other-ca.test":     {"good", verifying("another", "backend.test"), 502, "self-signed certificate"},
		"expired.test":      {"late", verifying("of-late", "backend.test"), 502, "certificate has expired"},
		"missing.test":      {"good", verifying("nowhere", "backend.test"), 503, ""},
		"any.test":          {"late", spoken("HTTPS"), 200, ""},
		"off.test":          {"late", verifying("another", "backend.test", "proxy-ssl-verify", "off"), 200, ""},
		"version.test":      {"good", verifying("its-own", "backend.test", "proxy-ssl-protocols", "TLSv1.2"), 200, ""},
		"in-the-clear.test": {"plain", verifying("its-own", "backend.test"), 502, "wrong version number"},
	}
	for host, c := range cases {
		// A gate for each: what workers log is limited.
		g := start(t, gate.Options{Workers: 1}, objects, backendRoute(host, c.service, c.annotations))
		if answer := g.Get(t, host, "/"); answer.StatusCode != c.status {
			t.Errorf("%s: status %d, expected %d: %s", host, answer.StatusCode, c.status, answer.Body)
		}
		if c.told != "" {
			g.Log.WaitLine(t, 0, c.told, 5*time.Second)
		}
		g.Stop(t)
	}
	if n := plain.Requests.Load(); n != 0 {
		t.Errorf("%d requests reached a backend in the clear", n)
	}
}

// Two Ingresses reach the same endpoint as two clients: neither gets a connection that shows the other's certificate, and
// one that verifies gets none that was not verified.
func TestBackendConnectionsByIdentity(t *testing.T) {
	first, second := gate.NewCertificate(t, "first"), gate.NewCertificate(t, "second")
	theirs, other := gate.NewCertificate(t, "backend.test"), gate.NewCertificate(t, "other.test")
	config := certificateConfig(t, theirs)
	config.ClientAuth = tls.RequestClientCert
	backend := startHTTPBackend(t, config, protocolsOf(true, false, false))
	g := start(t, gate.Options{Workers: 1}, gate.Backends("web", backend.Addr), trusting("one", &first, theirs.CertPEM),
		trusting("two", &second, theirs.CertPEM), trusting("wrong", nil, other.CertPEM),
		backendRoute("one.test", "web", verifying("one", "backend.test")), backendRoute("two.test", "web", verifying("two", "backend.test")),
		backendRoute("none.test", "web", spoken("HTTPS")),
		backendRoute("wrong.test", "web", verifying("wrong", "backend.test")))
	for range 5 {
		for host, want := range map[string]string{"one.test": "client=first", "two.test": "client=second", "none.test": "", "wrong.test": "502"} {
			answer := g.Get(t, host, "/")
			_, shown, _ := strings.Cut(string(answer.Body), " client=")
			got := "client=" + shown
			if shown == "" {
				got = ""
			}
			if answer.StatusCode == 502 {
				got = "502"
			}
			if got != want {
				t.Errorf("%s: %q, expected %q: %s", host, got, want, answer.Body)
			}
		}
	}
	if n := backend.Connections.Load(); n > 3+5*3 { // one for each that may, and the tries of those that verify in vain
		t.Errorf("%d connections", n)
	}
}

// When an authority is taken back, connections that it vouched for are used no more; when one is added, no request fails.
func TestBackendAuthoritiesChange(t *testing.T) {
	theirs, other := gate.NewCertificate(t, "backend.test"), gate.NewCertificate(t, "other.test")
	backend := startHTTPBackend(t, certificateConfig(t, theirs), protocolsOf(true, false, false))
	g := start(t, gate.Options{}, gate.Backends("web", backend.Addr), backendRoute("a.test", "web", verifying("trust", "backend.test")))
	write := func(authorities ...[]byte) {
		g.Change(t, func() { g.Dir.Write("trust.yaml", trusting("trust", nil, authorities...)) })
	}
	write(theirs.CertPEM)
	load := g.StartLoad(t, gate.LoadOptions{Host: "a.test", Clients: 4})
	for range 20 {
		write(theirs.CertPEM, other.CertPEM)
		write(theirs.CertPEM)
	}
	if result := load.Stop(); result.Failed() > 0 || result.Requests < 50 {
		t.Errorf("while authorities came and went: %s", result)
	}
	write(other.CertPEM)
	for range 4 { // on whichever worker
		if answer := g.Get(t, "a.test", "/"); answer.StatusCode != 502 {
			t.Errorf("a backend that nobody vouches for answers: %d", answer.StatusCode)
		}
	}
	write(theirs.CertPEM)
	if answer := g.Get(t, "a.test", "/"); answer.StatusCode != 200 {
		t.Errorf("status %d after its authority is back", answer.StatusCode)
	}
}
