package cluster

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"yett.dev/cluster/kube"
)

// Whatever becomes of the API server, traffic does not notice: a load runs from before each failure to after it, and
// loses nothing.

// underLoad starts a gate with one Ingress and a load on it; when the test ends, none may have failed.
func (s *scene) underLoad(kubeconfig string, flags ...string) (*kube.Gate, *kube.Load) {
	s.t.Helper()
	s.backend(s.namespace, "web")
	s.Apply(s.t, s.namespace, s.ingress("steady", "steady.test", ""))
	g := s.gate(kubeconfig, append(flags, "--access-log", "off")...) // or the load would be all that the log tells
	g.WaitReady(s.t)
	g.WaitAnswer(s.t, "http://steady.test/", http.StatusOK)
	load := s.NewMember(s.t).StartLoad(s.t, kube.LoadOptions{Address: g.HTTP, Host: "steady.test", Pause: 5 * time.Millisecond})
	s.t.Cleanup(func() {
		if result := load.Stop(); result.Failed() > 0 || result.Requests == 0 {
			s.t.Errorf("the load: %v", result)
		} else {
			s.t.Logf("the load: %v", result)
		}
	})
	load.WaitRequests(s.t, 20)
	return g, load
}

// follows proves that the gate is in step again: a new Ingress is served. It returns how long that took from the API
// server's acceptance on.
func (s *scene) follows(g *kube.Gate, name string) time.Duration {
	s.t.Helper()
	s.Apply(s.t, s.namespace, s.ingress(name, name+".test", ""))
	begin := time.Now()
	g.WaitAnswer(s.t, "http://"+name+".test/", http.StatusOK)
	return time.Since(begin)
}

// expect is an error where the gate answers otherwise.
func expect(t *testing.T, g *kube.Gate, url string, status int) error {
	t.Helper()
	answer, err := g.Member.Get(t.Context(), g.HTTP, url)
	if err == nil && answer.StatusCode != status {
		err = fmt.Errorf("%s: status %d; want %d", url, answer.StatusCode, status)
	}
	return err
}

func (s *scene) within(limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	s.t.Cleanup(cancel)
	return ctx
}

// cutUntilNoticed cuts the gate off for so long that it gives its connection up: what the API server's machine still
// has to send on that would come when the cut is healed.
func (s *scene) cutUntilNoticed(g *kube.Gate) {
	s.t.Helper()
	if err := g.CutFromAPI(s.Cluster); err != nil {
		s.t.Fatal(err)
	}
	kube.Wait(s.t, 60*time.Second, "the watches to be given up", func() error {
		return contains(g.Tail(1000), "api_watch_failed kind=Ingress ")
	})
}

// Packets are dropped, not refused. What changed meanwhile is told by the same watches, without a listing.
func TestWatchResumesAfterACut(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	g, load := s.underLoad(s.user())
	listings := s.listings()
	s.cutUntilNoticed(g)
	s.Apply(t, s.namespace, s.ingress("meanwhile", "meanwhile.test", ""))
	s.Apply(t, s.namespace, s.ingress("gone", "gone.test", ""))
	s.Delete(t, s.namespace, s.ingress("gone", "gone.test", ""))
	load.WaitRequests(t, 20)
	if err := g.HealToAPI(s.Cluster); err != nil {
		t.Fatal(err)
	}
	healed := time.Now()
	kube.Wait(t, 45*time.Second, "what changed meanwhile", func() error {
		return expect(t, g, "http://meanwhile.test/", http.StatusOK)
	})
	t.Logf("in step %v after the cut was healed", time.Since(healed).Round(time.Millisecond))
	s.follows(g, "after")
	if now := s.listings(); now != listings {
		t.Errorf("%d listings; there were %d before the cut", now, listings)
	}
}

// A short cut is not even noticed: the connection stands, and TCP repeats what was lost.
func TestShortCut(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	g, load := s.underLoad(s.user())
	if err := g.CutFromAPI(s.Cluster); err != nil {
		t.Fatal(err)
	}
	s.Apply(t, s.namespace, s.ingress("meanwhile", "meanwhile.test", ""))
	load.WaitRequests(t, 200)
	if err := g.HealToAPI(s.Cluster); err != nil {
		t.Fatal(err)
	}
	g.WaitAnswer(t, "http://meanwhile.test/", http.StatusOK)
}

func TestAPIServerIsAwayForAMinute(t *testing.T) {
	s := newScene(t)
	g, load := s.underLoad(s.user())
	s.KillAPIServer()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		load.WaitRequests(t, 100)
	}
	if status, err := g.Ready(t.Context()); err != nil || status != http.StatusOK {
		t.Errorf("/readyz answers %d, %v", status, err)
	}
	if err := s.StartAPIServer(s.within(kube.StartLimit)); err != nil {
		t.Fatal(err)
	}
	t.Logf("a change is served %v after the API server is back", s.follows(g, "after").Round(time.Millisecond))
}

// A gate that starts while the API server is away waits for it, and is not ready.
func TestStartWithoutAPIServer(t *testing.T) {
	s := newScene(t)
	s.backend(s.namespace, "web")
	s.Apply(t, s.namespace, s.ingress("web", "web.test", ""))
	user := s.user()
	s.KillAPIServer()
	g := s.gate(user)
	kube.Wait(t, 10*time.Second, "the log to tell", func() error {
		return contains(g.Tail(100), "api_unreachable")
	})
	if status, err := g.Ready(t.Context()); err != nil || status == http.StatusOK {
		t.Errorf("/readyz answers %d, %v", status, err)
	}
	if err := s.StartAPIServer(s.within(kube.StartLimit)); err != nil {
		t.Fatal(err)
	}
	g.WaitReady(t)
	if err := expect(t, g, "http://web.test/", http.StatusOK); err != nil {
		t.Errorf("ready, but the first answer is not what it should be: %v", err)
	}
}

