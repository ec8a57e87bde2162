package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"yett.dev/e2e/gate"
)

// A request by HTTP/2 over TLS, and what its backend and its client get.
func TestHTTP2OverTLS(t *testing.T) {
	certificate := gate.NewCertificate(t, "web.test")
	web := gate.NewBackend(t, "web")
	web.Handle(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Trailer", "X-Sum")
		fmt.Fprintf(w, "%s %s %s %s %q %s %s", r.Proto, r.Method, r.URL, r.Host, body, r.Header.Get("X-Forwarded-Proto"), r.Trailer.Get("X-Late"))
		w.Header().Set("X-Sum", "1")
	})
	g := start(t, gate.Options{}, gate.Backends("web", web.Addr), certificate.Secret("web"), tlsRoute("web", "web.test", "web"))
	transport := &http2.Transport{TLSClientConfig: &tls.Config{RootCAs: certificate.Pool(), ServerName: "web.test"}}
	defer transport.CloseIdleConnections()
	request, _ := http.NewRequest("POST", "https://"+g.HTTPS+"/a?b", io.MultiReader(strings.NewReader("hel"), strings.NewReader("lo")))
	request.Host = "web.test"
	request.Trailer = http.Header{"X-Late": {"late"}}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.ProtoMajor != 2 || answer.StatusCode != 200 || answer.Trailer.Get("X-Sum") != "1" ||
		string(body) != `HTTP/1.1 POST /a?b web.test "hello" https late` {
		t.Errorf("%v, %s, trailers %v, %q", err, answer.Status, answer.Trailer, body)
	}
	g.AccessLog.WaitLine(t, 0, `"POST /a?b HTTP/2.0" 200 `, 5*time.Second)
}

// h2Ask is one connection with one request that is written by hand; it returns the status, or the code of the reset.
func h2Ask(t *testing.T, g *gate.Gate, flags http2.Flags, block []byte, content []byte) (status string, reset http2.ErrCode) {
	t.Helper()
	conn := gate.DialAddr(t, g.HTTP)
	f := &frames{}
	f.WriteString(http2.ClientPreface)
	f.frame(http2.FrameSettings, 0, 0, nil)
	for rest, first := block, true; len(rest) > 0; first = false {
		part := rest[:min(len(rest), 16000)]
		rest = rest[len(part):]
		last := http2.Flags(0)
		if len(rest) == 0 {
			last = http2.FlagHeadersEndHeaders
		}
		if first {
			f.open(flags|last, part)
		} else {
			f.frame(http2.FrameContinuation, last, f.stream, part)
		}
	}
	for len(content) > 0 {
		part := content[:min(len(content), 16000)]
		content = content[len(part):]
		f.frame(http2.FrameData, 0, f.stream, part)
	}
	io.Copy(conn.Conn, f)
	framer := http2.NewFramer(io.Discard, conn.Conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	conn.SetReadDeadline(time.Now().Add(5 * time.Second * gate.Scale()))
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			return frame.PseudoValue("status"), 0
		case *http2.RSTStreamFrame:
			return "", frame.ErrCode
		case *http2.GoAwayFrame:
			t.Fatalf("GOAWAY %v %s", frame.ErrCode, frame.DebugData())
		}
	}
}

