package deploy

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// checkInvariants checks what holds for every installation, whatever was asked for.
func checkInvariants(t *testing.T, objects set) {
	t.Helper()
	for _, w := range workloads(objects) {
		checkPod(t, w)
		checkReferences(t, objects, w)
	}
	checkFlags(t, objects)
	checkSelectors(t, objects)
	checkBindings(t, objects)
	checkSecretRights(t, objects)
	checkRightsOfProgram(t, objects)
	checkDisruption(t, objects)
	checkWebhook(t, objects)
}

// The restricted Pod Security Standard, and a read-only root beyond it; NET_BIND_SERVICE is the one capability that it
// allows (https://kubernetes.io/docs/concepts/security/pod-security-standards/).
func checkPod(t *testing.T, w workload) {
	t.Helper()
	pod := w.template.Spec
	context := pod.SecurityContext
	if context == nil || context.RunAsNonRoot == nil || !*context.RunAsNonRoot || context.RunAsUser == nil || *context.RunAsUser == 0 {
		t.Errorf("%s may be root", w.name)
	}
	if context == nil || context.SeccompProfile == nil || context.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("%s has no seccomp profile", w.name)
	}
	if pod.AutomountServiceAccountToken == nil {
		t.Errorf("%s does not say whether it gets a token", w.name)
	}
	for _, container := range pod.Containers[:1] { // the others are a person's own
		context := container.SecurityContext
		if context == nil || context.AllowPrivilegeEscalation == nil || *context.AllowPrivilegeEscalation ||
			context.ReadOnlyRootFilesystem == nil || !*context.ReadOnlyRootFilesystem || context.Capabilities == nil ||
			!slices.Equal(context.Capabilities.Drop, []corev1.Capability{"ALL"}) {
			t.Errorf("%s is not fenced in: %+v", w.name, context)
		}
		for _, capability := range context.Capabilities.Add {
			if capability != "NET_BIND_SERVICE" {
				t.Errorf("%s has the capability %s", w.name, capability)
			}
		}
		if container.ReadinessProbe == nil {
			t.Errorf("%s has no readiness probe", w.name)
		}
		checkProbes(t, w, container)
	}
}

func checkProbes(t *testing.T, w workload, container corev1.Container) {
	t.Helper()
	for _, probe := range []*corev1.Probe{container.LivenessProbe, container.ReadinessProbe, container.StartupProbe} {
		if probe == nil || probe.HTTPGet == nil {
			continue
		}
		if !hasPort(container, probe.HTTPGet.Port) {
			t.Errorf("%s is probed at %v, which it has not", w.name, probe.HTTPGet.Port)
		}
	}
}

func hasPort(container corev1.Container, wanted intstr.IntOrString) bool {
	return slices.ContainsFunc(container.Ports, func(port corev1.ContainerPort) bool {
		return wanted.Type == intstr.String && port.Name == wanted.StrVal || wanted.Type == intstr.Int && port.ContainerPort == wanted.IntVal
	})
}

// What a Pod mounts and whom it runs as is there, or a person's own.
func checkReferences(t *testing.T, objects set, w workload) {
	t.Helper()
	pod := w.template.Spec
	volumes := map[string]bool{}
	for _, volume := range pod.Volumes {
		volumes[volume.Name] = true
	}
	for _, container := range pod.Containers {
		for _, mount := range container.VolumeMounts {
			if !volumes[mount.Name] {
				t.Errorf("%s mounts %s, which is no volume", w.name, mount.Name)
			}
		}
	}
	if !labels.SelectorFromSet(w.selector).Matches(labels.Set(w.template.Labels)) {
		t.Errorf("%s does not select its own Pods", w.name)
	}
}