// The gate is cut off; meanwhile an object goes, another comes, and the API server is restarted with its history
// compacted, so that nobody can tell the gate what it missed: it must list anew.
func TestHistoryIsCompacted(t *testing.T) {
	s := newScene(t)
	g, load := s.underLoad(s.user())
	s.Apply(t, s.namespace, s.ingress("doomed", "doomed.test", ""))
	g.WaitAnswer(t, "http://doomed.test/", http.StatusOK)
	listings := s.listings()
	s.cutUntilNoticed(g)
	s.Delete(t, s.namespace, s.ingress("doomed", "doomed.test", ""))
	s.Apply(t, s.namespace, s.ingress("new", "new.test", ""))
	s.KillAPIServer()
	if err := s.Compact(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.StartAPIServer(s.within(kube.StartLimit)); err != nil {
		t.Fatal(err)
	}
	load.WaitRequests(t, 100)
	if err := expect(t, g, "http://doomed.test/", http.StatusOK); err != nil {
		t.Errorf("while cut off: %v", err)
	}
	if err := g.HealToAPI(s.Cluster); err != nil {
		t.Fatal(err)
	}
	kube.Wait(t, 60*time.Second, "what came and went", func() error {
		if err := expect(t, g, "http://new.test/", http.StatusOK); err != nil {
			return err
		}
		return expect(t, g, "http://doomed.test/", http.StatusNotFound)
	})
	if now := s.listings(); now <= listings {
		t.Errorf("%d listings; there were %d before", now, listings)
	}
	s.follows(g, "after")
}

// The token file gets a token of a new key, and those of the old one are revoked.
func TestTokenIsRotatedUnderTheGate(t *testing.T) {
	s := newScene(t)
	file := filepath.Join(t.TempDir(), "token")
	write := func() {
		t.Helper()
		next := file + ".next"
		if err := os.WriteFile(next, []byte(s.Token(t, s.namespace, s.name)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, file); err != nil {
			t.Fatal(err)
		}
	}
	write()
	kubeconfig, err := s.TokenFileKubeconfig("token-"+s.name, file)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := s.underLoad(kubeconfig)
	if err := s.RotateServiceAccountKey(s.within(kube.StartLimit)); err != nil {
		t.Fatal(err)
	}
	s.follows(g, "rotated")
	write()
	if err := s.RevokeOldTokens(s.within(kube.StartLimit)); err != nil {
		t.Fatal(err)
	}
	s.follows(g, "revoked")
}

// A token that is revoked before there is another: nothing is lost, and the new one is taken up when it comes.
func TestTokenIsRevokedFirst(t *testing.T) {
	s := newScene(t)
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(s.Token(t, s.namespace, s.name))
	kubeconfig, err := s.TokenFileKubeconfig("token-"+s.name, file)
	if err != nil {
		t.Fatal(err)
	}
	g, load := s.underLoad(kubeconfig)
	if err := s.RotateServiceAccountKey(s.within(kube.StartLimit)); err != nil {
		t.Fatal(err)
	}
	if err := s.RevokeOldTokens(s.within(kube.StartLimit)); err != nil {
		t.Fatal(err)
	}
	kube.Wait(t, 30*time.Second, "the log to tell of 401", func() error {
		return contains(g.Tail(1000), "status=401")
	})
	load.WaitRequests(t, 50)
	write(s.Token(t, s.namespace, s.name))
	kube.Wait(t, 60*time.Second, "the new token to be taken up", func() error {
		return contains(g.Tail(1000), "api_watch_stands kind=Ingress ")
	})
	s.follows(g, "after")
}

// Whoever shows a certificate that has run out is not believed; the one that is renewed is.
func TestCertificateOfAPIServerRunsOut(t *testing.T) {
	s := newScene(t)
	g, load := s.underLoad(s.user())
	if err := s.ServeExpired(); err != nil {
		t.Fatal(err)
	}
	kube.Wait(t, kube.StartLimit, "the log to tell of the certificate", func() error {
		return contains(g.Tail(1000), "expired")
	})
	load.WaitRequests(t, 100)
	if err := s.ServeRenewed(s.within(2 * kube.StartLimit)); err != nil {
		t.Fatal(err)
	}
	t.Logf("a change is served %v after the certificate is renewed", s.follows(g, "after").Round(time.Millisecond))
}

// An API server that is there and says nothing, as one does whose machine has stopped.
func TestAPIServerFreezes(t *testing.T) {
	s := newScene(t)
	g, load := s.underLoad(s.user())
	if err := s.FreezeAPIServer(); err != nil {
		t.Fatal(err)
	}
	load.WaitRequests(t, 1000)
	if err := s.ThawAPIServer(); err != nil {
		t.Fatal(err)
	}
	t.Logf("a change is served %v after the API server goes on", s.follows(g, "after").Round(time.Millisecond))
}

// A controller that dies is replaced; the next one lists, and says nothing before it has.
func TestControllerDies(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	g, load := s.underLoad(s.user())
	for i := range 3 {
		if err := g.KillController(); err != nil {
			t.Fatal(err)
		}
		s.follows(g, fmt.Sprintf("after-%d", i))
	}
	load.WaitRequests(t, 50)
}
