package e2e

import (
	"regexp"
	"strings"
	"testing"

	"yett.dev/e2e/gate"
)

// A request that brings no X-Request-ID gets one: 32 hex digits, of which no two are alike.
func TestRequestIDIsMade(t *testing.T) {
	web := gate.NewBackend(t, "web")
	g := start(t, gate.Options{}, gate.Backends("web", web.Addr), gate.Route("web", "web.test", "/", "web"))
	form := regexp.MustCompile(`^[0-9a-f]{32}$`)
	seen := make(map[string]bool)
	var all strings.Builder

	for range 50 {
		id := g.Get(t, "web.test", "/").Header.Get("Got-X-Request-Id")
		if !form.MatchString(id) {
			t.Fatalf("X-Request-ID: %q", id)
		}
		if seen[id] {
			t.Fatalf("%s came twice", id)
		}
		seen[id] = true
		all.WriteString(id)
	}
	for _, digit := range "0123456789abcdef" {
		if !strings.ContainsRune(all.String(), digit) {
			t.Errorf("no %c in 1,600 digits", digit)
		}
	}
}
