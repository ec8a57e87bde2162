package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"yett.dev/cluster/kube"
	"yett.dev/cluster/plane"
)

// replicas starts three of them, which all answer.
func (w *writes) replicas(flags ...string) []*kube.Gate {
	w.t.Helper()
	var gates []*kube.Gate
	for range 3 {
		gates = append(gates, w.start(append([]string{"--publish-status-address", "192.0.2.1"}, flags...)...))
	}
	return gates
}

func paths(events []plane.AuditEvent) (paths []string) {
	for _, e := range events {
		paths = append(paths, fmt.Sprintf("%s %s by %s: %+v", e.Verb, e.RequestURI, e.UserAgent, e.ResponseStatus))
	}
	return paths
}

func others(gates []*kube.Gate, leader *kube.Gate) []*kube.Gate {
	var rest []*kube.Gate
	for _, g := range gates {
		if g != leader {
			rest = append(rest, g)
		}
	}
	return rest
}

// loads sends requests through all of them; what is returned says what was lost.
func (w *writes) loads(gates []*kube.Gate, host string) func() {
	w.t.Helper()
	var loads []*kube.Load
	for _, g := range gates {
		g.WaitAnswer(w.t, "http://"+host+"/", 200)
		loads = append(loads, w.NewMember(w.t).StartLoad(w.t, kube.LoadOptions{Address: g.HTTP, Host: host, Clients: 2}))
	}
	return func() {
		w.t.Helper()
		for _, load := range loads {
			result := load.Stop()
			w.t.Log(result)
			if result.Failed() > 0 || result.Requests == 0 {
				w.t.Errorf("traffic noticed: %v", result)
			}
		}
	}
}

// The leader is killed: another one writes within the Lease's time, and traffic never notices.
func TestLeaderIsKilled(t *testing.T) {
	t.Parallel()
	const ttl = 6 * time.Second
	w := newWrites(t, "default")
	w.Apply(t, w.namespace, echoes("web", 1)+"---"+w.ingress("first", w.namespace, ""))
	w.WaitEndpoints(t, w.namespace, "web", 1)
	gates := w.replicas("--election-ttl", fmt.Sprint(ttl.Seconds()))
	leader := w.leader(gates)
	w.waitAddresses("first", "192.0.2.1", 10*time.Second)
	rest := others(gates, leader)
	stop := w.loads(rest, "first.test")

	/* The writing process first: it would outlive its supervisor by a moment. */
	if err := leader.KillController(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	leader.Kill()
	w.Apply(t, w.namespace, w.ingress("second", w.namespace, ""))
	w.waitAddresses("second", "192.0.2.1", ttl+3*time.Second)
	took := time.Since(killed)
	t.Logf("with a Lease of %v, another one had written %v after the leader was killed", ttl, took.Round(time.Millisecond))
	if took < ttl/4 {
		t.Errorf("that is sooner than the Lease allows")
	}
	w.leader(rest)
	stop()

	/* Only now does it follow, and it was the only one. */
	lease, err := w.Client.CoordinationV1().Leases("default").Get(t.Context(), w.namespace, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if *lease.Spec.LeaseTransitions != 1 || *lease.Spec.LeaseDurationSeconds != 6 || *lease.Spec.HolderIdentity == "" {
		t.Errorf("the Lease says %+v", lease.Spec)
	}
	if written := w.asked(isGoodWrite("ingresses")); len(written) != 2 {
		t.Errorf("%d statuses were written for 2 Ingresses: %v", len(written), paths(written))
	}
}

// An orderly end hands over at once, whatever the Lease's time.
func TestLeaderHandsOver(t *testing.T) {
	t.Parallel()
	w := newWrites(t, "default")
	w.Apply(t, w.namespace, w.ingress("first", w.namespace, ""))
	gates := w.replicas("--election-ttl", "300")
	for len(gates) > 1 {
		leader := w.leader(gates)
		w.waitAddresses("first", "192.0.2.1", 10*time.Second)
		begin := time.Now()
		leader.Stop(20 * time.Second)
		if status := leader.ExitStatus(); status != 0 {
			t.Errorf("the leader ended with status %d", status)
		}
		gates = others(gates, leader)
		name := fmt.Sprint("after", len(gates))
		w.Apply(t, w.namespace, w.ingress(name, w.namespace, ""))
		w.waitAddresses(name, "192.0.2.1", 10*time.Second)
		t.Logf("another one had written %v after the leader was asked to end", time.Since(begin).Round(time.Millisecond))
	}
}

// A leader that the API server does not hear from stops writing before another one begins.
func TestLeaderIsCutOff(t *testing.T) {
	t.Parallel()
	w := newWrites(t, "default")
	w.Apply(t, w.namespace, w.ingress("first", w.namespace, ""))
	gates := w.replicas("--election-ttl", "6")
	leader := w.leader(gates)
	if err := leader.CutFromAPI(w.Cluster); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	var ended time.Duration
	kube.Wait(t, 15*time.Second, "another one to lead", func() error {
		old, next := w.leads(leader), 0
		for _, g := range others(gates, leader) {
			if w.leads(g) {
				next++
			}
		}
		if !old && ended == 0 {
			ended = time.Since(begin)
		}
		switch {
		case next > 1 || (next == 1 && ended == 0):
			t.Fatalf("more than one leads")
		case next == 0:
			return fmt.Errorf("none leads")
		}
		return nil
	})
	t.Logf("cut off, it stopped leading after %v, and another one led after %v", ended.Round(time.Millisecond),
		time.Since(begin).Round(time.Millisecond))
	if err := leader.HealToAPI(w.Cluster); err != nil {
		t.Fatal(err)
	}
	w.Apply(t, w.namespace, w.ingress("second", w.namespace, ""))
	w.waitAddresses("second", "192.0.2.1", 10*time.Second)
	w.leader(gates) /* it comes back as a follower */
}

func (w *writes) leads(g *kube.Gate) bool {
	w.t.Helper()
	leads, err := w.metric(g, "nginx_ingress_controller_leader_election_status")
	if err != nil {
		w.t.Fatal(err)
	}
	return leads == 1
}

// Without election nobody leads, and nothing is written.
func TestNobodyLeads(t *testing.T) {
	t.Parallel()
	w := newWrites(t, "default")
	w.Apply(t, w.namespace, w.ingress("first", w.namespace, ""))
	g := w.start("--publish-status-address", "192.0.2.1", "--disable-leader-election")
	g.WaitAnswer(t, "http://first.test/", 503)
	w.Apply(t, w.namespace, w.ingress("second", w.namespace, ""))
	g.WaitAnswer(t, "http://second.test/", 503)
	if writes := w.asked(func(e plane.AuditEvent) bool {
		return isWrite(e.ObjectRef.Resource)(e) || strings.HasPrefix(e.ObjectRef.Resource, "leases")
	}); len(writes) > 0 {
		t.Errorf("something was written: %+v", writes)
	}
}
