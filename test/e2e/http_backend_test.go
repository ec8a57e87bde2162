package e2e

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// A backend that closes a kept connection at the very moment of its reuse: a GET is repeated, a POST that
// was sent is not.
func TestHTTPBackendClosesAtReuse(t *testing.T) {
	var posts atomic.Int64
	s := newSite(t, siteOptions{}, func(conn *gate.RawConn, seen *exchangeLog) {
		for i := 0; ; i++ {
			_, method, target, err := readExact(conn)
			if err != nil {
				return
			}
			if method == "POST" {
				posts.Add(1)
			}
			if i == 1 { // read, and not answered
				return
			}
			io.WriteString(conn, plain(target))
		}
	})
	conn := s.Dial(t)
	for i := range 1000 {
		conn.Send(t, get(fmt.Sprintf("/%d", i)))
		expectAnswer(t, conn, "GET", 200, fmt.Sprintf("/%d", i))
	}
	conn = s.Dial(t) // a thousand requests are all that one may have
	for i := range 100 {
		before := posts.Load()
		conn.Send(t, request("POST", "/post", "Content-Length: 1")+"x")
		if answer := conn.Answer(t, "POST"); !statusIs(answer, 200, 502) {
			t.Fatalf("POST %d: %d", i, answer.StatusCode)
		}
		if n := posts.Load() - before; n != 1 {
			t.Fatalf("POST %d was processed %d times", i, n)
		}
	}
}

// Closing right behind an answer is the other way that a kept connection ends: nothing is lost by it.
func TestHTTPBackendClosesBehindAnswer(t *testing.T) {
	s := newSite(t, siteOptions{}, func(conn *gate.RawConn, seen *exchangeLog) {
		if _, _, target, err := readExact(conn); err == nil {
			io.WriteString(conn, plain(target))
		}
	})
	conn := s.Dial(t)
	for i := range 1000 {
		conn.Send(t, get(fmt.Sprintf("/%d", i)))
		expectAnswer(t, conn, "GET", 200, fmt.Sprintf("/%d", i))
	}
}

func TestHTTPBackendIdleTime(t *testing.T) {
	t.Parallel() // it waits most of its time
	ended := make(chan time.Duration, 1)
	s := newSite(t, siteOptions{config: map[string]string{"upstream-keepalive-timeout": "1"}},
		func(conn *gate.RawConn, seen *exchangeLog) {
			readExact(conn)
			io.WriteString(conn, plain("x"))
			start := time.Now()
			conn.ReadEnd()
			ended <- time.Since(start)
		})
	s.Get(t, siteHost, "/")
	if took := <-ended; took < 900*time.Millisecond || took > 3*time.Second*gate.Scale() {
		t.Errorf("closed after %v", took)
	}
}

// refusing answers like a crash: it reads the request and resets.
func refusing(count *atomic.Int64) func(conn *gate.RawConn) {
	return func(conn *gate.RawConn) {
		if _, _, _, err := readExact(conn); err == nil {
			count.Add(1)
			conn.Reset()
		}
	}
}

func TestHTTPRetries(t *testing.T) {
	var resets, served atomic.Int64
	bad := gate.NewRawBackend(t, refusing(&resets))
	good := gate.NewRawBackend(t, func(conn *gate.RawConn) {
		answering(func(string, string) string { served.Add(1); return plain("good") })(conn, &exchangeLog{})
	})
	t.Run("refused", func(t *testing.T) {
		g := startSite(t, siteOptions{}, gate.Refused(t), good.Addr)
		for i := range 20 {
			method := []string{"GET", "POST"}[i%2]
			if answer := g.Do(t, method, siteHost, "/", "Content-Length: 0"); answer.StatusCode != 200 {
				t.Fatalf("%s %d: %d", method, i, answer.StatusCode)
			}
		}
	})
	t.Run("reset before an answer", func(t *testing.T) {
		g := startSite(t, siteOptions{}, bad.Addr, good.Addr)
		for i := range 20 {
			if answer := g.Get(t, siteHost, "/"); answer.StatusCode != 200 {
				t.Fatalf("GET %d: %d", i, answer.StatusCode)
			}
		}
	})
	t.Run("tries", func(t *testing.T) {
		resets.Store(0)
		g := startSite(t, siteOptions{config: map[string]string{"proxy-next-upstream-tries": "2"}}, bad.Addr)
		if answer := g.Get(t, siteHost, "/"); answer.StatusCode != 502 || resets.Load() != 2 {
			t.Errorf("%d after %d tries", answer.StatusCode, resets.Load())
		}
		resets.Store(0)
		off := startSite(t, siteOptions{config: map[string]string{"proxy-next-upstream": "off"}}, bad.Addr)
		if answer := off.Get(t, siteHost, "/"); answer.StatusCode != 502 || resets.Load() != 1 {
			t.Errorf("%d after %d tries", answer.StatusCode, resets.Load())
		}
	})
}

