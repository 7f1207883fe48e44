{{/* What a service needs of Istio, with sidecars or, in ambient mode, through a waypoint. */}}

{{- define "common.istio" -}}
{{- $mesh := include "common.mesh" . -}}
{{- if has $mesh (list "sidecar" "ambient") }}
{{- include "common.authorizationpolicy" . }}
{{- if eq $mesh "sidecar" }}
{{- include "common.virtualservice" . }}
{{- else }}
{{- include "common.waypoint" . }}
{{- end }}
{{- include "common.destinationrule" . }}
{{- include "common.serviceentries" . }}
{{- end }}
{{- end }}

{{/* Only what is listed may be asked; the platform's empty policy denies the rest. */}}
{{- define "common.authorizationpolicy" }}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" (list . "api") | nindent 4 }}
spec:
  {{- if eq (include "common.mesh" .) "ambient" }}
  targetRefs:
    - {group: "", kind: Service, name: {{ include "common.fullname" . }}}
  {{- else }}
  selector:
    matchLabels:
      {{- include "common.selector" (list . "api") | nindent 6 }}
  {{- end }}
  action: ALLOW
  rules:
    {{- range .Values.mesh.allowedCallers }}
    - from:
        - source:
            {{- if eq .name "*" }}
            namespaces: [{{ $.Release.Namespace }}]
            {{- else }}
            serviceAccounts: [{{ .name }}]
            {{- end }}
      to:
        - operation:
            methods: {{ toJson .methods }}
            paths: {{ toJson .paths }}
    {{- end }}
    {{- with .Values.mesh.fromIngress }}
    - from:
        - source:
            serviceAccounts: [{{ $.Values.mesh.gatewayName }}-istio]
      to:
        - operation:
            paths: {{ toJson . }}
    {{- end }}
    - from:
        - source:
            serviceAccounts: [{{ include "common.fullname" . }}-test]
      to:
        - operation:
            methods: [GET]
            paths: {{ include "common.testPaths" . }}
{{- end }}

{{/*
Timeouts and retries for whoever calls this service from within the namespace. A service behind the ingress has none:
its HTTPRoute is the platform's, and one host must not have both.
*/}}
{{- define "common.virtualservice" -}}
{{- if not .Values.mesh.fromIngress }}
{{- $host := include "common.fullname" . }}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: {{ $host }}
  labels:
    {{- include "common.labels" (list . "api") | nindent 4 }}
spec:
  hosts: [{{ $host }}]
  exportTo: ["."]
  http:
    {{- with .Values.mesh }}
    {{- range .routes }}
    - name: {{ .name }}
      match:
        {{- range .match }}
        - {{ toYaml . | nindent 10 | trim }}
        {{- end }}
      {{- if .stream }}
      retries: {attempts: 0}
      {{- else }}
      timeout: {{ .timeoutSeconds }}s
      retries:
        attempts: {{ int .retries }}
        perTryTimeout: {{ .perTryTimeoutSeconds }}s
        retryOn: {{ include "common.retryRepeatable" . }}
      {{- end }}
      route:
        - destination: {host: {{ $host }}}
    {{- end }}
    - name: repeatable
      match:
        - method: {regex: "GET|HEAD|PUT|DELETE"}
        - method: {exact: POST}
          headers:
            idempotency-key: {regex: ".+"}
      timeout: {{ .timeoutSeconds }}s
      retries:
        attempts: {{ int .retries }}
        perTryTimeout: {{ .perTryTimeoutSeconds }}s
        retryOn: {{ include "common.retryRepeatable" . }}
      route:
        - destination: {host: {{ $host }}}
    # POST without a key and PATCH: again only what cannot have been executed, and each try as long as the whole.
    - name: once
      timeout: {{ .timeoutSeconds }}s
      retries:
        attempts: {{ int .retries }}
        retryOn: connect-failure,refused-stream
      route:
        - destination: {host: {{ $host }}}
    {{- end }}
{{- end }}
{{- end }}

{{- define "common.retryRepeatable" -}}
connect-failure,refused-stream,reset,503,retriable-status-codes
{{- end }}

{{/*
Ambient: ztunnel lets only the waypoint in, and the waypoint asks the policy above. Metrics are scraped from outside the
mesh, so their port takes plain text. Timeouts are the route's; retries stay the mesh's default there.
*/}}
{{- define "common.waypoint" }}
{{- range $component := include "common.components" . | fromJsonArray }}
{{- $name := (include "common.component" (list $ $component) | fromJson).name }}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: {{ $name }}-ztunnel
  labels:
    {{- include "common.labels" (list $ $component) | nindent 4 }}
spec:
  selector:
    matchLabels:
      {{- include "common.selector" (list $ $component) | nindent 6 }}
  action: ALLOW
  rules:
    {{- if eq $component "api" }}
    - from:
        - source:
            serviceAccounts: [{{ $.Values.mesh.waypoint }}]
    {{- end }}
    - to:
        - operation:
            ports: ["9090"]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: {{ $name }}
  labels:
    {{- include "common.labels" (list $ $component) | nindent 4 }}
spec:
  selector:
    matchLabels:
      {{- include "common.selector" (list $ $component) | nindent 6 }}
  mtls:
    mode: STRICT
  portLevelMtls:
    "9090":
      mode: PERMISSIVE
{{- end }}
{{- if not .Values.mesh.fromIngress }}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" (list . "api") | nindent 4 }}
spec:
  parentRefs:
    - {group: "", kind: Service, name: {{ include "common.fullname" . }}, port: 80}
  rules:
    - backendRefs:
        - {name: {{ include "common.fullname" . }}, port: 80}
      timeouts:
        request: {{ .Values.mesh.timeoutSeconds }}s
{{- end }}
{{- end }}

{{/*
Also governs this service's own inbound side, so no limit of connections is here. Only what the proxy sees itself ejects a
pod (connect, reset, timeout): a truthful 503 about a peer does not.
*/}}
{{- define "common.destinationrule" }}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" (list . "api") | nindent 4 }}
spec:
  host: {{ include "common.fullname" . }}
  exportTo: ["."]
  trafficPolicy:
    loadBalancer:
      simple: LEAST_REQUEST
      warmup: {duration: 30s}
    connectionPool:
      # Longer than the second after which a packet that was lost is sent again.
      tcp: {connectTimeout: 2s}
      # Below the 75 s for which a service keeps an idle connection.
      http: {idleTimeout: 60s}
    outlierDetection:
      splitExternalLocalOriginErrors: true
      consecutiveLocalOriginFailures: 10
      consecutive5xxErrors: 0
      interval: 10s
      # Short: the only pod that is left can be ejected, too, and what is dead soon is no endpoint any more.
      baseEjectionTime: 10s
      maxEjectionPercent: 50
{{- end }}

{{- define "common.serviceentries" -}}
{{- range .Values.mesh.externalHosts }}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: {{ include "common.hostName" (list $ .host) }}
  labels:
    {{- include "common.labels" (list $ "api") | nindent 4 }}
spec:
  hosts: [{{ .host | quote }}]
  exportTo: ["."]
  location: MESH_EXTERNAL
  resolution: DNS
  ports:
    - {number: {{ int (.port | default 443) }}, name: tls, protocol: TLS}
{{- end }}
{{- end }}
