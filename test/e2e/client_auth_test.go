package e2e

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"yett.dev/e2e/gate"
)

// asks is an Ingress whose host asks its clients for certificates: annotations by what follows auth-tls-.
func asks(host string, annotations ...string) gate.Object {
	all := map[string]string{"nginx.ingress.kubernetes.io/auth-tls-secret": "default/clients"}
	for i := 0; i < len(annotations); i += 2 {
		all["nginx.ingress.kubernetes.io/auth-tls-"+annotations[i]] = annotations[i+1]
	}
	return gate.Ingress{Name: strings.NewReplacer(".", "-", "*", "any").Replace(host), Annotations: all,
		TLS:   []gate.TLS{{Hosts: []string{host}, Secret: "tls"}},
		Rules: []gate.Rule{{Host: host, Paths: []gate.Path{{Path: "/", Service: "web"}}}}}.Object()
}

// client is a configuration that shows this certificate; none where it is nil.
func client(serverName string, shown *tls.Certificate, protocols ...string) *tls.Config {
	config := &tls.Config{ServerName: serverName, InsecureSkipVerify: true, NextProtos: protocols}
	if shown != nil {
		// Not Certificates: those are held back where no authority that the server names signed them.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
	}
	return config
}

// getOver makes one request to `host` over a new connection with this configuration, by HTTP/1.1 or HTTP/2.
func getOver(t *testing.T, g *gate.Gate, config *tls.Config, host string, fields ...string) (*http.Response, string) {
	t.Helper()
	conn, err := tls.Dial("tcp", g.HTTPS, config)
	if err != nil {
		t.Fatalf("TLS for %s: %v", config.ServerName, err)
	}
	defer conn.Close()
	return askOver(t, conn, host, fields...)
}

// oneConn carries requests over a connection that is there.
type oneConn struct{ conn *tls.Conn }

func (c oneConn) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := request.Write(c.conn); err != nil {
		return nil, err
	}
	return http.ReadResponse(bufio.NewReader(c.conn), request)
}

func askOver(t *testing.T, conn *tls.Conn, host string, fields ...string) (*http.Response, string) {
	t.Helper()
	request, _ := http.NewRequest("GET", "https://"+host+"/x", nil)
	for i := 0; i < len(fields); i += 2 {
		request.Header.Set(fields[i], fields[i+1])
	}
	var carrier http.RoundTripper = oneConn{conn}
	if conn.ConnectionState().NegotiatedProtocol == "h2" {
		h2, err := (&http2.Transport{}).NewClientConn(conn)
		if err != nil {
			t.Fatal(err)
		}
		carrier = h2
	}
	answer, err := carrier.RoundTrip(request)
	if err != nil {
		t.Fatalf("%s: %v", host, err)
	}
	defer answer.Body.Close()
	var body bytes.Buffer
	body.ReadFrom(answer.Body)
	return answer, body.String()
}

