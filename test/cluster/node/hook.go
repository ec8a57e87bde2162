package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	health "google.golang.org/grpc/health/grpc_health_v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"yett.dev/cluster/contain"
)

// runHook runs a lifecycle hook to its end.
func (c *container) runHook(ctx context.Context, hook *v1.LifecycleHandler) error {
	switch {
	case hook.Exec != nil:
		return c.execute(ctx, hook.Exec.Command)
	case hook.HTTPGet != nil:
		return c.httpGet(ctx, hook.HTTPGet, "kube-lifecycle/1.37")
	case hook.Sleep != nil:
		sleep(ctx, time.Duration(hook.Sleep.Seconds)*time.Second)
		return nil
	}
	return nil
}

// execute runs a command in the container, as the container's user, and is satisfied with exit status 0.
func (c *container) execute(ctx context.Context, command []string) error {
	process := c.runningProcess()
	if process == nil {
		return errors.New("the container does not run")
	}
	spec, err := c.containSpec()
	if err != nil {
		return err
	}
	spec.Args = command
	output, err := os.CreateTemp(c.dir(), "exec")
	if err != nil {
		return err
	}
	defer output.Close()
	defer os.Remove(output.Name())
	entered, err := contain.Enter(spec, process.Pid, output, output)
	if err != nil {
		return err
	}
	select {
	case <-entered.Done:
	case <-ctx.Done():
		entered.Signal(syscall.SIGKILL)
		<-entered.Done
		return fmt.Errorf("command %q: %w", strings.Join(command, " "), context.Cause(ctx))
	}
	if code := entered.ExitCode(); code != 0 {
		text, _ := os.ReadFile(output.Name())
		return fmt.Errorf("command %q ended with %d: %s", strings.Join(command, " "), code, text[max(0, len(text)-1024):])
	}
	return nil
}

// grpcHealth asks by the gRPC health checking protocol.
func (c *container) grpcHealth(ctx context.Context, action *v1.GRPCAction) error {
	address := net.JoinHostPort(c.pod.network.IP, strconv.Itoa(int(action.Port)))
	connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	answer, err := health.NewHealthClient(connection).Check(ctx, &health.HealthCheckRequest{
		Service: ptr.Deref(action.Service, ""),
	}, grpc.WaitForReady(true))
	if err != nil {
		return err
	}
	if answer.Status != health.HealthCheckResponse_SERVING {
		return fmt.Errorf("gRPC health is %s", answer.Status)
	}
	return nil
}

// stopSignal is SIGTERM unless the container asks for another.
func (c *container) stopSignal() syscall.Signal {
	if c.spec.Lifecycle != nil && c.spec.Lifecycle.StopSignal != nil {
		if signal := unix.SignalNum(string(*c.spec.Lifecycle.StopSignal)); signal != 0 {
			return signal
		}
	}
	return syscall.SIGTERM
}
