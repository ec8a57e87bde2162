package e2e

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// udpServer sends every datagram back behind its name.
type udpServer struct {
	name     string
	addr     string
	socket   net.PacketConn
	received atomic.Int64
	answers  atomic.Int64 // datagrams sent back for each; 1
	mu       sync.Mutex
	sources  map[string]int // peers, as the server sees them
}

func newUDPServer(t *testing.T, name string) *udpServer {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	s := &udpServer{name: name, addr: socket.LocalAddr().String(), socket: socket, sources: map[string]int{}}
	s.answers.Store(1)
	go func() {
		buffer := make([]byte, 65536)
		for {
			n, peer, err := socket.ReadFrom(buffer)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			s.received.Add(1)
			s.mu.Lock()
			s.sources[peer.String()]++
			s.mu.Unlock()
			for range s.answers.Load() {
				socket.WriteTo(append([]byte(name+" "), buffer[:n]...), peer)
			}
		}
	}()
	return s
}

func (s *udpServer) sourcesLen() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sources)
}

// udpBackends is a Service (UDP port 53) and an EndpointSlice for each of the servers.
func udpBackends(service string, addresses ...string) []gate.Object {
	objects := gate.Backends(service, addresses...)
	for _, object := range objects {
		list, _ := object["ports"].([]any)
		if spec, isService := object["spec"].(map[string]any); isService {
			list = spec["ports"].([]any)
		}
		for _, port := range list {
			port.(map[string]any)["protocol"] = "UDP"
		}
	}
	return objects
}

type udpClient struct{ net.Conn }

func dialUDP(t *testing.T, address string) *udpClient {
	t.Helper()
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &udpClient{conn}
}

// dialUDPFrom is a client with the i-th of many addresses.
func dialUDPFrom(i, port int) (*net.UDPConn, error) {
	source := &net.UDPAddr{IP: net.IPv4(127, byte(1+i/60000%250), byte(i/250%240), byte(1+i%250))}
	return net.DialUDP("udp", source, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
}

// try asks once; "" where no answer came in time.
func (c *udpClient) try(text string, limit time.Duration) string {
	c.SetDeadline(time.Now().Add(limit))
	if _, err := c.Write([]byte(text)); err != nil {
		return ""
	}
	buffer := make([]byte, 65536)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return ""
		}
		if got := string(buffer[:n]); strings.HasSuffix(got, " "+text) { // else it is a late one of another try
			return got
		}
	}
}

// ask asks until an answer comes, as UDP clients do, and returns the server's name.
func (c *udpClient) ask(t *testing.T, text string) string {
	t.Helper()
	var name string
	gate.WaitFor(t, 10*time.Second, "an answer to "+text, func() bool {
		name, _, _ = strings.Cut(c.try(text, 500*time.Millisecond), " ")
		return name != ""
	})
	return name
}

func TestUDPService(t *testing.T) {
	port := freePort(t)
	server := newUDPServer(t, "one")
	g := startL4(t, nil, ports{port: "dns:80"}, nil, udpBackends("dns", server.addr))
	client := dialUDP(t, gate.Addr(port))
	client.ask(t, "hello")
	line := g.AccessLog.WaitLine(t, 0, "UDP 200 ", 10*time.Second)
	if !regexp.MustCompile(`^\[127\.0\.0\.1\] \[[^]]+\] UDP 200 9 5 \d+\.\d{3}$`).MatchString(line) {
		t.Errorf("log line: %s", line)
	}
	large := strings.Repeat("x", 60000)
	if got := client.try(large, 5*time.Second); got != "one "+large {
		t.Errorf("of 60,000 bytes came %d", len(got))
	}
	if n := g.Metric(t, "yett_udp_sessions_total"); n < 2 {
		t.Errorf("yett_udp_sessions_total: %v", n)
	}
}

