package e2e

import (
	"testing"

	"yett.dev/e2e/gate"
)

// ingress-nginx's flags that mean nothing here are taken, and said to mean nothing.
func TestFlagsWithoutEffect(t *testing.T) {
	g := start(t, gate.Options{Args: []string{"--report-status-classes", "--sync-period=1h"}},
		services(t, "web"), gate.Route("web", "web.test", "/", "web"))
	for _, flag := range []string{"report-status-classes", "sync-period"} {
		if len(g.Log.Find(0, "flag_has_no_effect flag="+flag+" ")) == 0 {
			t.Errorf("nobody says that --%s has no effect:\n%s", flag, g.Log.Tail(20))
		}
	}
}

// What is written into a cluster is not written anywhere else.
func TestFlagsOfAClusterWithManifests(t *testing.T) {
	g := start(t, gate.Options{Args: []string{"--publish-service=gate/yett"}}, services(t, "web"),
		gate.Route("web", "web.test", "/", "web"))
	if len(g.Log.Find(0, "flags_have_no_effect ")) == 0 {
		t.Errorf("nobody says that --publish-service has no effect:\n%s", g.Log.Tail(20))
	}
}
