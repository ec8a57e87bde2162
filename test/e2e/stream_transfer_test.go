package e2e

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// What a transfer may add to a worker: two buffers each way, and what the allocator rounds up.
const streamGrowthMax = 2 << 20

// streamBytes is the size of a transfer: enough to show that nothing is gathered, and more than 32 bits count.
func streamBytes() int64 {
	if gate.Sanitized() {
		return 1 << 30
	}
	return 5 << 30
}

// residentBytes is a process' resident memory.
func residentBytes(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * int64(os.Getpagesize())
}

// pausing stops once in a while for the first part of a stream: a slow peer, then a fast one.
type pausing struct {
	io.Writer
	left int
}

func (p *pausing) Write(b []byte) (int, error) {
	if p.left > 0 {
		p.left--
		time.Sleep(time.Millisecond)
	}
	return p.Writer.Write(b)
}

// transfer copies and reports speed and how much the worker grew.
func transfer(t *testing.T, g *gate.Gate, what string, bytes int64, move func() error) {
	t.Helper()
	pid := g.WorkerPid(0)
	before, start := residentBytes(t, pid), time.Now()
	if err := move(); err != nil {
		t.Fatal(err)
	}
	growth, took := residentBytes(t, pid)-before, time.Since(start)
	t.Logf("%s: %d MB in %v, %.0f MB/s; worker grew by %d KB", what, bytes>>20, took.Round(time.Millisecond),
		float64(bytes>>20)/took.Seconds(), growth>>10)
	if growth > streamGrowthMax && !gate.Sanitized() {
		t.Errorf("the worker grew by %d bytes", growth)
	}
}

// streamBackend answers GET with `bytes` zeros, and POST with the number of bytes that came.
func streamBackend(bytes int64) func(conn *gate.RawConn) {
	return func(conn *gate.RawConn) {
		for {
			request, err := conn.Request()
			if err != nil {
				return
			}
			if request.Method == "GET" && request.RequestURI == "/small" {
				io.WriteString(conn, plain("small"))
				continue
			}
			if request.Method == "GET" {
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", bytes)
				if _, err := io.CopyN(conn.Conn, zeros{}, bytes); err != nil {
					return
				}
				continue
			}
			n, _ := io.Copy(&pausing{io.Discard, 200}, request.Body)
			io.WriteString(conn, plain(fmt.Sprint(n)))
		}
	}
}

func TestStreamDownload(t *testing.T) {
	bytes := streamBytes()
	backend := gate.NewRawBackend(t, streamBackend(bytes))
	g := startSite(t, siteOptions{}, backend.Addr)
	conn := g.Dial(t)
	conn.SetDeadline(time.Now().Add(2 * time.Minute * gate.Scale()))
	conn.Send(t, get("/small"))
	expectAnswer(t, conn, "GET", 200, "small")
	// Others get their turn while one connection could keep the worker busy.
	stop := otherRequests(t, g, 20*time.Millisecond)
	transfer(t, g, "download", bytes, func() error {
		conn.Send(t, get("/large"))
		readHead(t, conn)
		n, err := io.CopyN(&pausing{io.Discard, 200}, conn.Reader, bytes)
		if err == nil && n != bytes {
			err = fmt.Errorf("%d bytes came", n)
		}
		return err
	})
	if times := stop(); len(times) == 0 || times[len(times)-1] > 500*time.Millisecond*gate.Scale() {
		t.Errorf("small requests beside the download took %v", times)
	}
	conn.Send(t, get("/small"))
	expectAnswer(t, conn, "GET", 200, "small")
}

// otherRequests sends small requests every few milliseconds until stopped; how long they took comes back in order. They
// stop with the test, too.
func otherRequests(t *testing.T, g *gate.Gate, every time.Duration) (stop func() []time.Duration) {
	done, result := make(chan bool), make(chan []time.Duration, 1)
	go func() {
		var times []time.Duration
		for {
			select {
			case <-done:
				slices.Sort(times)
				result <- times
				return
			case <-time.After(every):
			}
			start := time.Now()
			if status, body := g.TryGet(siteHost, "/small"); status != 200 || body != "small" {
				t.Errorf("a small request meanwhile: %d %q", status, body)
			}
			times = append(times, time.Since(start))
		}
	}()
	stop = sync.OnceValue(func() []time.Duration { close(done); return <-result })
	t.Cleanup(func() { stop() })
	return stop
}

