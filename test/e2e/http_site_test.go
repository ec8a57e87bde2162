package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

const siteHost = "a.test"

// exchangeLog is what a backend saw, byte for byte: heads, and bodies as they were framed.
type exchangeLog struct {
	mu       sync.Mutex
	requests []string
}

func (l *exchangeLog) add(request string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, request)
}

func (l *exchangeLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.requests...)
}

// last is the newest request, "" before any.
func (l *exchangeLog) last() string {
	all := l.all()
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// site is a gate with the host a.test, whose only backend is under the test's control.
type site struct {
	*gate.Gate
	backend *gate.RawBackend
	seen    *exchangeLog
}

// siteOptions: what a test may want beside the backend.
type siteOptions struct {
	config      map[string]string // of the ConfigMap
	annotations map[string]string // of the Ingress
	workers     int               // 1
	tls         []gate.Object     // Secrets; the first one's name is that of the Ingress' tls entry
	secrets     []gate.Object     // beside them
}

// newSite starts one whose backend runs `serve` for each connection.
func newSite(t *testing.T, options siteOptions, serve func(conn *gate.RawConn, seen *exchangeLog)) *site {
	t.Helper()
	seen := &exchangeLog{}
	backend := gate.NewRawBackend(t, func(conn *gate.RawConn) { serve(conn, seen) })
	return &site{startSite(t, options, backend.Addr), backend, seen}
}

// startSite starts a gate for a.test with these backend addresses.
func startSite(t *testing.T, options siteOptions, addresses ...string) *gate.Gate {
	t.Helper()
	dir := gate.NewDir(t)
	ingress := gate.Ingress{
		Name: "site", Annotations: options.annotations,
		Rules: []gate.Rule{{Host: siteHost, Paths: []gate.Path{{Path: "/", Service: "site"}}}},
	}
	if len(options.tls) > 0 {
		ingress.TLS = []gate.TLS{{Hosts: []string{siteHost}, Secret: options.tls[0].Metadata()["name"].(string)}}
	}
	objects := gate.Join(gate.Backends("site", addresses...), ingress.Object(), options.tls, options.secrets)
	if options.config != nil {
		objects = append(objects, gate.ConfigMap("yett-config", options.config))
	}
	dir.Write("site.yaml", objects...)
	workers := max(options.workers, 1)
	return gate.Start(t, gate.Options{Dir: dir, Workers: workers, Args: []string{"--configmap", "default/yett-config"}})
}

// readExact reads one request and returns its bytes, and how it asks to be answered.
func readExact(conn *gate.RawConn) (text string, method, target string, err error) {
	var raw strings.Builder
	tee := &gate.RawConn{Conn: conn.Conn, Reader: bufio.NewReaderSize(io.TeeReader(oneByteReader{conn.Reader}, &raw), 64<<10)}
	request, err := tee.Request()
	if err != nil {
		return raw.String(), "", "", err
	}
	_, err = io.Copy(io.Discard, request.Body)
	return raw.String(), request.Method, request.RequestURI, err
}

// oneByteReader never takes a byte that belongs to the next message.
type oneByteReader struct{ r *bufio.Reader }

func (o oneByteReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return o.r.Read(p[:1])
}

// answering serves every request on a connection with what `answer` says for its target; "" closes.
func answering(answer func(method, target string) string) func(*gate.RawConn, *exchangeLog) {
	return func(conn *gate.RawConn, seen *exchangeLog) {
		for {
			text, method, target, err := readExact(conn)
			if text != "" {
				seen.add(text)
			}
			if err != nil {
				return
			}
			reply := answer(method, target)
			if reply == "" {
				return
			}
			if _, err := io.WriteString(conn, reply); err != nil {
				return
			}
		}
	}
}

// plain is an answer with a body whose length is said.
func plain(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// echoTarget answers with the target.
func echoTarget(_, target string) string { return plain(target) }

// fieldsOf are the field lines of a head, in order, without the start line.
func fieldsOf(text string) []string {
	head, _, _ := strings.Cut(text, "\r\n\r\n")
	return strings.Split(head, "\r\n")[1:]
}

// fieldValues are the values of a field in a head, by exact or other case.
func fieldValues(text, name string) []string {
	var values []string
	for _, line := range fieldsOf(text) {
		key, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(key, name) {
			values = append(values, textproto.TrimString(value))
		}
	}
	return values
}

// expectField fails the test unless the field stands in the head exactly once with this value.
func expectField(t *testing.T, text, name, value string) {
	t.Helper()
	if got := fieldValues(text, name); len(got) != 1 || got[0] != value {
		t.Errorf("%s: %q, want %q, in\n%s", name, got, value, text)
	}
}

// expectNoField fails the test where the field stands in the head.
func expectNoField(t *testing.T, text, name string) {
	t.Helper()
	if got := fieldValues(text, name); len(got) != 0 {
		t.Errorf("%s: %q, want none, in\n%s", name, got, text)
	}
}

// expectAnswer reads an answer and compares status and body.
func expectAnswer(t *testing.T, conn *gate.RawConn, method string, status int, body string) gate.Answer {
	t.Helper()
	answer := conn.Answer(t, method)
	if answer.StatusCode != status || answer.Body != body {
		t.Fatalf("%d %q, want %d %q", answer.StatusCode, answer.Body, status, body)
	}
	return answer
}

// expectEnd fails the test unless the gate closes the connection without another byte, in order.
func expectEnd(t *testing.T, conn *gate.RawConn) {
	t.Helper()
	if rest, err := conn.ReadEnd(); err != nil || rest != "" {
		t.Fatalf("at the end: %q, %v", rest, err)
	}
}

// readHead reads the bytes of a head as they are, the empty line included.
func readHead(t *testing.T, conn *gate.RawConn) string {
	t.Helper()
	var head strings.Builder
	for !strings.HasSuffix(head.String(), "\r\n\r\n") {
		line, err := conn.Reader.ReadString('\n')
		head.WriteString(line)
		if err != nil {
			t.Fatalf("head %q: %v", head.String(), err)
		}
	}
	return head.String()
}

// waitLogged waits for an access log line that contains `text` and returns it.
func (s *site) waitLogged(t *testing.T, text string) string {
	t.Helper()
	return s.AccessLog.WaitLine(t, 0, text, 5*time.Second)
}

// get is a request for a.test.
func get(target string, fields ...string) string { return request("GET", target, fields...) }

func request(method, target string, fields ...string) string {
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: " + siteHost}, fields...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// statusIs tells a status by its number alone.
func statusIs(answer gate.Answer, statuses ...int) bool {
	for _, status := range statuses {
		if answer.StatusCode == status {
			return true
		}
	}
	return false
}
