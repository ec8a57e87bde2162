package gate

import (
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Backend is an HTTP server that answers with its name, and tells what it received in headers of the answer:
// Backend, Got-Target, Got-Host, Got-Method, and Got-<Name> for each field of the request.
type Backend struct {
	Name        string
	Addr        string // 127.0.0.1:port
	Requests    atomic.Int64
	Connections atomic.Int64 // accepted so far

	server  *http.Server
	mu      sync.Mutex
	handler http.HandlerFunc
}

// NewBackend serves on a port of the kernel's choice until the test ends.
func NewBackend(t testing.TB, name string) *Backend {
	t.Helper()
	return NewBackendOn(t, name, "127.0.0.1:0")
}

// NewBackendOn serves on this address.
func NewBackendOn(t testing.TB, name, address string) *Backend {
	t.Helper()
	return serveBackend(t, name, address, nil, nil)
}

// NewBackendOf serves by these protocols; over TLS where `config` is not nil.
func NewBackendOf(t testing.TB, name string, config *tls.Config, protocols *http.Protocols) *Backend {
	t.Helper()
	return serveBackend(t, name, "127.0.0.1:0", config, protocols)
}

func serveBackend(t testing.TB, name, address string, config *tls.Config, protocols *http.Protocols) *Backend {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	b := &Backend{Name: name, Addr: listener.Addr().String()}
	b.server = &http.Server{Handler: b, TLSConfig: config, Protocols: protocols, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			b.Connections.Add(1)
		}
	}}
	if config != nil {
		go b.server.ServeTLS(listener, "", "")
	} else {
		go b.server.Serve(listener)
	}
	t.Cleanup(func() { b.server.Close() })
	return b
}

// Handle replaces the answer; nil restores it.
func (b *Backend) Handle(handler http.HandlerFunc) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handler = handler
}

func (b *Backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.Requests.Add(1)
	b.mu.Lock()
	handler := b.handler
	b.mu.Unlock()
	if handler != nil {
		handler(w, r)
		return
	}
	io.Copy(io.Discard, r.Body)
	header := w.Header()
	header.Set("Content-Type", "text/plain")
	header.Set("Backend", b.Name)
	header.Set("Got-Target", r.RequestURI)
	header.Set("Got-Host", r.Host)
	header.Set("Got-Method", r.Method)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		header.Set("Got-"+name, strings.Join(r.Header[name], " | "))
	}
	fmt.Fprint(w, b.Name)
}

// RawBackend accepts TCP connections and hands each to a function: exact bytes, slow, reset, half-closed.
type RawBackend struct {
	Addr        string
	Connections atomic.Int64
	listener    net.Listener
}

// NewRawBackend serves until the test ends. The connection is closed when `serve` returns.
func NewRawBackend(t testing.TB, serve func(conn *RawConn)) *RawBackend {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &RawBackend{Addr: listener.Addr().String(), listener: listener}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			b.Connections.Add(1)
			go func() {
				defer conn.Close()
				serve(newRawConn(conn))
			}()
		}
	}()
	t.Cleanup(func() { listener.Close() })
	return b
}

// Refused is an address on which nobody listens, and nobody can until the test ends: a socket has it that takes no
// connections.
func Refused(t testing.TB) string {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(socket) })
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	return Addr(bound.(*syscall.SockaddrInet4).Port)
}

// Blackhole is an address that takes connections into a full queue: connecting to it hangs.
func Blackhole(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	shrinkQueue(t, listener.(*net.TCPListener))
	for { // until the queue is full
		conn, err := net.DialTimeout("tcp", listener.Addr().String(), 100*time.Millisecond)
		if err != nil {
			return listener.Addr().String()
		}
		t.Cleanup(func() { conn.Close() })
	}
}
