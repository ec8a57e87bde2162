package e2e

import (
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// SIGTERM under load: every request that was taken is answered; no connection is cut before an answer.
func TestTermUnderLoad(t *testing.T) {
	const clients = 8
	web := gate.NewBackend(t, "web")
	web.Handle(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(20 * time.Millisecond) // so that the signal meets requests in flight
		io.WriteString(w, "web")
	})
	g := start(t, gate.Options{Args: keepAlive}, settings(nil), gate.Backends("web", web.Addr), gate.Route("web", "web.test", "/", "web"))
	load := g.StartLoad(t, gate.LoadOptions{Clients: clients, Host: "web.test"})
	load.WaitRequests(t, 5*clients)
	begin := time.Now()
	g.Signal(t, syscall.SIGTERM)
	if status := g.WaitExit(t, 5*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
	t.Logf("ended after %v", time.Since(begin))
	result := load.Stop()
	t.Log(result)
	for reason, count := range result.Failures {
		// Once the gate has ended, nobody listens: that is what the grace period is for.
		if reason != gate.FailRefused {
			t.Errorf("%d × %s", count, reason)
		}
	}
	if served := int(web.Requests.Load()); served != result.Requests {
		t.Errorf("the backend served %d requests, the clients got %d", served, result.Requests)
	}
}

// What is in flight is finished, however slow; what is idle does not hold up the end.
func TestDrainFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel() // it waits most of its time
	release := make(chan struct{})
	slow := gate.NewBackend(t, "slow")
	slow.Handle(func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		<-release
		io.WriteString(w, "slow")
	})
	quick := gate.NewBackend(t, "quick")
	g := start(t, gate.Options{Workers: 1}, gate.Backends("slow", slow.Addr), gate.Route("slow", "slow.test", "/", "slow"),
		gate.Backends("quick", quick.Addr), gate.Route("quick", "quick.test", "/", "quick"))
	busy := g.Dial(t)
	busy.SendRequest(t, "GET", "/", "slow.test")
	gate.WaitFor(t, 5*time.Second, "the slow request to arrive", func() bool { return slow.Requests.Load() == 1 })
	idle := g.Dial(t)
	idle.SendRequest(t, "GET", "/", "quick.test")
	idle.Answer(t, "GET")
	silent := g.Dial(t) // never says a word

	g.Signal(t, syscall.SIGTERM)
	begin := time.Now()
	for what, conn := range map[string]*gate.RawConn{"idle": idle, "silent": silent} {
		if rest, err := conn.ReadEnd(); err != nil || rest != "" {
			t.Errorf("the %s connection ends with %q, %v", what, rest, err)
		}
	}
	if took := time.Since(begin); took > time.Second*gate.Scale() {
		t.Errorf("idle connections were kept for %v", took)
	}
	if conn, err := net.DialTimeout("tcp", g.HTTP, time.Second); err == nil {
		conn.Close()
		t.Error("connections are still taken")
	}
	if g.Exited() {
		t.Fatal("the gate ended with a request in flight")
	}
	close(release)
	if answer := busy.Answer(t, "GET"); answer.StatusCode != 200 || answer.Body != "slow" {
		t.Errorf("status %d, body %q", answer.StatusCode, answer.Body)
	}
	if status := g.WaitExit(t, 2*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func TestIdleConnectionsDoNotHoldTheExit(t *testing.T) {
	g := start(t, gate.Options{}, services(t, "web"), gate.Route("web", "web.test", "/", "web"))
	for i := range 20 {
		conn := g.Dial(t)
		if i%2 == 0 {
			conn.SendRequest(t, "GET", "/", "web.test")
			conn.Answer(t, "GET")
		}
	}
	begin := time.Now()
	g.Signal(t, syscall.SIGTERM)
	if status := g.WaitExit(t, 2*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
	took := time.Since(begin)
	t.Logf("ended after %v", took)
	if took > time.Second*gate.Scale() {
		t.Errorf("idle connections held the exit for %v", took)
	}
}

// During the grace period the gate says that it is not ready, and serves on.
func TestGracePeriod(t *testing.T) {
	t.Parallel() // it waits most of its time
	const clients = 4
	grace := 2 * time.Second
	g := start(t, gate.Options{Args: append([]string{"--shutdown-grace-period", "2"}, keepAlive...)}, settings(nil),
		services(t, "web"), gate.Route("web", "web.test", "/", "web"))
	load := g.StartLoad(t, gate.LoadOptions{Clients: clients, Host: "web.test"})
	load.WaitRequests(t, clients)
	begin := time.Now()
	g.Signal(t, syscall.SIGTERM)
	told := gate.WaitFor(t, 500*time.Millisecond, "readiness to fail", func() bool { return !g.Ready() })
	if status, _ := g.TryGet("web.test", "/"); status != 200 {
		t.Errorf("during the grace period: status %d", status)
	}
	for time.Since(begin) < grace/2 {
		load.WaitRequests(t, clients)
	}
	if result := load.Stop(); result.Failed() != 0 || result.Connections != clients {
		t.Errorf("during the grace period: %v", result)
	}
	status := g.WaitExit(t, grace+3*time.Second)
	took := time.Since(begin)
	t.Logf("unready after %v, ended after %v", told, took)
	if status != 0 || took < grace {
		t.Errorf("exit status %d after %v", status, took)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	hung := gate.NewRawBackend(t, func(conn *gate.RawConn) { conn.ReadEnd() })
	g := start(t, gate.Options{}, gate.Backends("hung", hung.Addr), gate.Route("hung", "hung.test", "/", "hung"))
	conn := g.Dial(t)
	conn.SendRequest(t, "GET", "/", "hung.test")
	gate.WaitFor(t, 5*time.Second, "the request to arrive", func() bool { return hung.Connections.Load() == 1 })
	from := len(g.Log.Lines())
	g.Signal(t, syscall.SIGTERM)
	g.Log.WaitLine(t, from, "draining", time.Second)
	begin := time.Now()
	g.Signal(t, syscall.SIGTERM)
	status := g.WaitExit(t, time.Second)
	if took := time.Since(begin); status != 1 || took > 500*time.Millisecond*gate.Scale() {
		t.Errorf("exit status %d after %v", status, took)
	}
}

// The limit cuts what hangs; the gate ends in order all the same.
func TestDrainLimit(t *testing.T) {
	t.Parallel() // it waits most of its time
	hung := gate.NewRawBackend(t, func(conn *gate.RawConn) { conn.ReadEnd() })
	g := start(t, gate.Options{Args: []string{"--drain-timeout", "1"}}, gate.Backends("hung", hung.Addr),
		gate.Route("hung", "hung.test", "/", "hung"))
	conn := g.Dial(t)
	conn.SendRequest(t, "GET", "/", "hung.test")
	gate.WaitFor(t, 5*time.Second, "the request to arrive", func() bool { return hung.Connections.Load() == 1 })
	begin := time.Now()
	g.Signal(t, syscall.SIGTERM)
	status := g.WaitExit(t, 3*time.Second)
	took := time.Since(begin)
	if status != 0 || took < time.Second {
		t.Errorf("exit status %d after %v", status, took)
	}
	if len(g.Log.Find(0, "drain_time_over")) == 0 {
		t.Error("nobody says that a connection was cut")
	}
}

// SIGINT from a terminal goes to the whole group; the gate ends in order.
func TestInterruptOfTheGroup(t *testing.T) {
	g := start(t, gate.Options{}, services(t, "web"), gate.Route("web", "web.test", "/", "web"))
	if err := syscall.Kill(-g.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if status := g.WaitExit(t, 3*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
}
