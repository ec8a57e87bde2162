package e2e

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// idle opens connections that have had one answer each and wait for the next request.
func idle(t *testing.T, g *gate.Gate, count int) []net.Conn {
	t.Helper()
	const openers = 8
	conns := make([]net.Conn, count)
	var done sync.WaitGroup
	for opener := range openers {
		done.Add(1)
		go func() {
			defer done.Done()
			for i := opener; i < count; i += openers {
				// One source address has some 28,000 ports; others may be using them.
				dialer := net.Dialer{Timeout: 20 * time.Second,
					LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%8))}}
				conn, err := dialer.Dial("tcp", g.HTTP)
				if err != nil {
					t.Errorf("connection %d: %v", i, err)
					return
				}
				t.Cleanup(func() { conn.Close() })
				conns[i] = conn
				conn.SetDeadline(time.Now().Add(60 * time.Second))
				fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: web.test\r\n\r\n")
				if _, err := readOne(conn); err != nil {
					t.Errorf("connection %d: %v", i, err)
					return
				}
			}
		}()
	}
	done.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return conns
}

// readOne takes an answer that comes in one piece, without a reader that would be kept per connection.
func readOne(conn net.Conn) (int, error) {
	var buffer [4096]byte
	return conn.Read(buffer[:])
}

// An idle keep-alive connection costs a worker at most 1 KB of memory of its own.
func TestMemoryOfIdleConnections(t *testing.T) {
	const bytesMax = 1024
	count := 10000
	if gate.Sanitized() {
		count = 500 // which says whether it works; the bound is for what is shipped
	}
	if !gate.RaiseDescriptorLimit(uint64(count + 1000)) {
		t.Fatalf("the limit of descriptors cannot be raised to hold %d connections", count)
	}
	g := start(t, gate.Options{Workers: 1, Args: append([]string{"--access-log", "off"}, keepAlive...)}, settings(nil),
		services(t, "web"), gate.Route("web", "web.test", "/", "web"))
	idle(t, g, 64) // what is needed once: buffers, pools, the first answer's code
	pid := g.WorkerPid(0)
	before := gate.PrivateBytes(t, pid)
	conns := idle(t, g, count)
	if held := connectionsOf(t, g, 0); held < count {
		t.Fatalf("the worker holds %d connections of %d", held, count)
	}
	each := float64(gate.PrivateBytes(t, pid)-before) / float64(count)
	t.Logf("%d idle connections cost %.0f bytes each", count, each)
	if !gate.Sanitized() && each > bytesMax {
		t.Errorf("an idle connection costs %.0f bytes, more than %d", each, bytesMax)
	}
	// They are alive, all of them.
	for i := 0; i < count; i += count / 100 {
		fmt.Fprintf(conns[i], "GET / HTTP/1.1\r\nHost: web.test\r\n\r\n")
		if _, err := readOne(conns[i]); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	// Ten thousand ends at once do not hold up the exit either.
	begin := time.Now()
	g.Stop(t)
	took := time.Since(begin)
	t.Logf("ended after %v", took)
	if took > 2*time.Second*gate.Scale() {
		t.Errorf("the exit took %v", took)
	}
}
