package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Gate is a yett that runs outside of the cluster, as a member of the fabric, and serves it by a kubeconfig.
type Gate struct {
	*Process
	Member *Member
	HTTP   string // host:port
	HTTPS  string
	Admin  string // of /healthz, /readyz, /metrics
}

// Ports of a Gate: it has an address of its own.
const (
	httpPort  = 80
	httpsPort = 443
	adminPort = 10254
)

var gates atomic.Int32

// StartGate starts `yett run --kubeconfig` with further flags. It ends with the test, and must end well.
func (c *Cluster) StartGate(t testing.TB, kubeconfig string, flags ...string) *Gate {
	t.Helper()
	member := c.NewMember(t)
	g := &Gate{
		Member: member,
		HTTP:   fmt.Sprintf("%s:%d", member.Address, httpPort),
		HTTPS:  fmt.Sprintf("%s:%d", member.Address, httpsPort),
		Admin:  fmt.Sprintf("%s:%d", member.Address, adminPort),
	}
	arguments := append([]string{c.Options.Gate, "run", "--kubeconfig", kubeconfig,
		"--address", member.Address.String(), "--healthz-host", member.Address.String(),
		"--http-port", strconv.Itoa(httpPort), "--https-port", strconv.Itoa(httpsPort),
		"--healthz-port", strconv.Itoa(adminPort), "--workers", "2", "--access-log", "off"}, flags...)
	process, err := c.StartProcess(member.Namespace, fmt.Sprintf("yett-%d", gates.Add(1)), arguments...)
	if err != nil {
		t.Fatal(err)
	}
	g.Process = process
	t.Cleanup(func() { g.End(t) })
	return g
}

// End stops the gate, if it has not ended yet, and fails the test if it does not end well.
func (g *Gate) End(t testing.TB) {
	g.Stop(30 * time.Second)
	if status := g.ExitStatus(); status != 0 {
		t.Errorf("yett ended with status %d", status)
	}
	if t.Failed() {
		t.Logf("the log of yett ends so:\n%s", g.Tail(40))
	}
}

// WaitReady waits until /readyz says so.
func (g *Gate) WaitReady(t testing.TB) {
	t.Helper()
	Wait(t, 30*time.Second, "yett to be ready", func() error {
		select {
		case <-g.Done():
			t.Fatalf("yett ended:\n%s", g.Tail(40))
		default:
		}
		status, err := g.Ready(t.Context())
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		return err
	})
}

// Ready is the status of /readyz.
func (g *Gate) Ready(ctx context.Context) (int, error) {
	answer, err := g.Member.Get(ctx, g.Admin, "http://"+g.Admin+"/readyz")
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, nil
}

// WaitAnswer waits until the gate answers a request for this URL with this status.
func (g *Gate) WaitAnswer(t testing.TB, url string, status int) Answer {
	t.Helper()
	var answer Answer
	Wait(t, 30*time.Second, fmt.Sprintf("%d for %s", status, url), func() (err error) {
		answer, err = g.Member.Get(t.Context(), g.HTTP, url)
		if err == nil && answer.StatusCode != status {
			err = fmt.Errorf("status %d: %.100q", answer.StatusCode, answer.Body)
		}
		return err
	})
	return answer
}

// CutFromAPI drops all between the gate and the API server.
func (g *Gate) CutFromAPI(c *Cluster) error { return c.NS.Cut(g.Member.Address) }

// HealToAPI ends CutFromAPI.
func (g *Gate) HealToAPI(c *Cluster) error { return c.NS.Heal(g.Member.Address) }

// ControllerPid is the gate's controller process; 0: there is none.
func (g *Gate) ControllerPid() int { return childOf(g.Pid(), "yett: controller") }

// KillController ends the gate's controller process as a crash would.
func (g *Gate) KillController() error {
	pid := g.ControllerPid()
	if pid == 0 {
		return errors.New("there is no controller")
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

// childOf finds a child process by the title that it gave itself; 0 where there is none.
func childOf(parent int, title string) int {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	for _, list := range lists {
		pids, _ := os.ReadFile(list)
		for _, pid := range strings.Fields(string(pids)) {
			line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
			if name, _, _ := strings.Cut(string(line), "\x00"); name == title {
				n, _ := strconv.Atoi(pid)
				return n
			}
		}
	}
	return 0
}
