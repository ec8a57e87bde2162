package node

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"yett.dev/cluster/contain"
)

// Main is the agent as a program; see its flags. It must be started in the network namespace of the node.
func Main(args []string) int {
	if os.Getpid() != 1 { // in a PID namespace of its own it will be
		return jail(args)
	}
	config, err := parseFlags(args)
	if err == nil {
		var agent *Agent
		if agent, err = New(config); err == nil {
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			err = agent.Run(ctx)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "node:", err)
		return 1
	}
	return 0
}

// jail starts the program again so that all it starts ends with it.
func jail(args []string) int {
	binary, err := contain.Binary()
	if err == nil {
		var self string
		if self, err = os.Executable(); err == nil {
			err = syscall.Exec(binary, append([]string{binary, "jail", self, "node"}, args...), os.Environ())
		}
	}
	fmt.Fprintln(os.Stderr, "node:", err)
	return 1
}

func parseFlags(args []string) (Config, error) {
	flags := flag.NewFlagSet("node", flag.ContinueOnError)
	config := Config{Labels: map[string]string{}}
	flags.StringVar(&config.Name, "name", "", "`NAME` of the Node")
	flags.StringVar(&config.Kubeconfig, "kubeconfig", "", "`FILE` with the way to the API server; its address is announced to Pods")
	flags.StringVar(&config.Bridge, "bridge", "br0", "`INTERFACE` that Pods are wired to; its address is the node's")
	flags.StringVar(&config.PodCIDR, "pod-cidr", "", "`RANGE` of the bridge's subnet that Pods get addresses from")
	flags.StringVar(&config.Images, "images", "", "`FILE` that says what stands for an image's name")
	flags.StringVar(&config.StateDir, "state-dir", "", "`DIR` for volumes and logs; emptied at the start")
	flags.StringVar(&config.ClientCA, "client-ca", "", "`FILE` of the authority for clients of port 10250 (default: everyone may)")
	flags.DurationVar(&config.Lease, "lease", 40*time.Second, "the Node's Lease")
	flags.DurationVar(&config.BackOff, "restart-back-off", 10*time.Second, "before a container's second restart")
	flags.DurationVar(&config.TokenAge, "token-age", 0, "at which a token is replaced, if before 80 % of its life")
	flags.BoolVar(&config.UnprivilegedPorts, "unprivileged-ports", true, "every user in a Pod may bind every port, as in containerd")
	verbose := flags.Bool("v", false, "log more")
	flags.Func("label", "`KEY=VALUE` of the Node; may be repeated", func(text string) error {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("%q is no KEY=VALUE", text)
		}
		config.Labels[key] = value
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return config, err
	}
	for _, required := range []string{"name", "kubeconfig", "pod-cidr", "images", "state-dir"} {
		if flags.Lookup(required).Value.String() == "" {
			return config, fmt.Errorf("--%s is missing", required)
		}
	}
	if *verbose {
		slog.SetLogLoggerLevel(slog.LevelDebug)
	}
	return config, nil
}