func TestClientCertificates(t *testing.T) {
	ours, others := gate.NewAuthority(t, "ours"), gate.NewAuthority(t, "others")
	good, revoked := ours.Client(t, "good", time.Hour), ours.Client(t, "revoked", time.Hour)
	late, stranger := ours.Client(t, "late", -time.Minute), others.Client(t, "stranger", time.Hour)
	g := start(t, gate.Options{}, services(t, "web"), gate.NewCertificate(t, "a.test").Secret("tls"),
		gate.AuthoritySecret("clients", ours.CRL(t, revoked), ours), asks("on.test", "pass-certificate-to-upstream", "true"),
		asks("optional.test", "verify-client", "optional"), asks("any.test", "verify-client", "optional_no_ca"),
		asks("off.test", "verify-client", "off"), asks("url.test", "error-page", "https://help.test/"), asks("page.test", "error-page", "/help"),
		asks("cn.test", "match-cn", "CN=(good|better)"), asks("broken.test", "secret", "default/nowhere"), tlsRoute("open", "open.test", "tls"),
		tlsRoute("shared", "shared.test", "tls"), gate.Ingress{Name: "makes-no-routes", Annotations: map[string]string{
			"nginx.ingress.kubernetes.io/auth-tls-secret": "default/clients", "nginx.ingress.kubernetes.io/canary": "true"},
			Rules: []gate.Rule{{Host: "shared.test", Paths: []gate.Path{{Path: "/next", Service: "web"}}}}}.Object())
	for _, c := range []struct {
		host   string
		shown  *tls.Certificate
		status int
		verify string // that the backend gets; of other answers, a part of the body
	}{
		{"open.test", &good, 200, ""},
		{"on.test", nil, 400, "No required SSL certificate was sent"},
		{"on.test", &good, 200, "SUCCESS"},
		{"on.test", &stranger, 400, "The SSL certificate error"},
		{"on.test", &late, 400, "The SSL certificate error"},
		{"on.test", &revoked, 400, "The SSL certificate error"},
		{"shared.test", nil, 400, "No required SSL certificate was sent"},
		{"shared.test", &good, 200, "SUCCESS"},
		{"optional.test", nil, 200, "NONE"},
		{"optional.test", &good, 200, "SUCCESS"},
		{"optional.test", &stranger, 400, "The SSL certificate error"},
		{"any.test", nil, 200, "NONE"},
		{"any.test", &stranger, 200, "FAILED:unable to verify the first certificate"},
		{"any.test", &late, 400, "The SSL certificate error"},
		{"off.test", &good, 200, "NONE"},
		{"url.test", nil, 302, ""},
		{"page.test", nil, 200, "NONE"},
		{"cn.test", &good, 200, "SUCCESS"},
		{"cn.test", &revoked, 400, ""},
		{"broken.test", &good, 403, ""},
	} {
		for _, protocol := range []string{"http/1.1", "h2"} {
			for _, version := range tlsVersions {
				name := fmt.Sprintf("%s with %v by %s over %s", c.host, c.shown != nil, protocol, tls.VersionName(version))
				config := client(c.host, c.shown, protocol)
				config.MaxVersion = version
				answer, body := getOver(t, g, config, c.host, "ssl-client-verify", "FORGED", "ssl-client-cert", "FORGED")
				if answer.StatusCode != c.status {
					t.Errorf("%s: status %d, expected %d", name, answer.StatusCode, c.status)
					continue
				}
				verify := answer.Header.Get("Got-Ssl-Client-Verify")
				if c.status == 200 && verify != c.verify {
					t.Errorf("%s: ssl-client-verify is %q, expected %q", name, verify, c.verify)
				} else if c.status != 200 && !strings.Contains(body, c.verify) {
					t.Errorf("%s: no %q in %s", name, c.verify, body)
				}
				if strings.Contains(fmt.Sprint(answer.Header), "FORGED") {
					t.Errorf("%s: the backend heard what the client made up", name)
				}
			}
		}
	}
	answer, _ := getOver(t, g, client("on.test", &good), "on.test")
	if dn := answer.Header.Get("Got-Ssl-Client-Subject-Dn"); dn != "CN=good,O=Acme" {
		t.Errorf("subject %q", dn)
	}
	if dn := answer.Header.Get("Got-Ssl-Client-Issuer-Dn"); dn != "CN=ours" {
		t.Errorf("issuer %q", dn)
	}
	if shown := answer.Header.Get("Got-Ssl-Client-Cert"); !strings.HasPrefix(shown, "-----BEGIN%20CERTIFICATE-----%0A") {
		t.Errorf("certificate %q", shown)
	}
	answer, _ = getOver(t, g, client("page.test", nil), "page.test")
	if target := answer.Header.Get("Got-Target"); target != "/help" {
		t.Errorf("in place of the 400 the backend is asked for %q", target)
	}
}

