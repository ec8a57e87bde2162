package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"yett.dev/deploy/render"
)

const kustomizeDir = repositoryFromTop + "/deploy/kustomize"

func kustomize(t *testing.T, dir string) set {
	t.Helper()
	objects, err := render.Kustomize(dir)
	if err != nil {
		t.Fatal(err)
	}
	return mustParse(t, objects)
}

// compose is a kustomization of a base with components, as a person writes one.
func compose(t *testing.T, base string, components ...string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	from := func(name string) string {
		path, err := filepath.Abs(filepath.Join(kustomizeDir, name))
		if err != nil {
			t.Fatal(err)
		}
		if path, err = filepath.EvalSymlinks(path); err != nil {
			t.Fatal(err)
		}
		if path, err = filepath.Rel(dir, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := "resources:\n- " + from(base) + "\ncomponents:\n"
	for _, component := range components {
		text += "- " + from("components/"+component) + "\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// What kustomize and Helm install is the same, but for Helm's own labels.
func TestKustomizeAndChartAgree(t *testing.T) {
	tests := []struct {
		name, base string
		components []string
		values     string
	}{
		{"base", "base", nil, ""},
		{"node ports", "overlays/nodeport", nil, "controller: {service: {type: NodePort}}"},
		{"nodes' own ports", "overlays/hostnetwork", nil, "controller: {kind: DaemonSet, hostNetwork: true, service: {enabled: false}}"},
		{"all Secrets", "base", []string{"cluster-wide-secrets"}, "rbac: {secrets: clusterWide}"},
		{"webhook", "base", []string{"admission"}, "controller: {admissionWebhooks: {enabled: true, certManager: {enabled: true}}}"},
		{"metrics", "base", []string{"metrics"}, "controller: {metrics: {enabled: true, serviceMonitor: {enabled: true}}}"},
		{"everything on the nodes' ports", "overlays/hostnetwork", []string{"cluster-wide-secrets", "metrics"}, `
rbac: {secrets: clusterWide}
controller: {kind: DaemonSet, hostNetwork: true, service: {enabled: false}, metrics: {enabled: true, serviceMonitor: {enabled: true}}}
`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(kustomizeDir, test.base)
			if test.components != nil {
				dir = compose(t, test.base, test.components...)
			}
			ours, charts := kustomize(t, dir), chart(t, test.values)
			checkInvariants(t, ours)
			if _, found := ours["Namespace /yett"].(*corev1.Namespace); !found {
				t.Error("there is no namespace to install into")
			}
			delete(ours, "Namespace /yett") // Helm has --create-namespace
			if a, b := keys(ours), keys(charts); !reflect.DeepEqual(a, b) {
				t.Fatalf("kustomize has\n%s\nHelm has\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
			}
			for key := range ours {
				a, b := comparable(t, ours[key]), comparable(t, charts[key])
				if difference := firstDifference("", a, b); difference != "" {
					t.Errorf("%s: %s", key, difference)
				}
			}
		})
	}
}

// comparable is an object without what only Helm adds, and with no field that says nothing.
func comparable(t *testing.T, object runtime.Object) any {
	t.Helper()
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	return prune(tree)
}

func prune(tree any) any {
	switch node := tree.(type) {
	case map[string]any:
		for key, value := range node {
			switch value = prune(value); {
			case key == "helm.sh/chart" || key == "app.kubernetes.io/version" || key == "app.kubernetes.io/managed-by",
				value == nil, key == "protocol" && value == "TCP": // the default
				delete(node, key)
			default:
				node[key] = value
			}
		}
		if len(node) == 0 {
			return nil
		}
	case []any:
		for i := range node {
			node[i] = prune(node[i])
		}
		if len(node) > 0 && isRule(node[0]) { // whose order means nothing
			slices.SortFunc(node, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		if len(node) == 0 {
			return nil
		}
	}
	return tree
}

func isRule(tree any) bool {
	node, _ := tree.(map[string]any)
	_, found := node["verbs"]
	return found
}

// firstDifference says where two trees differ.
func firstDifference(path string, a, b any) string {
	if reflect.DeepEqual(a, b) {
		return ""
	}
	if a, ok := a.(map[string]any); ok {
		if b, ok := b.(map[string]any); ok {
			for key := range a {
				if difference := firstDifference(path+"."+key, a[key], b[key]); difference != "" {
					return difference
				}
			}
			for key := range b {
				if _, found := a[key]; !found {
					return fmt.Sprintf("%s.%s is Helm's alone: %v", path, key, b[key])
				}
			}
		}
	}
	return fmt.Sprintf("%s is %v with kustomize, %v with Helm", path, a, b)
}
