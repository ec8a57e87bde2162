package e2e

import (
	"crypto/tls"
	"testing"

	"yett.dev/e2e/gate"
)

const fakeName = "Kubernetes Ingress Controller Fake Certificate"

func tlsRoute(name, host, secret string) gate.Object {
	return gate.Ingress{Name: name, TLS: []gate.TLS{{Hosts: []string{host}, Secret: secret}},
		Rules: []gate.Rule{{Host: host, Paths: []gate.Path{{Path: "/", Service: "web"}}}}}.Object()
}

// Which certificate is shown to whom: exact name, wildcard of one label, default.
func TestCertificatesBySNI(t *testing.T) {
	exact, wild := gate.NewCertificate(t, "a.tls.test"), gate.NewCertificate(t, "*.tls.test")
	foreign := gate.NewCertificate(t, "elsewhere.test")
	objects := gate.Join(services(t, "web"), exact.Secret("exact"), wild.Secret("wild"), foreign.Secret("foreign"),
		tlsRoute("exact", "a.tls.test", "exact"), tlsRoute("wild", "*.tls.test", "wild"),
		tlsRoute("foreign", "b.other.test", "foreign"), tlsRoute("missing", "c.other.test", "nowhere"),
		gate.Route("plain", "plain.test", "/", "web"))
	names := map[string]string{
		"a.tls.test":   "a.tls.test",
		"A.TLS.test":   "a.tls.test",
		"b.tls.test":   "*.tls.test",
		"x.b.tls.test": "", // one label only
		"tls.test":     "",
		"b.other.test": "", // a certificate that does not cover its host is shown to nobody
		"c.other.test": "",
		"plain.test":   "",
		"unknown.test": "",
		"":             "",
	}
	check := func(t *testing.T, g *gate.Gate, fallback string) {
		t.Helper()
		for name, want := range names {
			if want == "" {
				want = fallback
			}
			if shown := g.ServerCertificate(t, name).Subject.CommonName; shown != want {
				t.Errorf("server name %q is shown %q, expected %q", name, shown, want)
			}
		}
	}
	t.Run("generated default", func(t *testing.T) { check(t, start(t, gate.Options{}, objects), fakeName) })
	t.Run("default of the flag", func(t *testing.T) {
		chosen := gate.NewCertificate(t, "chosen.test")
		g := start(t, gate.Options{Args: []string{"--default-ssl-certificate", "default/chosen"}}, objects, chosen.Secret("chosen"))
		check(t, g, "chosen.test")
		codes := map[string]bool{}
		for _, diagnostic := range g.Diagnostics(t).Diagnostics {
			codes[diagnostic.Code] = true
		}
		if !codes["tls-host-not-covered"] || !codes["tls-secret-missing"] {
			t.Errorf("what is wrong with the Secrets is reported as %v", codes)
		}
	})
}

// A request over TLS, verified as a client does it; the route goes by Host.
func TestRequestsOverTLS(t *testing.T) {
	certificate := gate.NewCertificate(t, "tls.test")
	g := start(t, gate.Options{}, services(t, "web"), certificate.Secret("tls"), tlsRoute("tls", "tls.test", "tls"),
		gate.Route("plain", "plain.test", "/", "web"))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		conn, err := tls.Dial("tcp", g.HTTPS, &tls.Config{ServerName: "tls.test", RootCAs: certificate.Pool(),
			MinVersion: version, MaxVersion: version, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatalf("TLS %x: %v", version, err)
		}
		if protocol := conn.ConnectionState().NegotiatedProtocol; protocol != "http/1.1" {
			t.Errorf("TLS %x: ALPN chose %q", version, protocol)
		}
		conn.Close()
	}
	if _, err := tls.Dial("tcp", g.HTTPS, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is taken")
	}
	answer := g.GetTLS(t, "tls.test", "/x")
	if answer.StatusCode != 200 || answer.Header.Get("Got-X-Forwarded-Proto") != "https" ||
		answer.Header.Get("Got-X-Forwarded-Port") != "443" || answer.Header.Get("Got-X-Scheme") != "https" {
		t.Errorf("status %d, header %v", answer.StatusCode, answer.Header)
	}
	if answer := g.GetTLS(t, "plain.test", "/"); answer.StatusCode != 200 {
		t.Errorf("a host without TLS over TLS: status %d", answer.StatusCode)
	}
	conn := gate.DialAddr(t, g.HTTPS)
	conn.SendRequest(t, "GET", "/", "tls.test")
	if answer := conn.Answer(t, "GET"); answer.StatusCode != 400 {
		t.Errorf("plain HTTP on the TLS port: status %d", answer.StatusCode)
	}
}

