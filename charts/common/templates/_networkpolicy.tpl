{{/*
NetworkPolicies. The platform denies everything both ways; these are the allowances, with pods' ports and not Services'.
Who may call is one list, mesh.allowedCallers, from which the mesh's policies come too.
*/}}

{{- define "common.networkpolicy" -}}
{{- if .Values.networkPolicy.enabled }}
{{- range $component := include "common.components" . | fromJsonArray }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ (include "common.component" (list $ $component) | fromJson).name }}
  labels:
    {{- include "common.labels" (list $ $component) | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "common.selector" (list $ $component) | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- if eq $component "api" }}
    {{- include "common.ingressRules" $ | nindent 4 }}
    {{- end }}
    {{- include "common.probeRules" $ | nindent 4 }}
    {{- include "common.metricsRules" $ | nindent 4 }}
  egress:
    {{- include "common.egressRules" (list $ "dns" "mesh" "data" "telemetry" "peers" "hosts" "extra") | nindent 4 }}
{{- end }}
{{- end }}
{{- end }}

{{/* The ports on which a pod takes its API's calls: in a mesh they may arrive at the proxy's instead. */}}
{{- define "common.inboundPorts" -}}
{{- $mesh := include "common.mesh" . -}}
{{- if eq $mesh "ambient" -}}
- {port: 8000, protocol: TCP}
- {port: 15008, protocol: TCP}
{{- else if eq $mesh "linkerd" -}}
- {port: 4143, protocol: TCP}
{{- else -}}
- {port: 8000, protocol: TCP}
{{- end -}}
{{- end }}

{{- define "common.ingressRules" -}}
- from:
    {{- range $name := include "common.callerNames" . | fromJsonArray }}
    - {{ include "common.callerPeer" $name | nindent 6 | trim }}
    {{- end }}
    - podSelector:
        matchLabels:
          {{- include "common.selector" (list . "test") | nindent 10 }}
    {{- if .Values.mesh.fromIngress }}
    {{- if eq (include "common.mesh" .) "none" }}
    {{- range .Values.mesh.nodeCidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
    {{- else }}
    - podSelector:
        matchLabels:
          gateway.networking.k8s.io/gateway-name: {{ .Values.mesh.gatewayName }}
    {{- end }}
    {{- end }}
    {{- if eq (include "common.mesh" .) "ambient" }}
    - podSelector:
        matchLabels:
          gateway.networking.k8s.io/gateway-name: {{ .Values.mesh.waypoint }}
    {{- end }}
  ports:
    {{- include "common.inboundPorts" . | nindent 4 }}
{{- with .Values.networkPolicy.extraIngress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The kubelet's probes, where ztunnel passes them on. */}}
{{- define "common.probeRules" -}}
{{- if eq (include "common.mesh" .) "ambient" -}}
- from:
    - ipBlock:
        cidr: 169.254.7.127/32
  ports:
    - {port: 8000, protocol: TCP}
{{- end }}
{{- end }}

{{/* A caller as a NetworkPolicy's peer: `name`, `namespace/name`, or `*` for whoever is in our namespace. */}}
{{- define "common.callerPeer" -}}
{{- $parts := splitList "/" . -}}
{{- if eq . "*" -}}
podSelector: {}
{{- else -}}
podSelector:
  matchLabels:
    app.kubernetes.io/name: {{ last $parts }}
{{- if gt (len $parts) 1 }}
namespaceSelector:
  matchLabels:
    kubernetes.io/metadata.name: {{ first $parts }}
{{- end }}
{{- end -}}
{{- end }}

{{- define "common.callerNames" -}}
{{- $names := list -}}
{{- range .Values.mesh.allowedCallers }}{{ $names = append $names .name }}{{ end -}}
{{- $names | uniq | toJson -}}
{{- end }}

{{- define "common.metricsRules" -}}
{{- $mesh := include "common.mesh" . -}}
- from:
    {{- toYaml .Values.networkPolicy.metricsFrom | nindent 4 }}
  ports:
    - {port: 9090, protocol: TCP}
    {{- if eq $mesh "sidecar" }}
    - {port: 15020, protocol: TCP}
    - {port: 15090, protocol: TCP}
    {{- else if eq $mesh "linkerd" }}
    - {port: 4191, protocol: TCP}
    {{- end }}
{{- end }}

{{/* Egress by purpose: (list $ "dns" "data" …). "mesh" is what a pod of a service needs, "proxy" what Istio's own do. */}}
{{- define "common.egressRules" -}}
{{- $ := index . 0 -}}
{{- $mesh := include "common.mesh" $ -}}
{{- $ports := include "common.dataPorts" $ | fromJsonArray -}}
{{- if has "dns" . -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}
{{- if and (has "data" .) $ports }}
- to:
    {{- toYaml $.Values.networkPolicy.dataTo | nindent 4 }}
  ports:
    {{- range $ports }}
    - {port: {{ int . }}, protocol: TCP}
    {{- end }}
{{- end }}
{{- if has "telemetry" . }}
- to:
    {{- toYaml $.Values.networkPolicy.telemetryTo | nindent 4 }}
  ports:
    - {port: 4317, protocol: TCP}
    - {port: 4318, protocol: TCP}
{{- end }}
{{- if has "peers" . }}
# Who may be called is the callee's to say.
- to:
    - podSelector:
        matchLabels:
          app.kubernetes.io/part-of: tradewind
    {{- if eq $mesh "ambient" }}
    - podSelector:
        matchLabels:
          gateway.networking.k8s.io/gateway-name: {{ $.Values.mesh.waypoint }}
    {{- end }}
  ports:
    {{- include "common.inboundPorts" $ | nindent 4 }}
{{- end }}
{{- if or (has "proxy" .) (and (has "mesh" .) (eq $mesh "sidecar")) }}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: istio-system
      podSelector:
        matchLabels:
          app: istiod
  ports:
    - {port: 15012, protocol: TCP}
{{- else if and (has "mesh" .) (eq $mesh "linkerd") }}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: linkerd
{{- end }}
{{- if has "hosts" . }}
{{- range $.Values.mesh.externalHosts }}
- to:
    {{- range .cidrs | default (list "0.0.0.0/0") }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    - {port: {{ int (.port | default 443) }}, protocol: TCP}
{{- end }}
{{- end }}
{{- if has "extra" . }}
{{- with $.Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}
