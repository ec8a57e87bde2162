package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"yett.dev/e2e/gate"
)

func externalService(name, target string, port int) gate.Object {
	service := gate.Service(name, gate.ServicePort{Port: port})
	spec := service["spec"].(map[string]any)
	spec["type"], spec["externalName"] = "ExternalName", target
	return service
}

// externalRoute is NAME.test, served by what NAME.dns.test resolves to.
func externalRoute(name string, port int) []gate.Object {
	return gate.Join(externalService(name, name+".dns.test", port), gate.Ingress{Name: name, Rules: []gate.Rule{{
		Host: name + ".test", Paths: []gate.Path{{Path: "/", Service: name, Port: port}}}}}.Object())
}

// Addresses of the tests' namespace, and what lies there.
const firstAddress, secondAddress = "192.0.2.10", "192.0.2.11"

const resolvConf = "nameserver 127.0.0.1\n"

// externalSite has the backends "one" and "two" on the two addresses, on one port, and a name server; each of `names`
// is a host of its own. Beside them "plain.test" has an address that needs no name server.
type externalSite struct {
	*gate.Gate
	names *nameServer
	port  int
}

func newExternalSite(t *testing.T, hosts []string, prepare func(names *nameServer), more ...any) *externalSite {
	t.Helper()
	names := newNameServer(t, "127.0.0.1:53")
	one := gate.NewBackendOn(t, "one", firstAddress+":0")
	port := portOf(t, one.Addr)
	gate.NewBackendOn(t, "two", net.JoinHostPort(secondAddress, fmt.Sprint(port)))
	prepare(names)
	plain := gate.NewBackend(t, "plain")
	objects := gate.Join(append(more, gate.Backends("plain", plain.Addr), gate.Route("plain", "plain.test", "/", "plain"))...)
	for _, host := range hosts {
		objects = append(objects, externalRoute(host, port)...)
	}
	return &externalSite{start(t, gate.Options{Workers: 1, Args: keepAlive}, objects, settings(nil)), names, port}
}

// Names are resolved by the workers: several addresses take turns, changes are followed when the TTL is over, and
// what does not resolve, or resolves to the gate's own machine, is 503.
func TestExternalName(t *testing.T) {
	t.Parallel() // it waits most of its time
	if !gate.InNamespace(t, resolvConf, firstAddress, secondAddress) {
		return
	}
	hosts := []string{"moving", "both", "loopback", "silent", "missing", "six", "mapped", "zero", "six-zero", "refused"}
	g := newExternalSite(t, hosts, func(names *nameServer) {
		names.point("moving.dns.test", firstAddress)
		names.set("both.dns.test", record{a: []string{firstAddress, secondAddress}, aaaa: []string{"2001:db8::1"}, ttl: 1})
		names.point("loopback.dns.test", "127.0.0.1")
		names.set("silent.dns.test", record{})
		names.set("six.dns.test", record{aaaa: []string{"::1"}, ttl: 1})
		names.set("mapped.dns.test", record{aaaa: []string{"::ffff:127.0.0.1"}, ttl: 1})
		names.point("zero.dns.test", "0.0.0.0")
		names.set("six-zero.dns.test", record{aaaa: []string{"::"}, ttl: 1})
		names.set("refused.dns.test", record{rcode: dnsmessage.RCodeRefused})
	}, externalService("local", "localhost", 80), gate.Ingress{Name: "local", Rules: []gate.Rule{{Host: "local.test",
		Paths: []gate.Path{{Path: "/", Service: "local", Port: 80}}}}}.Object())

	expect(t, g.Gate, []vector{
		{host: "moving.test", target: "/x", backend: "one"},
		{host: "loopback.test", target: "/", status: 503},
		{host: "silent.test", target: "/", status: 503},
		{host: "missing.test", target: "/", status: 503},
		{host: "local.test", target: "/", status: 503},
		{host: "six.test", target: "/", status: 503},
		{host: "mapped.test", target: "/", status: 503},
		{host: "zero.test", target: "/", status: 503},
		{host: "six-zero.test", target: "/", status: 503},
		{host: "refused.test", target: "/", status: 503},
	})
	seen := map[string]int{}
	for range 10 { // IPv6 is for names without IPv4: nobody could reach it here
		seen[g.Get(t, "both.test", "/").Body]++
	}
	if seen["one"] != 5 || seen["two"] != 5 {
		t.Errorf("two addresses took turns as %v", seen)
	}
	if asked := g.names.questions("both.dns.test"); asked > 2 {
		t.Errorf("%d questions for 10 requests within the TTL", asked)
	}
	if g.names.questions("localhost") != 0 {
		t.Error("localhost was asked for")
	}
	g.names.point("moving.dns.test", secondAddress)
	g.WaitBody(t, "moving.test", "/", "two")
	g.names.point("missing.dns.test", firstAddress)
	g.WaitBody(t, "missing.test", "/", "one")
	g.names.set("moving.dns.test", record{rcode: dnsmessage.RCodeNameError})
	g.WaitStatus(t, "moving.test", "/", 503)
}

