// Package cloud is a cloud provider's load balancers: each Service of type LoadBalancer gets an address of its own, and
// what arrives there goes on to the Service's endpoints.
//
// It behaves as a load balancer with Pods as its targets: a new connection goes to an endpoint that is ready and not
// terminating, by turns; where that does not answer, to the next one; an open connection is left alone whatever becomes
// of its endpoint, until one side ends it. TCP and UDP. Without endpoints, a connection is reset.
//
// The client's address does not reach the endpoint: where the Service asks by the annotation AnnotationProxyProtocol, it
// is told by the PROXY protocol, version 1 or 2.
package cloud

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"

	"yett.dev/cluster/follow"
)

// Cloud serves the Services of one cluster. One goroutine, that of Run, has it to itself.
type Cloud struct {
	client    kubernetes.Interface
	addresses *pool
	services  cache.SharedIndexInformer
	slices    cache.SharedIndexInformer
	queue     workqueue.TypedRateLimitingInterface[types.NamespacedName]
	balancers map[types.NamespacedName]*balancer
}

const byService = "service"

// New prepares a cloud whose addresses are on `device`, a network interface of the calling process' namespace.
func New(kubeconfig, device string, addresses netip.Prefix) (*Cloud, error) {
	settings, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	settings.QPS = -1
	settings.UserAgent = "cloud"
	client, err := kubernetes.NewForConfig(settings)
	if err != nil {
		return nil, err
	}
	pool, err := newPool(device, addresses)
	if err != nil {
		return nil, err
	}
	all := fields.Everything()
	c := &Cloud{
		client: client, addresses: pool, balancers: map[types.NamespacedName]*balancer{},
		services: cache.NewSharedIndexInformer(
			follow.Source(client.CoreV1().RESTClient(), "services", v1.NamespaceAll, all), &v1.Service{}, 0, cache.Indexers{}),
		slices: cache.NewSharedIndexInformer(
			follow.Source(client.DiscoveryV1().RESTClient(), "endpointslices", v1.NamespaceAll, all), &discovery.EndpointSlice{}, 0, cache.Indexers{}),
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[types.NamespacedName](100*time.Millisecond, 10*time.Second)),
	}
	err = c.slices.AddIndexers(cache.Indexers{byService: func(object any) ([]string, error) {
		return []string{serviceOf(object.(*discovery.EndpointSlice)).String()}, nil
	}})
	return c, err
}

func serviceOf(slice *discovery.EndpointSlice) types.NamespacedName {
	return types.NamespacedName{Namespace: slice.Namespace, Name: slice.Labels[discovery.LabelServiceName]}
}

// Run works until ctx ends; then all connections end.
func (c *Cloud) Run(ctx context.Context) error {
	handler := cache.ResourceEventHandlerFuncs{
		AddFunc: c.enqueue, UpdateFunc: func(_, object any) { c.enqueue(object) }, DeleteFunc: c.enqueue,
	}
	for _, informer := range []cache.SharedIndexInformer{c.services, c.slices} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
		go informer.RunWithContext(ctx)
	}
	if !cache.WaitForCacheSync(ctx.Done(), c.services.HasSynced, c.slices.HasSynced) {
		return nil
	}
	slog.Info("cloud", "addresses", c.addresses.prefix)
	context.AfterFunc(ctx, c.queue.ShutDown)
	for c.next(ctx) {
	}
	return nil
}

func (c *Cloud) enqueue(object any) {
	if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = last.Obj
	}
	switch o := object.(type) {
	case *v1.Service:
		c.queue.Add(types.NamespacedName{Namespace: o.Namespace, Name: o.Name})
	case *discovery.EndpointSlice:
		c.queue.Add(serviceOf(o))
	}
}

func (c *Cloud) next(ctx context.Context) bool {
	key, stop := c.queue.Get()
	if stop {
		return false
	}
	defer c.queue.Done(key)
	if err := c.reconcile(ctx, key); err != nil {
		slog.Warn("service is tried again", "service", key, "error", err)
		c.queue.AddRateLimited(key)
		return true
	}
	c.queue.Forget(key)
	return true
}

// Main is the cloud as a program. It must be started in the network namespace that has the interface.
func Main(args []string) int {
	flags := flag.NewFlagSet("cloud", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "`FILE` with the way to the API server")
	device := flags.String("interface", "eth0", "network `INTERFACE` that gets the addresses")
	addresses := flags.String("pool", "", "`RANGE` of addresses to give; those that the interface has already are not given")
	if flags.Parse(args) != nil {
		return 2
	}
	prefix, err := netip.ParsePrefix(*addresses)
	if err == nil {
		var cloud *Cloud
		if cloud, err = New(*kubeconfig, *device, prefix); err == nil {
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
			defer stop()
			err = cloud.Run(ctx)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cloud:", err)
		return 1
	}
	return 0
}
