package cluster

import (
	"fmt"
	"testing"
	"time"

	"yett.dev/cluster/kube"
)

// An API server that acknowledges and does not answer: the leader, whose requests go unanswered, has all watches leave
// the connection that they share, long before they would notice themselves; and all come back when it goes on.
func TestSilentConnectionIsLeft(t *testing.T) {
	w := newWrites(t, "default")
	g := w.start()
	w.leader([]*kube.Gate{g})
	if n := metric(t, g, "yett_api_connections_total"); n != 1 {
		t.Errorf("%v connections; want 1", n)
	}
	if err := w.FreezeAPIServer(); err != nil {
		t.Fatal(err)
	}
	kube.Wait(t, 40*time.Second, "the watches to leave", func() error {
		if metric(t, g, "yett_api_in_step") == 1 {
			return fmt.Errorf("they stand")
		}
		return nil
	})
	if err := w.ThawAPIServer(); err != nil {
		t.Fatal(err)
	}
	kube.Wait(t, 40*time.Second, "the watches to stand", func() error {
		if metric(t, g, "yett_api_in_step") != 1 {
			return fmt.Errorf("they do not")
		}
		return nil
	})
	if n := metric(t, g, "yett_api_connections_total"); n < 2 {
		t.Errorf("%v connections; want another one", n)
	}
}
