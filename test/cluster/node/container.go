package node

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"yett.dev/cluster/contain"
)

// container is one container of a Pod, over all its restarts.
type container struct {
	pod    *pod
	spec   *v1.Container
	isInit bool

	begun  *latch // run was called
	up     *latch // it has started, startup probe included, at least once
	served *latch // for sidecars: the containers that it serves have ended
	over   *latch // run has ended

	// Guarded by pod.lock.
	status    v1.ContainerStatus
	lives     int // how often it was started by this agent
	process   *contain.Process
	unhealthy chan string // of the running process: why it must be restarted
}

func newContainer(p *pod, spec *v1.Container, isInit bool, before []v1.ContainerStatus) *container {
	c := &container{pod: p, spec: spec, isInit: isInit, begun: newLatch(), up: newLatch(), served: newLatch(), over: newLatch()}
	c.status = v1.ContainerStatus{Name: spec.Name, Image: spec.Image, Started: ptr.To(false)}
	c.status.State.Waiting = &v1.ContainerStateWaiting{Reason: "PodInitializing"}
	if isInit || len(p.object.Spec.InitContainers) == 0 {
		c.status.State.Waiting.Reason = "ContainerCreating"
	}
	for _, old := range before {
		if old.Name == spec.Name && old.ContainerID != "" { // the node has had it before: this is a restart
			c.status.RestartCount = old.RestartCount + 1
			c.status.LastTerminationState = lostState(old)
		}
	}
	return c
}

// lostState is what is known of a container that ended while the agent was away.
func lostState(old v1.ContainerStatus) v1.ContainerState {
	if old.State.Terminated != nil {
		return old.State
	}
	return v1.ContainerState{Terminated: &v1.ContainerStateTerminated{
		ExitCode: 137, Reason: "ContainerStatusUnknown", ContainerID: old.ContainerID, FinishedAt: meta.Now(),
		Message: "the node ended while the container ran",
	}}
}

func (c *container) isSidecar() bool {
	return c.isInit && ptr.Deref(c.spec.RestartPolicy, "") == v1.ContainerRestartPolicyAlways
}

// run starts the container, and again as its restart policy says, until it is over.
func (c *container) run() {
	c.begun.set()
	defer c.over.set()
	delay := newBackOff(c.pod.agent.config.BackOff)
	for !c.isStopping() {
		began := time.Now()
		err := c.runOnce()
		if err != nil {
			c.setWaiting(err.reason, err.Error())
			c.pod.event(v1.EventTypeWarning, "Failed", c.spec.Name+": "+err.Error())
		} else if !c.wantsRestart() {
			return
		}
		pause := delay.next(time.Since(began))
		if pause > 0 && err == nil && !c.isStopping() {
			c.setWaiting("CrashLoopBackOff", fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)",
				pause, c.spec.Name, c.pod.key.Name, c.pod.key.Namespace, c.pod.uid))
			c.pod.event(v1.EventTypeWarning, "BackOff", "Back-off restarting failed container "+c.spec.Name)
		}
		select {
		case <-time.After(pause):
		case <-c.pod.stopping.done:
		case <-c.served.done:
		}
	}
}

// isStopping tells whether it must not start again.
func (c *container) isStopping() bool { return c.pod.stopping.isSet() || c.served.isSet() }

// stopSign is what a running container ends for: the Pod's end, or, for a sidecar, that of the others.
func (c *container) stopSign() <-chan struct{} {
	if c.isSidecar() {
		return c.served.done
	}
	return c.pod.stopping.done
}

// wantsRestart decides after an exit.
func (c *container) wantsRestart() bool {
	if c.isStopping() {
		return false
	}
	policy := v1.ContainerRestartPolicy(c.pod.current().Spec.RestartPolicy)
	if c.isInit && policy == v1.ContainerRestartPolicy(v1.RestartPolicyAlways) {
		policy = v1.ContainerRestartPolicy(v1.RestartPolicyOnFailure)
	}
	if c.spec.RestartPolicy != nil {
		policy = *c.spec.RestartPolicy
	}
	switch policy {
	case v1.ContainerRestartPolicy(v1.RestartPolicyAlways):
		return true
	case v1.ContainerRestartPolicy(v1.RestartPolicyOnFailure):
		return !c.succeeded()
	}
	return false
}

// runOnce is one life of the process: from its start to its exit, whatever the reason.
func (c *container) runOnce() *startError {
	process, logged, err := c.start()
	if err != nil {
		return err
	}
	unhealthy := c.setRunning(process)
	c.pod.event(v1.EventTypeNormal, "Started", "Started container "+c.spec.Name)
	probing, cancel := context.WithCancel(context.Background())
	var probes sync.WaitGroup
	probes.Go(func() {
		if c.afterStart(probing, process) {
			c.probe(probing)
		}
	})
	select {
	case <-process.Done:
	case reason := <-unhealthy:
		c.pod.event(v1.EventTypeNormal, "Killing", reason+", will be restarted")
		c.stop(process, c.restartGrace())
	case <-c.stopSign():
		c.pod.event(v1.EventTypeNormal, "Killing", "Stopping container "+c.spec.Name)
		c.stop(process, c.pod.grace())
	}
	cancel()
	<-logged
	probes.Wait()
	c.setTerminated(process)
	return nil
}

// restartGrace is for a container that a probe ends.
func (c *container) restartGrace() time.Duration {
	for _, probe := range []*v1.Probe{c.spec.LivenessProbe, c.spec.StartupProbe} {
		if probe != nil && probe.TerminationGracePeriodSeconds != nil {
			return time.Duration(*probe.TerminationGracePeriodSeconds) * time.Second
		}
	}
	return c.pod.grace()
}

// The kubelet leaves a process this long after its signal, however long its hook took.
const leastGrace = 2 * time.Second

// stop ends the process with grace: the hook, the signal, the kill. It returns after the exit.
func (c *container) stop(process *contain.Process, grace time.Duration) {
	deadline := time.Now().Add(grace)
	if hook := c.spec.Lifecycle; hook != nil && hook.PreStop != nil && grace > 0 {
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		go func() {
			select {
			case <-process.Done:
			case <-c.pod.gone.done:
			case <-ctx.Done():
			}
			cancel()
		}()
		if err := c.runHook(ctx, hook.PreStop); err != nil {
			c.pod.event(v1.EventTypeWarning, "FailedPreStopHook", err.Error())
		}
		cancel()
	}
	if grace > 0 {
		process.Signal(c.stopSignal())
		select {
		case <-process.Done:
		case <-c.pod.gone.done:
		case <-time.After(max(time.Until(deadline), leastGrace)):
		}
	}
	process.Signal(syscall.SIGKILL)
	<-process.Done
}

// backOff grows from nothing over `base` to thirty times that, and begins anew after a long life: with the
// kubelet's base of 10 s, its own 300 s and 10 min.
type backOff struct{ base, delay time.Duration }

func newBackOff(base time.Duration) *backOff { return &backOff{base: base} }

func (b *backOff) next(lived time.Duration) time.Duration {
	if lived > 60*b.base {
		b.delay = 0
	}
	pause := b.delay
	b.delay = min(max(2*b.delay, b.base), 30*b.base)
	return pause
}
