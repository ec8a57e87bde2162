package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"yett.dev/e2e/gate"
)

// frames writes frames of HTTP/2 that no honest client sends, or not so many of.
type frames struct {
	bytes.Buffer
	stream uint32 // the newest
}

func (f *frames) frame(kind http2.FrameType, flags http2.Flags, stream uint32, payload []byte) {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	f.Write(append(head, byte(flags)))
	binary.Write(f, binary.BigEndian, stream)
	f.Write(payload)
}

// field is a literal, never indexed, so that no state is needed to repeat it.
func field(name, value string) []byte {
	out := append([]byte{0x10, byte(len(name))}, name...)
	return append(append(out, byte(len(value))), value...)
}

func requestBlock(method, path string, more ...string) []byte {
	block := bytes.Join([][]byte{field(":method", method), field(":scheme", "http"), field(":authority", "web.test"),
		field(":path", path)}, nil)
	for i := 0; i+1 < len(more); i += 2 {
		block = append(block, field(more[i], more[i+1])...)
	}
	return block
}

func (f *frames) open(flags http2.Flags, block []byte) uint32 {
	if f.stream == 0 {
		f.stream = 1
	} else {
		f.stream += 2
	}
	f.frame(http2.FrameHeaders, flags, f.stream, block)
	return f.stream
}

const endBoth = http2.FlagHeadersEndHeaders | http2.FlagHeadersEndStream

// An attack is what a client says first, and what it then says again and again.
type attack struct {
	name   string
	begin  func(f *frames)
	repeat func(f *frames)
	// deaf: what the gate says is not read. silent: nothing follows the beginning. Both are ended by time, which
	// test/loopback turns by hand; here they must only be cheap.
	deaf, silent bool
}

var make4000 = bytes.Repeat([]byte("a"), 4000)

