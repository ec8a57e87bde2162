package e2e

import (
	"fmt"
	"net"
	"strconv"
	"testing"

	"yett.dev/e2e/gate"
)

func portOf(t *testing.T, address string) int {
	t.Helper()
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// Round robin: over n × k requests of one worker, each of n endpoints gets k, to the request.
func TestBalancesEvenly(t *testing.T) {
	const endpoints, rounds = 5, 12
	var backends []*gate.Backend
	var addresses []string
	for i := range endpoints {
		backends = append(backends, gate.NewBackend(t, fmt.Sprint("b", i)))
		addresses = append(addresses, backends[i].Addr)
	}
	g := start(t, gate.Options{Workers: 1}, gate.Backends("web", addresses...), gate.Route("web", "web.test", "/", "web"))
	conn := g.Dial(t)
	for range endpoints * rounds {
		conn.SendRequest(t, "GET", "/", "web.test")
		conn.Answer(t, "GET")
	}
	for _, backend := range backends {
		if got := backend.Requests.Load(); got != rounds {
			t.Errorf("%s got %d requests of %d", backend.Name, got, rounds)
		}
	}
	// One client at a time needs one connection to each endpoint.
	for _, backend := range backends {
		if got := backend.Connections.Load(); got != 1 {
			t.Errorf("%s was connected to %d times", backend.Name, got)
		}
	}
}

// With several workers, each turns on its own: all endpoints get traffic, none twice its share.
func TestBalancesOverWorkers(t *testing.T) {
	const endpoints, requests = 4, 200
	var backends []*gate.Backend
	var addresses []string
	for i := range endpoints {
		backends = append(backends, gate.NewBackend(t, fmt.Sprint("b", i)))
		addresses = append(addresses, backends[i].Addr)
	}
	g := start(t, gate.Options{Workers: 3}, gate.Backends("web", addresses...), gate.Route("web", "web.test", "/", "web"))
	for range requests {
		if answer := g.Get(t, "web.test", "/"); answer.StatusCode != 200 {
			t.Fatalf("status %d", answer.StatusCode)
		}
	}
	sum := int64(0)
	for _, backend := range backends {
		got := backend.Requests.Load()
		sum += got
		// Each worker is at most one turn off.
		if got < requests/endpoints-3 || got > requests/endpoints+3 {
			t.Errorf("%s got %d requests of %d", backend.Name, got, requests)
		}
	}
	if sum != requests {
		t.Errorf("%d requests became %d", requests, sum)
	}
}

func TestServicePorts(t *testing.T) {
	web, admin := gate.NewBackend(t, "web"), gate.NewBackend(t, "admin")
	service := gate.Service("two",
		gate.ServicePort{Name: "http", Port: 80, TargetPort: "web-port"},
		gate.ServicePort{Name: "admin", Port: 9000, TargetPort: portOf(t, admin.Addr)})
	slices := gate.Join(
		gate.EndpointSlice("two", "two-http", "http", portOf(t, web.Addr), gate.Endpoint{Address: "127.0.0.1"}),
		gate.EndpointSlice("two", "two-admin", "admin", portOf(t, admin.Addr), gate.Endpoint{Address: "127.0.0.1"}))
	single := gate.Service("single", gate.ServicePort{Port: 8080})
	singleSlice := gate.EndpointSlice("single", "single-1", "", portOf(t, web.Addr), gate.Endpoint{Address: "127.0.0.1"})
	headless := gate.Service("headless", gate.ServicePort{Name: "http", Port: 80})
	headless["spec"].(map[string]any)["clusterIP"] = "None"
	headlessSlice := gate.EndpointSlice("headless", "headless-1", "http", portOf(t, web.Addr), gate.Endpoint{Address: "127.0.0.1"})

	path := func(text, service string, port any) gate.Path {
		return gate.Path{Path: text, Service: service, Port: port}
	}
	g := start(t, gate.Options{}, service, slices, single, singleSlice, headless, headlessSlice,
		gate.Ingress{Name: "ports", Rules: []gate.Rule{{Host: "h.test", Paths: []gate.Path{
			path("/number", "two", 80), path("/name", "two", "http"),
			path("/number-2", "two", 9000), path("/name-2", "two", "admin"),
			path("/target-name", "two", "web-port"), path("/target-number", "two", portOf(t, admin.Addr)),
			path("/single", "single", 8080), path("/headless", "headless", "http"),
			path("/no-such-port", "two", 81), path("/no-such-name", "two", "nothing"), path("/no-such-service", "nobody", 80),
		}}}}.Object())
	expect(t, g, []vector{
		{host: "h.test", target: "/number", backend: "web"},
		{host: "h.test", target: "/name", backend: "web"},
		{host: "h.test", target: "/number-2", backend: "admin"},
		{host: "h.test", target: "/name-2", backend: "admin"},
		{host: "h.test", target: "/target-name", backend: "web"},
		{host: "h.test", target: "/target-number", backend: "admin"},
		{host: "h.test", target: "/single", backend: "web"},
		{host: "h.test", target: "/headless", backend: "web"},
		{host: "h.test", target: "/no-such-port", status: 503},
		{host: "h.test", target: "/no-such-name", status: 503},
		{host: "h.test", target: "/no-such-service", status: 503},
	})
}

func TestServicesOfTwoNamespaces(t *testing.T) {
	g := start(t, gate.Options{},
		gate.Backends("red/web", gate.NewBackend(t, "red").Addr), gate.Backends("blue/web", gate.NewBackend(t, "blue").Addr),
		gate.Route("red/web", "red.test", "/", "web"), gate.Route("blue/web", "blue.test", "/", "web"))
	expect(t, g, []vector{
		{host: "red.test", target: "/", backend: "red"},
		{host: "blue.test", target: "/", backend: "blue"},
	})
}

func TestIPv6Endpoints(t *testing.T) {
	listener, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6: ", err)
	}
	address := listener.Addr().String()
	listener.Close()
	gate.NewBackendOn(t, "six", address)
	g := start(t, gate.Options{}, gate.Backends("six", address), gate.Route("six", "six.test", "/", "six"))
	expect(t, g, []vector{{host: "six.test", target: "/", backend: "six"}})
}

