{{/* Deployments: the API, and one more for every entry of `workers`. */}}

{{/*
A component as its templates see it: (list $ "api"). It has what the chart's values say, and over it what the worker's
own entry says; an API beside workers leaves relay, consumers and jobs to them.
*/}}
{{- define "common.component" -}}
{{- $ := index . 0 -}}
{{- $name := index . 1 -}}
{{- $values := pick $.Values "replicaCount" "resources" "autoscaling" "pdb" "podAnnotations" "nodeSelector" "tolerations" "affinity" | deepCopy -}}
{{- $env := deepCopy $.Values.env -}}
{{- if eq $name "api" -}}
{{- if $.Values.workers }}{{ $env = merge $env (dict "BACKGROUND" "false") }}{{ end -}}
{{- $values = merge $values (dict "args" (list "serve") "env" $env "name" (include "common.fullname" $)) -}}
{{- else -}}
{{- $own := index $.Values.workers $name | default dict | deepCopy -}}
{{- $values = mergeOverwrite $values (dict "args" (list "work") "env" $env) $own (dict "name" (printf "%s-%s" (include "common.fullname" $) $name)) -}}
{{- end -}}
{{- toJson $values -}}
{{- end }}

{{/* The names of all components: api first. */}}
{{- define "common.components" -}}
{{- prepend (keys .Values.workers | sortAlpha) "api" | toJson -}}
{{- end }}

{{- define "common.deployment" -}}
{{- range include "common.components" . | fromJsonArray }}
---
{{ include "common.oneDeployment" (list $ .) }}
{{- end }}
{{- end }}

{{- define "common.oneDeployment" -}}
{{- $ := index . 0 -}}
{{- $component := index . 1 -}}
{{- $own := include "common.component" . | fromJson -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $own.name }}
  labels:
    {{- include "common.labels" . | nindent 4 }}
spec:
  {{- if not $own.autoscaling.enabled }}
  replicas: {{ int $own.replicaCount }}
  {{- end }}
  revisionHistoryLimit: 3
  minReadySeconds: 5
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  selector:
    matchLabels:
      {{- include "common.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "common.podLabels" . | nindent 8 }}
        {{- with $.Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        checksum/config: {{ include "common.config" $ | sha256sum }}
        {{- include "common.meshAnnotations" $ | nindent 8 }}
        {{- with $own.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "common.serviceAccountName" $ }}
      {{- include "common.podSpec" $ | nindent 6 }}
      terminationGracePeriodSeconds: {{ int $.Values.terminationGracePeriodSeconds }}
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{- include "common.selector" (list $ $component) | nindent 14 }}
          matchLabelKeys: [pod-template-hash]
        {{- end }}
      {{- with $.Values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      {{- range $field := list "nodeSelector" "tolerations" "affinity" }}
      {{- with index $own $field }}
      {{ $field }}:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- with $.Values.extraInitContainers }}
      initContainers:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: app
          {{- include "common.container" (list $ (include "common.fullname" $) $own.env) | nindent 10 }}
          args: {{ toJson $own.args }}
          ports:
            - name: http
              containerPort: 8000
              protocol: TCP
            - name: http-metrics
              containerPort: 9090
              protocol: TCP
          lifecycle:
            preStop:
              sleep:
                seconds: {{ ternary (int $.Values.preStopSleepSeconds) 1 (eq $component "api") }}
          {{- include "common.probes" $ | nindent 10 }}
          resources:
            {{- toYaml $own.resources | nindent 12 }}
        {{- with $.Values.extraContainers }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end }}

{{/* What every pod of ours is held to, tests and migrations included. */}}
{{- define "common.podSpec" -}}
automountServiceAccountToken: false
# Else a variable such as AUTH_PORT for every Service would stand among the settings.
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* The image with its settings: (list $ configMapName env). */}}
{{- define "common.container" -}}
{{- $ := index . 0 -}}
image: {{ include "common.image" $ }}
imagePullPolicy: {{ $.Values.image.pullPolicy }}
securityContext:
  {{- toYaml $.Values.securityContext | nindent 2 }}
envFrom:
  - configMapRef:
      name: {{ index . 1 }}
  - secretRef:
      name: {{ include "common.secretName" $ }}
  {{- with $.Values.extraEnvFrom }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{ include "common.environment" (list $ (index . 2)) }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- with $.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Liveness asks the event loop alone: a restart heals no dependency. */}}
{{- define "common.probes" -}}
{{- range $kind, $path := dict "startup" "/livez" "liveness" "/livez" "readiness" "/readyz" }}
{{ $kind }}Probe:
  httpGet:
    path: {{ $path }}
    port: http
  {{- toYaml (index $.Values.probes $kind) | nindent 2 }}
{{- end }}
{{- end }}

