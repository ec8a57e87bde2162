package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"yett.dev/cluster/kube"
)

const kustomizations = "../../deploy/kustomize/"

// installed is an installation that runs.
type installed struct {
	cluster   *kube.Cluster
	namespace string // of the Pods
	workload  string // kind/name
	account   string
	class     string
}

// user is who the Pods are to the API server.
func (i installed) user() string { return kube.ServiceAccountUser(i.namespace, i.account) }

// waitRolled waits until all Pods are those of the newest template, and ready.
func (i installed) waitRolled(t *testing.T) {
	t.Helper()
	i.cluster.Kubectl(t, "--namespace", i.namespace, "rollout", "status", i.workload, "--timeout=120s")
}

// applyKustomization installs as a person does, and takes it away again.
func applyKustomization(t *testing.T, c *kube.Cluster, name string) {
	t.Helper()
	c.NeedImage(t)
	c.Kubectl(t, "apply", "-k", kustomizations+name)
	t.Cleanup(func() { removeNow(c, "-k", kustomizations+name) })
}

// applyChart installs a release of the chart.
func applyChart(t *testing.T, c *kube.Cluster, release, namespace, values string) {
	t.Helper()
	c.NeedImage(t)
	file := filepath.Join(t.TempDir(), "chart.yaml")
	if err := os.WriteFile(file, []byte(c.Rendered(t, release, namespace, values)), 0o644); err != nil {
		t.Fatal(err)
	}
	c.Kubectl(t, "apply", "-f", file)
	t.Cleanup(func() { removeNow(c, "-f", file) })
}

// removeNow does not wait for Pods to drain: they have nothing in flight any more.
func removeNow(c *kube.Cluster, arguments ...string) {
	arguments = append([]string{"kubectl", "--kubeconfig=" + c.AdminKubeconfig, "delete", "--ignore-not-found", "--wait=false",
		"--grace-period=1"}, arguments...)
	exec.Command(c.Options.Binary, arguments...).Run()
}

// serves waits until a host is served through the load balancer of the installation.
func (i installed) serves(t *testing.T, client *kube.Member, address netip.Addr, url string) kube.Answer {
	t.Helper()
	port := "80"
	if strings.HasPrefix(url, "https:") {
		port = "443"
	}
	var answer kube.Answer
	kube.Wait(t, time.Minute, url+" to be served", func() (err error) {
		answer, err = client.Get(t.Context(), address.String()+":"+port, url)
		if err == nil && answer.StatusCode != 200 {
			err = fmt.Errorf("status %d", answer.StatusCode)
		}
		return err
	})
	return answer
}

// checkAudit checks that the rights are what is used: nothing was refused, and no rule is idle.
func (i installed) checkAudit(t *testing.T) {
	t.Helper()
	events, err := i.cluster.Audit(i.user())
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, event := range events {
		if event.ObjectRef == nil {
			continue
		}
		resource := event.ObjectRef.Resource
		if event.ObjectRef.Subresource != "" {
			resource += "/" + event.ObjectRef.Subresource
		}
		if event.ResponseStatus != nil && event.ResponseStatus.Code == 403 {
			t.Errorf("it was refused to %s %s", event.Verb, event.RequestURI)
		}
		used[resource] = true
	}
	for _, rule := range i.rules(t) {
		for _, resource := range rule.Resources {
			if !used[resource] {
				t.Errorf("it has the right to %v %s %v, and does not use it", rule.Verbs, resource, rule.ResourceNames)
			}
		}
	}
}

