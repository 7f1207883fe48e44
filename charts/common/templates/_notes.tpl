{{- define "common.notes" -}}
{{- $name := include "common.fullname" . -}}
{{- $mesh := include "common.mesh" . -}}
{{ $name }} is installed: http://{{ $name }}.{{ .Release.Namespace }}.svc, {{ include "common.image" . }}.

  kubectl --namespace {{ .Release.Namespace }} rollout status deployment/{{ $name }}
  helm --namespace {{ .Release.Namespace }} test {{ .Release.Name }} --logs

Its passwords and keys are in the Secret {{ include "common.secretName" . }}
{{- if not (or .Values.secretValues .Values.externalSecret.enabled) }}, which must exist{{ end }}.
{{- if ne (include "common.migrates" .) "none" }}
The schema is brought up by the Job {{ $name }}-migrate{{ if eq .Values.migrations.mode "job" }}-<hash>{{ end }}; if it fails: kubectl --namespace {{ .Release.Namespace }} logs job/{{ $name }}-migrate
{{- end }}

{{ if eq $mesh "sidecar" -}}
Mesh: Istio with sidecars.
{{- else if eq $mesh "ambient" -}}
Mesh: Istio, ambient. Retries are the mesh's own, not per route, and every rule about methods and paths needs the waypoint
{{ .Values.mesh.waypoint }}.
{{- else if eq $mesh "linkerd" -}}
Mesh: Linkerd. It checks no token at the ingress and limits no connections; it tries again after a 503 alone, and its
circuit breaker counts a truthful one too. The ingress, if it is elsewhere, needs networkPolicy.extraIngress.
{{- else -}}
Mesh: none. Calls are in plain text, who may call is checked by address alone (NetworkPolicy), and nothing but the callers
themselves retries.
{{- end }}
{{- end }}