// An answer holds for as long as each record on the way to it says, and no longer.
func TestExternalNameTTL(t *testing.T) {
	t.Parallel() // it waits most of its time
	if !gate.InNamespace(t, resolvConf, firstAddress, secondAddress) {
		return
	}
	alias := func(address string) record {
		return record{alias: "target.dns.test", aliasTTL: 2, a: []string{address}, ttl: 300}
	}
	g := newExternalSite(t, []string{"long", "alias"}, func(names *nameServer) {
		names.set("long.dns.test", record{a: []string{firstAddress}, ttl: 4})
		names.set("alias.dns.test", alias(firstAddress))
	})
	for host, ttl := range map[string]time.Duration{"long": 4 * time.Second, "alias": 2 * time.Second} {
		begin := time.Now()
		g.WaitBody(t, host+".test", "/", "one")
		if host == "alias" {
			g.names.set("alias.dns.test", alias(secondAddress))
		} else {
			g.names.set("long.dns.test", record{a: []string{secondAddress}, ttl: 4})
		}
		g.WaitBody(t, host+".test", "/", "two")
		took := time.Since(begin)
		t.Logf("%s: followed after %v, %d questions", host, took.Round(time.Millisecond), g.names.questions(host+".dns.test"))
		if took < ttl-time.Second || took > ttl+time.Second*gate.Scale() {
			t.Errorf("%s: a change was followed after %v, the TTL is %v", host, took, ttl)
		}
		if asked := g.names.questions(host + ".dns.test"); asked != 2 {
			t.Errorf("%s: %d questions for two answers", host, asked)
		}
	}
}

// A name server that was there, and is no more, takes nothing away: what it said last is used on.
func TestExternalNameServerGone(t *testing.T) {
	t.Parallel() // it waits most of its time
	if !gate.InNamespace(t, resolvConf, firstAddress, secondAddress) {
		return
	}
	g := newExternalSite(t, []string{"kept"}, func(names *nameServer) { names.point("kept.dns.test", firstAddress) })
	g.WaitBody(t, "kept.test", "/", "one")
	for what, lost := range map[string]record{"no answer": {}, "SERVFAIL": {rcode: dnsmessage.RCodeServerFailure}} {
		g.names.set("kept.dns.test", lost)
		before := g.names.questions("kept.dns.test")
		gate.WaitFor(t, 20*time.Second, "questions that lead to nothing", func() bool {
			begin := time.Now()
			if answer := g.Get(t, "kept.test", "/"); answer.StatusCode != 200 || time.Since(begin) > time.Second*gate.Scale() {
				t.Fatalf("%s: status %d after %v", what, answer.StatusCode, time.Since(begin))
			}
			return g.names.questions("kept.dns.test") >= before+3
		})
	}
	g.names.point("kept.dns.test", secondAddress)
	g.WaitBody(t, "kept.test", "/", "two")
}

// spoiled are answers that are none. All of them begin as the right one.
var spoiled = map[string]func(packet []byte) []byte{
	"noise":          func(p []byte) []byte { return bytes.Repeat([]byte{0xA5}, 400) },
	"empty":          func(p []byte) []byte { return []byte{} },
	"id-alone":       func(p []byte) []byte { return p[:2] },
	"head-alone":     func(p []byte) []byte { return p[:12] },
	"cut":            func(p []byte) []byte { return p[:len(p)-3] },
	"other-id":       func(p []byte) []byte { p[0] ^= 0xFF; return p },
	"question":       func(p []byte) []byte { p[2] &^= 0x80; return p }, // QR: no answer but a question
	"other-question": func(p []byte) []byte { p[13] ^= 0x01; return p },
	"count-lies":     func(p []byte) []byte { binary.BigEndian.PutUint16(p[6:], 0xFFFF); return p },
	"pointer-loop": func(p []byte) []byte { // the answer's name points at itself
		at := bytes.LastIndex(p, []byte{0xC0, 0x0C})
		if at < 0 {
			return nil
		}
		binary.BigEndian.PutUint16(p[at:], 0xC000|uint16(at))
		return p
	},
	"short-address": func(p []byte) []byte { // RDLENGTH 3
		if at := len(p) - 6; binary.BigEndian.Uint16(p[at:]) == 4 {
			binary.BigEndian.PutUint16(p[at:], 3)
			return p[:len(p)-1]
		}
		return nil
	},
	"truncated": func(p []byte) []byte { p[2] |= 0x02; return p }, // TC, and what there was room for
	"truncated-to-nothing": func(p []byte) []byte {
		p[2] |= 0x02
		binary.BigEndian.PutUint16(p[6:], 0)
		return p[:len(p)-16]
	},
	"huge": func(p []byte) []byte { return append(p, make([]byte, 60000)...) },
}

