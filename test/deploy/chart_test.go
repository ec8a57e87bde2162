package deploy

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"yett.dev/deploy/render"
)

const chartDir = repositoryFromTop + "/deploy/helm/yett"

// chart renders the chart as the release yett in the namespace yett, and checks what always holds.
func chart(t *testing.T, values string) set {
	t.Helper()
	objects, notes := renderChart(t, values)
	if strings.TrimSpace(notes) == "" {
		t.Error("there are no notes")
	}
	parsed := mustParse(t, objects)
	checkInvariants(t, parsed)
	return parsed
}

func renderChart(t *testing.T, values string) (objects []byte, notes string) {
	t.Helper()
	objects, notes, err := render.Helm(render.Release{Chart: chartDir, Name: "yett", Namespace: "yett", Values: values})
	if err != nil {
		t.Fatal(err)
	}
	return objects, notes
}

// Each case of values: it lints without a word, renders what the API takes, keeps what always holds, and has what it
// asks for.
func TestChart(t *testing.T) {
	tests := []struct {
		name, values string
		check        func(t *testing.T, objects set)
	}{
		{"defaults", "", func(t *testing.T, objects set) {
			wanted := []string{
				"ClusterRole /yett", "ClusterRoleBinding /yett", "ConfigMap yett/yett-controller", "Deployment yett/yett-controller",
				"IngressClass /yett", "PodDisruptionBudget yett/yett-controller", "Role yett/yett", "RoleBinding yett/yett",
				"Service yett/yett-controller", "ServiceAccount yett/yett",
			}
			if got := keys(objects); !slices.Equal(got, wanted) {
				t.Errorf("there are\n%s", strings.Join(got, "\n"))
			}
		}},
		{"a daemon set on the nodes' ports", `
controller: {kind: DaemonSet, hostNetwork: true, service: {enabled: false}}
`, func(t *testing.T, objects set) {
			w := controller(t, objects)
			if w.kind != "DaemonSet" || !w.template.Spec.HostNetwork || w.template.Spec.DNSPolicy != corev1.DNSClusterFirstWithHostNet {
				t.Errorf("%s with the network %v and the names %s", w.kind, w.template.Spec.HostNetwork, w.template.Spec.DNSPolicy)
			}
			if value, found := flag(t, objects, "publish-service"); found {
				t.Errorf("it publishes the Service %s", value)
			}
			if !mayGet(objects, "nodes") {
				t.Error("it may not read the addresses of nodes")
			}
		}},
		{"ports of nodes", `
controller: {hostPort: {enabled: true, ports: {http: 8080, https: 8443}}, containerPort: {http: 8000, https: 8001}}
`, func(t *testing.T, objects set) {
			ports := controller(t, objects).template.Spec.Containers[0].Ports
			if ports[0].HostPort != 8080 || ports[0].ContainerPort != 8000 || ports[1].HostPort != 8443 {
				t.Errorf("the ports are %+v", ports)
			}
			expectFlag(t, objects, "http-port", "8000")
		}},
		{"node ports", `
controller: {service: {type: NodePort, externalTrafficPolicy: Local, nodePorts: {http: 32080, https: 32443}}}
`, func(t *testing.T, objects set) {
			service := get[*corev1.Service](t, objects, "Service yett/yett-controller")
			if service.Spec.Type != corev1.ServiceTypeNodePort || service.Spec.Ports[0].NodePort != 32080 ||
				service.Spec.Ports[1].NodePort != 32443 || service.Spec.ExternalTrafficPolicy != "Local" {
				t.Errorf("the Service is %+v", service.Spec)
			}
		}},
		{"a second Service for those within", `
controller:
  service:
    annotations: {public: "true"}
    loadBalancerSourceRanges: [192.0.2.0/24]
    internal: {enabled: true, annotations: {internal: "true"}, ports: {http: 8080}}
`, func(t *testing.T, objects set) {
			public := get[*corev1.Service](t, objects, "Service yett/yett-controller")
			internal := get[*corev1.Service](t, objects, "Service yett/yett-controller-internal")
			if public.Annotations["public"] != "true" || internal.Annotations["public"] != "" || internal.Annotations["internal"] != "true" ||
				internal.Spec.Ports[0].Port != 8080 || internal.Spec.Ports[1].Port != 443 || len(internal.Spec.LoadBalancerSourceRanges) != 0 {
				t.Errorf("%+v\n%+v", public, internal)
			}
		}},
		{"as ingress-nginx was", `
controller:
  ingressClassResource: {name: nginx, default: true, controllerValue: k8s.io/ingress-nginx, aliases: [old-nginx]}
  ingressClass: nginx
  watchIngressWithoutClass: true
  ingressClassByName: true
  config: {proxy-body-size: 8m, proxy-read-timeout: 120, use-forwarded-headers: true, large: 1048576}
`, func(t *testing.T, objects set) {
			class := get[*networkingv1.IngressClass](t, objects, "IngressClass /nginx")
			alias := get[*networkingv1.IngressClass](t, objects, "IngressClass /old-nginx")
			const isDefault = "ingressclass.kubernetes.io/is-default-class"
			if class.Annotations[isDefault] != "true" || alias.Annotations[isDefault] != "" || alias.Spec.Controller != "k8s.io/ingress-nginx" {
				t.Errorf("%+v\n%+v", class, alias)
			}
			wanted := map[string]string{"proxy-body-size": "8m", "proxy-read-timeout": "120", "use-forwarded-headers": "true", "large": "1048576"}
			if got := get[*corev1.ConfigMap](t, objects, "ConfigMap yett/yett-controller").Data; !reflect.DeepEqual(got, wanted) {
				t.Errorf("the ConfigMap holds %v", got)
			}
			expectFlag(t, objects, "controller-class", "k8s.io/ingress-nginx")
			expectFlag(t, objects, "watch-ingress-without-class", "true")
		}},
		{"one namespace", `
controller: {scope: {enabled: true, namespace: shop}}
rbac: {secretNames: [shop/tls, shop/other]}
`, func(t *testing.T, objects set) {
			expectFlag(t, objects, "watch-namespace", "shop")
			for _, rule := range get[*rbacv1.ClusterRole](t, objects, "ClusterRole /yett").Rules {
				if !slices.Equal(rule.Resources, []string{"ingressclasses"}) {
					t.Errorf("everywhere it may %v %v", rule.Verbs, rule.Resources)
				}
			}
			for _, rule := range get[*rbacv1.Role](t, objects, "Role shop/yett").Rules {
				if rule.Resources[0] == "secrets" && !slices.Equal(rule.ResourceNames, []string{"tls", "other"}) {
					t.Errorf("it may read the Secrets %v", rule.ResourceNames)
				}
			}
		}},
		{"one namespace and nothing beyond", `
controller: {scope: {enabled: true}, ingressClassByName: true}
rbac: {scope: true}
`, func(t *testing.T, objects set) {
			if roles := all[*rbacv1.ClusterRole](objects); len(roles) > 0 {
				t.Errorf("there is a ClusterRole: %+v", roles[0].Rules)
			}
		}},
		{"one namespace, and pages of another", `
controller: {scope: {enabled: true, namespace: shop}, extraArgs: {update-status: "false"}}
defaultBackend: {enabled: true, image: {image: pages, tag: "1"}}
`, func(t *testing.T, objects set) {
			if !mayGet(objects, "endpointslices") || mayGet(objects, "ingresses/status") {
				t.Error("it may not read its pages' endpoints, or write what it does not")
			}
		}},
		{"namespaces by their labels", `
controller: {scope: {enabled: true, namespaceSelector: "team=a,env!=test"}}
`, func(t *testing.T, objects set) {
			expectFlag(t, objects, "watch-namespace-selector", "team=a,env!=test")
			if !mayGet(objects, "namespaces") {
				t.Error("it may not read namespaces")
			}
		}},
		{"all Secrets", `
rbac: {secrets: clusterWide, secretNames: [a/b]}
`, func(t *testing.T, objects set) {
			expectFlag(t, objects, "watch-secrets", "cluster")
			if !mayGet(objects, "secrets") || objects["Role a/yett"] != nil {
				t.Error("it has not the right to all Secrets, or one beside it")
			}
		}},
		{"a default certificate", `
controller: {extraArgs: {default-ssl-certificate: certificates/wildcard, v: 3}}
`, func(t *testing.T, objects set) {
			rule := get[*rbacv1.Role](t, objects, "Role certificates/yett").Rules[0]
			if !slices.Equal(rule.ResourceNames, []string{"wildcard"}) || !slices.Equal(rule.Verbs, []string{"list", "watch"}) {
				t.Errorf("the rule is %+v", rule)
			}
			expectFlag(t, objects, "v", "3")
		}},
		{"no rights of the chart's", "{rbac: {create: false}, serviceAccount: {create: false, name: mine}}", func(t *testing.T, objects set) {
			if controller(t, objects).template.Spec.ServiceAccountName != "mine" || objects["ServiceAccount yett/yett"] != nil {
				t.Error("the account is not the one of the values")
			}
		}},
		{"the webhook, with a certificate of its own", "controller: {admissionWebhooks: {enabled: true, failurePolicy: Fail}}", func(t *testing.T, objects set) {
			get[*corev1.Secret](t, objects, "Secret yett/yett-admission")
			expectFlag(t, objects, "validating-webhook", ":8443")
		}},
		{"the webhook, with a Secret of one's own", `
controller: {admissionWebhooks: {enabled: true, existingSecret: mine, caBundle: "-----BEGIN CERTIFICATE-----"}}
`, func(t *testing.T, objects set) {
			if secrets := all[*corev1.Secret](objects); len(secrets) > 0 {
				t.Errorf("there is a Secret %s", secrets[0].Name)
			}
			volumes := controller(t, objects).template.Spec.Volumes
			if last := volumes[len(volumes)-1]; last.Secret == nil || last.Secret.SecretName != "mine" {
				t.Errorf("the volume is %+v", last)
			}
		}},
		{"the webhook, with cert-manager", "controller: {admissionWebhooks: {enabled: true, certManager: {enabled: true}}}", func(t *testing.T, objects set) {
			leaf := get[*certificate](t, objects, "Certificate yett/yett-admission")
			if !slices.Equal(leaf.Spec.DNSNames, []string{"yett-controller-admission.yett.svc"}) {
				t.Errorf("the certificate is for %v", leaf.Spec.DNSNames)
			}
			for _, name := range []string{leaf.Spec.IssuerRef.Name, get[*certificate](t, objects, "Certificate yett/yett-admission-ca").Spec.IssuerRef.Name} {
				get[*issuer](t, objects, "Issuer yett/"+name)
			}
		}},
		{"metrics", `
controller:
  metrics:
    enabled: true
    serviceMonitor: {enabled: true, namespace: monitoring, additionalLabels: {release: prometheus}}
    prometheusRule: {enabled: true, rules: [{alert: Down, expr: up == 0}]}
`, func(t *testing.T, objects set) {
			monitor := get[*serviceMonitor](t, objects, "ServiceMonitor monitoring/yett-controller")
			service := get[*corev1.Service](t, objects, "Service yett/yett-controller-metrics")
			for key, value := range monitor.Spec.Selector.MatchLabels {
				if service.Labels[key] != value {
					t.Errorf("the monitor does not find the Service: %s=%s", key, value)
				}
			}
			if !slices.Equal(monitor.Spec.NamespaceSelector.MatchNames, []string{"yett"}) || monitor.Spec.Endpoints[0].Port != service.Spec.Ports[0].Name {
				t.Errorf("the monitor looks at %+v", monitor.Spec)
			}
			get[*prometheusRule](t, objects, "PrometheusRule yett/yett-controller")
		}},
		{"scaled by load", `
controller: {autoscaling: {enabled: true, targetMemoryUtilizationPercentage: 80, behavior: {scaleDown: {stabilizationWindowSeconds: 600}}}}
`, func(t *testing.T, objects set) {
			get[*autoscalingv2.HorizontalPodAutoscaler](t, objects, "HorizontalPodAutoscaler yett/yett-controller")
			if replicas := get[*appsv1.Deployment](t, objects, "Deployment yett/yett-controller").Spec.Replicas; replicas != nil {
				t.Errorf("it is scaled to %d and by load", *replicas)
			}
		}},
		{"one replica", "controller: {replicaCount: 1}", func(t *testing.T, objects set) {
			if objects["PodDisruptionBudget yett/yett-controller"] != nil {
				t.Error("its budget keeps nodes from being drained")
			}
		}},
		{"a budget by what may be missing", "controller: {maxUnavailable: 0, unhealthyPodEvictionPolicy: AlwaysAllow}", func(t *testing.T, objects set) {
			budget := get[*policyv1.PodDisruptionBudget](t, objects, "PodDisruptionBudget yett/yett-controller").Spec
			if budget.MaxUnavailable == nil || budget.MaxUnavailable.IntVal != 0 || budget.MinAvailable != nil {
				t.Errorf("the budget is %+v", budget)
			}
		}},
		{"ports for TCP and UDP", `
tcp: {"5432": shop/db:5432}
udp: {"53": kube-system/dns:53}
portNamePrefix: stream
controller: {tcp: {configMapNamespace: streams}, networkPolicy: {enabled: true}, service: {type: NodePort, nodePorts: {tcp: {"5432": 30432}}}}
`, func(t *testing.T, objects set) {
			expectFlag(t, objects, "tcp-services-configmap", "streams/yett-tcp")
			expectFlag(t, objects, "udp-services-configmap", "$(POD_NAMESPACE)/yett-udp")
			for role, name := range map[string]string{"Role streams/yett": "yett-tcp", "Role yett/yett": "yett-udp"} {
				if !mayRead(get[*rbacv1.Role](t, objects, role).Rules, "configmaps", name) {
					t.Errorf("%s does not let it read the ConfigMap %s", role, name)
				}
			}
			if data := get[*corev1.ConfigMap](t, objects, "ConfigMap streams/yett-tcp").Data; data["5432"] != "shop/db:5432" {
				t.Errorf("the ConfigMap holds %v", data)
			}
			ports := get[*corev1.Service](t, objects, "Service yett/yett-controller").Spec.Ports
			if ports[2].Port != 5432 || ports[2].NodePort != 30432 || ports[3].Protocol != corev1.ProtocolUDP {
				t.Errorf("the ports are %+v", ports)
			}
			policy := get[*networkingv1.NetworkPolicy](t, objects, "NetworkPolicy yett/yett-controller")
			if last := policy.Spec.Ingress[0].Ports[4]; *last.Protocol != corev1.ProtocolUDP || last.Port.IntVal != 53 {
				t.Errorf("the policy lets in %+v", policy.Spec.Ingress[0].Ports)
			}
		}},
		{"keys of session tickets", `
controller: {extraArgs: {session-ticket-secret: keys/tickets}}
`, func(t *testing.T, objects set) {
			expectFlag(t, objects, "session-ticket-secret", "keys/tickets")
			if !mayRead(get[*rbacv1.Role](t, objects, "Role keys/yett").Rules, "secrets", "tickets") {
				t.Error("it may not read the Secret")
			}
		}},
		{"a default backend", `
defaultBackend: {enabled: true, image: {registry: registry.example, image: pages, tag: "1"}, extraArgs: {verbose: ""}}
`, func(t *testing.T, objects set) {
			pages := get[*appsv1.Deployment](t, objects, "Deployment yett/yett-defaultbackend").Spec.Template.Spec.Containers[0]
			if pages.Image != "registry.example/pages:1" || !slices.Equal(pages.Args, []string{"--verbose"}) {
				t.Errorf("it is %s %v", pages.Image, pages.Args)
			}
			expectFlag(t, objects, "default-backend-service", "$(POD_NAMESPACE)/yett-defaultbackend")
		}},
		{"an image of one's own", `
global: {image: {registry: registry.example:5000}}
controller: {image: {image: gates/yett, tag: edge, digest: "sha256:00", pullPolicy: Always}}
imagePullSecrets: [{name: pull}]
`, func(t *testing.T, objects set) {
			pod := controller(t, objects).template.Spec
			if pod.Containers[0].Image != "registry.example:5000/gates/yett:edge@sha256:00" || pod.ImagePullSecrets[0].Name != "pull" {
				t.Errorf("it is %s", pod.Containers[0].Image)
			}
		}},
		{"everything about the Pod", `
nameOverride: gate
fullnameOverride: front
namespaceOverride: elsewhere
commonLabels: {team: edge}
revisionHistoryLimit: 3
controller:
  name: gate
  containerName: gate
  replicaCount: 3
  workers: 4
  logFormat: json
  accessLog: false
  electionID: leader
  electionTTL: 20s
  reportNodeInternalIp: true
  enableTopologyAwareRouting: true
  healthCheckPath: /health
  healthCheckHost: "0.0.0.0"
  stateDir: {enabled: false}
  shutdownGracePeriod: 5
  drainTimeout: 30
  terminationGracePeriodSeconds: 40
  extraEnvs: [{name: TZ, value: UTC}]
  dnsConfig: {options: [{name: ndots, value: "1"}]}
  hostAliases: [{ip: 192.0.2.1, hostnames: [a.test]}]
  labels: {set: workload}
  annotations: {set: workload}
  podLabels: {set: pod}
  podAnnotations: {set: pod}
  sysctls: {net.core.somaxconn: 8192}
  updateStrategy: {type: Recreate}
  minReadySeconds: 5
  progressDeadlineSeconds: 120
  tolerations: [{operator: Exists}]
  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: edge, operator: Exists}]}]}}}
  topologySpreadConstraints:
  - {maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule}
  - {maxSkew: 2, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {set: pod}}}
  priorityClassName: system-cluster-critical
  runtimeClassName: runc
  shareProcessNamespace: true
  lifecycle: {preStop: {sleep: {seconds: 5}}}
  startupProbe: {httpGet: {path: /livez, port: metrics}}
  extraInitContainers: [{name: first, image: first}]
  extraContainers: [{name: second, image: second}]
  extraVolumes: [{name: more, emptyDir: {}}]
  extraVolumeMounts: [{name: more, mountPath: /more}]
  networkPolicy: {enabled: true}
`, func(t *testing.T, objects set) {
			w := controller(t, objects)
			if w.name != "front-gate" || w.namespace != "elsewhere" || w.template.Labels["team"] != "edge" || w.template.Labels["set"] != "pod" {
				t.Errorf("it is %s/%s with %v", w.namespace, w.name, w.template.Labels)
			}
			pod := w.template.Spec
			if len(pod.Containers) != 2 || len(pod.InitContainers) != 1 || len(pod.Volumes) != 1 || pod.PriorityClassName != "system-cluster-critical" ||
				pod.SecurityContext.Sysctls[0].Value != "8192" || len(pod.TopologySpreadConstraints) != 2 {
				t.Errorf("the Pod is %+v", pod)
			}
			own, given := pod.TopologySpreadConstraints[0].LabelSelector, pod.TopologySpreadConstraints[1].LabelSelector
			if !reflect.DeepEqual(own.MatchLabels, w.selector) || given.MatchLabels["set"] != "pod" {
				t.Errorf("they are spread by %v and %v", own, given)
			}
			for name, value := range map[string]string{"workers": "4", "log-format": "json", "access-log": "off", "election-id": "leader",
				"election-ttl": "20s", "report-node-internal-ip-address": "true", "health-check-path": "/health", "shutdown-grace-period": "5"} {
				expectFlag(t, objects, name, value)
			}
			if !mayGet(objects, "nodes") || !mayGet(objects, "pods") {
				t.Error("it may not read the addresses of its nodes")
			}
		}},
		{"no election", "controller: {disableLeaderElection: true, publishService: {enabled: false}, extraArgs: {publish-status-address: 192.0.2.1}}", func(t *testing.T, objects set) {
			expectFlag(t, objects, "disable-leader-election", "true")
			if mayGet(objects, "leases") || mayGet(objects, "nodes") {
				t.Error("it has rights that it does not use")
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lintChart(t, test.values)
			test.check(t, chart(t, test.values))
		})
	}
}

func lintChart(t *testing.T, values string) {
	t.Helper()
	parsed := map[string]any{}
	if err := yaml.Unmarshal([]byte(values), &parsed); err != nil {
		t.Fatal(err)
	}
	for _, message := range lint.RunAll(chartDir, parsed, "yett").Messages {
		if message.Severity > support.InfoSev {
			t.Error(message)
		}
	}
}

// What nobody could have meant is refused, and said where.
func TestChartRefuses(t *testing.T) {
	tests := []struct{ name, values, says string }{
		{"an unknown value", "controller: {replicas: 3}", "replicas"},
		{"a value of ingress-nginx that means nothing here", "controller: {allowSnippetAnnotations: true}", "allowSnippetAnnotations"},
		{"an unknown kind", "controller: {kind: StatefulSet}", "kind"},
		{"a port that is none", "controller: {containerPort: {http: 70000}}", "http"},
		{"a TCP service without a port", `tcp: {"5432": shop/db}`, "5432"},
		{"a Secret without a namespace", "rbac: {secretNames: [tls]}", "secretNames"},
		{"a default certificate without a namespace", "controller: {extraArgs: {default-ssl-certificate: tls}}", `"tls" has to be NAMESPACE/NAME`},
		{"one namespace's rights for all namespaces", "rbac: {scope: true}", "controller.scope.enabled"},
		{"a default backend without an image", "defaultBackend: {enabled: true}", "defaultBackend.image.image"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := render.Helm(render.Release{Chart: chartDir, Name: "yett", Namespace: "yett", Values: test.values})
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("it says %v, not %q", err, test.says)
			}
		})
	}
}

