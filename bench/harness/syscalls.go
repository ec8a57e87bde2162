package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// strace is slow; counts need few requests.
const countedRequests = 10000

// trace counts the system calls of a gate's worker while it answers countedRequests.
func trace(r *rig, g *gate) (map[string]float64, error) {
	out := filepath.Join(r.dir, g.name+".strace")
	cmd := exec.Command("strace", "-c", "-f", "-U", "name,calls", "-o", out, "-p", strconv.Itoa(g.worker()))
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	attached := func() bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.worker()))
		return strings.Contains(string(text), fmt.Sprintf("TracerPid:\t%d\n", cmd.Process.Pid))
	}
	err := waitFor("strace to attach", attached)
	if err == nil {
		_, err = r.load(g, countedRequests)
	}
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	calls := make(map[string]float64)
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[0] == "total" {
			continue
		}
		if count, err := strconv.Atoi(fields[1]); err == nil {
			calls[fields[0]] = float64(count) / countedRequests
		}
	}
	return calls, nil
}

// describe lists the calls that matter: at least one in a hundred requests.
func describe(calls map[string]float64) (total float64, text string) {
	var names []string
	for name, count := range calls {
		total += count
		if count >= 0.01 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if calls[a] != calls[b] {
			return int(1e4*calls[b] - 1e4*calls[a])
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s %.2f", name, calls[name])
	}
	return total, strings.Join(names, ", ")
}

func benchSyscalls(r *rig) error {
	gates, err := startAll(r, gateOptions{})
	if err != nil {
		return err
	}
	defer stopAll(gates)
	rows := [][]string{{"", "calls per request", "which"}}
	for _, g := range gates {
		if _, err := r.load(g, warmUpRequests); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond) // the connections of the warm-up are closed
		calls, err := trace(r, g)
		if err != nil {
			return err
		}
		total, which := describe(calls)
		rows = append(rows, []string{g.name, fmt.Sprintf("%.2f", total), which})
	}
	fmt.Printf("%d requests over %d connections, opening them included\n", countedRequests, r.connections)
	printTable(rows)
	return nil
}
