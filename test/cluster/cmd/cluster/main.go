// Command cluster is every program of a small Kubernetes cluster in one binary: it is run by the name of the part
// that it plays, as first argument or as the name that it was started by.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"yett.dev/cluster/cloud"
	"yett.dev/cluster/node"
	"yett.dev/cluster/up"
)

// A part runs with the arguments that follow its name, and returns the exit status.
type part struct {
	name string
	help string
	run  func(arguments []string) int
}

var parts []part

func main() {
	parts = []part{
		{"etcd", "the store", runEtcd},
		{"kube-apiserver", "the API server", runAPIServer},
		{"kube-controller-manager", "Deployments, EndpointSlices and the like", runControllerManager},
		{"kube-scheduler", "gives Pods their nodes", runScheduler},
		{"node", "a node: runs Pods as processes of this machine", node.Main},
		{"cloud", "gives Services of type LoadBalancer addresses, and carries their traffic", cloud.Main},
		{"kubectl", "the command line", runKubectl},
		{"up", "all of it, until Ctrl-C, with yett installed and an example", up.Main},
	}
	name, arguments := filepath.Base(os.Args[0]), os.Args[1:]
	if find(name) == nil && len(arguments) > 0 {
		name, arguments = arguments[0], arguments[1:]
	}
	p := find(name)
	if p == nil {
		usage()
		os.Exit(2)
	}
	os.Exit(p.run(arguments))
}

func find(name string) *part {
	i := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	return &parts[i]
}

func usage() {
	var b strings.Builder
	b.WriteString("usage: cluster PART [ARGUMENT...]\n\n")
	for _, p := range parts {
		fmt.Fprintf(&b, "  %-24s %s\n", p.name, p.help)
	}
	fmt.Fprint(os.Stderr, b.String())
}
