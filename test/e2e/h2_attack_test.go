package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/sys/unix"

	"yett.dev/e2e/gate"
)

// An attack is what a client says first, and what it then says again and again.
type attack struct {
	name   string
	begin  func(f *frames)
	repeat func(f *frames)
	// isDeaf: nothing of what the gate says is read, and the repetition begins when the gate has no more to say.
	isDeaf bool
	// isPiled: streams that are to be reset count for open until they are, so PROTOCOL_ERROR for more of them than are
	// allowed may come before the other end.
	isPiled bool
	// lasting: it is ended by time, which test/loopback turns by hand; here so many at once must be cheap.
	lasting int
}

var make4000 = bytes.Repeat([]byte("a"), 4000)

var attacks = []attack{
	{name: "rapid reset", repeat: func(f *frames) {
		f.frame(http2.FrameRSTStream, 0, f.open(endBoth, requestBlock("GET", "/")), []byte{0, 0, 0, 8})
	}},
	{name: "resets that we are made to send", isPiled: true, repeat: func(f *frames) {
		stream := f.open(http2.FlagHeadersEndHeaders, requestBlock("POST", "/", "content-length", "0"))
		f.frame(http2.FrameData, 0, stream, []byte("more"))
	}},
	{name: "malformed requests", isPiled: true, repeat: func(f *frames) { f.open(endBoth, requestBlock("GET", "/", "Upper", "x")) }},
	{name: "names without a letter", isPiled: true, repeat: func(f *frames) { f.open(endBoth, requestBlock("GET", "/", "", "x")) }},
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
	{name: "more streams than allowed", isPiled: true, repeat: func(f *frames) {
		f.open(http2.FlagHeadersEndHeaders, requestBlock("POST", "/"))
	}},
	{name: "answers that are not read", isDeaf: true, lasting: 2, begin: func(f *frames) {
		f.frame(http2.FrameSettings, 0, 0, []byte{0, 4, 0x7f, 0xff, 0xff, 0xff})
		f.frame(http2.FrameWindowUpdate, 0, 0, []byte{0x7f, 0xff, 0, 0})
		for range 100 { // fewer than are allowed
			f.open(endBoth, requestBlock("GET", "/large"))
		}
	}, repeat: func(f *frames) { f.frame(http2.FramePing, 0, 0, make([]byte, 8)) }},
	{name: "a head without end, and silence", lasting: 50,
		begin: func(f *frames) { f.open(0, requestBlock("GET", "/")[:20]) }},
}

// An ending is that of one connection of an attacker.
type ending struct {
	sent    int
	isEnded bool          // by the gate
	code    http2.ErrCode // of its GOAWAY
}

// attackOnce is one connection. Where the gate does not end it, the attacker does after `limit`.
func attackOnce(t testing.TB, address string, a attack, limit time.Duration) (o ending) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Errorf("the attacker cannot connect: %v", err)
		return o
	}
	defer conn.Close()
	f := &frames{}
	write := func() error {
		n, err := f.WriteTo(conn)
		o.sent += int(n)
		f.Reset()
		return err
	}
	f.WriteString(http2.ClientPreface)
	f.frame(http2.FrameSettings, 0, 0, nil)
	f.frame(http2.FrameSettings, http2.FlagSettingsAck, 0, nil)
	if a.begin != nil {
		a.begin(f)
	}
	heard := make(chan ending, 1)
	if a.isDeaf {
		err = write()
		waitForSilence(t, conn.(*net.TCPConn))
		conn.SetDeadline(time.Now().Add(limit))
	} else {
		conn.SetDeadline(time.Now().Add(limit))
		go func() { heard <- hear(conn) }()
		err = write()
	}
	for err == nil && a.repeat != nil && len(heard) == 0 {
		for f.Len() < 16<<10 {
			a.repeat(f)
		}
		err = write()
	}
	if a.isDeaf {
		o.isEnded = !os.IsTimeout(err)
	} else {
		end := <-heard
		o.isEnded, o.code = end.isEnded, end.code
	}
	return o
}

