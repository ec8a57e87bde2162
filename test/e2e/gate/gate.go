// Package gate runs the real yett for tests: the binary on ports that the kernel chooses, a directory of
// manifests that the test writes, backends that do what the test says, and clients that see every byte.
//
//	dir := gate.NewDir(t)
//	web := gate.NewBackend(t, "web")
//	dir.Write("web.yaml", gate.Join(
//		gate.Backends("web", web.Addr),
//		gate.Ingress{Name: "web", Rules: []gate.Rule{{Host: "web.test", Paths: []gate.Path{{Path: "/", Service: "web"}}}}}.Object(),
//	)...)
//	g := gate.Start(t, gate.Options{Dir: dir})
//	answer := g.Get(t, "web.test", "/")
//
// When the test ends, the gate is stopped in order, and the test fails if its exit status is not 0, if a
// sanitizer reported anything, or if an invariant was violated.
//
// The binary is that of the environment variable YETT_BIN, else build/yett. Time limits of tests are
// multiplied by Scale(), which is above 1 for sanitizer builds.
package gate

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Binary returns the path of the yett under test.
var Binary = sync.OnceValue(func() string {
	if path := os.Getenv("YETT_BIN"); path != "" {
		if abs, err := filepath.Abs(path); err == nil {
			return abs
		}
		return path
	}
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "..", "build", "yett")
})

// Sanitized tells whether the binary was built with AddressSanitizer.
var Sanitized = sync.OnceValue(func() bool {
	bytesOf, err := os.ReadFile(Binary())
	return err == nil && bytes.Contains(bytesOf, []byte("__asan_init"))
})

// Scale is the factor for time limits: sanitizer builds are slower.
func Scale() time.Duration {
	if Sanitized() {
		return 5
	}
	return 1
}

// Options of Start. The zero value of every field is a sensible default.
type Options struct {
	Dir     *Dir     // manifests; a new empty directory where nil
	Workers int      // 2
	Args    []string // further flags of `yett run`; they come last and so may override the harness' own
	Env     []string // added to the environment
	// AccessLog takes the access log (standard output) instead of Gate.AccessLog.
	AccessLog *os.File
	// NoClass leaves out the default IngressClass "yett", which Start otherwise writes to the directory.
	NoClass bool
	// NoWait: Start returns as soon as the ports are open.
	NoWait bool
}

// Gate is one running yett.
type Gate struct {
	Dir       *Dir
	HTTP      string // host:port
	HTTPS     string
	Admin     string // of /healthz, /readyz, /metrics, /api/v1/
	Pid       int    // of the supervisor
	Log       *Log   // standard error
	AccessLog *Log   // standard output

	cmd     *exec.Cmd
	exited  chan struct{}
	exitErr error
	client  *http.Client
	checked bool // the end has been judged
}

// In both forms of the log.
var listeningLine = regexp.MustCompile(`listening\W+flag\W+(--[a-z-]+)\W.*\bport\W+(\d+)`)

// Start runs yett and waits until it is ready. It ends with the test.
func Start(t testing.TB, options Options) *Gate {
	t.Helper()
	if options.Dir == nil {
		options.Dir = NewDir(t)
	}
	if !options.NoClass {
		options.Dir.Write("00-class.yaml", IngressClass("yett", "yett.dev/ingress-controller", true))
	}
	g := &Gate{Dir: options.Dir, Log: newLog(), AccessLog: newLog(), exited: make(chan struct{})}
	g.run(t, options)
	t.Cleanup(func() { g.cleanup(t) })
	g.learnPorts(t)
	g.client = &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{DisableKeepAlives: true},
	}
	if !options.NoWait {
		g.WaitReady(t)
	}
	return g
}

func (g *Gate) run(t testing.TB, options Options) {
	t.Helper()
	workers := options.Workers
	if workers == 0 {
		workers = 2
	}
	args := append([]string{"run", "--manifests", g.Dir.Path,
		"--address", "127.0.0.1", "--healthz-host", "127.0.0.1",
		"--http-port", "0", "--https-port", "0", "--healthz-port", "0",
		"--workers", strconv.Itoa(workers), "--drain-timeout", "30"}, options.Args...)
	g.cmd = exec.Command(Binary(), args...)
	g.cmd.Env = append(os.Environ(), options.Env...)
	g.cmd.Stderr = g.Log
	g.cmd.Stdout = g.AccessLog
	if options.AccessLog != nil {
		g.cmd.Stdout = options.AccessLog
	}
	// Whatever happens to the tests, no gate is left behind.
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := startLocked(g.cmd); err != nil {
		t.Fatalf("yett does not start: %v", err)
	}
	g.Pid = g.cmd.Process.Pid
	go func() {
		g.exitErr = g.cmd.Wait()
		close(g.exited)
	}()
}

// startLocked starts cmd from a thread that never ends: the parent-death signal is bound to the thread.
func startLocked(cmd *exec.Cmd) error {
	request := startRequest{cmd, make(chan error)}
	starterOnce.Do(func() { go starter() })
	starts <- request
	return <-request.done
}

