// Package sandbox runs a program once more where nothing that it does reaches the machine: with network, processes and
// mounts of its own. Whatever it starts ends with it, and its files in Dir go with it, even if it is killed.
package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

const insideVariable = "YETT_CLUSTER_SANDBOX"

// Dir is where a program inside keeps its files: in memory.
func Dir() string { return os.Getenv(insideVariable) }

// Inside says whether the program runs in a sandbox.
func Inside() bool { return Dir() != "" }

// Run runs the program with the same arguments in a sandbox, and returns its exit status. Descriptors of `files` are
// 3 and up in there.
func Run(files ...*os.File) (int, error) {
	dir, err := os.MkdirTemp("", "yett-cluster-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(dir)
	// The kernel watches the thread that started the program for its death, not the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), insideVariable+"="+dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := start(cmd); err != nil {
		return 0, fmt.Errorf("no sandbox: %w", err)
	}
	go func() {
		for s := range signals {
			if s != syscall.SIGINT { // a terminal sends that to both
				cmd.Process.Signal(s)
			}
		}
	}()
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, err
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

// Enter prepares the inside: it must be called before anything else is done there.
func Enter() error {
	if err := awaitMapping(); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts of one's own: %w; where / is no mount point, as in a plain chroot, bind it on itself first", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := unix.Mount("tmpfs", Dir(), "tmpfs", unix.MS_NOSUID, "mode=0755"); err != nil {
		return fmt.Errorf("mount %s: %w", Dir(), err)
	}
	return nil
}
