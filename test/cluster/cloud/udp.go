package cloud

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// A client's datagrams go to one target for as long as they keep coming.
const flowTimeout = 60 * time.Second

// udpForwarder keeps a socket for each client, so that answers find their way back. The PROXY protocol is for streams.
type udpForwarder struct {
	targets
	socket *net.UDPConn
	lock   sync.Mutex
	flows  map[netip.AddrPort]*net.UDPConn
}

func listenUDP(address string) (forwarder, error) {
	local, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	socket, err := net.ListenUDP("udp", local)
	if err != nil {
		return nil, err
	}
	f := &udpForwarder{socket: socket, flows: map[netip.AddrPort]*net.UDPConn{}}
	go f.receive()
	return f, nil
}

func (f *udpForwarder) receive() {
	buffer := make([]byte, 64<<10)
	for {
		n, client, err := f.socket.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		if flow := f.flow(client); flow != nil {
			flow.SetReadDeadline(time.Now().Add(flowTimeout))
			flow.Write(buffer[:n])
		}
	}
}

// flow finds or makes a client's; nil where there are no targets.
func (f *udpForwarder) flow(client netip.AddrPort) *net.UDPConn {
	f.lock.Lock()
	defer f.lock.Unlock()
	if flow := f.flows[client]; flow != nil {
		return flow
	}
	list, _ := f.inTurn()
	if len(list) == 0 {
		return nil
	}
	flow, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(list[0]))
	if err != nil {
		return nil
	}
	f.flows[client] = flow
	go f.answer(client, flow)
	return flow
}

func (f *udpForwarder) answer(client netip.AddrPort, flow *net.UDPConn) {
	defer func() {
		flow.Close()
		f.lock.Lock()
		defer f.lock.Unlock()
		delete(f.flows, client)
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := flow.Read(buffer)
		if err != nil {
			return
		}
		f.socket.WriteToUDPAddrPort(buffer[:n], client)
	}
}

func (f *udpForwarder) close() {
	f.socket.Close()
	f.lock.Lock()
	defer f.lock.Unlock()
	for _, flow := range f.flows {
		flow.Close()
	}
}
