{{- /* The rights, one list each, so that they stand in a ClusterRole or in a Role as the scope asks: those that
       `yett rbac --base` prints for the same flags. */}}
{{- define "yett.rulesOfRoutes" -}}
- apiGroups: [networking.k8s.io]
  resources: [ingresses]
  verbs: [list, watch]
{{- if include "yett.writesStatus" . }}
- apiGroups: [networking.k8s.io]
  resources: [ingresses/status]
  verbs: [patch]
{{- end }}
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
{{- if not .Values.controller.disableLeaderElection }}
- apiGroups: [""]
  resources: [events]
  verbs: [create, get, patch]
{{- end }}
{{- if eq .Values.rbac.secrets "clusterWide" }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [list, watch]
{{- end }}
{{- end }}

{{- define "yett.rulesOfCluster" -}}
- apiGroups: [networking.k8s.io]
  resources: [ingressclasses]
  verbs: [list, watch]
{{- if and .Values.controller.scope.enabled .Values.controller.scope.namespaceSelector }}
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}
{{- if include "yett.publishesNodes" . }}
- apiGroups: [""]
  resources: [nodes]
  verbs: [get]
{{- end }}
{{- end }}

{{- /* The one namespace that is watched; empty: more than one. */}}
{{- define "yett.onlyNamespace" -}}
{{- with .Values.controller.scope }}
{{- if and .enabled (not .namespaceSelector) }}{{ default (include "yett.namespace" $) .namespace }}{{ end }}
{{- end }}
{{- end }}

{{- /* NAMESPACE/NAME of all objects of a kind that flags name, as "namespace: [names]" in JSON.
       (dict "root" $ "list" LIST): $(POD_NAMESPACE) stands for the release's. */}}
{{- define "yett.byNamespace" -}}
{{- $names := dict }}
{{- range .list }}
{{- $parts := splitn "/" 2 (replace "$(POD_NAMESPACE)" (include "yett.namespace" $.root) .) }}
{{- if not $parts._1 }}
{{- fail (printf "%q has to be NAMESPACE/NAME" .) }}
{{- end }}
{{- $names = set $names $parts._0 (append (default list (index $names $parts._0)) $parts._1 | uniq) }}
{{- end }}
{{- toJson $names }}
{{- end }}

{{- define "yett.namedSecrets" -}}
{{- $list := .Values.rbac.secretNames }}
{{- range list "default-ssl-certificate" "session-ticket-secret" }}
{{- with index $.Values.controller.extraArgs . }}
{{- $list = append $list . }}
{{- end }}
{{- end }}
{{- if eq .Values.rbac.secrets "clusterWide" }}
{{- $list = list }}
{{- end }}
{{- include "yett.byNamespace" (dict "root" . "list" $list) }}
{{- end }}

{{- define "yett.namedConfigMaps" -}}
{{- $list := list (printf "%s/%s" (include "yett.configMapNamespace" .) (include "yett.controller" .)) }}
{{- if .Values.tcp }}
{{- $list = append $list (printf "%s/%s-tcp" (default "$(POD_NAMESPACE)" .Values.controller.tcp.configMapNamespace) (include "yett.fullname" .)) }}
{{- end }}
{{- if .Values.udp }}
{{- $list = append $list (printf "%s/%s-udp" (default "$(POD_NAMESPACE)" .Values.controller.udp.configMapNamespace) (include "yett.fullname" .)) }}
{{- end }}
{{- include "yett.byNamespace" (dict "root" . "list" $list) }}
{{- end }}

{{- define "yett.namedServices" -}}
{{- $list := list }}
{{- if include "yett.publishesService" . }}
{{- $list = append $list (include "yett.publishService" .) }}
{{- end }}
{{- include "yett.byNamespace" (dict "root" . "list" $list) }}
{{- end }}

{{- /* The Service for what no rule takes, where the one namespace that is watched is not its own; else nothing. */}}
{{- define "yett.namedBackends" -}}
{{- $only := include "yett.onlyNamespace" . }}
{{- $service := default "" (index .Values.controller.extraArgs "default-backend-service") }}
{{- if .Values.defaultBackend.enabled }}
{{- $service = printf "%s/%s" (include "yett.namespace" .) (include "yett.defaultBackend" .) }}
{{- end }}
{{- $list := list }}
{{- if and $only $service (not (hasPrefix (printf "%s/" $only) $service)) }}
{{- $list = append $list $service }}
{{- end }}
{{- include "yett.byNamespace" (dict "root" . "list" $list) }}
{{- end }}

{{- define "yett.subject" -}}
- kind: ServiceAccount
  name: {{ include "yett.serviceAccount" . }}
  namespace: {{ include "yett.namespace" . }}
{{- end }}
