package e2e

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	testgrpc "google.golang.org/grpc/interop/grpc_testing"

	"yett.dev/e2e/gate"
)

// enduranceSize is how much TestConnectionsOutliveChanges does: enough in a run of all tests to show what it is about;
// `make test-endurance` for the whole of it.
type enduranceSize struct {
	sockets, streams, changes int
}

func enduranceSizes() enduranceSize {
	switch {
	case os.Getenv("YETT_ENDURANCE") != "":
		return enduranceSize{10000, 1000, 1000}
	case gate.Sanitized():
		return enduranceSize{200, 50, 50}
	}
	return enduranceSize{1000, 100, 100}
}

// held is a connection that stays open for the whole of a test, and answers when it is asked.
type held interface {
	// exchange sends one message and waits for its answer.
	exchange(message string) error
}

// holdAll opens `count` connections, some at a time.
func holdAll(t *testing.T, count int, open func(i int) (held, error)) []held {
	t.Helper()
	all := make([]held, count)
	each(t, count, func(i int) (err error) {
		all[i], err = open(i)
		return err
	})
	return all
}

// each calls `do` for 0 to count-1, 32 at a time; the first failure ends the test.
func each(t *testing.T, count int, do func(i int) error) {
	t.Helper()
	var next atomic.Int64
	var done sync.WaitGroup
	for range 32 {
		done.Add(1)
		go func() {
			defer done.Done()
			for i := next.Add(1) - 1; i < int64(count) && !t.Failed(); i = next.Add(1) - 1 {
				if err := do(int(i)); err != nil {
					t.Errorf("%d of %d: %v", i, count, err)
				}
			}
		}()
	}
	done.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// exchangeAll has every connection answer once.
func exchangeAll(t *testing.T, all []held, message string) {
	t.Helper()
	each(t, len(all), func(i int) error { return all[i].exchange(message) })
}

type heldSocket struct{ conn *websocket.Conn }

func (s heldSocket) exchange(message string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second*gate.Scale())
	defer cancel()
	if err := s.conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
		return err
	}
	_, answer, err := s.conn.Read(ctx)
	if err == nil && string(answer) != message {
		err = fmt.Errorf("%q came back as %q", message, answer)
	}
	return err
}

// manyAddresses dials from one of several loopback addresses: each has some 28,000 ports.
func manyAddresses(to string, i int) func(ctx context.Context, network, _ string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+i%8))}}
		return dialer.DialContext(ctx, network, to)
	}
}

// openSocket opens a WebSocket, every other one over TLS.
func openSocket(t *testing.T, g *gate.Gate, host string, certificate gate.Certificate, i int) (held, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second*gate.Scale())
	defer cancel()
	transport := &http.Transport{DialContext: manyAddresses(g.HTTP, i)}
	scheme := "ws"
	if i%2 == 1 {
		scheme = "wss"
		transport.DialContext = manyAddresses(g.HTTPS, i)
		transport.TLSClientConfig = certificate.Trust("")
	}
	conn, _, err := websocket.Dial(ctx, scheme+"://"+host+"/", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.CloseNow() })
	return heldSocket{conn}, nil
}

// heldStream is a gRPC stream in both directions.
type heldStream struct {
	stream testgrpc.TestService_FullDuplexCallClient
}

func (s heldStream) exchange(message string) error {
	sent := &testgrpc.StreamingOutputCallRequest{Payload: &testgrpc.Payload{Body: []byte(message)}}
	if err := s.stream.Send(sent); err != nil {
		return err
	}
	answer, err := s.stream.Recv()
	if err == nil && string(answer.GetPayload().GetBody()) != message {
		err = fmt.Errorf("%q came back as %q", message, answer.GetPayload().GetBody())
	}
	return err
}

