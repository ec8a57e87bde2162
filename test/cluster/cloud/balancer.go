package cloud

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"

	v1 "k8s.io/api/core/v1"
)

// balancer is one Service's: a forwarder for each of its ports.
type balancer struct {
	address netip.Addr
	ports   map[portKey]forwarder
}

type portKey struct {
	protocol v1.Protocol
	port     int32
}

// forwarder carries what arrives at a port to one of its targets.
type forwarder interface {
	setTargets(list []netip.AddrPort, proxy proxyProtocol)
	close()
}

func newBalancer(address netip.Addr) *balancer {
	return &balancer{address, map[portKey]forwarder{}}
}

// update opens and closes ports as the Service has them, and tells them their endpoints.
func (b *balancer) update(service *v1.Service, endpoints map[string][]netip.AddrPort) error {
	proxy := proxyProtocol(service.Annotations[AnnotationProxyProtocol])
	wanted := map[portKey]bool{}
	var all error
	for _, port := range service.Spec.Ports {
		key := portKey{port.Protocol, port.Port}
		wanted[key] = true
		if b.ports[key] == nil {
			f, err := listen(port.Protocol, net.JoinHostPort(b.address.String(), strconv.Itoa(int(port.Port))))
			if err != nil {
				all = errors.Join(all, err)
				continue
			}
			b.ports[key] = f
		}
		b.ports[key].setTargets(endpoints[port.Name], proxy)
	}
	for key, f := range b.ports {
		if !wanted[key] {
			f.close()
			delete(b.ports, key)
		}
	}
	return all
}

func (b *balancer) close() {
	for _, f := range b.ports {
		f.close()
	}
}

func listen(protocol v1.Protocol, address string) (forwarder, error) {
	switch protocol {
	case v1.ProtocolTCP:
		return listenTCP(address)
	case v1.ProtocolUDP:
		return listenUDP(address)
	}
	return nil, fmt.Errorf("protocol %s: this cloud carries TCP and UDP", protocol)
}

// targets are the endpoints of a port, taken by turns.
type targets struct {
	lock  sync.Mutex
	list  []netip.AddrPort
	proxy proxyProtocol
	turn  int
}

func (t *targets) setTargets(list []netip.AddrPort, proxy proxyProtocol) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.list, t.proxy = list, proxy
}

// inTurn lists all of them, beginning with the one whose turn it is.
func (t *targets) inTurn() ([]netip.AddrPort, proxyProtocol) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if len(t.list) == 0 {
		return nil, t.proxy
	}
	first := t.turn % len(t.list)
	t.turn++
	return append(append([]netip.AddrPort{}, t.list[first:]...), t.list[:first]...), t.proxy
}
