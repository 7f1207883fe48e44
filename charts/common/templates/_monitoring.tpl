{{/* For Prometheus Operator and Grafana, where an installation has them. */}}

{{- define "common.monitoring" -}}
{{- if .Values.monitoring.serviceMonitor.enabled }}
{{- include "common.monitors" . }}
{{- end }}
{{- if .Values.monitoring.prometheusRule.enabled }}
{{- include "common.prometheusrule" . }}
{{- end }}
{{- if .Values.monitoring.dashboards.enabled }}
{{- include "common.dashboards" . }}
{{- end }}
{{- end }}

{{/* Labels by which an operator finds its objects, besides ours: (list $ component). */}}
{{- define "common.monitoringLabels" -}}
{{- $ := index . 0 -}}
{{ include "common.labels" . }}
{{- with $.Values.monitoring.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "common.monitors" }}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.monitoringLabels" (list . "api") | nindent 4 }}
spec:
  jobLabel: app.kubernetes.io/name
  selector:
    matchLabels:
      {{- include "common.selector" (list . "api") | nindent 6 }}
  endpoints:
    - port: http-metrics
      # A metric's own label `job` names a job of ours.
      honorLabels: true
      interval: {{ .Values.monitoring.serviceMonitor.interval }}
      relabelings:
        - {action: replace, targetLabel: component, replacement: api}
{{- range $worker := keys .Values.workers | sortAlpha }}
{{- include "common.podmonitor" (list $ $worker "" "http-metrics" "/metrics") }}
{{- end }}
{{- $mesh := include "common.mesh" . }}
{{- if eq $mesh "sidecar" }}
{{- include "common.podmonitor" (list . "api" "proxy" "http-envoy-prom" "/stats/prometheus") }}
{{- else if eq $mesh "linkerd" }}
{{- include "common.podmonitor" (list . "api" "proxy" "linkerd-admin" "/metrics") }}
{{- end }}
{{- end }}

{{/* Workers have no Service, and proxies no port of one: (list $ component suffix port path). */}}
{{- define "common.podmonitor" -}}
{{- $ := index . 0 }}
---
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: {{ (include "common.component" . | fromJson).name }}{{ with index . 2 }}-{{ . }}{{ end }}
  labels:
    {{- include "common.monitoringLabels" . | nindent 4 }}
spec:
  jobLabel: app.kubernetes.io/name
  selector:
    matchLabels:
      {{- include "common.selector" . | nindent 6 }}
  podMetricsEndpoints:
    - port: {{ index . 3 }}
      path: {{ index . 4 }}
      honorLabels: true
      interval: {{ $.Values.monitoring.serviceMonitor.interval }}
      relabelings:
        - {action: replace, targetLabel: service, replacement: {{ include "common.fullname" $ }}}
        - {action: replace, targetLabel: component, replacement: {{ index . 1 }}}
{{- end }}

{{/* By which the series of a service are known: its namespace and its name, for within braces. */}}
{{- define "common.series" -}}
{{- printf "namespace=%q,service=%q" .Release.Namespace (include "common.fullname" .) }}
{{- end }}

{{/* Alerts that need no knowledge of what a service is for, and what its chart's own alerts.yaml, a template, adds.
They rest on its own metrics, never on a mesh's. */}}
{{- define "common.prometheusrule" -}}
{{- $name := include "common.fullname" . }}
{{- $of := include "common.series" . }}
---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{ $name }}
  labels:
    {{- include "common.monitoringLabels" (list . "api") | nindent 4 }}
spec:
  groups:
    - name: {{ $name }}
      rules:
        - alert: ServiceAway
          expr: absent(up{ {{- $of -}} ,component="api",endpoint="http-metrics"} == 1)
          for: 5m
          labels: {severity: critical, service: {{ $name }}}
          annotations:
            summary: No pod of {{ $name }} answers.
        {{- range $worker := keys .Values.workers | sortAlpha }}
        - alert: WorkersAway
          expr: absent(up{ {{- $of -}} ,component={{ quote $worker }},endpoint="http-metrics"} == 1)
          for: 5m
          labels: {severity: critical, service: {{ $name }}}
          annotations:
            summary: No pod of {{ (include "common.component" (list $ $worker) | fromJson).name }} answers, and what it does waits.
        {{- end }}
        - alert: ServiceFails
          expr: >-
            sum(rate(http_server_request_duration_seconds_count{ {{- $of -}} ,status=~"5.."}[5m]))
            / sum(rate(http_server_request_duration_seconds_count{ {{- $of -}} }[5m])) > 0.05
          for: 10m
          labels: {severity: critical, service: {{ $name }}}
          annotations:
            summary: More than one in twenty requests to {{ $name }} ends with a 5xx.
        - alert: ServiceSlow
          expr: >-
            histogram_quantile(0.95, sum by (le)
            (rate(http_server_request_duration_seconds_bucket{ {{- $of -}} }[5m]))) > 2
          for: 10m
          labels: {severity: warning, service: {{ $name }}}
          annotations:
            summary: One in twenty requests to {{ $name }} takes longer than two seconds.
        {{- if .Values.broker.enabled }}
        - alert: EventsWait
          expr: max(tradewind_outbox_oldest_seconds{ {{- $of -}} }) > 60
          for: 5m
          labels: {severity: warning, service: {{ $name }}}
          annotations:
            summary: An event of {{ $name }} has waited for its publication for more than a minute.
        - alert: EventsDie
          expr: sum by (consumer) (increase(tradewind_consumer_dead_total{ {{- $of -}} }[15m])) > 0
          labels: {severity: warning, service: {{ $name }}}
          annotations:
            summary: {{ $name }} has given up an event; see its dead letters.
            runbook: docs/runbooks/dead-letters.md
        {{- end }}
        {{- if .Values.valkey.enabled }}
        - alert: LimitsDoNotCount
          expr: sum(rate(tradewind_ratelimit_uncounted_total{ {{- $of -}} }[5m])) > 0
          for: 5m
          labels: {severity: warning, service: {{ $name }}}
          annotations:
            summary: Valkey does not answer {{ $name }}, which lets requests in uncounted.
        {{- end }}
        {{- with .Files.Get "alerts.yaml" }}
        {{- tpl . $ | trim | nindent 8 }}
        {{- end }}
{{- end }}

{{/* The chart's own dashboards, as they are: their legends hold braces, so they are no templates. */}}
{{- define "common.dashboards" -}}
{{- range $path, $text := .Files.Glob "dashboards/*.json" }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "common.fullname" $ }}-dashboard-{{ base $path | trimSuffix ".json" }}
  labels:
    {{- include "common.monitoringLabels" (list $ "api") | nindent 4 }}
    grafana_dashboard: "1"
  annotations:
    grafana_folder: Tradewind
data:
  {{ base $path }}: |-
    {{- toString $text | trim | nindent 4 }}
{{- end }}
{{- end }}
