package node

import "sync"

// bell wakes all who wait: each gets a channel that is closed at the next ring.
type bell struct {
	lock sync.Mutex
	next chan struct{}
}

func newBell() *bell { return &bell{next: make(chan struct{})} }

func (s *bell) wait() <-chan struct{} {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.next
}

func (s *bell) ring() {
	s.lock.Lock()
	defer s.lock.Unlock()
	close(s.next)
	s.next = make(chan struct{})
}

// latch is something that happens once.
type latch struct {
	once sync.Once
	done chan struct{}
}

func newLatch() *latch { return &latch{done: make(chan struct{})} }

func (l *latch) set() { l.once.Do(func() { close(l.done) }) }

func (l *latch) isSet() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}