// rules are those of all roles that the installation has in its own namespace and everywhere.
func (i installed) rules(t *testing.T) []rbacv1.PolicyRule {
	t.Helper()
	everywhere, err := i.cluster.Client.RbacV1().ClusterRoles().Get(t.Context(), i.account, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	within, err := i.cluster.Client.RbacV1().Roles(i.namespace).Get(t.Context(), i.account, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(everywhere.Rules, within.Rules)
}

// What README says: two lines, and an Ingress is served, by Pods that run the image of `make image` as deploy/ wants
// them; `kubectl get ingress` has the address, `kubectl describe` says what is wrong; no right is missing or idle; a roll
// loses nothing.
func TestInstalledByKustomize(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	applyKustomization(t, c, "base")
	gate := installed{c, "yett", "deployment/yett-controller", "yett", "yett"}
	namespace := c.Namespace(t)
	c.Apply(t, namespace, echoes("web", 2))
	c.Apply(t, namespace, route("web", "yett", "web.test", "web", ""))
	c.Apply(t, namespace, route("broken", "yett", "broken.test", "nowhere", ""))
	gate.waitRolled(t)
	address := c.WaitLoadBalancer(t, "yett", "yett-controller")
	client := c.NewMember(t)
	gate.serves(t, client, address, "http://web.test/")
	kube.Wait(t, 20*time.Second, "kubectl get ingress", func() error {
		table := c.Kubectl(t, "--namespace", namespace, "get", "ingress", "web", "--no-headers")
		fields := strings.Fields(table)
		if len(fields) < 4 || fields[1] != "yett" || fields[2] != "web.test" || fields[3] != address.String() {
			return fmt.Errorf("it prints %q", table)
		}
		return nil
	})
	kube.Wait(t, 20*time.Second, "kubectl describe ingress", func() error {
		if text := c.Kubectl(t, "--namespace", namespace, "describe", "ingress", "broken"); !strings.Contains(text, "ServiceMissing") {
			return fmt.Errorf("it prints\n%s", text)
		}
		return nil
	})
	gate.checkAudit(t)
	gate.checkRoll(t, client, address)
}

// checkRoll restarts all Pods under load.
func (i installed) checkRoll(t *testing.T, client *kube.Member, address netip.Addr) {
	t.Helper()
	load := client.StartLoad(t, kube.LoadOptions{Address: address.String() + ":80", Host: "web.test", Clients: 4, Requests: 50})
	load.WaitRequests(t, 100)
	i.cluster.Kubectl(t, "--namespace", i.namespace, "rollout", "restart", i.workload)
	i.waitRolled(t)
	i.waitGone(t)
	load.WaitRequests(t, 100)
	result := load.Stop()
	t.Log(result)
	if result.Failed() != 0 {
		t.Errorf("a roll lost %d requests", result.Failed())
	}
}

// waitGone waits for the end of Pods that were replaced.
func (i installed) waitGone(t *testing.T) {
	t.Helper()
	kube.Wait(t, time.Minute, "the former Pods to end", func() error {
		pods, err := i.cluster.Client.CoreV1().Pods(i.namespace).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, pod := range pods.Items {
			if pod.DeletionTimestamp != nil {
				return fmt.Errorf("%s is there", pod.Name)
			}
		}
		return nil
	})
}

// A release of the chart beside it, of another class, in the namespace of a test, with the right to one Secret and a
// webhook whose certificate the chart has made.
func TestInstalledByHelm(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	values := fmt.Sprintf(`
controller:
  replicaCount: 1
  ingressClass: second
  ingressClassResource: {name: second, controllerValue: yett.dev/second}
  admissionWebhooks:
    enabled: true
    failurePolicy: Fail
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %[1]s}}
rbac: {secretNames: [%[1]s/tls]}
`, namespace)
	applyChart(t, c, "second", namespace, values)
	gate := installed{c, namespace, "deployment/second-yett-controller", "second-yett", "second"}
	certificate, secret := selfSigned(t, "tls", "secure.test")
	c.Apply(t, namespace, secret)
	c.Apply(t, namespace, echoes("web", 1))
	gate.waitRolled(t)
	kube.Wait(t, 20*time.Second, "the webhook to take an Ingress that is right", func() error {
		return c.ApplyYAML(t.Context(), namespace, []byte(route("web", "second", "secure.test", "web", "tls")))
	})
	kube.Wait(t, 20*time.Second, "the webhook to refuse one that wants what another has", func() error {
		thief := []byte(route("thief", "second", "secure.test", "web", ""))
		switch err := c.ApplyYAML(t.Context(), namespace, thief); {
		case err == nil:
			c.DeleteYAML(t.Context(), namespace, thief)
			return fmt.Errorf("it is taken")
		case !strings.Contains(err.Error(), "validate.ingress.yett.dev"):
			return err
		}
		return nil
	})
	address := c.WaitLoadBalancer(t, namespace, "second-yett-controller")
	client := c.NewMember(t)
	answer := gate.serves(t, client, address, "https://secure.test/")
	if shown := answer.TLS.PeerCertificates[0]; !shown.Equal(certificate) {
		t.Errorf("it shows the certificate of %s", shown.Subject)
	}
	events, err := c.Audit(gate.user())
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range events {
		if event.ObjectRef != nil && event.ObjectRef.Resource == "secrets" && event.ObjectRef.Name != "tls" {
			t.Errorf("it asked to %s %s", event.Verb, event.RequestURI)
		}
		if event.ResponseStatus != nil && event.ResponseStatus.Code == 403 {
			t.Errorf("it was refused to %s %s", event.Verb, event.RequestURI)
		}
	}
}

// On the nodes' own ports, which only the capability of the image's file opens: a node has no low ports for everyone.
func TestInstalledOnNodes(t *testing.T) {
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	applyChart(t, c, "nodes", namespace, `
controller:
  kind: DaemonSet
  hostNetwork: true
  service: {enabled: false}
  ingressClass: nodes
  ingressClassResource: {name: nodes, controllerValue: yett.dev/nodes}
`)
	gate := installed{c, namespace, "daemonset/nodes-yett-controller", "nodes-yett", "nodes"}
	c.Apply(t, namespace, echoes("web", 1))
	c.Apply(t, namespace, route("web", "nodes", "web.test", "web", ""))
	c.Apply(t, namespace, route("broken", "nodes", "broken.test", "nowhere", ""))
	gate.waitRolled(t)
	client := c.NewMember(t)
	var wanted []string
	for _, node := range c.Nodes() {
		wanted = append(wanted, node.Address.String())
		gate.serves(t, client, node.Address, "http://web.test/")
	}
	kube.Wait(t, 30*time.Second, "the nodes' addresses", func() error {
		found, err := c.Client.NetworkingV1().Ingresses(namespace).Get(t.Context(), "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		var got []string
		for _, address := range found.Status.LoadBalancer.Ingress {
			got = append(got, address.IP)
		}
		slices.Sort(got)
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) {
			return fmt.Errorf("the Ingress has %v; the nodes are %v", got, wanted)
		}
		return nil
	})
	gate.checkAudit(t)
}

// What else the chart can make is taken by the API server, every field of it known.
func TestChartIsAccepted(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	for name, values := range map[string]string{
		"webhook":     "controller: {admissionWebhooks: {enabled: true, failurePolicy: Fail}}",
		"by load":     "controller: {autoscaling: {enabled: true, targetMemoryUtilizationPercentage: 80}, networkPolicy: {enabled: true}}",
		"streams":     `{tcp: {"5432": a/b:5432}, udp: {"53": a/b:53}}`,
		"one space":   "{controller: {scope: {enabled: true}}, rbac: {scope: true}}",
		"all Secrets": "rbac: {secrets: clusterWide}",
		"metrics":     "controller: {metrics: {enabled: true}}",
		"two doors":   "controller: {service: {externalTrafficPolicy: Local, internal: {enabled: true, type: NodePort}}}",
		"own pages":   "defaultBackend: {enabled: true, image: {image: pages, tag: one}}",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "chart.yaml")
			if err := os.WriteFile(file, []byte(c.Rendered(t, "third", namespace, values)), 0o644); err != nil {
				t.Fatal(err)
			}
			c.Kubectl(t, "apply", "--dry-run=server", "--validate=strict", "-f", file)
		})
	}
}

// route is an Ingress for all paths of a host, with TLS where it names a Secret.
func route(name, class, host, service, secret string) string {
	tls := "[]"
	if secret != "" {
		tls = fmt.Sprintf("[{hosts: [%s], secretName: %s}]", host, secret)
	}
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %s}
spec:
  ingressClassName: %s
  tls: %s
  rules:
  - host: %s
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: %s, port: {name: http}}}}
`, name, class, tls, host, service)
}

// selfSigned is a certificate for a host, and the Secret that holds it.
func selfSigned(t *testing.T, name, host string) (*x509.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	bytes, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(bytes)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, bytes []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
	}
	return certificate, fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: %s}
type: kubernetes.io/tls
data: {tls.crt: %s, tls.key: %s}
`, name, encode("CERTIFICATE", bytes), encode("PRIVATE KEY", private))
}
