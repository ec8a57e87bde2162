package e2e

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// ports is a ConfigMap of --tcp-services-configmap or --udp-services-configmap: port → "service:port[:PROXY[:PROXY]]".
type ports map[int]string

func (p ports) object(name string) gate.Object {
	data := map[string]string{}
	for port, value := range p {
		data[strconv.Itoa(port)] = "default/" + value
	}
	return gate.ConfigMap(name, data)
}

var l4Args = []string{"--tcp-services-configmap", "default/tcp", "--udp-services-configmap", "default/udp"}

// startL4 runs a gate with these ports below HTTP, and `objects`.
func startL4(t *testing.T, tcp, udp ports, args []string, objects ...any) *gate.Gate {
	t.Helper()
	dir := gate.NewDir(t)
	dir.Write("tcp.yaml", tcp.object("tcp"))
	dir.Write("udp.yaml", udp.object("udp"))
	dir.Write("objects.yaml", gate.Join(objects...)...)
	g := gate.Start(t, gate.Options{Dir: dir, Args: append(append([]string{}, l4Args...), args...)})
	for port := range tcp {
		waitPort(t, port)
	}
	return g
}

// portsGiven are those of freePort: two tests beside each other must not get the same.
var portsGiven sync.Map

// freePort is one that nobody has at this moment, neither TCP nor UDP. Even ones are the release build's, odd ones the
// sanitizer build's, whose tests may run beside.
func freePort(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := 10000 + 2*rand.IntN(11000) // below those that the kernel gives away by itself
		if gate.Sanitized() {
			port++
		}
		if _, given := portsGiven.LoadOrStore(port, true); given {
			continue
		}
		listener, err := net.Listen("tcp", gate.Addr(port))
		if err != nil {
			continue
		}
		socket, err := net.ListenPacket("udp", gate.Addr(port))
		listener.Close()
		if err == nil {
			socket.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func tryDial(port int) (net.Conn, error) {
	return net.DialTimeout("tcp", gate.Addr(port), 2*time.Second)
}

func waitPort(t *testing.T, port int) {
	t.Helper()
	gate.WaitFor(t, 10*time.Second, fmt.Sprintf("port %d to be open", port), func() bool {
		conn, err := tryDial(port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

func waitNoPort(t *testing.T, port int) {
	t.Helper()
	gate.WaitFor(t, 10*time.Second, fmt.Sprintf("port %d to be closed", port), func() bool {
		conn, err := tryDial(port)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}

// lineServer greets with its name, then sends every line back behind it; at the end it says "bye".
type lineServer struct {
	name     string
	addr     string
	listener net.Listener
	mu       sync.Mutex
	headers  []string // lines that came before the greeting, where it was told to read one
}

func newLineServer(t *testing.T, name string, readsHeader bool) *lineServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &lineServer{name: name, addr: listener.Addr().String(), listener: listener}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, readsHeader)
		}
	}()
	return s
}

func (s *lineServer) serve(conn net.Conn, readsHeader bool) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	if readsHeader {
		header, err := readProxyHeader(reader)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.headers = append(s.headers, header)
		s.mu.Unlock()
	}
	fmt.Fprintf(conn, "%s\n", s.name)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			break
		}
		fmt.Fprintf(conn, "%s %s", s.name, line)
	}
	io.WriteString(conn, "bye\n")
}

// readProxyHeader takes a PROXY header of either version.
func readProxyHeader(reader *bufio.Reader) (string, error) {
	first, err := reader.Peek(16)
	if err != nil || first[0] != '\r' {
		return reader.ReadString('\n')
	}
	header := make([]byte, 16+int(binary.BigEndian.Uint16(first[14:])))
	_, err = io.ReadFull(reader, header)
	return string(header), err
}

func (s *lineServer) lastHeader() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.headers) == 0 {
		return ""
	}
	return s.headers[len(s.headers)-1]
}

// lineConn is a client of a lineServer.
type lineConn struct {
	*gate.RawConn
	name string // of the server
}

func dialLines(t *testing.T, port int, before string) *lineConn {
	t.Helper()
	c := &lineConn{RawConn: gate.DialAddr(t, gate.Addr(port))}
	c.Send(t, before)
	c.name = strings.TrimSpace(c.line(t))
	return c
}

func (c *lineConn) line(t *testing.T) string {
	t.Helper()
	line, err := c.Reader.ReadString('\n')
	if err != nil {
		t.Fatalf("read a line: %q, %v", line, err)
	}
	return line
}

// tryAsk sends a line and checks that it comes back from the same server; false where the connection is broken.
func (c *lineConn) tryAsk(t *testing.T, text string) bool {
	t.Helper()
	if _, err := io.WriteString(c.Conn, text+"\n"); err != nil {
		return false
	}
	got, err := c.Reader.ReadString('\n')
	if got == "" && err != nil && !os.IsTimeout(err) {
		return false
	}
	if want := c.name + " " + text + "\n"; got != want {
		t.Fatalf("asked %q, got %q, %v", text, got, err)
	}
	return true
}

// ask is tryAsk on a connection that is to be whole.
func (c *lineConn) ask(t *testing.T, text string) {
	t.Helper()
	if !c.tryAsk(t, text) {
		t.Fatalf("asked %q, and the connection is broken", text)
	}
}
