package deploy

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The fields of other projects' types that deploy/ uses, from their published references: of the Prometheus Operator
// (https://prometheus-operator.dev/docs/api-reference/api/) and cert-manager (https://cert-manager.io/docs/reference/api-docs/).

type head struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
}

func (h *head) GetObjectKind() schema.ObjectKind { return &h.TypeMeta }

type serviceMonitor struct {
	head `json:",inline"`
	Spec struct {
		Endpoints []struct {
			Port              string           `json:"port"`
			Interval          string           `json:"interval"`
			ScrapeTimeout     string           `json:"scrapeTimeout"`
			Relabelings       []map[string]any `json:"relabelings"`
			MetricRelabelings []map[string]any `json:"metricRelabelings"`
		} `json:"endpoints"`
		TargetLabels      []string `json:"targetLabels"`
		NamespaceSelector struct {
			Any        bool     `json:"any"`
			MatchNames []string `json:"matchNames"`
		} `json:"namespaceSelector"`
		Selector metav1.LabelSelector `json:"selector"`
	} `json:"spec"`
}

type prometheusRule struct {
	head `json:",inline"`
	Spec struct {
		Groups []struct {
			Name  string           `json:"name"`
			Rules []map[string]any `json:"rules"`
		} `json:"groups"`
	} `json:"spec"`
}

type issuer struct {
	head `json:",inline"`
	Spec struct {
		SelfSigned *struct{} `json:"selfSigned"`
		CA         *struct {
			SecretName string `json:"secretName"`
		} `json:"ca"`
	} `json:"spec"`
}

type certificate struct {
	head `json:",inline"`
	Spec struct {
		SecretName string          `json:"secretName"`
		CommonName string          `json:"commonName"`
		Duration   metav1.Duration `json:"duration"`
		IsCA       bool            `json:"isCA"`
		DNSNames   []string        `json:"dnsNames"`
		IssuerRef  struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"issuerRef"`
	} `json:"spec"`
}

func (o *serviceMonitor) DeepCopyObject() runtime.Object { copy := *o; return &copy }
func (o *prometheusRule) DeepCopyObject() runtime.Object { copy := *o; return &copy }
func (o *issuer) DeepCopyObject() runtime.Object         { copy := *o; return &copy }
func (o *certificate) DeepCopyObject() runtime.Object    { copy := *o; return &copy }
