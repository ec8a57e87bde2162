package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// network gives Pods a network namespace with an interface on the node's bridge and an address of the node's range.
// The subnet is flat: everything on the fabric is a neighbour.
type network struct {
	bridge            netlink.Link
	node              net.IP
	bits              int // of the subnet
	pods              netip.Prefix
	unprivilegedPorts bool

	lock sync.Mutex
	last netip.Addr // given out last: an address comes again only when all others had their turn
	used map[netip.Addr]bool
}

func newNetwork(bridge, podCIDR string, unprivilegedPorts bool) (*network, error) {
	link, err := netlink.LinkByName(bridge)
	if err != nil {
		return nil, fmt.Errorf("bridge %s: %w", bridge, err)
	}
	addresses, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil || len(addresses) == 0 {
		return nil, fmt.Errorf("bridge %s has no IPv4 address to be the node's (%v)", bridge, err)
	}
	pods, err := netip.ParsePrefix(podCIDR)
	if err != nil {
		return nil, err
	}
	bits, _ := addresses[0].Mask.Size()
	return &network{
		bridge: link, node: addresses[0].IP, bits: bits, pods: pods.Masked(), unprivilegedPorts: unprivilegedPorts,
		last: pods.Masked().Addr(), used: map[netip.Addr]bool{},
	}, nil
}

// podNetwork is the network of one Pod.
type podNetwork struct {
	IP        string
	Namespace *os.File // nil: the node's own

	network *network
	address netip.Addr
	link    string
}

// host is the network of a Pod with hostNetwork.
func (n *network) host() *podNetwork { return &podNetwork{IP: n.node.String()} }

// join makes the network of a Pod, with the sysctls that it asks for.
func (n *network) join(sysctls map[string]string) (*podNetwork, error) {
	address, err := n.take()
	if err != nil {
		return nil, err
	}
	number := binary.BigEndian.Uint32(address.AsSlice())
	p := &podNetwork{IP: address.String(), network: n, address: address, link: fmt.Sprintf("pod%08x", number)}
	settings := map[string]string{}
	if n.unprivilegedPorts {
		settings["net.ipv4.ip_unprivileged_port_start"] = "0"
	}
	for name, value := range sysctls {
		settings[name] = value
	}
	if err := inNewNamespace(func(namespace *os.File) error {
		p.Namespace = namespace
		return errors.Join(p.plug(), writeSysctls(settings))
	}); err != nil {
		p.Release()
		return nil, err
	}
	return p, nil
}

// inNewNamespace calls furnish on a thread that is in a new network namespace, and ends with it.
func inNewNamespace(furnish func(namespace *os.File) error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		result <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("network namespace: %w", err)
			}
			file, err := os.Open("/proc/thread-self/ns/net")
			if err != nil {
				return err
			}
			return furnish(file)
		}()
	}()
	return <-result
}

// plug lays the cable between the Pod's namespace, which is the calling thread's, and the bridge.
func (p *podNetwork) plug() error {
	// The hardware address follows from the IP address, so that neighbours never hold a stale one.
	mac := append(net.HardwareAddr{0x0a, 0x58}, p.address.AsSlice()...)
	plugged := make(chan error)
	go func() { // on a thread in the node's namespace
		attributes := netlink.NewLinkAttrs()
		attributes.Name = p.link
		attributes.MasterIndex = p.network.bridge.Attrs().Index
		attributes.Flags = net.FlagUp
		plugged <- netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: attributes, PeerName: "eth0", PeerHardwareAddr: mac,
			PeerNamespace: netlink.NsFd(p.Namespace.Fd()),
		})
	}()
	if err := <-plugged; err != nil {
		return fmt.Errorf("veth: %w", err)
	}
	for _, name := range []string{"lo", "eth0"} {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if name == "eth0" {
			subnet := &net.IPNet{IP: p.address.AsSlice(), Mask: net.CIDRMask(p.network.bits, 32)}
			if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: subnet}); err != nil {
				return fmt.Errorf("address %s: %w", p.IP, err)
			}
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("%s up: %w", name, err)
		}
	}
	return nil
}

// writeSysctls sets those of the calling thread's network namespace.
func writeSysctls(settings map[string]string) error {
	for name, value := range settings {
		path := filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))
		if err := os.WriteFile(path, []byte(value), 0); err != nil {
			return fmt.Errorf("sysctl %s: %w", name, err)
		}
	}
	return nil
}

// Release gives everything back. The namespace itself ends with its last process.
func (p *podNetwork) Release() {
	if p == nil || p.network == nil {
		return
	}
	if link, err := netlink.LinkByName(p.link); err == nil {
		netlink.LinkDel(link)
	}
	if p.Namespace != nil {
		p.Namespace.Close()
	}
	p.network.lock.Lock()
	defer p.network.lock.Unlock()
	delete(p.network.used, p.address)
}

func (n *network) take() (netip.Addr, error) {
	n.lock.Lock()
	defer n.lock.Unlock()
	for range 1 << (32 - n.pods.Bits()) {
		n.last = n.last.Next()
		if !n.pods.Contains(n.last.Next()) { // the last one of a range may be its broadcast address
			n.last = n.pods.Addr().Next()
		}
		if !n.used[n.last] && n.last.String() != n.node.String() {
			n.used[n.last] = true
			return n.last, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("all addresses of %s are in use", n.pods)
}
