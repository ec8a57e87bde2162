package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// ingress-nginx's log-format-upstream.
var logLine = regexp.MustCompile(`^(?P<remote_addr>\S+) - (?P<remote_user>\S+) \[(?P<time>[^\]]+)\] "(?P<request>[^"]*)" (?P<status>\d{3}) ` +
	`(?P<body_bytes>\d+) "(?P<referer>[^"]*)" "(?P<agent>[^"]*)" (?P<request_length>\d+) (?P<request_time>\d+\.\d{3}) ` +
	`\[(?P<upstream>[^\]]*)\] \[(?P<alternative>[^\]]*)\] (?P<upstream_addr>` + perTry + `) (?P<response_length>` + perTry + `) ` +
	`(?P<response_time>` + perTry + `) (?P<upstream_status>` + perTry + `) (?P<id>\S+)$`)

// A value for each try.
const perTry = `[^ ,]+(?:, [^ ,]+)*`

// logged waits for the n-th line of the access log and takes it apart.
func logged(t *testing.T, g *gate.Gate, n int) map[string]string {
	t.Helper()
	gate.WaitFor(t, 5*time.Second, fmt.Sprintf("line %d of the access log", n), func() bool {
		return len(g.AccessLog.Lines()) >= n
	})
	line := g.AccessLog.Lines()[n-1]
	match := logLine.FindStringSubmatch(line)
	if match == nil {
		t.Fatalf("not in ingress-nginx's format: %s", line)
	}
	fields := map[string]string{}
	for i, name := range logLine.SubexpNames() {
		if name != "" {
			fields[name] = match[i]
		}
	}
	return fields
}

func TestAccessLog(t *testing.T) {
	t.Parallel() // it waits most of its time
	web := gate.NewBackend(t, "web")
	g := start(t, gate.Options{Workers: 1}, gate.Backends("web", web.Addr), gate.Route("web", "web.test", "/", "web"),
		gate.Service("nobody", gate.ServicePort{Name: "http", Port: 80}), gate.Route("nobody", "nobody.test", "/", "nobody"))
	check := func(n int, want map[string]string) {
		t.Helper()
		got := logged(t, g, n)
		for name, value := range want {
			if got[name] != value {
				t.Errorf("line %d: %s is %q, not %q", n, name, got[name], value)
			}
		}
	}

	request := "POST /a%2Fb?c=d HTTP/1.1\r\nHost: web.test\r\nUser-Agent: agent/1 (x)\r\nReferer: http://from.test/\r\n" +
		"X-Request-ID: 0123456789abcdef\r\nContent-Length: 5\r\n\r\nhello"
	conn := g.Dial(t)
	conn.Send(t, request)
	answer := conn.Answer(t, "POST")
	check(1, map[string]string{
		"remote_addr": "127.0.0.1", "remote_user": "-", "request": "POST /a%2Fb?c=d HTTP/1.1", "status": "200",
		"body_bytes": strconv.Itoa(len(answer.Body)), "referer": "http://from.test/", "agent": "agent/1 (x)",
		"request_length": strconv.Itoa(len(request)), "upstream": "default-web-80", "alternative": "",
		"upstream_addr": web.Addr, "response_length": strconv.Itoa(len(answer.Body)), "upstream_status": "200",
		"id": "0123456789abcdef",
	})
	when, err := time.Parse("02/Jan/2006:15:04:05 -0700", logged(t, g, 1)["time"])
	if err != nil || time.Since(when).Abs() > time.Minute {
		t.Errorf("the line's time is %v (%v)", when, err)
	}

	g.Get(t, "nobody.test", "/", `User-Agent: "quoted" \ back`)
	check(2, map[string]string{"status": "503", "upstream": "default-nobody-80", "upstream_addr": "-", "upstream_status": "-",
		"agent": `\x22quoted\x22 \x5C back`, "referer": "-"})
	if id := logged(t, g, 2)["id"]; !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) {
		t.Errorf("the generated id is %q", id)
	}
	g.Get(t, "unknown.test", "/x")
	check(3, map[string]string{"status": "404", "request": "GET /x HTTP/1.1", "upstream": "-", "upstream_addr": "-"})
	raw := g.Dial(t)
	raw.Send(t, "NONSENSE\r\n\r\n")
	raw.Answer(t, "GET")
	check(4, map[string]string{"status": "400"})
	// A request that its client gave up is 499.
	hung := gate.NewRawBackend(t, func(conn *gate.RawConn) { conn.ReadEnd() })
	g.Change(t, func() {
		g.Dir.Write("hung.yaml", gate.Join(gate.Backends("hung", hung.Addr), gate.Route("hung", "hung.test", "/", "hung"))...)
	})
	gone := g.Dial(t)
	gone.SendRequest(t, "GET", "/", "hung.test")
	gate.WaitFor(t, 5*time.Second, "the request to arrive", func() bool { return hung.Connections.Load() == 1 })
	gone.Close()
	check(5, map[string]string{"status": "499", "upstream": "default-hung-80", "upstream_addr": hung.Addr})
}

