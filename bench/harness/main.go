// Bench measures yett next to nginx and HAProxy, on this machine and in the same run.
//
// Gates are pinned to the first CPU; the load generator and the backend to the second. What is counted is
// CPU time of all processes of a gate, not throughput, so it does not matter which CPU is busy first.
// Rounds are interleaved (yett, nginx, haproxy, yett, …) and ratios are taken within a round, so that
// whatever else the machine does falls on all of them.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// A bench prints its tables to standard output.
type bench struct {
	name, what string
	needs      []string // programs, beyond those of the gates
	run        func(*rig) error
}

var benches = []bench{
	{"http", "CPU per request: HTTP/1.1, kept connections, small answers, no access log", nil, benchHTTP},
	{"log", "the same with an access log", nil, benchLog},
	{"tls", "CPU per request: HTTP/1.1 over TLS, kept connections", []string{"h2load"}, benchTLS},
	{"http2", "CPU per request: HTTP/2 over TLS, 16 streams at a time on each connection", []string{"h2load"}, benchHTTP2},
	{"large", "CPU per GB: HTTP/1.1 in the clear, large bodies down and up", nil, benchLarge},
	{"syscalls", "system calls per request", []string{"strace"}, benchSyscalls},
	{"instructions", "instructions per request of yett's worker", []string{"valgrind"}, benchInstructions},
	{"idle", "memory of 10,000 idle connections", nil, benchIdle},
	{"change", "from a changed file to the first answer by it, among 10,000 Ingresses", nil, benchChange},
}

func usage() {
	fmt.Fprint(os.Stderr, "usage: bench/run [FLAG]... [BENCH]...\n\nBenches; all of them where none is named:\n")
	for _, b := range benches {
		fmt.Fprintf(os.Stderr, "  %-14s%s\n", b.name, b.what)
	}
	fmt.Fprint(os.Stderr, "\nFlags:\n")
	flag.PrintDefaults()
}

// chosen finds the benches that were named.
func chosen(names []string) ([]bench, error) {
	if len(names) == 0 {
		return benches, nil
	}
	var found []bench
	for _, name := range names {
		i := slices.IndexFunc(benches, func(b bench) bool { return b.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no bench %q; -help lists them", name)
		}
		found = append(found, benches[i])
	}
	return found, nil
}

// needed tells which programs are missing.
func needed(list []bench) error {
	programs := []string{"taskset", "nginx", "haproxy"}
	for _, b := range list {
		programs = append(programs, b.needs...)
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%s is needed, and not installed", program)
		}
	}
	return nil
}

// raiseFileLimit: 10,000 connections take as many descriptors in the gate and here. Set explicitly, since
// Go gives back to child processes what it raised by itself.
func raiseFileLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}

func run() error {
	r := &rig{}
	flag.StringVar(&r.build, "build", "../../build", "directory of the build to measure")
	flag.IntVar(&r.rounds, "rounds", 5, "rounds of those that count CPU time")
	flag.IntVar(&r.requests, "requests", 30000, "requests of a round")
	flag.IntVar(&r.connections, "connections", 64, "connections that carry them, of http and log")
	flag.Usage = usage
	flag.Parse()
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")

	list, err := chosen(flag.Args())
	if err == nil {
		err = needed(list)
	}
	if err == nil {
		err = raiseFileLimit()
	}
	if err == nil {
		err = pinSelf()
	}
	if err == nil {
		err = r.start()
	}
	if err != nil {
		return err
	}
	defer r.stop()
	for _, b := range list {
		began := time.Now()
		fmt.Printf("== %s: %s\n", b.name, b.what)
		if err := b.run(r); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		fmt.Printf("(%.0f s)\n\n", time.Since(began).Seconds())
	}
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