{{/* Metrics stay outside the mesh, because what scrapes them is outside; the data services too. */}}
{{- define "common.meshAnnotations" -}}
{{- $mesh := include "common.mesh" . -}}
{{- if eq $mesh "sidecar" -}}
traffic.sidecar.istio.io/excludeInboundPorts: "9090"
{{- with include "common.dataPorts" . | fromJsonArray }}
# Servers of one's own outside the cluster are not in the mesh's registry: it would let nothing through to them.
traffic.sidecar.istio.io/excludeOutboundPorts: {{ join "," . | quote }}
{{- end }}
prometheus.istio.io/merge-metrics: "false"
{{- else if eq $mesh "linkerd" -}}
config.linkerd.io/default-inbound-policy: deny
config.linkerd.io/skip-inbound-ports: "9090"
config.linkerd.io/skip-outbound-ports: {{ include "common.dataPorts" . | fromJsonArray | join "," | quote }}
{{- end -}}
{{- end }}

{{/* Where this service's own data is, as port numbers. */}}
{{- define "common.dataPorts" -}}
{{- $ports := list -}}
{{- if (.Values.database).enabled }}{{ $ports = append $ports (int .Values.database.port) }}{{ end -}}
{{- if (.Values.broker).enabled }}
{{- range splitList "," .Values.broker.url }}
{{- $ports = append $ports (regexFind ":[0-9]+" (regexFind "[^@/]+$" .) | trimPrefix ":" | default "4222" | int) -}}
{{- end -}}
{{- end -}}
{{- if (.Values.valkey).enabled }}{{ $ports = append $ports (int .Values.valkey.port) }}{{ end -}}
{{- $ports | uniq | toJson -}}
{{- end }}

{{- define "common.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" (list . "api") | nindent 4 }}
    {{- if eq (include "common.mesh" .) "ambient" }}
    istio.io/use-waypoint: {{ .Values.mesh.waypoint }}
    # Else the edge's proxy would pass it by, and ztunnel would refuse it.
    istio.io/ingress-use-waypoint: "true"
    {{- end }}
  {{- $annotations := merge (include "common.linkerdServiceAnnotations" . | fromYaml) (deepCopy .Values.service.annotations) }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .Values.service.type }}
  {{- with .Values.service.trafficDistribution }}
  trafficDistribution: {{ . }}
  {{- end }}
  selector:
    {{- include "common.selector" (list . "api") | nindent 4 }}
  ports:
    - name: http
      port: 80
      targetPort: http
      protocol: TCP
      appProtocol: http
      {{- with .Values.service.nodePort }}
      nodePort: {{ int . }}
      {{- end }}
    {{- if .Values.monitoring.serviceMonitor.enabled }}
    # A ServiceMonitor finds pods by their Service's port.
    - name: http-metrics
      port: 9090
      targetPort: http-metrics
      protocol: TCP
      appProtocol: http
    {{- end }}
{{- end }}

{{- define "common.hpa" -}}
{{- range $component := include "common.components" . | fromJsonArray }}
{{- $own := include "common.component" (list $ $component) | fromJson }}
{{- if $own.autoscaling.enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $own.name }}
  labels:
    {{- include "common.labels" (list $ $component) | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ $own.name }}
  minReplicas: {{ int $own.autoscaling.minReplicas }}
  maxReplicas: {{ int $own.autoscaling.maxReplicas }}
  metrics:
    # The app's own container: `Resource` would average the proxy in.
    - type: ContainerResource
      containerResource:
        name: cpu
        container: app
        target:
          type: Utilization
          averageUtilization: {{ int $own.autoscaling.targetCPUUtilizationPercentage }}
  behavior:
    scaleUp:
      stabilizationWindowSeconds: 0
    scaleDown:
      stabilizationWindowSeconds: {{ int $own.autoscaling.scaleDownStabilizationSeconds }}
      policies:
        - type: Percent
          value: 50
          periodSeconds: {{ int $own.autoscaling.scaleDownPeriodSeconds }}
{{- end }}
{{- end }}
{{- end }}

{{- define "common.pdb" -}}
{{- range $component := include "common.components" . | fromJsonArray }}
{{- $own := include "common.component" (list $ $component) | fromJson }}
{{- if $own.pdb.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $own.name }}
  labels:
    {{- include "common.labels" (list $ $component) | nindent 4 }}
spec:
  maxUnavailable: {{ $own.pdb.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "common.selector" (list $ $component) | nindent 6 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "common.extra" -}}
{{- range .Values.extraObjects }}
---
{{ tpl (kindIs "string" . | ternary . (toYaml .)) $ }}
{{- end }}
{{- end }}