// On a gate with several addresses the answer comes from the one that was asked: a connected client would hear no other.
func TestUDPServiceAnswersFromTheAddressAsked(t *testing.T) {
	port := freePort(t)
	server := newUDPServer(t, "one")
	for _, bound := range []string{"0.0.0.0", "::"} {
		g := startL4(t, nil, ports{port: "dns:80"}, []string{"--address", bound}, udpBackends("dns", server.addr))
		for _, asked := range []string{"127.0.0.1", "127.0.0.77", "::1"} {
			if asked == "::1" && bound != "::" {
				continue
			}
			dialUDP(t, net.JoinHostPort(asked, fmt.Sprint(port))).ask(t, "to "+asked)
		}
		g.Stop(t)
	}
}

// proxy-stream-responses: by default each question is a session; with more, a client stays with its endpoint.
func TestUDPServiceSessions(t *testing.T) {
	t.Parallel() // it waits most of its time
	one, many := freePort(t), newUDPServer(t, "many")
	a, b := newUDPServer(t, "a"), newUDPServer(t, "b")
	g := startL4(t, nil, ports{one: "dns:80"}, []string{"--configmap", "default/config"}, udpBackends("dns", a.addr, b.addr))
	client := dialUDP(t, gate.Addr(one))
	for i := range 10 {
		client.ask(t, fmt.Sprint(i))
	}
	if a.received.Load() < 3 || b.received.Load() < 3 {
		t.Errorf("questions are not taken in turns: %d and %d", a.received.Load(), b.received.Load())
	}

	g.Change(t, func() {
		g.Dir.Write("config.yaml", gate.ConfigMap("config", map[string]string{
			"proxy-stream-responses": "1000000", "proxy-stream-timeout": "2s"}))
		g.Dir.Write("objects.yaml", udpBackends("dns", a.addr, b.addr, many.addr)...)
	})
	client = dialUDP(t, gate.Addr(one))
	first, sent, received := "", 0, 0
	for i := range 20 {
		question := fmt.Sprint("again ", i)
		answer := client.try(question, 10*time.Second*gate.Scale())
		name, _, _ := strings.Cut(answer, " ")
		if i == 0 {
			first = name
		}
		if name == "" || name != first {
			t.Fatalf("question %d: the session went from %q to %q", i, first, name)
		}
		sent, received = sent+len(answer), received+len(question)
	}
	rests := time.Now()
	g.AccessLog.WaitLine(t, 0, fmt.Sprintf("UDP 200 %d %d ", sent, received), 10*time.Second)
	if rested := time.Since(rests); rested < time.Second {
		t.Errorf("the session ended when it had rested for %v of 2 s", rested)
	}
}

// Two answers expected: the session is over with the second.
func TestUDPServiceSeveralAnswers(t *testing.T) {
	port := freePort(t)
	server := newUDPServer(t, "twice")
	server.answers.Store(2)
	g := startL4(t, nil, ports{port: "dns:80"}, []string{"--configmap", "default/config"},
		udpBackends("dns", server.addr), gate.ConfigMap("config", map[string]string{"proxy-stream-responses": "2"}))
	client := dialUDP(t, gate.Addr(port))
	client.Write([]byte("x"))
	buffer := make([]byte, 100)
	for range 2 {
		client.SetDeadline(time.Now().Add(10 * time.Second))
		if n, err := client.Read(buffer); err != nil || string(buffer[:n]) != "twice x" {
			t.Fatalf("%q, %v", buffer[:n], err)
		}
	}
	g.AccessLog.WaitLine(t, 0, "UDP 200 14 1 ", 10*time.Second)
}

