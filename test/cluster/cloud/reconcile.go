package cloud

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"sort"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// Class is the loadBalancerClass that is ours besides none.
const Class = "cloud.yett.dev/balancer"

// reconcile brings one Service's load balancer to what it should be.
func (c *Cloud) reconcile(ctx context.Context, key types.NamespacedName) error {
	object, found, err := c.services.GetStore().GetByKey(key.String())
	if err != nil {
		return err
	}
	service, _ := object.(*v1.Service)
	if !found || !isOurs(service) {
		return c.remove(ctx, key, service)
	}
	b := c.balancers[key]
	if b == nil {
		address, err := c.addresses.take(service)
		if err != nil {
			return err
		}
		b = newBalancer(address)
		c.balancers[key] = b
		slog.Info("load balancer", "service", key, "address", address)
	}
	endpoints, err := c.endpoints(key)
	if err != nil {
		return err
	}
	if err := b.update(service, endpoints); err != nil {
		return err
	}
	return c.writeStatus(ctx, service, []v1.LoadBalancerIngress{{
		IP: b.address.String(), IPMode: ptr.To(v1.LoadBalancerIPModeProxy),
	}})
}

func isOurs(service *v1.Service) bool {
	return service.Spec.Type == v1.ServiceTypeLoadBalancer && service.DeletionTimestamp == nil &&
		ptr.Deref(service.Spec.LoadBalancerClass, Class) == Class
}

// remove ends a load balancer with its connections, as clouds do when one is deleted. `service` is nil, or has become
// one of another type.
func (c *Cloud) remove(ctx context.Context, key types.NamespacedName, service *v1.Service) error {
	b := c.balancers[key]
	if b == nil {
		return nil
	}
	b.close()
	if err := c.addresses.release(b.address); err != nil {
		return err
	}
	delete(c.balancers, key)
	slog.Info("load balancer is gone", "service", key, "address", b.address)
	if service == nil || service.DeletionTimestamp != nil {
		return nil
	}
	return c.writeStatus(ctx, service, nil)
}

func (c *Cloud) writeStatus(ctx context.Context, service *v1.Service, ingress []v1.LoadBalancerIngress) error {
	old, err := json.Marshal(service.Status.LoadBalancer.Ingress)
	if err != nil {
		return err
	}
	next, err := json.Marshal(ingress)
	if err != nil || string(old) == string(next) {
		return err
	}
	patch := fmt.Appendf(nil, `{"metadata":{"uid":%q},"status":{"loadBalancer":{"ingress":%s}}}`, service.UID, next)
	_, err = c.client.CoreV1().Services(service.Namespace).Patch(ctx, service.Name, types.MergePatchType, patch,
		meta.PatchOptions{}, "status")
	if errors.IsNotFound(err) || errors.IsConflict(err) {
		return nil // another object has the name by now, or none: the event that says so is on its way
	}
	return err
}

// endpoints are those that may get new connections, by port name.
func (c *Cloud) endpoints(key types.NamespacedName) (map[string][]netip.AddrPort, error) {
	objects, err := c.slices.GetIndexer().ByIndex(byService, key.String())
	if err != nil {
		return nil, err
	}
	endpoints := map[string][]netip.AddrPort{}
	for _, object := range objects {
		slice := object.(*discovery.EndpointSlice)
		if slice.AddressType != discovery.AddressTypeIPv4 {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			if !ptr.Deref(endpoint.Conditions.Ready, true) || ptr.Deref(endpoint.Conditions.Terminating, false) {
				continue
			}
			for _, port := range slice.Ports {
				address, err := netip.ParseAddr(endpoint.Addresses[0])
				if err == nil && port.Port != nil {
					name := ptr.Deref(port.Name, "")
					endpoints[name] = append(endpoints[name], netip.AddrPortFrom(address, uint16(*port.Port)))
				}
			}
		}
	}
	for _, list := range endpoints {
		sort.Slice(list, func(i, j int) bool { return list[i].Compare(list[j]) < 0 })
	}
	return endpoints, nil
}
