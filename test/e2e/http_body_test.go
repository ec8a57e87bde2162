package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// dechunk undoes the chunked coding of a whole body.
func dechunk(t *testing.T, framed string) string {
	t.Helper()
	head := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head+framed)), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%q is not chunked: %v", framed, err)
	}
	return string(body)
}

// Extensions are dropped, sizes are the gate's own, trailers pass.
func TestHTTPChunkedRequest(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	conn := s.Dial(t)
	conn.Send(t, request("POST", "/x", "Transfer-Encoding: chunked", "Trailer: X-Sum, X-More")+
		"0005;secret=\"x\"\r\nhello\r\n1 ; a=b\r\n!\r\n00;last\r\nX-Sum: 1\r\nx-more:2\r\nContent-Length: 9\r\nHost: evil\r\n\r\n")
	expectAnswer(t, conn, "POST", 200, "/x")
	text := s.seen.last()
	_, body, _ := strings.Cut(text, "\r\n\r\n")
	if dechunk(t, body) != "hello!" || strings.Contains(body, "secret") || strings.Contains(body, "last") {
		t.Errorf("body %q", body)
	}
	if !strings.HasSuffix(body, "\r\n0\r\nX-Sum: 1\r\nx-more: 2\r\n\r\n") {
		t.Errorf("trailers that steer the message must go, others stay: %q", body)
	}
	expectField(t, text, "Transfer-Encoding", "chunked")
	expectNoField(t, text, "Content-Length")
}

func TestHTTPChunkedAnswer(t *testing.T) {
	reply := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n"
	s := newSite(t, siteOptions{}, answering(func(_, target string) string { return reply }))
	conn := s.Dial(t)
	for range 3 {
		conn.Send(t, get("/"))
		answer := expectAnswer(t, conn, "GET", 200, "hello!")
		if answer.Trailer.Get("X-Sum") != "1" {
			t.Errorf("trailers %v", answer.Trailer)
		}
	}
	if n := s.backend.Connections.Load(); n != 1 {
		t.Errorf("%d connections to the backend, want 1", n)
	}
}

// HTTP/1.0 knows no chunks: the body ends with the connection.
func TestHTTPChunkedAnswerTo10(t *testing.T) {
	reply := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"
	s := newSite(t, siteOptions{}, answering(func(_, target string) string { return reply }))
	conn := s.Dial(t)
	conn.Send(t, "GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n")
	head := readHead(t, conn)
	expectNoField(t, head, "Transfer-Encoding")
	expectNoField(t, head, "Content-Length")
	expectField(t, head, "Connection", "close")
	if rest, err := conn.ReadEnd(); rest != "hello" || err != nil {
		t.Errorf("body %q, %v", rest, err)
	}
}

// A trailer section as large as it may be, after content of every length that makes it meet the buffer's end.
func TestHTTPLargestTrailers(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	var trailers strings.Builder
	for i := range 32 {
		fmt.Fprintf(&trailers, "t%02d:%s\r\n", i, strings.Repeat("v", 249))
	}
	conn := s.Dial(t)
	for length := 7000; length < 8400; length += 8 {
		conn.Send(t, request("POST", "/x", "Transfer-Encoding: chunked")+
			fmt.Sprintf("%x\r\n%s\r\n0\r\n%s\r\n", length, strings.Repeat("c", length), trailers.String()))
		expectAnswer(t, conn, "POST", 200, "/x")
	}
}

