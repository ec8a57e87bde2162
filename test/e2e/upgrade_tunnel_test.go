package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"yett.dev/e2e/gate"
)

// echoSockets is a backend that sends every WebSocket message back.
func echoSockets(t *testing.T) *gate.Backend {
	t.Helper()
	backend := gate.NewBackend(t, "sockets")
	backend.Handle(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		conn.SetReadLimit(-1)
		for {
			kind, message, err := conn.Read(context.Background())
			if err != nil {
				return
			}
			if conn.Write(context.Background(), kind, message) != nil {
				return
			}
		}
	})
	return backend
}

func dialSocket(t *testing.T, g *gate.Gate) (*websocket.Conn, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second*gate.Scale())
	t.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, "ws://"+siteHost+"/", &websocket.DialOptions{HTTPClient: g.Client(0)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.CloseNow() })
	conn.SetReadLimit(-1)
	return conn, ctx
}

func TestUpgradeWebSocket(t *testing.T) {
	g := startSite(t, siteOptions{}, echoSockets(t).Addr)
	conn, ctx := dialSocket(t, g)
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20, 16 << 20} {
		message := bytes.Repeat([]byte{byte(size)}, size)
		sent := make(chan error, 1)
		go func() { sent <- conn.Write(ctx, websocket.MessageBinary, message) }()
		_, got, err := conn.Read(ctx)
		if err != nil || !bytes.Equal(got, message) {
			t.Fatalf("%d bytes: %d came, %v", size, len(got), err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	writer, err := conn.Writer(ctx, websocket.MessageText) // each Write may become a fragment
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		io.WriteString(writer, strings.Repeat("f", 1000))
	}
	writer.Close()
	if _, got, err := conn.Read(ctx); err != nil || len(got) != 100000 {
		t.Fatalf("fragments: %d bytes, %v", len(got), err)
	}
	if err := conn.Close(websocket.StatusNormalClosure, "done"); err != nil {
		t.Errorf("closing: %v", err)
	}
}

func TestUpgradeSurvivesChanges(t *testing.T) {
	g := startSite(t, siteOptions{}, echoSockets(t).Addr)
	conn, ctx := dialSocket(t, g)
	other := gate.NewBackend(t, "other")
	g.Change(t, func() { // the tunnel's own route goes to another place
		g.Dir.Write("site.yaml", gate.Join(gate.Backends("site", other.Addr), gate.Route("site", siteHost, "/", "site"))...)
	})
	g.WaitBody(t, siteHost, "/", "other")
	if err := conn.Write(ctx, websocket.MessageText, []byte("still")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := conn.Read(ctx); err != nil || string(got) != "still" {
		t.Fatalf("%q, %v", got, err)
	}
}

const (
	askFoo   = "Connection: Upgrade"
	askFooTo = "Upgrade: foo"
	allowFoo = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\nX-Foo: 1\r\n\r\n"
)

// Bytes right behind either head are the tunnel's; either side may end while the other goes on.
func TestUpgradeHalfClose(t *testing.T) {
	for _, first := range []string{"client", "backend"} {
		t.Run(first, func(t *testing.T) {
			heard := make(chan string, 1)
			s := newSite(t, siteOptions{}, func(conn *gate.RawConn, seen *exchangeLog) {
				text, _, _, _ := readExact(conn)
				seen.add(text)
				io.WriteString(conn, allowFoo+"early answer;")
				if first == "backend" {
					io.WriteString(conn, "late answer")
					conn.CloseWrite()
				}
				all, _ := conn.ReadEnd()
				heard <- all
				if first == "client" {
					io.WriteString(conn, "late answer")
				}
			})
			conn := s.Dial(t)
			conn.Send(t, get("/", askFoo, askFooTo)+"early words;")
			head := readHead(t, conn)
			if !strings.HasPrefix(head, "HTTP/1.1 101 ") {
				t.Fatalf("answer %q", head)
			}
			expectField(t, head, "Upgrade", "foo")
			expectField(t, head, "X-Foo", "1")
			expectField(t, s.seen.last(), "Upgrade", "foo")
			expectField(t, s.seen.last(), "Connection", "upgrade")
			if first == "backend" {
				if got, err := conn.ReadEnd(); got != "early answer;late answer" || err != nil {
					t.Errorf("heard %q, %v", got, err)
				}
			}
			conn.Send(t, "late words")
			conn.CloseWrite()
			if got := <-heard; got != "early words;late words" {
				t.Errorf("the backend heard %q", got)
			}
			if first == "client" {
				if got, err := conn.ReadEnd(); got != "early answer;late answer" || err != nil {
					t.Errorf("heard %q, %v", got, err)
				}
			}
			if line := s.waitLogged(t, " 101 "); line == "" {
				t.Error("not logged")
			}
		})
	}
}

// A refused upgrade is an answer like any other: the connections go on.
func TestUpgradeRefused(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(func(_, target string) string {
		if target == "/403" {
			return "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
		}
		return plain("ok")
	}))
	conn := s.Dial(t)
	conn.Send(t, get("/403", askFoo, askFooTo))
	expectAnswer(t, conn, "GET", 403, "no")
	conn.Send(t, get("/200", askFoo, askFooTo))
	expectAnswer(t, conn, "GET", 200, "ok")
	if n := s.backend.Connections.Load(); n != 1 {
		t.Errorf("%d connections to the backend", n)
	}
}

func TestUpgradeH2CIsNeverPassedOn(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	for _, value := range []string{"h2c", "H2C", "h2c, foo", "foo, h2c"} {
		s.Get(t, siteHost, "/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: "+value, "HTTP2-Settings: AAMAAABkAAQAAP__")
		expectNoField(t, s.seen.last(), "Upgrade")
		expectNoField(t, s.seen.last(), "Connection")
	}
}

func TestUpgradeIdleTime(t *testing.T) {
	t.Parallel() // it waits most of its time
	s := newSite(t, siteOptions{config: map[string]string{"proxy-read-timeout": "2"}},
		func(conn *gate.RawConn, seen *exchangeLog) {
			readExact(conn)
			io.WriteString(conn, allowFoo)
			io.Copy(io.Discard, conn)
		})
	conn := s.Dial(t)
	conn.Send(t, get("/", askFoo, askFooTo))
	readHead(t, conn)
	var start time.Time
	for range 5 { // busy for longer than the time
		time.Sleep(500 * time.Millisecond)
		conn.Send(t, "x")
		start = time.Now()
	}
	conn.ReadEnd()
	if took := time.Since(start); took < 1900*time.Millisecond || took > 5*time.Second*gate.Scale() {
		t.Errorf("ended after %v", took)
	}
}
