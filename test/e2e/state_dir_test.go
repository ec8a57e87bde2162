package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// away moves the manifests where yett does not find them, and returns what brings them back.
func away(t *testing.T, dir *gate.Dir) (back func()) {
	t.Helper()
	aside := dir.Path + ".aside"
	if err := os.Rename(dir.Path, aside); err != nil {
		t.Fatal(err)
	}
	done := false
	back = func() {
		if !done {
			done = true
			if err := os.Rename(aside, dir.Path); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Cleanup(back)
	return back
}

// killAll ends every process of the gate at once, as a power cut does.
func killAll(t *testing.T, g *gate.Gate) {
	t.Helper()
	syscall.Kill(-g.Pid, syscall.SIGKILL)
	g.WaitExit(t, 10*time.Second)
}

func stateOptions(dir *gate.Dir, state string) gate.Options {
	return gate.Options{Dir: dir, NoClass: true, Args: []string{"--state-dir", state, "-v", "3"}}
}

// waitKept waits until the image that is served now is on disk.
func waitKept(t *testing.T, g *gate.Gate) {
	t.Helper()
	g.Log.WaitLine(t, 0, fmt.Sprintf("state_kept image=%d", g.Generation(t)), 20*time.Second)
}

// stateFiles are the names and contents of what is kept.
func stateFiles(t *testing.T, state string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(state)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(state, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		info, err := entry.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", entry.Name(), info.Mode())
		}
		files[entry.Name()] = content
	}
	return files
}

func assertNoKeys(t *testing.T, state string, pair gate.Certificate) {
	t.Helper()
	secret := bytes.Split(bytes.TrimSpace(pair.KeyPEM), []byte("\n"))
	for name, content := range stateFiles(t, state) {
		if bytes.Contains(content, []byte("PRIVATE KEY")) {
			t.Errorf("%s holds a key", name)
		}
		for _, line := range secret {
			if bytes.Contains(content, line) {
				t.Errorf("%s holds a line of the key", name)
			}
		}
	}
}

// Everything is killed, and nothing that the configuration came from can be read: what was served is served,
// at once. When it can be read again, it is followed from there.
func TestColdStart(t *testing.T) {
	t.Parallel() // it waits most of its time
	dir, state := gate.NewDir(t), filepath.Join(t.TempDir(), "made", "by yett")
	os.Mkdir(filepath.Dir(state), 0o755)
	pair := gate.NewCertificate(t, "tls.test")
	var objects []gate.Object
	for i := range 40 {
		objects = append(objects, gate.Route(fmt.Sprintf("r%d", i), fmt.Sprintf("h%d.test", i), "/", "web"))
	}
	dir.Write("class.yaml", gate.IngressClass("yett", "yett.dev/ingress-controller", true))
	dir.Write("all.yaml", gate.Join(services(t, "web", "other"), objects, pair.Secret("tls"), tlsRoute("tls", "tls.test", "tls"))...)

	g := gate.Start(t, stateOptions(dir, state))
	waitKept(t, g)
	g.Change(t, func() { dir.Write("late.yaml", gate.Route("late", "late.test", "/", "other")) })
	waitKept(t, g)
	generation := g.Generation(t)
	if shown := g.ServerCertificate(t, "tls.test").Subject.CommonName; shown != "tls.test" {
		t.Errorf("before: tls.test is shown %q", shown)
	}
	assertNoKeys(t, state, pair)
	killAll(t, g)

	back := away(t, dir)
	for range 2 { // the second finds what the first one found
		from := time.Now()
		g = gate.Start(t, stateOptions(dir, state))
		t.Logf("ready after %v: %s", time.Since(from), g.Log.WaitLine(t, 0, "state_loaded ", time.Second))
		for host, body := range map[string]string{"h0.test": "web", "h39.test": "web", "late.test": "other"} {
			if answer := g.Get(t, host, "/"); answer.Body != body {
				t.Errorf("%s is answered %s %q", host, answer.Status, answer.Body)
			}
		}
		for _, host := range []string{"tls.test", ""} {
			if shown := g.ServerCertificate(t, host).Subject.CommonName; shown != fakeName {
				t.Errorf("without its key, %q is shown %q", host, shown)
			}
		}
		if answer := g.GetTLS(t, "tls.test", "/"); answer.Body != "web" {
			t.Errorf("over TLS, tls.test is answered %s %q", answer.Status, answer.Body)
		}
		if now := g.Generation(t); now != generation {
			t.Errorf("image %d was kept, %d is served", generation, now)
		}
		assertNoKeys(t, state, pair)
		killAll(t, g)
	}

	g = gate.Start(t, stateOptions(dir, state))
	standby := g.ServerCertificate(t, "")
	g.Change(t, back)
	if now := g.Generation(t); now <= generation {
		t.Errorf("after image %d comes %d", generation, now)
	}
	gate.WaitFor(t, 5*time.Second, "the certificate to be shown again", func() bool {
		return g.ServerCertificate(t, "tls.test").Subject.CommonName == "tls.test"
	})
	if !g.ServerCertificate(t, "").Equal(standby) {
		t.Error("the generated certificate changed while it was served")
	}
	waitKept(t, g)
	assertNoKeys(t, state, pair)
}

// An orderly end keeps the last change, however young; and what is there at the start wins over what was kept.
func TestOrderlyEndKeepsTheLastChange(t *testing.T) {
	t.Parallel() // it waits most of its time
	dir, state := gate.NewDir(t), t.TempDir()
	dir.Write("class.yaml", gate.IngressClass("yett", "yett.dev/ingress-controller", true))
	dir.Write("all.yaml", gate.Join(services(t, "a", "b"), gate.Route("r", "r.test", "/", "a"))...)
	g := gate.Start(t, stateOptions(dir, state))
	for i := range 6 {
		g.Change(t, func() {
			dir.Write("all.yaml", gate.Join(services(t, "a", "b"), gate.Route("r", fmt.Sprintf("r%d.test", i), "/", "b"))...)
		})
	}
	g.Stop(t)
	kept := strings.Count(g.Log.Text(), "state_kept image=")
	if kept == 0 || kept > 4 {
		t.Errorf("of 7 images, %d were written", kept)
	}
	back := away(t, dir)
	g = gate.Start(t, stateOptions(dir, state))
	if answer := g.Get(t, "r5.test", "/"); answer.Body != "b" {
		t.Errorf("the last change is answered %s %q", answer.Status, answer.Body)
	}
	killAll(t, g)
	back()
	dir.Write("all.yaml", gate.Join(services(t, "a"), gate.Route("r", "new.test", "/", "a"))...)
	g = gate.Start(t, stateOptions(dir, state))
	g.WaitBody(t, "new.test", "/", "a")
	g.WaitStatus(t, "r5.test", "/", 404)
}

// Whatever was done to the files, the start is as it would be without them: not ready until there is something
// to serve, and then in order.
func TestDamagedState(t *testing.T) {
	t.Parallel() // it waits most of its time
	dir, state := gate.NewDir(t), t.TempDir()
	dir.Write("class.yaml", gate.IngressClass("yett", "yett.dev/ingress-controller", true))
	dir.Write("all.yaml", gate.Join(services(t, "web"), gate.Route("r", "r.test", "/", "web"))...)
	g := gate.Start(t, stateOptions(dir, state))
	waitKept(t, g)
	killAll(t, g)
	whole := stateFiles(t, state)
	back := away(t, dir)

	restore := func() {
		os.RemoveAll(state)
		os.Mkdir(state, 0o700)
		for name, content := range whole {
			if err := os.WriteFile(filepath.Join(state, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	damages := map[string]func(path string, content []byte) error{
		"first byte":  func(path string, content []byte) error { return flip(path, content, 0) },
		"last byte":   func(path string, content []byte) error { return flip(path, content, len(content)-1) },
		"middle byte": func(path string, content []byte) error { return flip(path, content, len(content)/2) },
		"cut":         func(path string, content []byte) error { return os.Truncate(path, int64(len(content)-1)) },
		"a folder":    func(path string, _ []byte) error { os.Remove(path); return os.Mkdir(path, 0o700) },
		"a pipe":      func(path string, _ []byte) error { os.Remove(path); return syscall.Mkfifo(path, 0o600) },
	}
	for what, damage := range damages {
		for name, content := range whole {
			if name == "lock" {
				continue
			}
			restore()
			if err := damage(filepath.Join(state, name), content); err != nil {
				t.Fatal(err)
			}
			options := stateOptions(dir, state)
			options.NoWait = true
			g := gate.Start(t, options)
			line := g.Log.WaitLine(t, 0, "state_refused ", 5*time.Second)
			if g.Ready() {
				t.Errorf("%s of %s: ready", what, name)
			}
			t.Logf("%s of %s: %s", what, name, gate.Field(line, "because"))
			g.Stop(t)
		}
	}
	restore()
	options := stateOptions(dir, state)
	options.NoWait = true
	options.Args = append(options.Args, "--watch-namespace", "another")
	g = gate.Start(t, options)
	g.Log.WaitLine(t, 0, "other flags made it", 5*time.Second)
	g.Stop(t)
	flip(filepath.Join(state, "image"), whole["image"], 20)
	options = stateOptions(dir, state)
	options.NoWait = true
	g = gate.Start(t, options)
	g.Log.WaitLine(t, 0, "another build of yett wrote it", 5*time.Second)
	back()
	g.WaitReady(t)
	g.WaitBody(t, "r.test", "/", "web")
	waitKept(t, g) // all of it anew
	killAll(t, g)
	away(t, dir)
	g = gate.Start(t, stateOptions(dir, state))
	g.WaitBody(t, "r.test", "/", "web")
}

func flip(path string, content []byte, at int) error {
	damaged := bytes.Clone(content)
	damaged[at] ^= 0x40
	return os.WriteFile(path, damaged, 0o600)
}

// A disk that is full or read-only is a line in the log. Traffic and changes do not know of it, and when there
// is room, the state is kept.
func TestFullDisk(t *testing.T) {
	t.Parallel() // it waits most of its time
	if !gate.InNamespace(t, "") {
		return
	}
	dir, state := gate.NewDir(t), t.TempDir()
	if err := syscall.Mount("tmpfs", state, "tmpfs", 0, "size=32k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Unmount(state, syscall.MNT_DETACH) })
	remount := func(flags uintptr, data string) {
		if err := syscall.Mount("tmpfs", state, "tmpfs", syscall.MS_REMOUNT|flags, data); err != nil {
			t.Fatal(err)
		}
	}
	var objects []gate.Object
	for i := range 400 {
		objects = append(objects, gate.Route(fmt.Sprintf("r%d", i), fmt.Sprintf("h%d.test", i), "/", "web"))
	}
	dir.Write("class.yaml", gate.IngressClass("yett", "yett.dev/ingress-controller", true))
	dir.Write("all.yaml", gate.Join(services(t, "web"), objects)...)
	g := gate.Start(t, stateOptions(dir, state))
	load := g.StartLoad(t, gate.LoadOptions{Clients: 4, Host: "h1.test"})
	g.Log.WaitLine(t, 0, "state_not_kept ", 5*time.Second)
	g.Change(t, func() { dir.Write("more.yaml", gate.Route("more", "more.test", "/", "web")) })
	g.WaitBody(t, "more.test", "/", "web")

	remount(0, "size=16m")
	g.Log.WaitLine(t, 0, "state_kept_again ", 20*time.Second)
	from := len(g.Log.Lines())
	remount(syscall.MS_RDONLY, "size=16m")
	g.Change(t, func() { dir.Write("more.yaml", gate.Route("more", "later.test", "/", "web")) })
	g.WaitBody(t, "later.test", "/", "web")
	g.Log.WaitLine(t, from, "state_not_kept ", 5*time.Second)
	if result := load.Stop(); result.Failed() != 0 {
		t.Error(result)
	}
	killAll(t, g)
	away(t, dir)
	g = gate.Start(t, stateOptions(dir, state)) // reading needs no more than that
	g.WaitBody(t, "more.test", "/", "web")
}

// The keeper is killed: nobody notices, and the next one goes on.
func TestKilledKeeper(t *testing.T) {
	t.Parallel() // it waits most of its time
	dir, state := gate.NewDir(t), t.TempDir()
	dir.Write("class.yaml", gate.IngressClass("yett", "yett.dev/ingress-controller", true))
	dir.Write("all.yaml", gate.Join(services(t, "web"), gate.Route("r", "r.test", "/", "web"))...)
	g := gate.Start(t, stateOptions(dir, state))
	load := g.StartLoad(t, gate.LoadOptions{Clients: 4, Host: "r.test"})
	for range 3 {
		waitKept(t, g)
		before := g.Kill(t, "yett: keeper")
		g.WaitChild(t, "yett: keeper", before)
		g.Change(t, func() { dir.Write("late.yaml", gate.Route("late", "late.test", "/", "web")) })
		g.Change(t, func() { dir.Remove("late.yaml") })
		load.WaitRequests(t, 20)
	}
	waitKept(t, g)
	if result := load.Stop(); result.Failed() != 0 {
		t.Error(result)
	}
}

// Two in one directory: the second serves, keeps nothing, and says why.
func TestStateOfAnother(t *testing.T) {
	t.Parallel() // it waits most of its time
	dir, state := gate.NewDir(t), t.TempDir()
	dir.Write("class.yaml", gate.IngressClass("yett", "yett.dev/ingress-controller", true))
	dir.Write("all.yaml", gate.Join(services(t, "web"), gate.Route("r", "r.test", "/", "web"))...)
	first := gate.Start(t, stateOptions(dir, state))
	waitKept(t, first)
	second := gate.Start(t, stateOptions(dir, state))
	second.Change(t, func() { dir.Write("late.yaml", gate.Route("late", "late.test", "/", "web")) })
	second.WaitBody(t, "late.test", "/", "web")
	second.Log.WaitLine(t, 0, "another yett keeps its state there", 5*time.Second)
	waitKept(t, first)
	first.Stop(t)
	second.Log.WaitLine(t, 0, "state_kept_again ", 20*time.Second)
}
