package cloud

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	v1 "k8s.io/api/core/v1"
)

// pool gives out addresses, and puts each on a network interface while it is in use.
type pool struct {
	link   netlink.Link
	prefix netip.Prefix
	last   netip.Addr // given out last: an address comes again only when all others had their turn
	used   map[netip.Addr]bool
}

// newPool takes away what an earlier process left, but not the address that the interface is known by.
func newPool(device string, prefix netip.Prefix) (*pool, error) {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return nil, fmt.Errorf("interface %s: %w", device, err)
	}
	p := &pool{link: link, prefix: prefix.Masked(), last: prefix.Masked().Addr(), used: map[netip.Addr]bool{}}
	present, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil {
		return nil, err
	}
	for _, there := range present {
		address, _ := netip.AddrFromSlice(there.IP.To4())
		if bits, _ := there.Mask.Size(); bits == 32 && p.prefix.Contains(address) {
			if err := netlink.AddrDel(link, &there); err != nil {
				return nil, err
			}
			continue
		}
		p.used[address] = true
	}
	return p, nil
}

// take prefers the address that the Service has already, and then the one that it asks for.
func (p *pool) take(service *v1.Service) (netip.Addr, error) {
	wishes := []string{service.Spec.LoadBalancerIP}
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		wishes = append([]string{ingress.IP}, wishes...)
	}
	for _, wish := range wishes {
		if address, err := netip.ParseAddr(wish); err == nil && p.prefix.Contains(address) && !p.used[address] {
			return address, p.use(address)
		}
	}
	for range 1 << (32 - p.prefix.Bits()) {
		p.last = p.last.Next()
		if !p.prefix.Contains(p.last.Next()) { // the last of a range may be its broadcast address
			p.last = p.prefix.Addr().Next()
		}
		if !p.used[p.last] {
			return p.last, p.use(p.last)
		}
	}
	return netip.Addr{}, fmt.Errorf("all addresses of %s are in use", p.prefix)
}

func (p *pool) use(address netip.Addr) error {
	if err := netlink.AddrAdd(p.link, onInterface(address)); err != nil {
		return fmt.Errorf("address %s: %w", address, err)
	}
	p.used[address] = true
	return nil
}

func (p *pool) release(address netip.Addr) error {
	if err := netlink.AddrDel(p.link, onInterface(address)); err != nil {
		return fmt.Errorf("address %s: %w", address, err)
	}
	delete(p.used, address)
	return nil
}

func onInterface(address netip.Addr) *netlink.Addr {
	return &netlink.Addr{IPNet: &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(32, 32)}}
}