// A release of another name keeps out of the way of the first.
func TestChartTwice(t *testing.T) {
	second, _, err := render.Helm(render.Release{Chart: chartDir, Name: "internal", Namespace: "yett",
		Values: "controller: {ingressClassResource: {name: internal, controllerValue: yett.dev/internal}, ingressClass: internal}"})
	if err != nil {
		t.Fatal(err)
	}
	first := chart(t, "")
	for key := range mustParse(t, second) {
		if first[key] != nil {
			t.Errorf("%s is of both", key)
		}
	}
}

// Every value has a row in the README, and chart, program and image are of one version.
func TestChartReadme(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(chartDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(chartDir, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	var visit func(path string, value any)
	visit = func(path string, value any) {
		if bytes.Contains(readme, []byte("`"+path+"`")) {
			return
		}
		branch, ok := value.(map[string]any)
		if !ok || len(branch) == 0 {
			t.Errorf("README.md does not explain `%s`", path)
			return
		}
		for key, value := range branch {
			visit(path+"."+key, value)
		}
	}
	for key, value := range values {
		visit(key, value)
	}
}

func TestChartVersion(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chartDir, "Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var chart struct{ Version, AppVersion string }
	if err := yaml.Unmarshal(text, &chart); err != nil {
		t.Fatal(err)
	}
	if version := productVersion(t); chart.AppVersion != version {
		t.Errorf("appVersion is %s, yett is %s", chart.AppVersion, version)
	}
}

func keys(objects set) []string {
	var all []string
	for key := range objects {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

func expectFlag(t *testing.T, objects set, name, wanted string) {
	t.Helper()
	if value, found := flag(t, objects, name); !found || value != wanted {
		t.Errorf("--%s is %q (%v), not %q", name, value, found, wanted)
	}
}

// mayRead is true where a rule lets the one object of that name be listed and watched.
func mayRead(rules []rbacv1.PolicyRule, resource, name string) bool {
	return slices.ContainsFunc(rules, func(rule rbacv1.PolicyRule) bool {
		return slices.Contains(rule.Resources, resource) && slices.Contains(rule.ResourceNames, name) &&
			slices.Contains(rule.Verbs, "list") && slices.Contains(rule.Verbs, "watch")
	})
}

// mayGet is true where some rule names the resource.
func mayGet(objects set, resource string) bool {
	var rules []rbacv1.PolicyRule
	for _, role := range all[*rbacv1.ClusterRole](objects) {
		rules = append(rules, role.Rules...)
	}
	for _, role := range all[*rbacv1.Role](objects) {
		rules = append(rules, role.Rules...)
	}
	return slices.ContainsFunc(rules, func(rule rbacv1.PolicyRule) bool { return slices.Contains(rule.Resources, resource) })
}