// A body that ends with the connection gets chunks for a client of 1.1, and the connection's end for one of 1.0.
func TestHTTPBodyToEnd(t *testing.T) {
	s := newSite(t, siteOptions{}, func(conn *gate.RawConn, seen *exchangeLog) {
		readExact(conn)
		io.WriteString(conn, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end")
	})
	conn := s.Dial(t)
	for range 3 {
		conn.Send(t, get("/"))
		answer := expectAnswer(t, conn, "GET", 200, "until the end")
		if len(answer.TransferEncoding) != 1 || answer.Close {
			t.Errorf("transfer encoding %v, close %v", answer.TransferEncoding, answer.Close)
		}
	}
	if n := s.backend.Connections.Load(); n != 3 {
		t.Errorf("%d connections to the backend, want 3", n)
	}
	old := s.Dial(t)
	old.Send(t, "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")
	expectNoField(t, readHead(t, old), "Transfer-Encoding")
	if rest, err := old.ReadEnd(); rest != "until the end" || err != nil {
		t.Errorf("body %q, %v", rest, err)
	}
}

// HEAD, 204 and 304 have no body whatever they say; the connections go on.
func TestHTTPWithoutBody(t *testing.T) {
	replies := map[string]string{
		"HEAD /length":  "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n",
		"HEAD /chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HEAD /nothing": "HTTP/1.1 200 OK\r\n\r\n",
		"GET /204":      "HTTP/1.1 204 No Content\r\n\r\n",
		"GET /304":      "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"x\"\r\n\r\n",
		"GET /after":    plain("after"),
	}
	s := newSite(t, siteOptions{}, answering(func(method, target string) string { return replies[method+" "+target] }))
	cases := []struct{ method, target, status, length string }{
		{"HEAD", "/length", "200", "1234"},
		{"HEAD", "/chunked", "200", ""},
		{"HEAD", "/nothing", "200", ""},
		{"GET", "/204", "204", ""},
		{"GET", "/304", "304", "77"},
	}
	conn := s.Dial(t)
	for _, c := range cases {
		conn.Send(t, request(c.method, c.target))
		head := readHead(t, conn)
		if !strings.HasPrefix(head, "HTTP/1.1 "+c.status+" ") {
			t.Errorf("%s: %q", c.target, head)
		}
		if c.length != "" {
			expectField(t, head, "Content-Length", c.length)
		} else {
			expectNoField(t, head, "Content-Length")
		}
		conn.Send(t, get("/after"))
		expectAnswer(t, conn, "GET", 200, "after")
	}
	if n := s.backend.Connections.Load(); n != 1 {
		t.Errorf("%d connections to the backend, want 1", n)
	}
}

// 100 Continue comes from the gate, once the backend is there, and the expectation goes no further.
func TestHTTPExpectContinue(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(func(_, target string) string {
		return "HTTP/1.1 100 Continue\r\n\r\n" + plain(target)
	}))
	conn := s.Dial(t)
	for range 2 {
		conn.Send(t, request("POST", "/x", "Content-Length: 5", "Expect: 100-continue"))
		if head := readHead(t, conn); head != "HTTP/1.1 100 Continue\r\n\r\n" {
			t.Fatalf("interim answer %q", head)
		}
		conn.Send(t, "hello")
		head := readHead(t, conn)
		if !strings.HasPrefix(head, "HTTP/1.1 200") {
			t.Fatalf("final answer %q: the backend's 100 is not for the client", head)
		}
		io.CopyN(io.Discard, conn.Reader, 2)
		expectNoField(t, s.seen.last(), "Expect")
		if !strings.HasSuffix(s.seen.last(), "\r\n\r\nhello") {
			t.Errorf("the backend saw %q", s.seen.last())
		}
	}
	// A client that did not wait is not told to go on.
	conn.Send(t, request("POST", "/x", "Content-Length: 5", "Expect: 100-continue")+"hello")
	if head := readHead(t, conn); !strings.HasPrefix(head, "HTTP/1.1 200") {
		t.Errorf("answer %q", head)
	}
}

