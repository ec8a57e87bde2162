package e2e

import (
	"testing"

	"yett.dev/e2e/gate"
)

// One request and who is to answer it: a backend's name, or a status.
type vector struct {
	host, target string
	backend      string // "" where status says it
	status       int    // 200 where 0
}

func expect(t *testing.T, g *gate.Gate, vectors []vector) {
	t.Helper()
	for _, v := range vectors {
		answer := g.Get(t, v.host, v.target)
		status := v.status
		if status == 0 {
			status = 200
		}
		if got := answer.Header.Get("Backend"); answer.StatusCode != status || got != v.backend {
			t.Errorf("%s%s: status %d by %q, expected %d by %q", v.host, v.target, answer.StatusCode, got,
				status, v.backend)
		}
		if v.backend != "" && answer.Header.Get("Got-Target") != v.target {
			t.Errorf("%s%s: the backend saw %s", v.host, v.target, answer.Header.Get("Got-Target"))
		}
	}
}

// services starts a backend for each name and returns their manifests.
func services(t *testing.T, names ...string) []gate.Object {
	t.Helper()
	var objects []gate.Object
	for _, name := range names {
		objects = append(objects, gate.Backends(name, gate.NewBackend(t, name).Addr)...)
	}
	return objects
}

// start serves these objects.
func start(t *testing.T, options gate.Options, parts ...any) *gate.Gate {
	t.Helper()
	options.Dir = gate.NewDir(t)
	options.Dir.Write("objects.yaml", gate.Join(parts...)...)
	return gate.Start(t, options)
}

func TestHosts(t *testing.T) {
	g := start(t, gate.Options{},
		services(t, "exact", "wild", "none", "deep"),
		gate.Route("exact", "shop.example.test", "/", "exact"),
		gate.Route("wild", "*.example.test", "/", "wild"),
		gate.Route("deep", "*.a.example.test", "/only", "deep"),
		gate.Route("none", "", "/", "none"))
	expect(t, g, []vector{
		{host: "shop.example.test", target: "/", backend: "exact"},
		{host: "SHOP.Example.TEST", target: "/", backend: "exact"},
		{host: "shop.example.test:8080", target: "/", backend: "exact"},
		{host: "shop.example.test.", target: "/", backend: "exact"},
		{host: "shop.example.test.:80", target: "/", backend: "exact"},
		{host: "other.example.test", target: "/", backend: "wild"},
		{host: "OTHER.example.test:1", target: "/", backend: "wild"},
		{host: "example.test", target: "/", backend: "none"},     // a wildcard wants a label
		{host: "a.b.example.test", target: "/", backend: "none"}, // and exactly one
		{host: "x.a.example.test", target: "/only", backend: "deep"},
		{host: "x.a.example.test", target: "/", status: 404}, // a known host never falls to hostless rules
		{host: "unknown.test", target: "/", backend: "none"},
		{host: "127.0.0.1", target: "/", backend: "none"},
		{host: "[::1]:80", target: "/", backend: "none"},
	})
}

