package contain

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yett.dev/cluster/sandbox"
)

// The test binary is the contain binary, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{"run", "enter", "entered", "jail", "jailed"}, os.Args[1]) {
		os.Exit(Main(os.Args[1:]))
	}
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	beside = filepath.Base(self)
	sandbox.Main(m.Run)
}

// spec runs a shell's words on the machine's files.
func spec(t *testing.T, script string) Spec {
	t.Helper()
	capabilities, err := Capabilities(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Spec{
		Root:     Root{Lower: "/", Scratch: t.TempDir()},
		Args:     []string{"sh", "-c", script},
		Env:      []string{"PATH=/usr/bin:/bin"},
		Identity: Identity{Capabilities: capabilities},
	}
}

type outcome struct {
	text string
	code int
}

// finish runs it to its end.
func finish(t *testing.T, s Spec) outcome {
	t.Helper()
	output, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	process, err := Start(s, nil, output, output)
	if err != nil {
		t.Fatal(err)
	}
	return await(t, process, output.Name())
}

func await(t *testing.T, process *Process, output string) outcome {
	t.Helper()
	select {
	case <-process.Done:
	case <-time.After(20 * time.Second):
		process.Signal(unix.SIGKILL)
		t.Fatal("it does not end")
	}
	text, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	return outcome{string(text), process.ExitCode()}
}

// status is the value of a field of /proc/self/status.
func (o outcome) status(field string) string {
	for line := range strings.Lines(o.text) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return ""
}

func TestIdentity(t *testing.T) {
	const defaults = "00000000a80425fb" // what `docker run` and containerd give, as their documents print it
	const none = "0000000000000000"
	const bind = "0000000000000400"
	for _, c := range []struct {
		name   string
		id     Identity
		fields map[string]string
	}{
		{"root", Identity{Capabilities: 0xa80425fb}, map[string]string{
			"Uid": "0 0 0 0", "CapInh": none, "CapPrm": defaults, "CapEff": defaults, "CapBnd": defaults, "CapAmb": none,
			"NoNewPrivs": "0", "Seccomp": "0",
		}},
		{"another user loses them with the exec, but for the bounding set",
			Identity{UID: 65532, GID: 65531, Groups: []uint32{65531, 2000}, Capabilities: 1 << 10}, map[string]string{
				"Uid": "65532 65532 65532 65532", "Gid": "65531 65531 65531 65531", "Groups": "2000 65531",
				"CapPrm": none, "CapEff": none, "CapBnd": bind, "CapAmb": none,
			}},
		{"all dropped", Identity{}, map[string]string{"CapPrm": none, "CapEff": none, "CapBnd": none}},
		{"no new privileges", Identity{NoNewPrivileges: true}, map[string]string{"NoNewPrivs": "1"}},
		{"filter", Identity{Seccomp: true}, map[string]string{"Seccomp": "2", "NoNewPrivs": "0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spec(t, "cat /proc/self/status")
			s.Identity = c.id
			got := finish(t, s)
			for field, want := range c.fields {
				if value := got.status(field); value != want {
					t.Errorf("%s is %q; must be %q", field, value, want)
				}
			}
		})
	}
}

func TestCapabilitySets(t *testing.T) {
	for _, c := range []struct {
		add, drop []string
		want      uint64
	}{
		{nil, nil, 0xa80425fb},
		{nil, []string{"ALL"}, 0},
		{[]string{"NET_BIND_SERVICE"}, []string{"ALL"}, 1 << 10},
		{[]string{"CAP_NET_BIND_SERVICE"}, []string{"all"}, 1 << 10},
		{[]string{"NET_ADMIN"}, nil, 0xa80425fb | 1<<12},
		{nil, []string{"KILL"}, 0xa80425fb &^ (1 << 5)},
		{[]string{"ALL"}, []string{"SYS_ADMIN"}, AllCapabilities() &^ (1 << 21)},
	} {
		got, err := Capabilities(c.add, c.drop)
		if err != nil || got != c.want {
			t.Errorf("add %v, drop %v: %#x, %v; must be %#x", c.add, c.drop, got, err, c.want)
		}
	}
	if _, err := Capabilities([]string{"NET_BIND"}, nil); err == nil || !strings.Contains(err.Error(), "NET_BIND") {
		t.Errorf("an unknown capability: %v; must be named", err)
	}
}

// A program whose file has a capability gets it, as any user, where the bounding set has it; also with no_new_privs,
// since the runtime had it permitted before.
func TestFileCapability(t *testing.T) {
	program := filepath.Join(t.TempDir(), "cat")
	text, err := os.ReadFile("/bin/cat")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	// struct vfs_cap_data, revision 2: permitted and effective.
	attribute := make([]byte, 20)
	binary.LittleEndian.PutUint32(attribute, 0x02000001)
	binary.LittleEndian.PutUint32(attribute[4:], 1<<10)
	if err := unix.Setxattr(program, "security.capability", attribute, 0); err != nil {
		t.Fatal(err)
	}
	for _, noNewPrivileges := range []bool{false, true} {
		s := spec(t, "")
		s.Root.Mounts = []Mount{{Source: program, Target: "/cat"}}
		s.Args = []string{"/cat", "/proc/self/status"}
		s.Identity = Identity{UID: 65532, Capabilities: 1 << 10, NoNewPrivileges: noNewPrivileges}
		if got := finish(t, s).status("CapEff"); got != "0000000000000400" {
			t.Errorf("no_new_privs %v: effective %q", noNewPrivileges, got)
		}
	}
}

func TestFilterRefuses(t *testing.T) {
	for _, c := range []struct {
		script   string
		filtered bool
		code     int
	}{
		{"mount -t tmpfs none /mnt", false, 0},
		{"mount -t tmpfs none /mnt", true, 32},
		{"unshare --net true", false, 0},
		{"unshare --net true", true, 1},
		{"hostname other", true, 1},
		{"true | cat & wait", true, 0},
	} {
		s := spec(t, c.script)
		s.Identity = Identity{Capabilities: AllCapabilities(), Seccomp: c.filtered}
		if got := finish(t, s); got.code != c.code {
			t.Errorf("%s, filtered %v: ended with %d; must be %d\n%s", c.script, c.filtered, got.code, c.code, got.text)
		}
	}
}

func TestRoot(t *testing.T) {
	shared := t.TempDir()
	if err := os.WriteFile(filepath.Join(shared, "file"), []byte("from outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, script string
		readOnly     bool
		code         int
	}{
		{"is process 1", `test $$ = 1`, false, 0},
		{"sees no other process", `test "$(ls -d /proc/[0-9]* | wc -l)" -le 4`, false, 0},
		{"hostname", `test "$(cat /proc/sys/kernel/hostname)" = contained`, false, 0},
		{"working directory is made", `test "$PWD" = /not/there/yet`, false, 0},
		{"writes to its own root", `echo x >/usr/new && cat /usr/new`, false, 0},
		{"which the next one does not see", `test ! -e /usr/new`, false, 0},
		{"read-only root", `echo x >/usr/new`, true, 2},
		{"mount at a new place", `test "$(cat /a/new/place/file)" = "from outside" && echo y >/a/new/place/y`, false, 0},
		{"is writable in a read-only root, too", `echo z >/a/new/place/z`, true, 0},
		{"read-only mount", `echo x >/kept/file`, false, 2},
		{"the node's root is out of reach", `test ! -e /.node`, false, 0},
		{"devices", `echo x >/dev/null && test "$(head -c 2 /dev/zero | wc -c)" = 2 && echo x >/dev/stdout`, false, 0},
		{"kernel settings are read-only", `echo 1 >/proc/sys/kernel/sysrq`, false, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spec(t, c.script)
			s.Hostname = "contained"
			s.Root.ReadOnly = c.readOnly
			s.Root.Mounts = []Mount{{shared, "/a/new/place", false}, {shared, "/kept", true}}
			if !c.readOnly {
				s.Dir = "/not/there/yet"
			}
			if got := finish(t, s); got.code != c.code {
				t.Errorf("ended with %d; must be %d\n%s", got.code, c.code, got.text)
			}
		})
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		change func(s *Spec)
		want   string
	}{
		{func(s *Spec) { s.Args = []string{"/no/such/program"} }, "/no/such/program"},
		{func(s *Spec) { s.Dir = "/etc/passwd" }, "/etc/passwd"},
		{func(s *Spec) { s.Root.Lower = "/no/such/root" }, "/no/such/root"},
		{func(s *Spec) { s.Root.Mounts = []Mount{{Source: "/no/such/volume", Target: "/here"}} }, "/here"},
	} {
		s := spec(t, "true")
		c.change(&s)
		if _, err := Start(s, nil, nil, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v; must speak of %s", err, c.want)
		}
	}
}

func TestEnter(t *testing.T) {
	s := spec(t, `echo here >/mark; trap 'exit 7' TERM; while :; do sleep 0.05; done`)
	s.Hostname = "entered"
	process, err := Start(s, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	output, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	s.Args = []string{"sh", "-c", `until test -e /mark; do :; done; cat /mark /proc/sys/kernel/hostname; id -u; kill -TERM 1; exit 3`}
	s.Identity = Identity{Capabilities: 1 << 5} // KILL
	entered, err := Enter(s, process.Pid, output, output)
	if err != nil {
		t.Fatal(err)
	}
	if got := await(t, entered, output.Name()); got.text != "here\nentered\n0\n" || got.code != 3 {
		t.Errorf("%+v", got)
	}
	if got := await(t, process, os.DevNull); got.code != 7 {
		t.Errorf("the container ended with %d; must be 7, for the signal that the command sent", got.code)
	}
}

// What a process started ends with it.
func TestProcessEndsWhole(t *testing.T) {
	process, err := Start(spec(t, `sleep 1001 & sleep 1001 & wait`), nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	waitRunning(t, "1001", true)
	process.Signal(unix.SIGKILL)
	if got := await(t, process, os.DevNull); got.code != 128+9 {
		t.Errorf("ended with %d", got.code)
	}
	waitRunning(t, "1001", false)
}

// What runs in a jail ends with the jail, even if that is killed; and is told of its signals before.
func TestJail(t *testing.T) {
	binary, err := Binary()
	if err != nil {
		t.Fatal(err)
	}
	jail := func(script string) *exec.Cmd {
		cmd := exec.Command(binary, "jail", "sh", "-c", script)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	killed := jail(`test $$ = 1 && sleep 1002`)
	waitRunning(t, "1002", true)
	killed.Process.Kill()
	killed.Wait()
	waitRunning(t, "1002", false)

	told := jail(`trap 'exit 5' TERM; sleep 1003 & wait`)
	waitRunning(t, "1003", true)
	told.Process.Signal(unix.SIGTERM)
	told.Wait()
	if code := told.ProcessState.ExitCode(); code != 5 {
		t.Errorf("ended with %d; must be 5", code)
	}
	waitRunning(t, "1003", false)
}

// waitRunning waits until a `sleep` of this many seconds is there, or is not.
func waitRunning(t *testing.T, seconds string, want bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for running("sleep\x00"+seconds) != want {
		if time.Now().After(deadline) {
			t.Fatalf("sleep %s is running: %v", seconds, !want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func running(commandLine string) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	return slices.ContainsFunc(files, func(file string) bool {
		text, _ := os.ReadFile(file)
		return strings.HasPrefix(string(text), commandLine)
	})
}
