package container

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// inNetwork runs `what` on a thread that is in the container's network, and ends with it. Sockets that are made
// there stay there.
func (c *Container) inNetwork(what func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread is of no use to others
		namespace, err := unix.Open(fmt.Sprintf("/proc/%d/ns/net", c.PID), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			defer unix.Close(namespace)
			err = unix.Setns(namespace, unix.CLONE_NEWNET)
		}
		if err == nil {
			err = what()
		}
		done <- err
	}()
	return <-done
}

// Listen opens a port in the container's network, for a backend of the test's own.
func (c *Container) Listen(t *testing.T, address string) net.Listener {
	t.Helper()
	var listener net.Listener
	if err := c.inNetwork(func() (err error) {
		listener, err = net.Listen("tcp4", address)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// Client speaks HTTP from within the container's network.
func (c *Container) Client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, address string) (conn net.Conn, err error) {
			err = c.inNetwork(func() (err error) {
				conn, err = new(net.Dialer).DialContext(ctx, "tcp4", address)
				return err
			})
			return conn, err
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}
}
