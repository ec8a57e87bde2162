package gate

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Process is one child of the supervisor.
type Process struct {
	Pid   int
	Title string // "yett: worker 0", "yett: controller"
}

// Children lists the supervisor's children as /proc has them.
func (g *Gate) Children() []Process {
	var children []Process
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		// pid (comm) state ppid …; comm may hold anything.
		after := text[bytes.LastIndexByte(text, ')')+1:]
		fields := strings.Fields(string(after))
		if len(fields) < 2 || fields[1] != strconv.Itoa(g.Pid) || fields[0] == "Z" {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		title, _, _ := strings.Cut(string(line), "\x00")
		children = append(children, Process{pid, title})
	}
	return children
}

// WorkerPid is the process of a worker slot; 0 while there is none.
func (g *Gate) WorkerPid(index int) int {
	return g.childPid(fmt.Sprintf("yett: worker %d", index))
}

// ControllerPid is the process of the controller; 0 while there is none.
func (g *Gate) ControllerPid() int { return g.childPid("yett: controller") }

func (g *Gate) childPid(title string) int {
	for _, child := range g.Children() {
		if child.Title == title {
			return child.Pid
		}
	}
	return 0
}

// WaitChild waits until the child of this title is another process than `before`, and returns its pid.
func (g *Gate) WaitChild(t testing.TB, title string, before int) int {
	t.Helper()
	pid := 0
	WaitFor(t, 10*time.Second, "a new "+title, func() bool {
		pid = g.childPid(title)
		return pid != 0 && pid != before
	})
	return pid
}

// Kill ends a child at once (SIGKILL), found by its title, and returns what its pid was.
func (g *Gate) Kill(t testing.TB, title string) int {
	t.Helper()
	pid := g.childPid(title)
	if pid == 0 {
		t.Fatalf("there is no process %q among %v", title, g.Children())
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	return pid
}

// KillWorker is Kill for a worker slot.
func (g *Gate) KillWorker(t testing.TB, index int) int {
	t.Helper()
	return g.Kill(t, fmt.Sprintf("yett: worker %d", index))
}

// KillController is Kill for the controller.
func (g *Gate) KillController(t testing.TB) int {
	t.Helper()
	return g.Kill(t, "yett: controller")
}

// PrivateBytes is the anonymous memory of a process. smaps would say more, but of a worker, which is not
// dumpable, only to root.
func PrivateBytes(t testing.TB, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); fields[0] == "RssAnon:" {
			kilobytes, _ := strconv.ParseInt(fields[1], 10, 64)
			return kilobytes << 10
		}
	}
	t.Fatalf("no RssAnon in the status of %d:\n%s", pid, text)
	return 0
}
