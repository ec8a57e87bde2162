package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// The sum over all functions that callgrind counted.
var totals = regexp.MustCompile(`(?m)^totals: (\d+)$`)

// instructionsOf runs bench_exchange under callgrind, which counts what runs below worker_turn() only.
func instructionsOf(r *rig, requests int, log string) (float64, error) {
	out := filepath.Join(r.dir, "callgrind.out")
	cmd := exec.Command("valgrind", "--tool=callgrind", "--toggle-collect=worker_turn*",
		"--callgrind-out-file="+out, r.program("bench_exchange"), strconv.Itoa(requests), log)
	if text, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, text)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		return 0, err
	}
	found := totals.FindSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("callgrind counted nothing")
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

// Two runs of different length: the difference is what requests cost, without the start.
func benchInstructions(r *rig) error {
	const few, many = 1000, 3000
	rows := [][]string{{"access log", "instructions per request"}}
	for _, log := range []string{"off", "on"} {
		a, err := instructionsOf(r, few, log)
		if err != nil {
			return err
		}
		b, err := instructionsOf(r, many, log)
		if err != nil {
			return err
		}
		rows = append(rows, []string{log, fmt.Sprintf("%.0f", (b-a)/(many-few))})
	}
	fmt.Println("outside of the kernel; a worker in a process of its own, counted by callgrind")
	printTable(rows)
	return nil
}