// A connection is judged for the host that its handshake named, and for no other, by HTTP/1.1 and by a browser's bundle of
// hosts on one HTTP/2 connection.
func TestMisdirectedRequests(t *testing.T) {
	authority := gate.NewAuthority(t, "ours")
	good := authority.Client(t, "good", time.Hour)
	g := start(t, gate.Options{}, services(t, "web"), gate.NewCertificate(t, "a.test").Secret("tls"), gate.AuthoritySecret("clients", nil, authority),
		asks("a.test"), asks("b.test"), asks("*.wild.test"), tlsRoute("open", "open.test", "tls"))
	for _, c := range []struct {
		serverName string
		hosts      map[string]int
	}{
		{"a.test", map[string]int{"a.test": 200, "A.Test": 200, "a.test:443": 200, "a.test.": 200, "open.test": 200, "b.test": 421, "x.wild.test": 421}},
		{"open.test", map[string]int{"open.test": 200, "a.test": 421, "A.TEST:443": 421, "a.test.": 421, "x.wild.test": 421}},
		{"x.wild.test", map[string]int{"x.wild.test": 200, "y.wild.test": 200, "a.test": 421}},
		{"unknown.test", map[string]int{"a.test": 421}},
		{"", map[string]int{"a.test": 421, "a.test:443": 421, "open.test": 200}},
	} {
		for host, status := range c.hosts {
			if answer, _ := getOver(t, g, client(c.serverName, &good), host); answer.StatusCode != status {
				t.Errorf("HTTP/1.1, handshake for %q, host %q: %d, expected %d", c.serverName, host, answer.StatusCode, status)
			}
		}
		conn, err := tls.Dial("tcp", g.HTTPS, client(c.serverName, &good, "h2"))
		if err != nil {
			t.Fatal(err)
		}
		h2, err := (&http2.Transport{}).NewClientConn(conn)
		if err != nil {
			t.Fatal(err)
		}
		for round := range 2 { // a 421 ends its request, and nothing else
			for host, status := range c.hosts {
				request, _ := http.NewRequest("GET", "https://"+host+"/", nil)
				answer, err := h2.RoundTrip(request)
				if err != nil {
					t.Errorf("HTTP/2, handshake for %q, host %q: %v", c.serverName, host, err)
					continue
				}
				answer.Body.Close()
				if answer.StatusCode != status {
					t.Errorf("HTTP/2, handshake for %q, host %q: %d in round %d, expected %d", c.serverName, host, answer.StatusCode, round, status)
				}
			}
		}
		conn.Close()
	}
}

