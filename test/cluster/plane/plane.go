// Package plane runs the control plane of a cluster: etcd, kube-apiserver, kube-controller-manager and kube-scheduler,
// each a process of its own, in one namespace of the fabric; and does to it what happens to control planes.
package plane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"yett.dev/cluster/fabric"
)

// Plane is a running control plane.
type Plane struct {
	NS        *fabric.Namespace
	Authority *Authority

	binary string
	dir    string

	mu                sync.Mutex // the processes, and what the API server starts with
	etcd              *Process
	apiServer         *Process
	controllerManager *Process
	scheduler         *Process
	paused            bool     // controllers, until the API server is back
	verifyKeys        []string // files of keys that service account tokens may be signed with; the first one signs
	keysMade          int
	extra             []string // flags of the API server
}

// Start starts a control plane from the program `binary` (cmd/cluster), with its files in `dir`, and returns when all
// of it is ready. It must be stopped, also after an error if it is not nil.
func Start(ctx context.Context, f *fabric.Fabric, binary, dir string) (*Plane, error) {
	ns, err := f.Attach("plane", fabric.ControlPlaneAddress)
	if err != nil {
		return nil, err
	}
	p := &Plane{NS: ns, binary: binary, dir: dir}
	return p, errors.Join(p.prepare(), p.startStore(), p.StartAPIServer(ctx), p.startControllers())
}

func (p *Plane) prepare() error {
	for _, dir := range []string{"pki", "log", "audit", "kubeconfig"} {
		if err := os.MkdirAll(filepath.Join(p.dir, dir), 0o755); err != nil {
			return err
		}
	}
	authority, err := NewAuthority("kubernetes")
	if err != nil {
		return err
	}
	p.Authority = authority
	return errors.Join(p.write("pki/ca.crt", authority.PEM), p.writeServing(time.Time{}), p.newServiceAccountKey(),
		p.writeCertificate("kubelet-client", Wish{User: "kube-apiserver-kubelet-client", Groups: []string{"system:masters"}}),
		p.write("audit/policy.yaml", []byte(auditPolicy)))
}

// Stop ends it all.
func (p *Plane) Stop() {
	for _, process := range []*Process{p.scheduler, p.controllerManager, p.apiServer, p.etcd} {
		if process != nil {
			process.Kill() // nothing of it is kept
		}
	}
	p.NS.Close()
}

func (p *Plane) path(name string) string { return filepath.Join(p.dir, name) }

// write replaces a file whole: some of them are read while they change.
func (p *Plane) write(name string, content []byte) error {
	aside := p.path(name) + ".new"
	if err := os.WriteFile(aside, content, 0o600); err != nil {
		return err
	}
	return os.Rename(aside, p.path(name))
}

func (p *Plane) writeCertificate(name string, wish Wish) error {
	certificate, key, err := p.Authority.Issue(wish)
	if err != nil {
		return err
	}
	return errors.Join(p.write("pki/"+name+".key", key), p.write("pki/"+name+".crt", certificate))
}

func (p *Plane) start(part string, arguments ...string) (*Process, error) {
	return StartProcess(p.NS, part, p.path("log"), exec.Command(p.binary, append([]string{part}, arguments...)...))
}

const storeAddress = "http://127.0.0.1:2379"

func (p *Plane) startStore() (err error) {
	p.etcd, err = p.start("etcd",
		"--data-dir="+p.path("etcd"),
		"--unsafe-no-fsync",
		"--listen-client-urls="+storeAddress,
		"--advertise-client-urls="+storeAddress,
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=default=http://127.0.0.1:2380",
		"--quota-backend-bytes=2147483648",
		"--log-level=warn",
	)
	return err
}

func (p *Plane) startControllers() error {
	// In most clusters each controller has a ServiceAccount of its own; their tokens would not outlive RevokeOldTokens.
	manager, err := p.Kubeconfig("system:kube-controller-manager", "system:masters")
	if err != nil {
		return err
	}
	scheduler, err := p.Kubeconfig("system:kube-scheduler")
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var errManager, errScheduler error
	p.controllerManager, errManager = p.start("kube-controller-manager",
		"--kubeconfig="+manager,
		"--leader-elect=false",
		"--secure-port=0",
		"--profiling=false",
		"--controllers="+controllers,
		"--root-ca-file="+p.path("pki/ca.crt"),
		"--kube-api-qps=500", "--kube-api-burst=1000",
		"--concurrent-service-endpoint-syncs=10",
	)
	p.scheduler, errScheduler = p.start("kube-scheduler",
		"--kubeconfig="+scheduler,
		"--leader-elect=false",
		"--secure-port=0",
		"--profiling=false",
		"--kube-api-qps=500", "--kube-api-burst=1000",
	)
	return errors.Join(errManager, errScheduler)
}

// pauseControllers ends those that run.
func (p *Plane) pauseControllers() {
	p.mu.Lock()
	manager, scheduler := p.controllerManager, p.scheduler
	p.controllerManager, p.scheduler = nil, nil
	p.paused = p.paused || manager != nil
	p.mu.Unlock()
	if manager != nil {
		manager.Kill()
		scheduler.Kill()
	}
}

// resumeControllers does nothing but after pauseControllers.
func (p *Plane) resumeControllers() error {
	p.mu.Lock()
	paused := p.paused
	p.paused = false
	p.mu.Unlock()
	if !paused {
		return nil
	}
	return p.startControllers()
}

// controllers are those that Pods, Services and namespaces need; volumes, certificates and quotas have no use here.
const controllers = "deployment-controller,replicaset-controller,daemonset-controller,statefulset-controller," +
	"job-controller,cronjob-controller,endpointslice-controller,namespace-controller,serviceaccount-controller," +
	"root-ca-certificate-publisher-controller,garbage-collector-controller,pod-garbage-collector-controller," +
	"node-lifecycle-controller,taint-eviction-controller,disruption-controller,clusterrole-aggregation-controller"

// Check returns an error if one of the processes that should run has ended.
func (p *Plane) Check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, process := range []*Process{p.etcd, p.apiServer, p.controllerManager, p.scheduler} {
		if process != nil {
			errs = append(errs, process.ended())
		}
	}
	return errors.Join(errs...)
}

// Logs is where the processes write.
func (p *Plane) Logs() string { return p.path("log") }

func (p *Plane) errorf(format string, arguments ...any) error {
	return fmt.Errorf("control plane: "+format, arguments...)
}
