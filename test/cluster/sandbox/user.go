package sandbox

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// A plain user is root in a user namespace of its own. As programs in it run as several users, it needs more than one
// user ID: those that /etc/subuid grants, which newuidmap (package uidmap) hands out. They are handed out from outside,
// when the program is there already; so it waits for them, and starts itself again to be the root that it is then.
const mappedVariable = "YETT_CLUSTER_MAPPED"

// start starts the program, in a user namespace unless root asks.
func start(cmd *exec.Cmd) error {
	if os.Getuid() == 0 {
		return cmd.Start()
	}
	mapped, mappedEnd, err := os.Pipe()
	if err != nil {
		return err
	}
	defer mappedEnd.Close()
	defer mapped.Close()
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", mappedVariable, 3+len(cmd.ExtraFiles)))
	cmd.ExtraFiles = append(cmd.ExtraFiles, mapped)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w; does this machine let users make namespaces?", err)
	}
	for _, kind := range []struct {
		tool, file string
		own        int
	}{{"newuidmap", "/etc/subuid", os.Getuid()}, {"newgidmap", "/etc/subgid", os.Getgid()}} {
		if err := hand(kind.tool, kind.file, kind.own, cmd.Process.Pid); err != nil {
			cmd.Process.Kill()
			cmd.Wait()
			return err
		}
	}
	_, err = mappedEnd.Write([]byte{1})
	return err
}

// hand maps 0 in the namespace to the user, and 1 and up to the user's range in `file`.
func hand(tool, file string, own, pid int) error {
	first, count, err := subordinate(file)
	if err != nil {
		return err
	}
	output, err := exec.Command(tool, strconv.Itoa(pid), "0", strconv.Itoa(own), "1", "1", first, count).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w %s; the package is uidmap", tool, err, strings.TrimSpace(string(output)))
	}
	return nil
}

func subordinate(path string) (first, count string, err error) {
	who, err := user.Current()
	if err != nil {
		return "", "", err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer file.Close()
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		fields := strings.Split(scanner.Text(), ":")
		if len(fields) == 3 && (fields[0] == who.Username || fields[0] == who.Uid) {
			return fields[1], fields[2], nil
		}
	}
	return "", "", fmt.Errorf("%s grants %s nothing; usermod --add-subuids and --add-subgids do", path, who.Username)
}

// awaitMapping becomes the root of the user namespace, where there is one to wait for.
func awaitMapping() error {
	text := os.Getenv(mappedVariable)
	if text == "" {
		return nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	mapped := os.NewFile(uintptr(fd), "mapped")
	if _, err := io.ReadFull(mapped, make([]byte, 1)); err != nil {
		return fmt.Errorf("no user IDs came: %w", err)
	}
	mapped.Close()
	os.Unsetenv(mappedVariable)
	return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
}
