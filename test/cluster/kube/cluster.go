// Package kube is the cluster that tests use: control plane, nodes, cloud and clients of all kinds on one fabric. One
// cluster serves all tests of a package; each test works in Kubernetes namespaces of its own.
package kube

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"yett.dev/cluster/fabric"
	"yett.dev/cluster/plane"
	"yett.dev/cluster/sandbox"
)

// Cluster is a running cluster.
type Cluster struct {
	*plane.Plane
	Fabric *fabric.Fabric
	Client kubernetes.Interface // as an administrator, without a limit on its rate
	REST   *rest.Config
	// AdminKubeconfig is a file.
	AdminKubeconfig string
	Options         Options

	dynamic dynamic.Interface
	mapper  *restmapper.DeferredDiscoveryRESTMapper

	mu        sync.Mutex
	nodes     []*Node
	cloud     *Process
	addresses int // given to clients
}

// Process is a program in a namespace of its own.
type Process struct {
	*plane.Process
	NS *fabric.Namespace
}

// NeedImage fails the test where there is no image of yett.
func (c *Cluster) NeedImage(t testing.TB) {
	t.Helper()
	if c.Options.imageMissing != nil {
		t.Fatalf("%v; 'make image' makes it", c.Options.imageMissing)
	}
}

// Rendered is what the Helm chart installs as a release in a namespace, with these values (YAML).
func (c *Cluster) Rendered(t testing.TB, release, namespace, values string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(values), 0o644); err != nil {
		t.Fatal(err)
	}
	chart, err := program("YETT_CHART", "deploy/helm/yett")
	if err != nil {
		t.Fatal(err)
	}
	render := filepath.Join(filepath.Dir(c.Options.Binary), "render")
	output, err := exec.CommandContext(t.Context(), render, "helm", chart, release, namespace, file).Output()
	if err != nil {
		t.Fatalf("render helm: %v%s", err, exitText(err))
	}
	return string(output)
}

// exitText is what a program that failed has said.
func exitText(err error) string {
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return "\n" + string(exit.Stderr)
	}
	return ""
}

// Options of a cluster.
type Options struct {
	Binary string // cmd/cluster
	Gate   string // yett
	Image  string // the same in an image, of which this is the OCI layout; only what deploy/ installs needs it
	Nodes  int
	Dir    string

	imageMissing error
}

// DefaultOptions are those of YETT_CLUSTER_BIN, YETT_BIN and YETT_IMAGE, else of where the build puts these.
func DefaultOptions() (Options, error) {
	options := Options{Nodes: 2, Dir: sandbox.Dir()}
	var errs [2]error
	options.Binary, errs[0] = program("YETT_CLUSTER_BIN", "build-cluster/cluster")
	options.Gate, errs[1] = program("YETT_BIN", "build/yett")
	options.Image, options.imageMissing = program("YETT_IMAGE", "build/image")
	return options, errors.Join(errs[:]...)
}

// program finds a program by a variable, or below the top of the source tree.
func program(variable, built string) (string, error) {
	path := os.Getenv(variable)
	for dir := "."; path == ""; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "meson.build")); err == nil {
			if _, err := os.Stat(filepath.Join(dir, "src")); err == nil {
				path = filepath.Join(dir, built)
			}
		}
		if absolute, err := filepath.Abs(dir); err != nil || absolute == "/" {
			break
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w; build it, or set %s", err, variable)
	}
	return path, nil
}

// Start starts a cluster in the sandbox that the calling process is in, and returns when all of it is ready. It must
// be stopped, also after an error if it is not nil.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	f, err := fabric.New()
	if err != nil {
		return nil, err
	}
	p, err := plane.Start(ctx, f, options.Binary, filepath.Join(options.Dir, "plane"))
	if p == nil {
		return nil, err
	}
	c := &Cluster{Plane: p, Fabric: f, Options: options}
	if err != nil {
		return c, err
	}
	return c, errors.Join(c.connect(), c.prepare(ctx), c.startCloud(), c.startNodes(ctx))
}

func (c *Cluster) connect() (err error) {
	if c.REST, err = c.Config("admin", "system:masters"); err != nil {
		return err
	}
	if c.AdminKubeconfig, err = c.Kubeconfig("admin", "system:masters"); err != nil {
		return err
	}
	if c.Client, err = kubernetes.NewForConfig(c.REST); err != nil {
		return err
	}
	if c.dynamic, err = dynamic.NewForConfig(c.REST); err != nil {
		return err
	}
	c.mapper = restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(c.Client.Discovery()))
	return nil
}

// prepare gives the nodes' agents and the cloud their rights.
func (c *Cluster) prepare(ctx context.Context) error {
	return c.ApplyYAML(ctx, "", []byte(rights))
}

// Stop ends it all.
func (c *Cluster) Stop() {
	for _, node := range c.nodes {
		node.process.Stop(2 * time.Second)
	}
	if c.cloud != nil {
		c.cloud.Kill()
	}
	c.Plane.Stop()
}

// StartProcess starts a program in a namespace; its log is among those of the cluster.
func (c *Cluster) StartProcess(ns *fabric.Namespace, name string, arguments ...string) (*Process, error) {
	process, err := plane.StartProcess(ns, name, c.Logs(), exec.Command(arguments[0], arguments[1:]...))
	if err != nil {
		return nil, err
	}
	return &Process{process, ns}, nil
}

const rights = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: cluster:nodes}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: system:node}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: system:nodes}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: cluster:cloud}
rules:
- {apiGroups: [""], resources: [services, nodes], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [services/status], verbs: [update, patch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}
- {apiGroups: ["", events.k8s.io], resources: [events], verbs: [create, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: cluster:cloud}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster:cloud}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: cloud}
`
