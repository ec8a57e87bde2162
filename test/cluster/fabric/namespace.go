package fabric

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Namespace is a network namespace; it lives as long as it is open, or a process is in it.
type Namespace struct {
	Name string
	file *os.File
	wire netlink.Link // the fabric's end
}

// home is the namespace that the process began in. It is not asked for later: the first thread, whose namespace
// /proc/self shows, may be away by then.
var home, _ = unix.Open("/proc/self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)

// newNamespace makes one with its loopback interface up.
func newNamespace(name string) (*Namespace, error) {
	ns := &Namespace{Name: name}
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		file, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			return err
		}
		ns.file = file
		return loopbackUp()
	})
	if err != nil {
		ns.Close()
		return nil, err
	}
	return ns, nil
}

// Path is a file that stands for the namespace in other processes, while this process lives.
func (n *Namespace) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

// Close lets go of the namespace.
func (n *Namespace) Close() error {
	if n.file == nil {
		return nil
	}
	return n.file.Close()
}

// Do calls `f` on a thread that is in the namespace. Sockets that it opens stay there; goroutines that it starts
// do not begin there.
func (n *Namespace) Do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter %s: %w", n.Name, err)
		}
		return f()
	})
}

// Start starts a process in the namespace.
func (n *Namespace) Start(cmd *exec.Cmd) error { return n.Do(cmd.Start) }

// DialContext connects from within the namespace; `address` must be an IP address and a port.
func (n *Namespace) DialContext(ctx context.Context, network, address string) (conn net.Conn, err error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, err // names and two addresses at once would need goroutines of net's own
	}
	err = n.Do(func() error {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Listen listens within the namespace.
func (n *Namespace) Listen(network, address string) (listener net.Listener, err error) {
	err = n.Do(func() error {
		listener, err = net.Listen(network, address)
		return err
	})
	return listener, err
}

// onThread calls `f` on a thread, and takes that thread back to the namespace of the process. The thread must live
// on: a process that was started on it with a parent death signal would end with it.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := f()
		if unix.Setns(home, unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}
