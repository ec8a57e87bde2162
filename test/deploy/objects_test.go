package deploy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// set is all that one installation makes, by "Kind namespace/name".
type set map[string]runtime.Object

// foreign are the kinds that an operator brings; what they hold is looked at by their own tests.
var foreign = map[string]func() runtime.Object{
	"ServiceMonitor": func() runtime.Object { return &serviceMonitor{} },
	"PrometheusRule": func() runtime.Object { return &prometheusRule{} },
	"Issuer":         func() runtime.Object { return &issuer{} },
	"Certificate":    func() runtime.Object { return &certificate{} },
}

// parse reads YAML documents strictly: a field that a type does not have, or that is there twice, is an error.
func parse(documents []byte) (set, error) {
	objects := set{}
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(documents)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		var head struct {
			metav1.TypeMeta `json:",inline"`
			Metadata        metav1.ObjectMeta `json:"metadata"`
		}
		if err := yaml.Unmarshal(document, &head); err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, document)
		}
		if head.Kind == "" {
			continue // comments
		}
		object, err := newObject(head.GroupVersionKind())
		if err != nil {
			return nil, err
		}
		if err := yaml.UnmarshalStrict(document, object); err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, document)
		}
		key := head.Kind + " " + head.Metadata.Namespace + "/" + head.Metadata.Name
		if _, found := objects[key]; found {
			return nil, fmt.Errorf("%s is there twice", key)
		}
		objects[key] = object
	}
}

func newObject(kind schema.GroupVersionKind) (runtime.Object, error) {
	if make, found := foreign[kind.Kind]; found {
		return make(), nil
	}
	return scheme.Scheme.New(kind)
}

func mustParse(t *testing.T, documents []byte) set {
	t.Helper()
	objects, err := parse(documents)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// all returns the objects of one type.
func all[T runtime.Object](objects set) []T {
	var found []T
	for _, object := range objects {
		if object, ok := object.(T); ok {
			found = append(found, object)
		}
	}
	return found
}

// get returns an object that has to be there.
func get[T runtime.Object](t *testing.T, objects set, key string) T {
	t.Helper()
	object, ok := objects[key].(T)
	if !ok {
		t.Fatalf("there is no %s", key)
	}
	return object
}

// workload is what a Deployment and a DaemonSet have in common.
type workload struct {
	name, namespace string
	kind            string
	selector        map[string]string
	template        corev1.PodTemplateSpec
}

func workloads(objects set) []workload {
	var found []workload
	for _, d := range all[*appsv1.Deployment](objects) {
		found = append(found, workload{d.Name, d.Namespace, "Deployment", d.Spec.Selector.MatchLabels, d.Spec.Template})
	}
	for _, d := range all[*appsv1.DaemonSet](objects) {
		found = append(found, workload{d.Name, d.Namespace, "DaemonSet", d.Spec.Selector.MatchLabels, d.Spec.Template})
	}
	return found
}

// controller is the workload that runs yett.
func controller(t *testing.T, objects set) workload {
	t.Helper()
	for _, w := range workloads(objects) {
		if args := w.template.Spec.Containers[0].Args; len(args) > 0 && args[0] == "run" {
			return w
		}
	}
	t.Fatal("nothing runs yett")
	return workload{}
}

// flag is the value of a flag of the controller.
func flag(t *testing.T, objects set, name string) (value string, found bool) {
	t.Helper()
	for _, arg := range controller(t, objects).template.Spec.Containers[0].Args {
		if arg == "--"+name {
			return "", true
		}
		if value, found := strings.CutPrefix(arg, "--"+name+"="); found {
			return value, true
		}
	}
	return "", false
}