// Where the answer is no already, the body is not asked for.
func TestHTTPExpectContinueRefused(t *testing.T) {
	s := newSite(t, siteOptions{annotations: map[string]string{
		"nginx.ingress.kubernetes.io/proxy-body-size": "10",
	}}, answering(echoTarget))
	s.Change(t, func() {
		s.Dir.Write("none.yaml", gate.Join(gate.Backends("none"), gate.Route("none", "none.test", "/", "none"))...)
	})
	cases := []struct {
		host, expect, length string
		status               int
	}{
		{siteHost, "100-continue", "11", 413},
		{"none.test", "100-continue", "5", 503},
		{siteHost, "something", "5", 417},
	}
	for _, c := range cases {
		conn := s.Dial(t)
		conn.SendRequest(t, "POST", "/x", c.host, "Expect: "+c.expect, "Content-Length: "+c.length)
		head := readHead(t, conn)
		if !strings.HasPrefix(head, fmt.Sprintf("HTTP/1.1 %d ", c.status)) {
			t.Errorf("%v: %q", c, head)
		}
		expectField(t, head, "Connection", "close")
	}
	if len(s.seen.all()) != 0 {
		t.Errorf("the backend saw %q", s.seen.all())
	}
}

// Other interim answers pass, in order, but not to HTTP/1.0.
func TestHTTPInterimAnswers(t *testing.T) {
	interim := "HTTP/1.1 100 Continue\r\n\r\n" +
		"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" +
		"HTTP/1.1 102 Processing\r\n\r\n" +
		"HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\n\r\n"
	s := newSite(t, siteOptions{}, answering(func(_, target string) string { return interim + plain("done") }))
	conn := s.Dial(t)
	conn.Send(t, get("/"))
	for _, want := range []string{"103 Early Hints", "102 Processing", "103 Early Hints"} {
		if head := readHead(t, conn); !strings.HasPrefix(head, "HTTP/1.1 "+want+"\r\n") {
			t.Fatalf("%q, want %s", head, want)
		} else if strings.HasPrefix(want, "103") {
			if links := fieldValues(head, "Link"); len(links) != 1 {
				t.Errorf("links %q", links)
			}
		}
	}
	expectAnswer(t, conn, "GET", 200, "done")
	conn.Send(t, "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n")
	if head := readHead(t, conn); !strings.HasPrefix(head, "HTTP/1.1 200") {
		t.Errorf("to HTTP/1.0: %q", head)
	}
}

// An early refusal reaches the client although the backend stopped reading and closed.
func TestHTTPEarlyRefusal(t *testing.T) {
	const reply = "HTTP/1.1 413 Too Much\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmuch"
	s := newSite(t, siteOptions{annotations: map[string]string{
		"nginx.ingress.kubernetes.io/proxy-body-size": "0",
	}}, func(conn *gate.RawConn, seen *exchangeLog) {
		conn.Reader.ReadString('\n')
		io.WriteString(conn, reply)
	})
	for i := range 20 {
		conn := s.Dial(t)
		go io.WriteString(conn.Conn, request("POST", "/x", "Content-Length: 50000000")+strings.Repeat("x", 4<<20))
		answer, err := conn.ReadAnswer("POST")
		if err != nil || answer.StatusCode != 413 || answer.Body != "much" {
			t.Fatalf("round %d: %v %q, %v", i, answer.Response, answer.Body, err)
		}
		conn.Close()
	}
}

// A client that has sent its whole body does not owe more of it: only the backend's time counts from then on.
func TestHTTPBodyTimeEndsWithBody(t *testing.T) {
	t.Parallel() // it waits most of its time
	s := newSite(t, siteOptions{config: map[string]string{"client-body-timeout": "1"}},
		func(conn *gate.RawConn, seen *exchangeLog) {
			readExact(conn)
			time.Sleep(1600 * time.Millisecond) // longer than the client's time, which is what is tested
			io.WriteString(conn, plain("late"))
		})
	conn := s.Dial(t)
	conn.Send(t, request("POST", "/x", "Content-Length: 10", "Expect: 100-continue"))
	readHead(t, conn)
	conn.Send(t, "0123456789")
	expectAnswer(t, conn, "POST", 200, "late")
}
