{{/* What the services need, as generated from their service.yaml: `databases` and `nats`. */}}
{{- define "dev-infra.services" -}}
{{- .Files.Get "files/services.yaml" -}}
{{- end -}}

{{/* Labels that select a server's pods. Context: {root, name}. */}}
{{- define "dev-infra.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: server
{{- end -}}

{{/* Labels of a server's pods. Context: {root, name}. */}}
{{- define "dev-infra.podLabels" -}}
{{ include "dev-infra.selector" . }}
app.kubernetes.io/part-of: dev-infra
{{- end -}}

{{/* Labels of a server's objects. Context: {root, name}. */}}
{{- define "dev-infra.labels" -}}
{{ include "dev-infra.podLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end -}}

{{/* An image's full name. Context: {root, image}. */}}
{{- define "dev-infra.image" -}}
{{- with .root.Values.global.imageRegistry }}{{ . }}/{{ end }}{{ .image -}}
{{- end -}}

{{/* What every pod says of itself. Context: {root, uid, token: whether it may ask the API server}. */}}
{{- define "dev-infra.pod" -}}
automountServiceAccountToken: {{ .token | default false }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: {{ .uid }}
  fsGroup: {{ .uid }}
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What every container says of itself. Context: {root, of: its values}. */}}
{{- define "dev-infra.container" -}}
image: {{ include "dev-infra.image" (dict "root" .root "image" .of.image) }}
imagePullPolicy: IfNotPresent
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources:
  {{- toYaml .of.resources | nindent 2 }}
{{- end -}}

{{/* The volume of a StatefulSet's pod. Context: its size. */}}
{{- define "dev-infra.volumeClaim" -}}
- metadata: {name: data}
  spec:
    accessModes: [ReadWriteOnce]
    resources: {requests: {storage: {{ . }}}}
{{- end -}}

{{/* Who may connect to a server: the services. Context: root. */}}
{{- define "dev-infra.clients" -}}
{{- range .Values.clientNamespaces }}
- namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ . }}}}
{{- end }}
{{- end -}}

{{/* An environment variable from the Secret. Context: {root, name, key}. */}}
{{- define "dev-infra.secretEnv" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .root.Values.existingSecret }}, key: {{ .key }}}}
{{- end -}}
