{{/* Labels of what a namespace has once. */}}
{{- define "platform.labels" -}}
{{ include "common.labels" (list . "platform") }}
{{- end }}

{{/* "true" where the mesh is Istio, in either form. */}}
{{- define "platform.istio" -}}
{{- if has (include "common.mesh" .) (list "sidecar" "ambient") }}true{{ end -}}
{{- end }}

{{/* Attaches a policy of Istio to the edge and to nothing else. */}}
{{- define "platform.edgeTarget" -}}
targetRefs:
  - {group: gateway.networking.k8s.io, kind: Gateway, name: {{ .Values.mesh.gatewayName }}}
{{- end }}

{{/* What finds the edge's pods. */}}
{{- define "platform.edgePods" -}}
gateway.networking.k8s.io/gateway-name: {{ .Values.mesh.gatewayName }}
{{- end }}
