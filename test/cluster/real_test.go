package cluster

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"yett.dev/cluster/kube"
)

const realManifests = "../../../shared/manifests/real"

// Ingresses that people wrote, each file in a namespace of its own, where there are none of their Services. Those of
// class nginx are ours: each of their paths is known, and of each Service that is missing there is an Event; but those
// that ask for what would mean something else without it are refused whole, and an Event says so. Those of other classes
// are left alone.
func TestRealManifests(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob(realManifests + "/*.yaml")
	if len(files) == 0 {
		t.Skipf("there are no manifests in %s", realManifests)
	}
	w := newWrites(t, "default")
	nginx := fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: yett.dev/%s}
`, w.namespace)
	(&scene{Cluster: w.Cluster, t: t}).temporary("", nginx)
	var all []*networking.Ingress
	for i, file := range files {
		all = append(all, w.applyReal(file, fmt.Sprintf("real-%03d", i), isNginxOfEveryHost, false)...)
	}
	g := w.start("--ingress-class", "nginx", "--update-status=true", "--publish-status-address", "192.0.2.9")
	ours := map[bool]int{}
	urls := map[string]bool{} // which are known
	for _, ingress := range all {
		ours[isNginx(ingress)]++
		for _, url := range urlsOf(ingress) {
			urls[url] = urls[url] || isNginx(ingress) && (refusalOf(ingress) == "" || guards(ingress))
		}
	}
	t.Logf("%d Ingresses of %d files: %d ours, %d of others", len(all), len(files), ours[true], ours[false])
	w.wantKnown(g, urls)
	for i, file := range files {
		all = append(all, w.applyReal(file, fmt.Sprintf("real-%03d", i), isNginxOfEveryHost, true)...)
	}
	for _, ingress := range all {
		if isNginx(ingress) {
			w.missingIsTold(ingress)
		}
	}
	for _, ingress := range all {
		if !isNginx(ingress) {
			w.isLeftAlone(ingress)
		}
	}
}

// applyReal applies those Ingresses of a file for which `is` is as wanted, as far as the API server takes them, and
// returns them.
func (w *writes) applyReal(file, namespace string, is func(*networking.Ingress) bool, want bool) (applied []*networking.Ingress) {
	w.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	objects, err := kube.Objects(text)
	if err != nil {
		w.t.Logf("%s is left out: %v", filepath.Base(file), err)
	}
	for _, object := range objects {
		if object.GetAPIVersion() != "networking.k8s.io/v1" || object.GetKind() != "Ingress" {
			continue
		}
		delete(object.Object, "status")
		annotations := object.GetAnnotations()
		object.Object["metadata"] = map[string]any{"name": object.GetName(), "namespace": namespace}
		object.SetAnnotations(annotations)
		ingress := &networking.Ingress{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, ingress); err != nil || is(ingress) != want {
			if err != nil {
				w.t.Logf("%s: is no Ingress: %v", filepath.Base(file), err)
			}
			continue
		}
		w.namespaceFor(namespace)
		if err := w.ApplyObject(w.t.Context(), namespace, object); err != nil {
			w.t.Logf("%s: the API server does not take it: %v", filepath.Base(file), err)
			continue
		}
		applied = append(applied, ingress)
	}
	return applied
}

// namespaceFor makes a namespace, if it is not there, for as long as the test lasts.
func (w *writes) namespaceFor(name string) {
	w.t.Helper()
	w.Apply(w.t, "", "{apiVersion: v1, kind: Namespace, metadata: {name: "+name+"}}")
	w.t.Cleanup(func() { w.Client.CoreV1().Namespaces().Delete(context.Background(), name, metav1.DeleteOptions{}) })
}

func isNginx(ingress *networking.Ingress) bool {
	if ingress.Spec.IngressClassName != nil {
		return *ingress.Spec.IngressClassName == "nginx"
	}
	return ingress.Annotations["kubernetes.io/ingress.class"] == "nginx"
}

// isNginxOfEveryHost is true of those of ours that hide whether a host is unknown.
func isNginxOfEveryHost(ingress *networking.Ingress) bool {
	everyHost := func(rule networking.IngressRule) bool { return rule.Host == "" }
	return isNginx(ingress) && (ingress.Spec.DefaultBackend != nil || slices.ContainsFunc(ingress.Spec.Rules, everyHost))
}

// urlsOf are URLs that the Ingress names. Paths that are patterns are left out; without a host, any may be meant.
func urlsOf(ingress *networking.Ingress) (urls []string) {
	for _, rule := range ingress.Spec.Rules {
		for _, path := range pathsOf(rule) {
			if rule.Host != "" && !strings.ContainsAny(path.Path, "*()[]$\\^|?") {
				urls = append(urls, "http://"+strings.Replace(rule.Host, "*", "any", 1)+cmp.Or(path.Path, "/"))
			}
		}
	}
	return urls
}

// refusalOf is what an Event says of an Ingress that must not be served at all, because without the annotation it would
// mean something else: a piece of nginx's configuration, or a canary, which would take all of another's traffic.
func refusalOf(ingress *networking.Ingress) string {
	for annotation, value := range ingress.Annotations {
		name, isNginx := strings.CutPrefix(annotation, "nginx.ingress.kubernetes.io/")
		switch {
		case isNginx && strings.HasSuffix(name, "-snippet") && value != "":
			return name + " is refused; this Ingress makes no routes"
		case isNginx && name == "canary" && value == "true":
			return name + " is not supported; this Ingress makes no routes"
		}
	}
	return ""
}

// guards is true of one that asks for client certificates: it does so for its hosts even where it makes no routes.
func guards(ingress *networking.Ingress) bool {
	return ingress.Annotations["nginx.ingress.kubernetes.io/auth-tls-secret"] != ""
}

// wantKnown asks for each URL: a known one is answered with anything but 404.
func (w *writes) wantKnown(g *kube.Gate, urls map[string]bool) {
	w.t.Helper()
	for _, url := range slices.Sorted(maps.Keys(urls)) {
		answer, err := g.Member.Get(w.t.Context(), g.HTTP, url)
		if err != nil {
			w.t.Errorf("%s: %v", url, err)
		} else if isKnown := answer.StatusCode != http.StatusNotFound; isKnown != urls[url] {
			w.t.Errorf("%s: status %d; it is ours: %v", url, answer.StatusCode, urls[url])
		}
	}
}

// missingIsTold waits until there is an Event of each Service of the Ingress, or of what has it refused.
func (w *writes) missingIsTold(ingress *networking.Ingress) {
	w.t.Helper()
	wants := map[string]bool{}
	if refusal := refusalOf(ingress); refusal != "" {
		wants[refusal] = true
	} else {
		for _, rule := range ingress.Spec.Rules {
			for _, path := range pathsOf(rule) {
				if path.Backend.Service != nil {
					wants["there is no Service "+ingress.Namespace+"/"+path.Backend.Service.Name] = true
				}
			}
		}
	}
	kube.Wait(w.t, 60*time.Second, "Events of "+ingress.Namespace+"/"+ingress.Name, func() error {
		said := w.saidOf(ingress)
		for want := range wants {
			if !strings.Contains(said, want) {
				return fmt.Errorf("nobody says that %s, only: %s", want, said)
			}
		}
		return nil
	})
}

func pathsOf(rule networking.IngressRule) []networking.HTTPIngressPath {
	if rule.HTTP == nil {
		return nil
	}
	return rule.HTTP.Paths
}

// saidOf are the messages of an Ingress' Events.
func (w *writes) saidOf(ingress *networking.Ingress) string {
	w.t.Helper()
	events, err := w.Client.CoreV1().Events(ingress.Namespace).List(w.t.Context(),
		metav1.ListOptions{FieldSelector: "type=" + v1.EventTypeWarning + ",involvedObject.name=" + ingress.Name})
	if err != nil {
		w.t.Fatal(err)
	}
	var said []string
	for _, event := range events.Items {
		said = append(said, event.Message)
	}
	return strings.Join(said, "\n")
}

func (w *writes) isLeftAlone(ingress *networking.Ingress) {
	w.t.Helper()
	if said := w.saidOf(ingress); said != "" {
		w.t.Errorf("%s/%s is not ours, but is told: %s", ingress.Namespace, ingress.Name, said)
	}
	now, err := w.Client.NetworkingV1().Ingresses(ingress.Namespace).Get(w.t.Context(), ingress.Name, metav1.GetOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(now.Status.LoadBalancer.Ingress) > 0 {
		w.t.Errorf("%s/%s is not ours, but has the status %+v", ingress.Namespace, ingress.Name, now.Status)
	}
}
