package kube

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	authentication "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ReadyEndpoints are the addresses of a Service that its EndpointSlices call ready.
func (c *Cluster) ReadyEndpoints(ctx context.Context, namespace, service string) ([]string, error) {
	slices, err := c.Client.DiscoveryV1().EndpointSlices(namespace).List(ctx,
		metav1.ListOptions{LabelSelector: discovery.LabelServiceName + "=" + service})
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				addresses = append(addresses, endpoint.Addresses...)
			}
		}
	}
	return addresses, nil
}

// WaitEndpoints waits until a Service has `n` ready endpoints, and returns their addresses.
func (c *Cluster) WaitEndpoints(t testing.TB, namespace, service string, n int) []string {
	t.Helper()
	var addresses []string
	Wait(t, time.Minute, fmt.Sprintf("%d ready endpoints of %s/%s", n, namespace, service), func() (err error) {
		addresses, err = c.ReadyEndpoints(t.Context(), namespace, service)
		if err == nil && len(addresses) != n {
			err = fmt.Errorf("there are %v; Pods: %s", addresses, c.describePods(t.Context(), namespace))
		}
		return err
	})
	return addresses
}

// WaitDeployment waits until all Pods of a Deployment are of its newest version and available, and no other is left.
func (c *Cluster) WaitDeployment(t testing.TB, namespace, name string) {
	t.Helper()
	Wait(t, 2*time.Minute, "Deployment "+namespace+"/"+name, func() error {
		d, err := c.Client.AppsV1().Deployments(namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		s := d.Status
		if s.ObservedGeneration < d.Generation || s.UpdatedReplicas != *d.Spec.Replicas ||
			s.AvailableReplicas != *d.Spec.Replicas || s.Replicas != *d.Spec.Replicas {
			return fmt.Errorf("%d replicas, %d updated, %d available of %d; Pods: %s", s.Replicas, s.UpdatedReplicas,
				s.AvailableReplicas, *d.Spec.Replicas, c.describePods(t.Context(), namespace))
		}
		return nil
	})
}

// describePods says of each Pod why it is not ready.
func (c *Cluster) describePods(ctx context.Context, namespace string) string {
	pods, err := c.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err.Error()
	}
	var b bytes.Buffer
	for _, pod := range pods.Items {
		fmt.Fprintf(&b, "%s on %q is %s", pod.Name, pod.Spec.NodeName, pod.Status.Phase)
		for _, condition := range pod.Status.Conditions {
			if condition.Status != v1.ConditionTrue && condition.Message != "" {
				fmt.Fprintf(&b, ", %s: %s", condition.Type, condition.Message)
			}
		}
		for _, container := range pod.Status.ContainerStatuses {
			if waiting := container.State.Waiting; waiting != nil {
				fmt.Fprintf(&b, ", %s: %s %s", container.Name, waiting.Reason, waiting.Message)
			}
		}
		b.WriteString("; ")
	}
	events, err := c.Client.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{FieldSelector: "type=Warning"})
	if err == nil && len(events.Items) > 0 {
		last := events.Items[len(events.Items)-1]
		fmt.Fprintf(&b, "last warning: %s: %s", last.InvolvedObject.Name, last.Message)
	}
	return b.String()
}

// WaitLoadBalancer waits until a Service of type LoadBalancer has its address.
func (c *Cluster) WaitLoadBalancer(t testing.TB, namespace, service string) (address netip.Addr) {
	t.Helper()
	Wait(t, CloudLimit, "the address of "+namespace+"/"+service, func() error {
		s, err := c.Client.CoreV1().Services(namespace).Get(t.Context(), service, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if len(s.Status.LoadBalancer.Ingress) == 0 {
			return fmt.Errorf("it has none")
		}
		address, err = netip.ParseAddr(s.Status.LoadBalancer.Ingress[0].IP)
		return err
	})
	return address
}

// Scale sets the number of replicas of a Deployment.
func (c *Cluster) Scale(t testing.TB, namespace, name string, replicas int32) {
	t.Helper()
	Wait(t, 10*time.Second, "scaling of "+name, func() error {
		scale, err := c.Client.AppsV1().Deployments(namespace).GetScale(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		scale.Spec.Replicas = replicas
		_, err = c.Client.AppsV1().Deployments(namespace).UpdateScale(t.Context(), name, scale, metav1.UpdateOptions{})
		return err
	})
}

// Token makes a ServiceAccount if it is not there, and returns a token of it that is valid for an hour. Its user is
// ServiceAccountUser.
func (c *Cluster) Token(t testing.TB, namespace, name string) string {
	t.Helper()
	accounts := c.Client.CoreV1().ServiceAccounts(namespace)
	_, err := accounts.Create(t.Context(), &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if err != nil && !errors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	request, err := accounts.CreateToken(t.Context(), name, &authentication.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

// ServiceAccountUser is the user name of a ServiceAccount, as the audit log has it.
func ServiceAccountUser(namespace, name string) string {
	return "system:serviceaccount:" + namespace + ":" + name
}

// Kubectl runs kubectl as an administrator, and returns what it prints; it fails the test if kubectl fails.
func (c *Cluster) Kubectl(t testing.TB, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Options.Binary, append([]string{"kubectl", "--kubeconfig=" + c.AdminKubeconfig}, arguments...)...)
	var errors bytes.Buffer
	cmd.Stderr = &errors
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("kubectl %v: %v\n%s", arguments, err, errors.String())
	}
	return string(output)
}
