package e2e

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// keepAlive lets a connection live for as long as its client wants.
var keepAlive = []string{"--configmap", "default/settings"}

func settings(more map[string]string) gate.Object {
	data := map[string]string{"keep-alive-requests": "1000000"}
	for key, value := range more {
		data[key] = value
	}
	return gate.ConfigMap("settings", data)
}

// No request fails because the configuration changed; no connection is closed because of it.
func TestFiftyEditsUnderLoad(t *testing.T) {
	const clients, edits = 8, 50
	a, b := gate.NewBackend(t, "a"), gate.NewBackend(t, "b")
	steady := gate.NewBackend(t, "steady")
	certificates := []gate.Certificate{gate.NewCertificate(t, "tls.test"), gate.NewCertificate(t, "tls.test")}
	g := start(t, gate.Options{Args: keepAlive}, settings(nil),
		gate.Backends("steady", steady.Addr, a.Addr), gate.Route("steady", "steady.test", "/", "steady"),
		gate.Backends("a", a.Addr), gate.Backends("b", b.Addr))
	load := g.StartLoad(t, gate.LoadOptions{Clients: clients, Host: "steady.test"})
	load.WaitRequests(t, clients)

	var delays []time.Duration
	// Each edit is visible in an answer of its own: `see` is false until the new rule answers.
	edit := func(write func(), see func() bool) {
		before := g.Generation(t)
		write()
		delays = append(delays, gate.WaitFor(t, 5*time.Second, "an edit to be served", see))
		g.WaitGeneration(t, before+1)
		load.WaitRequests(t, clients)
	}
	for i := range edits {
		host := fmt.Sprintf("h%d.test", i)
		switch i % 5 {
		case 0: // a new route
			edit(func() { g.Dir.Write("route.yaml", gate.Route("edited", host, "/", "a")) },
				func() bool { _, body := g.TryGet(host, "/"); return body == "a" })
		case 1: // endpoints move
			name := []string{"a", "b"}[i/5%2]
			address := map[string]string{"a": a.Addr, "b": b.Addr}[name]
			edit(func() {
				g.Dir.Write("move.yaml", gate.Join(gate.Backends("moving", address), gate.Route("moving", "moving.test", "/", "moving"))...)
			}, func() bool { _, body := g.TryGet("moving.test", "/"); return body == name })
		case 2: // another certificate
			certificate := certificates[i/5%2]
			edit(func() {
				g.Dir.Write("tls.yaml", gate.Join(certificate.Secret("tls"), gate.Ingress{Name: "tls",
					TLS:   []gate.TLS{{Hosts: []string{"tls.test"}, Secret: "tls"}},
					Rules: []gate.Rule{{Host: "tls.test", Paths: []gate.Path{{Path: "/", Service: "a"}}}}}.Object())...)
			}, func() bool { return g.ServerCertificate(t, "tls.test").Equal(certificate.Leaf) })
		case 3: // a setting for all: the answer tells whether ids are generated
			wants := i/5%2 == 0
			edit(func() {
				g.Dir.Write("objects.yaml", gate.Join(
					settings(map[string]string{"generate-request-id": fmt.Sprint(wants)}),
					gate.Backends("steady", steady.Addr, a.Addr), gate.Route("steady", "steady.test", "/", "steady"),
					gate.Backends("a", a.Addr), gate.Backends("b", b.Addr))...)
			}, func() bool {
				answer := g.Get(t, "steady.test", "/")
				return (answer.Header.Get("Got-X-Request-Id") != "") == wants
			})
		case 4: // the steady route's own endpoints come and go
			addresses := [][]string{{steady.Addr}, {steady.Addr, b.Addr}}[i/5%2]
			edit(func() {
				g.Dir.Write("endpoints.yaml", gate.Join(gate.Backends("fresh", addresses...), gate.Route("fresh", host, "/", "fresh"))...)
			}, func() bool { status, _ := g.TryGet(host, "/"); return status == 200 })
		}
	}
	result := load.Stop()
	slices.Sort(delays)
	t.Logf("%v; from rename to the first answer by the new rule: median %v, p99 %v", result,
		delays[len(delays)/2], delays[len(delays)*99/100])
	if result.Failed() != 0 || result.Connections != clients {
		t.Errorf("%d edits cost: %v", edits, result)
	}
	if median := delays[len(delays)/2]; median > 250*time.Millisecond*gate.Scale() {
		t.Errorf("an edit takes %v", median)
	}
}

