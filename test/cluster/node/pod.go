package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// pod is one Pod of this node, from its binding to the end of its object. run is its life; a second goroutine
// writes its status, a third keeps its volumes up to date.
//
//	furnish (volumes, network) → init containers, one after the other → containers → the end of all, or stop
type pod struct {
	agent *Agent
	key   types.NamespacedName
	uid   types.UID
	log   *slog.Logger

	stopping *latch // deletion was asked for: nothing starts any more
	gone     *latch // the object is no more: no grace
	ended    *latch // nothing runs any more, and nothing will
	settled  *latch // the status of the end is written
	dirty    chan struct{}

	volumes *volumes
	network *podNetwork

	lock       sync.Mutex // guards what follows, and the states of containers
	object     *v1.Pod    // the newest
	started    meta.Time
	conditions map[v1.PodConditionType]v1.PodCondition
	inits      []*container
	mains      []*container
}

func newPod(agent *Agent, object *v1.Pod) *pod {
	p := &pod{
		agent: agent, uid: object.UID, object: object, started: meta.Now(),
		key:      types.NamespacedName{Namespace: object.Namespace, Name: object.Name},
		log:      slog.With("pod", object.Namespace+"/"+object.Name),
		stopping: newLatch(), gone: newLatch(), ended: newLatch(), settled: newLatch(),
		dirty:      make(chan struct{}, 1),
		conditions: map[v1.PodConditionType]v1.PodCondition{},
	}
	if object.Status.StartTime != nil {
		p.started = *object.Status.StartTime
	}
	for _, condition := range object.Status.Conditions {
		p.conditions[condition.Type] = condition
	}
	for i := range object.Spec.InitContainers {
		p.inits = append(p.inits, newContainer(p, &object.Spec.InitContainers[i], true, object.Status.InitContainerStatuses))
	}
	for i := range object.Spec.Containers {
		p.mains = append(p.mains, newContainer(p, &object.Spec.Containers[i], false, object.Status.ContainerStatuses))
	}
	p.volumes = newVolumes(p)
	return p
}

// update takes a newer object.
func (p *pod) update(object *v1.Pod) {
	p.lock.Lock()
	relabelled := fmt.Sprint(p.object.Labels, p.object.Annotations) != fmt.Sprint(object.Labels, object.Annotations)
	p.object = object
	p.lock.Unlock()
	if relabelled {
		p.volumes.changed()
	}
	if object.DeletionTimestamp != nil {
		p.stopping.set()
	}
	p.touch()
}

func (p *pod) forget() {
	p.gone.set()
	p.stopping.set()
}

// current is the newest object; it is not to be written to.
func (p *pod) current() *v1.Pod {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.object
}

// touch has the status written soon.
func (p *pod) touch() {
	select {
	case p.dirty <- struct{}{}:
	default:
	}
}

func (p *pod) dir(parts ...string) string {
	return filepath.Join(append([]string{p.agent.podDir(p.uid)}, parts...)...)
}

func (p *pod) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	over := p.current().Status.Phase == v1.PodSucceeded || p.current().Status.Phase == v1.PodFailed
	if !over {
		go p.reportStatus(ctx)
		p.live(ctx)
		p.network.Release()
		p.volumes.release()
		p.ended.set()
		p.touch()
	}
	<-p.stopping.done
	if !over {
		p.awaitSettled()
	}
	p.deleteObject(ctx)
	<-p.gone.done
	os.RemoveAll(p.dir())
	p.log.Info("pod is gone")
}

func (p *pod) awaitSettled() {
	select {
	case <-p.settled.done:
	case <-p.gone.done:
	}
}

