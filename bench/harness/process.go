package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// family is a process and all that descend from it, itself first.
func family(pid int) []int {
	pids := []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, family(child)...)
			}
		}
	}
	return pids
}

// cpuNS is the CPU time of these processes, in the kernel and outside, as the scheduler counted it.
func cpuNS(pids []int) int64 {
	var sum int64
	for _, pid := range pids {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, file := range files {
			text, _ := os.ReadFile(file)
			if fields := strings.Fields(string(text)); len(fields) == 3 {
				ns, _ := strconv.ParseInt(fields[0], 10, 64)
				sum += ns
			}
		}
	}
	return sum
}

// memoryKB sums the fields of smaps_rollup that begin with `prefix`.
func memoryKB(pids []int, prefix string) int {
	sum := 0
	for _, pid := range pids {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		for line := range strings.Lines(string(text)) {
			var kb int
			name, rest, _ := strings.Cut(line, ":")
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			if _, err := fmt.Sscanf(rest, "%d kB", &kb); err == nil {
				sum += kb
			}
		}
	}
	return sum
}

// title is what ps shows.
func title(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return string(bytes.TrimRight(bytes.ReplaceAll(text, []byte{0}, []byte{' '}), " "))
}