// A request that waits for its answer while everything around it changes gets it.
func TestRequestsInFlightKeepTheirImage(t *testing.T) {
	release := make(chan struct{})
	slow := gate.NewRawBackend(t, func(conn *gate.RawConn) {
		if _, err := conn.Request(); err != nil {
			return
		}
		<-release
		conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow"))
	})
	g := start(t, gate.Options{}, gate.Backends("slow", slow.Addr), gate.Route("slow", "slow.test", "/", "slow"))
	conn := g.Dial(t)
	conn.SendRequest(t, "GET", "/", "slow.test")
	gate.WaitFor(t, 5*time.Second, "the request to arrive", func() bool { return slow.Connections.Load() == 1 })
	g.Change(t, func() { g.Dir.Remove("objects.yaml") })
	g.WaitStatus(t, "slow.test", "/", 404)
	close(release)
	if answer := conn.Answer(t, "GET"); answer.StatusCode != 200 || answer.Body != "slow" {
		t.Errorf("status %d, body %q", answer.StatusCode, answer.Body)
	}
	conn.SendRequest(t, "GET", "/", "slow.test")
	if answer := conn.Answer(t, "GET"); answer.StatusCode != 404 {
		t.Errorf("the next request on that connection: status %d", answer.StatusCode)
	}
}

