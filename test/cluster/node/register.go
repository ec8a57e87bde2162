package node

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	coordination "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// nodeResources are generous: nothing is limited, and the scheduler should find room.
var nodeResources = v1.ResourceList{
	v1.ResourceCPU: resource.MustParse("64"), v1.ResourceMemory: resource.MustParse("64Gi"),
	v1.ResourceEphemeralStorage: resource.MustParse("64Gi"), v1.ResourcePods: resource.MustParse("250"),
}

// registration keeps the Node object and its Lease.
type registration struct {
	agent *Agent
	port  int32
	uid   meta.OwnerReference
}

// register makes the Node, or takes over the one that is there, and says that it is ready. It goes on trying while
// the API server does not answer.
func (r *registration) register(ctx context.Context) error {
	for {
		err := r.writeNode(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		slog.Warn("node is not registered yet", "error", err)
		if !sleep(ctx, time.Second) {
			return ctx.Err()
		}
	}
}

func (r *registration) writeNode(ctx context.Context) error {
	nodes := r.agent.client.CoreV1().Nodes()
	node, err := nodes.Get(ctx, r.agent.config.Name, meta.GetOptions{})
	if errors.IsNotFound(err) {
		node, err = nodes.Create(ctx, r.newNode(), meta.CreateOptions{})
	}
	if err != nil {
		return err
	}
	r.uid = meta.OwnerReference{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}
	node.Status = r.status(node.Status)
	_, err = nodes.UpdateStatus(ctx, node, meta.UpdateOptions{})
	return err
}

func (r *registration) newNode() *v1.Node {
	labels := map[string]string{
		v1.LabelHostname: r.agent.config.Name, v1.LabelOSStable: runtime.GOOS, v1.LabelArchStable: runtime.GOARCH,
	}
	for name, value := range r.agent.config.Labels {
		labels[name] = value
	}
	return &v1.Node{
		ObjectMeta: meta.ObjectMeta{Name: r.agent.config.Name, Labels: labels},
		Spec:       v1.NodeSpec{PodCIDR: r.agent.config.PodCIDR, PodCIDRs: []string{r.agent.config.PodCIDR}},
	}
}

// status is what a healthy node says. Conditions of others stay.
func (r *registration) status(old v1.NodeStatus) v1.NodeStatus {
	status := *old.DeepCopy()
	status.Capacity = nodeResources
	status.Allocatable = nodeResources
	status.Addresses = []v1.NodeAddress{{Type: v1.NodeInternalIP, Address: r.agent.network.node.String()}}
	status.DaemonEndpoints.KubeletEndpoint.Port = r.port
	status.NodeInfo = v1.NodeSystemInfo{
		KubeletVersion: "v1.37.2", ContainerRuntimeVersion: "contain://1", OperatingSystem: runtime.GOOS,
		Architecture: runtime.GOARCH, OSImage: "network namespace",
	}
	r.setCondition(&status, v1.NodeReady, v1.ConditionTrue, "KubeletReady", "the node agent runs")
	r.setCondition(&status, v1.NodeMemoryPressure, v1.ConditionFalse, "KubeletHasSufficientMemory", "nothing is limited")
	r.setCondition(&status, v1.NodeDiskPressure, v1.ConditionFalse, "KubeletHasNoDiskPressure", "nothing is limited")
	r.setCondition(&status, v1.NodePIDPressure, v1.ConditionFalse, "KubeletHasSufficientPID", "nothing is limited")
	return status
}

func (r *registration) setCondition(status *v1.NodeStatus, kind v1.NodeConditionType, value v1.ConditionStatus, reason, message string) {
	now := meta.Now()
	condition := v1.NodeCondition{
		Type: kind, Status: value, Reason: reason, Message: message, LastHeartbeatTime: now, LastTransitionTime: now,
	}
	for i, old := range status.Conditions {
		if old.Type == kind {
			if old.Status == value {
				condition.LastTransitionTime = old.LastTransitionTime
			}
			status.Conditions[i] = condition
			return
		}
	}
	status.Conditions = append(status.Conditions, condition)
}

// keepAlive renews the Lease four times in its duration. A Node that others called dead, or deleted, is written again.
func (r *registration) keepAlive(ctx context.Context) {
	for {
		if err := r.renew(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("lease is not renewed", "error", err)
		}
		if !sleep(ctx, r.agent.config.Lease/4) {
			return
		}
		if err := r.assertReady(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("node status is not written", "error", err)
		}
	}
}

func (r *registration) assertReady(ctx context.Context) error {
	node, err := r.agent.client.CoreV1().Nodes().Get(ctx, r.agent.config.Name, meta.GetOptions{ResourceVersion: "0"})
	if err != nil && !errors.IsNotFound(err) {
		return err
	}
	if err == nil {
		for _, condition := range node.Status.Conditions {
			if condition.Type == v1.NodeReady && condition.Status == v1.ConditionTrue {
				return nil
			}
		}
	}
	return r.writeNode(ctx)
}

func (r *registration) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.agent.config.Lease/4)
	defer cancel()
	leases := r.agent.client.CoordinationV1().Leases(v1.NamespaceNodeLease)
	spec := coordination.LeaseSpec{
		HolderIdentity:       ptr.To(r.agent.config.Name),
		LeaseDurationSeconds: ptr.To(int32(r.agent.config.Lease / time.Second)),
		RenewTime:            &meta.MicroTime{Time: time.Now()},
	}
	lease, err := leases.Get(ctx, r.agent.config.Name, meta.GetOptions{})
	if errors.IsNotFound(err) {
		_, err = leases.Create(ctx, &coordination.Lease{
			ObjectMeta: meta.ObjectMeta{Name: r.agent.config.Name, OwnerReferences: []meta.OwnerReference{r.uid}},
			Spec:       spec,
		}, meta.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec = spec
	_, err = leases.Update(ctx, lease, meta.UpdateOptions{})
	return err
}

// sleep waits and returns true, or false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
