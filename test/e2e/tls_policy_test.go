package e2e

import (
	"crypto/rsa"
	"crypto/tls"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"yett.dev/e2e/gate"
)

// openssl is what `openssl s_client` finds out about the HTTPS port; it asks for nothing.
func openssl(t *testing.T, g *gate.Gate, args ...string) string {
	t.Helper()
	cmd := exec.Command("openssl", append([]string{"s_client", "-connect", g.HTTPS}, args...)...)
	cmd.Stdin = strings.NewReader("")
	out, _ := cmd.CombinedOutput() // its status tells nothing that its text does not
	return string(out)
}

var opensslFound = regexp.MustCompile(`New, (\S+), Cipher is (\S+)`)

// handshake is the protocol and the cipher that s_client ended up with; "(NONE)" twice where it did not.
func handshake(t *testing.T, g *gate.Gate, args ...string) (protocol, cipher string) {
	t.Helper()
	out := openssl(t, g, args...)
	found := opensslFound.FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("openssl s_client %v says %s", args, out)
	}
	return found[1], found[2]
}

// What the ConfigMap says of TLS, as OpenSSL's client finds it.
func TestTLSSettings(t *testing.T) {
	certificate := gate.NewCertificate(t, "a.test")
	g := start(t, gate.Options{Args: keepAlive}, services(t, "web"), certificate.Secret("tls"), tlsRoute("a", "a.test", "tls"))
	for i, c := range []struct {
		settings         map[string]string
		args             string
		protocol, cipher string // "" whichever
	}{
		{nil, "-servername a.test", "TLSv1.3", ""},
		{nil, "-servername a.test -tls1_2", "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"},
		{nil, "-servername a.test -tls1_1", "(NONE)", "(NONE)"},
		{nil, "-servername a.test -tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256", "(NONE)", "(NONE)"},
		{map[string]string{"ssl-protocols": "TLSv1.2"}, "-servername a.test", "TLSv1.2", ""},
		{map[string]string{"ssl-protocols": "TLSv1.3"}, "-servername a.test -tls1_2", "(NONE)", "(NONE)"},
		{map[string]string{"ssl-protocols": "TLSv1.3"}, "-servername a.test", "TLSv1.3", ""},
		{map[string]string{"ssl-protocols": "TLSv1.1 TLSv1.2"}, "-servername a.test -tls1_1", "(NONE)", "(NONE)"},
		{map[string]string{"ssl-ciphers": "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384"},
			"-servername a.test -tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305", "TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305"},
		{map[string]string{"ssl-ciphers": "ECDHE-ECDSA-AES256-GCM-SHA384"}, "-servername a.test -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", "(NONE)", "(NONE)"},
		{map[string]string{"ssl-ciphers": "NO-SUCH-CIPHER"}, "-servername a.test -tls1_2", "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"},
		{map[string]string{"ssl-ecdh-curve": "secp384r1"}, "-servername a.test -groups X25519", "(NONE)", "(NONE)"},
		{map[string]string{"ssl-ecdh-curve": "secp384r1"}, "-servername a.test -groups X25519:secp384r1", "TLSv1.3", ""},
		{map[string]string{"ssl-reject-handshake": "true"}, "-servername unknown.test", "(NONE)", "(NONE)"},
		{map[string]string{"ssl-reject-handshake": "true"}, "-noservername", "(NONE)", "(NONE)"},
		{map[string]string{"ssl-reject-handshake": "true"}, "-servername a.test", "TLSv1.3", ""},
	} {
		settings := map[string]string{"keep-alive": fmt.Sprint(100 + i)} // a change, whatever came before
		maps.Copy(settings, c.settings)
		g.Change(t, func() { g.Dir.Write("settings.yaml", gate.ConfigMap("settings", settings)) })
		protocol, cipher := handshake(t, g, strings.Fields(c.args)...)
		if protocol != c.protocol || c.cipher != "" && cipher != c.cipher {
			t.Errorf("%v, %s: %s %s, expected %s %s", c.settings, c.args, protocol, cipher, c.protocol, c.cipher)
		}
	}
}

