// Package up is the cluster for a person: it starts one, installs yett and an example, opens ports of the machine to it,
// says what to try, and lasts until Ctrl-C.
package up

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"yett.dev/cluster/kube"
	"yett.dev/cluster/sandbox"
)

// settings are the command line.
type settings struct {
	gate    string
	image   string
	install string // kustomization
	example string // directory of manifests
	broken  string // manifests that are wrong, to look at
	tools   string // where kubectl and the kubeconfig go
	nodes   int
	ports   [len(doors)]int
}

// A door is a port on 127.0.0.1 of the machine that leads into the sandbox. Its listening socket is made outside and
// used inside: a socket stays in the network namespace that it was made in.
type door struct {
	flag string
	port int
	what string
}

var doors = [...]door{
	{"api-port", 6443, "the API server"},
	{"http-port", 8080, "port 80 of the load balancer"},
	{"https-port", 8443, "port 443 of the load balancer"},
}

// Main is `cluster up`.
func Main(arguments []string) int {
	s, err := parse(arguments)
	if err != nil {
		return 2 // flag has told
	}
	if err := s.run(); err != nil {
		fmt.Fprintln(os.Stderr, "cluster up:", err)
		return 1
	}
	return 0
}

func parse(arguments []string) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("cluster up", flag.ContinueOnError)
	flags.StringVar(&s.gate, "yett", "build/yett", "the program that Pods of yett's image run")
	flags.StringVar(&s.image, "image", "build/image", "yett's image, in OCI layout")
	flags.StringVar(&s.install, "install", "deploy/kustomize/base", "kustomization that installs yett")
	flags.StringVar(&s.example, "example", "examples/cluster", "manifests to apply after it")
	flags.StringVar(&s.broken, "broken", "examples/cluster/broken", "manifests of which yett has something to say")
	flags.StringVar(&s.tools, "tools", "build-cluster", "where kubectl and the kubeconfig are put")
	flags.IntVar(&s.nodes, "nodes", 2, "number of nodes")
	for i, door := range doors {
		flags.IntVar(&s.ports[i], door.flag, door.port, "port on 127.0.0.1 that leads to "+door.what+"; 0 takes a free one")
	}
	if err := flags.Parse(arguments); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *settings) run() error {
	if !sandbox.Inside() {
		return s.outside()
	}
	if err := sandbox.Enter(); err != nil {
		return err
	}
	return s.inside()
}

// outside opens the doors, and starts the program again in a sandbox.
func (s *settings) outside() error {
	var files []*os.File
	for i, door := range doors {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.ports[i]))
		if err != nil {
			return fmt.Errorf("%w; --%s takes another port", err, door.flag)
		}
		file, err := listener.(*net.TCPListener).File()
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	status, err := sandbox.Run(files...)
	if err == nil && status != 0 {
		os.Exit(status) // it has said why
	}
	return err
}

func (s *settings) inside() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	var listeners [len(doors)]net.Listener
	for i := range doors {
		listener, err := net.FileListener(os.NewFile(uintptr(3+i), doors[i].flag))
		if err != nil {
			return err
		}
		listeners[i] = listener
	}
	options, err := s.options()
	if err != nil {
		return err
	}
	begin := time.Now()
	starting, cancel := context.WithTimeout(ctx, kube.StartLimit)
	defer cancel()
	cluster, err := kube.Start(starting, options)
	if cluster != nil {
		defer cluster.Stop()
	}
	if err != nil {
		return err
	}
	fmt.Printf("The cluster is up after %.1f s.\n", time.Since(begin).Seconds())
	visit := &visit{settings: s, cluster: cluster, listeners: listeners[:]}
	defer visit.cleanup()
	if err := visit.furnish(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	<-ctx.Done()
	fmt.Println("\nThe cluster ends; nothing of it is left.")
	return nil
}

func (s *settings) options() (kube.Options, error) {
	binary, err := os.Executable()
	if err != nil {
		return kube.Options{}, err
	}
	gate, err := filepath.Abs(s.gate)
	if err != nil {
		return kube.Options{}, err
	}
	if _, err := os.Stat(gate); err != nil {
		return kube.Options{}, fmt.Errorf("%w; 'make build' makes it", err)
	}
	image, err := filepath.Abs(s.image)
	if err != nil {
		return kube.Options{}, err
	}
	return kube.Options{Binary: binary, Gate: gate, Image: image, Nodes: s.nodes, Dir: sandbox.Dir()}, nil
}
