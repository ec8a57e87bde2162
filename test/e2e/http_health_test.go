package e2e

import (
	"strings"
	"testing"

	"yett.dev/e2e/gate"
)

func TestHealthPort(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/livez": 200, "/metrics": 200, "/unknown": 404} {
		status, body, err := s.AdminGet(path)
		if err != nil || status != want {
			t.Errorf("%s: %d, %v", path, status, err)
		}
		if path == "/metrics" && !strings.Contains(string(body), "# TYPE ") {
			t.Errorf("metrics: %q", body)
		}
	}
}

// Requests to the health port that are none are refused like everywhere.
func TestHealthPortIsStrict(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	conn := gate.DialAddr(t, s.Admin)
	conn.Send(t, "GET /healthz HTTP/1.1\r\n\r\n")
	if answer := conn.Answer(t, "GET"); answer.StatusCode != 400 {
		t.Errorf("status %d", answer.StatusCode)
	}
	if len(s.seen.all()) != 0 {
		t.Errorf("the backend saw %q", s.seen.all())
	}
}
