// Package follow is where the cluster's own parts, nodes and cloud, get objects from, so that they are back as soon as
// the API server is: tests take it away again and again, and client-go waits up to a minute after the fifth time.
package follow

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watches "k8s.io/client-go/tools/watch"
)

// Source lists and watches a resource for an informer. A watch that is cut goes on where it was, looking for the API
// server every second, and the informer does not hear of it; but for the first one, which is the list as well.
func Source(client cache.Getter, resource, namespace string, selector fields.Selector) cache.ListerWatcher {
	source := cache.NewListWatchFromClient(client, resource, namespace, selector)
	once := source.WatchFuncWithContext
	source.WatchFunc = nil
	source.WatchFuncWithContext = func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
		if options.SendInitialEvents != nil { // a list as a stream: nothing to go on from yet
			return once(ctx, options)
		}
		again := func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			w, err := once(ctx, options)
			if errors.IsForbidden(err) { // by an API server that has just started, and knows no roles yet
				err = fmt.Errorf("not yet: %s", err)
			}
			return w, err
		}
		return watches.NewRetryWatcherWithContext(ctx, options.ResourceVersion, &cache.ListWatch{WatchFuncWithContext: again})
	}
	return source
}