// Clients ask without a pause while endpoints and ports come and go; each question of theirs is answered, and
// where the server lives on, the first time.
func TestUDPServiceChurn(t *testing.T) {
	port, other := freePort(t), freePort(t)
	servers := []*udpServer{newUDPServer(t, "a"), newUDPServer(t, "b"), newUDPServer(t, "c")}
	g := startL4(t, nil, ports{port: "dns:80"}, nil, udpBackends("dns", servers[0].addr))
	stop := make(chan struct{})
	var asked, lost atomic.Int64
	var clients sync.WaitGroup
	for c := range 8 {
		client := dialUDP(t, gate.Addr(port))
		clients.Add(1)
		go func() {
			defer clients.Done()
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				asked.Add(1)
				if client.try(fmt.Sprintf("%d/%d", c, i), 5*time.Second) == "" {
					lost.Add(1)
				}
			}
		}()
	}
	for round := range 20 {
		g.Change(t, func() {
			g.Dir.Write("objects.yaml", udpBackends("dns", servers[round%3].addr, servers[(round+1)%3].addr)...)
		})
		g.Change(t, func() {
			list := ports{port: "dns:80"}
			if round%2 == 0 {
				list[other] = "dns:80"
			}
			g.Dir.Write("udp.yaml", list.object("udp"))
		})
	}
	close(stop)
	clients.Wait()
	t.Logf("%d questions, %d lost", asked.Load(), lost.Load())
	if asked.Load() < 100 || lost.Load() > 0 {
		t.Errorf("%d of %d questions had no answer", lost.Load(), asked.Load())
	}
}

// An endpoint that refuses is passed over; the client's next try, at the latest, has an answer.
func TestUDPServiceRefusingEndpoint(t *testing.T) {
	port := freePort(t)
	dead, alive := newUDPServer(t, "dead"), newUDPServer(t, "alive")
	dead.socket.Close()
	startL4(t, nil, ports{port: "dns:80"}, nil, udpBackends("dns", dead.addr, alive.addr))
	late := 0
	for i := range 20 {
		client := dialUDP(t, gate.Addr(port))
		if client.try(fmt.Sprint(i), 300*time.Millisecond) == "" {
			late++
			if client.try(fmt.Sprint("again ", i), 2*time.Second) == "" {
				t.Fatal("two questions in a row without an answer")
			}
		}
	}
	if late > 10 {
		t.Errorf("%d of 20 first questions met the dead endpoint", late)
	}
}

// An endpoint that left its Service gets nothing more: a client that goes on begins another session.
func TestUDPServiceEndpointLeaves(t *testing.T) {
	t.Parallel() // it waits most of its time
	port := freePort(t)
	a, b := newUDPServer(t, "a"), newUDPServer(t, "b")
	g := startL4(t, nil, ports{port: "dns:80"}, []string{"--configmap", "default/config"}, udpBackends("dns", a.addr),
		gate.ConfigMap("config", map[string]string{"proxy-stream-responses": "1000000"}))
	client := dialUDP(t, gate.Addr(port))
	client.ask(t, "first")
	g.Change(t, func() {
		g.Dir.Write("objects.yaml", gate.Join(udpBackends("dns", b.addr),
			gate.ConfigMap("config", map[string]string{"proxy-stream-responses": "1000000"}))...)
	})
	if name := client.ask(t, "second"); name != "b" {
		t.Errorf("answered by %s", name)
	}
}

// The kernel keeps a flow on one worker's socket, and the socket through the worker's death.
func TestUDPServiceWorkerDies(t *testing.T) {
	port := freePort(t)
	server := newUDPServer(t, "one")
	g := startL4(t, nil, ports{port: "dns:80"}, nil, udpBackends("dns", server.addr))
	var clients []*udpClient
	for range 16 {
		clients = append(clients, dialUDP(t, gate.Addr(port)))
	}
	for round := range 3 {
		for i, client := range clients {
			client.ask(t, fmt.Sprintf("%d/%d", round, i))
		}
		pid := g.KillWorker(t, round%2)
		for i, client := range clients { // each the first time: what came meanwhile waited in the queue
			if client.try(fmt.Sprintf("meanwhile %d/%d", round, i), 10*time.Second*gate.Scale()) == "" {
				t.Errorf("round %d: client %d lost its question", round, i)
			}
		}
		g.WaitChild(t, fmt.Sprintf("yett: worker %d", round%2), pid)
	}
}

