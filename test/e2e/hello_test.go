package e2e

import (
	"testing"

	"yett.dev/e2e/gate"
)

func TestServesARoute(t *testing.T) {
	dir := gate.NewDir(t)
	web := gate.NewBackend(t, "web")
	dir.Write("web.yaml", gate.Join(gate.Backends("web", web.Addr), gate.Route("web", "web.test", "/", "web"))...)
	g := gate.Start(t, gate.Options{Dir: dir})
	answer := g.Get(t, "web.test", "/a%2fb?c=d")
	if answer.StatusCode != 200 || answer.Body != "web" || answer.Header.Get("Got-Target") != "/a%2fb?c=d" {
		t.Errorf("status %d, body %q, header %v", answer.StatusCode, answer.Body, answer.Header)
	}
}