// hear reads what the gate says until it ends the connection, or the time is over.
func hear(conn net.Conn) (o ending) {
	framer := http2.NewFramer(io.Discard, conn)
	for {
		frame, err := framer.ReadFrame()
		if goAway, is := frame.(*http2.GoAwayFrame); is {
			o.code = goAway.ErrCode
		}
		if err != nil {
			o.isEnded = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
			return o
		}
	}
}

// waitForSilence waits until the gate says nothing more to a client that does not read.
func waitForSilence(t testing.TB, conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Error(err)
		return
	}
	const pause = 10 * time.Millisecond
	before := 0
	for same, end := 0, time.Now().Add(10*time.Second*gate.Scale()); same < 10*int(gate.Scale()) && time.Now().Before(end); time.Sleep(pause) {
		unread := 0
		raw.Control(func(fd uintptr) { unread, err = unix.IoctlGetInt(int(fd), unix.SIOCINQ) })
		same++
		if err != nil || unread == 0 || unread != before {
			before, same = unread, 0
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

// waits are the 99th percentiles of what the answers to an honest client took.
type waits struct {
	wall time.Duration
	work time.Duration // of the worker's CPU, whoever had it: what a busy machine adds is not in it
}

// The most that an attack may add. The clock's is for a worker that sleeps where it should work.
const (
	workMax = 50 * time.Millisecond
	wallMax = 2 * time.Second
)

func (w waits) check(t testing.TB, what string) {
	t.Helper()
	if w.work > workMax*gate.Scale() || w.wall > wallMax*gate.Scale() {
		t.Errorf("%s: others waited %v for their answers, in which the worker worked for %v", what, w.wall, w.work)
	}
}

// honestWaits asks every few milliseconds, until stopped.
func honestWaits(t testing.TB, g *gate.Gate, pid int) (stop func() waits) {
	t.Helper()
	done, result := make(chan struct{}), make(chan waits, 1)
	conn := gate.DialAddr(t, g.HTTP)
	go func() {
		var wall, work []time.Duration
		var out waits
		defer func() { result <- out }() // also where the worker is no more, which cpu() fails for
		for {
			before, begin := cpu(t, pid), time.Now()
			io.WriteString(conn.Conn, "GET / HTTP/1.1\r\nHost: web.test\r\n\r\n")
			if _, err := conn.ReadAnswer("GET"); err != nil {
				t.Errorf("an honest client got no answer meanwhile: %v", err)
				return
			}
			wall, work = append(wall, time.Since(begin)), append(work, cpu(t, pid)-before)
			select {
			case <-done:
				slices.Sort(wall)
				slices.Sort(work)
				out = waits{wall[len(wall)*99/100], work[len(work)*99/100]}
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func() waits { close(done); return <-result }
}

// honestBusy is the part of a worker's time that one connection of HTTP/2 takes which asks as fast as it can.
func honestBusy(t testing.TB, g *gate.Gate, pid int) float64 {
	t.Helper()
	transport := h2c(g.HTTP)
	defer transport.CloseIdleConnections()
	var asking sync.WaitGroup
	before, begin := cpu(t, pid), time.Now()
	for range 32 {
		asking.Add(1)
		go func() {
			defer asking.Done()
			for time.Since(begin) < 500*time.Millisecond {
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
	return float64(cpu(t, pid)-before) / float64(time.Since(begin))
}

// A siege is what came of an attacker who comes again and again.
type siege struct {
	perSecond int     // connections
	share     float64 // of the worker's time
	others    waits
}

// besiege comes one at a time, each as soon as the last was ended; those that time ends come `lasting` at once.
func besiege(t testing.TB, g *gate.Gate, pid int, a attack) siege {
	const lasts = 300 * time.Millisecond
	before, begin, others := cpu(t, pid), time.Now(), honestWaits(t, g, pid)
	again := 0
	if a.lasting > 0 {
		var attackers sync.WaitGroup
		for ; again < a.lasting; again++ {
			attackers.Go(func() { attackOnce(t, g.HTTP, a, lasts) })
		}
		attackers.Wait()
	} else {
		for ; time.Since(begin) < lasts; again++ {
			attackOnce(t, g.HTTP, a, max(lasts-time.Since(begin), time.Millisecond))
		}
	}
	waited, took := others(), time.Since(begin)
	return siege{int(float64(again) / took.Seconds()), float64(cpu(t, pid)-before) / float64(took), waited}
}

// Each flood ends its connection, and is told why; till then it has cost the worker less than an honest connection that
// is busy does in a second. An attacker who comes again and again does not keep others waiting, and is no
// more to a worker than some clients that are busy. docs/security.md has the figures.
func TestFloodsOfHTTP2(t *testing.T) {
	const (
		memoryMax = 16 << 20
		sentMax   = 12 << 20 // what the kernel takes for one who does not listen: the buffers of both sockets
		sharesMax = 5        // of an honest busy connection's CPU
	)
	web, large := gate.NewBackend(t, "web"), make([]byte, 1<<20)
	web.Handle(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/large" {
			w.Write(large)
		}
	})
	g := start(t, gate.Options{Workers: 1, Args: []string{"--access-log", "off"}}, gate.Backends("web", web.Addr),
		gate.Route("web", "web.test", "/", "web"))
	pid := g.WorkerPid(0)
	busy := honestBusy(t, g, pid)
	alone := honestWaits(t, g, pid)
	time.Sleep(300 * time.Millisecond)
	t.Logf("an honest busy connection takes %.1f %% of a worker; p99 of others alone %v", 100*busy, alone().wall)
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			limit := 10 * time.Second * gate.Scale()
			if a.lasting > 0 {
				limit = 300 * time.Millisecond
			}
			before := cpu(t, pid)
			once := attackOnce(t, g.HTTP, a, limit)
			cost := cpu(t, pid) - before
			switch {
			case a.lasting > 0 && once.isEnded:
				t.Errorf("it was ended after %d bytes", once.sent)
			case a.lasting > 0 && once.sent > sentMax:
				t.Errorf("the gate took %d bytes", once.sent)
			case a.lasting > 0:
			case !once.isEnded, once.code != http2.ErrCodeEnhanceYourCalm && !(a.isPiled && once.code == http2.ErrCodeProtocol):
				t.Errorf("after %d bytes: ended %v, with %v", once.sent, once.isEnded, once.code)
			}
			if part := cost.Seconds() / busy; part > 1 {
				t.Errorf("it took %v of CPU, %.1f times what an honest busy connection takes in a second", cost, part)
			}

			memory := gate.PrivateBytes(t, pid)
			got := besiege(t, g, pid, a)
			for range 2 { // a busy machine keeps honest clients from being busy, but not each time
				if got.share > sharesMax*busy {
					busy, got = honestBusy(t, g, pid), besiege(t, g, pid, a)
				}
			}
			grown := gate.PrivateBytes(t, pid) - memory
			got.others.check(t, a.name)
			if got.share > sharesMax*busy {
				t.Errorf("coming again, it takes %.0f %% of the worker", 100*got.share)
			}
			if grown > memoryMax && !gate.Sanitized() { // which keeps what was freed
				t.Errorf("the worker has grown by %d bytes", grown)
			}
			t.Logf("| %s | %d KB | %.1f ms | %.1f %% | %d | %.0f %% | %.1f MB | %.0f ms | %.1f ms |", a.name, once.sent>>10,
				cost.Seconds()*1e3, 100*cost.Seconds()/busy, got.perSecond, 100*got.share/busy, float64(grown)/(1<<20),
				got.others.wall.Seconds()*1e3, got.others.work.Seconds()*1e3)
		})
	}
	if g.WorkerPid(0) != pid {
		t.Error("the worker is another one")
	}
}
