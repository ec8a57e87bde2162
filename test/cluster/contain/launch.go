package contain

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// beside is how the binary lies beside the running one.
var beside = "contain"

// Binary is the path of the contain binary: beside the running one.
func Binary() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	path := filepath.Join(filepath.Dir(self), beside)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("the contain binary must lie beside %s: %w", self, err)
	}
	return path, nil
}

// Process is one that was started. Its end is that of everything in its PID namespace.
type Process struct {
	Pid  int // as the caller sees it; the process itself sees 1
	Done chan struct{}

	code int
}

// ExitCode is what a shell would see, 128 plus the number where a signal ended it. Only after Done.
func (p *Process) ExitCode() int { return p.code }

// Signal sends it a signal, unless it is gone.
func (p *Process) Signal(signal syscall.Signal) {
	select {
	case <-p.Done:
	default:
		syscall.Kill(p.Pid, signal)
	}
}

// Start runs spec in the network namespace `network` (nil: the caller's own) and returns once it was exec'd.
func Start(spec Spec, network, stdout, stderr *os.File) (*Process, error) {
	cmd, err := command("run")
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
	}
	var namespaces []*os.File
	if spec.OwnNetwork = network != nil; spec.OwnNetwork {
		namespaces = append(namespaces, network)
	}
	return start(cmd, spec, namespaces)
}

// Enter runs a command beside the process `pid`, in all its namespaces. Of spec it needs Args, Env, Dir and
// Identity.
func Enter(spec Spec, pid int, stdout, stderr *os.File) (*Process, error) {
	cmd, err := command("enter")
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var namespaces []*os.File
	for _, kind := range enterOrder {
		file, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, kind.name))
		if err != nil {
			return nil, err
		}
		defer file.Close()
		namespaces = append(namespaces, file)
	}
	return start(cmd, spec, namespaces)
}

func command(verb string) (*exec.Cmd, error) {
	path, err := Binary()
	if err != nil {
		return nil, err
	}
	return exec.Command(path, verb), nil
}

func start(cmd *exec.Cmd, spec Spec, namespaces []*os.File) (*Process, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	specOut, specIn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer specOut.Close()
	defer specIn.Close()
	reportOut, reportIn, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reportOut.Close()
	defer reportIn.Close()
	cmd.ExtraFiles = append([]*os.File{specOut, reportIn}, namespaces...)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	reportIn.Close()
	specOut.Close()
	_, writeErr := specIn.Write(text)
	specIn.Close()
	report, _ := io.ReadAll(reportOut)
	if len(report) > 0 || writeErr != nil {
		cmd.Process.Kill()
		cmd.Wait()
		return nil, errors.Join(errors.New(strings.TrimSpace(string(report))), writeErr)
	}
	process := &Process{Pid: cmd.Process.Pid, Done: make(chan struct{})}
	go process.wait(cmd)
	return process, nil
}

func (p *Process) wait(cmd *exec.Cmd) {
	cmd.Wait()
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	p.code = status.ExitStatus()
	if status.Signaled() {
		p.code = 128 + int(status.Signal())
	}
	close(p.Done)
}