// Ready ones are used; where there is none, those that serve while they terminate; else 503.
func TestEndpointConditions(t *testing.T) {
	yes, no := true, false
	ready, leaving, gone := gate.NewBackend(t, "ready"), gate.NewBackend(t, "leaving"), gate.NewBackend(t, "gone")
	slice := func(backend *gate.Backend, ready, serving, terminating *bool) gate.Object {
		return gate.EndpointSlice("web", backend.Name, "http", portOf(t, backend.Addr),
			gate.Endpoint{Address: "127.0.0.1", Ready: ready, Serving: serving, Terminating: terminating})
	}
	isReady := slice(ready, &yes, &yes, &no)
	isLeaving := slice(leaving, &no, &yes, &yes)
	isGone := slice(gone, &no, &no, &yes)
	isUnknown := slice(ready, nil, nil, nil)
	g := start(t, gate.Options{Workers: 1}, gate.Service("web", gate.ServicePort{Name: "http", Port: 80}),
		gate.Route("web", "web.test", "/", "web"))
	for _, c := range []struct {
		what   string
		slices []gate.Object
		answer string // "" for 503
	}{
		{"all kinds", gate.Join(isReady, isLeaving, isGone), "ready"},
		{"no ready one", gate.Join(isLeaving, isGone), "leaving"},
		{"conditions that nobody set", gate.Join(isUnknown, isLeaving), "ready"},
		{"gone ones only", gate.Join(isGone), ""},
		{"all kinds again", gate.Join(isGone, isReady), "ready"},
	} {
		g.Change(t, func() { g.Dir.Write("endpoints.yaml", c.slices...) })
		for range 4 {
			v := vector{host: "web.test", target: "/", backend: c.answer}
			if c.answer == "" {
				v.status = 503
			}
			t.Log(c.what)
			expect(t, g, []vector{v})
		}
	}
}

func TestNoEndpoints(t *testing.T) {
	g := start(t, gate.Options{}, gate.Service("web", gate.ServicePort{Name: "http", Port: 80}),
		gate.Route("web", "web.test", "/", "web"))
	answer := g.Get(t, "web.test", "/")
	if answer.StatusCode != 503 {
		t.Errorf("status %d", answer.StatusCode)
	}
	g.Dir.Write("endpoints.yaml", gate.Backends("web", gate.NewBackend(t, "web").Addr)[1:]...)
	g.WaitBody(t, "web.test", "/", "web")
	g.Dir.Remove("endpoints.yaml")
	g.WaitStatus(t, "web.test", "/", 503)
}
