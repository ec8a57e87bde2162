package gate

import (
	"net"
	"syscall"
	"testing"
)

// shrinkQueue sets a listener's backlog to the least there is.
func shrinkQueue(t testing.TB, listener *net.TCPListener) {
	t.Helper()
	control, err := listener.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := control.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// RaiseDescriptorLimit lets this process and its children open `least` descriptors; false where it may not.
func RaiseDescriptorLimit(least uint64) bool {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return false
	}
	// Set in any case: only then does the runtime hand the limit on to children.
	raised := syscall.Rlimit{Cur: max(limit.Cur, least), Max: max(limit.Max, least)}
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil
}
