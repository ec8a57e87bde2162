package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand"
	"net"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

func TestTCPServiceLines(t *testing.T) {
	port := freePort(t)
	server := newLineServer(t, "one", false)
	g := startL4(t, ports{port: "lines:80"}, nil, nil, gate.Backends("lines", server.addr))
	conn := dialLines(t, port, "")
	conn.ask(t, "hello")
	conn.CloseWrite() // half-close: the server hears the end, and its last word still arrives
	if rest, err := conn.ReadEnd(); rest != "bye\n" || err != nil {
		t.Fatalf("after half-close: %q, %v", rest, err)
	}
	line := g.AccessLog.WaitLine(t, 0, "] TCP 200 18 6 ", 10*time.Second)
	// Sent: "one\n", "one hello\n", "bye\n"; received: "hello\n".
	if !regexp.MustCompile(`^\[127\.0\.0\.1\] \[[^]]+\] TCP 200 18 6 \d+\.\d{3}$`).MatchString(line) {
		t.Errorf("log line: %s", line)
	}
	if n := g.Metric(t, "yett_stream_connections_total"); n < 1 {
		t.Errorf("yett_stream_connections_total: %v", n)
	}
}

// Bytes in bulk both ways at once, each byte once and in order.
func TestTCPServiceBulk(t *testing.T) {
	const size = 32 << 20
	port := freePort(t)
	echo := gate.NewRawBackend(t, func(conn *gate.RawConn) {
		io.Copy(conn, conn.Reader)
		conn.CloseWrite()
	})
	startL4(t, ports{port: "echo:80"}, nil, nil, gate.Backends("echo", echo.Addr))
	conn := gate.DialAddr(t, gate.Addr(port))
	sent := sha256.New()
	done := make(chan error, 1)
	go func() {
		source := rand.New(rand.NewSource(1))
		_, err := io.Copy(io.MultiWriter(conn.Conn, sent), io.LimitReader(source, size))
		conn.CloseWrite()
		done <- err
	}()
	got := sha256.New()
	n, err := io.Copy(got, conn.Reader)
	if err != nil || n != size {
		t.Fatalf("%d bytes came back, %v", n, err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Sum(nil), sent.Sum(nil)) {
		t.Error("what came back is not what was sent")
	}
}

// A client that reads nothing must stop the server before much is on the way.
func TestTCPServiceBackPressure(t *testing.T) {
	port := freePort(t)
	written := make(chan int64, 1)
	fountain := gate.NewRawBackend(t, func(conn *gate.RawConn) {
		conn.SetDeadline(time.Now().Add(2 * time.Second))
		n, _ := io.Copy(conn, endless{})
		written <- n
	})
	startL4(t, ports{port: "fountain:80"}, nil, nil, gate.Backends("fountain", fountain.Addr))
	gate.DialAddr(t, gate.Addr(port))
	if n := <-written; n > 64<<20 {
		t.Errorf("%d bytes were taken for a client that reads none", n)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// Fifty connections live through ports that come, go and change their Service. None is cut.
func TestTCPServicePortsComeAndGo(t *testing.T) {
	first, second := freePort(t), freePort(t)
	a, b := newLineServer(t, "a", false), newLineServer(t, "b", false)
	g := startL4(t, ports{first: "a:80"}, nil, nil, gate.Backends("a", a.addr), gate.Backends("b", b.addr))
	var conns []*lineConn
	for range 50 {
		conns = append(conns, dialLines(t, first, ""))
	}
	ask := func(what string) {
		for i, conn := range conns {
			conn.ask(t, fmt.Sprintf("%s %d", what, i))
		}
	}
	for round := range 5 {
		g.Change(t, func() { g.Dir.Write("tcp.yaml", ports{first: "a:80", second: "b:80"}.object("tcp")) })
		if conn := dialLines(t, second, ""); conn.name != "b" {
			t.Fatalf("the second port leads to %s", conn.name)
		}
		ask("added")
		g.Change(t, func() { g.Dir.Write("tcp.yaml", ports{second: "b:80"}.object("tcp")) })
		waitNoPort(t, first)
		ask("removed")
		g.Change(t, func() { g.Dir.Write("tcp.yaml", ports{first: "b:80"}.object("tcp")) })
		waitPort(t, first)
		waitNoPort(t, second)
		if conn := dialLines(t, first, ""); conn.name != "b" {
			t.Fatalf("round %d: the first port leads to %s", round, conn.name)
		}
		ask("changed")
		g.Change(t, func() { g.Dir.Write("tcp.yaml", ports{first: "a:80"}.object("tcp")) })
		conns[round] = dialLines(t, first, "")
	}
	ask("at the end")
}

// A new port is served from its very first connection on: nobody sees it open and without a Service.
func TestTCPServicePortIsThereAtOnce(t *testing.T) {
	server := newLineServer(t, "one", false)
	g := startL4(t, nil, nil, nil, gate.Backends("lines", server.addr))
	for range 10 {
		port := freePort(t)
		g.Dir.Write("tcp.yaml", ports{port: "lines:80"}.object("tcp"))
		var conn net.Conn
		gate.WaitFor(t, 10*time.Second, "the port", func() bool {
			var err error
			conn, err = tryDial(port)
			return err == nil
		})
		conn.SetDeadline(time.Now().Add(10 * time.Second * gate.Scale()))
		greeting := make([]byte, 4)
		if _, err := io.ReadFull(conn, greeting); err != nil {
			t.Fatalf("the first connection of port %d: %v", port, err)
		}
		conn.Close()
	}
}

func TestTCPServicePortOfSomebodyElse(t *testing.T) {
	t.Parallel() // it waits most of its time
	taken, free := freePort(t), freePort(t)
	squatter, err := net.Listen("tcp", gate.Addr(taken))
	if err != nil {
		t.Fatal(err)
	}
	server := newLineServer(t, "one", false)
	g := startL4(t, ports{free: "lines:80"}, nil, nil, gate.Backends("lines", server.addr))
	g.Change(t, func() { g.Dir.Write("tcp.yaml", ports{free: "lines:80", taken: "lines:80"}.object("tcp")) })
	dialLines(t, free, "").ask(t, "beside it")

	find := func() bool {
		for _, d := range g.Diagnostics(t).Diagnostics {
			if d.Code == "port-unavailable" && d.Name == "tcp" {
				return true
			}
		}
		return false
	}
	gate.WaitFor(t, 15*time.Second, "the diagnostic", find)
	if line := g.Log.WaitLine(t, 0, "port_unavailable", time.Second); gate.Field(line, "port") != fmt.Sprint(taken) {
		t.Errorf("log line: %s", line)
	}
	g.KillController(t) // its successor is told as well
	g.Log.WaitLine(t, len(g.Log.Lines()), "diagnostic", 20*time.Second)
	gate.WaitFor(t, 15*time.Second, "the diagnostic of the new controller", find)

	squatter.Close()
	waitPort(t, taken)
	dialLines(t, taken, "").ask(t, "free now")
	gate.WaitFor(t, 15*time.Second, "the diagnostic to go", func() bool { return !find() })
}

// The dead worker's connections break; the port stays, and so do the other worker's.
func TestTCPServiceWorkerDies(t *testing.T) {
	port := freePort(t)
	server := newLineServer(t, "one", false)
	g := startL4(t, ports{port: "lines:80"}, nil, nil, gate.Backends("lines", server.addr))
	for range 3 {
		var held []*lineConn
		for range 20 {
			held = append(held, dialLines(t, port, ""))
		}
		pid := g.KillWorker(t, 0)
		broken := 0
		for i, conn := range held {
			if !conn.tryAsk(t, fmt.Sprint("held ", i)) {
				broken++
			}
		}
		if broken == 0 || broken == len(held) {
			t.Errorf("%d of %d connections broke with one of two workers", broken, len(held))
		}
		for i := range 20 { // those that fall to the dead worker's socket wait in its queue
			dialLines(t, port, "").ask(t, fmt.Sprint(i))
		}
		g.WaitChild(t, "yett: worker 0", pid)
	}
}

func TestTCPServiceControllerDies(t *testing.T) {
	port := freePort(t)
	server := newLineServer(t, "one", false)
	g := startL4(t, ports{port: "lines:80"}, nil, nil, gate.Backends("lines", server.addr))
	conn := dialLines(t, port, "")
	pid := g.KillController(t)
	conn.ask(t, "without it")
	dialLines(t, port, "").ask(t, "likewise")
	g.WaitChild(t, "yett: controller", pid)
	next := freePort(t)
	g.Dir.Write("tcp.yaml", ports{port: "lines:80", next: "lines:80"}.object("tcp"))
	waitPort(t, next)
	dialLines(t, next, "").ask(t, "by the new one")
	conn.ask(t, "still there")
}

func TestTCPServiceEndpoints(t *testing.T) {
	port, empty := freePort(t), freePort(t)
	a, b := newLineServer(t, "a", false), newLineServer(t, "b", false)
	dead := newLineServer(t, "dead", false)
	dead.listener.Close()
	g := startL4(t, ports{port: "lines:80", empty: "nothing:80"}, nil, nil,
		gate.Backends("lines", a.addr, dead.addr, b.addr), gate.Service("nothing", gate.ServicePort{Port: 80}))
	seen := map[string]int{}
	for range 30 { // the dead one is tried, and passed over
		conn := dialLines(t, port, "")
		seen[conn.name]++
		conn.Close()
	}
	if seen["a"] < 5 || seen["b"] < 5 {
		t.Errorf("not in turns: %v", seen)
	}
	conn := gate.DialAddr(t, gate.Addr(empty))
	if rest, err := conn.ReadEnd(); rest != "" || err != nil {
		t.Errorf("no endpoint: %q, %v", rest, err)
	}
	g.AccessLog.WaitLine(t, 0, "] TCP 502 0 0 ", 10*time.Second)
}

// proxy-stream-next-upstream: off, one dead endpoint costs its share of connections.
func TestTCPServiceWithoutRetries(t *testing.T) {
	port := freePort(t)
	dead := newLineServer(t, "dead", false)
	dead.listener.Close()
	startL4(t, ports{port: "lines:80"}, nil, []string{"--configmap", "default/config"},
		gate.Backends("lines", dead.addr, newLineServer(t, "a", false).addr),
		gate.ConfigMap("config", map[string]string{"proxy-stream-next-upstream": "false"}))
	cut := 0
	for range 10 {
		conn := gate.DialAddr(t, gate.Addr(port))
		if line, err := conn.Reader.ReadString('\n'); err != nil && line == "" {
			cut++
		}
		conn.Close()
	}
	if cut == 0 {
		t.Error("the dead endpoint cost nothing though nothing is tried again")
	}
}

func TestTCPServiceIdleTimeout(t *testing.T) {
	t.Parallel() // it waits most of its time
	port := freePort(t)
	startL4(t, ports{port: "lines:80"}, nil, []string{"--configmap", "default/config"},
		gate.Backends("lines", newLineServer(t, "a", false).addr),
		gate.ConfigMap("config", map[string]string{"proxy-stream-timeout": "2s"}))
	conn := dialLines(t, port, "")
	for range 6 { // what moves keeps it open
		time.Sleep(500 * time.Millisecond)
		conn.ask(t, "still here")
	}
	start := time.Now()
	if rest, err := conn.ReadEnd(); rest != "" || err != nil {
		t.Errorf("at the end: %q, %v", rest, err)
	}
	if took := time.Since(start); took < time.Second || took > 4*time.Second*gate.Scale() {
		t.Errorf("closed after %v", took)
	}
}

// An orderly end gives connections the time of the drain.
func TestTCPServiceDrain(t *testing.T) {
	port := freePort(t)
	server := newLineServer(t, "one", false)
	g := startL4(t, ports{port: "lines:80"}, nil, nil, gate.Backends("lines", server.addr))
	conn := dialLines(t, port, "")
	g.Signal(t, syscall.SIGTERM)
	waitNoPort(t, port)
	conn.ask(t, "while it drains")
	if g.Exited() {
		t.Error("it did not wait")
	}
	conn.CloseWrite()
	if rest, err := conn.ReadEnd(); rest != "bye\n" || err != nil {
		t.Errorf("at the end: %q, %v", rest, err)
	}
	if status := g.WaitExit(t, 20*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// With --state-dir a cold start has its ports before anything could be read.
func TestTCPServiceColdStart(t *testing.T) {
	port := freePort(t)
	server := newLineServer(t, "one", false)
	udp := newUDPServer(t, "dns")
	state := []string{"--state-dir", filepath.Join(t.TempDir(), "state"), "-v", "3"}
	g := startL4(t, ports{port: "lines:80"}, ports{port: "dns:80"}, state, gate.Backends("lines", server.addr),
		udpBackends("dns", udp.addr))
	waitKept(t, g)
	g.Stop(t)
	away(t, g.Dir)
	gate.Start(t, gate.Options{Dir: g.Dir, NoClass: true, NoWait: true, Args: append(append([]string{}, l4Args...), state...)})
	waitPort(t, port)
	dialLines(t, port, "").ask(t, "after")
	dialUDP(t, gate.Addr(port)).ask(t, "after")
}
