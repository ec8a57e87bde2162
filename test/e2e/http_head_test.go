package e2e

import (
	"strings"
	"testing"
)

// The gate's own fields stand first; the client's follow in their order, case, number and emptiness.
func TestHTTPFieldsPass(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	fields := []string{
		"aCCept: */*", "X-Twice: 1", "Cookie: a=b; c=\"d,e\"", "X-Empty:", "x-twice: 2",
		"Cookie: f=g", "X-Spaced: a  b\tc", "X-Latin: \xe9", "X-Colon: a:b", "Zeta: z",
	}
	conn := s.Dial(t)
	conn.Send(t, get("/", fields...))
	expectAnswer(t, conn, "GET", 200, "/")
	var got []string
	for _, line := range fieldsOf(s.seen.last()) {
		name, _, _ := strings.Cut(line, ":")
		if name == "Host" || strings.HasPrefix(name, "X-Forwarded") || name == "X-Real-IP" ||
			name == "X-Scheme" || name == "X-Request-ID" {
			continue
		}
		got = append(got, line)
	}
	want := strings.ReplaceAll(strings.Join(fields, "\n"), "X-Empty:", "X-Empty: ")
	if strings.Join(got, "\n") != want {
		t.Errorf("the backend saw\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

// Likewise answers: nothing is reordered, folded or lost.
func TestHTTPAnswerFieldsPass(t *testing.T) {
	fields := "sET-cookie: a=b; Path=/\r\nX-Empty: \r\nSet-Cookie: c=d, e\r\nETag: W/\"x\"\r\nx-lower: 1\r\nContent-Type: a/b\r\n"
	s := newSite(t, siteOptions{}, answering(func(string, string) string {
		return "HTTP/1.1 299 Its Own Words\r\n" + fields + "Content-Length: 1\r\n\r\nx"
	}))
	conn := s.Dial(t)
	conn.Send(t, get("/"))
	head := readHead(t, conn)
	if !strings.HasPrefix(head, "HTTP/1.1 299 Its Own Words\r\n") || !strings.Contains(head, fields) {
		t.Errorf("the client saw\n%s", head)
	}
}

// What concerns one hop ends there: the fixed names, and what Connection lists, in any of its fields.
func TestHTTPHopByHop(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(func(string, string) string {
		return "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nConnection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\n" +
			"Proxy-Authenticate: Basic\r\nTrailer: X\r\nUpgrade: h2c\r\nX-Accel-Redirect: /x\r\nServer: secret/1\r\n" +
			"X-Stays: 1\r\nContent-Length: 0\r\n\r\n"
	}))
	conn := s.Dial(t)
	conn.Send(t, get("/", "Connection: keep-alive", "Connection: X-Listed, x-OTHER, Upgrade", "X-Listed: 1", "X-Other: 2",
		"Keep-Alive: 300", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eDp5", "Proxy: evil",
		"TE: trailers", "Trailer: X-T", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", "X_Under: score", "X-Stays: 1"))
	head := readHead(t, conn)
	for _, name := range []string{"X-Listed", "X-Other", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization",
		"Proxy", "TE", "Trailer", "Upgrade", "HTTP2-Settings", "Connection", "X_Under"} {
		expectNoField(t, s.seen.last(), name)
	}
	expectField(t, s.seen.last(), "X-Stays", "1")
	for _, name := range []string{"X-Mine", "Keep-Alive", "Proxy-Authenticate", "Trailer", "Upgrade", "X-Accel-Redirect", "Server"} {
		expectNoField(t, head, name)
	}
	expectField(t, head, "X-Stays", "1")
}

// Listing a field that frames or routes the message does not remove it.
func TestHTTPConnectionListsFraming(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	conn := s.Dial(t)
	conn.Send(t, request("POST", "/", "Connection: Host, Content-Length, X-Forwarded-For", "Content-Length: 5")+"hello")
	expectAnswer(t, conn, "POST", 200, "/")
	expectField(t, s.seen.last(), "Host", siteHost)
	expectField(t, s.seen.last(), "Content-Length", "5")
	expectField(t, s.seen.last(), "X-Forwarded-For", "127.0.0.1")
}

func TestHTTPTargets(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(func(method, target string) string { return plain("ok") }))
	cases := []struct{ method, target, host, wantTarget, wantHost string }{
		{"GET", "//a//b", siteHost, "//a//b", siteHost},
		{"GET", "/a%2Fb/../c/./d?e=f/../g&h=%zz#g", siteHost, "/a%2Fb/../c/./d?e=f/../g&h=%zz#g", siteHost},
		{"GET", "/a%2Fb/../c/./d?e=f/../g&h=%zz", siteHost, "/a%2Fb/../c/./d?e=f/../g&h=%zz", siteHost},
		{"GET", "/a?b?c=//", "a.test:8080", "/a?b?c=//", "a.test:8080"},
		{"GET", "/x", "A.Test.", "/x", "A.Test."},
		{"GET", "http://a.test/abs?x", "other.test", "/abs?x", siteHost},
		{"GET", "HTTP://A.test:81", "other.test", "/", "A.test:81"},
		{"OPTIONS", "*", siteHost, "*", siteHost},
		{"OPTIONS", "http://a.test", "other.test", "*", siteHost},
	}
	for _, c := range cases {
		answer := s.Do(t, c.method, c.host, c.target)
		if answer.StatusCode != 200 {
			t.Errorf("%s %s: %d", c.method, c.target, answer.StatusCode)
			continue
		}
		if line := c.method + " " + c.wantTarget + " HTTP/1.1\r\n"; !strings.HasPrefix(s.seen.last(), line) {
			t.Errorf("%s %s: the backend saw %q", c.method, c.target, s.seen.last())
		}
		expectField(t, s.seen.last(), "Host", c.wantHost)
	}
}

func TestHTTPMethods(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "m-search"} {
		if answer := s.Do(t, method, siteHost, "/x"); answer.StatusCode != 200 {
			t.Errorf("%s: %d", method, answer.StatusCode)
		} else if !strings.HasPrefix(s.seen.last(), method+" /x ") {
			t.Errorf("%s: the backend saw %q", method, s.seen.last())
		}
	}
	before := len(s.seen.all())
	for _, c := range []struct{ method, target string }{{"TRACE", "/"}, {"CONNECT", "a.test:80"}} {
		if answer := s.Do(t, c.method, siteHost, c.target); answer.StatusCode != 405 {
			t.Errorf("%s: %d, want 405", c.method, answer.StatusCode)
		}
	}
	if len(s.seen.all()) != before {
		t.Errorf("the backend saw %q", s.seen.last())
	}
}

// A request that could not be read is logged with the address it came from.
func TestHTTPBadRequestIsLogged(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	conn := s.Dial(t)
	conn.Send(t, "GET / HTTP/1.1\r\n\r\n")
	if answer := conn.Answer(t, "GET"); answer.StatusCode != 400 {
		t.Errorf("status %d", answer.StatusCode)
	}
	if line := s.waitLogged(t, " 400 "); !strings.HasPrefix(line, "127.0.0.1 ") {
		t.Errorf("logged %q", line)
	}
}
