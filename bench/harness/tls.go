package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// h2load's part in benches over TLS: so many connections, and on each so many requests at a time.
type h2load struct {
	connections, streams int
	flags                []string
}

var (
	http1 = h2load{connections: 64, streams: 1, flags: []string{"--h1"}}
	http2 = h2load{connections: 8, streams: 16}
)

func benchTLS(r *rig) error {
	return benchCPU(r, gateOptions{tls: true}, http1.connections, http1.load)
}

func benchHTTP2(r *rig) error {
	return benchCPU(r, gateOptions{tls: true}, http2.connections, http2.load)
}

var (
	finished  = regexp.MustCompile(`finished in ([0-9.]+)(ms|s),`)
	succeeded = regexp.MustCompile(`(\d+) succeeded, 0 failed, 0 errored, 0 timeout`)
	twoxx     = regexp.MustCompile(`status codes: (\d+) 2xx`)
)

// load sends requests to a gate and returns how long they took, handshakes included.
func (h h2load) load(r *rig, g *gate, requests int) (time.Duration, error) {
	command := append([]string{"h2load", "--connect-to", g.address(), "-n", strconv.Itoa(requests),
		"-c", strconv.Itoa(h.connections), "-m", strconv.Itoa(h.streams)}, h.flags...)
	said, err := pinned(loadCPU, append(command, "https://"+benchHost+"/")...).CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("h2load on %s: %w: %s", g.name, err, said)
	}
	took, ended, good := finished.FindSubmatch(said), succeeded.FindSubmatch(said), twoxx.FindSubmatch(said)
	wanted := strconv.Itoa(requests)
	if took == nil || ended == nil || good == nil || string(ended[1]) != wanted || string(good[1]) != wanted {
		return 0, fmt.Errorf("h2load on %s: %s", g.name, said)
	}
	return time.ParseDuration(string(took[1]) + string(took[2]))
}