func TestHostHeader(t *testing.T) {
	g := start(t, gate.Options{}, services(t, "web"), gate.Route("web", "web.test", "/", "web"))
	for _, c := range []struct {
		what, request string
		status        int
	}{
		{"none on HTTP/1.1", "GET / HTTP/1.1\r\n\r\n", 400},
		{"two", "GET / HTTP/1.1\r\nHost: web.test\r\nHost: web.test\r\n\r\n", 400},
		{"with a path", "GET / HTTP/1.1\r\nHost: web.test/x\r\n\r\n", 400},
		{"with a user", "GET / HTTP/1.1\r\nHost: me@web.test\r\n\r\n", 400},
		{"of an absolute target counts", "GET http://web.test/a HTTP/1.1\r\nHost: other.test\r\n\r\n", 200},
		{"none on HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 404},
	} {
		conn := g.Dial(t)
		conn.Send(t, c.request)
		if answer := conn.Answer(t, "GET"); answer.StatusCode != c.status {
			t.Errorf("Host %s: status %d, expected %d", c.what, answer.StatusCode, c.status)
		}
	}
}

// The table of https://kubernetes.io/docs/concepts/services-networking/ingress/#examples, row by row: each
// rule's backend is named by its place.
func TestPathTable(t *testing.T) {
	type rule struct{ kind, path string }
	rows := []struct {
		rules   []rule
		target  string
		matched int // index of the rule; -1: none
	}{
		{[]rule{{"Prefix", "/"}}, "/any/path", 0},
		{[]rule{{"Exact", "/foo"}}, "/foo", 0},
		{[]rule{{"Exact", "/foo"}}, "/bar", -1},
		{[]rule{{"Exact", "/foo"}}, "/foo/", -1},
		{[]rule{{"Exact", "/foo/"}}, "/foo", -1},
		{[]rule{{"Exact", "/foo/"}}, "/foo/", 0},
		{[]rule{{"Prefix", "/foo"}}, "/foo", 0},
		{[]rule{{"Prefix", "/foo"}}, "/foo/", 0},
		{[]rule{{"Prefix", "/foo/"}}, "/foo", 0},
		{[]rule{{"Prefix", "/foo/"}}, "/foo/", 0},
		{[]rule{{"Prefix", "/aaa/bb"}}, "/aaa/bbb", -1},
		{[]rule{{"Prefix", "/aaa/bbb"}}, "/aaa/bbb", 0},
		{[]rule{{"Prefix", "/aaa/bbb/"}}, "/aaa/bbb", 0},
		{[]rule{{"Prefix", "/aaa/bbb"}}, "/aaa/bbb/", 0},
		{[]rule{{"Prefix", "/aaa/bbb"}}, "/aaa/bbb/ccc", 0},
		{[]rule{{"Prefix", "/aaa/bbb"}}, "/aaa/bbbxyz", -1},
		{[]rule{{"Prefix", "/"}, {"Prefix", "/aaa"}}, "/aaa/ccc", 1},
		{[]rule{{"Prefix", "/aaa"}, {"Prefix", "/"}}, "/aaa/ccc", 0},
		{[]rule{{"Prefix", "/"}, {"Prefix", "/aaa"}, {"Prefix", "/aaa/bbb"}}, "/aaa/bbb", 2},
		{[]rule{{"Prefix", "/"}, {"Prefix", "/aaa"}, {"Prefix", "/aaa/bbb"}}, "/ccc", 0},
		{[]rule{{"Prefix", "/aaa"}}, "/ccc", -1},
		{[]rule{{"Prefix", "/foo"}, {"Exact", "/foo"}}, "/foo", 1},
		{[]rule{{"Exact", "/foo"}, {"Prefix", "/foo"}}, "/foo/bar", 1},
		{[]rule{{"ImplementationSpecific", "/imp"}}, "/imp/x", 0},
		{[]rule{{"Prefix", "/Case"}}, "/case", -1},
		{[]rule{{"Exact", "/q"}}, "/q?a=/b", 0},
	}
	names := []string{"rule0", "rule1", "rule2"}
	objects := services(t, names...)
	var vectors []vector
	for i, row := range rows {
		ingress := gate.Ingress{Name: "row-" + string(rune('a'+i)), Rules: []gate.Rule{{Host: string(rune('a'+i)) + ".test"}}}
		for j, rule := range row.rules {
			ingress.Rules[0].Paths = append(ingress.Rules[0].Paths,
				gate.Path{Path: rule.path, Type: rule.kind, Service: names[j]})
		}
		objects = append(objects, ingress.Object())
		v := vector{host: ingress.Rules[0].Host, target: row.target, status: 404}
		if row.matched >= 0 {
			v.status, v.backend = 200, names[row.matched]
		}
		vectors = append(vectors, v)
	}
	expect(t, start(t, gate.Options{}, objects), vectors)
}

// What ingress-nginx's users rely on; `Prefix /baz/` takes /baz here (docs/compatibility.md).
func TestPathNormalisation(t *testing.T) {
	g := start(t, gate.Options{}, services(t, "p", "e", "s"),
		gate.Ingress{Name: "all", Rules: []gate.Rule{{Host: "h.test", Paths: []gate.Path{
			{Path: "/foo", Service: "p"},
			{Path: "/bar", Type: "Exact", Service: "e"},
			{Path: "/baz/", Service: "s"},
		}}}}.Object())
	expect(t, g, []vector{
		{host: "h.test", target: "/foo", backend: "p"},
		{host: "h.test", target: "/foo/", backend: "p"},
		{host: "h.test", target: "/foo/x", backend: "p"},
		{host: "h.test", target: "/foobar", status: 404},
		{host: "h.test", target: "/FOO", status: 404},
		{host: "h.test", target: "//foo", backend: "p"},
		{host: "h.test", target: "/x/../foo", backend: "p"},
		{host: "h.test", target: "/x/%2e%2e/foo", backend: "p"},
		{host: "h.test", target: "/./foo", backend: "p"},
		{host: "h.test", target: "/foo%2Fx", backend: "p"},
		{host: "h.test", target: "/%66oo", backend: "p"},
		{host: "h.test", target: "/foo/../bar", backend: "e"},
		{host: "h.test", target: "/bar", backend: "e"},
		{host: "h.test", target: "/bar/", status: 404},
		{host: "h.test", target: "/bar?x=%zz", backend: "e"}, // a query is nobody's business
		{host: "h.test", target: "/baz", backend: "s"},
		{host: "h.test", target: "/baz/q", backend: "s"},
		{host: "h.test", target: "/../foo", status: 400},
		{host: "h.test", target: "/foo%00", status: 400},
		{host: "h.test", target: "/foo%zz", status: 400},
		{host: "h.test", target: "/foo%2", status: 400},
	})
}

func TestConflictsGoByAgeThenName(t *testing.T) {
	at := func(name, created, service, path string) gate.Object {
		return gate.Ingress{Name: name, Created: created,
			Rules: []gate.Rule{{Host: "h.test", Paths: []gate.Path{{Path: path, Service: service}}}}}.Object()
	}
	old, young := "2020-01-01T00:00:00Z", "2024-01-01T00:00:00Z"
	objects := services(t, "older", "younger", "last", "first")
	g := start(t, gate.Options{}, objects,
		at("a-younger", young, "younger", "/age"), at("z-older", old, "older", "/age"),
		at("a-first", old, "first", "/name"), at("b-last", old, "last", "/name"),
		at("own", young, "younger", "/own")) // merges with the others' paths
	expect(t, g, []vector{
		{host: "h.test", target: "/age", backend: "older"},
		{host: "h.test", target: "/name", backend: "last"},
		{host: "h.test", target: "/own", backend: "younger"},
	})
	losers := map[string]bool{}
	for _, diagnostic := range g.Diagnostics(t).Diagnostics {
		if diagnostic.Code == "rule-conflict" {
			losers[diagnostic.Name] = true
		}
	}
	if len(losers) != 2 || !losers["a-younger"] || !losers["a-first"] {
		t.Errorf("conflicts are reported at %v", losers)
	}
}

func TestDefaultBackends(t *testing.T) {
	objects := gate.Join(
		services(t, "rule", "own", "catchall", "flag"),
		gate.Ingress{Name: "with-rules", DefaultService: "own",
			Rules: []gate.Rule{{Host: "own.test", Paths: []gate.Path{{Path: "/rule", Service: "rule"}}}}}.Object(),
		gate.Route("plain", "plain.test", "/rule", "rule"))
	catchAll := gate.Ingress{Name: "catch-all", DefaultService: "catchall"}.Object()
	hostless := gate.Route("hostless", "", "/", "rule")

	t.Run("built-in", func(t *testing.T) {
		expect(t, start(t, gate.Options{}, objects), []vector{
			{host: "own.test", target: "/rule", backend: "rule"},
			{host: "own.test", target: "/other", backend: "own"},
			{host: "plain.test", target: "/other", status: 404},
			{host: "unknown.test", target: "/", status: 404},
		})
	})
	t.Run("of an Ingress without rules", func(t *testing.T) {
		expect(t, start(t, gate.Options{}, objects, catchAll, hostless), []vector{
			{host: "unknown.test", target: "/x", backend: "catchall"}, // before any hostless rule for /
			{host: "own.test", target: "/other", backend: "own"},
			{host: "plain.test", target: "/other", status: 404},
		})
	})
	t.Run("of the flag", func(t *testing.T) {
		g := start(t, gate.Options{Args: []string{"--default-backend-service", "default/flag"}}, objects)
		expect(t, g, []vector{
			{host: "own.test", target: "/other", backend: "own"},
			{host: "plain.test", target: "/other", backend: "flag"},
			{host: "unknown.test", target: "/a%2Fb", backend: "flag"},
		})
	})
}

func TestClasses(t *testing.T) {
	t.Parallel() // it waits most of its time
	withClass := func(name, class string) gate.Object {
		return gate.Ingress{Name: name, Class: class, Rules: []gate.Rule{
			{Host: name + ".test", Paths: []gate.Path{{Path: "/", Service: "web"}}}}}.Object()
	}
	annotated := func(name, class string) gate.Object {
		return gate.Ingress{Name: name, Annotations: map[string]string{"kubernetes.io/ingress.class": class},
			Rules: []gate.Rule{{Host: name + ".test", Paths: []gate.Path{{Path: "/", Service: "web"}}}}}.Object()
	}
	objects := gate.Join(services(t, "web"),
		gate.IngressClass("ours", "yett.dev/ingress-controller", false),
		gate.IngressClass("theirs", "example.com/other", false),
		gate.IngressClass("former", "k8s.io/ingress-nginx", false),
		withClass("by-class", "ours"), withClass("of-theirs", "theirs"), withClass("of-former", "former"),
		withClass("of-nobody", "missing"), withClass("unnamed", ""),
		annotated("by-annotation", "yett"), annotated("nginx-annotation", "nginx"), annotated("empty-annotation", ""))
	cases := []struct {
		what   string
		args   []string
		extra  []gate.Object
		served []string
	}{
		{"no default class", nil, nil, []string{"by-class", "by-annotation"}},
		{"our default class", nil, gate.Join(gate.IngressClass("own", "yett.dev/ingress-controller", true)),
			[]string{"by-class", "by-annotation", "unnamed"}},
		{"their default class", nil, gate.Join(gate.IngressClass("own", "example.com/other", true)),
			[]string{"by-class", "by-annotation"}},
		{"--watch-ingress-without-class", []string{"--watch-ingress-without-class"}, nil,
			[]string{"by-class", "by-annotation", "unnamed"}},
		{"ingress-nginx's classes", []string{"--controller-class", "k8s.io/ingress-nginx", "--ingress-class", "nginx"}, nil,
			[]string{"of-former", "nginx-annotation"}},
		{"--ingress-class-by-name", []string{"--ingress-class-by-name", "--ingress-class", "theirs"}, nil,
			[]string{"by-class", "of-theirs"}},
	}
	all := []string{"by-class", "of-theirs", "of-former", "of-nobody", "unnamed", "by-annotation", "nginx-annotation",
		"empty-annotation"}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			g := start(t, gate.Options{NoClass: true, Args: c.args, Workers: 1}, objects, c.extra)
			served := map[string]bool{}
			for _, name := range c.served {
				served[name] = true
			}
			for _, name := range all {
				v := vector{host: name + ".test", target: "/", status: 404}
				if served[name] {
					v.status, v.backend = 200, "web"
				}
				expect(t, g, []vector{v})
			}
		})
	}
}