// The program itself says whether it knows the flags and can read their values.
func checkFlags(t *testing.T, objects set) {
	t.Helper()
	w := controller(t, objects)
	args := slices.Clone(w.template.Spec.Containers[0].Args)
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, "$(POD_NAMESPACE)", w.namespace)
	}
	output, err := exec.Command(program(), append(args, "--version")...).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, output)
	}
	for _, name := range []string{"configmap", "tcp-services-configmap", "udp-services-configmap"} {
		value, found := flag(t, objects, name)
		if value = strings.ReplaceAll(value, "$(POD_NAMESPACE)", w.namespace); found && objects["ConfigMap "+value] == nil {
			t.Errorf("--%s names %s, which is not there", name, value)
		}
	}
	if value, found := flag(t, objects, "publish-service"); found {
		if namespace, _, _ := strings.Cut(value, "/"); namespace == "$(POD_NAMESPACE)" &&
			objects["Service "+strings.ReplaceAll(value, "$(POD_NAMESPACE)", w.namespace)] == nil {
			t.Errorf("--publish-service names %s, which is not there", value)
		}
	}
}

// program is the yett that the flags are for.
func program() string {
	if path := os.Getenv("YETT_BIN"); path != "" {
		return path
	}
	return repositoryFromTop + "/build/yett"
}

// Every Service finds Pods, at ports that these have.
func checkSelectors(t *testing.T, objects set) {
	t.Helper()
	for _, service := range all[*corev1.Service](objects) {
		found := false
		for _, w := range workloads(objects) {
			if w.namespace != service.Namespace || !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(w.template.Labels)) {
				continue
			}
			found = true
			for _, port := range service.Spec.Ports {
				if !hasPort(w.template.Spec.Containers[0], port.TargetPort) {
					t.Errorf("Service %s leads to the port %v, which %s has not", service.Name, port.TargetPort, w.name)
				}
			}
		}
		if !found {
			t.Errorf("Service %s finds no Pods", service.Name)
		}
	}
}

// Every binding binds a role that is there to the account that runs yett.
func checkBindings(t *testing.T, objects set) {
	t.Helper()
	w := controller(t, objects)
	subjects := []rbacv1.Subject{{Kind: "ServiceAccount", Name: w.template.Spec.ServiceAccountName, Namespace: w.namespace}}
	check := func(binding, role string, got []rbacv1.Subject) {
		if objects[role] == nil {
			t.Errorf("%s binds %s, which is not there", binding, role)
		}
		if !slices.Equal(got, subjects) {
			t.Errorf("%s binds to %v, not to %v", binding, got, subjects)
		}
	}
	for _, b := range all[*rbacv1.ClusterRoleBinding](objects) {
		check("ClusterRoleBinding "+b.Name, b.RoleRef.Kind+" /"+b.RoleRef.Name, b.Subjects)
	}
	for _, b := range all[*rbacv1.RoleBinding](objects) {
		check("RoleBinding "+b.Name, b.RoleRef.Kind+" "+b.Namespace+"/"+b.RoleRef.Name, b.Subjects)
	}
	if len(all[*rbacv1.ClusterRole](objects)) != len(all[*rbacv1.ClusterRoleBinding](objects)) ||
		len(all[*rbacv1.Role](objects)) != len(all[*rbacv1.RoleBinding](objects)) {
		t.Error("there are roles that nobody has")
	}
}

// The rights are those that the program itself says it needs for these flags, and no others but to single Secrets.
func checkRightsOfProgram(t *testing.T, objects set) {
	t.Helper()
	if len(all[*rbacv1.RoleBinding](objects)) == 0 {
		return // they are a person's own
	}
	w := controller(t, objects)
	args := []string{"rbac", "--base", "--service-account=" + w.namespace + "/" + w.template.Spec.ServiceAccountName}
	for _, arg := range w.template.Spec.Containers[0].Args {
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if slices.Contains(flagsOfRights, name) {
			args = append(args, strings.ReplaceAll(arg, "$(POD_NAMESPACE)", w.namespace))
		}
	}
	output, err := exec.Command(program(), args...).Output()
	if err != nil {
		t.Fatalf("yett %v: %v", args, err)
	}
	wanted, got := rights(mustParse(t, output)), rights(objects)
	if len(all[*rbacv1.ClusterRole](objects)) == 0 { // rbac.scope
		wanted = slices.DeleteFunc(wanted, func(right string) bool { return strings.HasPrefix(right, "everywhere:") })
	}
	for _, right := range got {
		if !slices.Contains(wanted, right) && !strings.Contains(right, " secrets ") {
			t.Errorf("yett rbac does not know of: %s", right)
		}
	}
	for _, right := range wanted {
		if !slices.Contains(got, right) {
			t.Errorf("missing: %s", right)
		}
	}
}