// What HTTP/2 can carry and the gate does not take is answered as by HTTP/1.1; what is no HTTP/2 is reset.
func TestHTTP2Refusals(t *testing.T) {
	g := start(t, gate.Options{}, services(t, "web"), gate.Route("web", "web.test", "/", "web"))
	long := strings.Repeat("x", 100)
	fields := func(count int) []byte { return bytes.Repeat(field("a", long), count) }
	for _, c := range []struct {
		what   string
		block  []byte
		status string
		reset  http2.ErrCode
	}{
		{"nothing wrong", requestBlock("GET", "/"), "200", 0},
		{"a head of 20 KB", append(requestBlock("GET", "/"), fields(90)...), "200", 0},
		{"101 fields", append(requestBlock("GET", "/"), bytes.Repeat(field("a", "b"), 101)...), "431", 0},
		{"a head of 40 KB", append(requestBlock("GET", "/"), fields(400)...), "431", 0},
		{"a head of 80 KB", append(requestBlock("GET", "/"), fields(800)...), "", http2.ErrCodeEnhanceYourCalm},
		{"another Host", requestBlock("GET", "/", "host", "other.test"), "400", 0},
		{"an expectation", requestBlock("GET", "/", "expect", "200-maybe"), "417", 0},
		{"above the root", requestBlock("GET", "/../x"), "400", 0},
		{"TRACE", requestBlock("TRACE", "/"), "405", 0},
		{"CONNECT", append(field(":method", "CONNECT"), field(":authority", "web.test:443")...), "405", 0},
		{"another protocol", bytes.Join([][]byte{field(":method", "CONNECT"), field(":protocol", "webtransport"),
			field(":scheme", "http"), field(":authority", "web.test"), field(":path", "/")}, nil), "501", 0},
		{"no path", append(field(":method", "GET"), field(":scheme", "http")...), "", http2.ErrCodeProtocol},
		{"upper case", requestBlock("GET", "/", "Accept", "x"), "", http2.ErrCodeProtocol},
		{"a line in a value", requestBlock("GET", "/", "a", "b\r\nc: d"), "", http2.ErrCodeProtocol},
		{"a line in the path", requestBlock("GET", "/ HTTP/1.1\r\nx: y"), "", http2.ErrCodeProtocol},
		{"transfer-encoding", requestBlock("POST", "/", "transfer-encoding", "chunked"), "", http2.ErrCodeProtocol},
		{"a length that is none", requestBlock("POST", "/", "content-length", "1, 1"), "", http2.ErrCodeProtocol},
	} {
		status, reset := h2Ask(t, g, http2.FlagHeadersEndStream, c.block, nil)
		if status != c.status || reset != c.reset {
			t.Errorf("%s: status %q, reset %v; expected %q, %v", c.what, status, reset, c.status, c.reset)
		}
	}
	// A body past the limit is told so while the client still sends.
	status, reset := h2Ask(t, g, 0, requestBlock("POST", "/", "content-length", "2000000"), make([]byte, 60000))
	if status != "413" {
		t.Errorf("a large body: status %q, reset %v", status, reset)
	}
}

// By HTTP/2 too, no request fails because the configuration changed, and no connection is closed because of it.
func TestHTTP2ThroughChanges(t *testing.T) {
	const askers, changes = 8, 40
	web := gate.NewBackend(t, "web")
	release := make(chan struct{})
	web.Handle(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			w.(http.Flusher).Flush()
			<-release
		}
		io.WriteString(w, "web")
	})
	g := start(t, gate.Options{Args: keepAlive}, settings(nil), gate.Backends("web", web.Addr), gate.Route("web", "web.test", "/", "web"))
	transport := h2c(g.HTTP)
	var dials atomic.Int32
	dial := transport.DialTLSContext
	transport.DialTLSContext = func(ctx context.Context, network, address string, config *tls.Config) (net.Conn, error) {
		dials.Add(1)
		return dial(ctx, network, address, config)
	}
	defer transport.CloseIdleConnections()
	ask := func(path string) (string, error) {
		request, _ := http.NewRequest("GET", "http://web.test"+path, nil)
		answer, err := transport.RoundTrip(request)
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return fmt.Sprint(answer.StatusCode, " ", string(body)), err
	}
	long := make(chan error, 1)
	go func() {
		got, err := ask("/long")
		if err == nil && got != "200 web" {
			err = errors.New(got)
		}
		long <- err
	}()
	gate.WaitFor(t, 5*time.Second, "the long answer to begin", func() bool { return web.Requests.Load() == 1 })
	var asking sync.WaitGroup
	var asked atomic.Int64
	done := make(chan struct{})
	for range askers {
		asking.Add(1)
		go func() {
			defer asking.Done()
			for {
				select {
				case <-done:
					return
				default:
				}
				if got, err := ask("/"); err != nil || got != "200 web" {
					t.Errorf("%q, %v", got, err)
					return
				}
				asked.Add(1)
			}
		}()
	}
	for i := range changes {
		g.Change(t, func() { g.Dir.Write("more.yaml", gate.Route("more", fmt.Sprintf("h%d.test", i), "/", "web")) })
	}
	close(done)
	asking.Wait()
	close(release)
	if err := <-long; err != nil {
		t.Errorf("the answer that lasted all the time: %v", err)
	}
	t.Logf("%d requests through %d changes over %d connection", asked.Load(), changes, dials.Load())
	if dials.Load() != 1 || asked.Load() < changes {
		t.Errorf("%d connections, %d requests", dials.Load(), asked.Load())
	}
}