func TestDirectoryChanges(t *testing.T) {
	g := start(t, gate.Options{Workers: 1}, services(t, "a", "b"))
	route := func(service string) string {
		return gate.YAML(gate.Route("web", "web.test", "/", service))
	}
	seen := func(what, service string) {
		t.Helper()
		t.Log(what)
		if service == "" {
			g.WaitStatus(t, "web.test", "/", 404)
		} else {
			g.WaitBody(t, "web.test", "/", service)
		}
	}
	seen("nothing yet", "")
	g.Dir.WriteText("web.yaml", route("a"))
	seen("a new file", "a")
	g.Dir.EditText("web.yaml", route("b"))
	seen("an edit in place", "b")
	g.Dir.WriteText("web.yaml", route("a"))
	seen("an atomic rename", "a")

	file, err := os.OpenFile(filepath.Join(g.Dir.Path, "web.yaml"), os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	for _, piece := range []string{route("b")[:40], route("b")[40:]} {
		if _, err := file.WriteString(piece); err != nil {
			t.Fatal(err)
		}
	}
	file.Close()
	seen("written in pieces", "b")

	if err := os.Rename(filepath.Join(g.Dir.Path, "web.yaml"), filepath.Join(g.Dir.Path, "web.txt")); err != nil {
		t.Fatal(err)
	}
	seen("renamed to what is no manifest", "")
	g.Dir.WriteText("web.yml", route("a"))
	seen("the other suffix", "a")
	g.Dir.Remove("web.yml")
	seen("a deletion", "")
	g.Dir.WriteText("sub/deep/web.yaml", route("b"))
	seen("a file in a new folder of a new folder", "b")
	g.Dir.WriteText("sub/deep/web.yaml", route("a"))
	seen("an edit there", "a")
	g.Dir.Remove("sub")
	seen("folders removed", "")

	elsewhere := t.TempDir()
	if err := os.WriteFile(filepath.Join(elsewhere, "web.yaml"), []byte(route("b")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(elsewhere, filepath.Join(g.Dir.Path, "moved")); err != nil {
		t.Fatal(err)
	}
	seen("a folder moved in", "b")
	if err := os.Rename(filepath.Join(g.Dir.Path, "moved"), elsewhere); err != nil {
		t.Fatal(err)
	}
	seen("a folder moved out", "")
	g.Dir.WriteText(".hidden.yaml", route("a"))
	g.Dir.WriteText("web.yaml~", route("a"))
	g.Dir.WriteText("last.yaml", gate.YAML(gate.Route("last", "last.test", "/", "b")))
	g.WaitBody(t, "last.test", "/", "b")
	seen("hidden and backup files are passed over", "")
}

// kubelet writes a ConfigMap's volume as ..data -> ..TIME, and replaces ..data by a rename.
func TestConfigMapSwap(t *testing.T) {
	dir := gate.NewDir(t)
	publish := func(stamp, service string) {
		t.Helper()
		dir.WriteText(filepath.Join(stamp, "web.yaml"), gate.YAML(gate.Join(
			services(t, service), gate.Route("web", "web.test", "/", service))...))
		if err := os.Symlink(stamp, filepath.Join(dir.Path, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir.Path, "..data_tmp"), filepath.Join(dir.Path, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	publish("..2026_01", "a")
	if err := os.Symlink(filepath.Join("..data", "web.yaml"), filepath.Join(dir.Path, "web.yaml")); err != nil {
		t.Fatal(err)
	}
	g := gate.Start(t, gate.Options{Dir: dir, Workers: 1})
	g.WaitBody(t, "web.test", "/", "a")
	publish("..2026_02", "b")
	dir.Remove("..2026_01")
	g.WaitBody(t, "web.test", "/", "b")
	publish("..2026_03", "c")
	dir.Remove("..2026_02")
	g.WaitBody(t, "web.test", "/", "c")
}

// The directory itself is replaced by another one of the same name, as deployment tools do it. Traffic goes
// on in between, for a directory that is missing is no order to forget everything.
func TestDirectoryReplaced(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "manifests")
	old := gate.NewDir(t)
	if err := os.Rename(old.Path, path); err != nil {
		t.Fatal(err)
	}
	old.Path = path
	old.Write("web.yaml", gate.Join(services(t, "a"), gate.Route("web", "web.test", "/", "a"))...)
	g := gate.Start(t, gate.Options{Dir: old, Workers: 1})
	g.WaitBody(t, "web.test", "/", "a")

	if err := os.Rename(path, filepath.Join(parent, "old")); err != nil {
		t.Fatal(err)
	}
	if status, body := g.TryGet("web.test", "/"); status != 200 || body != "a" {
		t.Errorf("while the directory is missing: status %d by %q", status, body)
	}
	next := gate.NewDir(t)
	next.Write("web.yaml", gate.Join(services(t, "b"), gate.Route("web", "web.test", "/", "b"),
		gate.IngressClass("yett", "yett.dev/ingress-controller", true))...)
	if err := os.Rename(next.Path, path); err != nil {
		t.Fatal(err)
	}
	g.WaitBody(t, "web.test", "/", "b")
	old.Write("more.yaml", gate.Route("more", "more.test", "/", "b"))
	g.WaitBody(t, "more.test", "/", "b")
}

// A TLS connection that is open while its certificate changes goes on; new ones see the new certificate.
func TestCertificateChangeKeepsConnections(t *testing.T) {
	before, after := gate.NewCertificate(t, "tls.test"), gate.NewCertificate(t, "tls.test")
	g := start(t, gate.Options{}, services(t, "web"), gate.Ingress{Name: "tls",
		TLS:   []gate.TLS{{Hosts: []string{"tls.test"}, Secret: "tls"}},
		Rules: []gate.Rule{{Host: "tls.test", Paths: []gate.Path{{Path: "/", Service: "web"}}}}}.Object())
	g.Change(t, func() { g.Dir.Write("secret.yaml", before.Secret("tls")) })
	conn := g.DialTLS(t, "tls.test")
	if shown := conn.Conn.(*tls.Conn).ConnectionState().PeerCertificates[0]; !shown.Equal(before.Leaf) {
		t.Errorf("shown: %v", shown.Subject)
	}
	conn.SendRequest(t, "GET", "/", "tls.test")
	conn.Answer(t, "GET")
	g.Change(t, func() { g.Dir.Write("secret.yaml", after.Secret("tls")) })
	if !g.ServerCertificate(t, "tls.test").Equal(after.Leaf) {
		t.Error("the new certificate is not shown")
	}
	conn.SendRequest(t, "GET", "/", "tls.test")
	if answer := conn.Answer(t, "GET"); answer.StatusCode != 200 {
		t.Errorf("on the open connection: status %d", answer.StatusCode)
	}
	g.Change(t, func() { g.Dir.Remove("secret.yaml") })
	if shown := g.ServerCertificate(t, "tls.test"); shown.Subject.CommonName != "Kubernetes Ingress Controller Fake Certificate" {
		t.Errorf("without a Secret: %v", shown.Subject)
	}
}