// live is all that happens while anything may run.
func (p *pod) live(ctx context.Context) {
	if !p.furnish(ctx) {
		return
	}
	go p.volumes.follow(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer p.stopSidecars()
	if !p.initialize(&running) {
		return
	}
	var mains sync.WaitGroup
	for _, c := range p.mains {
		mains.Go(c.run)
	}
	// Each container stops by itself when the Pod does.
	mains.Wait()
}

// furnish prepares what containers need, and goes on trying.
func (p *pod) furnish(ctx context.Context) bool {
	for delay := time.Second; !p.stopping.isSet(); delay = min(2*delay, 30*time.Second) {
		err := p.furnishOnce(ctx)
		if err == nil {
			p.touch()
			return true
		}
		p.event(v1.EventTypeWarning, "FailedMount", err.Error())
		select {
		case <-p.stopping.done:
		case <-time.After(delay):
		case <-p.volumes.news:
		}
	}
	return false
}

func (p *pod) furnishOnce(ctx context.Context) error {
	object := p.current()
	if err := errors.Join(refusePodFeatures(object), os.MkdirAll(p.dir(), 0o755), p.join(object)); err != nil {
		return err
	}
	return errors.Join(p.volumes.write(ctx), p.writeEtc())
}

// join makes the network, once.
func (p *pod) join(object *v1.Pod) error {
	if p.network != nil {
		return nil
	}
	network := p.agent.network.host()
	if !object.Spec.HostNetwork {
		sysctls := map[string]string{}
		if security := object.Spec.SecurityContext; security != nil {
			for _, s := range security.Sysctls {
				sysctls[s.Name] = s.Value
			}
		}
		var err error
		if network, err = p.agent.network.join(sysctls); err != nil {
			return err
		}
	}
	p.lock.Lock()
	defer p.lock.Unlock()
	p.network = network
	return nil
}

func refusePodFeatures(object *v1.Pod) error {
	for _, c := range object.Spec.Containers {
		for _, port := range c.Ports {
			if port.HostPort != 0 && !object.Spec.HostNetwork {
				return fmt.Errorf("container %s: hostPort %d: this node has no port mapping; use hostNetwork or a Service",
					c.Name, port.HostPort)
			}
		}
	}
	if object.Spec.HostPID || object.Spec.HostIPC {
		return errors.New("hostPID and hostIPC: this node does not share them")
	}
	return nil
}

// writeEtc makes the files that the kubelet makes for the containers' /etc.
func (p *pod) writeEtc() error {
	hosts := "127.0.0.1\tlocalhost\n::1\tlocalhost\n" + p.network.IP + "\t" + p.hostname() + "\n"
	for _, alias := range p.current().Spec.HostAliases {
		for _, name := range alias.Hostnames {
			hosts += alias.IP + "\t" + name + "\n"
		}
	}
	return errors.Join(
		os.WriteFile(p.dir("hosts"), []byte(hosts), 0o644),
		os.WriteFile(p.dir("hostname"), []byte(p.hostname()+"\n"), 0o644),
		os.WriteFile(p.dir("resolv.conf"), []byte("# this cluster has no DNS\n"), 0o644))
}

func (p *pod) hostname() string {
	object := p.current()
	switch {
	case object.Spec.HostNetwork:
		return p.agent.config.Name
	case object.Spec.Hostname != "":
		return object.Spec.Hostname
	}
	return object.Name
}

// initialize runs the init containers in order. Those that are to run on (sidecars) only need to have started.
func (p *pod) initialize(running *sync.WaitGroup) bool {
	for _, c := range p.inits {
		if c.isSidecar() {
			running.Go(c.run)
			select {
			case <-c.up.done:
			case <-p.stopping.done:
				return false
			}
			continue
		}
		c.run()
		if p.stopping.isSet() || !c.succeeded() {
			return false
		}
	}
	return !p.stopping.isSet()
}

// stopSidecars ends them in reverse order, after the containers that they served.
func (p *pod) stopSidecars() {
	for i := len(p.inits) - 1; i >= 0; i-- {
		if c := p.inits[i]; c.isSidecar() {
			c.served.set()
			if c.begun.isSet() {
				<-c.over.done
			}
		}
	}
}

// grace is the time that the Pod has from the request to delete it.
func (p *pod) grace() time.Duration {
	object := p.current()
	seconds := ptr.Deref(object.Spec.TerminationGracePeriodSeconds, v1.DefaultTerminationGracePeriodSeconds)
	if object.DeletionTimestamp != nil && object.DeletionGracePeriodSeconds != nil {
		seconds = *object.DeletionGracePeriodSeconds
	}
	return time.Duration(seconds) * time.Second
}

// deleteObject is the node's word that nothing of the Pod runs any more.
func (p *pod) deleteObject(ctx context.Context) {
	for !p.gone.isSet() {
		err := p.agent.client.CoreV1().Pods(p.key.Namespace).Delete(ctx, p.key.Name, meta.DeleteOptions{
			GracePeriodSeconds: ptr.To(int64(0)), Preconditions: meta.NewUIDPreconditions(string(p.uid)),
		})
		if err == nil {
			return
		}
		select {
		case <-p.gone.done:
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (p *pod) event(kind, reason, message string) {
	p.log.Info(reason, "message", message)
	p.agent.events.Event(p.current(), kind, reason, message)
}