// A class that comes, goes or changes is heeded at once.
func TestClassChanges(t *testing.T) {
	g := start(t, gate.Options{NoClass: true}, services(t, "web"), gate.Ingress{Name: "web", Class: "late",
		Rules: []gate.Rule{{Host: "web.test", Paths: []gate.Path{{Path: "/", Service: "web"}}}}}.Object())
	g.WaitStatus(t, "web.test", "/", 404)
	g.Dir.Write("class.yaml", gate.IngressClass("late", "yett.dev/ingress-controller", false))
	g.WaitStatus(t, "web.test", "/", 200)
	g.Dir.Write("class.yaml", gate.IngressClass("late", "example.com/other", false))
	g.WaitStatus(t, "web.test", "/", 404)
}

func TestMethodsThatAreRefused(t *testing.T) {
	g := start(t, gate.Options{}, services(t, "web"), gate.Route("web", "web.test", "/", "web"))
	for _, method := range []string{"TRACE", "CONNECT"} {
		target := "/"
		if method == "CONNECT" {
			target = "web.test:80"
		}
		if answer := g.Do(t, method, "web.test", target); answer.StatusCode != 405 {
			t.Errorf("%s: status %d", method, answer.StatusCode)
		}
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"} {
		answer := g.Do(t, method, "web.test", "/", "Content-Length: 0")
		if answer.StatusCode != 200 || answer.Header.Get("Got-Method") != method {
			t.Errorf("%s: status %d, the backend saw %q", method, answer.StatusCode, answer.Header.Get("Got-Method"))
		}
	}
}
