// Package node is a node's agent: what the kubelet, a container runtime and a network plug-in are to a real
// node, as far as Pods can tell. It registers its Node, takes the Pods that are bound to it, runs their
// containers by package contain, probes them, reports their status, rotates their tokens, stops them with
// grace, and serves their logs to the API server.
//
// What is as on a real node: namespaces, root, user and rights of each container; volumes that are updated by
// the exchange of a symbolic link; probes and hooks; the order of starts and stops; conditions and states in the
// Pod's status; the variables in the environment but those of other Services.
//
// What is not: images are local programs or directories (image.go), nothing is pulled. Nothing is limited: there
// are no cgroups. hostPath, hostPort and persistent volumes are refused by name. There is no Service network: the
// API server is announced by its real address.
//
// An agent that is killed is a node that lost its power: its containers end with it, since the agent is process 1
// of a PID namespace (contain jail). Started again, it starts the Pods that are still bound to it anew, as after
// a reboot, with restartCount one higher.
package node

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"

	"yett.dev/cluster/follow"
)

// Config is what an agent needs to know.
type Config struct {
	Name       string
	Kubeconfig string
	Labels     map[string]string
	Bridge     string        // of the network namespace that the agent runs in; its address is the node's
	PodCIDR    string        // what Pods get addresses from: a part of the bridge's subnet
	Images     string        // file of image.go
	StateDir   string        // emptied at the start
	ClientCA   string        // who may use the API of server.go; empty: everyone
	Lease      time.Duration // how long the Node counts as alive without a sign
	BackOff    time.Duration // before the second restart of a container; doubled up to thirty-fold
	TokenAge   time.Duration // at which a token is replaced; 0: at 80 % of its life, as the kubelet does
	// UnprivilegedPorts lets everyone in a Pod bind any port, as containerd does since 2.0.
	UnprivilegedPorts bool
}

// Agent is one running node.
type Agent struct {
	config   Config
	client   kubernetes.Interface
	server   *net.TCPAddr // of the API, for Pods
	network  *network
	objects  *objectCache
	events   record.EventRecorder
	tokens   *bell // asks every Pod for new tokens
	podsLock sync.Mutex
	pods     map[types.UID]*pod
	running  sync.WaitGroup
}

// New prepares an agent.
func New(config Config) (*Agent, error) {
	settings, err := clientcmd.BuildConfigFromFlags("", config.Kubeconfig)
	if err != nil {
		return nil, err
	}
	settings.QPS = -1
	settings.UserAgent = "node/" + config.Name
	client, err := kubernetes.NewForConfig(settings)
	if err != nil {
		return nil, err
	}
	server, err := serverAddress(settings)
	if err != nil {
		return nil, err
	}
	network, err := newNetwork(config.Bridge, config.PodCIDR, config.UnprivilegedPorts)
	if err != nil {
		return nil, err
	}
	config.PodCIDR = network.pods.String()
	// What an earlier agent left is of no use: its containers are gone.
	if err := os.RemoveAll(config.StateDir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(config.StateDir, 0o755); err != nil {
		return nil, err
	}
	if config.StateDir, err = filepath.EvalSymlinks(config.StateDir); err != nil {
		return nil, err
	}
	return &Agent{
		config: config, client: client, server: server, network: network,
		objects: newObjectCache(client), tokens: newBell(), pods: map[types.UID]*pod{},
	}, nil
}

func serverAddress(settings *rest.Config) (*net.TCPAddr, error) {
	base, _, err := rest.DefaultServerUrlFor(settings)
	if err != nil {
		return nil, err
	}
	host := base.Host
	if base.Port() == "" {
		host = net.JoinHostPort(base.Hostname(), "443")
	}
	return net.ResolveTCPAddr("tcp", host)
}

// Run works until ctx ends. Then the containers end, too, at once.
func (a *Agent) Run(ctx context.Context) error {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typed.EventSinkImpl{Interface: a.client.CoreV1().Events("")})
	a.events = broadcaster.NewRecorder(scheme.Scheme, v1.EventSource{Component: "kubelet", Host: a.config.Name})

	port, err := a.serve(ctx)
	if err != nil {
		return err
	}
	node := &registration{agent: a, port: port}
	if err := node.register(ctx); err != nil {
		return err
	}
	go node.keepAlive(ctx)

	informer := a.podInformer()
	slog.Info("node", "name", a.config.Name, "address", a.network.node, "pods", a.config.PodCIDR)
	informer.RunWithContext(ctx)
	return nil
}

func (a *Agent) podInformer() cache.SharedInformer {
	bound := fields.OneTermEqualSelector("spec.nodeName", a.config.Name)
	source := follow.Source(a.client.CoreV1().RESTClient(), "pods", v1.NamespaceAll, bound)
	informer := cache.NewSharedInformer(source, &v1.Pod{}, 0)
	informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { a.podChanged(object.(*v1.Pod)) },
		UpdateFunc: func(_, object any) { a.podChanged(object.(*v1.Pod)) },
		DeleteFunc: func(object any) {
			if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = last.Obj
			}
			a.podGone(object.(*v1.Pod))
		},
	})
	return informer
}

func (a *Agent) podChanged(object *v1.Pod) {
	a.podsLock.Lock()
	defer a.podsLock.Unlock()
	p := a.pods[object.UID]
	if p == nil {
		p = newPod(a, object)
		a.pods[object.UID] = p
		go p.run()
	}
	p.update(object)
}

// podGone is the end of a Pod whose object was deleted: in order, or by force.
func (a *Agent) podGone(object *v1.Pod) {
	a.podsLock.Lock()
	defer a.podsLock.Unlock()
	if p := a.pods[object.UID]; p != nil {
		delete(a.pods, object.UID)
		p.forget()
	}
}

// findPod is for the API of server.go.
func (a *Agent) findPod(namespace, name string) (*pod, error) {
	a.podsLock.Lock()
	defer a.podsLock.Unlock()
	for _, p := range a.pods {
		if p.key.Namespace == namespace && p.key.Name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("pod %s/%s is not on node %s", namespace, name, a.config.Name)
}

func (a *Agent) podDir(uid types.UID) string {
	return filepath.Join(a.config.StateDir, "pods", string(uid))
}
