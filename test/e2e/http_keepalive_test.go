package e2e

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"yett.dev/e2e/gate"
)

func TestHTTPKeepAlive(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	conn := s.Dial(t)
	for i := range 200 {
		target := fmt.Sprintf("/%d", i)
		conn.Send(t, get(target))
		answer := expectAnswer(t, conn, "GET", 200, target)
		if answer.Close {
			t.Fatal("the connection was said to close")
		}
	}
	if n := s.backend.Connections.Load(); n != 1 {
		t.Errorf("%d connections to the backend, want 1", n)
	}
}

func TestHTTPCloseIsObeyed(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	conn := s.Dial(t)
	conn.Send(t, get("/x", "Connection: close"))
	if answer := expectAnswer(t, conn, "GET", 200, "/x"); !answer.Close {
		t.Error("the answer does not say that the connection closes")
	}
	expectEnd(t, conn)
}

// HTTP/1.0 closes unless asked not to; the backend is spoken to in 1.1 all the same.
func TestHTTP10(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))

	closing := s.Dial(t)
	closing.Send(t, "GET /x HTTP/1.0\r\nHost: a.test\r\n\r\n")
	head := readHead(t, closing)
	expectField(t, head, "Connection", "close")
	if rest, err := closing.ReadEnd(); rest != "/x" || err != nil {
		t.Errorf("body %q, %v", rest, err)
	}
	if !strings.HasPrefix(s.seen.last(), "GET /x HTTP/1.1\r\n") {
		t.Errorf("the backend saw %q", s.seen.last())
	}

	kept := s.Dial(t)
	for i := range 3 {
		kept.Send(t, "GET /y HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n")
		head := readHead(t, kept)
		expectField(t, head, "Connection", "keep-alive")
		body := make([]byte, 2)
		if _, err := io.ReadFull(kept.Reader, body); err != nil || string(body) != "/y" {
			t.Fatalf("answer %d: %q, %v", i, body, err)
		}
	}
}

// pipeline is 20 requests, every other one with a body of either framing.
func pipeline() (requests string, answers []string) {
	var all strings.Builder
	for i := range 20 {
		target := fmt.Sprintf("/%d", i)
		switch i % 4 {
		case 1:
			all.WriteString(request("POST", target, "Content-Length: 5") + "hello")
		case 3:
			all.WriteString(request("POST", target, "Transfer-Encoding: chunked") + "5\r\nhello\r\n2\r\n\r\n\r\n0\r\n\r\n")
		default:
			all.WriteString(get(target))
		}
		answers = append(answers, target)
	}
	return all.String(), answers
}

// checkPipeline compares what the backend saw with what pipeline() sent.
func checkPipeline(t *testing.T, seen []string) {
	t.Helper()
	if len(seen) != 20 {
		t.Fatalf("the backend saw %d requests", len(seen))
	}
	for i, text := range seen {
		head, body, _ := strings.Cut(text, "\r\n\r\n")
		if i%4 == 1 && body != "hello" {
			t.Errorf("body %d: %q", i, body)
		}
		if i%4 == 3 && dechunk(t, body) != "hello\r\n" {
			t.Errorf("body %d: %q", i, body)
		}
		if i%2 == 0 && (body != "" || strings.Contains(head, "Transfer-Encoding")) {
			t.Errorf("request %d: %q", i, text)
		}
	}
}

func TestHTTPPipelining(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	requests, answers := pipeline()
	conn := s.Dial(t)
	conn.Send(t, requests)
	for _, body := range answers {
		expectAnswer(t, conn, "GET", 200, body)
	}
	checkPipeline(t, s.seen.all())
}

func TestHTTPPipeliningByteByByte(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	requests, answers := pipeline()
	conn := s.Dial(t)
	sent := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < len(requests) && err == nil; i++ {
			_, err = io.WriteString(conn.Conn, requests[i:i+1])
		}
		sent <- err
	}()
	for _, body := range answers {
		expectAnswer(t, conn, "GET", 200, body)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	checkPipeline(t, s.seen.all())
}

// However a request is cut in two, it is the same request; likewise an answer.
func TestHTTPSplitAtEveryByte(t *testing.T) {
	reply := "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: u\r\n\r\n"
	asked := request("POST", "/x", "Transfer-Encoding: chunked") + "3;n=v\r\nabc\r\n0\r\nX-T: u\r\n\r\n"
	cut := make(chan int, 1)
	s := newSite(t, siteOptions{}, func(conn *gate.RawConn, seen *exchangeLog) {
		for {
			text, _, _, err := readExact(conn)
			if err != nil {
				return
			}
			seen.add(text)
			at := min(<-cut, len(reply))
			io.WriteString(conn, reply[:at])
			io.WriteString(conn, reply[at:])
		}
	})
	conn := s.Dial(t)
	for at := 1; at < len(asked); at++ {
		conn.Send(t, asked[:at])
		cut <- at
		conn.Send(t, asked[at:])
		answer := expectAnswer(t, conn, "POST", 200, "abcdefg")
		if answer.Trailer.Get("T") != "u" || answer.Header.Get("A") != "b" {
			t.Fatalf("cut at %d: %v %v", at, answer.Header, answer.Trailer)
		}
		_, body, _ := strings.Cut(s.seen.last(), "\r\n\r\n")
		if dechunk(t, body) != "abc" || !strings.HasSuffix(body, "0\r\nX-T: u\r\n\r\n") {
			t.Fatalf("cut at %d: the backend saw %q", at, s.seen.last())
		}
	}
}
