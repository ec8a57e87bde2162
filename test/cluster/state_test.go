package cluster

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"yett.dev/cluster/kube"
	"yett.dev/cluster/sandbox"
)

// With a state directory, a start without the API server serves what was served before; and goes on from there when
// the API server is back.
func TestColdStart(t *testing.T) {
	s := newScene(t)
	state := filepath.Join(sandbox.Dir(), s.name)
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	s.backend(s.namespace, "web")
	s.Apply(t, s.namespace, s.ingress("web", "web.test", ""))
	user := s.user()
	before := s.gate(user, "--state-dir", state)
	before.WaitReady(t)
	before.WaitAnswer(t, "http://web.test/", http.StatusOK)
	before.End(t)
	s.KillAPIServer()
	after := s.gate(user, "--state-dir", state)
	after.WaitReady(t)
	if err := expect(t, after, "http://web.test/", http.StatusOK); err != nil {
		t.Error(err)
	}
	if err := s.StartAPIServer(s.within(kube.StartLimit)); err != nil {
		t.Fatal(err)
	}
	s.follows(after, "later")
}