var attacks = []attack{
	{name: "rapid reset", repeat: func(f *frames) {
		f.frame(http2.FrameRSTStream, 0, f.open(endBoth, requestBlock("GET", "/")), []byte{0, 0, 0, 8})
	}},
	{name: "resets that we are made to send", repeat: func(f *frames) {
		stream := f.open(http2.FlagHeadersEndHeaders, requestBlock("POST", "/", "content-length", "0"))
		f.frame(http2.FrameData, 0, stream, []byte("more"))
	}},
	{name: "malformed requests", repeat: func(f *frames) { f.open(endBoth, requestBlock("GET", "/", "Upper", "x")) }},
	{name: "names without a letter", repeat: func(f *frames) { f.open(endBoth, requestBlock("GET", "/", "", "x")) }},
	{name: "CONTINUATION without end, empty", begin: func(f *frames) { f.open(0, nil) },
		repeat: func(f *frames) { f.frame(http2.FrameContinuation, 0, f.stream, nil) }},
	{name: "CONTINUATION without end, large", begin: func(f *frames) { f.open(0, requestBlock("GET", "/")) },
		repeat: func(f *frames) {
			f.frame(http2.FrameContinuation, 0, f.stream, bytes.Repeat(field("a", strings.Repeat("b", 100)), 140))
		}},
	{name: "PING", repeat: func(f *frames) { f.frame(http2.FramePing, 0, 0, make([]byte, 8)) }},
	{name: "SETTINGS", repeat: func(f *frames) { f.frame(http2.FrameSettings, 0, 0, []byte{0, 4, 0, 0, 1, 0}) }},
	{name: "PRIORITY", repeat: func(f *frames) { f.frame(http2.FramePriority, 0, 1001, []byte{0, 0, 0, 0, 9}) }},
	{name: "WINDOW_UPDATE", repeat: func(f *frames) { f.frame(http2.FrameWindowUpdate, 0, 0, []byte{0, 0, 0, 1}) }},
	{name: "frames of no known kind", repeat: func(f *frames) { f.frame(77, 0, 0, nil) }},
	{name: "empty DATA", begin: func(f *frames) { f.open(http2.FlagHeadersEndHeaders, requestBlock("POST", "/")) },
		repeat: func(f *frames) { f.frame(http2.FrameData, 0, f.stream, nil) }},
	{name: "DATA of padding alone", begin: func(f *frames) { f.open(http2.FlagHeadersEndHeaders, requestBlock("POST", "/")) },
		repeat: func(f *frames) {
			f.frame(http2.FrameData, http2.FlagDataPadded, f.stream, append([]byte{200}, make([]byte, 200)...))
		}},
	{name: "DATA for a stream that is over", begin: func(f *frames) {
		f.frame(http2.FrameRSTStream, 0, f.open(http2.FlagHeadersEndHeaders, requestBlock("POST", "/")), []byte{0, 0, 0, 8})
	}, repeat: func(f *frames) { f.frame(http2.FrameData, 0, f.stream, []byte("x")) }},
	{name: "a window of a byte at a time", begin: func(f *frames) {
		f.frame(http2.FrameSettings, 0, 0, []byte{0, 4, 0, 0, 0, 1})
		f.open(endBoth, requestBlock("GET", "/large"))
	}, repeat: func(f *frames) { f.frame(http2.FrameWindowUpdate, 0, f.stream, []byte{0, 0, 0, 1}) }},
	{name: "a bomb of fields", begin: func(f *frames) {
		// A literal of 4000 bytes that is indexed: it fills the table, as entry 62.
		f.open(endBoth, append(append(requestBlock("GET", "/"), 0x40, 1, 'x', 0x7f, 0xa1, 0x1e), make4000...))
	}, repeat: func(f *frames) {
		f.open(endBoth, append(requestBlock("GET", "/"), bytes.Repeat([]byte{0xbe}, 16000)...))
	}},
	{name: "more streams than allowed", repeat: func(f *frames) {
		f.open(http2.FlagHeadersEndHeaders, requestBlock("POST", "/"))
	}},
	{name: "answers that are not read", deaf: true,
		repeat: func(f *frames) { f.open(endBoth, requestBlock("GET", "/large")) }},
	{name: "a head without end, and silence", silent: true,
		begin: func(f *frames) { f.open(0, requestBlock("GET", "/")[:20]) }},
}

// attackOnce is one connection; it returns what it sent, and whether the gate ended it within `limit`.
func attackOnce(address string, a attack, limit time.Duration) (sent int, ended bool) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return 0, false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(limit))
	gone := make(chan error, 1)
	if !a.deaf {
		go func() {
			_, err := io.Copy(io.Discard, conn)
			gone <- err
		}()
	}
	f := &frames{}
	f.WriteString(http2.ClientPreface)
	f.frame(http2.FrameSettings, 0, 0, nil)
	f.frame(http2.FrameSettings, http2.FlagSettingsAck, 0, nil)
	if a.begin != nil {
		a.begin(f)
	}
	for {
		for a.repeat != nil && f.Len() < 16<<10 {
			a.repeat(f)
		}
		n, err := conn.Write(f.Bytes())
		sent += n
		f.Reset()
		if err != nil {
			return sent, !os.IsTimeout(err)
		}
		if a.silent {
			return sent, !os.IsTimeout(<-gone)
		}
		select {
		case err := <-gone:
			return sent, !os.IsTimeout(err)
		default:
		}
	}
}

// cpu is what a process has run for so far.
func cpu(t testing.TB, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var ran int64
	fmt.Sscan(string(text), &ran)
	return time.Duration(ran)
}

