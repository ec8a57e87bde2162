package kube

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// LoadOptions say what a Load sends.
type LoadOptions struct {
	Address string // host:port that it connects to
	Host    string
	Target  string        // "/"
	Clients int           // 8; each has one connection at a time, and keeps it as long as the other side does
	Pause   time.Duration // between an answer and the next request; 2 ms
	// Requests on one connection, after which the client closes it; 0: as many as the other side lets it.
	Requests int
	// Limit of each request, and of each connect; 10 s.
	Limit time.Duration
	// Check judges an answer; "" is good. Where nil, the status must be 200.
	Check func(Answer) string
}

// Load sends requests from a member and counts every one that fails. There are no second tries: what a client would
// have to ask for again counts as lost.
type Load struct {
	member  *Member
	options LoadOptions
	ctx     context.Context
	cancel  context.CancelFunc
	done    sync.WaitGroup

	mu       sync.Mutex
	requests int
	longest  time.Duration
	failures map[string]int
	first    map[string]time.Time // when each failure came first
	begin    time.Time
}

// StartLoad begins; it ends with Stop, at the latest with the test.
func (m *Member) StartLoad(t testing.TB, options LoadOptions) *Load {
	t.Helper()
	setDefault(&options.Target, "/")
	setDefault(&options.Clients, 8)
	setDefault(&options.Pause, 2*time.Millisecond)
	setDefault(&options.Limit, 10*time.Second)
	if options.Check == nil {
		options.Check = func(answer Answer) string {
			if answer.StatusCode != http.StatusOK {
				return fmt.Sprintf("status %d", answer.StatusCode)
			}
			return ""
		}
	}
	l := &Load{member: m, options: options, failures: map[string]int{}, first: map[string]time.Time{}, begin: time.Now()}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	for range options.Clients {
		l.done.Go(l.client)
	}
	t.Cleanup(func() { l.Stop() })
	return l
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// LoadResult is what a Load has counted.
type LoadResult struct {
	Requests int // answered as they should
	Longest  time.Duration
	Failures map[string]int
	first    map[string]time.Duration
}

// Stop ends the load after the answers that are under way.
func (l *Load) Stop() LoadResult {
	l.cancel()
	l.done.Wait()
	return l.Result()
}

// Result so far.
func (l *Load) Result() LoadResult {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := map[string]time.Duration{}
	for reason, at := range l.first {
		first[reason] = at.Sub(l.begin)
	}
	return LoadResult{l.requests, l.longest, maps.Clone(l.failures), first}
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
		reasons = append(reasons, fmt.Sprintf("%d × %s, first after %.1f s", r.Failures[reason], reason, r.first[reason].Seconds()))
	}
	return fmt.Sprintf("%d requests answered, the slowest within %v; %d failed (%s)", r.Requests,
		r.Longest.Round(time.Millisecond), r.Failed(), strings.Join(reasons, "; "))
}

// WaitRequests waits until `more` further requests were answered well.
func (l *Load) WaitRequests(t testing.TB, more int) {
	t.Helper()
	start := l.Result().Requests
	Wait(t, 30*time.Second, "the load to go on", func() error {
		if result := l.Result(); result.Requests < start+more {
			return errors.New(result.String())
		}
		return nil
	})
}

func (l *Load) client() {
	for l.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(context.Background(), l.options.Limit)
		conn, err := l.member.DialContext(ctx, "tcp", l.options.Address)
		cancel()
		if err != nil {
			l.note("connect: "+failure(err), 0)
			time.Sleep(10 * time.Millisecond) // a refused load would spin
			continue
		}
		l.connection(conn)
	}
}

// connection sends requests until the end, or until one side closes it.
func (l *Load) connection(conn net.Conn) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for n := 1; l.ctx.Err() == nil; n++ {
		last := l.options.Requests == n
		answer, took, err := l.exchange(conn, reader, last)
		if err != nil {
			l.note(failure(err), 0)
			return
		}
		l.note(l.options.Check(answer), took)
		if answer.Close || last {
			return
		}
		time.Sleep(l.options.Pause)
	}
}

func (l *Load) exchange(conn net.Conn, reader *bufio.Reader, last bool) (Answer, time.Duration, error) {
	start := time.Now()
	conn.SetDeadline(start.Add(l.options.Limit))
	head := "GET " + l.options.Target + " HTTP/1.1\r\nHost: " + l.options.Host + "\r\n"
	if last {
		head += "Connection: close\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		return Answer{}, 0, err
	}
	response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodGet})
	if err != nil {
		return Answer{}, 0, err
	}
	body, err := io.ReadAll(response.Body)
	return Answer{response, string(body)}, time.Since(start), err
}

func (l *Load) note(failure string, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if failure == "" {
		l.requests++
		l.longest = max(l.longest, took)
		return
	}
	if l.failures[failure] == 0 {
		l.first[failure] = time.Now()
	}
	l.failures[failure]++
}

func failure(err error) string {
	var netErr net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, io.EOF):
		return "closed before an answer"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "closed within an answer"
	case errors.As(err, &netErr) && netErr.Timeout():
		return "timed out"
	}
	return err.Error()
}
