package up

import (
	"io"
	"net"
	"sync"
)

// forward takes connections from outside of the sandbox to `target`, which is inside, until the listener is closed.
func forward(listener net.Listener, target string) {
	for {
		outside, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer outside.Close()
			inside, err := net.Dial("tcp", target)
			if err != nil {
				return
			}
			defer inside.Close()
			both(outside.(*net.TCPConn), inside.(*net.TCPConn))
		}()
	}
}

// both carries bytes both ways; the end of one way is passed on, and the other way goes on.
func both(a, b *net.TCPConn) {
	var ways sync.WaitGroup
	carry := func(to, from *net.TCPConn) {
		io.Copy(to, from)
		to.CloseWrite()
	}
	ways.Go(func() { carry(a, b) })
	ways.Go(func() { carry(b, a) })
	ways.Wait()
}