// holdStreams opens streams, 50 on a connection, over TLS.
func holdStreams(t *testing.T, s *tlsSite, host string, count int) []held {
	t.Helper()
	var clients []testgrpc.TestServiceClient
	for range (count + 49) / 50 {
		trust := credentials.NewTLS(s.certificate.Trust(host))
		conn, err := grpc.NewClient("passthrough:///"+s.HTTPS, grpc.WithTransportCredentials(trust), grpc.WithAuthority(host))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		clients = append(clients, testgrpc.NewTestServiceClient(conn))
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return holdAll(t, count, func(i int) (held, error) {
		stream, err := clients[i/50].FullDuplexCall(ctx)
		return heldStream{stream}, err
	})
}

// privateOf is the anonymous memory of the gate's children, by title.
func privateOf(t *testing.T, g *gate.Gate) map[string]int64 {
	t.Helper()
	private := map[string]int64{}
	for _, child := range g.Children() {
		private[child.Title] = gate.PrivateBytes(t, child.Pid)
	}
	return private
}

// changer writes change after change, each of another kind, and waits until all workers serve it. After ten of them
// all is as it was.
type changer struct {
	g            *gate.Gate
	certificates []gate.Certificate
	backends     []*gate.Backend
}

func (c *changer) change(t *testing.T, i int) {
	t.Helper()
	c.g.Change(t, func() {
		switch i % 5 {
		case 0: // a certificate, of the host that connections are open to
			c.g.Dir.Write("certificate.yaml", c.certificates[i/5%2].Secret("held"))
		case 1: // a new route
			c.g.Dir.Write("route.yaml", gate.Route("edited", fmt.Sprintf("h%d.test", i), "/", "a"))
		case 2: // endpoints move
			c.g.Dir.Write("move.yaml", gate.Join(gate.Backends("moving", c.backends[i/5%2].Addr),
				gate.Route("moving", "moving.test", "/", "moving"))...)
		case 3: // settings of all
			c.g.Dir.Write("settings.yaml", settings(map[string]string{"generate-request-id": fmt.Sprint(i/5%2 == 1)}))
		case 4: // the open connections' own route goes elsewhere, and comes back
			service := []string{"a", ""}[i/5%2]
			c.g.Dir.Write("held.yaml", heldRoutes(cmp.Or(service, "sockets"), cmp.Or(service, "streams"))...)
		}
	})
}

// The hosts of connections that are held.
const socketHost, streamHost = "sockets.held.test", "streams.held.test"

// heldRoutes lead them to these Services.
func heldRoutes(sockets, streams string) []gate.Object {
	route := func(name, host, service, protocol string) gate.Object {
		return gate.Ingress{Name: name, TLS: []gate.TLS{{Hosts: []string{host}, Secret: "held"}},
			Annotations: map[string]string{"nginx.ingress.kubernetes.io/ssl-redirect": "false",
				"nginx.ingress.kubernetes.io/backend-protocol":   protocol,
				"nginx.ingress.kubernetes.io/proxy-read-timeout": "3600"},
			Rules: []gate.Rule{{Host: host, Paths: []gate.Path{{Path: "/", Service: service}}}}}.Object()
	}
	return gate.Join(route("sockets", socketHost, sockets, "HTTP"), route("streams", streamHost, streams, "GRPC"))
}

// Connections that are open stay open, whatever changes around them, and cost no more in the end than in the beginning.
func TestConnectionsOutliveChanges(t *testing.T) {
	size := enduranceSizes()
	if !gate.RaiseDescriptorLimit(uint64(size.sockets + 2048)) {
		t.Fatalf("the limit of descriptors cannot be raised to hold %d connections", size.sockets)
	}
	backends := gate.Beside(t, func() []string { return []string{echoSockets(t).Addr, startGRPC(t, echoing(), nil).Addr} })
	a, b := gate.NewBackend(t, "a"), gate.NewBackend(t, "b")
	certificates := []gate.Certificate{gate.NewCertificate(t, socketHost, streamHost), gate.NewCertificate(t, socketHost, streamHost)}
	last := certificates[1]
	dir := gate.NewDir(t) // what changes lies in files of its own
	dir.Write("objects.yaml", gate.Join(gate.Backends("sockets", backends[0]), gate.Backends("streams", backends[1]),
		gate.Backends("a", a.Addr))...)
	dir.Write("certificate.yaml", last.Secret("held"))
	dir.Write("held.yaml", heldRoutes("sockets", "streams")...)
	dir.Write("settings.yaml", settings(nil))
	g := gate.Start(t, gate.Options{Dir: dir, Args: append([]string{"--access-log", "off"}, keepAlive...)})
	c := &changer{g, certificates, []*gate.Backend{a, b}}
	for i := range 10 { // what is needed once
		c.change(t, i)
	}

	begin := time.Now()
	all := holdAll(t, size.sockets, func(i int) (held, error) { return openSocket(t, g, socketHost, last, i) })
	all = append(all, holdStreams(t, &tlsSite{g, last, ""}, streamHost, size.streams)...)
	exchangeAll(t, all, "before")
	t.Logf("%d WebSockets and %d gRPC streams are open after %v", size.sockets, size.streams, time.Since(begin).Round(time.Millisecond))
	before := privateOf(t, g)

	begin = time.Now()
	for i := range size.changes {
		c.change(t, i)
		if i%100 == 99 {
			exchangeAll(t, all, fmt.Sprint("after change ", i))
		}
	}
	t.Logf("%d changes after %v", size.changes, time.Since(begin).Round(time.Millisecond))
	exchangeAll(t, all, "after")
	if !g.ServerCertificate(t, socketHost).Equal(certificates[(size.changes-1)/5%2].Leaf) {
		t.Error("the last certificate is not the one that is shown")
	}
	for title, bytes := range privateOf(t, g) {
		t.Logf("%s: %d KB, before %d KB", title, bytes>>10, before[title]>>10)
		// Below ten megabytes the allocator's own steps are larger than a tenth.
		if limit := max(before[title]*11/10, before[title]+1<<20); bytes > limit && !gate.Sanitized() {
			t.Errorf("%s has %d bytes, more than a tenth above %d", title, bytes, before[title])
		}
	}
}
