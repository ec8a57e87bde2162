// Package fabric makes the network that a cluster on one machine lives in: one flat subnet on a bridge, on which
// every member is a network namespace with a wire of its own. Pulling a wire, or losing what one member sends to
// another, is what real networks do to a cluster: nothing is refused, it just never arrives.
//
// Who has which address:
//
//	10.77.0.1        the test itself: the bridge
//	10.77.0.2        the control plane
//	10.77.N.1        node N, 1 to 200; its Pods have the rest of 10.77.N.0/24
//	10.77.240.0/24   clients
//	10.77.250.0/24   load balancers
package fabric

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
)

// Prefix is the one subnet that all are on; no packet is routed.
var Prefix = netip.MustParsePrefix("10.77.0.0/16")

// Addresses of those of whom there is one.
var (
	TestAddress         = netip.MustParseAddr("10.77.0.1")
	ControlPlaneAddress = netip.MustParseAddr("10.77.0.2")
)

// LoadBalancers is where Services of type LoadBalancer get their addresses from.
var LoadBalancers = netip.MustParsePrefix("10.77.250.0/24")

// NodeAddress is the address of node `n`, counted from 1.
func NodeAddress(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 77, byte(n), 1}) }

// PodAddresses is where the Pods of node `n` get their addresses from.
func PodAddresses(n int) netip.Prefix { return netip.PrefixFrom(NodeAddress(n), 24).Masked() }

// ClientAddress is the address of client `n`, counted from 1.
func ClientAddress(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 77, 240, byte(n)}) }

// Fabric is the bridge in the namespace of the process that makes it.
type Fabric struct {
	bridge netlink.Link
}

// New makes the bridge, with TestAddress on it, and brings up the loopback interface. The calling process must be in
// a network namespace that is its own.
func New() (*Fabric, error) {
	if err := loopbackUp(); err != nil {
		return nil, err
	}
	bridge, err := newBridge("fabric", TestAddress)
	if err != nil {
		return nil, fmt.Errorf("bridge of the fabric: %w", err)
	}
	return &Fabric{bridge}, nil
}

// Attach makes a namespace with a wire to the fabric, whose end in it, eth0, has `address`.
func (f *Fabric) Attach(name string, address netip.Addr) (*Namespace, error) {
	ns, err := f.newMember(name)
	if err != nil {
		return nil, err
	}
	err = ns.Do(func() error { return configure("eth0", address) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("eth0 of %s: %w", name, err), ns.Close())
	}
	return ns, nil
}

// AttachNode makes a namespace with a bridge br0 of its own, for the wires of its Pods; br0 has `address` and is
// wired to the fabric.
func (f *Fabric) AttachNode(name string, address netip.Addr) (*Namespace, error) {
	ns, err := f.newMember(name)
	if err != nil {
		return nil, err
	}
	err = ns.Do(func() error {
		bridge, err := newBridge("br0", address)
		if err != nil {
			return err
		}
		uplink, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return errors.Join(netlink.LinkSetMaster(uplink, bridge), netlink.LinkSetUp(uplink))
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("bridge of %s: %w", name, err), ns.Close())
	}
	return ns, nil
}

// newMember makes a namespace and its wire; eth0 in it is down and without address.
func (f *Fabric) newMember(name string) (*Namespace, error) {
	ns, err := newNamespace(name)
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name = wireName(name)
	attributes.MasterIndex = f.bridge.Attrs().Index
	wire := &netlink.Veth{LinkAttrs: attributes, PeerName: "eth0", PeerNamespace: netlink.NsFd(ns.file.Fd())}
	err = netlink.LinkAdd(wire)
	if err == nil {
		err = netlink.LinkSetUp(wire)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wire to %s: %w", name, err), ns.Close())
	}
	ns.wire = wire
	return ns, nil
}

// wireName fits IFNAMSIZ; names of members are short and differ in their first letters.
func wireName(member string) string { return "w-" + member[:min(len(member), 13)] }

func newBridge(name string, address netip.Addr) (netlink.Link, error) {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = name
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attributes}); err != nil {
		return nil, err
	}
	if err := configure(name, address); err != nil {
		return nil, err
	}
	return netlink.LinkByName(name)
}

// configure gives an interface its address and brings it up. IPv6 is off: duplicate address detection would keep
// interfaces busy that nobody asks by IPv6.
func configure(name string, address netip.Addr) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := setting("ipv6/conf/"+name+"/disable_ipv6", "1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	ip := &netlink.Addr{IPNet: netlink.NewIPNet(address.AsSlice())}
	ip.Mask = netmask()
	return errors.Join(netlink.AddrAdd(link, ip), netlink.LinkSetUp(link))
}

func loopbackUp() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

// setting writes one of /proc/sys/net of the calling thread's namespace.
func setting(name, value string) error {
	return os.WriteFile("/proc/sys/net/"+name, []byte(value), 0o644)
}
