package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Where processes are pinned.
const (
	gateCPU = "0"
	loadCPU = "1"
)

// The host that every gate routes to the backend.
const benchHost = "bench.example"

// rig is what all benches share: the build, a directory for files, and the backend.
type rig struct {
	build                         string
	rounds, requests, connections int

	dir         string
	pair        pair
	backend     *exec.Cmd
	backendPort int
}

func (r *rig) start() error {
	var err error
	if r.build, err = filepath.Abs(r.build); err != nil {
		return err
	}
	built := exec.Command("ninja", "-C", r.build, "--quiet", "yett", "bench/bench_backend", "bench/bench_load",
		"bench/bench_exchange")
	if text, err := built.CombinedOutput(); err != nil {
		return fmt.Errorf("building what is measured: %w\n%s", err, text)
	}
	if r.dir, err = os.MkdirTemp("", "yett-bench-"); err != nil {
		return err
	}
	if r.pair, err = newPair(r.dir); err != nil {
		return err
	}
	r.backend = pinned(loadCPU, r.program("bench_backend"))
	out, err := r.backend.StdoutPipe()
	if err != nil {
		return err
	}
	if err := r.backend.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the backend tells no port: %w", err)
	}
	r.backendPort, err = strconv.Atoi(strings.TrimSpace(line))
	return err
}

func (r *rig) stop() {
	kill(r.backend)
	os.RemoveAll(r.dir)
}

func (r *rig) program(name string) string { return filepath.Join(r.build, "bench", name) }

// pinSelf keeps this process, which is client or backend of some, on the processor of the load.
func pinSelf() error {
	text, err := exec.Command("taskset", "-acp", loadCPU, strconv.Itoa(os.Getpid())).CombinedOutput()
	if err != nil {
		return fmt.Errorf("taskset: %w: %s", err, text)
	}
	return nil
}

// pinned runs on one CPU, and ends with this process.
func pinned(cpu string, args ...string) *exec.Cmd {
	cmd := exec.Command("taskset", append([]string{"-c", cpu}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	return cmd
}

func kill(cmd *exec.Cmd) {
	if cmd != nil && cmd.Process != nil {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	}
}

// load sends requests to a gate and returns how long they took.
func (r *rig) load(g *gate, requests int) (time.Duration, error) {
	cmd := pinned(loadCPU, r.program("bench_load"), strconv.Itoa(g.port), benchHost,
		strconv.Itoa(r.connections), strconv.Itoa(requests))
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("load on %s: %w: %s", g.name, err, complaint.String())
	}
	var done, lost int
	var seconds float64
	if _, err := fmt.Sscan(string(out), &done, &seconds, &lost); err != nil || done != requests {
		return 0, fmt.Errorf("load on %s: %q", g.name, out)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// freePort is one that the kernel finds free now. Programs that cannot tell which port the kernel gave them
// are told this one.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// waitFor polls until `done`, for at most 20 s.
func waitFor(what string, done func() bool) error {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if done() {
			return nil
		}
	}
	return fmt.Errorf("waited 20 s for %s", what)
}
