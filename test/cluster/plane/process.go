package plane

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"yett.dev/cluster/fabric"
)

// Process is a program that runs in a namespace and writes what it has to say to a file.
type Process struct {
	Name string
	Log  string // path
	cmd  *exec.Cmd
	done chan struct{}
}

// StartProcess starts `cmd` in `ns`. Its log is `dir`/`name`.log, which is continued.
func StartProcess(ns *fabric.Namespace, name, dir string, cmd *exec.Cmd) (*Process, error) {
	p := &Process{Name: name, Log: filepath.Join(dir, name+".log"), cmd: cmd, done: make(chan struct{})}
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := ns.Start(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Pid of the process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Kill ends it at once, as a crash would, and waits for the end.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// Stop asks it to end, and kills it when it has not within `grace`.
func (p *Process) Stop(grace time.Duration) {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Kill()
	}
}

// ExitStatus of a process that has ended; -1 where a signal ended it.
func (p *Process) ExitStatus() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Signal sends it a signal.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Tail is the last `lines` lines of its log.
func (p *Process) Tail(lines int) string {
	log, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	all := bytes.Split(bytes.TrimRight(log, "\n"), []byte("\n"))
	return string(bytes.Join(all[max(0, len(all)-lines):], []byte("\n")))
}

// ended says how the process ended, or nil while it runs.
func (p *Process) ended() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s ended (%v):\n%s", p.Name, p.cmd.ProcessState, p.Tail(10))
	default:
		return nil
	}
}
