{{/*
The migration: a Job before anything else of the release exists, hence with a ServiceAccount, ConfigMap and NetworkPolicy
of its own, under names that nothing else has: a hook's objects are deleted before they are made again.
It stays out of the mesh, because what it asks, database and broker, is outside too.
*/}}

{{/* hook, job or none; a service without a database has nothing to migrate. */}}
{{- define "common.migrates" -}}
{{- ternary .Values.migrations.mode "none" .Values.database.enabled -}}
{{- end }}

{{- define "common.migration" -}}
{{- $mode := include "common.migrates" . -}}
{{- if ne $mode "none" -}}
{{- $name := printf "%s-migrate" (include "common.fullname" .) -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  {{- include "common.migrationMeta" (list . "-10") | nindent 2 }}
automountServiceAccountToken: false
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name }}
  {{- include "common.migrationMeta" (list . "-10") | nindent 2 }}
data:
  {{- include "common.config" . | fromJson | toYaml | nindent 2 }}
{{- if .Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $name }}
  {{- include "common.migrationMeta" (list . "-10") | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "common.selector" (list . "migrate") | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress: []
  egress:
    {{- include "common.egressRules" (list . "dns" "data" "telemetry" "extra") | nindent 4 }}
{{- end }}
---
apiVersion: batch/v1
kind: Job
metadata:
  # A Job cannot be changed: one that is no hook has its image and settings in its name.
  name: {{ ternary $name (printf "%s-%s" $name (print (include "common.image" .) (include "common.config" .) | sha256sum | trunc 8)) (eq $mode "hook") }}
  {{- include "common.migrationMeta" (list . "0") | nindent 2 }}
spec:
  backoffLimit: {{ int .Values.migrations.backoffLimit }}
  activeDeadlineSeconds: {{ int .Values.migrations.activeDeadlineSeconds }}
  ttlSecondsAfterFinished: 86400
  template:
    metadata:
      labels:
        {{- include "common.podLabels" (list . "migrate") | nindent 8 }}
        {{- if ne (include "common.mesh" .) "none" }}
        {{- include "common.outsideMeshLabel" . | nindent 8 }}
        {{- end }}
      {{- $annotations := merge (deepCopy .Values.migrations.podAnnotations) (eq (include "common.mesh" .) "linkerd" | ternary (dict "linkerd.io/inject" "disabled") dict) }}
      {{- with $annotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      restartPolicy: Never
      serviceAccountName: {{ $name }}
      {{- include "common.podSpec" . | nindent 6 }}
      containers:
        - name: app
          {{- include "common.container" (list . $name .Values.env) | nindent 10 }}
          args: [migrate]
          resources:
            {{- toYaml .Values.migrations.resources | nindent 12 }}
{{- end }}
{{- end }}

{{- define "common.outsideMeshLabel" -}}
{{- $mesh := include "common.mesh" . -}}
{{- if eq $mesh "sidecar" -}}
sidecar.istio.io/inject: "false"
{{- else if eq $mesh "ambient" -}}
istio.io/dataplane-mode: none
{{- end -}}
{{- end }}

{{/* Labels, and the hook's annotations where it is one: (list $ weight). */}}
{{- define "common.migrationMeta" -}}
{{- $ := index . 0 -}}
labels:
  {{- include "common.labels" (list $ "migrate") | nindent 2 }}
{{- if eq (include "common.migrates" $) "hook" }}
annotations:
  helm.sh/hook: pre-install,pre-upgrade
  helm.sh/hook-weight: {{ index . 1 | quote }}
  # A failed Job stays readable, and Helm prints its log.
  helm.sh/hook-delete-policy: before-hook-creation
  helm.sh/hook-output-log-policy: hook-failed
{{- end }}
{{- end }}
