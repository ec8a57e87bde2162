package scale

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"yett.dev/cluster/kube"
)

const (
	askEvery  = 500 * time.Microsecond
	askRarely = 5 * time.Millisecond // where it takes long
	askLimit  = 20 * time.Second
	asksMost  = 300 // a connection takes 1,000
	dialsMost = 200
)

// eyes look at each worker by a connection of its own: which worker the kernel gave it to is told by the worker's
// descriptors.
type eyes struct {
	gate   *kube.Gate
	conns  map[int]net.Conn // by the worker's pid
	reader map[int]*bufio.Reader
	asked  int
}

func newEyes(b *testing.B, g *kube.Gate) *eyes {
	b.Helper()
	e := &eyes{gate: g}
	e.open(b)
	return e
}

func (e *eyes) open(b *testing.B) {
	b.Helper()
	pids := rolesOf(e.gate.Pid())["worker"]
	e.conns, e.reader, e.asked = map[int]net.Conn{}, map[int]*bufio.Reader{}, 0
	for range dialsMost {
		if len(e.conns) == len(pids) {
			return
		}
		conn, err := e.gate.Member.DialContext(b.Context(), "tcp", e.gate.HTTP)
		if err != nil {
			b.Fatal(err)
		}
		pid := 0
		kube.Wait(b, 10*time.Second, "a worker to take the connection", func() error {
			if pid = holder(pids, conn.LocalAddr().(*net.TCPAddr).Port); pid == 0 {
				return fmt.Errorf("nobody has it")
			}
			return nil
		})
		if e.conns[pid] != nil {
			conn.Close()
			continue
		}
		e.conns[pid], e.reader[pid] = conn, bufio.NewReader(conn)
	}
	b.Fatalf("%d of %d workers took a connection", len(e.conns), len(pids))
}

func (e *eyes) close() {
	for _, conn := range e.conns {
		conn.Close()
	}
}

// refresh opens the connections anew before they have carried as many requests as a gate takes.
func (e *eyes) refresh(b *testing.B) {
	b.Helper()
	if e.asked > asksMost {
		e.close()
		e.open(b)
	}
}

// wait asks all workers at once until each gives this status; how long each took.
func (e *eyes) wait(b *testing.B, since time.Time, host, target string, status int) []time.Duration {
	b.Helper()
	var mu sync.Mutex
	var took []time.Duration
	var done sync.WaitGroup
	most := 0
	for pid := range e.conns {
		done.Go(func() {
			asked, err := e.follow(pid, host, target, status)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(since))
			most = max(most, asked)
			if err != nil {
				b.Error(err)
			}
		})
	}
	done.Wait()
	e.asked += most
	if b.Failed() {
		b.FailNow()
	}
	return took
}

func (e *eyes) follow(pid int, host, target string, status int) (asked int, err error) {
	conn, reader := e.conns[pid], e.reader[pid]
	conn.SetDeadline(time.Now().Add(askLimit))
	for {
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, host); err != nil {
			return asked, err
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return asked, fmt.Errorf("%s%s: %w", host, target, err)
		}
		io.Copy(io.Discard, response.Body)
		asked++
		if response.StatusCode == status {
			return asked, nil
		}
		time.Sleep(askEvery)
		if asked > asksMost {
			time.Sleep(askRarely)
		}
	}
}

// holder is which of the processes has the server's end of the connection from `port`; 0: none.
func holder(pids []int, port int) int {
	table, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", pids[0]))
	inode := ""
	for line := range strings.Lines(string(table)) {
		// sl local remote st tx:rx tr:when retrnsmt uid timeout inode
		fields := strings.Fields(line)
		if len(fields) < 10 {
			continue
		}
		_, remote, _ := strings.Cut(fields[2], ":")
		if number, err := strconv.ParseUint(remote, 16, 16); err == nil && int(number) == port {
			inode = "socket:[" + fields[9] + "]"
		}
	}
	for _, pid := range pids {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && inode != "" && target == inode {
				return pid
			}
		}
	}
	return 0
}
