package e2e

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"yett.dev/e2e/gate"
)

// nameServer answers questions for A by a table; a name without an entry does not exist, one with an empty entry
// gets no answer at all.
type nameServer struct {
	mu    sync.Mutex
	names map[string][]string
	asked map[string]int
}

func newNameServer(t *testing.T, address string) *nameServer {
	t.Helper()
	socket, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	s := &nameServer{names: map[string][]string{}, asked: map[string]int{}}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, peer, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer := s.answer(buffer[:n]); answer != nil {
				socket.WriteTo(answer, peer)
			}
		}
	}()
	return s
}

func (s *nameServer) set(name string, addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[name] = addresses
}

func (s *nameServer) questions(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[name]
}

func (s *nameServer) answer(packet []byte) []byte {
	var message dnsmessage.Message
	if message.Unpack(packet) != nil || len(message.Questions) != 1 {
		return nil
	}
	question := message.Questions[0]
	name := strings.TrimSuffix(strings.ToLower(question.Name.String()), ".")
	s.mu.Lock()
	addresses, known := s.names[name]
	s.asked[name]++
	s.mu.Unlock()
	if known && len(addresses) == 0 {
		return nil
	}
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: message.ID, Response: true, RecursionAvailable: true},
		Questions: message.Questions,
	}
	if !known {
		reply.RCode = dnsmessage.RCodeNameError
	}
	for _, address := range addresses {
		if question.Type == dnsmessage.TypeA {
			reply.Answers = append(reply.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 1},
				Body:   &dnsmessage.AResource{A: [4]byte(net.ParseIP(address).To4())},
			})
		}
	}
	packed, err := reply.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func externalService(name, target string, port int) gate.Object {
	service := gate.Service(name, gate.ServicePort{Port: port})
	spec := service["spec"].(map[string]any)
	spec["type"], spec["externalName"] = "ExternalName", target
	return service
}

// Names are resolved by the workers: several addresses take turns, changes are followed when the TTL is over, and
// what does not resolve, or resolves to the gate's own machine, is 503.
func TestExternalName(t *testing.T) {
	const first, second = "192.0.2.10", "192.0.2.11"
	if !gate.InNamespace(t, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", first, second) {
		return
	}
	names := newNameServer(t, "127.0.0.1:53")
	one := gate.NewBackendOn(t, "one", first+":0")
	port := portOf(t, one.Addr)
	gate.NewBackendOn(t, "two", net.JoinHostPort(second, one.Addr[strings.LastIndexByte(one.Addr, ':')+1:]))
	names.set("moving.dns.test", first)
	names.set("both.dns.test", first, second)
	names.set("loopback.dns.test", "127.0.0.1")
	names.set("silent.dns.test")

	var objects []gate.Object
	for _, name := range []string{"moving", "both", "loopback", "silent", "missing"} {
		objects = append(objects, externalService(name, name+".dns.test", port),
			gate.Ingress{Name: name, Rules: []gate.Rule{{Host: name + ".test",
				Paths: []gate.Path{{Path: "/", Service: name, Port: port}}}}}.Object())
	}
	objects = append(objects, externalService("local", "localhost", port),
		gate.Ingress{Name: "local", Rules: []gate.Rule{{Host: "local.test",
			Paths: []gate.Path{{Path: "/", Service: "local", Port: port}}}}}.Object())
	g := start(t, gate.Options{Workers: 1}, objects)

	expect(t, g, []vector{
		{host: "moving.test", target: "/x", backend: "one"},
		{host: "loopback.test", target: "/", status: 503},
		{host: "silent.test", target: "/", status: 503},
		{host: "missing.test", target: "/", status: 503},
		{host: "local.test", target: "/", status: 503},
	})
	seen := map[string]int{}
	for range 10 {
		seen[g.Get(t, "both.test", "/").Body]++
	}
	if seen["one"] != 5 || seen["two"] != 5 {
		t.Errorf("two addresses took turns as %v", seen)
	}
	if asked := names.questions("both.dns.test"); asked > 4 {
		t.Errorf("%d questions for 10 requests within the TTL", asked)
	}
	if names.questions("localhost") != 0 {
		t.Error("localhost was asked for")
	}
	names.set("moving.dns.test", second)
	g.WaitBody(t, "moving.test", "/", "two")
	names.set("missing.dns.test", first)
	gate.WaitFor(t, 5*time.Second, "a name that comes into being", func() bool {
		status, _ := g.TryGet("missing.test", "/")
		return status == 200
	})
}