// A port that goes lets its sessions have their answers, and can come back.
func TestUDPServicePortGoes(t *testing.T) {
	port := freePort(t)
	slow, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	g := startL4(t, nil, ports{port: "dns:80"}, nil, udpBackends("dns", slow.LocalAddr().String()))
	client := dialUDP(t, gate.Addr(port))
	var peer net.Addr
	buffer := make([]byte, 100)
	gate.WaitFor(t, 10*time.Second, "the question to arrive", func() bool {
		client.Write([]byte("slow"))
		slow.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		_, peer, err = slow.ReadFrom(buffer)
		return err == nil
	})
	g.Change(t, func() { g.Dir.Write("udp.yaml", ports{}.object("udp")) })
	slow.WriteTo([]byte("late"), peer)
	client.SetDeadline(time.Now().Add(10 * time.Second))
	if n, err := client.Read(buffer); err != nil || string(buffer[:n]) != "late" {
		t.Fatalf("the answer after the port went: %q, %v", buffer[:n], err)
	}
	// Nobody listens any more: the kernel says so.
	gate.WaitFor(t, 10*time.Second, "the port to be closed", func() bool {
		probe := dialUDP(t, gate.Addr(port))
		probe.Write([]byte("x"))
		probe.SetDeadline(time.Now().Add(100 * time.Millisecond))
		_, err := probe.Read(buffer)
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	server := newUDPServer(t, "back")
	g.Dir.Write("objects.yaml", udpBackends("dns", server.addr)...)
	g.Dir.Write("udp.yaml", ports{port: "dns:80"}.object("udp"))
	dialUDP(t, gate.Addr(port)).ask(t, "once more")
}

// A flood of senders takes the places of the table, no more; whoever is in conversation stays.
func TestUDPServiceFlood(t *testing.T) {
	port := freePort(t)
	server := newUDPServer(t, "one")
	g := startL4(t, nil, ports{port: "dns:80"}, []string{"--configmap", "default/config", "--workers", "1"},
		udpBackends("dns", server.addr), gate.ConfigMap("config", map[string]string{"proxy-stream-responses": "1000000"}))
	honest := dialUDP(t, gate.Addr(port))
	first := honest.ask(t, "first")
	honest.ask(t, "second") // now it has gone on after an answer
	server.answers.Store(0)
	before := gate.PrivateBytes(t, g.WorkerPid(0))
	source := 0
	gate.WaitFor(t, 60*time.Second, "the table to be full", func() bool {
		for range 500 { // each another client
			conn, err := dialUDPFrom(source, port)
			if err != nil {
				t.Fatal(err)
			}
			conn.Write([]byte("flood"))
			conn.Close()
			source++
		}
		return g.Metric(t, "yett_udp_sessions_evicted_total") > 1000
	})
	t.Logf("%v sessions, %v evicted, %v dropped; private bytes %d → %d", g.Metric(t, "yett_udp_sessions_total"),
		g.Metric(t, "yett_udp_sessions_evicted_total"), g.Metric(t, "yett_udp_datagrams_dropped_total"), before,
		gate.PrivateBytes(t, g.WorkerPid(0)))
	server.answers.Store(1)
	from := server.sourcesLen()
	if name := honest.ask(t, "still there"); name != first {
		t.Errorf("answered by %s", name)
	}
	if got := server.sourcesLen(); got > from+1 {
		t.Errorf("the honest client's session was not kept: %d sources, then %d", from, got)
	}
	g.Log.WaitLine(t, 0, "udp_sessions_limit_reached", time.Second)
}

func TestUDPServiceDrain(t *testing.T) {
	t.Parallel() // it waits most of its time
	port := freePort(t)
	slow, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	g := startL4(t, nil, ports{port: "dns:80"}, nil, udpBackends("dns", slow.LocalAddr().String()))
	client := dialUDP(t, gate.Addr(port))
	buffer := make([]byte, 100)
	client.Write([]byte("slow"))
	slow.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, _, err := slow.ReadFrom(buffer); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	g.Signal(t, syscall.SIGTERM)
	if status := g.WaitExit(t, 20*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if took := time.Since(start); took > 3*time.Second*gate.Scale() {
		t.Errorf("a session without an answer held the end up for %v", took)
	}
}