// As curl does it, and what OpenSSL is told of whose certificates are wanted.
func TestClientCertificatesByCurl(t *testing.T) {
	authority := gate.NewAuthority(t, "the authority of ours")
	good := authority.Client(t, "good", time.Hour)
	g := start(t, gate.Options{}, services(t, "web"), gate.NewCertificate(t, "a.test").Secret("tls"), gate.AuthoritySecret("clients", nil, authority),
		asks("a.test"), tlsRoute("open", "open.test", "tls"))
	key, err := x509.MarshalPKCS8PrivateKey(good.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		return gate.WriteFile(t, name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	pair := []string{"--cert", write("cert", "CERTIFICATE", good.Certificate[0]), "--key", write("key", "PRIVATE KEY", key)}
	for _, c := range []struct {
		args []string
		want string
	}{{nil, "400"}, {pair, "200"}} {
		for _, version := range []string{"--http1.1", "--http2"} {
			args := append([]string{"-sk", version, "-o", "/dev/null", "-w", "%{http_code}", "--connect-to", "a.test:443:" + g.HTTPS,
				"https://a.test/"}, c.args...)
			if out := gate.Tool(t, "curl", args...); out != c.want {
				t.Errorf("curl %s with %d arguments: %s; expected %s", version, len(c.args), out, c.want)
			}
		}
	}
	if out := openssl(t, g, "-servername", "a.test"); !strings.Contains(out, "Acceptable client certificate CA names\nCN = the authority of ours") {
		t.Errorf("s_client: %s", out)
	}
	if out := openssl(t, g, "-servername", "open.test"); !strings.Contains(out, "No client certificate CA names sent") {
		t.Errorf("s_client, of a host that asks for nothing: %s", out)
	}
}

// Pairs, authorities and settings change under requests over TLS, on connections that live on and on new ones: none fails.
func TestTLSChangesUnderLoad(t *testing.T) {
	ours, next := gate.NewAuthority(t, "ours"), gate.NewAuthority(t, "next")
	good := ours.Client(t, "good", time.Hour)
	g := start(t, gate.Options{Args: keepAlive}, services(t, "web"), asks("a.test"), tlsRoute("open", "open.test", "tls"))
	write := func(round int) {
		bundle := []gate.Authority{ours}
		if round%2 == 1 {
			bundle = append(bundle, next)
		}
		g.Dir.Write("secrets.yaml", gate.NewCertificate(t, "a.test", "open.test").Secret("tls"), gate.AuthoritySecret("clients", nil, bundle...),
			gate.ConfigMap("settings", map[string]string{"ssl-session-timeout": fmt.Sprintf("%dm", 10+round%3)}))
	}
	g.Change(t, func() { write(0) })
	var loads []*gate.Load
	for _, perConnection := range []int{0, 3} {
		loads = append(loads,
			g.StartLoad(t, gate.LoadOptions{Clients: 4, Host: "a.test", TLS: client("a.test", &good), PerConnection: perConnection}),
			g.StartLoad(t, gate.LoadOptions{Clients: 4, Host: "open.test", PerConnection: perConnection,
				TLS: &tls.Config{ServerName: "open.test", InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(8)}}))
	}
	for round := 1; round <= 60; round++ {
		g.Change(t, func() { write(round) })
	}
	for i, load := range loads {
		result := load.Stop()
		t.Logf("load %d: %s", i, result)
		if result.Failed() > 0 || result.Requests < 100 {
			t.Errorf("load %d: %s", i, result)
		}
	}
}

// What the log can say of a client.
func TestClientCertificatesInTheLog(t *testing.T) {
	t.Parallel() // it waits most of its time
	authority := gate.NewAuthority(t, "ours")
	good := authority.Client(t, "good", time.Hour)
	leaf, err := x509.ParseCertificate(good.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	g := start(t, gate.Options{Args: keepAlive}, services(t, "web"), gate.NewCertificate(t, "a.test").Secret("tls"),
		gate.AuthoritySecret("clients", nil, authority), asks("a.test", "verify-client", "optional"), tlsRoute("open", "open.test", "tls"),
		gate.ConfigMap("settings", map[string]string{
			"log-format-upstream": "$host|$ssl_client_verify|$ssl_client_s_dn|$ssl_client_i_dn|$ssl_client_serial|$ssl_client_fingerprint|"}))
	for _, c := range []struct {
		host  string
		shown *tls.Certificate
		want  string
	}{
		{"a.test", &good, fmt.Sprintf("a.test|SUCCESS|CN=good,O=Acme|CN=ours|%X|%x|", leaf.SerialNumber, sha1.Sum(leaf.Raw))},
		{"a.test", nil, "a.test|NONE|-|-|-|-|"},
		{"open.test", nil, "open.test|-|-|-|-|-|"},
	} {
		getOver(t, g, client(c.host, c.shown), c.host)
		g.AccessLog.WaitLine(t, 0, c.want, 5*time.Second)
	}
}

// A cold start from what was kept on disk has no authorities to check by: it lets nobody in, and lets them in again when it has.
// Keys of session tickets are not kept either.
func TestClientCertificatesAtAColdStart(t *testing.T) {
	authority := gate.NewAuthority(t, "ours")
	good := authority.Client(t, "good", time.Hour)
	dir, state := gate.NewDir(t), filepath.Join(t.TempDir(), "state")
	dir.Write("class.yaml", gate.IngressClass("yett", "yett.dev/ingress-controller", true))
	dir.Write("all.yaml", gate.Join(services(t, "web"), gate.NewCertificate(t, "a.test").Secret("tls"), gate.AuthoritySecret("clients", nil, authority),
		asks("a.test"), asks("optional.test", "verify-client", "optional"), tlsRoute("open", "open.test", "tls"))...)
	g := gate.Start(t, stateOptions(dir, state))
	waitKept(t, g)
	if answer, _ := getOver(t, g, client("a.test", &good), "a.test"); answer.StatusCode != 200 {
		t.Errorf("before: status %d", answer.StatusCode)
	}
	for name, content := range stateFiles(t, state) {
		if bytes.Contains(content, []byte("made by the gate")) || bytes.Contains(content, authority.PEM[60:200]) {
			t.Errorf("%s holds a secret", name)
		}
	}
	killAll(t, g)

	back := away(t, dir)
	g = gate.Start(t, stateOptions(dir, state))
	for host, status := range map[string]int{"a.test": 403, "optional.test": 403, "open.test": 200} {
		if answer, _ := getOver(t, g, client(host, &good), host); answer.StatusCode != status {
			t.Errorf("from what was kept, %s over TLS: %d, expected %d", host, answer.StatusCode, status)
		}
	}
	if answer := g.Get(t, "a.test", "/"); answer.StatusCode != 403 {
		t.Errorf("from what was kept, a.test in the clear: %d", answer.StatusCode)
	}
	g.Change(t, back)
	if answer, _ := getOver(t, g, client("a.test", &good), "a.test"); answer.StatusCode != 200 {
		t.Errorf("after all is there again: status %d", answer.StatusCode)
	}
}
