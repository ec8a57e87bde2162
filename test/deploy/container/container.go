// Package container runs a program in an unpacked image as a container runtime does: in namespaces, a root, as a
// user and with capabilities that are the container's own, and with nothing else of this machine in sight.
package container

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Spec says how the container is made; the words are those of a Pod's securityContext where it has them.
type Spec struct {
	Root                 string            // of the image, unpacked; it is shown read-only
	Args                 []string          // the program with its arguments
	Mounts               map[string]string // folder of the image → folder of this machine, shown read-only
	UID                  int               // and group
	Capabilities         []uintptr         // added to none
	OnlyBounding         bool              // these bound what the program may get from its file, and are not its own
	UnprivilegedPorts    bool              // net.ipv4.ip_unprivileged_port_start=0, as containerd 2 and Docker set it
	AllowPrivilegeRaises bool              // otherwise no_new_privs
}

// Container is a running one. It ends with its test.
type Container struct {
	PID  int
	cmd  *exec.Cmd
	log  lockedBuffer
	done chan struct{}
}

const initVariable = "YETT_TEST_CONTAINER"

// Start runs the program. The test's main must call InitIfAsked first.
func Start(t *testing.T, spec Spec) *Container {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can be a container runtime here: file capabilities and users need it")
	}
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	c := &Container{cmd: exec.Command("/proc/self/exe"), done: make(chan struct{})}
	c.cmd.Env = []string{initVariable + "=" + string(text)}
	c.cmd.Stdout, c.cmd.Stderr = &c.log, &c.log
	c.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // a child's Pdeathsig comes with the end of the thread that started it
		defer runtime.UnlockOSThread()
		defer close(c.done)
		err := c.cmd.Start()
		started <- err
		if err == nil {
			c.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	c.PID = c.cmd.Process.Pid
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		<-c.done
		if t.Failed() {
			t.Logf("the container's log:\n%s", c.log.String())
		}
	})
	return c
}

// Signal sends the program a signal.
func (c *Container) Signal(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// Wait returns the exit status, -1 where a signal ended it.
func (c *Container) Wait(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-c.done:
	case <-time.After(limit):
		t.Fatalf("the container still runs after %v", limit)
	}
	return c.cmd.ProcessState.ExitCode()
}

// Exited is true once the program has ended.
func (c *Container) Exited() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// Log is what the program has written so far.
func (c *Container) Log() string {
	return c.log.String()
}

// Status is a line of /proc/PID/status, by its name, of the program's first process.
func (c *Container) Status(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(c.PID) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		if value, found := bytes.CutPrefix(line, []byte(name+":")); found {
			return string(bytes.TrimSpace(value))
		}
	}
	t.Fatalf("/proc/%d/status has no %s", c.PID, name)
	return ""
}

type lockedBuffer struct {
	mutex sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.String()
}
