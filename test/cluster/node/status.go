package node

import (
	"context"
	"encoding/json"
	"reflect"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// reportStatus writes the Pod's status whenever it is another, until the one of the end is written.
func (p *pod) reportStatus(ctx context.Context) {
	var written *v1.PodStatus
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.gone.done:
			return
		case <-p.dirty:
		}
		isLast := p.ended.isSet()
		status := p.status()
		if written == nil || !reflect.DeepEqual(*written, status) {
			err := p.patchStatus(ctx, status)
			if errors.IsNotFound(err) || errors.IsConflict(err) { // another Pod has the name, or none
				p.settled.set()
				return
			}
			if err != nil {
				p.log.Warn("status is not written", "error", err)
				time.AfterFunc(500*time.Millisecond, p.touch)
				continue
			}
			written = &status
		}
		if isLast {
			p.settled.set()
			return
		}
	}
}

// patchStatus writes what is the node's part of the status: conditions of others stay as they are.
func (p *pod) patchStatus(ctx context.Context, status v1.PodStatus) error {
	patch, err := statusPatch(p.uid, status)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err = p.agent.client.CoreV1().Pods(p.key.Namespace).Patch(ctx, p.key.Name, types.StrategicMergePatchType,
		patch, meta.PatchOptions{}, "status")
	return err
}

// statusPatch says of the addresses that there are no others: after a restart of the node they are new ones.
func statusPatch(uid types.UID, status v1.PodStatus) ([]byte, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
	if err != nil {
		return nil, err
	}
	if addresses, ok := fields["podIPs"].([]any); ok {
		fields["podIPs"] = append(addresses, map[string]any{"$patch": "replace"})
	}
	return json.Marshal(map[string]any{"metadata": map[string]any{"uid": uid}, "status": fields})
}

func (p *pod) status() v1.PodStatus {
	p.lock.Lock()
	defer p.lock.Unlock()
	status := v1.PodStatus{
		StartTime: &p.started, HostIP: p.agent.network.node.String(), ObservedGeneration: p.object.Generation,
		HostIPs: []v1.HostIP{{IP: p.agent.network.node.String()}}, QOSClass: p.object.Status.QOSClass,
	}
	if p.network != nil {
		status.PodIP = p.network.IP
		status.PodIPs = []v1.PodIP{{IP: p.network.IP}}
	}
	for _, c := range p.inits {
		status.InitContainerStatuses = append(status.InitContainerStatuses, *c.status.DeepCopy())
	}
	for _, c := range p.mains {
		status.ContainerStatuses = append(status.ContainerStatuses, *c.status.DeepCopy())
	}
	status.Phase = p.phase()
	status.Conditions = p.setConditions(status.Phase)
	return status
}

// phase is read off the containers' states. Called with the lock held.
func (p *pod) phase() v1.PodPhase {
	failed, lived, living := false, false, 0
	for _, c := range append(p.mains[:len(p.mains):len(p.mains)], p.inits...) {
		state := c.status.State
		if state.Terminated != nil && state.Terminated.ExitCode != 0 && !c.isSidecar() {
			failed = true
		}
		if !c.isInit {
			lived = lived || c.status.ContainerID != ""
			if state.Terminated == nil {
				living++
			}
		}
	}
	switch {
	case p.ended.isSet() && (failed || living > 0):
		return v1.PodFailed
	case p.ended.isSet():
		return v1.PodSucceeded
	case lived:
		return v1.PodRunning
	}
	return v1.PodPending
}

// setConditions brings the node's conditions up to date. Called with the lock held.
func (p *pod) setConditions(phase v1.PodPhase) []v1.PodCondition {
	over := phase == v1.PodSucceeded || phase == v1.PodFailed
	initialized, ready := true, !over
	for _, c := range p.inits {
		up := c.status.State.Terminated != nil && c.status.State.Terminated.ExitCode == 0
		if c.isSidecar() {
			up = c.up.isSet()
			ready = ready && c.status.Ready
		}
		initialized = initialized && up
	}
	for _, c := range p.mains {
		ready = ready && c.status.Ready
	}
	reason, unready := "", "ContainersNotReady"
	if over {
		reason, unready = "PodCompleted", "PodCompleted"
	}
	gates := ready
	for _, gate := range p.object.Spec.ReadinessGates {
		gates = gates && p.isTrue(gate.ConditionType)
	}
	conditions := []v1.PodCondition{
		p.condition(v1.PodReadyToStartContainers, p.network != nil && !over, "", ""),
		p.condition(v1.PodInitialized, initialized, reason, "ContainersNotInitialized"),
		p.condition(v1.ContainersReady, ready, "", unready),
		p.condition(v1.PodReady, gates, "", unready),
	}
	if _, ok := p.conditions[v1.PodScheduled]; !ok {
		conditions = append(conditions, p.condition(v1.PodScheduled, true, "", ""))
	}
	return conditions
}

// isTrue looks at a condition of somebody else's. Called with the lock held.
func (p *pod) isTrue(kind v1.PodConditionType) bool {
	for _, condition := range p.object.Status.Conditions {
		if condition.Type == kind {
			return condition.Status == v1.ConditionTrue
		}
	}
	return false
}

func (p *pod) condition(kind v1.PodConditionType, value bool, whenTrue, whenFalse string) v1.PodCondition {
	next := v1.PodCondition{
		Type: kind, Status: v1.ConditionFalse, Reason: whenFalse,
		ObservedGeneration: p.object.Generation, LastTransitionTime: meta.Now(),
	}
	if value {
		next.Status, next.Reason = v1.ConditionTrue, whenTrue
	}
	if old, ok := p.conditions[kind]; ok && old.Status == next.Status {
		next.LastTransitionTime = old.LastTransitionTime
	}
	p.conditions[kind] = next
	return next
}