// StartProcess starts a program of the test's own. A parent-death signal in its SysProcAttr is that of the whole test.
func StartProcess(cmd *exec.Cmd) error { return startLocked(cmd) }

type startRequest struct {
	cmd  *exec.Cmd
	done chan error
}

var (
	starts      = make(chan startRequest)
	starterOnce sync.Once
)

func starter() {
	runtime.LockOSThread()
	for request := range starts {
		request.done <- request.cmd.Start()
	}
}

// learnPorts reads from the log what the kernel chose.
func (g *Gate) learnPorts(t testing.TB) {
	t.Helper()
	WaitFor(t, 10*time.Second, "yett to listen", func() bool {
		select {
		case <-g.exited:
			t.Fatalf("yett ended at once: %v\n%s", g.exitErr, g.Log.Text())
		default:
		}
		for _, line := range g.Log.Lines() {
			if m := listeningLine.FindStringSubmatch(line); m != nil {
				address := "127.0.0.1:" + m[2]
				switch m[1] {
				case "--http-port":
					g.HTTP = address
				case "--https-port":
					g.HTTPS = address
				case "--healthz-port":
					g.Admin = address
				}
			}
		}
		return g.HTTP != "" && g.HTTPS != "" && g.Admin != ""
	})
}

// Ready asks /readyz once.
func (g *Gate) Ready() bool {
	response, err := g.client.Get("http://" + g.Admin + "/readyz")
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// WaitReady waits until every worker serves an image.
func (g *Gate) WaitReady(t testing.TB) {
	t.Helper()
	WaitFor(t, 20*time.Second, "yett to be ready", func() bool {
		if !g.Ready() {
			return false
		}
		status, err := g.Status()
		if err != nil || status.Generation == 0 {
			return false
		}
		for _, worker := range status.Workers {
			if worker.Generation < status.Generation {
				return false
			}
		}
		return true
	})
}

// URL is that of a path on the HTTP port; Host is up to the request.
func (g *Gate) URL(path string) string { return "http://" + g.HTTP + path }

// Signal is sent to the supervisor.
func (g *Gate) Signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(g.Pid, signal); err != nil {
		t.Fatalf("kill %d: %v", g.Pid, err)
	}
}

// Exited tells whether the supervisor has ended.
func (g *Gate) Exited() bool {
	select {
	case <-g.exited:
		return true
	default:
		return false
	}
}

// WaitExit waits for the end and returns the exit status (-1: by a signal). It judges the log, so a test
// that ends the gate its own way uses this and not Stop.
func (g *Gate) WaitExit(t testing.TB, limit time.Duration) int {
	t.Helper()
	select {
	case <-g.exited:
	case <-time.After(limit * Scale()):
		t.Errorf("yett did not end within %v\n%s", limit*Scale(), g.Log.Tail(40))
		syscall.Kill(g.Pid, syscall.SIGKILL)
		<-g.exited
	}
	g.checked = true
	g.checkLog(t)
	return g.cmd.ProcessState.ExitCode()
}

// Stop ends the gate in order; anything but exit status 0 fails the test.
func (g *Gate) Stop(t testing.TB) {
	t.Helper()
	if !g.Exited() {
		g.Signal(t, syscall.SIGTERM)
	}
	if status := g.WaitExit(t, 40*time.Second); status != 0 {
		t.Errorf("yett ended with status %d\n%s", status, g.Log.Tail(40))
	}
}

func (g *Gate) cleanup(t testing.TB) {
	if !g.checked {
		g.Stop(t)
	}
	if t.Failed() {
		t.Logf("log of yett:\n%s", g.Log.Tail(60))
	}
}

var fatalMarks = regexp.MustCompile(`bug at |ERROR: (Address|Leak|Memory|Thread)Sanitizer|runtime error:|SIGSYS|signal=SYS|signal=ABRT|signal=SEGV|signal=BUS`)

// checkLog fails the test for what must never be there.
func (g *Gate) checkLog(t testing.TB) {
	t.Helper()
	for _, line := range g.Log.Lines() {
		if fatalMarks.MatchString(line) {
			t.Errorf("in the log: %s\n%s", line, g.Log.Tail(80))
			return
		}
	}
}

// WaitFor polls until `done`, at most limit × Scale(). It fails the test with what was waited for.
func WaitFor(t testing.TB, limit time.Duration, what string, done func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	deadline := start.Add(limit * Scale())
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for %s", limit*Scale(), what)
		}
		time.Sleep(time.Millisecond)
	}
	return time.Since(start)
}

// DialContext-shaped dialer to the gate, whatever the URL says.
func dialTo(address string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, network, address)
	}
}

// Run executes yett with other arguments to its end and returns its exit status and outputs.
func Run(t testing.TB, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second*Scale())
	defer cancel()
	cmd := exec.CommandContext(ctx, Binary(), args...)
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatalf("yett %v: %v", args, err)
	}
	if fatalMarks.Match(errors.Bytes()) || ctx.Err() != nil {
		t.Fatalf("yett %v: %v\n%s", args, ctx.Err(), errors.String())
	}
	return cmd.ProcessState.ExitCode(), out.String(), errors.String()
}

// Addr joins a loopback address and a port.
func Addr(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
