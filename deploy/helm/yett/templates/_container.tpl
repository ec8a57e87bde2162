{{- define "yett.podSecurityContext" -}}
{{- /* (dict "image" IMAGE "more" MAP): of the Pod, whose containers are all of one user */ -}}
{{- $context := dict "runAsNonRoot" .image.runAsNonRoot "runAsUser" .image.runAsUser "runAsGroup" .image.runAsGroup "seccompProfile" .image.seccompProfile }}
{{- toYaml (mergeOverwrite $context (deepCopy .more)) }}
{{- end }}

{{- define "yett.controllerSecurityContext" -}}
{{- with .Values.controller.containerSecurityContext }}
{{- toYaml . }}
{{- else }}
{{- with .Values.controller.image }}
allowPrivilegeEscalation: {{ .allowPrivilegeEscalation }}
readOnlyRootFilesystem: {{ .readOnlyRootFilesystem }}
{{- end }}
capabilities:
  drop: [ALL]
  add: [NET_BIND_SERVICE]
{{- end }}
{{- end }}

{{- define "yett.args" -}}
{{- $controller := .Values.controller -}}
- run
- --controller-class={{ $controller.ingressClassResource.controllerValue }}
- --ingress-class={{ $controller.ingressClass }}
- --configmap={{ default "$(POD_NAMESPACE)" $controller.configMapNamespace }}/{{ include "yett.controller" . }}
{{- if $controller.disableLeaderElection }}
- --disable-leader-election=true
{{- else }}
- --election-id={{ include "yett.electionID" . }}
{{- end }}
{{- with $controller.electionTTL }}
- --election-ttl={{ . }}
{{- end }}
{{- if include "yett.publishesService" . }}
- --publish-service={{ include "yett.publishService" . }}
{{- end }}
- --shutdown-grace-period={{ include "yett.text" $controller.shutdownGracePeriod }}
- --drain-timeout={{ include "yett.text" $controller.drainTimeout }}
{{- if $controller.stateDir.enabled }}
- --state-dir=/var/lib/yett
{{- end }}
{{- if ne (int $controller.containerPort.http) 80 }}
- --http-port={{ include "yett.text" $controller.containerPort.http }}
{{- end }}
{{- if ne (int $controller.containerPort.https) 443 }}
- --https-port={{ include "yett.text" $controller.containerPort.https }}
{{- end }}
{{- if ne (int $controller.metrics.port) 10254 }}
- --healthz-port={{ include "yett.text" $controller.metrics.port }}
{{- end }}
{{- with $controller.healthCheckHost }}
- --healthz-host={{ . }}
{{- end }}
{{- if ne $controller.healthCheckPath "/healthz" }}
- --health-check-path={{ $controller.healthCheckPath }}
{{- end }}
{{- if $controller.ingressClassByName }}
- --ingress-class-by-name=true
{{- end }}
{{- if $controller.watchIngressWithoutClass }}
- --watch-ingress-without-class=true
{{- end }}
{{- if $controller.scope.enabled }}
{{- if $controller.scope.namespaceSelector }}
- --watch-namespace-selector={{ $controller.scope.namespaceSelector }}
{{- else }}
- --watch-namespace={{ default "$(POD_NAMESPACE)" $controller.scope.namespace }}
{{- end }}
{{- end }}
{{- if $controller.reportNodeInternalIp }}
- --report-node-internal-ip-address=true
{{- end }}
{{- if $controller.enableTopologyAwareRouting }}
- --enable-topology-aware-routing=true
{{- end }}
{{- if .Values.tcp }}
- --tcp-services-configmap={{ default "$(POD_NAMESPACE)" $controller.tcp.configMapNamespace }}/{{ include "yett.fullname" . }}-tcp
{{- end }}
{{- if .Values.udp }}
- --udp-services-configmap={{ default "$(POD_NAMESPACE)" $controller.udp.configMapNamespace }}/{{ include "yett.fullname" . }}-udp
{{- end }}
{{- if .Values.defaultBackend.enabled }}
- --default-backend-service=$(POD_NAMESPACE)/{{ include "yett.defaultBackend" . }}
{{- end }}
{{- if eq .Values.rbac.secrets "clusterWide" }}
- --watch-secrets=cluster
{{- end }}
{{- if $controller.admissionWebhooks.enabled }}
- --validating-webhook=:{{ include "yett.text" $controller.admissionWebhooks.port }}
- --validating-webhook-certificate=/etc/yett/admission/tls.crt
- --validating-webhook-key=/etc/yett/admission/tls.key
{{- end }}
{{- with $controller.workers }}
- --workers={{ include "yett.text" . }}
{{- end }}
{{- if ne $controller.logFormat "text" }}
- --log-format={{ $controller.logFormat }}
{{- end }}
{{- if not $controller.accessLog }}
- --access-log=off
{{- end }}
{{- range $name, $value := $controller.extraArgs }}
- --{{ $name }}{{ if ne (include "yett.text" $value) "" }}={{ include "yett.text" $value }}{{ end }}
{{- end }}
{{- end }}

