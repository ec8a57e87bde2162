package e2e

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// record is how the name server answers for a name. Its zero value gets no answer at all.
type record struct {
	a, aaaa  []string
	ttl      uint32
	alias    string // a CNAME before the addresses, with a TTL of its own
	aliasTTL uint32
	rcode    dnsmessage.RCode
	delay    time.Duration
	// spoil makes something else of a packet; nil is sent as nothing.
	spoil func(packet []byte) []byte
}

// nameServer answers as its table says; a name without a record does not exist.
type nameServer struct {
	mu    sync.Mutex
	names map[string]record
	asked map[string]int
}

func newNameServer(t *testing.T, address string) *nameServer {
	t.Helper()
	socket, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	s := &nameServer{names: map[string]record{}, asked: map[string]int{}}
	go s.serveUDP(socket)
	return s
}

func (s *nameServer) serveUDP(socket net.PacketConn) {
	buffer := make([]byte, 4096)
	for {
		n, peer, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		packet, record := s.answer(buffer[:n])
		time.AfterFunc(record.delay, func() {
			if packet != nil {
				socket.WriteTo(packet, peer)
			}
		})
	}
}

// set makes this the name's record.
func (s *nameServer) set(name string, record record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[name] = record
}

// point gives the name these IPv4 addresses, for a second.
func (s *nameServer) point(name string, addresses ...string) {
	s.set(name, record{a: addresses, ttl: 1})
}

// questions for the name's addresses, of either family.
func (s *nameServer) questions(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[name]
}

// answer makes the packet for a question; nil is none.
func (s *nameServer) answer(packet []byte) ([]byte, record) {
	var message dnsmessage.Message
	if message.Unpack(packet) != nil || len(message.Questions) != 1 {
		return nil, record{}
	}
	question := message.Questions[0]
	name := strings.TrimSuffix(strings.ToLower(question.Name.String()), ".")
	s.mu.Lock()
	found, known := s.names[name]
	s.asked[name]++
	s.mu.Unlock()
	if known && len(found.a)+len(found.aaaa) == 0 && found.rcode == 0 && found.spoil == nil {
		return nil, found
	}
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: message.ID, Response: true, RecursionAvailable: true, RCode: found.rcode},
		Questions: message.Questions,
	}
	if !known {
		reply.RCode = dnsmessage.RCodeNameError
	}
	reply.Answers = found.resources(question)
	packed, err := reply.Pack()
	if err != nil {
		return nil, found
	}
	if found.spoil != nil {
		packed = found.spoil(packed)
	}
	return packed, found
}

func (r record) resources(question dnsmessage.Question) []dnsmessage.Resource {
	var answers []dnsmessage.Resource
	owner := question.Name
	add := func(ttl uint32, body dnsmessage.ResourceBody) {
		header := dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET, TTL: ttl}
		answers = append(answers, dnsmessage.Resource{Header: header, Body: body})
	}
	if r.alias != "" {
		target := dnsmessage.MustNewName(r.alias + ".")
		add(r.aliasTTL, &dnsmessage.CNAMEResource{CNAME: target})
		owner = target
	}
	switch question.Type {
	case dnsmessage.TypeA:
		for _, address := range r.a {
			add(r.ttl, &dnsmessage.AResource{A: [4]byte(net.ParseIP(address).To4())})
		}
	case dnsmessage.TypeAAAA:
		for _, address := range r.aaaa {
			add(r.ttl, &dnsmessage.AAAAResource{AAAA: [16]byte(net.ParseIP(address))})
		}
	}
	return answers
}