// flagsOfRights are those of `yett run` that `yett rbac --base` knows.
var flagsOfRights = []string{
	"configmap", "tcp-services-configmap", "udp-services-configmap", "default-ssl-certificate", "default-backend-service", "disable-leader-election", "election-id", "publish-service",
	"publish-status-address", "session-ticket-secret", "update-status", "update-status-on-shutdown", "watch-namespace", "watch-namespace-selector", "watch-secrets",
}

// rights are all rules of all roles, one verb of one resource each.
func rights(objects set) []string {
	var found []string
	add := func(where string, rules []rbacv1.PolicyRule) {
		for _, rule := range rules {
			names := rule.ResourceNames
			if names == nil {
				names = []string{"*"}
			}
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						for _, name := range names {
							found = append(found, fmt.Sprintf("%s: %s %s %s of %q", where, verb, resource, name, group))
						}
					}
				}
			}
		}
	}
	for _, role := range all[*rbacv1.ClusterRole](objects) {
		add("everywhere", role.Rules)
	}
	for _, role := range all[*rbacv1.Role](objects) {
		add("in "+role.Namespace, role.Rules)
	}
	slices.Sort(found)
	return found
}

// Secrets are read by their names only, unless the one watch of all was asked for; nobody can write one; no rule has a
// wildcard.
func checkSecretRights(t *testing.T, objects set) {
	t.Helper()
	_, clusterWide := flag(t, objects, "watch-secrets")
	var rules []rbacv1.PolicyRule
	for _, role := range all[*rbacv1.ClusterRole](objects) {
		rules = append(rules, role.Rules...)
	}
	for _, role := range all[*rbacv1.Role](objects) {
		rules = append(rules, role.Rules...)
	}
	for _, rule := range rules {
		if slices.Contains(rule.Resources, "*") || slices.Contains(rule.Verbs, "*") || slices.Contains(rule.APIGroups, "*") {
			t.Errorf("%+v allows everything", rule)
		}
		if !slices.Contains(rule.Resources, "secrets") {
			continue
		}
		if len(rule.ResourceNames) == 0 && !clusterWide {
			t.Errorf("%+v allows to list Secrets", rule)
		}
		for _, verb := range rule.Verbs {
			if verb != "list" && verb != "watch" {
				t.Errorf("%+v allows to %s Secrets", rule, verb)
			}
		}
	}
}

// A budget leaves a drain of a node something to evict.
func checkDisruption(t *testing.T, objects set) {
	t.Helper()
	for _, budget := range all[*policyv1.PodDisruptionBudget](objects) {
		if (budget.Spec.MinAvailable == nil) == (budget.Spec.MaxUnavailable == nil) {
			t.Errorf("budget %s says both or neither", budget.Name)
		}
		if !labels.SelectorFromSet(budget.Spec.Selector.MatchLabels).Matches(labels.Set(controller(t, objects).template.Labels)) {
			t.Errorf("budget %s is of no Pods", budget.Name)
		}
	}
}

// The webhook leads to a Service that is there; where the chart made the certificate, it is right for that Service.
func checkWebhook(t *testing.T, objects set) {
	t.Helper()
	for _, configuration := range all[*admissionv1.ValidatingWebhookConfiguration](objects) {
		for _, webhook := range configuration.Webhooks {
			service := webhook.ClientConfig.Service
			if objects["Service "+service.Namespace+"/"+service.Name] == nil {
				t.Errorf("webhook %s leads to %s/%s, which is not there", webhook.Name, service.Namespace, service.Name)
			}
			secrets := all[*corev1.Secret](objects)
			if len(secrets) == 0 {
				continue
			}
			checkCertificate(t, secrets[0], webhook.ClientConfig.CABundle, service.Name+"."+service.Namespace+".svc")
		}
	}
}

func checkCertificate(t *testing.T, secret *corev1.Secret, authority []byte, host string) {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		t.Error("the webhook has no CA")
	}
	block, _ := pem.Decode(secret.Data["tls.crt"])
	if block == nil {
		t.Fatalf("Secret %s has no certificate", secret.Name)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := certificate.Verify(x509.VerifyOptions{DNSName: host, Roots: pool}); err != nil {
		t.Error(err)
	}
}
