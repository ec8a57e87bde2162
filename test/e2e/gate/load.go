package gate

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// LoadOptions say what a Load sends.
type LoadOptions struct {
	Clients int           // 8; each has one connection at a time and keeps it as long as the gate does
	Pause   time.Duration // between an answer and the next request; 1 ms
	Host    string
	Target  string // "/"
	// Address to connect to; the HTTP port where empty.
	Address string
	// TLS is spoken where it is not nil, to the HTTPS port then.
	TLS *tls.Config
	// PerConnection requests, then another connection; 0: as many as the gate allows.
	PerConnection int
	// Check judges an answer; "" is good. Where nil, the status must be 200.
	Check func(answer Answer) string
}

// Load sends requests over keep-alive connections and counts every one that fails.
type Load struct {
	options LoadOptions
	stop    chan struct{}
	done    sync.WaitGroup

	mu          sync.Mutex
	requests    int
	connections int
	failures    map[string]int
	slowest     time.Duration
}

// Failure reasons that callers tell apart; others are the text of the error or of Check.
const (
	FailRefused  = "connection refused"
	FailReset    = "reset"
	FailEnd      = "closed before an answer"
	FailEndInTwo = "closed within an answer"
	FailTimeout  = "timed out"
)

// StartLoad begins; LoadOptions.Host must be set. It ends with Stop, at the latest with the test.
func (g *Gate) StartLoad(t testing.TB, options LoadOptions) *Load {
	t.Helper()
	if options.Clients == 0 {
		options.Clients = 8
	}
	if options.Pause == 0 {
		options.Pause = time.Millisecond
	}
	if options.Target == "" {
		options.Target = "/"
	}
	if options.Address == "" && options.TLS != nil {
		options.Address = g.HTTPS
	}
	if options.Address == "" {
		options.Address = g.HTTP
	}
	if options.Check == nil {
		options.Check = func(answer Answer) string {
			if answer.StatusCode != 200 {
				return fmt.Sprintf("status %d", answer.StatusCode)
			}
			return ""
		}
	}
	load := &Load{options: options, stop: make(chan struct{}), failures: map[string]int{}}
	for range options.Clients {
		load.done.Add(1)
		go load.client()
	}
	var once sync.Once
	t.Cleanup(func() { once.Do(load.end) })
	return load
}

func (l *Load) end() {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.done.Wait()
}

// Stop ends the load after the answers that are under way.
func (l *Load) Stop() LoadResult {
	l.end()
	return l.Result()
}

// LoadResult is what a Load has counted.
type LoadResult struct {
	Requests    int // answered as they should
	Connections int // opened
	Failures    map[string]int
	Slowest     time.Duration // from a request to the end of its answer
}

// Result so far.
func (l *Load) Result() LoadResult {
	l.mu.Lock()
	defer l.mu.Unlock()
	return LoadResult{l.requests, l.connections, maps.Clone(l.failures), l.slowest}
}

// Failed is the number of failed requests.
func (r LoadResult) Failed() int {
	sum := 0
	for _, n := range r.Failures {
		sum += n
	}
	return sum
}

func (r LoadResult) String() string {
	var reasons []string
	for _, reason := range slices.Sorted(maps.Keys(r.Failures)) {
		reasons = append(reasons, fmt.Sprintf("%d × %s", r.Failures[reason], reason))
	}
	return fmt.Sprintf("%d requests answered over %d connections, %d failed (%s)", r.Requests, r.Connections,
		r.Failed(), strings.Join(reasons, ", "))
}

// WaitRequests waits until `more` further requests were answered.
func (l *Load) WaitRequests(t testing.TB, more int) {
	t.Helper()
	start := l.Result().Requests
	WaitFor(t, 20*time.Second, "the load to go on", func() bool { return l.Result().Requests >= start+more })
}

func (l *Load) stopped() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

func (l *Load) client() {
	defer l.done.Done()
	for !l.stopped() {
		conn, err := net.DialTimeout("tcp", l.options.Address, 5*time.Second*Scale())
		if err != nil {
			l.note(failureOf(err))
			time.Sleep(10 * time.Millisecond) // a refused load would spin
			continue
		}
		l.mu.Lock()
		l.connections++
		l.mu.Unlock()
		if l.options.TLS != nil {
			conn = tls.Client(conn, l.options.TLS)
		}
		l.connection(newRawConn(conn))
	}
}

// connection sends requests until the end, or until the gate does not keep it.
func (l *Load) connection(conn *RawConn) {
	defer conn.Close()
	request := "GET " + l.options.Target + " HTTP/1.1\r\nHost: " + l.options.Host + "\r\n\r\n"
	for sent := 0; !l.stopped() && (l.options.PerConnection == 0 || sent < l.options.PerConnection); sent++ {
		begin := time.Now()
		conn.SetDeadline(begin.Add(10 * time.Second * Scale()))
		if _, err := io.WriteString(conn, request); err != nil {
			l.note(failureOf(err))
			return
		}
		answer, err := conn.ReadAnswer("GET")
		if err != nil {
			l.note(failureOf(err))
			return
		}
		l.note(l.options.Check(answer))
		l.noteTime(time.Since(begin))
		if answer.Close {
			return
		}
		time.Sleep(l.options.Pause)
	}
}

func (l *Load) note(failure string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if failure == "" {
		l.requests++
	} else {
		l.failures[failure]++
	}
}

func (l *Load) noteTime(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowest = max(l.slowest, took)
}

func failureOf(err error) string {
	var netErr net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return FailRefused
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return FailReset
	case errors.Is(err, io.EOF):
		return FailEnd
	case errors.Is(err, io.ErrUnexpectedEOF):
		return FailEndInTwo
	case errors.As(err, &netErr) && netErr.Timeout():
		return FailTimeout
	}
	return err.Error()
}
