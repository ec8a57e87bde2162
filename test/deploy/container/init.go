package container

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// InitIfAsked becomes the container's program in a process that Start made, and returns in all others.
func InitIfAsked() {
	text := os.Getenv(initVariable)
	if text == "" {
		return
	}
	runtime.LockOSThread() // capabilities and users are a thread's own, and this one executes the program
	var spec Spec
	err := json.Unmarshal([]byte(text), &spec)
	for _, step := range []func(Spec) error{bringUpNetwork, makeRoot, becomeUser, execute} {
		if err == nil {
			err = step(spec)
		}
	}
	fmt.Fprintln(os.Stderr, "the container does not start:", err)
	os.Exit(125)
}

func bringUpNetwork(spec Spec) error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	start := "1024"
	if spec.UnprivilegedPorts {
		start = "0"
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_unprivileged_port_start", []byte(start), 0o644)
}

// makeRoot shows the image read-only, with a /proc and the few devices that every container has.
func makeRoot(spec Spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts of one's own: %w", err)
	}
	if err := bind(spec.Root, spec.Root); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", filepath.Join(spec.Root, "dev"), "tmpfs", unix.MS_NOSUID, "mode=755"); err != nil {
		return fmt.Errorf("/dev: %w", err)
	}
	for _, device := range []string{"null", "zero", "random", "urandom"} {
		at := filepath.Join(spec.Root, "dev", device)
		if err := os.WriteFile(at, nil, 0o644); err != nil {
			return err
		}
		if err := bind("/dev/"+device, at); err != nil {
			return err
		}
	}
	if err := unix.Mount("proc", filepath.Join(spec.Root, "proc"), "proc", 0, ""); err != nil {
		return fmt.Errorf("/proc: %w", err)
	}
	for at, from := range spec.Mounts {
		at = filepath.Join(spec.Root, at)
		if err := bind(from, at); err != nil {
			return err
		}
		if err := readOnly(at); err != nil {
			return err
		}
	}
	if err := readOnly(spec.Root); err != nil {
		return err
	}
	if err := unix.Chroot(spec.Root); err != nil {
		return err
	}
	return unix.Chdir("/")
}

func bind(from, at string) error {
	if err := unix.Mount(from, at, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s on %s: %w", from, at, err)
	}
	return nil
}

func readOnly(at string) error {
	if err := unix.Mount("", at, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("%s read-only: %w", at, err)
	}
	return nil
}

// becomeUser leaves the thread with the user and the capabilities as runc does: what is bounded first, then the
// user with its capabilities kept, then these cut to those of the container, none of them inheritable or ambient.
func becomeUser(spec Spec) error {
	var mask uint32
	for _, capability := range spec.Capabilities {
		mask |= 1 << capability
	}
	for capability := uintptr(0); unix.Prctl(unix.PR_CAPBSET_READ, capability, 0, 0, 0) == nil; capability++ {
		if capability < 32 && mask&(1<<capability) != 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil {
			return fmt.Errorf("bounding set: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return err
	}
	// Of this thread alone: package syscall would ask the same of threads that no longer may.
	id := uintptr(spec.UID)
	for _, call := range []struct{ number, a, b, c uintptr }{
		{unix.SYS_SETGROUPS, 0, 0, 0}, {unix.SYS_SETRESGID, id, id, id}, {unix.SYS_SETRESUID, id, id, id},
	} {
		if _, _, errno := unix.RawSyscall(call.number, call.a, call.b, call.c); errno != 0 {
			return fmt.Errorf("user: %w", errno)
		}
	}
	own := mask
	if spec.OnlyBounding {
		own = 0
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	sets := [2]unix.CapUserData{{Effective: own, Permitted: own}}
	if _, _, errno := unix.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&sets)), 0); errno != 0 {
		return fmt.Errorf("capabilities: %w", errno)
	}
	if spec.AllowPrivilegeRaises {
		return nil
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

func execute(spec Spec) error {
	err := syscall.Exec(spec.Args[0], spec.Args, []string{"PATH=/usr/bin"})
	return fmt.Errorf("exec of %s: %w", spec.Args[0], err)
}
