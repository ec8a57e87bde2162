package e2e

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// l4Attack does one thing again and again, at least so many times; each call is counted. The metric, which `showed` reads,
// must have grown by as much: what did not reach the worker would cost it nothing.
type l4Attack struct {
	name   string
	least  int
	once   func(t *testing.T, i int)
	showed func() float64
}

// trickleMany opens connections to a port and says a byte of the text on one of them at a time, over and over. One that
// has said all of it comes anew.
func trickleMany(t *testing.T, address, text string, connections int) func(*testing.T, int) {
	conns := make([]net.Conn, connections)
	said := make([]int, connections)
	t.Cleanup(func() {
		for _, conn := range conns {
			if conn != nil {
				conn.Close()
			}
		}
	})
	return func(t *testing.T, i int) {
		i %= connections
		if conns[i] != nil && said[i] == len(text) {
			conns[i].Close()
			conns[i] = nil
		}
		if conns[i] == nil {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			conns[i], said[i] = conn, 0
		}
		if _, err := conns[i].Write([]byte{text[said[i]]}); err != nil {
			conns[i].Close()
			conns[i] = nil
		}
		said[i]++
	}
}

// A fountain pours without end into each connection, and counts.
type fountain struct {
	*gate.RawBackend
	poured atomic.Int64
}

func newFountain(t *testing.T) *fountain {
	f := &fountain{}
	block := make([]byte, 16<<10)
	f.RawBackend = gate.NewRawBackend(t, func(conn *gate.RawConn) {
		for {
			n, err := conn.Write(block)
			f.poured.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	return f
}

// What attacks below HTTP cost the worker, and another client. docs/security.md has the figures of one run.
func TestAttacksBelowHTTP(t *testing.T) {
	const (
		lasts = 500 * time.Millisecond
		deaf  = 30 // connections whose answers nobody reads
	)
	dns, poured, held := freePort(t), freePort(t), freePort(t)
	udp, pour, web := newUDPServer(t, "dns"), newFountain(t), gate.NewBackend(t, "web")
	dir := gate.NewDir(t)
	dir.Write("tcp.yaml", ports{poured: "fountain:80", held: "web:80:PROXY"}.object("tcp"))
	dir.Write("udp.yaml", ports{dns: "dns:80"}.object("udp"))
	dir.Write("objects.yaml", gate.Join(passthroughObjects(t, web.Addr), udpBackends("dns", udp.addr), gate.Backends("fountain", pour.Addr),
		gate.Route("honest", "web.test", "/", "web"),
		gate.ConfigMap("config", map[string]string{"proxy-stream-responses": "1000000"}))...)
	g := gate.Start(t, gate.Options{Dir: dir, Workers: 1, Args: append([]string{"--configmap", "default/config", "--enable-ssl-passthrough",
		"--access-log", "off"}, l4Args...)})
	waitPort(t, poured)
	waitPort(t, held)
	pid := g.WorkerPid(0)
	metric := func(name string, labels ...string) func() float64 {
		return func() float64 { return g.Metric(t, name, labels...) }
	}
	active := metric("nginx_ingress_controller_nginx_process_connections", `state="active"`)

	header := "PROXY TCP4 192.0.2.7 198.51.100.1 5555 80 "
	for _, a := range []l4Attack{
		{"UDP, each datagram from another address", 200, func(t *testing.T, i int) {
			if conn, err := dialUDPFrom(i, dns); err == nil {
				conn.Write([]byte("flood"))
				conn.Close()
			}
		}, metric("yett_udp_sessions_total")},
		{"no PROXY header where one is due", 200, func(t *testing.T, i int) {
			if conn, err := net.Dial("tcp", gate.Addr(held)); err == nil {
				conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
				conn.Close()
			}
		}, metric("yett_proxy_headers_refused_total")},
		{"PROXY headers, a byte at a time", 500, trickleMany(t, gate.Addr(held), header, 500), active},
		{"ClientHellos, a byte at a time", 500, trickleMany(t, g.HTTPS, "\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03"+header, 500), active},
		{"answers without end that are not read, 30 of them", deaf, func(t *testing.T, i int) {
			if i < deaf {
				conn := gate.DialAddr(t, gate.Addr(poured)) // until the test ends
				conn.Conn.(*net.TCPConn).SetReadBuffer(1 << 16)
			} else {
				time.Sleep(time.Millisecond)
			}
		}, metric("yett_stream_connections_total")},
	} {
		memory, showed, acts := gate.PrivateBytes(t, pid), a.showed(), 0
		before, others := cpu(t, pid), honestWaits(t, g, pid)
		for begin := time.Now(); time.Since(begin) < lasts || acts < a.least; acts++ {
			a.once(t, acts)
		}
		spent, waited := cpu(t, pid)-before, others()
		grown := gate.PrivateBytes(t, pid) - memory
		t.Logf("| %s | %d | %.0f ms | %.1f MB | %.0f ms | %.1f ms |", a.name, acts, float64(spent)/1e6, float64(grown)/(1<<20),
			waited.wall.Seconds()*1e3, waited.work.Seconds()*1e3)
		gate.WaitFor(t, 10*time.Second, a.name+" to show in the metrics", func() bool { return a.showed() >= showed+float64(a.least) })
		waited.check(t, a.name)
		if grown > 32<<20*int64(gate.Scale()) {
			t.Errorf("%s: the worker grew by %d bytes", a.name, grown)
		}
	}
	// What the kernel's buffers hold of them is its own affair; once they are full, the backend has to wait.
	last := int64(-1)
	gate.WaitFor(t, 20*time.Second, "an end of what is taken for clients that read nothing", func() bool {
		time.Sleep(500 * time.Millisecond)
		before := last
		last = pour.poured.Load()
		return last > 0 && last == before
	})
	if g.WorkerPid(0) != pid {
		t.Error("the worker is another one")
	}
}