{{- /* "true" or nothing. */}}
{{- define "yett.publishesService" -}}
{{- $controller := .Values.controller }}
{{- $hasService := or $controller.service.enabled $controller.publishService.pathOverride }}
{{- if and $controller.publishService.enabled $hasService (not $controller.reportNodeInternalIp) }}true{{ end }}
{{- end }}

{{- define "yett.writesStatus" -}}
{{- $asked := default "true" (index .Values.controller.extraArgs "update-status" | toString | replace "<nil>" "") }}
{{- if and (ne $asked "false") (not .Values.controller.disableLeaderElection) }}true{{ end }}
{{- end }}

{{- define "yett.publishesNodes" -}}
{{- $hasAddress := or (include "yett.publishesService" .) (hasKey .Values.controller.extraArgs "publish-status-address") }}
{{- if and (include "yett.writesStatus" .) (not $hasAddress) }}true{{ end }}
{{- end }}

{{- define "yett.ports" -}}
{{- $controller := .Values.controller }}
{{- range $name := list "http" "https" }}
- name: {{ $name }}
  containerPort: {{ index $controller.containerPort $name }}
  protocol: TCP
  {{- if $controller.hostPort.enabled }}
  hostPort: {{ index $controller.hostPort.ports $name }}
  {{- else if $controller.hostNetwork }}
  hostPort: {{ index $controller.containerPort $name }}
  {{- end }}
{{- end }}
- name: {{ $controller.metrics.portName }}
  containerPort: {{ $controller.metrics.port }}
  protocol: TCP
  {{- if $controller.hostNetwork }}
  hostPort: {{ $controller.metrics.port }}
  {{- end }}
{{- if $controller.admissionWebhooks.enabled }}
- name: webhook
  containerPort: {{ $controller.admissionWebhooks.port }}
  protocol: TCP
  {{- if $controller.hostNetwork }}
  hostPort: {{ $controller.admissionWebhooks.port }}
  {{- end }}
{{- end }}
{{- range $protocol := list "tcp" "udp" }}
{{- range $port, $_ := index $.Values $protocol }}
- name: {{ include "yett.streamPort" (dict "root" $ "port" $port "protocol" $protocol) }}
  containerPort: {{ $port }}
  protocol: {{ upper $protocol }}
  {{- if or $controller.hostPort.enabled $controller.hostNetwork }}
  hostPort: {{ $port }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "yett.streamPort" -}}
{{- with .root.Values.portNamePrefix }}{{ . }}-{{ end }}{{ .port }}-{{ .protocol }}
{{- end }}

{{- define "yett.container" -}}
{{- $controller := .Values.controller -}}
name: {{ $controller.containerName }}
image: {{ include "yett.image" (dict "image" $controller.image "root" $) }}
imagePullPolicy: {{ $controller.image.pullPolicy }}
args:
{{- include "yett.args" . | nindent 0 }}
env:
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- with $controller.extraEnvs }}
{{ toYaml . }}
{{- end }}
ports:
{{- include "yett.ports" . }}
securityContext:
{{- include "yett.controllerSecurityContext" . | trim | nindent 2 }}
{{- range $probe := list "livenessProbe" "readinessProbe" "startupProbe" }}
{{- with index $controller $probe }}
{{ $probe }}:
{{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with $controller.lifecycle }}
lifecycle:
{{- toYaml . | nindent 2 }}
{{- end }}
{{- with $controller.resources }}
resources:
{{- toYaml . | nindent 2 }}
{{- end }}
{{- $mounts := list }}
{{- if $controller.stateDir.enabled }}
{{- $mounts = append $mounts (dict "name" "state" "mountPath" "/var/lib/yett") }}
{{- end }}
{{- if $controller.admissionWebhooks.enabled }}
{{- $mounts = append $mounts (dict "name" "admission" "mountPath" "/etc/yett/admission" "readOnly" true) }}
{{- end }}
{{- with concat $mounts $controller.extraVolumeMounts }}
volumeMounts:
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end }}

{{- define "yett.volumes" -}}
{{- $controller := .Values.controller }}
{{- $volumes := list }}
{{- if $controller.stateDir.enabled }}
{{- $volumes = append $volumes (dict "name" "state" "emptyDir" (dict "sizeLimit" $controller.stateDir.sizeLimit)) }}
{{- end }}
{{- if $controller.admissionWebhooks.enabled }}
{{- $volumes = append $volumes (dict "name" "admission" "secret" (dict "secretName" (include "yett.admissionSecret" .))) }}
{{- end }}
{{- with concat $volumes $controller.extraVolumes }}
volumes:
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end }}
