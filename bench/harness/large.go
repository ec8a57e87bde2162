package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Bodies of these sizes move in both directions, each on a few connections at a time.
var largeSizes = []int64{256 << 10, 1 << 20, 64 << 20}

const (
	largeConnections = 4
	largeRoundBytes  = 512 << 20
	largeBlock       = 64 << 10
)

// plainWriter hides what else the writer can do, so that blocks have the size that is asked for.
type plainWriter struct{ io.Writer }

// zeros is a body of so many bytes.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(z.left, int64(len(p)))
	z.left -= n
	return int(n), nil
}

// blocksCopy moves a body in large blocks, as clients and backends of large bodies do.
func blocksCopy(to io.Writer, from io.Reader) (int64, error) {
	return io.CopyBuffer(plainWriter{to}, from, make([]byte, largeBlock))
}

// largeBackend answers with as many bytes as ?n= says, or with the number of those that came.
func largeBackend(w http.ResponseWriter, request *http.Request) {
	if request.Method == http.MethodPut {
		came, _ := blocksCopy(io.Discard, request.Body)
		fmt.Fprint(w, came)
		return
	}
	n, _ := strconv.ParseInt(request.URL.Query().Get("n"), 10, 64)
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	blocksCopy(w, &zeros{n})
}

// transfer moves one body of that size through the gate, and fails unless all of it arrived.
func transfer(client *http.Client, g *gate, upload bool, size int64) error {
	url := "http://" + g.address() + "/?n=" + strconv.FormatInt(size, 10)
	method, body := http.MethodGet, io.Reader(nil)
	if upload {
		method, body = http.MethodPut, &zeros{size}
	}
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		return err
	}
	request.Host = benchHost
	if upload {
		request.ContentLength = size
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var moved int64
	if upload {
		_, err = fmt.Fscan(answer.Body, &moved)
	} else {
		moved, err = blocksCopy(io.Discard, answer.Body)
	}
	if err == nil && (answer.StatusCode != http.StatusOK || moved != size) {
		err = fmt.Errorf("status %d, %d bytes of %d", answer.StatusCode, moved, size)
	}
	return err
}

// largeMeasure moves a round's bytes, and returns the gate's CPU-ms per GB and the GB per second.
func largeMeasure(g *gate, upload bool, size int64) (cpuMS, rate float64, err error) {
	const gb = 1e9
	bodies := int64(largeRoundBytes) / size / largeConnections
	failed := make([]error, largeConnections)
	before, began := cpuNS(g.pids), time.Now()
	var all sync.WaitGroup
	for i := range failed {
		all.Add(1)
		go func() {
			defer all.Done()
			client := &http.Client{Transport: &http.Transport{WriteBufferSize: largeBlock, ReadBufferSize: largeBlock}}
			defer client.CloseIdleConnections()
			for range bodies {
				if failed[i] = transfer(client, g, upload, size); failed[i] != nil {
					return
				}
			}
		}()
	}
	all.Wait()
	took := time.Since(began)
	for _, err := range failed {
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", g.name, err)
		}
	}
	moved := float64(bodies * size * largeConnections)
	return float64(cpuNS(g.pids)-before) / 1e6 / (moved / gb), moved / gb / took.Seconds(), nil
}

func largeTable(r *rig, gates []*gate, upload bool, size int64) error {
	cpu, rate := make(map[string]series), make(map[string]series)
	for range r.rounds {
		for _, g := range gates {
			cpuMS, gbPerSecond, err := largeMeasure(g, upload, size)
			if err != nil {
				return err
			}
			cpu[g.name] = append(cpu[g.name], cpuMS)
			rate[g.name] = append(rate[g.name], gbPerSecond)
		}
	}
	direction := "downloads"
	if upload {
		direction = "uploads"
	}
	rows := [][]string{{"", "of nginx's CPU time", "CPU-ms per GB", "GB/s"}}
	for _, g := range gates {
		rows = append(rows, []string{g.name, cpu[g.name].over(cpu["nginx"]).text("%.2f"),
			cpu[g.name].text("%.0f"), rate[g.name].text("%.2f")})
	}
	fmt.Printf("%s of %d KB over %d connections, %d rounds of %d MB; median (min .. max)\n",
		direction, size>>10, largeConnections, r.rounds, largeRoundBytes>>20)
	printTable(rows)
	return nil
}

func benchLarge(r *rig) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	go http.Serve(listener, http.HandlerFunc(largeBackend))

	own := *r
	own.backendPort = listener.Addr().(*net.TCPAddr).Port
	gates, err := startAll(&own, gateOptions{large: true})
	if err != nil {
		return err
	}
	defer stopAll(gates)
	for _, size := range largeSizes {
		for _, upload := range []bool{false, true} {
			if err := largeTable(r, gates, upload, size); err != nil {
				return err
			}
		}
	}
	return nil
}
