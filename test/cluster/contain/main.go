package contain

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Main is the contain binary. It has three verbs:
//
//	jail PROGRAM ARG...   runs a program as process 1 of a PID namespace; all that it started ends with it
//	run                   becomes the process of a Spec (Start)
//	enter                 runs a command in the namespaces of another (Enter)
func Main(args []string) int {
	// Namespaces, credentials and filters are a thread's own; the one that has them makes the exec.
	runtime.LockOSThread()
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	switch {
	case verb == "jail" && len(args) > 1:
		return jail(args[1:])
	case verb == "jailed" && len(args) > 1:
		return report(os.Stderr, jailed(args[1:]))
	case verb == "run":
		return report(os.NewFile(reportFD, "report"), run())
	case verb == "enter":
		return enter()
	case verb == "entered":
		return report(os.NewFile(reportFD, "report"), entered())
	}
	fmt.Fprintln(os.Stderr, "usage: contain jail PROGRAM [ARG...]; the other verbs are the node agent's")
	return 2
}

func report(to *os.File, err error) int {
	fmt.Fprintln(to, err)
	return 127
}

// readSpec takes the spec from its descriptor.
func readSpec() (Spec, error) {
	var spec Spec
	closeOnExec(firstNS)
	err := json.NewDecoder(os.NewFile(specFD, "spec")).Decode(&spec)
	return spec, err
}

// closeOnExec sees to it that no descriptor below `end` but the usual three outlives the exec.
func closeOnExec(end int) {
	for fd := specFD; fd < end; fd++ {
		unix.CloseOnExec(fd)
	}
}

func run() error {
	spec, err := readSpec()
	if err != nil {
		return err
	}
	if spec.OwnNetwork {
		closeOnExec(firstNS + 1)
		if err := unix.Setns(firstNS, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("network namespace: %w", err)
		}
	}
	if spec.Hostname != "" {
		if err := unix.Sethostname([]byte(spec.Hostname)); err != nil {
			return fmt.Errorf("hostname: %w", err)
		}
	}
	if err := spec.Root.assume(); err != nil {
		return err
	}
	return become(spec, func() error { return nil })
}

// become is the last step: the working directory, the rights, the exec.
func become(spec Spec, last func() error) error {
	dir := spec.Dir
	if dir == "" {
		dir = "/"
	}
	os.MkdirAll(dir, 0o755)
	if err := unix.Chdir(dir); err != nil {
		return fmt.Errorf("working directory %s: %w", dir, err)
	}
	program, err := lookUp(spec.Args[0], spec.Env)
	if err != nil {
		return err
	}
	unix.Umask(0o022)
	if err := giveStdio(spec.Identity.UID); err != nil {
		return err
	}
	if err := errors.Join(spec.Identity.assume(), last()); err != nil {
		return err
	}
	return fmt.Errorf("exec %s: %w", program, syscall.Exec(program, spec.Args, spec.Env))
}

// giveStdio gives the process its own standard streams, as runc does, so that it may open them anew (/dev/stdout). The
// node's are pipes; what is none stays as it is.
func giveStdio(uid uint32) error {
	for fd := range 3 {
		var stat unix.Stat_t
		if err := unix.Fstat(fd, &stat); err != nil {
			return err
		}
		if stat.Uid == uid || stat.Mode&unix.S_IFMT != unix.S_IFIFO {
			continue
		}
		if err := unix.Fchown(fd, int(uid), int(stat.Gid)); err != nil {
			return fmt.Errorf("standard stream %d: %w", fd, err)
		}
	}
	return nil
}

// lookUp finds a program by the PATH of its own environment.
func lookUp(name string, env []string) (string, error) {
	os.Unsetenv("PATH")
	for _, entry := range env {
		if len(entry) > 5 && entry[:5] == "PATH=" {
			os.Setenv("PATH", entry[5:])
		}
	}
	program, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("exec: %w", err)
	}
	return program, nil
}

// enterOrder is how the namespaces of another process come in, and are joined. The PID namespace is first:
// joining it decides only where children are born.
var enterOrder = []struct {
	name string
	flag int
}{
	{"pid", unix.CLONE_NEWPID},
	{"net", unix.CLONE_NEWNET},
	{"ipc", unix.CLONE_NEWIPC},
	{"uts", unix.CLONE_NEWUTS},
	{"mnt", unix.CLONE_NEWNS},
}

// enter has a child in the other's PID namespace, and ends as it ends.
func enter() int {
	cmd := exec.Command("/proc/self/exe", "entered")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	closeOnExec(firstNS + len(enterOrder))
	for fd := specFD; fd < firstNS+len(enterOrder); fd++ {
		cmd.ExtraFiles = append(cmd.ExtraFiles, os.NewFile(uintptr(fd), "inherited"))
	}
	if err := unix.Setns(firstNS, unix.CLONE_NEWPID); err != nil {
		return report(os.NewFile(reportFD, "report"), fmt.Errorf("PID namespace: %w", err))
	}
	if err := cmd.Start(); err != nil {
		return report(os.NewFile(reportFD, "report"), err)
	}
	for _, file := range cmd.ExtraFiles {
		file.Close()
	}
	cmd.Wait()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

func entered() error {
	spec, err := readSpec()
	if err != nil {
		return err
	}
	closeOnExec(firstNS + len(enterOrder))
	// A thread that shares its root and working directory with others may not change the mount namespace.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	for i, kind := range enterOrder[1:] {
		if err := unix.Setns(firstNS+1+i, kind.flag); err != nil {
			return fmt.Errorf("namespace %s: %w", kind.name, err)
		}
	}
	return become(spec, dieWithParent)
}

// dieWithParent is asked for last: a change of credentials would take it back.
func dieWithParent() error { return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0) }
