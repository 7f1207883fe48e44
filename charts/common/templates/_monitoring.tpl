{{- define "common.monitoring" -}}
{{- end }}
