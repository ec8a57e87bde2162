package e2e

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"yett.dev/e2e/gate"
)

// What one program could read otherwise than the next is refused, and nothing behind it is read as a request.
var smuggled = []struct{ name, head, body string }{
	{"length and chunked", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG"},
	{"chunked and length", "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n", "0\r\n\r\nG"},
	{"chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"},
	{"chunked and identity", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"},
	{"chunked, chunked", "Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"},
	{"identity", "Transfer-Encoding: identity\r\n", ""},
	{"unknown coding", "Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"},
	{"gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"},
	{"vertical tab before chunked", "Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"},
	{"quoted chunked", "Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"},
	{"empty coding", "Transfer-Encoding:\r\n", "0\r\n\r\n"},
	{"two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"},
	{"two equal lengths", "Content-Length: 5\r\nContent-Length: 5\r\n", "hello"},
	{"list of lengths", "Content-Length: 5, 5\r\n", "hello"},
	{"signed length", "Content-Length: +5\r\n", "hello"},
	{"negative length", "Content-Length: -5\r\n", "hello"},
	{"hex length", "Content-Length: 0x5\r\n", "hello"},
	{"spaced length", "Content-Length: 5 5\r\n", "hello"},
	{"empty length", "Content-Length:\r\n", "hello"},
	{"length past 2^63", "Content-Length: 9223372036854775808\r\n", "x"},
	{"length past 2^64", "Content-Length: 18446744073709551621\r\n", "hello"},
	{"folded field", "X: a\r\n b\r\n", ""},
	{"folded framing", "Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"},
	{"first field folded", " X: a\r\n", ""},
	{"space before colon", "Content-Length : 5\r\n", "hello"},
	{"tab before colon", "Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"},
	{"bare line feed", "X: a\nContent-Length: 5\r\n", "hello"},
	{"bare carriage return", "X: a\rContent-Length: 5\r\n", "hello"},
	{"NUL in a value", "X: a\x00b\r\n", ""},
	{"NUL in a name", "X\x00: a\r\n", ""},
	{"no colon", "X\r\n", ""},
	{"empty name", ": a\r\n", ""},
	{"two hosts", "Host: b.test\r\n", ""},
	{"chunk size with sign", "Transfer-Encoding: chunked\r\n", "+5\r\nhello\r\n0\r\n\r\n"},
	{"chunk size with 0x", "Transfer-Encoding: chunked\r\n", "0x5\r\nhello\r\n0\r\n\r\n"},
	{"chunk size empty", "Transfer-Encoding: chunked\r\n", "\r\nhello\r\n0\r\n\r\n"},
	{"chunk size too large", "Transfer-Encoding: chunked\r\n", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"},
	{"chunk size of 17 digits", "Transfer-Encoding: chunked\r\n", "00000000000000005\r\nhello\r\n0\r\n\r\n"},
	{"chunk size and space", "Transfer-Encoding: chunked\r\n", "5 \r\nhello\r\n0\r\n\r\n"},
	{"chunk ends with line feed", "Transfer-Encoding: chunked\r\n", "5\nhello\r\n0\r\n\r\n"},
	{"chunk data without end", "Transfer-Encoding: chunked\r\n", "5\r\nhelloXX0\r\n\r\n"},
	{"line feed in extension", "Transfer-Encoding: chunked\r\n", "5;a\nb\r\nhello\r\n0\r\n\r\n"},
	{"endless extension", "Transfer-Encoding: chunked\r\n", "5;" + strings.Repeat("a", 300) + "\r\nhello\r\n0\r\n\r\n"},
	{"bad trailer", "Transfer-Encoding: chunked\r\n", "0\r\nX : y\r\n\r\n"},
}

func TestHTTPSmuggling(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	for _, c := range smuggled {
		before := len(s.seen.all())
		conn := s.Dial(t)
		conn.Send(t, "POST /first HTTP/1.1\r\nHost: a.test\r\n"+c.head+"\r\n"+c.body+get("/smuggled"))
		answer, err := conn.ReadAnswer("POST")
		if err != nil || answer.StatusCode < 400 || !answer.Close {
			t.Errorf("%s: %v, %v", c.name, answer.Response, err)
			continue
		}
		conn.CloseWrite()
		if rest, _ := conn.ReadEnd(); rest != "" {
			t.Errorf("%s: another answer: %q", c.name, rest)
		}
		for _, text := range s.seen.all()[before:] {
			if strings.Contains(text, "/smuggled") || strings.HasSuffix(text, "0\r\n\r\n") {
				t.Errorf("%s: the backend saw %q", c.name, text)
			}
		}
	}
}

var badStartLines = []struct {
	line   string
	status int
}{
	{"GET / HTTP/1.1 ", 400}, {"GET  / HTTP/1.1", 400}, {"GET /", 400}, {"GET / http/1.1", 400},
	{"GET / HTTP/2.0", 505}, {"GET / HTTP/1.2", 505}, {"GET / HTTP/1.10", 400}, {"GET x HTTP/1.1", 400},
	{"G(T / HTTP/1.1", 400}, {"GET /a b HTTP/1.1", 400}, {"GET /\x00 HTTP/1.1", 400}, {"GET /%00 HTTP/1.1", 400},
	{"GET /../x HTTP/1.1", 400}, {"GET /%zz HTTP/1.1", 400}, {"GET ftp://a.test/ HTTP/1.1", 400}, {"\x16\x03\x01\x02\x00", 400},
}

func TestHTTPBadStartLines(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	for _, c := range badStartLines {
		conn := s.Dial(t)
		conn.Send(t, c.line+"\r\nHost: a.test\r\n\r\n")
		answer, err := conn.ReadAnswer("GET")
		if err != nil || answer.StatusCode != c.status {
			t.Errorf("%q: %v, %v; want %d", c.line, answer.Response, err, c.status)
		}
	}
	if len(s.seen.all()) != 0 {
		t.Errorf("the backend saw %q", s.seen.all())
	}
}

// A length on GET frames its body like any other's.
func TestHTTPLengthOnGet(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	conn := s.Dial(t)
	inner := get("/inner")
	conn.Send(t, get("/outer", fmt.Sprintf("Content-Length: %d", len(inner)))+inner+get("/next"))
	expectAnswer(t, conn, "GET", 200, "/outer")
	expectAnswer(t, conn, "GET", 200, "/next")
	if seen := s.seen.all(); len(seen) != 2 || !strings.HasSuffix(seen[0], inner) {
		t.Errorf("the backend saw %q", seen)
	}
}

// What a backend may not say: as a whole a 502, or where the head was good, an answer that is seen to be cut.
var badAnswers = []struct{ name, reply string }{
	{"length and chunked", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"},
	{"folded field", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"},
	{"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
	{"space before colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"},
	{"NUL", "HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 0\r\n\r\n"},
	{"garbage", "SSH-2.0-OpenSSH_9.2\r\n"},
	{"no status", "HTTP/1.1 abc\r\n\r\n"},
	{"other version", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{"huge head", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 80) + "\r\n"},
	{"too many fields", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 200) + "\r\n"},
	{"switching unasked", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n"},
	{"endless interim answers", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 500)},
}

func TestHTTPBadAnswers(t *testing.T) {
	replies := map[string]string{"/good": plain("good")}
	for i, c := range badAnswers {
		replies[fmt.Sprintf("/%d", i)] = c.reply + plain("extra")
	}
	s := newSite(t, siteOptions{}, answering(func(_, target string) string { return replies[target] }))
	conn := s.Dial(t)
	for i, c := range badAnswers {
		before := s.backend.Connections.Load()
		conn.Send(t, get("/good"))
		expectAnswer(t, conn, "GET", 200, "good")
		conn.Send(t, get(fmt.Sprintf("/%d", i)))
		answer := conn.Answer(t, "GET")
		for answer.StatusCode == 102 {
			answer = conn.Answer(t, "GET")
		}
		if answer.StatusCode != 502 {
			t.Errorf("%s: %d %q", c.name, answer.StatusCode, answer.Body)
		}
		conn.Send(t, get("/good"))
		expectAnswer(t, conn, "GET", 200, "good")
		if s.backend.Connections.Load() == before {
			t.Errorf("%s: the backend's connection was used again", c.name)
		}
	}
}

// Bodies that break off: the client must not take what came for all there is.
func TestHTTPTruncatedAnswers(t *testing.T) {
	replies := map[string]string{
		"/length": "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
		"/chunk":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"/bad":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
	}
	s := newSite(t, siteOptions{}, func(conn *gate.RawConn, seen *exchangeLog) {
		if _, _, target, err := readExact(conn); err == nil {
			io.WriteString(conn, replies[target])
		}
	})
	for target := range replies {
		conn := s.Dial(t)
		conn.Send(t, get(target))
		answer, err := conn.ReadAnswer("GET")
		if err == nil || answer.Body != "hello" {
			t.Errorf("%s: %q, %v", target, answer.Body, err)
		}
		if rest, _ := conn.ReadEnd(); strings.Contains(rest, "HTTP/") {
			t.Errorf("%s: an answer after a broken one: %q", target, rest)
		}
	}
}

// Bytes behind an answer belong to nobody: they end the connection that they came on.
func TestHTTPExtraBytesAfterAnswer(t *testing.T) {
	extra := map[string]string{
		"/length": plain("x") + plain("evil"),
		"/chunk":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n" + plain("evil"),
		"/204":    "HTTP/1.1 204 No Content\r\n\r\n" + plain("evil"),
		"/304":    "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil",
	}
	s := newSite(t, siteOptions{}, answering(func(_, target string) string {
		if reply, ok := extra[target]; ok {
			return reply
		}
		return plain("good")
	}))
	conn := s.Dial(t)
	for target := range extra {
		before := s.backend.Connections.Load()
		conn.Send(t, get(target)+get("/good"))
		if answer := conn.Answer(t, "GET"); strings.Contains(answer.Body, "evil") {
			t.Errorf("%s: %q", target, answer.Body)
		}
		expectAnswer(t, conn, "GET", 200, "good")
		if s.backend.Connections.Load() == before {
			t.Errorf("%s: the connection was used again", target)
		}
	}
}
