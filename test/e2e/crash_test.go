package e2e

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// A kill -9 of a worker breaks its own exchanges only, and nobody is ever refused.
func TestKilledWorkers(t *testing.T) {
	const workers, clients = 3, 12
	web := gate.NewBackend(t, "web")
	g := start(t, gate.Options{Workers: workers, Args: keepAlive}, settings(nil), gate.Backends("web", web.Addr),
		gate.Route("web", "web.test", "/", "web"))
	load := g.StartLoad(t, gate.LoadOptions{Clients: clients, Host: "web.test"})
	load.WaitRequests(t, 10*clients)
	fastest, slowest := time.Hour, time.Duration(0)
	for index := range workers {
		held := connectionsOf(t, g, index)
		before := load.Result()
		from := len(g.Log.Lines())
		g.KillWorker(t, index)
		line := g.Log.WaitLine(t, from, fmt.Sprintf("worker_ready index=%d ", index), 5*time.Second)
		down, err := strconv.Atoi(gate.Field(line, "down_ms"))
		if err != nil {
			t.Fatal(err)
		}
		fastest = min(fastest, time.Duration(down)*time.Millisecond)
		slowest = max(slowest, time.Duration(down)*time.Millisecond)
		load.WaitRequests(t, 10*clients) // everyone is back
		after := load.Result()
		lost := after.Failed() - before.Failed()
		t.Logf("worker %d held %d connections; %d requests lost; down for %d ms", index, held, lost, down)
		if lost > held {
			t.Errorf("worker %d held %d connections, but %d requests were lost", index, held, lost)
		}
		if opened := after.Connections - before.Connections; opened > held {
			t.Errorf("worker %d held %d connections, but %d were opened anew", index, held, opened)
		}
	}
	result := load.Stop()
	t.Log(result)
	for reason, count := range result.Failures {
		if reason != gate.FailReset && reason != gate.FailEnd && reason != gate.FailEndInTwo {
			t.Errorf("%d × %s", count, reason)
		}
	}
	// A busy machine may delay one of them; what is slow by itself delays all.
	if fastest > 100*time.Millisecond*gate.Scale() || slowest > time.Second*gate.Scale() {
		t.Errorf("workers were down for %v to %v", fastest, slowest)
	}
	if restarts := g.Metric(t, "yett_worker_restarts_total"); restarts != workers {
		t.Errorf("restarts are counted as %v", restarts)
	}
}

// connectionsOf is how many client connections a worker holds, all of the load's: asking for it costs one for
// a moment, which may be this worker's.
func connectionsOf(t *testing.T, g *gate.Gate, index int) int {
	t.Helper()
	status, err := g.Status()
	if err != nil {
		t.Fatal(err)
	}
	return status.Workers[index].Connections
}

// A worker that dies while it streams breaks this stream; the other worker's streams go on.
func TestKilledWorkerSparesOthers(t *testing.T) {
	const conns = 16
	release := make(chan struct{})
	half := gate.NewRawBackend(t, func(conn *gate.RawConn) {
		if _, err := conn.Request(); err != nil {
			return
		}
		conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf"))
		<-release
		conn.Write([]byte("rest"))
		conn.Request() // until the gate lets go
	})
	g := start(t, gate.Options{}, gate.Backends("half", half.Addr), gate.Route("half", "half.test", "/", "half"))
	var streams []*gate.RawConn
	for range conns {
		conn := g.Dial(t)
		conn.SendRequest(t, "GET", "/", "half.test")
		streams = append(streams, conn)
	}
	gate.WaitFor(t, 5*time.Second, "all requests to arrive", func() bool { return half.Connections.Load() == conns })
	held := connectionsOf(t, g, 0)
	from := len(g.Log.Lines())
	g.KillWorker(t, 0)
	g.Log.WaitLine(t, from, "worker_ready index=0 ", 5*time.Second)
	close(release)
	broken := 0
	for _, conn := range streams {
		if answer, err := conn.ReadAnswer("GET"); err != nil || answer.Body != "halfrest" {
			broken++
		}
	}
	t.Logf("%d of %d streams broke; the worker held %d", broken, conns, held)
	if broken > held || broken == conns {
		t.Errorf("%d of %d streams broke; the worker held %d", broken, conns, held)
	}
}

// A kill -9 of the controller: nothing is lost, and edits made afterwards are served.
func TestKilledController(t *testing.T) {
	const clients = 8
	g := start(t, gate.Options{Args: keepAlive}, settings(nil), services(t, "a", "b"), gate.Route("web", "web.test", "/", "a"))
	load := g.StartLoad(t, gate.LoadOptions{Clients: clients, Host: "web.test"})
	load.WaitRequests(t, 10*clients)
	generation := g.Generation(t)
	for round := range 3 {
		from := len(g.Log.Lines())
		g.KillController(t)
		g.Log.WaitLine(t, from, "child_ended child=controller", 5*time.Second)
		if !g.Ready() {
			t.Error("a controller's crash takes the gate out of service")
		}
		host := fmt.Sprintf("after%d.test", round)
		g.Dir.Write("after.yaml", gate.Route("after", host, "/", "b"))
		g.WaitBody(t, host, "/", "b")
		gate.WaitFor(t, 5*time.Second, "the admin endpoint to be back", func() bool {
			status, err := g.Status()
			return err == nil && status.Generation > generation
		})
		generation = g.Generation(t)
		load.WaitRequests(t, 10*clients)
	}
	if result := load.Stop(); result.Failed() != 0 || result.Connections != clients {
		t.Error(result)
	} else {
		t.Log(result)
	}
}

// An edit whose roll-out meets the death of a worker is not lost.
func TestEditMeetsAWorkersDeath(t *testing.T) {
	t.Parallel() // it waits most of its time
	g := start(t, gate.Options{}, services(t, "a", "b"), gate.Route("web", "web.test", "/", "a"))
	for round := range 10 {
		g.WaitChild(t, fmt.Sprintf("yett: worker %d", round%2), 0)
		name := []string{"b", "a"}[round%2]
		g.Dir.Write("web.yaml", gate.Join(gate.Route("web2", fmt.Sprintf("r%d.test", round), "/", name))...)
		pid := g.KillWorker(t, round%2)
		g.WaitBody(t, fmt.Sprintf("r%d.test", round), "/", name)
		g.WaitChild(t, fmt.Sprintf("yett: worker %d", round%2), pid)
	}
	if rejected := g.Log.Find(0, "image_rejected"); len(rejected) > 0 {
		t.Errorf("an edit was taken back: %s", rejected[0])
	}
}
