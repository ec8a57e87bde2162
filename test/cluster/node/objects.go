package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"yett.dev/cluster/follow"
)

// objectCache watches the ConfigMaps and Secrets that Pods of this node refer to, each by its name and once, as the
// kubelet does.
type objectCache struct {
	client  kubernetes.Interface
	lock    sync.Mutex
	entries map[objectKey]*objectEntry
}

type objectKey struct{ resource, namespace, name string }

type objectEntry struct {
	users    int
	informer cache.SharedInformer
	stop     context.CancelFunc
}

const (
	configMaps = "configmaps"
	secrets    = "secrets"
)

func newObjectCache(client kubernetes.Interface) *objectCache {
	return &objectCache{client: client, entries: map[objectKey]*objectEntry{}}
}

// objectUser is a Pod's hold on the objects that it refers to.
type objectUser struct {
	cache   *objectCache
	changed func()
	lock    sync.Mutex
	held    map[objectKey]cache.ResourceEventHandlerRegistration
}

// newUser returns a hold on nothing yet. `changed` is called whenever one of its objects is another.
func (c *objectCache) newUser(changed func()) *objectUser {
	return &objectUser{cache: c, changed: changed, held: map[objectKey]cache.ResourceEventHandlerRegistration{}}
}

func (u *objectUser) configMap(ctx context.Context, namespace, name string) (*v1.ConfigMap, error) {
	object, err := u.get(ctx, objectKey{configMaps, namespace, name})
	if object == nil {
		return nil, err
	}
	return object.(*v1.ConfigMap), nil
}

func (u *objectUser) secret(ctx context.Context, namespace, name string) (*v1.Secret, error) {
	object, err := u.get(ctx, objectKey{secrets, namespace, name})
	if object == nil {
		return nil, err
	}
	return object.(*v1.Secret), nil
}

// get returns nil and no error where the API server says that there is no such object.
func (u *objectUser) get(ctx context.Context, key objectKey) (any, error) {
	informer := u.hold(key)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil, fmt.Errorf("%s %s/%s: the API server does not answer", key.resource, key.namespace, key.name)
	}
	object, found, err := informer.GetStore().GetByKey(key.namespace + "/" + key.name)
	if !found {
		return nil, err
	}
	return object, nil
}

func (u *objectUser) hold(key objectKey) cache.SharedInformer {
	u.cache.lock.Lock()
	defer u.cache.lock.Unlock()
	entry := u.cache.entries[key]
	if entry == nil {
		entry = u.cache.newEntry(key)
		u.cache.entries[key] = entry
	}
	u.lock.Lock()
	defer u.lock.Unlock()
	if _, held := u.held[key]; !held {
		entry.users++
		u.held[key], _ = entry.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { u.changed() },
			UpdateFunc: func(any, any) { u.changed() },
			DeleteFunc: func(any) { u.changed() },
		})
	}
	return entry.informer
}

func (c *objectCache) newEntry(key objectKey) *objectEntry {
	named := fields.OneTermEqualSelector("metadata.name", key.name)
	source := follow.Source(c.client.CoreV1().RESTClient(), key.resource, key.namespace, named)
	kind := runtime.Object(&v1.ConfigMap{})
	if key.resource == secrets {
		kind = &v1.Secret{}
	}
	ctx, stop := context.WithCancel(context.Background())
	entry := &objectEntry{informer: cache.NewSharedInformer(source, kind, 0), stop: stop}
	go entry.informer.RunWithContext(ctx)
	return entry
}

// release lets go of everything.
func (u *objectUser) release() {
	u.cache.lock.Lock()
	defer u.cache.lock.Unlock()
	u.lock.Lock()
	defer u.lock.Unlock()
	for key, registration := range u.held {
		entry := u.cache.entries[key]
		entry.informer.RemoveEventHandler(registration)
		if entry.users--; entry.users == 0 {
			entry.stop()
			delete(u.cache.entries, key)
		}
	}
	u.held = map[objectKey]cache.ResourceEventHandlerRegistration{}
}
