package e2e

import (
	"io"
	"net"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// l4Attack does one thing again and again; each call is counted.
type l4Attack struct {
	name string
	once func(t *testing.T, i int)
}

// trickleMany opens connections to a port and says a byte on one of them at a time, over and over.
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
		if conns[i] == nil {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			conns[i], said[i] = conn, 0
		}
		if _, err := conns[i].Write([]byte{text[said[i]%len(text)]}); err != nil {
			conns[i].Close()
			conns[i] = nil
		}
		said[i]++
	}
}

// What attacks below HTTP cost the worker, and another client. docs/security.md has the figures of one run.
func TestAttacksBelowHTTP(t *testing.T) {
	dns, fountain, held := freePort(t), freePort(t), freePort(t)
	udp := newUDPServer(t, "dns")
	pour := gate.NewRawBackend(t, func(conn *gate.RawConn) { io.Copy(conn, io.LimitReader(endless{}, 2<<20)) })
	web := gate.NewBackend(t, "web")
	dir := gate.NewDir(t)
	dir.Write("tcp.yaml", ports{fountain: "fountain:80", held: "web:80:PROXY"}.object("tcp"))
	dir.Write("udp.yaml", ports{dns: "dns:80"}.object("udp"))
	dir.Write("objects.yaml", gate.Join(passthroughObjects(t, web.Addr), udpBackends("dns", udp.addr), gate.Backends("fountain", pour.Addr),
		gate.Route("honest", "web.test", "/", "web"),
		gate.ConfigMap("config", map[string]string{"proxy-stream-responses": "1000000"}))...)
	g := gate.Start(t, gate.Options{Dir: dir, Workers: 1, Args: append([]string{"--configmap", "default/config", "--enable-ssl-passthrough",
		"--access-log", "off"}, l4Args...)})
	waitPort(t, fountain)
	waitPort(t, held)
	pid := g.WorkerPid(0)

	// Many connections whose answers nobody reads; kept until the end.
	var unread []net.Conn
	t.Cleanup(func() {
		for _, conn := range unread {
			conn.Close()
		}
	})
	header := "PROXY TCP4 192.0.2.7 198.51.100.1 5555 80 "
	for _, a := range []l4Attack{
		{"UDP, each datagram from another address", func(t *testing.T, i int) {
			local := &net.UDPAddr{IP: net.IPv4(127, byte(1+i/60000%250), byte(i/250%240), byte(1+i%250))}
			if conn, err := net.DialUDP("udp", local, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: dns}); err == nil {
				conn.Write([]byte("flood"))
				conn.Close()
			}
		}},
		{"no PROXY header where one is due", func(t *testing.T, i int) {
			if conn, err := net.Dial("tcp", gate.Addr(held)); err == nil {
				conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
				conn.Close()
			}
		}},
		{"PROXY headers, a byte at a time", trickleMany(t, gate.Addr(held), header, 500)},
		{"ClientHellos, a byte at a time", trickleMany(t, g.HTTPS, "\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03"+header, 500)},
		{"answers of 2 MB that are not read, 100 of them", func(t *testing.T, i int) {
			if len(unread) < 100 {
				if conn, err := net.Dial("tcp", gate.Addr(fountain)); err == nil {
					unread = append(unread, conn)
				}
				return
			}
			time.Sleep(time.Millisecond)
		}},
	} {
		stop := honestTimes(t, g)
		before, memory, acts := cpu(t, pid), gate.PrivateBytes(t, pid), 0
		for end := time.Now().Add(time.Second); time.Now().Before(end); acts++ {
			a.once(t, acts)
		}
		spent, p99 := cpu(t, pid)-before, stop()
		grown := gate.PrivateBytes(t, pid) - memory
		t.Logf("| %s | %d | %.0f ms | %.1f MB | %.1f ms |", a.name, acts, float64(spent)/1e6, float64(grown)/(1<<20), float64(p99)/1e6)
		if p99 > 250*time.Millisecond*gate.Scale() {
			t.Errorf("%s: another client's answers take %v", a.name, p99)
		}
		if grown > 32<<20*int64(gate.Scale()) {
			t.Errorf("%s: the worker grew by %d bytes", a.name, grown)
		}
	}
	if g.WorkerPid(0) != pid {
		t.Error("the worker is another one")
	}
}
