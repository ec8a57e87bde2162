package e2e

import (
	"io"
	"net/http"
	"testing"

	"yett.dev/e2e/gate"
)

// An idle connection of HTTP/2 costs a worker at most 24 KB: nghttp2's frame buffer of 16 KB, and its tables.
func TestMemoryOfIdleHTTP2Connections(t *testing.T) {
	const bytesMax = 24 << 10
	count := 1000
	if gate.Sanitized() {
		count = 50 // which says whether it works; the bound is for what is shipped
	}
	g := start(t, gate.Options{Workers: 1, Args: append([]string{"--access-log", "off"}, keepAlive...)}, settings(nil),
		services(t, "web"), gate.Route("web", "web.test", "/", "web"))
	open := func(count int) {
		for range count {
			transport := h2c(g.HTTP)
			t.Cleanup(transport.CloseIdleConnections)
			request, _ := http.NewRequest("GET", "http://web.test/", nil)
			answer, err := transport.RoundTrip(request)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
	}
	open(16)
	before := gate.PrivateBytes(t, g.WorkerPid(0))
	open(count)
	each := (gate.PrivateBytes(t, g.WorkerPid(0)) - before) / int64(count)
	t.Logf("%d idle connections cost %d bytes each", count, each)
	if !gate.Sanitized() && each > bytesMax {
		t.Errorf("an idle connection costs %d bytes, more than %d", each, bytesMax)
	}
}
