package fabric

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Unplug pulls the member's wire: nothing that it sends arrives, and nothing reaches it.
func (n *Namespace) Unplug() error { return netlink.LinkSetDown(n.wire) }

// Plug puts the wire back.
func (n *Namespace) Plug() error { return netlink.LinkSetUp(n.wire) }

const sink = "sink"

// Cut drops, without a word, all that goes between the member and `peer`. The way to `peer` leads into an interface
// that ends nowhere; and since what comes from `peer` does not come in there, the reverse path filter drops it
// (Documentation/networking/ip-sysctl.rst, rp_filter).
func (n *Namespace) Cut(peer netip.Addr) error {
	err := n.Do(func() error {
		link, err := sinkOf()
		if err != nil {
			return err
		}
		return netlink.RouteReplace(wayIntoSink(link, peer))
	})
	if err != nil {
		return fmt.Errorf("cut %s from %s: %w", peer, n.Name, err)
	}
	return nil
}

// Heal ends a Cut.
func (n *Namespace) Heal(peer netip.Addr) error {
	err := n.Do(func() error {
		link, err := sinkOf()
		if err != nil {
			return err
		}
		return netlink.RouteDel(wayIntoSink(link, peer))
	})
	if err != nil {
		return fmt.Errorf("heal the way from %s to %s: %w", n.Name, peer, err)
	}
	return nil
}

func wayIntoSink(link netlink.Link, peer netip.Addr) *netlink.Route {
	return &netlink.Route{
		LinkIndex: link.Attrs().Index,
		Dst:       &net.IPNet{IP: peer.AsSlice(), Mask: net.CIDRMask(32, 32)},
		Scope:     netlink.SCOPE_LINK,
	}
}

// sinkOf finds or makes the sink of the calling thread's namespace: one end of a wire that asks nobody for hardware
// addresses, so that packets go out at once and nobody takes them in.
func sinkOf() (netlink.Link, error) {
	if link, err := netlink.LinkByName(sink); err == nil {
		return link, nil
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name = sink
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: sink + "-end"}); err != nil {
		return nil, err
	}
	end, err := netlink.LinkByName(sink + "-end")
	if err != nil {
		return nil, err
	}
	link, err := netlink.LinkByName(sink)
	if err != nil {
		return nil, err
	}
	return link, errors.Join(netlink.LinkSetARPOff(link), netlink.LinkSetUp(end), netlink.LinkSetUp(link),
		setting("ipv4/conf/all/rp_filter", "1"))
}

func netmask() net.IPMask { return net.CIDRMask(Prefix.Bits(), 32) }
