package gate

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// RawConn sends exact bytes and reads messages one by one. Used on both sides of the gate.
type RawConn struct {
	net.Conn
	Reader *bufio.Reader
}

func newRawConn(conn net.Conn) *RawConn { return &RawConn{conn, bufio.NewReader(conn)} }

// Dial opens a connection to the HTTP port; it is closed with the test.
func (g *Gate) Dial(t testing.TB) *RawConn {
	t.Helper()
	return DialAddr(t, g.HTTP)
}

// DialAddr opens a connection to any address.
func DialAddr(t testing.TB, address string) *RawConn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatalf("connect to %s: %v", address, err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second * Scale()))
	return newRawConn(conn)
}

// DialTLS opens a TLS connection with this server name to the HTTPS port, trusting anyone.
func (g *Gate) DialTLS(t testing.TB, serverName string) *RawConn {
	t.Helper()
	conn, err := tls.Dial("tcp", g.HTTPS, &tls.Config{ServerName: serverName, InsecureSkipVerify: true})
	if err != nil {
		t.Fatalf("TLS to the gate: %v", err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second * Scale()))
	return newRawConn(conn)
}

// Send writes these bytes.
func (c *RawConn) Send(t testing.TB, text string) {
	t.Helper()
	if _, err := io.WriteString(c.Conn, text); err != nil {
		t.Fatalf("send: %v", err)
	}
}

// SendRequest writes "METHOD target HTTP/1.1" with Host and these field lines ("Name: value").
func (c *RawConn) SendRequest(t testing.TB, method, target, host string, fields ...string) {
	t.Helper()
	var head strings.Builder
	head.WriteString(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n")
	for _, field := range fields {
		head.WriteString(field + "\r\n")
	}
	head.WriteString("\r\n")
	c.Send(t, head.String())
}

// Answer is a response with its body read.
type Answer struct {
	*http.Response
	Body string
}

// ReadAnswer reads the next response; `method` is that of its request.
func (c *RawConn) ReadAnswer(method string) (Answer, error) {
	response, err := http.ReadResponse(c.Reader, &http.Request{Method: method})
	if err != nil {
		return Answer{}, err
	}
	body, err := io.ReadAll(response.Body)
	return Answer{response, string(body)}, err
}

// Answer reads the next response; anything wrong with it fails the test.
func (c *RawConn) Answer(t testing.TB, method string) Answer {
	t.Helper()
	answer, err := c.ReadAnswer(method)
	if err != nil {
		t.Fatalf("read an answer: %v", err)
	}
	return answer
}

// Request reads a request, for backends. The body is left in Body.
func (c *RawConn) Request() (*http.Request, error) { return http.ReadRequest(c.Reader) }

// CloseWrite ends our side only.
func (c *RawConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.New("no half-close on this connection")
}

// Reset closes with RST.
func (c *RawConn) Reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Conn.Close()
}

// ReadEnd waits for the peer's end and returns what came before it; an error is a reset or a time-out.
func (c *RawConn) ReadEnd() (string, error) {
	rest, err := io.ReadAll(c.Reader)
	return string(rest), err
}

// Do sends one request on a connection of its own to the HTTP port and returns the answer.
func (g *Gate) Do(t testing.TB, method, host, target string, fields ...string) Answer {
	t.Helper()
	conn := g.Dial(t)
	defer conn.Close()
	conn.SendRequest(t, method, target, host, append(fields, "Connection: close")...)
	return conn.Answer(t, method)
}

// Get is Do with GET.
func (g *Gate) Get(t testing.TB, host, target string, fields ...string) Answer {
	t.Helper()
	return g.Do(t, "GET", host, target, fields...)
}

// GetTLS sends one GET over TLS with the host as server name.
func (g *Gate) GetTLS(t testing.TB, host, target string, fields ...string) Answer {
	t.Helper()
	name, _, _ := strings.Cut(host, ":")
	conn := g.DialTLS(t, name)
	defer conn.Close()
	conn.SendRequest(t, "GET", target, host, append(fields, "Connection: close")...)
	return conn.Answer(t, "GET")
}

// TryGet is Get for conditions that are not true yet: any failure is a zero status.
func (g *Gate) TryGet(host, target string) (status int, body string) {
	return g.TryGetWithin(host, target, 5*time.Second*Scale())
}

// TryGetWithin is TryGet with another limit.
func (g *Gate) TryGetWithin(host, target string, limit time.Duration) (status int, body string) {
	conn, err := net.DialTimeout("tcp", g.HTTP, time.Second)
	if err != nil {
		return 0, ""
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(limit))
	_, err = io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
	if err != nil {
		return 0, ""
	}
	answer, err := newRawConn(conn).ReadAnswer("GET")
	if err != nil {
		return 0, ""
	}
	return answer.StatusCode, answer.Body
}

// WaitBody waits until a GET answers 200 with this body.
func (g *Gate) WaitBody(t testing.TB, host, target, body string) {
	t.Helper()
	status, got := 0, ""
	WaitFor(t, 5*time.Second, host+target+" to answer "+body, func() bool {
		status, got = g.TryGet(host, target)
		return status == http.StatusOK && got == body
	})
}

// WaitStatus waits until a GET answers with this status.
func (g *Gate) WaitStatus(t testing.TB, host, target string, status int) {
	t.Helper()
	WaitFor(t, 5*time.Second, host+target+" to answer "+http.StatusText(status), func() bool {
		got, _ := g.TryGet(host, target)
		return got == status
	})
}

// Client is an http.Client whose connections all go to the gate's HTTP port, whatever the URL's host.
func (g *Gate) Client(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:   timeout,
		Transport: &http.Transport{DialContext: dialTo(g.HTTP), MaxIdleConnsPerHost: 64},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}