func TestHTTPSRedirect(t *testing.T) {
	certificate := gate.NewCertificate(t, "h.test")
	noRedirect := gate.Ingress{Name: "off", Annotations: map[string]string{"nginx.ingress.kubernetes.io/ssl-redirect": "false"},
		Rules: []gate.Rule{{Host: "h.test", Paths: []gate.Path{{Path: "/off", Service: "web"}}}}}.Object()
	forced := gate.Ingress{Name: "forced", Annotations: map[string]string{"nginx.ingress.kubernetes.io/force-ssl-redirect": "true"},
		Rules: []gate.Rule{{Host: "forced.test", Paths: []gate.Path{{Path: "/", Service: "web"}}},
			{Paths: []gate.Path{{Path: "/forced", Service: "web"}}}}}.Object()
	hostless := gate.Ingress{Name: "hostless", TLS: []gate.TLS{{Secret: "h"}},
		Rules: []gate.Rule{{Paths: []gate.Path{{Path: "/plain", Service: "web"}}}}}.Object()
	objects := gate.Join(services(t, "web"), certificate.Secret("h"), tlsRoute("h", "h.test", "h"), noRedirect, forced, hostless,
		gate.Route("acme", "h.test", "/.well-known/acme-challenge", "web"))

	type redirect struct {
		method, host, target string
		fields               []string
		location             string // "" where it is served
	}
	check := func(t *testing.T, g *gate.Gate, redirects []redirect) {
		t.Helper()
		for _, r := range redirects {
			answer := g.Do(t, r.method, r.host, r.target, r.fields...)
			status := 308
			if r.location == "" {
				status = 200
			}
			if answer.StatusCode != status || answer.Header.Get("Location") != r.location {
				t.Errorf("%s %s%s %v: status %d to %q, expected %d to %q", r.method, r.host, r.target, r.fields,
					answer.StatusCode, answer.Header.Get("Location"), status, r.location)
			}
		}
	}
	forwarded := func(proto string) []string { return []string{"X-Forwarded-Proto: " + proto} }

	t.Run("by default", func(t *testing.T) {
		g := start(t, gate.Options{}, objects)
		check(t, g, []redirect{
			{"GET", "h.test", "/", nil, "https://h.test"},
			{"GET", "h.test", "/a/", nil, "https://h.test/a"},
			{"GET", "h.test:8080", "/a?b=/", nil, "https://h.test/a?b="},
			{"GET", "h.test", "/a%2Fb//c?d=e", nil, "https://h.test/a%2Fb//c?d=e"},
			{"GET", "h.test", "/a/?x", nil, "https://h.test/a/?x"},
			{"POST", "h.test", "/a", []string{"Content-Length: 0"}, "https://h.test/a"},
			{"GET", "h.test", "/a", forwarded("https"), "https://h.test/a"}, // forged: nobody is trusted
			{"GET", "h.test", "/off/x", nil, ""},
			{"GET", "h.test", "/.well-known/acme-challenge/token", nil, ""},
			{"GET", "forced.test", "/x", nil, "https://forced.test/x"},
			{"GET", "any.test", "/forced", nil, "https://any.test/forced"},
			{"GET", "any.test", "/plain", nil, ""},
		})
		if answer := g.GetTLS(t, "h.test", "/"); answer.StatusCode != 200 {
			t.Errorf("over TLS: status %d", answer.StatusCode)
		}
	})
	t.Run("behind a trusted balancer", func(t *testing.T) {
		g := start(t, gate.Options{Args: keepAlive}, settings(map[string]string{"use-forwarded-headers": "true"}), objects)
		check(t, g, []redirect{
			{"GET", "h.test", "/a", forwarded("https"), ""},
			{"GET", "h.test", "/a", forwarded("HTTPS"), ""},
			{"GET", "h.test", "/a", forwarded("http"), "https://h.test/a"},
			{"GET", "h.test", "/a", nil, "https://h.test/a"},
			{"GET", "h.test", "/a", []string{"X-Forwarded-Host: front.test"}, "https://front.test/a"},
		})
		answer := g.GetTLS(t, "h.test", "/a", "X-Forwarded-Proto: http")
		if answer.StatusCode != 308 {
			t.Errorf("http at the balancer, TLS behind it: status %d", answer.StatusCode)
		}
	})
	t.Run("with another code", func(t *testing.T) {
		g := start(t, gate.Options{Args: keepAlive}, settings(map[string]string{"http-redirect-code": "301"}), objects)
		if answer := g.Get(t, "h.test", "/"); answer.StatusCode != 301 {
			t.Errorf("status %d", answer.StatusCode)
		}
	})
}

// What a backend learns of the client, by whom the gate trusts; the peer is 127.0.0.1 here.
func TestForwardedHeaders(t *testing.T) {
	forged := []string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "X-Real-IP: 2.2.2.2",
		"X-Forwarded-Port: 1", "X-Forwarded-Scheme: gopher", "X-Scheme: gopher", "Proxy: evil"}
	objects := gate.Join(services(t, "web"), gate.Route("web", "web.test", "/", "web"))
	for _, c := range []struct {
		what     string
		settings map[string]string
		want     map[string]string
	}{
		{"nobody is trusted", nil, map[string]string{
			"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Scheme": "http",
			"X-Scheme": "http", "X-Forwarded-Host": "web.test", "X-Original-Forwarded-For": "1.1.1.1", "Proxy": ""}},
		{"the balancer is trusted", map[string]string{"use-forwarded-headers": "true"}, map[string]string{
			"X-Forwarded-For": "1.1.1.1", "X-Real-Ip": "1.1.1.1", "X-Forwarded-Proto": "https", "X-Scheme": "https",
			"X-Forwarded-Host": "evil", "X-Forwarded-Port": "1"}},
		{"the whole list", map[string]string{"use-forwarded-headers": "true", "compute-full-forwarded-for": "true"}, map[string]string{
			"X-Forwarded-For": "1.1.1.1, 127.0.0.1", "X-Real-Ip": "1.1.1.1"}},
		{"another network is trusted", map[string]string{"use-forwarded-headers": "true", "proxy-real-ip-cidr": "10.0.0.0/8"}, map[string]string{
			"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			g := start(t, gate.Options{Workers: 1, Args: keepAlive}, settings(c.settings), objects)
			answer := g.Get(t, "web.test", "/", forged...)
			if answer.StatusCode != 200 {
				t.Fatalf("status %d", answer.StatusCode)
			}
			for name, want := range c.want {
				if got := answer.Header.Get("Got-" + name); got != want {
					t.Errorf("%s is %q, expected %q", name, got, want)
				}
			}
		})
	}
}
