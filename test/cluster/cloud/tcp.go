package cloud

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"time"
)

// A target that has not answered by then is passed over.
const connectTimeout = time.Second

// tcpForwarder joins each connection to one of a target.
type tcpForwarder struct {
	targets
	listener net.Listener
	lock     sync.Mutex
	open     map[net.Conn]bool // nil once closed
}

func listenTCP(address string) (forwarder, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	f := &tcpForwarder{listener: listener, open: map[net.Conn]bool{}}
	go f.accept()
	return f, nil
}

func (f *tcpForwarder) accept() {
	for {
		client, err := f.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors, perhaps
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go f.carry(client.(*net.TCPConn))
	}
}

func (f *tcpForwarder) carry(client *net.TCPConn) {
	if !f.keep(client) {
		return
	}
	defer f.drop(client)
	target := f.connect(client)
	if target == nil {
		client.SetLinger(0)
		return
	}
	if !f.keep(target) {
		return
	}
	defer f.drop(target)
	var both sync.WaitGroup
	both.Go(func() { stream(target, client) })
	both.Go(func() { stream(client, target) })
	both.Wait()
}

// connect tries each target once.
func (f *tcpForwarder) connect(client *net.TCPConn) *net.TCPConn {
	list, proxy := f.inTurn()
	for _, address := range list {
		target, err := net.DialTimeout("tcp", address.String(), connectTimeout)
		if err != nil {
			continue
		}
		if header := proxy.header(client); header != nil {
			if _, err := target.Write(header); err != nil {
				target.Close()
				continue
			}
		}
		return target.(*net.TCPConn)
	}
	return nil
}

// stream passes on bytes, and their end in the way in which they ended: in order, or by a reset.
func stream(to, from *net.TCPConn) {
	_, err := io.Copy(to, from)
	if err == nil {
		to.CloseWrite()
		return
	}
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		to.SetLinger(0)
		from.SetLinger(0)
	}
	to.Close()
	from.Close()
}

func (f *tcpForwarder) keep(connection net.Conn) bool {
	f.lock.Lock()
	defer f.lock.Unlock()
	if f.open == nil {
		connection.Close()
		return false
	}
	f.open[connection] = true
	return true
}

func (f *tcpForwarder) drop(connection net.Conn) {
	connection.Close()
	f.lock.Lock()
	defer f.lock.Unlock()
	delete(f.open, connection)
}

func (f *tcpForwarder) close() {
	f.listener.Close()
	f.lock.Lock()
	defer f.lock.Unlock()
	for connection := range f.open {
		connection.Close()
	}
	f.open = nil
}
