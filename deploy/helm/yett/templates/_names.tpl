{{- define "yett.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "yett.fullname" -}}
{{- $name := include "yett.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "yett.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "yett.controller" -}}
{{- printf "%s-%s" (include "yett.fullname" .) .Values.controller.name }}
{{- end }}

{{- define "yett.admission" -}}
{{- printf "%s-%s" (include "yett.fullname" .) .Values.controller.admissionWebhooks.name }}
{{- end }}

{{- define "yett.admissionService" -}}
{{- printf "%s-%s" (include "yett.controller" .) .Values.controller.admissionWebhooks.name }}
{{- end }}

{{- define "yett.admissionSecret" -}}
{{- default (include "yett.admission" .) .Values.controller.admissionWebhooks.existingSecret }}
{{- end }}

{{- define "yett.defaultBackend" -}}
{{- printf "%s-%s" (include "yett.fullname" .) .Values.defaultBackend.name }}
{{- end }}

{{- define "yett.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "yett.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "yett.electionID" -}}
{{- default (printf "%s-leader" (include "yett.fullname" .)) .Values.controller.electionID }}
{{- end }}

{{- /* NAMESPACE/NAME of the objects that flags name. */}}
{{- define "yett.publishService" -}}
{{- default (printf "$(POD_NAMESPACE)/%s" (include "yett.controller" .)) .Values.controller.publishService.pathOverride }}
{{- end }}

{{- define "yett.configMapNamespace" -}}
{{- default (include "yett.namespace" .) .Values.controller.configMapNamespace }}
{{- end }}

{{- define "yett.tcpNamespace" -}}
{{- default (include "yett.namespace" .) .Values.controller.tcp.configMapNamespace }}
{{- end }}

{{- define "yett.udpNamespace" -}}
{{- default (include "yett.namespace" .) .Values.controller.udp.configMapNamespace }}
{{- end }}

{{- define "yett.selectorLabels" -}}
app.kubernetes.io/name: {{ include "yett.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "yett.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "yett.selectorLabels" . }}
app.kubernetes.io/part-of: {{ include "yett.name" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* (dict "image" IMAGE "root" $): [REGISTRY/]IMAGE:TAG[@DIGEST] */}}
{{- define "yett.image" -}}
{{- $registry := default .root.Values.global.image.registry .image.registry }}
{{- with $registry }}{{ . }}/{{ end }}{{ .image.image }}:{{ default .root.Chart.AppVersion .image.tag }}
{{- with .image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- /* A number as a person writes it; YAML's are floats to templates, and large ones would come out as 1e+06. */}}
{{- define "yett.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end }}
{{- end }}