// A host's own ciphers, by its name; and RSA beside ECDSA.
func TestTLSOfAHost(t *testing.T) {
	certificate := gate.NewCertificate(t, "a.test", "b.test")
	own := gate.Ingress{Name: "b", Annotations: map[string]string{
		"nginx.ingress.kubernetes.io/ssl-ciphers":               "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384",
		"nginx.ingress.kubernetes.io/ssl-prefer-server-ciphers": "false",
	}, TLS: []gate.TLS{{Hosts: []string{"b.test"}, Secret: "ecdsa"}},
		Rules: []gate.Rule{{Host: "b.test", Paths: []gate.Path{{Path: "/", Service: "web"}}}}}
	two := gate.Ingress{Name: "c", TLS: []gate.TLS{{Hosts: []string{"c.test"}, Secret: "rsa"}, {Hosts: []string{"c.test"}, Secret: "also"}},
		Rules: []gate.Rule{{Host: "c.test", Paths: []gate.Path{{Path: "/", Service: "web"}}}}}
	g := start(t, gate.Options{}, services(t, "web"), certificate.Secret("ecdsa"), tlsRoute("a", "a.test", "ecdsa"), own.Object(),
		two.Object(), rsaSecret(t, "rsa", "c.test"), gate.NewCertificate(t, "c.test").Secret("also"))
	if _, cipher := handshake(t, g, "-servername", "b.test", "-tls1_2"); cipher != "ECDHE-ECDSA-AES256-GCM-SHA384" {
		t.Errorf("b.test speaks %s", cipher)
	}
	if _, cipher := handshake(t, g, "-servername", "a.test", "-tls1_2"); cipher != "ECDHE-ECDSA-AES128-GCM-SHA256" {
		t.Errorf("a.test speaks %s", cipher)
	}
	for suite, wantsRSA := range map[uint16]bool{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:   true,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: false,
	} {
		conn, err := tls.Dial("tcp", g.HTTPS, &tls.Config{ServerName: "c.test", InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{suite}})
		if err != nil {
			t.Errorf("%s: %v", tls.CipherSuiteName(suite), err)
			continue
		}
		if _, isRSA := conn.ConnectionState().PeerCertificates[0].PublicKey.(*rsa.PublicKey); isRSA != wantsRSA {
			t.Errorf("%s: the certificate has an RSA key: %v", tls.CipherSuiteName(suite), isRSA)
		}
		conn.Close()
	}
	for sigalg, wantsRSA := range map[string]bool{"rsa_pss_rsae_sha256": true, "ecdsa_secp256r1_sha256": false} {
		out := openssl(t, g, "-servername", "c.test", "-tls1_3", "-sigalgs", sigalg)
		if strings.Contains(out, "Peer signature type: RSA-PSS") != wantsRSA || !strings.Contains(out, "Peer signature type") {
			t.Errorf("%s: %s", sigalg, out)
		}
	}
}

// Strict-Transport-Security: over TLS only, in place of the backend's, on whatever is answered, as the settings say.
func TestHSTS(t *testing.T) {
	certificate := gate.NewCertificate(t, "a.test")
	backend := gate.NewBackend(t, "web")
	g := start(t, gate.Options{Args: keepAlive}, gate.Backends("web", backend.Addr), certificate.Secret("tls"),
		tlsRoute("a", "a.test", "tls"), gate.Route("none", "none.test", "/", "nobody"))
	for _, c := range []struct {
		settings map[string]string
		want     string
	}{
		{map[string]string{"ssl-redirect": "false"}, "max-age=31536000; includeSubDomains"},
		{map[string]string{"ssl-redirect": "false", "hsts-max-age": "7", "hsts-include-subdomains": "false", "hsts-preload": "true"}, "max-age=7; preload"},
		{map[string]string{"ssl-redirect": "false", "hsts": "false"}, ""},
	} {
		g.Change(t, func() { g.Dir.Write("settings.yaml", gate.ConfigMap("settings", c.settings)) })
		if got := g.GetTLS(t, "a.test", "/").Header.Get("Strict-Transport-Security"); got != c.want {
			t.Errorf("over TLS: %q, expected %q", got, c.want)
		}
		if got := g.GetTLS(t, "none.test", "/"); got.StatusCode != 503 || got.Header.Get("Strict-Transport-Security") != c.want {
			t.Errorf("a 503 says %q", got.Header.Get("Strict-Transport-Security"))
		}
		if got := g.Get(t, "a.test", "/").Header.Get("Strict-Transport-Security"); got != "" {
			t.Errorf("in the clear: %q", got)
		}
	}
}