func TestRetriedRequestInAccessLog(t *testing.T) {
	web, refused := gate.NewBackend(t, "web"), gate.Refused(t)
	g := start(t, gate.Options{Workers: 1}, gate.Backends("web", web.Addr, refused), gate.Route("web", "web.test", "/", "web"))
	const requests = 2 // of which at least one meets the dead endpoint first
	for range requests {
		if answer := g.Get(t, "web.test", "/"); answer.StatusCode != 200 {
			t.Errorf("status %d", answer.StatusCode)
		}
	}
	retried := 0
	for n := range requests {
		line := logged(t, g, n+1)
		if line["upstream_addr"] != refused+", "+web.Addr {
			continue
		}
		retried++
		if line["status"] != "200" || line["upstream_status"] != "502, 200" || line["response_length"] != "0, 3" {
			t.Errorf("status %s, of the tries %s with %s bytes", line["status"], line["upstream_status"], line["response_length"])
		}
	}
	if retried == 0 || retried != int(g.Metric(t, "yett_upstream_retries_total")) {
		t.Errorf("the failed try is in %d lines: %v", retried, g.AccessLog.Lines())
	}
}

func TestAccessLogAsJSON(t *testing.T) {
	web := gate.NewBackend(t, "web")
	g := start(t, gate.Options{Workers: 1, Args: []string{"--log-format", "json"}}, gate.Backends("web", web.Addr),
		gate.Route("web", "web.test", "/", "web"))
	g.Get(t, "web.test", `/a"b\c?d`, "User-Agent: \"x\" \\ \t \xff\xc3\xa9")
	gate.WaitFor(t, 5*time.Second, "a line", func() bool { return len(g.AccessLog.Lines()) == 1 })
	line := decode(t, g.AccessLog.Lines()[0])
	for name, want := range map[string]any{
		"remote_addr": "127.0.0.1", "method": "GET", "scheme": "http", "host": "web.test", "uri": `/a"b\c?d`,
		"protocol": "HTTP/1.1", "status": "200", "body_bytes_sent": "3", "namespace": "default", "ingress": "web",
		"service": "web", "port": "80", "upstream_addr": web.Addr, "upstream_status": "200",
	} {
		if line[name] != want {
			t.Errorf("%s is %v, not %v", name, line[name], want)
		}
	}
	if agent, _ := line["user_agent"].(string); !strings.HasPrefix(agent, "\"x\" \\ \t ") || !strings.HasSuffix(agent, "é") {
		t.Errorf("user_agent is %q", agent)
	}
	for _, line := range g.Log.Lines() {
		decode(t, line)
	}
}

// The ConfigMap's own format, in JSON's escapes.
func TestAccessLogFormatOfConfigMap(t *testing.T) {
	g := start(t, gate.Options{Workers: 1, Args: keepAlive}, settings(map[string]string{
		"log-format-escape-json": "true",
		"log-format-upstream":    `{"host":"$host","args":"$args","agent":"$http_user_agent","tried":"$upstream_status"}`,
	}), services(t, "web"), gate.Route("web", "web.test", "/", "web"))
	g.Get(t, "WEB.test", "/x?y=z", `User-Agent: "q"`)
	gate.WaitFor(t, 5*time.Second, "a line", func() bool { return len(g.AccessLog.Lines()) == 1 })
	line := decode(t, g.AccessLog.Lines()[0])
	if line["host"] != "web.test" || line["args"] != "y=z" || line["agent"] != `"q"` || line["tried"] != "200" {
		t.Errorf("%v", line)
	}
	g.Change(t, func() {
		g.Dir.Write("objects.yaml", gate.Join(settings(map[string]string{"disable-access-log": "true"}),
			services(t, "web"), gate.Route("web", "web.test", "/", "web"))...)
	})
	g.Get(t, "web.test", "/")
	g.Stop(t) // which writes what there is to write
	if lines := g.AccessLog.Lines(); len(lines) != 1 {
		t.Errorf("a disabled log has %v", lines)
	}
}

// A log that nobody reads never blocks traffic: lines are dropped, and counted.
func TestStalledAccessLog(t *testing.T) {
	t.Parallel() // it waits most of its time
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	g := start(t, gate.Options{Workers: 1, AccessLog: write, Args: keepAlive}, settings(nil), services(t, "web"),
		gate.Route("web", "web.test", "/", "web"))
	write.Close()
	// Each line is some 16 KB long, so that buffers are full soon: a pipe's 64 KB and the gate's own.
	long := "/" + strings.Repeat("x", 15<<10)
	conn := g.Dial(t)
	const requests = 300
	for range requests {
		conn.SendRequest(t, "GET", long, "web.test")
		if answer := conn.Answer(t, "GET"); answer.StatusCode != 200 {
			t.Fatalf("status %d", answer.StatusCode)
		}
	}
	var dropped float64
	gate.WaitFor(t, 5*time.Second, "dropped lines to be counted", func() bool {
		dropped = g.Metric(t, "yett_access_log_dropped_total")
		return dropped > 0
	})
	// Whoever reads again gets whole lines, and lines and drops add up.
	conn.Close()
	dropped = g.Metric(t, "yett_access_log_dropped_total")
	var lines atomic.Int64
	go func() {
		for scanner := newLineScanner(read); scanner.Scan(); lines.Add(1) {
			if !logLine.MatchString(scanner.Text()) {
				t.Errorf("a torn line: %.80s…", scanner.Text())
			}
		}
	}()
	gate.WaitFor(t, 5*time.Second, "lines and drops to add up", func() bool { return lines.Load()+int64(dropped) >= requests })
	g.Stop(t)
	t.Logf("%d lines came, %v were dropped, of %d", lines.Load(), dropped, requests)
	if lines.Load()+int64(dropped) != requests {
		t.Errorf("%d lines came and %v were dropped, of %d", lines.Load(), dropped, requests)
	}
}

func newLineScanner(from *os.File) *bufio.Scanner {
	scanner := bufio.NewScanner(from)
	scanner.Buffer(nil, 1<<20)
	return scanner
}

func decode(t *testing.T, line string) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatalf("no JSON: %s: %v", line, err)
	}
	return fields
}
