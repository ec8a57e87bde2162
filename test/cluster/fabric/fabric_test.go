package fabric

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"yett.dev/cluster/sandbox"
)

func TestMain(m *testing.M) { sandbox.Main(m.Run) }

// member attaches a namespace, and serves one byte per connection on its port 80.
func member(t *testing.T, f *Fabric, name string, n int) *Namespace {
	t.Helper()
	ns, err := f.Attach(name, ClientAddress(n))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	listener, err := ns.Listen("tcp", net.JoinHostPort(ClientAddress(n).String(), "80"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			io.Copy(conn, conn)
			conn.Close()
		}
	}()
	return ns
}

func dial(t *testing.T, from *Namespace, n int, wait time.Duration) (net.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	return from.DialContext(ctx, "tcp", net.JoinHostPort(ClientAddress(n).String(), "80"))
}

func echoes(conn net.Conn, wait time.Duration) error {
	conn.SetDeadline(time.Now().Add(wait))
	if _, err := conn.Write([]byte{1}); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 1))
	return err
}

func TestCutDropsWithoutAWord(t *testing.T) {
	f, err := New()
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := member(t, f, "a", 1), member(t, f, "b", 2), member(t, f, "c", 3)
	conn, err := dial(t, a, 2, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := echoes(conn, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	for _, way := range []struct {
		name      string
		cut, heal func() error
	}{
		{"cut", func() error { return b.Cut(ClientAddress(1)) }, func() error { return b.Heal(ClientAddress(1)) }},
		{"unplug", b.Unplug, b.Plug},
	} {
		if err := way.cut(); err != nil {
			t.Fatal(err)
		}
		if _, err := dial(t, a, 2, 300*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) && !isTimeout(err) {
			t.Errorf("%s: connect: %v; must time out", way.name, err)
		}
		if err := echoes(conn, 300*time.Millisecond); !isTimeout(err) {
			t.Errorf("%s: on an open connection: %v; must time out", way.name, err)
		}
		if other, err := dial(t, c, 2, 5*time.Second); way.name == "cut" {
			if err != nil {
				t.Errorf("%s: others must come through: %v", way.name, err)
			} else {
				other.Close()
			}
		}
		if err := way.heal(); err != nil {
			t.Fatal(err)
		}
		again, err := dial(t, a, 2, 10*time.Second)
		if err != nil {
			t.Fatalf("%s: after it: %v", way.name, err)
		}
		again.Close()
	}
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}