func TestStreamUpload(t *testing.T) {
	bytes := streamBytes()
	for _, framing := range []string{"Content-Length", "chunked"} {
		t.Run(framing, func(t *testing.T) {
			backend := gate.NewRawBackend(t, streamBackend(0))
			g := startSite(t, siteOptions{config: map[string]string{"proxy-body-size": "0"}}, backend.Addr)
			conn := g.Dial(t)
			conn.SetDeadline(time.Now().Add(2 * time.Minute * gate.Scale()))
			conn.Send(t, get("/small"))
			expectAnswer(t, conn, "GET", 200, "small")
			size := bytes / 4
			transfer(t, g, "upload, "+framing, size, func() error { return upload(t, conn, framing, size) })
			expectAnswer(t, conn, "POST", 200, fmt.Sprint(size))
		})
	}
}

func upload(t *testing.T, conn *gate.RawConn, framing string, bytes int64) error {
	if framing == "Content-Length" {
		conn.Send(t, request("POST", "/", fmt.Sprintf("Content-Length: %d", bytes)))
		_, err := io.CopyN(conn.Conn, zeros{}, bytes)
		return err
	}
	conn.Send(t, request("POST", "/", "Transfer-Encoding: chunked"))
	chunk := fmt.Sprintf("%x\r\n%s\r\n", 1<<20, strings.Repeat("\x00", 1<<20))
	for range bytes >> 20 {
		if _, err := io.WriteString(conn.Conn, chunk); err != nil {
			return err
		}
	}
	_, err := io.WriteString(conn.Conn, "0\r\n\r\n")
	return err
}

// Clients that never read what they asked for hold two buffers each, and nobody else up.
func TestStreamClientsThatNeverRead(t *testing.T) {
	backend := gate.NewRawBackend(t, streamBackend(1<<30))
	g := startSite(t, siteOptions{}, backend.Addr)
	g.Get(t, siteHost, "/small")
	const clients = 20
	transfer(t, g, "20 clients that never read", 0, func() error {
		for range clients {
			g.Dial(t).Send(t, get("/large"))
		}
		gate.WaitFor(t, 5*time.Second, "all downloads to begin", func() bool {
			return backend.Connections.Load() >= clients
		})
		for range 50 {
			if answer := g.Get(t, siteHost, "/small"); answer.Body != "small" {
				return fmt.Errorf("beside them: %d", answer.StatusCode)
			}
		}
		return nil
	})
}

// Each event of a trickle is there as soon as it was sent, in either framing.
func TestStreamEventsAreDeliveredAtOnce(t *testing.T) {
	for _, framing := range []string{"Transfer-Encoding: chunked\r\n", ""} {
		events, sent := make(chan string), make(chan time.Time, 1)
		s := newSite(t, siteOptions{}, func(conn *gate.RawConn, seen *exchangeLog) {
			readExact(conn)
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"+framing+"\r\n")
			for event := range events {
				sent <- time.Now()
				if framing != "" {
					event = fmt.Sprintf("%x\r\n%s\r\n", len(event), event)
				}
				io.WriteString(conn, event)
			}
		})
		conn := s.Dial(t)
		conn.Send(t, get("/events"))
		readHead(t, conn)
		var slowest time.Duration
		for i := range 50 {
			event := fmt.Sprintf("data: %d", i)
			events <- event
			for text := ""; !strings.HasSuffix(text, event); { // chunk sizes stand between
				b, err := conn.Reader.ReadByte()
				if err != nil {
					t.Fatal(err)
				}
				text += string(b)
			}
			slowest = max(slowest, time.Since(<-sent))
		}
		close(events)
		t.Logf("slowest of 50 events: %v", slowest)
		if slowest > 50*time.Millisecond*gate.Scale() {
			t.Errorf("an event took %v", slowest)
		}
	}
}
