package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"yett.dev/e2e/gate"
)

// What a command did.
type outcome struct {
	status         int
	stdout, stderr string
}

// command runs yett with nothing on its standard input.
func command(t *testing.T, args ...string) outcome {
	t.Helper()
	status, stdout, stderr := gate.Run(t, args...)
	return outcome{status, stdout, stderr}
}

// commandOn runs yett with `input` on its standard input.
func commandOn(t *testing.T, input string, args ...string) outcome {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd := exec.Command(gate.Binary(), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// The manifests of the README's tour.
func example(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../examples/hello")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func manifests(t *testing.T, text string) string {
	t.Helper()
	dir := gate.NewDir(t)
	dir.WriteText("a.yaml", text)
	return dir.Path
}

// What is wrong with a kubeconfig is told at the start, and nothing is started.
func TestKubeconfigErrors(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte("current-context: dev\ncontexts: [{name: prod}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		wants []string
	}{
		{[]string{"--kubeconfig", path}, []string{path, "there is no context 'dev'", "there are: 'prod'"}},
		{[]string{"--kubeconfig", path, "--kubeconfig-context", "test"}, []string{"there is no context 'test'"}},
		{[]string{"--kubeconfig", path + "x"}, []string{"there is no such file"}},
		{[]string{"--apiserver-host", "10.0.0.1"}, []string{"--apiserver-host: '10.0.0.1' is no URL"}},
		{[]string{"--apiserver-host", "https://a", "--certificate-authority", path}, []string{"--certificate-authority", "PEM"}},
	} {
		got := command(t, append([]string{"run"}, c.args...)...)
		if got.status != 1 || got.stdout != "" {
			t.Errorf("yett run %s: status %d, expected 1; on stdout: %q", c.args, got.status, got.stdout)
		}
		wantText(t, "yett run", got.stderr, append(c.wants, "yett: run: ")...)
	}
}

func wantText(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: %q is missing in\n%s", what, part, text)
		}
	}
}

// Of a wrong command line people read what is wrong, how to mend it, and nothing else.
func TestCommandLineErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args  string
		wants []string
	}{
		{"chekc", []string{"there is no command 'chekc'", "did you mean 'yett check'?"}},
		{"frobnicate", []string{"there is no command 'frobnicate'", "'yett help' lists them"}},
		{"help frobnicate", []string{"there is no command 'frobnicate'"}},
		{"help run check", []string{"'check' is one word too many"}},
		{"run", []string{"run: there is nothing to serve", "--manifests DIR", "--kubeconfig FILE", "Pod", "yett help run"}},
		{"run --manifests . --kubeconfig x", []string{"--manifests serves a directory", "give one of them"}},
		{"run --manifests . --watch-namespace-selector a=b", []string{"--manifests serves a directory", "give --watch-namespace instead"}},
		{"run --kubeconfig x --watch-namespace a --watch-namespace-selector a=b", []string{"--watch-namespace names one namespace", "give one of them"}},
		{"run --watch-secrets all", []string{"--watch-secrets: 'all'", "by-name|cluster"}},
		{"run DIR", []string{"'DIR' is one word too many", "--manifests DIR"}},
		{"run --manifest DIR", []string{"--manifest: there is no such flag", "did you mean --manifests?"}},
		{"run --manifests . --http-port 80a", []string{"--http-port: '80a' is not a port", "1 to 65535"}},
		{"run --manifests . --address localhost", []string{"--address: 'localhost' is no IP address", "127.0.0.1"}},
		{"run --manifests . --healthz-host here", []string{"--healthz-host: 'here' is no IP address", "127.0.0.1"}},
		{"run --manifests . --health-check-path x", []string{"--health-check-path: 'x' is no path", "starts with /"}},
		{"run --manifests . --log-format xml", []string{"--log-format: 'xml'", "text|json"}},
		{"run --manifests . --configmap settings", []string{"--configmap: 'settings'", "NAMESPACE/NAME"}},
		{"run --manifests . --drain-timeout soon", []string{"--drain-timeout: 'soon' is not a duration", "1m30s"}},
		{"run --manifests", []string{"--manifests: its value is missing", "--manifests DIR"}},
		{"check", []string{"nothing to check", "standard input"}},
		{"check --severity all x", []string{"--severity: 'all'", "error|warning|note"}},
		{"explain", []string{"give one URL"}},
		{"explain http://a/ http://b/", []string{"give one URL"}},
		{"explain /path", []string{"'/path'", "names no host", "-H 'Host: "}},
		{"explain ftp://a/", []string{"'ftp://a/'", "no URL of http or https"}},
		{"explain http://a/../../x", []string{"climbs above /", "400"}},
		{"explain /x -H Host:a/b", []string{"its host is none", "400"}},
		{"explain http://a/ -X G(T", []string{"its method is no token"}},
		{"explain http://a/ -H nocolon", []string{"--header: 'nocolon' is no header", "Name: value"}},
		{"routes x", []string{"'x' is one word too many", "--manifests x"}},
		{"routes --manifests . --admin http://127.0.0.1:1", []string{"exclude each other"}},
		{"routes --admin 127.0.0.1:10254", []string{"--admin: '127.0.0.1:10254' is no URL", "http://127.0.0.1:10254"}},
		{"routes --output yaml", []string{"--output: 'yaml'", "text|json"}},
		{"echo --port off", []string{"--port: 'off' is not a port", "0 for a free one"}},
		{"version now", []string{"'now'"}},
	} {
		got := command(t, strings.Fields(c.args)...)
		if got.status != 2 || got.stdout != "" {
			t.Errorf("yett %s: status %d, expected 2; on stdout: %q", c.args, got.status, got.stdout)
		}
		wantText(t, "yett "+c.args, got.stderr, append(c.wants, "yett: ")...)
	}
	if got := command(t); got.status != 2 || !strings.Contains(got.stdout, "Usage: yett COMMAND") {
		t.Errorf("without a word: %+v", got)
	}
}

