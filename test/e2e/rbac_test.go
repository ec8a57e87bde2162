package e2e

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"yett.dev/e2e/gate"
)

// rbacList is `yett rbac --output json`.
type rbacList struct {
	APIVersion, Kind string
	Items            []rbacObject
}

type rbacObject struct {
	APIVersion, Kind string
	Metadata         struct {
		Name, Namespace string
		Labels          map[string]string
	}
	Rules []struct {
		APIGroups, Resources, ResourceNames, Verbs []string
	}
	RoleRef  struct{ APIGroup, Kind, Name string }
	Subjects []struct{ Kind, Name, Namespace string }
}

func namedSecrets(t *testing.T, text string) map[string][]string {
	t.Helper()
	var list rbacList
	if err := json.Unmarshal([]byte(text), &list); err != nil || list.Kind != "List" || list.APIVersion != "v1" {
		t.Fatalf("%v: %q", err, text)
	}
	names, bound := map[string][]string{}, map[string]bool{}
	for _, item := range list.Items {
		switch item.Kind {
		case "Role":
			if len(item.Rules) != 1 || !reflect.DeepEqual(item.Rules[0].Resources, []string{"secrets"}) ||
				!reflect.DeepEqual(item.Rules[0].APIGroups, []string{""}) || !reflect.DeepEqual(item.Rules[0].Verbs, []string{"list", "watch"}) {
				t.Errorf("%+v", item)
			}
			names[item.Metadata.Namespace] = item.Rules[0].ResourceNames
		case "RoleBinding":
			bound[item.Metadata.Namespace] = item.RoleRef.Kind == "Role" && item.RoleRef.Name == item.Metadata.Name
		default:
			t.Errorf("a %s", item.Kind)
		}
	}
	for namespace := range names {
		if !bound[namespace] {
			t.Errorf("the Role in %s is bound to nobody", namespace)
		}
	}
	return names
}

func rbacManifests(t *testing.T) *gate.Dir {
	t.Helper()
	dir := gate.NewDir(t)
	foreign := tlsRoute("other/foreign", "f.test", "foreign")
	foreign["spec"].(map[string]any)["ingressClassName"] = "another"
	dir.Write("all.yaml", gate.Join(gate.IngressClass("yett", "yett.dev/ingress-controller", true), services(t, "web"),
		tlsRoute("shop/a", "a.test", "web-tls"), tlsRoute("shop/b", "b.test", "web-tls"), tlsRoute("shop/c", "c.test", "123"),
		tlsRoute("news/a", "n.test", "true"), gate.Route("plain", "p.test", "/", "web"), foreign)...)
	return dir
}

// The Secrets that Ingresses of ours name, of manifests and of the yett that serves them.
func TestRBAC(t *testing.T) {
	dir := rbacManifests(t)
	checked := gate.Route("checked", "k.test", "/", "web")
	checked["metadata"].(map[string]any)["annotations"] = map[string]any{
		"nginx.ingress.kubernetes.io/auth-tls-secret":  "default/authorities",
		"nginx.ingress.kubernetes.io/proxy-ssl-secret": "shop/of-another-namespace",
	}
	dir.Write("checked.yaml", checked)
	wanted := map[string][]string{"shop": {"123", "web-tls"}, "news": {"true"}, "gates": {"keys", "main"}, "default": {"authorities"}}
	flags := []string{"--default-ssl-certificate", "gates/main", "--session-ticket-secret", "gates/keys"}
	g := gate.Start(t, gate.Options{Dir: dir, NoClass: true, Args: flags})
	for name, source := range map[string][]string{
		"manifests": append([]string{"--manifests", dir.Path}, flags...),
		"operands":  append([]string{dir.Path + "/all.yaml", dir.Path + "/checked.yaml"}, flags...),
		"admin":     {"--admin", "http://" + g.Admin},
	} {
		status, stdout, stderr := gate.Run(t, append([]string{"rbac", "--output", "json"}, source...)...)
		if got := namedSecrets(t, stdout); status != 0 || stderr != "" || !reflect.DeepEqual(got, wanted) {
			t.Errorf("of %s: status %d, %v %s", name, status, got, stderr)
		}
	}
	g.Change(t, func() { dir.Write("more.yaml", tlsRoute("more/m", "m.test", "more")) })
	_, stdout, _ := gate.Run(t, "rbac", "--output", "json", "--admin", "http://"+g.Admin)
	if got := namedSecrets(t, stdout); len(got["more"]) != 1 {
		t.Errorf("after a change: %v", got)
	}
}

const rbacGolden = `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: "gate-secrets"
  namespace: "news"
  labels:
    app.kubernetes.io/name: yett
    app.kubernetes.io/component: secrets
rules:
- apiGroups: [""]
  resources: [secrets]
  resourceNames:
  - "true"
  verbs: [list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: "gate-secrets"
  namespace: "news"
  labels:
    app.kubernetes.io/name: yett
    app.kubernetes.io/component: secrets
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: "gate-secrets"
subjects:
- kind: ServiceAccount
  name: "gate"
  namespace: "gates"
---
`

func TestRBACText(t *testing.T) {
	dir := rbacManifests(t)
	status, stdout, stderr := gate.Run(t, "rbac", "--manifests", dir.Path, "--service-account", "gates/gate", "--name", "gate-secrets")
	if status != 0 || stderr != "" || !strings.HasPrefix(stdout, rbacGolden) {
		t.Errorf("status %d: %s%s", status, stdout, stderr)
	}
	dir.Write("all.yaml", gate.Route("plain", "p.test", "/", "web"))
	if _, stdout, _ := gate.Run(t, "rbac", "--manifests", dir.Path); stdout != "# No Ingress names a Secret.\n" {
		t.Errorf("of none: %q", stdout)
	}
}

func TestRBACRefuses(t *testing.T) {
	dir := rbacManifests(t)
	dir.WriteText("bad.yaml", "kind: [")
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--manifests", dir.Path}, 1, "not all could be read"}, // it would take rights away that are needed
		{[]string{"--manifests", dir.Path + "/nowhere"}, 1, "not all could be read"},
		{[]string{"--manifests", dir.Path, "--admin", "http://127.0.0.1:1"}, 2, "give one of"},
		{[]string{"--base", "--manifests", dir.Path}, 2, "--base goes by flags alone"},
		{[]string{"--admin", "nowhere"}, 2, "is no URL"},
		{[]string{"--admin", "http://" + gate.Refused(t)}, 1, "cannot connect"},
		{[]string{"--kubeconfig", dir.Path + "/nowhere"}, 1, "nowhere"},
		{[]string{"--service-account", "yett"}, 2, "NAMESPACE/NAME"},
	} {
		status, stdout, stderr := gate.Run(t, append([]string{"rbac"}, c.args...)...)
		if status != c.status || stdout != "" || !strings.Contains(stderr, c.says) {
			t.Errorf("%v: status %d, %q %q", c.args, status, stdout, stderr)
		}
	}
}
