package node

import (
	"fmt"
	"os"
	"strings"

	v1 "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"yett.dev/cluster/contain"
)

// startError is why a container could not start, with the reason that its waiting state shows.
type startError struct {
	reason string
	err    error
}

func (e *startError) Error() string { return e.err.Error() }

// setWaiting also keeps the state before, if that was an end.
func (c *container) setWaiting(reason, message string) {
	c.change(func(status *v1.ContainerStatus) {
		if status.State.Terminated != nil {
			status.LastTerminationState = status.State
			status.RestartCount++
		}
		status.State = v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reason, Message: message}}
	})
}

func (c *container) setRunning(process *contain.Process) <-chan string {
	unhealthy := make(chan string, 1)
	c.change(func(status *v1.ContainerStatus) {
		c.process, c.unhealthy = process, unhealthy
		if status.State.Terminated != nil {
			status.LastTerminationState = status.State
			status.RestartCount++
		}
		status.ContainerID = c.id(status.RestartCount)
		status.ImageID = c.spec.Image
		status.State = v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: meta.Now()}}
	})
	return unhealthy
}

func (c *container) setTerminated(process *contain.Process) {
	code := process.ExitCode()
	reason := "Error"
	if code == 0 {
		reason = "Completed"
	}
	message := c.terminationMessage(code)
	c.change(func(status *v1.ContainerStatus) {
		c.process, c.unhealthy = nil, nil
		begun := meta.Time{}
		if status.State.Running != nil {
			begun = status.State.Running.StartedAt
		}
		status.Started, status.Ready = ptr.To(false), c.isInit && !c.isSidecar() && code == 0
		status.State = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{
			ExitCode: int32(code), Reason: reason, Message: message, StartedAt: begun, FinishedAt: meta.Now(),
			ContainerID: status.ContainerID,
		}}
	})
}

// terminationMessage is what the container left in its file, or the end of its log where that was asked for.
func (c *container) terminationMessage(code int) string {
	const limit = 4096
	text, _ := os.ReadFile(c.dir("termination-log"))
	if len(text) == 0 && code != 0 && c.spec.TerminationMessagePolicy == v1.TerminationMessageFallbackToLogsOnError {
		text = lastLines(c.logFile(0), 80)
	}
	return strings.ToValidUTF8(string(text[max(0, len(text)-limit):]), "?")
}

// setReady and setStarted are what probes say.
func (c *container) setReady(ready bool) {
	c.change(func(status *v1.ContainerStatus) { status.Ready = ready && status.State.Running != nil })
}

func (c *container) setStarted() {
	c.change(func(status *v1.ContainerStatus) { status.Started = ptr.To(status.State.Running != nil) })
	c.up.set()
}

// mustRestart is what a failed probe or hook asks for.
func (c *container) mustRestart(reason string) {
	c.pod.lock.Lock()
	defer c.pod.lock.Unlock()
	select {
	case c.unhealthy <- reason:
	default: // it is asked for already, or the process has ended
	}
}

func (c *container) change(change func(status *v1.ContainerStatus)) {
	c.pod.lock.Lock()
	change(&c.status)
	c.pod.lock.Unlock()
	c.pod.touch()
}

func (c *container) succeeded() bool {
	c.pod.lock.Lock()
	defer c.pod.lock.Unlock()
	return c.status.State.Terminated != nil && c.status.State.Terminated.ExitCode == 0
}

// runningProcess is nil while there is none.
func (c *container) runningProcess() *contain.Process {
	c.pod.lock.Lock()
	defer c.pod.lock.Unlock()
	return c.process
}

func (c *container) id(restart int32) string {
	return fmt.Sprintf("contain://%s-%s-%d", c.pod.uid, c.spec.Name, restart)
}