// A POST that reached a backend is answered once or not at all.
func TestHTTPPostIsNotRepeated(t *testing.T) {
	var resets, served atomic.Int64
	bad := gate.NewRawBackend(t, refusing(&resets))
	good := gate.NewRawBackend(t, func(conn *gate.RawConn) {
		answering(func(string, string) string { served.Add(1); return plain("good") })(conn, &exchangeLog{})
	})
	g := startSite(t, siteOptions{}, bad.Addr, good.Addr)
	var ok, failed int64
	for range 40 {
		conn := g.Dial(t)
		conn.Send(t, request("POST", "/", "Content-Length: 1")+"x")
		switch conn.Answer(t, "POST").StatusCode {
		case 200:
			ok++
		case 502:
			failed++
		}
	}
	if ok != 20 || failed != 20 || served.Load() != ok || resets.Load() != failed {
		t.Errorf("%d answered of %d served; %d failed of %d reset", ok, served.Load(), failed, resets.Load())
	}
}

// expectLocal checks one of the gate's own answers: its status, and that nothing internal is named.
func expectLocal(t *testing.T, answer gate.Answer, status int, secrets ...string) {
	t.Helper()
	if answer.StatusCode != status {
		t.Errorf("%d, want %d", answer.StatusCode, status)
	}
	for _, secret := range append(secrets, "127.0.0.1", "site", "default", "yett", "backend") {
		if strings.Contains(answer.Body, secret) {
			t.Errorf("the body names %q: %q", secret, answer.Body)
		}
	}
}

func TestHTTPBackendFailures(t *testing.T) {
	t.Parallel() // it waits most of its time
	times := map[string]string{"proxy-connect-timeout": "1", "proxy-read-timeout": "1", "proxy-send-timeout": "1",
		"proxy-next-upstream-tries": "1", "proxy-body-size": "0"}
	silent := gate.NewRawBackend(t, func(conn *gate.RawConn) { io.Copy(io.Discard, conn) })
	over := make(chan bool)
	t.Cleanup(func() { close(over) })
	deaf := gate.NewRawBackend(t, func(conn *gate.RawConn) { <-over })
	blackhole := gate.Blackhole(t)
	t.Run("refused", func(t *testing.T) {
		refused := gate.Refused(t)
		g := startSite(t, siteOptions{}, refused)
		_, port, _ := net.SplitHostPort(refused)
		expectLocal(t, g.Get(t, siteHost, "/"), 502, port)
	})
	t.Run("no endpoints", func(t *testing.T) {
		expectLocal(t, startSite(t, siteOptions{}).Get(t, siteHost, "/"), 503)
	})
	t.Run("connecting takes too long", func(t *testing.T) {
		expectLocal(t, startSite(t, siteOptions{config: times}, blackhole).Get(t, siteHost, "/"), 504)
	})
	t.Run("no answer", func(t *testing.T) {
		expectLocal(t, startSite(t, siteOptions{config: times}, silent.Addr).Get(t, siteHost, "/"), 504)
	})
	t.Run("body not taken", func(t *testing.T) {
		conn := startSite(t, siteOptions{config: times}, deaf.Addr).Dial(t)
		conn.Send(t, request("POST", "/", "Content-Length: 1000000000"))
		go io.CopyN(conn.Conn, zeros{}, 100<<20)
		expectLocal(t, conn.Answer(t, "POST"), 504)
	})
}

// zeros is an endless stream.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A client that leaves spares its backend the work, and is logged with 499.
func TestHTTPClientLeaves(t *testing.T) {
	t.Parallel() // it waits most of its time
	for _, leave := range []struct {
		name string
		do   func(conn *gate.RawConn)
	}{
		{"closes", func(conn *gate.RawConn) { conn.Close() }},
		{"resets", func(conn *gate.RawConn) { conn.Reset() }},
	} {
		for _, body := range []string{"", "Content-Length: 5", "streamed"} {
			t.Run(leave.name+" "+body, func(t *testing.T) {
				asked, aborted := make(chan bool), make(chan error, 1)
				s := newSite(t, siteOptions{}, func(conn *gate.RawConn, seen *exchangeLog) {
					readExact(conn)
					asked <- true
					conn.SetReadDeadline(time.Now().Add(10 * time.Second * gate.Scale()))
					_, err := conn.ReadEnd()
					aborted <- err
				})
				conn := s.Dial(t)
				switch body {
				case "":
					conn.Send(t, get("/left"))
				case "streamed":
					conn.Send(t, request("POST", "/left", "Content-Length: 5", "Expect: 100-continue"))
					readHead(t, conn)
					conn.Send(t, "hello")
				default:
					conn.Send(t, request("POST", "/left", body)+"hello")
				}
				<-asked
				leave.do(conn)
				if err := <-aborted; err != nil && !strings.Contains(err.Error(), "reset") {
					t.Errorf("the backend's connection: %v", err)
				}
				if line := s.waitLogged(t, "/left"); !strings.Contains(line, " 499 ") {
					t.Errorf("logged %q", line)
				}
			})
		}
	}
}
