package contain

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// assume takes on the identity, in the order of runc:
//
//   - The bounding set is what the container may ever have.
//   - The user changes with the permitted set kept, which then is cut to the container's. Inheritable and ambient
//     are empty, as in containerd since 1.6.2. So who is not root loses all capabilities with the exec, unless
//     the file has capabilities of its own: those stay within the bounding set, and with no_new_privs within
//     what was permitted before, which is why the permitted set is filled.
//   - The filter comes while the rights to load it are there.
//
// Credentials are a thread's own: this uses the calls as the kernel has them, since those of the Go library
// would change all threads, and is called on the thread that makes the exec.
func (id Identity) assume() error {
	if id.NoNewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("no_new_privs: %w", err)
		}
	}
	if id.Seccomp {
		if err := loadFilter(); err != nil {
			return fmt.Errorf("seccomp: %w", err)
		}
	}
	if err := boundCapabilities(id.Capabilities); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("keep capabilities: %w", err)
	}
	if err := id.setUser(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("keep capabilities: %w", err)
	}
	return setCapabilities(id.Capabilities)
}

func (id Identity) setUser() error {
	groups := unsafe.Pointer(nil)
	if len(id.Groups) > 0 {
		groups = unsafe.Pointer(&id.Groups[0])
	}
	uid, gid := uintptr(id.UID), uintptr(id.GID)
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(id.Groups)), uintptr(groups), 0); errno != 0 {
		return fmt.Errorf("groups %v: %w", id.Groups, errno)
	}
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); errno != 0 {
		return fmt.Errorf("group %d: %w", id.GID, errno)
	}
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); errno != 0 {
		return fmt.Errorf("user %d: %w", id.UID, errno)
	}
	return nil
}
