package cluster

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"yett.dev/cluster/kube"
)

// A thousand Secrets, each watched by its name: the gate starts in time, in memory that it may have, and all of the
// watches go on when the API server comes back.
func TestManySecrets(t *testing.T) {
	const many = 1000
	s := newScene(t)
	s.backend(s.namespace, "web")
	names := make([]string, many)
	s.inParallel(many, func(i int) string {
		names[i] = fmt.Sprintf("many-%d", i)
		return secret(t, names[i], names[i]+".test") + s.ingress(names[i], names[i]+".test", names[i])
	})
	s.mayRead(s.namespace, names...)
	begin := time.Now()
	g := s.gate(s.user(), "--access-log", "off")
	g.WaitReady(t)
	t.Logf("ready after %v; the controller has %d MiB", time.Since(begin).Round(time.Millisecond), residentMiB(t, g))
	for i := 0; i < many; i += 97 {
		waitCertificate(t, g, names[i]+".test", time.Minute)
	}
	reads := map[string]int{}
	for _, event := range s.asked() {
		if event.ObjectRef != nil && event.ObjectRef.Resource == "secrets" && event.Stage == "ResponseStarted" {
			reads[event.ObjectRef.Name]++
		}
	}
	if len(reads) != many {
		t.Errorf("%d Secrets were asked for; want %d", len(reads), many)
	}

	s.KillAPIServer()
	if err := s.StartAPIServer(s.within(kube.StartLimit)); err != nil {
		t.Fatal(err)
	}
	s.follows(g, "after")
	last := names[many-1]
	before := serial(t, g, last+".test")
	s.Apply(t, s.namespace, secret(t, last, last+".test"))
	renewed := time.Now()
	kube.Wait(t, 60*time.Second, "a renewed certificate", func() error {
		if serial(t, g, last+".test") == before {
			return contains("the old certificate", "the new one")
		}
		return nil
	})
	t.Logf("a renewed Secret is shown %v after it was accepted; the controller has %d MiB", time.Since(renewed).Round(time.Millisecond), residentMiB(t, g))
	if err := expect(t, g, "http://"+last+".test/", http.StatusOK); err != nil {
		t.Error(err)
	}
}

// inParallel applies what `text` says for each number.
func (s *scene) inParallel(n int, text func(i int) string) {
	s.t.Helper()
	var workers sync.WaitGroup
	numbers := make(chan int)
	for range 16 {
		workers.Go(func() {
			for i := range numbers {
				if err := s.ApplyYAML(s.t.Context(), s.namespace, []byte(text(i))); err != nil {
					s.t.Error(err)
				}
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	workers.Wait()
	if s.t.Failed() {
		s.t.FailNow()
	}
}

// residentMiB is what the gate's controller has in memory.
func residentMiB(t *testing.T, g *kube.Gate) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.ControllerPid()))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kib >> 10
		}
	}
	t.Fatal("the controller's memory is not told")
	return 0
}
