package scale

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crypto "crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"yett.dev/cluster/kube"
)

// crowd is the many objects, the same for each number.
type crowd struct {
	*kube.Cluster
	namespace string
	len, tls  int
	backends  [2]string // addresses
	gone      map[int]bool
}

const (
	loaders     = 32
	backendPort = 9000
)

func newCrowd(b *testing.B, n, tls int) *crowd {
	b.Helper()
	cluster := kube.Shared(b)
	c := &crowd{Cluster: cluster, namespace: cluster.Namespace(b), len: n, tls: tls, gone: map[int]bool{}}
	for i := range c.backends {
		member := c.NewMember(b)
		c.backends[i] = member.Address.String()
		process, err := c.StartProcess(member.Namespace, fmt.Sprintf("echo-%d", i), c.Options.Gate, "echo",
			"--address", c.backends[i], "--port", fmt.Sprint(backendPort))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { process.Stop(5 * time.Second) })
	}
	c.Apply(b, "", "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: yett}\n"+
		"spec: {controller: yett.dev/ingress-controller}\n")
	began := time.Now()
	c.load(b)
	fmt.Printf("\nloaded in %.0f s\n", time.Since(began).Seconds())
	return c
}

// quiet is of how many, after those with TLS, only the measuring changes the Ingress, and of as many after these the
// EndpointSlice.
func (c *crowd) quiet() int { return (c.len - c.tls) / 4 }

func (c *crowd) host(i int) string { return fmt.Sprintf("app-%d.example.com", i) }

func (c *crowd) meta(i int) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:      fmt.Sprintf("app-%d", i),
		Namespace: c.namespace,
		Labels:    map[string]string{"app.kubernetes.io/name": fmt.Sprintf("app-%d", i), "app.kubernetes.io/managed-by": "Helm"},
	}
}

// load makes all objects, many at a time.
func (c *crowd) load(b *testing.B) {
	b.Helper()
	numbers := make(chan int)
	var done sync.WaitGroup
	for range loaders {
		done.Go(func() {
			for i := range numbers {
				if err := c.create(b.Context(), i); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range c.len {
		numbers <- i
	}
	close(numbers)
	done.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

func (c *crowd) create(ctx context.Context, i int) error {
	options := metav1.CreateOptions{}
	if i < c.tls {
		secret, err := c.secret(i)
		if err != nil {
			return err
		}
		if _, err := c.Client.CoreV1().Secrets(c.namespace).Create(ctx, secret, options); err != nil {
			return err
		}
	}
	if _, err := c.Client.CoreV1().Services(c.namespace).Create(ctx, c.service(i), options); err != nil {
		return err
	}
	if _, err := c.Client.DiscoveryV1().EndpointSlices(c.namespace).Create(ctx, c.slice(i), options); err != nil {
		return err
	}
	_, err := c.Client.NetworkingV1().Ingresses(c.namespace).Create(ctx, c.ingress(i), options)
	return err
}

// service has no selector, so no controller makes slices for it.
func (c *crowd) service(i int) *core.Service {
	return &core.Service{
		ObjectMeta: c.meta(i),
		// Headless, for there are not so many cluster addresses.
		Spec: core.ServiceSpec{ClusterIP: core.ClusterIPNone, Ports: []core.ServicePort{{Port: 80}}},
	}
}

func (c *crowd) slice(i int) *discovery.EndpointSlice {
	port, yes := int32(backendPort), true
	slice := &discovery.EndpointSlice{
		ObjectMeta:  c.meta(i),
		AddressType: discovery.AddressTypeIPv4,
		Ports:       []discovery.EndpointPort{{Name: new(string), Port: &port}},
	}
	slice.Labels[discovery.LabelServiceName] = slice.Name
	slice.Labels[discovery.LabelManagedBy] = "bench"
	for _, address := range c.backends {
		slice.Endpoints = append(slice.Endpoints, discovery.Endpoint{
			Addresses:  []string{address},
			Conditions: discovery.EndpointConditions{Ready: &yes, Serving: &yes},
		})
	}
	return slice
}

func (c *crowd) ingress(i int) *networking.Ingress {
	class, prefix := "yett", networking.PathTypePrefix
	backend := networking.IngressBackend{Service: &networking.IngressServiceBackend{
		Name: fmt.Sprintf("app-%d", i), Port: networking.ServiceBackendPort{Number: 80}}}
	ingress := &networking.Ingress{
		ObjectMeta: c.meta(i),
		Spec: networking.IngressSpec{
			IngressClassName: &class,
			Rules: []networking.IngressRule{{Host: c.host(i), IngressRuleValue: networking.IngressRuleValue{
				HTTP: &networking.HTTPIngressRuleValue{Paths: []networking.HTTPIngressPath{
					{Path: "/app", PathType: &prefix, Backend: backend},
					{Path: "/api", PathType: &prefix, Backend: backend},
				}}}}},
		},
	}
	if i < c.tls {
		ingress.Spec.TLS = []networking.IngressTLS{{Hosts: []string{c.host(i)}, SecretName: ingress.Name}}
	}
	return ingress
}

// secret has a certificate and a key of its own.
func (c *crowd) secret(i int) (*core.Secret, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crypto.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(i + 1)),
		DNSNames:     []string{c.host(i)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
	}
	certificate, err := x509.CreateCertificate(crypto.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return &core.Secret{
		ObjectMeta: c.meta(i),
		Type:       core.SecretTypeTLS,
		Data: map[string][]byte{
			core.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
			core.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		},
	}, nil
}
