package e2e

import (
	"testing"

	"yett.dev/e2e/gate"
)

// Without an access log no line is made: its descriptor's number belongs to something else by then, and
// what is written there would be refused, and counted as dropped.
func TestAccessLogOff(t *testing.T) {
	web := gate.NewBackend(t, "web")
	g := start(t, gate.Options{Workers: 1, Args: []string{"--access-log", "off"}},
		gate.Backends("web", web.Addr), gate.Route("web", "web.test", "/", "web"))

	for range 100 { // more than a buffer's worth of lines
		g.Get(t, "web.test", "/")
	}
	if dropped := g.Metric(t, "yett_access_log_dropped_total"); dropped != 0 {
		t.Errorf("%v lines were dropped of a log that is off", dropped)
	}
	if text := g.AccessLog.Text(); text != "" {
		t.Errorf("standard output has %q", text)
	}
	if web.Requests.Load() != 100 {
		t.Errorf("the backend had %d requests", web.Requests.Load())
	}
}