// honestTimes asks every few milliseconds, until stopped, and returns the 99th percentile of the answers.
func honestTimes(t testing.TB, g *gate.Gate) (stop func() time.Duration) {
	t.Helper()
	done, result := make(chan struct{}), make(chan time.Duration, 1)
	conn := gate.DialAddr(t, g.HTTP)
	go func() {
		var times []time.Duration
		for {
			begin := time.Now()
			io.WriteString(conn.Conn, "GET / HTTP/1.1\r\nHost: web.test\r\n\r\n")
			if _, err := conn.ReadAnswer("GET"); err != nil {
				t.Errorf("an honest client got no answer meanwhile: %v", err)
				result <- 0
				return
			}
			times = append(times, time.Since(begin))
			select {
			case <-done:
				slices.Sort(times)
				result <- times[len(times)*99/100]
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func() time.Duration { close(done); return <-result }
}

// honestBusy is what one connection of HTTP/2 that asks as fast as it can makes the worker run in a second.
func honestBusy(t testing.TB, g *gate.Gate, pid int) time.Duration {
	t.Helper()
	transport := h2c(g.HTTP)
	defer transport.CloseIdleConnections()
	var asking sync.WaitGroup
	before, end := cpu(t, pid), time.Now().Add(time.Second)
	for range 32 {
		asking.Add(1)
		go func() {
			defer asking.Done()
			for time.Now().Before(end) {
				request, _ := http.NewRequest("GET", "http://web.test/", nil)
				answer, err := transport.RoundTrip(request)
				if err != nil {
					t.Errorf("an honest client: %v", err)
					return
				}
				io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
			}
		}()
	}
	asking.Wait()
	return cpu(t, pid) - before
}

// Each flood ends its connection; till then it has cost the worker less than an honest connection that is busy does in
// a second. An attacker who comes again and again does not keep others waiting. docs/security.md has the figures.
func TestFloodsOfHTTP2(t *testing.T) {
	const memoryMax = 16 << 20
	web := gate.NewBackend(t, "web")
	web.Handle(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/large" {
			w.Write(make([]byte, 1<<20))
		}
	})
	g := start(t, gate.Options{Workers: 1, Args: []string{"--access-log", "off"}}, gate.Backends("web", web.Addr),
		gate.Route("web", "web.test", "/", "web"))
	pid := g.WorkerPid(0)
	busy := honestBusy(t, g, pid)
	alone := honestTimes(t, g)
	time.Sleep(time.Second)
	t.Logf("an honest busy connection takes %v of a second; p99 of others alone %v", busy, alone())
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			lasts := a.deaf || a.silent
			limit := 10 * time.Second * gate.Scale()
			if lasts {
				limit = time.Second
			}
			before := cpu(t, pid)
			sent, ended := attackOnce(g.HTTP, a, limit)
			cost := cpu(t, pid) - before
			if !ended && !lasts {
				t.Errorf("after %d bytes it goes on", sent)
			}
			if cost > busy {
				t.Errorf("it took %v of CPU, more than an honest busy connection's %v in a second", cost, busy)
			}

			memory := gate.PrivateBytes(t, pid)
			before = cpu(t, pid)
			others := honestTimes(t, g)
			again := 0
			for end := time.Now().Add(time.Second); time.Now().Before(end); again++ {
				attackOnce(g.HTTP, a, max(time.Until(end), time.Millisecond))
			}
			p99, all := others(), cpu(t, pid)-before
			grown := int64(gate.PrivateBytes(t, pid)) - int64(memory)
			if p99 > 100*time.Millisecond*gate.Scale() {
				t.Errorf("others waited %v for their answers", p99)
			}
			if grown > memoryMax && !gate.Sanitized() { // which keeps what was freed
				t.Errorf("the worker has grown by %d bytes", grown)
			}
			t.Logf("| %s | %d KB | %.1f ms (%.1f %%) | %d | %.0f %% | %d KB | %.1f ms |", a.name, sent>>10,
				float64(cost.Microseconds())/1000, 100*float64(cost)/float64(busy), again,
				100*float64(all)/float64(busy), grown>>10, float64(p99.Microseconds())/1000)
		})
	}
	if g.WorkerPid(0) != pid {
		t.Error("the worker is another one")
	}
}
