package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
)

// What explain and routes say of how backends are spoken to, of client certificates and of TLS that passes through.
func TestExplainProtocols(t *testing.T) {
	t.Parallel()
	const backends, clients, through = "../golden/annotations-backend-tls", "../golden/annotations-auth-tls", "../golden/annotations-passthrough"
	for _, c := range []struct {
		dir, url string
		status   int
		wants    []string
	}{
		{backends, "http://speaks-grpc.test/", 0, []string{"Service default/a:80, by h2c\n"}},
		{backends, "http://speaks-https.test/", 0, []string{"by https, not verified\n"}},
		{backends, "http://ca.test/", 0, []string{"by https, verified as backend.internal, asked for by name\n"}},
		{backends, "http://whole.test/", 0, []string{"by h2, verified as backend.internal, shown a certificate\n"}},
		{backends, "http://missing.test/", 1, []string{"Answered by the gate: 503"}},
		{clients, "https://plain.test/", 0, []string{"Client certificates:\n    on, says Ingress default/plain, metadata.annotations", "Goes to:"}},
		{clients, "https://whole.test/", 0, []string{`optional, the subject matches CN=(ops|dev)\d+, says`}},
		{clients, "https://conflict.test/two", 1, []string{"    broken, says Ingress default/two", "Answered by the gate: 403, for the host cannot check its clients"}},
		{clients, "http://whole.test/", 1, []string{"Answered by the gate: 403, for no certificate is asked for"}},
		{through, "https://passes.test/any", 0, []string{"TLS of this host goes by undecrypted, whatever the path, to:\n    Service default/a:80\n        10.0.0.1:8080"}},
		{through, "http://passes.test/any", 0, []string{"Goes to:"}},
	} {
		got := command(t, "explain", "--enable-ssl-passthrough", "--manifests", c.dir, c.url)
		if got.status != c.status {
			t.Errorf("explain %s: status %d, expected %d", c.url, got.status, c.status)
		}
		wantText(t, "explain "+c.url, got.stdout, c.wants...)
	}

	var told struct {
		Backends   []struct{ Protocol, TLS string }
		ClientAuth struct {
			Mode, MatchCn string
			Depth         int
		}
		End string
	}
	for _, dir := range []string{backends, clients} {
		got := command(t, "explain", "--output", "json", "--manifests", dir, "https://whole.test/")
		if err := json.Unmarshal([]byte(got.stdout), &told); err != nil {
			t.Fatalf("%v: %+v", err, got)
		}
		if dir == backends && fmt.Sprint(told.Backends) != "[{h2 verified as backend.internal, shown a certificate}]" {
			t.Errorf("backends: %+v", told.Backends)
		}
	}
	if told.ClientAuth.Mode != "optional" || told.ClientAuth.Depth != 3 || told.ClientAuth.MatchCn != `CN=(ops|dev)\d+` || told.End != "backend" {
		t.Errorf("%+v", told)
	}

	var passed struct {
		Backends []struct {
			Service   string
			Endpoints []string
		}
		End string
	}
	got := command(t, "explain", "--output", "json", "--enable-ssl-passthrough", "--manifests", through, "https://passes.test/any")
	if err := json.Unmarshal([]byte(got.stdout), &passed); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	if fmt.Sprint(passed.Backends) != "[{default/a:80 [10.0.0.1:8080]}]" || passed.End != "passthrough" {
		t.Errorf("%+v", passed)
	}

	for dir, wants := range map[string][]string{
		backends: {"default/a:80(https)", "default/a:80(h2c)", "default/a:80(auto-http)"},
		clients:  {"clients:optional_no_ca", "clients:broken"},
		through:  {"through  -"},
	} {
		wantText(t, "routes", command(t, "routes", "--enable-ssl-passthrough", "--manifests", dir).stdout, wants...)
	}
}
