{{/* Names, labels and selectors. A service's name never depends on the release's: its callers' URLs hold it. */}}

{{- define "common.fullname" -}}
{{- default (include "common.name" .) .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "common.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "common.serviceAccountName" -}}
{{- default (include "common.fullname" .) .Values.serviceAccount.name -}}
{{- end }}

{{/* The Secret with this service's passwords and keys. */}}
{{- define "common.secretName" -}}
{{- default (include "common.fullname" .) .Values.existingSecret -}}
{{- end }}

{{/* What finds a component's pods: (list $ "api"). Never changed, because a Deployment's selector cannot be. */}}
{{- define "common.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ include "common.name" $ }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* What a component's pods carry. No chart version: it would roll them whenever a chart is released. */}}
{{- define "common.podLabels" -}}
{{- $ := index . 0 -}}
{{ include "common.selector" . }}
app.kubernetes.io/part-of: tradewind
app.kubernetes.io/version: {{ include "common.version" $ | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
{{- with $.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What a component's objects carry. */}}
{{- define "common.labels" -}}
{{- $ := index . 0 -}}
{{ include "common.podLabels" . }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* A label's value may hold less than a tag. */}}
{{- define "common.version" -}}
{{- regexFind "^[A-Za-z0-9._-]+" (default .Chart.AppVersion (.Values.image).tag) | trunc 63 | trimAll "-._" -}}
{{- end }}

{{- define "common.image" -}}
{{- $image := .Values.image -}}
{{- $name := $image.repository | default .Chart.Name -}}
{{- with .Values.global.imageRegistry | default $image.registry -}}
{{- $name = printf "%s/%s" (trimSuffix "/" .) $name -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end }}

{{/* sidecar, ambient, linkerd or none: what the templates tell apart. */}}
{{- define "common.mesh" -}}
{{- with .Values.global.mesh -}}
{{- if eq .provider "istio" }}{{ .istio.dataplane }}{{ else }}{{ .provider }}{{ end -}}
{{- end -}}
{{- end }}
