package kube

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"yett.dev/cluster/fabric"
)

// Node is a node of the cluster: an agent in a namespace of the fabric.
type Node struct {
	Name    string
	Address netip.Addr
	NS      *fabric.Namespace
	process *Process
	start   func() (*Process, error)
}

// AddNode starts one more node.
func (c *Cluster) AddNode() (*Node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.nodes) + 1
	address := fabric.NodeAddress(n)
	node := &Node{Name: fmt.Sprintf("node-%d", n), Address: address}
	ns, err := c.Fabric.AttachNode(node.Name, address)
	if err != nil {
		return nil, err
	}
	node.NS = ns
	kubeconfig, err := c.Kubeconfig("system:node:"+node.Name, "system:nodes")
	if err != nil {
		return nil, err
	}
	images, err := c.images()
	if err != nil {
		return nil, err
	}
	node.start = func() (*Process, error) {
		return c.StartProcess(ns, node.Name, c.Options.Binary, "node",
			"--name="+node.Name,
			"--kubeconfig="+kubeconfig,
			"--bridge=br0",
			"--pod-cidr="+fabric.PodAddresses(n).String(),
			"--images="+images,
			"--state-dir="+filepath.Join(c.Options.Dir, node.Name),
		)
	}
	node.process, err = node.start()
	if err == nil {
		c.nodes = append(c.nodes, node)
	}
	return node, err
}

// Nodes of the cluster.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// Kill takes the power from a node: its agent and all its Pods end at once.
func (n *Node) Kill() { n.process.Kill() }

// Start gives it back.
func (n *Node) Start() (err error) {
	n.process, err = n.start()
	return err
}

func (c *Cluster) startNodes(ctx context.Context) error {
	for range c.Options.Nodes {
		if _, err := c.AddNode(); err != nil {
			return err
		}
	}
	for _, node := range c.nodes {
		if err := c.waitNode(ctx, node); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) waitNode(ctx context.Context, node *Node) error {
	for {
		object, err := c.Client.CoreV1().Nodes().Get(ctx, node.Name, metav1.GetOptions{})
		if err == nil {
			for _, condition := range object.Status.Conditions {
				if condition.Type == v1.NodeReady && condition.Status == v1.ConditionTrue {
					return nil
				}
			}
		}
		select {
		case <-node.process.Done():
			return fmt.Errorf("%s ended:\n%s", node.Name, node.process.Tail(10))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %v\n%s", node.Name, err, node.process.Tail(10))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// startCloud starts what gives Services of type LoadBalancer their addresses.
func (c *Cluster) startCloud() error {
	ns, err := c.Fabric.Attach("cloud", fabric.LoadBalancers.Addr().Next())
	if err != nil {
		return err
	}
	kubeconfig, err := c.Kubeconfig("cloud")
	if err != nil {
		return err
	}
	c.cloud, err = c.StartProcess(ns, "cloud", c.Options.Binary, "cloud",
		"--kubeconfig="+kubeconfig, "--interface=eth0", "--pool="+fabric.LoadBalancers.String())
	return err
}
