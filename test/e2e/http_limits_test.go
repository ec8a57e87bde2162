package e2e

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

func TestHTTPHeadLimits(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(func(string, string) string { return plain("ok") }))
	many := func(n int) string { return strings.Repeat("X: y\r\n", n-1) }
	large := func(bytes int) string {
		start := "GET / HTTP/1.1\r\nHost: a.test\r\nX: \r\n\r\n"
		return "X: " + strings.Repeat("x", bytes-len(start)) + "\r\n"
	}
	cases := []struct {
		name, target, fields string
		status               int
	}{
		{"target of 16 KB", "/" + strings.Repeat("a", 16<<10-1), "", 200},
		{"target past 16 KB", "/" + strings.Repeat("a", 16<<10), "", 414},
		{"100 fields", "/", many(100), 200},
		{"101 fields", "/", many(101), 431},
		{"head of 32 KB", "/", large(32 << 10), 200},
		{"head past 32 KB", "/", large(32<<10 + 1), 431},
		{"head of 1 MB", "/", large(1 << 20), 431},
	}
	for _, c := range cases {
		conn := s.Dial(t)
		go io.WriteString(conn.Conn, "GET "+c.target+" HTTP/1.1\r\nHost: a.test\r\n"+c.fields+"\r\n")
		answer, err := conn.ReadAnswer("GET")
		if err != nil || answer.StatusCode != c.status {
			t.Errorf("%s: %v, %v", c.name, answer.Response, err)
		}
	}
}

// The largest head with a body that came with it: what is made of both still fits.
func TestHTTPLargestHeadWithBody(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(func(string, string) string { return plain("ok") }))
	for body := 78 << 10; body <= 84<<10; body += 512 {
		conn := s.Dial(t)
		fields := fmt.Sprintf("Content-Length: %d", body)
		fill := 32<<10 - len(request("POST", "/", fields, "X: "))
		text := request("POST", "/", fields, "X: "+strings.Repeat("x", fill)) + strings.Repeat("b", body)
		go io.WriteString(conn.Conn, text)
		expectAnswer(t, conn, "POST", 200, "ok")
		if seen := s.seen.last(); strings.Count(seen, "b") < body {
			t.Fatalf("the backend saw %d bytes", len(seen))
		}
	}
}

func TestHTTPBodyLimit(t *testing.T) {
	s := newSite(t, siteOptions{annotations: map[string]string{
		"nginx.ingress.kubernetes.io/proxy-body-size": "1k",
	}}, answering(func(string, string) string { return plain("ok") }))
	chunk := func(n int) string { return fmt.Sprintf("%x\r\n%s\r\n", n, strings.Repeat("c", n)) }
	cases := []struct {
		name, field, body string
		status            int
	}{
		{"length of 1k", "Content-Length: 1024", strings.Repeat("c", 1024), 200},
		{"length past 1k", "Content-Length: 1025", strings.Repeat("c", 1025), 413},
		{"chunks of 1k", "Transfer-Encoding: chunked", chunk(1000) + chunk(24) + "0\r\n\r\n", 200},
		{"chunks past 1k", "Transfer-Encoding: chunked", chunk(1000) + chunk(25) + "0\r\n\r\n", 413},
		{"one chunk past 1k", "Transfer-Encoding: chunked", chunk(60000) + "0\r\n\r\n", 413},
	}
	for _, c := range cases {
		conn := s.Dial(t)
		conn.Send(t, request("POST", "/", c.field)+c.body)
		answer := conn.Answer(t, "POST")
		if answer.StatusCode != c.status {
			t.Errorf("%s: %d", c.name, answer.StatusCode)
		}
	}
	for _, text := range s.seen.all() {
		if _, body, _ := strings.Cut(text, "\r\n\r\n"); strings.Count(body, "c") > 1024 {
			t.Errorf("the backend saw %d bytes of a body", len(body))
		}
	}
}

// Time of a head counts from its first byte, however it trickles; an idle connection just ends.
func TestHTTPClientTimes(t *testing.T) {
	t.Parallel() // it waits most of its time
	s := newSite(t, siteOptions{config: map[string]string{
		"client-header-timeout": "1", "client-body-timeout": "1", "keep-alive": "1",
	}}, answering(echoTarget))
	cases := []struct {
		name, send, trickle string
		status              int // 0: closed without a word
	}{
		{"no byte", "", "", 0},
		{"a head's beginning", "GET / HT", "", 408},
		{"a head that trickles", "GET / HTTP/1.1\r\nX: ", "x", 408},
		{"no body", request("POST", "/", "Content-Length: 5"), "", 408},
		{"half a body", request("POST", "/", "Content-Length: 5") + "hel", "", 408},
		{"half a chunk", request("POST", "/", "Transfer-Encoding: chunked") + "5\r\nhel", "", 408},
	}
	t.Run("all", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				conn := s.Dial(t)
				start := time.Now()
				conn.Send(t, c.send)
				if c.trickle != "" {
					go trickle(conn, c.trickle, 100*time.Millisecond)
				}
				head, err := conn.Reader.ReadString('\n')
				took := time.Since(start)
				if c.status == 0 && (head != "" || err != io.EOF) {
					t.Errorf("%q, %v", head, err)
				}
				if c.status != 0 && !strings.HasPrefix(head, fmt.Sprintf("HTTP/1.1 %d ", c.status)) {
					t.Errorf("%q, %v", head, err)
				}
				if took < 900*time.Millisecond || took > 3*time.Second*gate.Scale() {
					t.Errorf("after %v", took)
				}
			})
		}
		t.Run("keep-alive", func(t *testing.T) {
			t.Parallel()
			conn := s.Dial(t)
			conn.Send(t, get("/x"))
			expectAnswer(t, conn, "GET", 200, "/x")
			start := time.Now()
			expectEnd(t, conn)
			if took := time.Since(start); took < 900*time.Millisecond {
				t.Errorf("after %v", took)
			}
		})
	})
}

// trickle sends until it fails, as a slow client does.
func trickle(conn *gate.RawConn, text string, pause time.Duration) {
	for range 100 {
		if _, err := io.WriteString(conn.Conn, text); err != nil {
			return
		}
		time.Sleep(pause)
	}
}

func TestHTTPKeepAliveRequests(t *testing.T) {
	s := newSite(t, siteOptions{config: map[string]string{"keep-alive-requests": "3"}}, answering(echoTarget))
	conn := s.Dial(t)
	for i := range 3 {
		conn.Send(t, get("/x"))
		if answer := expectAnswer(t, conn, "GET", 200, "/x"); answer.Close != (i == 2) {
			t.Errorf("request %d: close %v", i, answer.Close)
		}
	}
	expectEnd(t, conn)
}