// understood are those of the hosts below whose answer is one after all.
var understood = []string{"good", "slow", "question", "truncated", "huge"}

// A resolver that answers with garbage, slowly or not at all hurts the Service that it answers for, and no other: not
// one by another name, and not one that has addresses.
func TestExternalNameBadServer(t *testing.T) {
	t.Parallel() // it waits most of its time
	if !gate.InNamespace(t, resolvConf, firstAddress, secondAddress) {
		return
	}
	hosts := []string{"good", "slow", "silent"}
	for name := range spoiled {
		hosts = append(hosts, name)
	}
	g := newExternalSite(t, hosts, func(names *nameServer) {
		names.point("good.dns.test", firstAddress)
		names.set("slow.dns.test", record{a: []string{firstAddress}, ttl: 60, delay: 900 * time.Millisecond})
		names.set("silent.dns.test", record{})
		for name, spoil := range spoiled {
			names.set(name+".dns.test", record{a: []string{firstAddress}, ttl: 60, spoil: spoil})
		}
	})
	g.WaitBody(t, "good.test", "/", "one")
	good := g.StartLoad(t, gate.LoadOptions{Clients: 2, Host: "good.test"})
	plain := g.StartLoad(t, gate.LoadOptions{Clients: 2, Host: "plain.test"})
	pid := g.WorkerPid(0)

	type outcome struct {
		host, body string
		status     int
		took       time.Duration
	}
	outcomes := make(chan outcome)
	for _, host := range hosts {
		for range 8 { // several at once: all of them wait for one answer
			go func() {
				begin := time.Now()
				status, body := g.TryGetWithin(host+".test", "/", 30*time.Second)
				outcomes <- outcome{host, body, status, time.Since(begin)}
			}()
		}
	}
	for range 8 * len(hosts) {
		o := <-outcomes
		served := slices.Contains(understood, o.host)
		if served && (o.status != 200 || o.body != "one") || !served && o.status != 503 {
			t.Errorf("%s: status %d by %q after %v", o.host, o.status, o.body, o.took)
		}
		if limit := 6 * time.Second * gate.Scale(); o.took > limit { // RESOLVER_TIMEOUT_MS is 5 s
			t.Errorf("%s: took %v", o.host, o.took)
		}
	}
	for what, load := range map[string]*gate.Load{"another name": good, "a Service with addresses": plain} {
		result := load.Stop()
		t.Logf("beside them, %s: %v, the slowest in %v", what, result, result.Slowest)
		if result.Failed() != 0 || result.Requests < 100 || result.Slowest > time.Second*gate.Scale() {
			t.Errorf("%s was hurt: %v", what, result)
		}
	}
	if g.WorkerPid(0) != pid {
		t.Error("the worker is another one")
	}
	for _, host := range hosts { // and a server that mends its ways is heard
		g.names.point(host+".dns.test", secondAddress)
		gate.WaitFor(t, 20*time.Second, host+" to be heard", func() bool {
			status, body := g.TryGet(host+".test", "/")
			return status == 200 && (body == "two" || slices.Contains(understood, host))
		})
	}
}

// Three name servers, of which none answers, are not asked for three times as long.
func TestExternalNameNoServer(t *testing.T) {
	t.Parallel() // it waits most of its time
	if !gate.InNamespace(t, "nameserver 127.0.0.1\nnameserver 127.0.0.2\nnameserver 127.0.0.3\nsearch a.test b.test c.test\noptions ndots:5\n",
		firstAddress, secondAddress) {
		return
	}
	for _, address := range []string{"127.0.0.2:53", "127.0.0.3:53"} {
		newNameServer(t, address).set("lost.dns.test", record{})
	}
	g := newExternalSite(t, []string{"lost"}, func(names *nameServer) {
		for _, suffix := range []string{"", ".a.test", ".b.test", ".c.test"} {
			names.set("lost.dns.test"+suffix, record{})
		}
	})
	begin := time.Now()
	status, _ := g.TryGetWithin("lost.test", "/", 30*time.Second)
	if took := time.Since(begin); status != 503 || took > 6*time.Second*gate.Scale() {
		t.Errorf("status %d after %v", status, took)
	}
	begin = time.Now()
	status, _ = g.TryGetWithin("lost.test", "/", 30*time.Second)
	if took := time.Since(begin); status != 503 || took > time.Second*gate.Scale() {
		t.Errorf("while the question is open: status %d after %v", status, took)
	}
	if !strings.Contains(g.Get(t, "plain.test", "/").Body, "plain") {
		t.Error("plain.test is not served")
	}
}
