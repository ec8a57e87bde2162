package deploy

import (
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

// rbac is what `yett rbac` prints, read as strictly as what is installed.
func rbac(t *testing.T, arguments ...string) set {
	t.Helper()
	output, err := exec.Command(program(), append([]string{"rbac"}, arguments...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return mustParse(t, output)
}

// The rights that `yett rbac --base` prints for the flags of an installation are those that the installation grants.
func TestRightsOfFlagsAreThoseInstalled(t *testing.T) {
	named := []string{"--configmap=yett/yett-controller", "--election-id=yett-leader"}
	for _, test := range []struct {
		name, dir string
		flags     []string
	}{
		{"base", filepath.Join(kustomizeDir, "base"), []string{"--publish-service=yett/yett-controller"}},
		{"nodes' own ports", filepath.Join(kustomizeDir, "overlays/hostnetwork"), nil},
		{"all Secrets", compose(t, "base", "cluster-wide-secrets"), []string{"--publish-service=yett/yett-controller", "--watch-secrets=cluster"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			printed, installed := rbac(t, append(append([]string{"--base"}, named...), test.flags...)...), kustomize(t, test.dir)
			compareRules(t, get[*rbacv1.ClusterRole](t, printed, "ClusterRole /yett").Rules,
				get[*rbacv1.ClusterRole](t, installed, "ClusterRole /yett").Rules)
			compareRules(t, get[*rbacv1.Role](t, printed, "Role yett/yett").Rules, get[*rbacv1.Role](t, installed, "Role yett/yett").Rules)
			wide, wideInstalled := get[*rbacv1.ClusterRoleBinding](t, printed, "ClusterRoleBinding /yett"), get[*rbacv1.ClusterRoleBinding](t, installed, "ClusterRoleBinding /yett")
			if !reflect.DeepEqual(wide.RoleRef, wideInstalled.RoleRef) || !reflect.DeepEqual(wide.Subjects, wideInstalled.Subjects) {
				t.Errorf("%v %v; installed is %v %v", wide.RoleRef, wide.Subjects, wideInstalled.RoleRef, wideInstalled.Subjects)
			}
			own, ownInstalled := get[*rbacv1.RoleBinding](t, printed, "RoleBinding yett/yett"), get[*rbacv1.RoleBinding](t, installed, "RoleBinding yett/yett")
			if !reflect.DeepEqual(own.RoleRef, ownInstalled.RoleRef) || !reflect.DeepEqual(own.Subjects, ownInstalled.Subjects) {
				t.Errorf("%v %v; installed is %v %v", own.RoleRef, own.Subjects, ownInstalled.RoleRef, ownInstalled.Subjects)
			}
			if len(printed) != 4 {
				t.Errorf("there are %v", keys(printed))
			}
		})
	}
}

// compareRules compares two lists of rules, in whatever order they stand.
func compareRules(t *testing.T, printed, installed []rbacv1.PolicyRule) {
	t.Helper()
	rest := append([]rbacv1.PolicyRule(nil), installed...)
next:
	for _, rule := range printed {
		for i := range rest {
			if reflect.DeepEqual(rule, rest[i]) {
				rest = append(rest[:i], rest[i+1:]...)
				continue next
			}
		}
		t.Errorf("only printed: %v", rule)
	}
	for _, rule := range rest {
		t.Errorf("only installed: %v", rule)
	}
}

// One namespace that is watched: nothing there is granted elsewhere, and what lies elsewhere is granted by name.
func TestRightsOfOneNamespace(t *testing.T) {
	printed := rbac(t, "--base", "--watch-namespace=shop", "--default-backend-service=errors/pages", "--default-ssl-certificate=certificates/main",
		"--configmap=gates/settings", "--publish-status-address=192.0.2.1", "--service-account=gates/gate", "--name=gate")
	verbs := []string{"list", "watch"}
	for key, wanted := range map[string][]rbacv1.PolicyRule{
		"Role errors/gate": {
			{APIGroups: []string{""}, Resources: []string{"services"}, ResourceNames: []string{"pages"}, Verbs: verbs},
			{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: verbs},
		},
		"Role certificates/gate": {{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"main"}, Verbs: verbs}},
	} {
		compareRules(t, get[*rbacv1.Role](t, printed, key).Rules, wanted)
	}
	compareRules(t, get[*rbacv1.ClusterRole](t, printed, "ClusterRole /gate").Rules,
		[]rbacv1.PolicyRule{{APIGroups: []string{"networking.k8s.io"}, Resources: []string{"ingressclasses"}, Verbs: verbs}})
	for _, binding := range all[*rbacv1.RoleBinding](printed) {
		if len(binding.Subjects) != 1 || binding.Subjects[0].Namespace != "gates" || binding.Subjects[0].Name != "gate" {
			t.Errorf("%s/%s binds %v", binding.Namespace, binding.Name, binding.Subjects)
		}
	}
	if rules := get[*rbacv1.Role](t, printed, "Role shop/gate").Rules; len(rules) != 5 {
		t.Errorf("in the namespace that is watched: %v", rules)
	}
}
