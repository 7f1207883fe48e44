{{/* Labels of what a namespace has once. */}}
{{- define "platform.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: platform
app.kubernetes.io/part-of: tradewind
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* "true" where the mesh is Istio, in either form. */}}
{{- define "platform.istio" -}}
{{- if eq .Values.global.mesh.provider "istio" }}true{{ end -}}
{{- end -}}

{{/* The Gateway object; Istio calls the pods, the Service and the account it makes for it `tradewind-istio`. */}}
{{- define "platform.gateway" -}}
tradewind
{{- end -}}

{{/* Attaches a policy of Istio to the edge and to nothing else. */}}
{{- define "platform.edgeTarget" -}}
targetRefs:
  - {group: gateway.networking.k8s.io, kind: Gateway, name: {{ include "platform.gateway" . }}}
{{- end -}}

{{/* What finds the edge's pods. */}}
{{- define "platform.edgePods" -}}
gateway.networking.k8s.io/gateway-name: {{ include "platform.gateway" . }}
{{- end -}}

{{/* Egress of a proxy that is no service: names, and istiod. */}}
{{- define "platform.proxyEgress" -}}
- to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
- to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ .Values.mesh.istio.namespace }}}}
      podSelector: {matchLabels: {app: istiod}}
  ports:
    - {protocol: TCP, port: 15012}
{{- end -}}
