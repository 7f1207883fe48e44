{{/* What a service needs of Linkerd. */}}

{{- define "common.linkerd" -}}
{{- end }}

{{- define "common.linkerdServiceAnnotations" -}}
{{- if eq (include "common.mesh" .) "linkerd" -}}
balancer.linkerd.io/failure-accrual: consecutive
{{- end -}}
{{- end }}
