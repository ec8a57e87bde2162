package main

import (
	"fmt"
	"os"
	"time"
)

// Requests that each gate answers before it is measured.
const warmUpRequests = 5000

func benchHTTP(r *rig) error { return benchCPU(r, gateOptions{}, r.connections, (*rig).load) }
func benchLog(r *rig) error  { return benchCPU(r, gateOptions{log: true}, r.connections, (*rig).load) }

// loader sends requests to a gate, and returns how long they took.
type loader func(*rig, *gate, int) (time.Duration, error)

// measured is one gate's part of a round.
type measured struct{ cpuUS, perSecond float64 }

func measure(r *rig, g *gate, load loader) (measured, error) {
	before := cpuNS(g.pids)
	took, err := load(r, g, r.requests)
	if err != nil {
		return measured{}, err
	}
	// What the gate still owes, a buffered access log above all, is part of the work.
	time.Sleep(50 * time.Millisecond)
	spent := cpuNS(g.pids) - before
	return measured{float64(spent) / 1e3 / float64(r.requests), float64(r.requests) / took.Seconds()}, nil
}

// emptyLog keeps the access log from filling the disk. The gates append, or do not mind the hole.
func emptyLog(r *rig, g *gate, options gateOptions) error {
	if !options.log {
		return nil
	}
	return os.Truncate(r.logFile(g.name, options), 0)
}

func benchCPU(r *rig, options gateOptions, connections int, load loader) error {
	gates, err := startAll(r, options)
	if err != nil {
		return err
	}
	defer stopAll(gates)
	for _, g := range gates {
		if _, err := load(r, g, warmUpRequests); err != nil {
			return err
		}
	}

	cpu := make(map[string]series)
	rate := make(map[string]series)
	for range r.rounds {
		for _, g := range gates {
			m, err := measure(r, g, load)
			if err == nil {
				err = emptyLog(r, g, options)
			}
			if err != nil {
				return err
			}
			cpu[g.name] = append(cpu[g.name], m.cpuUS)
			rate[g.name] = append(rate[g.name], m.perSecond)
		}
	}

	rows := [][]string{{"", "of nginx's CPU time", "CPU-µs per request", "requests/s"}}
	for _, g := range gates {
		rows = append(rows, []string{g.name, cpu[g.name].over(cpu["nginx"]).text("%.2f"),
			cpu[g.name].text("%.1f"), rate[g.name].text("%.0f")})
	}
	fmt.Printf("%d rounds of %d requests over %d connections; median (min .. max)\n", r.rounds, r.requests, connections)
	printTable(rows)
	return nil
}