// SIGTERM under load by HTTP/2: what was taken is answered, and the rest is told to go elsewhere.
func TestHTTP2TermUnderLoad(t *testing.T) {
	web := gate.NewBackend(t, "web")
	web.Handle(func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(20 * time.Millisecond) // so that the signal meets requests in flight
		io.WriteString(w, "web")
	})
	g := start(t, gate.Options{Args: keepAlive}, settings(nil), gate.Backends("web", web.Addr), gate.Route("web", "web.test", "/", "web"))
	transport := h2c(g.HTTP)
	var asking sync.WaitGroup
	var asked atomic.Int64
	for range 16 {
		asking.Add(1)
		go func() {
			defer asking.Done()
			for {
				request, _ := http.NewRequest("GET", "http://web.test/", nil)
				answer, err := transport.RoundTrip(request)
				if errors.Is(err, syscall.ECONNREFUSED) {
					return // nobody listens any more: that is what the grace period is for
				}
				if err != nil {
					t.Errorf("after %d requests: %v", asked.Load(), err)
					return
				}
				if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "web" {
					t.Errorf("%q, %v", body, err)
					return
				}
				answer.Body.Close()
				asked.Add(1)
			}
		}()
	}
	gate.WaitFor(t, 10*time.Second, "the load to begin", func() bool { return asked.Load() > 100 })
	g.Signal(t, syscall.SIGTERM)
	if status := g.WaitExit(t, 5*time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
	asking.Wait()
	if served := int64(web.Requests.Load()); served != asked.Load() {
		t.Errorf("the backend served %d requests, the clients got %d", served, asked.Load())
	}
}

func websocketAccept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// A WebSocket by extended CONNECT (RFC 8441): the backend speaks HTTP/1.1 and does not notice.
func TestHTTP2WebSocket(t *testing.T) {
	web := gate.NewBackend(t, "web")
	web.Handle(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" || r.Header.Get("Sec-Websocket-Version") != "13" {
			w.WriteHeader(400)
			return
		}
		conn, stream, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: chat\r\n\r\n", websocketAccept(r.Header.Get("Sec-Websocket-Key")))
		io.Copy(conn, stream) // says again what it is told
	})
	g := start(t, gate.Options{}, gate.Backends("web", web.Addr), gate.Route("web", "web.test", "/", "web"))
	conn := gate.DialAddr(t, g.HTTP)
	f := &frames{}
	f.WriteString(http2.ClientPreface)
	f.frame(http2.FrameSettings, 0, 0, nil)
	f.open(http2.FlagHeadersEndHeaders, bytes.Join([][]byte{field(":method", "CONNECT"), field(":protocol", "websocket"),
		field(":scheme", "http"), field(":authority", "web.test"), field(":path", "/chat"), field("sec-websocket-version", "13")}, nil))
	f.frame(http2.FrameData, 0, f.stream, []byte("ping"))
	f.frame(http2.FrameData, http2.FlagDataEndStream, f.stream, []byte(" and bye"))
	io.Copy(conn.Conn, f)
	framer := http2.NewFramer(io.Discard, bufio.NewReader(conn.Conn))
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	conn.SetReadDeadline(time.Now().Add(5 * time.Second * gate.Scale()))
	var said []byte
	for ended := false; !ended; {
		frame, err := framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if value, _ := frame.Value(http2.SettingEnableConnectProtocol); !frame.IsAck() && value != 1 {
				t.Error("extended CONNECT is not offered")
			}
		case *http2.MetaHeadersFrame:
			if frame.PseudoValue("status") != "200" {
				t.Fatalf("status %s", frame.PseudoValue("status"))
			}
			for _, got := range frame.RegularFields() {
				if got.Name == "sec-websocket-accept" || got.Name == "upgrade" || got.Name == "connection" {
					t.Errorf("%s is passed on", got.Name)
				}
			}
		case *http2.DataFrame:
			said, ended = append(said, frame.Data()...), frame.StreamEnded()
		case *http2.RSTStreamFrame:
			t.Fatalf("reset: %v", frame.ErrCode)
		}
	}
	if string(said) != "ping and bye" {
		t.Errorf("%q came back", said)
	}
	g.AccessLog.WaitLine(t, 0, `"GET /chat HTTP/2.0" 101 `, 5*time.Second)
}
