package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	admission "k8s.io/api/admissionregistration/v1"
	networking "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"yett.dev/cluster/kube"
	"yett.dev/cluster/plane"
)

// warnings collects what the API server warns of.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

func (w *warnings) HandleWarningHeader(_ int, _ string, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	texts := w.texts
	w.texts = nil
	return texts
}

func classObject(name string) string {
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: %[1]s}
spec: {controller: yett.dev/%[1]s}
`, name)
}

func ingressOf(class, name, host, service string) *networking.Ingress {
	prefix := networking.PathTypePrefix
	return &networking.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: networking.IngressSpec{IngressClassName: &class, Rules: []networking.IngressRule{{Host: host,
			IngressRuleValue: networking.IngressRuleValue{HTTP: &networking.HTTPIngressRuleValue{Paths: []networking.HTTPIngressPath{{
				Path: "/", PathType: &prefix,
				Backend: networking.IngressBackend{Service: &networking.IngressServiceBackend{Name: service, Port: networking.ServiceBackendPort{Number: 80}}},
			}}}}}}},
	}
}

// webhookConfiguration asks the gate about Ingresses of one namespace, and takes no answer for a refusal.
func webhookConfiguration(t *testing.T, c *kube.Cluster, name, namespace string, address netip.Addr, authority []byte) {
	t.Helper()
	url := fmt.Sprintf("https://%s:8443/networking/v1/ingresses", address)
	none, fail, seconds := admission.SideEffectClassNone, admission.Fail, int32(5)
	configuration := &admission.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Webhooks: []admission.ValidatingWebhook{{
			Name: "validate.yett.dev", AdmissionReviewVersions: []string{"v1"}, SideEffects: &none, FailurePolicy: &fail,
			TimeoutSeconds:    &seconds,
			ClientConfig:      admission.WebhookClientConfig{URL: &url, CABundle: authority},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
			Rules: []admission.RuleWithOperations{{
				Operations: []admission.OperationType{admission.Create, admission.Update},
				Rule:       admission.Rule{APIGroups: []string{"networking.k8s.io"}, APIVersions: []string{"v1"}, Resources: []string{"ingresses"}},
			}},
		}},
	}
	api := c.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	if _, err := api.Create(t.Context(), configuration, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.Delete(context.Background(), name, metav1.DeleteOptions{}) })
}

// What the real API server makes of the webhook's verdicts.
func TestAdmissionWebhook(t *testing.T) {
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	class := namespace
	c.Apply(t, "", classObject(class))
	t.Cleanup(func() { c.DeleteYAML(context.Background(), "", []byte(classObject(class))) })
	c.Apply(t, namespace, "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n")
	asked := &warnings{}
	config := rest.CopyConfig(c.REST)
	config.WarningHandler = asked
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ingresses := client.NetworkingV1().Ingresses(namespace)
	create := func(ingress *networking.Ingress, options metav1.CreateOptions) error {
		_, err := ingresses.Create(t.Context(), ingress, options)
		return err
	}
	for _, name := range []string{"old", "loser"} { // before anyone is asked
		if err := create(ingressOf(class, name, "old.test", "web"), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1100 * time.Millisecond) // a creation time has whole seconds
	}

	user := newSomeone(t, c, "webhook."+namespace)
	kubeconfig, err := c.Kubeconfig(user.name)
	if err != nil {
		t.Fatal(err)
	}
	files := t.TempDir()
	g := c.StartGate(t, kubeconfig, "--controller-class", "yett.dev/"+class, "--ingress-class", class,
		"--validating-webhook", ":8443", "--validating-webhook-certificate", filepath.Join(files, "tls.crt"),
		"--validating-webhook-key", filepath.Join(files, "tls.key"))
	chain, private, err := c.Authority.Issue(plane.Wish{User: "webhook", Addresses: []netip.Addr{g.Member.Address}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"tls.crt": chain, "tls.key": private} {
		if err := os.WriteFile(filepath.Join(files, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.WaitReady(t)
	g.WaitAnswer(t, "http://old.test/", 503)
	webhookConfiguration(t, c, "yett-"+namespace, namespace, g.Member.Address, c.Authority.PEM)
	kube.Wait(t, 20*time.Second, "the webhook to be asked", func() error {
		err := create(ingressOf(class, "new", "old.test", "web"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil && strings.Contains(err.Error(), "taken already, by Ingress "+namespace+"/old") {
			return nil
		}
		return fmt.Errorf("%v", err)
	})
	asked.take()

	refused := ingressOf(class, "new", "new.test", "web")
	refused.Annotations = map[string]string{"nginx.ingress.kubernetes.io/server-snippet": "deny all;"}
	for what, err := range map[string]error{
		"a host that another has": create(ingressOf(class, "new", "old.test", "web"), metav1.CreateOptions{}),
		"a refused annotation":    create(refused, metav1.CreateOptions{}),
	} {
		if err == nil || !strings.Contains(err.Error(), "denied the request: Ingress "+namespace+"/new: ") {
			t.Errorf("%s: %v", what, err)
		}
		if what == "a host that another has" && !apierrors.IsForbidden(err) || what == "a refused annotation" && !apierrors.IsInvalid(err) {
			t.Errorf("%s: reason %s", what, apierrors.ReasonForError(err))
		}
	}
	if err := create(ingressOf("foreign", "foreign", "old.test", "web"), metav1.CreateOptions{}); err != nil {
		t.Errorf("of another class: %v", err)
	}
	asked.take()
	if err := create(ingressOf(class, "new", "new.test", "later"), metav1.CreateOptions{}); err != nil {
		t.Errorf("a Service that may come: %v", err)
	}
	if texts := asked.take(); !slices.ContainsFunc(texts, func(text string) bool {
		return strings.Contains(text, "there is no Service "+namespace+"/later")
	}) {
		t.Errorf("a Service that may come: warned of %q", texts)
	}

	// What was wrong before anyone was asked can still be changed.
	patch := []byte(`{"metadata":{"labels":{"touched":"yes"}}}`)
	loser, err := ingresses.Patch(t.Context(), "loser", "application/merge-patch+json", patch, metav1.PatchOptions{})
	if err != nil {
		t.Fatalf("a label of one that lost before: %v", err)
	}
	if texts := asked.take(); !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, "taken already") }) {
		t.Errorf("a label of one that lost before: warned of %q", texts)
	}
	loser.Status.LoadBalancer.Ingress = []networking.IngressLoadBalancerIngress{{IP: "192.0.2.1"}}
	if _, err := ingresses.UpdateStatus(t.Context(), loser, metav1.UpdateOptions{}); err != nil {
		t.Errorf("its status: %v", err)
	}
	// An older one may not take what a younger one has.
	kube.Wait(t, 10*time.Second, "new to be known", func() error {
		err := create(ingressOf(class, "other", "new.test", "web"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil && strings.Contains(err.Error(), "taken already") {
			return nil
		}
		return fmt.Errorf("%v", err)
	})
	old, err := ingresses.Get(t.Context(), "old", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	old.Spec.Rules[0].Host = "new.test"
	if _, err := ingresses.Update(t.Context(), old, metav1.UpdateOptions{}); err == nil || !strings.Contains(err.Error(), "would be taken from Ingress "+namespace+"/new") {
		t.Errorf("an older one takes over: %v", err)
	}

	// A controller that dies is back before the API server loses patience, or soon after.
	if err := g.KillController(); err != nil {
		t.Fatal(err)
	}
	kube.Wait(t, 20*time.Second, "the webhook to be back", func() error {
		err := create(ingressOf(class, "again", "old.test", "web"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err != nil && strings.Contains(err.Error(), "taken already") {
			return nil
		}
		return fmt.Errorf("%v", err)
	})
}