var commandLine = regexp.MustCompile(`(?m)^  ([a-z]+) {2,}\S`)

func TestHelp(t *testing.T) {
	t.Parallel()
	overview := command(t, "help")
	found := commandLine.FindAllStringSubmatch(overview.stdout, -1)
	if overview.status != 0 || overview.stderr != "" || len(found) < 7 {
		t.Fatalf("help: %+v", overview)
	}
	for _, word := range []string{"--help", "-help", "-h"} {
		if got := command(t, word); got != overview {
			t.Errorf("%s says something else than help: %+v", word, got)
		}
	}
	for _, match := range found {
		name := match[1]
		asked, flag := command(t, "help", name), command(t, name, "--help")
		if asked.status != 0 || asked.stderr != "" || flag != asked {
			t.Errorf("help of %s: %+v, with --help: %+v", name, asked, flag)
		}
		wantText(t, "help of "+name, asked.stdout, "yett "+name+": ", "\nUsage: yett "+name)
		for line := range strings.Lines(asked.stdout) {
			if len([]rune(line)) > 97 {
				t.Errorf("help of %s is too wide: %s", name, line)
			}
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	text, flag := command(t, "version"), command(t, "--version")
	if text.status != 0 || text != flag || !regexp.MustCompile(`^yett \d+\.\d+\.\d+\n`).MatchString(text.stdout) {
		t.Errorf("%+v, with --version %+v", text, flag)
	}
	var facts struct {
		Version     string
		ImageFormat int
	}
	got := command(t, "version", "--output", "json")
	if err := json.Unmarshal([]byte(got.stdout), &facts); err != nil || facts.Version == "" || facts.ImageFormat < 1 {
		t.Errorf("%v: %+v", err, got)
	}
}

// An Ingress with a misspelt annotation (a warning).
const doubtful = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
  annotations:
    nginx.ingress.kubernetes.io/proxy-read-timout: "5"
spec:
  rules:
    - host: shop.test
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: shop, port: {number: 80}}}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {ports: [{port: 80}]}
`

// The same without its Service (an error).
var faulty = strings.Replace(doubtful, "service: {name: shop", "service: {name: shoo", 1)

func TestCheckText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, text string
		args       []string
		status     int
		wants      []string
	}{
		{"an error", faulty, nil, 1, []string{
			"a.yaml:14:", "did you mean 'shop'?", ": error: Ingress default/shop: spec.rules[0].http.paths[0]", "[service-missing]\n    mend: ",
			"a.yaml:6:", ": warning: ", "did you mean proxy-read-timeout?",
			"\n1 file, 2 documents, 1 Ingress: 1 error, 1 warning\n"}},
		{"a warning", doubtful, nil, 0, []string{"[annotation-unknown]", "1 Ingress: 0 errors, 1 warning\n"}},
		{"a warning, strictly", doubtful, []string{"--strict"}, 1, []string{"[annotation-unknown]"}},
		{"what is no YAML", "a: [", nil, 1, []string{"a.yaml:2:1: error: ", "[syntax]", "mend: "}},
		{"an empty file", "", nil, 0, []string{"1 file, 0 documents, 0 Ingresses: 0 errors, 0 warnings\n"}},
	} {
		got := command(t, append([]string{"check", manifests(t, c.text)}, c.args...)...)
		if got.status != c.status || got.stderr != "" {
			t.Errorf("%s: status %d, expected %d; on stderr: %s", c.what, got.status, c.status, got.stderr)
		}
		wantText(t, c.what, got.stdout, c.wants...)
	}

	got := command(t, "check", "--severity", "error", manifests(t, faulty))
	if strings.Contains(got.stdout, "warning:") || !strings.Contains(got.stdout, "error:") {
		t.Errorf("--severity error shows\n%s", got.stdout)
	}
	got = command(t, "check", filepath.Join(t.TempDir(), "nothing"))
	if got.status != 1 || !strings.Contains(got.stdout, "[file-unreadable]") {
		t.Errorf("a path that is not there: %+v", got)
	}
}

func TestCheckReadsFilesAndStandardInput(t *testing.T) {
	t.Parallel()
	got := commandOn(t, faulty, "check", "-")
	if got.status != 1 {
		t.Errorf("status %d, expected 1", got.status)
	}
	wantText(t, "check -", got.stdout, "<stdin>:14:", "1 file, 2 documents, 1 Ingress: 1 error")

	ingress, service, _ := strings.Cut(doubtful, "---\n")
	first := filepath.Join(manifests(t, ingress), "a.yaml")
	second := filepath.Join(manifests(t, service), "a.yaml")
	got = command(t, "check", first, second)
	wantText(t, "two files", got.stdout, "2 files, 2 documents, 1 Ingress: 0 errors, 1 warning\n")
}

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	got := command(t, "check", "--output", "json", manifests(t, faulty))
	var report struct {
		Files, Documents, Ingresses int
		gate.Diagnostics
	}
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil {
		t.Fatalf("%v in %s", err, got.stdout)
	}
	if got.status != 1 || report.Files != 1 || report.Documents != 2 || report.Ingresses != 1 ||
		report.Errors != 1 || report.Warnings != 1 || len(report.Diagnostics.Diagnostics) != 2 {
		t.Fatalf("status %d, %+v", got.status, report)
	}
	for _, d := range report.Diagnostics.Diagnostics {
		if d.Severity == "" || d.Code == "" || !strings.HasSuffix(d.File, "a.yaml") || d.Line == 0 ||
			d.Column == 0 || d.Kind != "Ingress" || d.Name != "shop" || d.Field == "" || d.Message == "" || d.Mend == "" {
			t.Errorf("not all is told: %+v", d)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	lonely := manifests(t, faulty) // a Service that is not there, and no rule for other hosts
	for _, c := range []struct {
		args   []string
		dir    string
		status int
		wants  []string
	}{
		{[]string{"https://hello.example/api/v1?a=b"}, example(t), 0, []string{
			"host hello.example", "path /api, Prefix", "Ingress default/hello, spec.rules[0].http.paths[1]",
			"ingress.yaml:19:13", "Service default/api:80", "127.0.0.1:9002"}},
		{[]string{"http://hello.example/apis"}, example(t), 0, []string{"/api, Prefix", " no\n", "Service default/hello:http"}},
		{[]string{"hello.example/a/%2e%2e/api"}, example(t), 0, []string{"Service default/api:80"}},
		{[]string{"/api", "-H", "Host: hello.example"}, example(t), 0, []string{"Service default/api:80"}},
		{[]string{"http://other.example/", "-H", "Host: hello.example"}, example(t), 0, []string{"default/hello:http"}},
		{[]string{"http://unknown.test/"}, example(t), 0, []string{
			"host unknown.test", "host *.test", "rules without a host", "127.0.0.1:9001", "127.0.0.1:9002"}},
		{[]string{"http://secure.example/login"}, example(t), 0, []string{"https-redirect 308", "Answered by the gate: 308"}},
		{[]string{"https://secure.example/login"}, example(t), 0, []string{"127.0.0.1:9001"}},
		{[]string{"http://nobody.test/"}, lonely, 1, []string{"Answered by the gate: 404"}},
		{[]string{"http://shop.test/", "-X", "POST"}, lonely, 1, []string{"POST http://shop.test/", "Answered by the gate: 503"}},
	} {
		args := append([]string{"explain", "--manifests", c.dir}, c.args...)
		if c.dir == lonely {
			args = append(args, "--watch-ingress-without-class")
		}
		got := command(t, args...)
		if got.status != c.status {
			t.Errorf("explain %v: status %d, expected %d", c.args, got.status, c.status)
		}
		wantText(t, fmt.Sprintf("explain %v", c.args), got.stdout, c.wants...)
		if told := strings.Contains(got.stderr, "1 error; 'yett check "+c.dir+"' tells more"); told != (c.dir == lonely) {
			t.Errorf("explain %v: on stderr: %q", c.args, got.stderr)
		}
	}
}

func TestExplainJSON(t *testing.T) {
	t.Parallel()
	got := command(t, "explain", "--manifests", example(t), "-o", "json", "https://hello.example/api/../x")
	var told struct {
		Request struct{ Method, Scheme, Host, Path, MatchedAs string }
		Steps   []struct {
			Step, Subject string
			Matched       bool
		}
		Rule     struct{ Kind, Namespace, Name, Field, Place, Host, Path, Type string }
		Filters  []struct{ Filter string }
		Backends []struct {
			Service   string
			Weight    int
			Endpoints []string
		}
		End string
	}
	if err := json.Unmarshal([]byte(got.stdout), &told); err != nil || got.status != 0 {
		t.Fatalf("%v: %+v", err, got)
	}
	if told.Request.MatchedAs != "/x" || told.Rule.Name != "hello" || told.Rule.Path != "/" || told.End != "backend" {
		t.Errorf("%+v", told)
	}
	if len(told.Steps) != 3 || told.Steps[1].Subject != "/api" || told.Steps[1].Matched || !told.Steps[2].Matched {
		t.Errorf("steps: %+v", told.Steps)
	}
	if len(told.Backends) != 1 || fmt.Sprint(told.Backends[0].Endpoints) != "[127.0.0.1:9001]" {
		t.Errorf("backends: %+v", told.Backends)
	}
}

// A row of the table, as far as it does not depend on where the manifests were read from.
type route struct {
	Host, Path, Type, Namespace, Ingress string
	TLS                                  bool
	Filters                              []string
	Backends                             []struct {
		Namespace, Service, Port string
		Weight                   int
		Endpoints                []string
	}
}

func routesOf(t *testing.T, args ...string) (routes []route) {
	t.Helper()
	got := command(t, append([]string{"routes", "--output", "json"}, args...)...)
	var table struct{ Routes []route }
	if err := json.Unmarshal([]byte(got.stdout), &table); err != nil || got.status != 0 {
		t.Fatalf("routes %v: %v: %+v", args, err, got)
	}
	return table.Routes
}

// The table of manifests, and of a gate that serves them, is the same.
func TestRoutes(t *testing.T) {
	t.Parallel()
	dir := gate.NewDir(t)
	for _, name := range []string{"class.yaml", "ingress.yaml", "services.yaml"} {
		text, err := os.ReadFile(filepath.Join(example(t), name))
		if err != nil {
			t.Fatal(err)
		}
		dir.WriteText(name, string(text))
	}
	g := gate.Start(t, gate.Options{Dir: dir, NoClass: true})
	admin := "http://" + g.Admin

	fromManifests, fromGate := routesOf(t, "--manifests", dir.Path), routesOf(t, "--admin", admin)
	if len(fromManifests) != 4 || fmt.Sprint(fromManifests) != fmt.Sprint(fromGate) {
		t.Errorf("of manifests: %+v\nof the gate: %+v", fromManifests, fromGate)
	}

	text := command(t, "routes", "--manifests", dir.Path)
	if served := command(t, "routes", "--admin", admin); served != text || text.status != 0 || text.stderr != "" {
		t.Errorf("of manifests: %+v\nof the gate: %+v", text, served)
	}
	lines := strings.Split(strings.TrimSpace(text.stdout), "\n")
	if len(lines) != 5 {
		t.Fatalf("a heading and four rows were expected:\n%s", text.stdout)
	}
	for i, cells := range []string{
		"HOST PATH TYPE SERVICE:PORT ENDPOINTS INGRESS TLS FILTERS",
		"hello.example / Prefix default/hello:http 127.0.0.1:9001 default/hello - -",
		"hello.example /api Prefix default/api:80 127.0.0.1:9002 default/hello - -",
		"secure.example / Prefix default/hello:80 127.0.0.1:9001 default/secure yes https-redirect 308",
		"* / Prefix default/both:80 127.0.0.1:9001,127.0.0.1:9002 default/anyone - -",
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != cells {
			t.Errorf("row %d is %q, expected %q", i, got, cells)
		}
	}
}

func TestRoutesOfAStranger(t *testing.T) {
	t.Parallel()
	stranger := gate.NewBackend(t, "no table")
	for what, address := range map[string]string{"a server that is no yett": stranger.Addr, "nobody": "127.0.0.1:1"} {
		got := command(t, "routes", "--admin", "http://"+address)
		if got.status != 1 || got.stdout != "" || !strings.Contains(got.stderr, "routes: --admin: 'http://"+address+"': ") {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// The words that a terminal's reader does not want stay out of a pipe, and a reader that leaves is no failure.
func TestOutputToAPipe(t *testing.T) {
	t.Parallel()
	got := command(t, "check", manifests(t, faulty))
	if strings.Contains(got.stdout, "\x1b") {
		t.Errorf("colors in a pipe: %q", got.stdout)
	}
	shell := exec.Command("sh", "-c", `"$0" help run | head -n 1`, gate.Binary())
	out, err := shell.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "yett run: ") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("%v: %s", err, out)
	}
}

// startEcho returns the address of a `yett echo` that ends with the test.
func startEcho(t *testing.T, args ...string) string {
	t.Helper()
	echo := exec.Command(gate.Binary(), append([]string{"echo", "--port", "0"}, args...)...)
	stdout, err := echo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := echo.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { echo.Process.Kill(); echo.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	_, address, found := strings.Cut(strings.TrimSpace(line), " listens on ")
	if err != nil || !found {
		t.Fatalf("%v: %q", err, line)
	}
	return address
}

func TestEcho(t *testing.T) {
	t.Parallel()
	base := "http://" + startEcho(t, "--name", "parrot")
	for _, c := range []struct {
		method, path, body string
		status             int
		wants              []string
	}{
		{"GET", "/a%2fb?c=d", "", 200, []string{"this is parrot\n", "GET /a%2fb?c=d HTTP/1.1\n", "Word: kept\n"}},
		{"POST", "/", "the body", 200, []string{"POST / HTTP/1.1\n", "the body"}},
		{"GET", "/status/418", "", 418, nil},
		{"GET", "/bytes/65", "", 200, []string{"0123456789", "_\n0"}},
		{"GET", "/chunked/3", "", 200, []string{"chunk 0\nchunk 1\nchunk 2\n"}},
		{"GET", "/delay/1", "", 200, []string{"this is parrot\n"}},
		{"GET", "/hints", "", 200, []string{"this is parrot\n"}},
		{"GET", "/drip/2/1", "", 200, []string{"chunk 0\nchunk 1\n"}},
	} {
		request, _ := http.NewRequest(c.method, base+c.path, strings.NewReader(c.body))
		request.Header.Set("Word", "kept")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatalf("%s: %v", c.path, err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != c.status || response.Header.Get("X-Echo-Name") != "parrot" {
			t.Errorf("%s: status %d, expected %d; %v", c.path, response.StatusCode, c.status, err)
		}
		wantText(t, c.path, string(body), c.wants...)
		if strings.HasPrefix(c.path, "/chunked/") && response.Trailer.Get("X-Echo-Chunks") != "3" {
			t.Errorf("%s: trailers %v", c.path, response.Trailer)
		}
	}
	if _, err := http.Get(base + "/close"); err == nil {
		t.Error("/close: an answer came")
	}
	response, err := http.Get(base + "/cut/1000")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err == nil || len(body) != 500 {
		t.Errorf("/cut/1000: %d bytes, %v", len(body), err)
	}
}

func TestEchoTunnel(t *testing.T) {
	t.Parallel()
	conn, err := net.Dial("tcp", startEcho(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nearly")
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v: %+v", err, response)
	}
	fmt.Fprint(conn, " and late")
	conn.(*net.TCPConn).CloseWrite()
	if back, err := io.ReadAll(reader); err != nil || string(back) != "early and late" {
		t.Errorf("%v: %q came back", err, back)
	}
}
