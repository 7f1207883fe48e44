{{/*
What a service needs of Linkerd. Its policies are about routes: a request takes the most specific one that fits, and only
who is authenticated for that one passes. So each pattern's route names everybody whose own pattern includes it, and
patterns with the same callers share a route.
*/}}

{{- define "common.linkerd" -}}
{{- if eq (include "common.mesh" .) "linkerd" }}
{{- $name := include "common.fullname" . }}
---
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata:
  name: {{ $name }}
  labels:
    {{- include "common.labels" (list . "api") | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "common.selector" (list . "api") | nindent 6 }}
  port: http
  proxyProtocol: HTTP/1
{{- range $callers, $patterns := include "common.linkerdGroups" . | fromJson }}
{{- $route := printf "%s-%s" $name (sha256sum $callers | trunc 8) }}
{{- include "common.linkerdRoute" (list $ $route $patterns) }}
{{- include "common.linkerdGrant" (list $ $route $route "MeshTLSAuthentication" $route) }}
{{- if has "(ingress)" (splitList "," $callers) }}
{{- include "common.linkerdGrant" (list $ (printf "%s-open" $route) $route "NetworkAuthentication" (printf "%s-open" $name)) }}
{{- end }}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: MeshTLSAuthentication
metadata:
  name: {{ $route }}
  labels:
    {{- include "common.labels" (list $ "api") | nindent 4 }}
spec:
  identityRefs:
    {{- range without (splitList "," $callers) "(ingress)" }}
    {{- $parts := splitList "/" . }}
    {{- if eq . "*" }}
    - {kind: Namespace, name: {{ $.Release.Namespace }}}
    {{- else if gt (len $parts) 1 }}
    - {kind: ServiceAccount, name: {{ last $parts }}, namespace: {{ first $parts }}}
    {{- else }}
    - {kind: ServiceAccount, name: {{ . }}}
    {{- end }}
    {{- end }}
{{- end }}
{{- /* Probes come from the kubelet, and the ingress may be outside the mesh: for both the NetworkPolicy is the fence. */}}
{{- $open := list (list "GET" "/livez") (list "GET" "/readyz") }}
{{- range .Values.mesh.fromIngress }}{{ $open = append $open (list "" .) }}{{ end }}
{{- include "common.linkerdRoute" (list . (printf "%s-open" $name) $open) }}
{{- include "common.linkerdGrant" (list . (printf "%s-open" $name) (printf "%s-open" $name) "NetworkAuthentication" (printf "%s-open" $name)) }}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: NetworkAuthentication
metadata:
  name: {{ $name }}-open
  labels:
    {{- include "common.labels" (list . "api") | nindent 4 }}
spec:
  networks:
    - cidr: 0.0.0.0/0
    - cidr: ::/0
{{- /* Nobody is authenticated for the rest, or, behind the ingress, for what `helm test` asks to be refused: without a route
it would be "not found". */}}
{{- $rest := not (empty .Values.mesh.fromIngress) | ternary (list "POST" "/readyz") (list "" "/*") }}
{{- include "common.linkerdRoute" (list . (printf "%s-rest" $name) (list $rest)) }}
{{- if not .Values.mesh.fromIngress }}
{{- include "common.linkerdCalls" . }}
{{- end }}
{{- include "common.linkerdHosts" . }}
{{- end }}
{{- end }}

{{/*
Patterns, as (method path), by their callers; the callers' names, sorted and joined by commas, are the key. Among them is
`(ingress)` for what the ingress may ask too.
*/}}
{{- define "common.linkerdGroups" -}}
{{- $callers := .Values.mesh.allowedCallers -}}
{{- range include "common.testPaths" . | fromJsonArray -}}
{{- if ne . "/readyz" }}{{ $callers = append $callers (dict "name" (printf "%s-test" (include "common.fullname" $)) "methods" (list "GET") "paths" (list .)) }}{{ end -}}
{{- end -}}
{{- $groups := dict -}}
{{- $seen := dict -}}
{{- range $entry := $callers -}}
{{- range $method := $entry.methods -}}
{{- range $path := $entry.paths -}}
{{- $pattern := printf "%s %s" $method $path -}}
{{- if not (hasKey $seen $pattern) -}}
{{- $_ := set $seen $pattern true -}}
{{- $names := list -}}
{{- range $other := $callers -}}
{{- if has $method $other.methods -}}
{{- range $other.paths -}}
{{- if or (eq . $path) (and (hasSuffix "*" .) (hasPrefix (trimSuffix "*" .) $path)) }}{{ $names = append $names $other.name }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $.Values.mesh.fromIngress -}}
{{- if or (eq . $path) (and (hasSuffix "*" .) (hasPrefix (trimSuffix "*" .) $path)) }}{{ $names = append $names "(ingress)" }}{{ end -}}
{{- end -}}
{{- $key := $names | uniq | sortAlpha | join "," -}}
{{- $_ := set $groups $key (append (get $groups $key | default list) (list $method $path)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $groups -}}
{{- end }}

{{/* A route of the Server: (list $ name patterns). */}}
{{- define "common.linkerdRoute" -}}
{{- $ := index . 0 }}
---
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata:
  name: {{ index . 1 }}
  labels:
    {{- include "common.labels" (list $ "api") | nindent 4 }}
spec:
  parentRefs:
    - {group: policy.linkerd.io, kind: Server, name: {{ include "common.fullname" $ }}}
  rules:
    # A rule takes eight.
    {{- range chunk 8 (index . 2) }}
    - matches:
        {{- range . }}
        {{- $method := index . 0 }}
        {{- $path := index . 1 }}
        - path:
            {{- if eq $path "/*" }}
            type: PathPrefix
            value: /
            {{- else if hasSuffix "*" $path }}
            type: RegularExpression
            value: {{ printf "%s.*" (trimSuffix "*" $path | regexQuoteMeta) | quote }}
            {{- else }}
            type: Exact
            value: {{ $path | quote }}
            {{- end }}
          {{- with $method }}
          method: {{ . }}
          {{- end }}
        {{- end }}
    {{- end }}
{{- end }}

{{/* Who is authenticated passes: (list $ name route kindOfAuthentication authentication). Several for a route are alternatives. */}}
{{- define "common.linkerdGrant" -}}
{{- $ := index . 0 }}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata:
  name: {{ index . 1 }}
  labels:
    {{- include "common.labels" (list $ "api") | nindent 4 }}
spec:
  targetRef: {group: policy.linkerd.io, kind: HTTPRoute, name: {{ index . 2 }}}
  requiredAuthenticationRefs:
    - {group: policy.linkerd.io, kind: {{ index . 3 }}, name: {{ index . 4 }}}
{{- end }}

{{/* Timeouts and retries for whoever calls this service: as with Istio, what can be repeated is. */}}
{{- define "common.linkerdCalls" -}}
{{- $name := include "common.fullname" . }}
{{- range $kind := list "repeatable" "once" }}
---
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata:
  name: {{ $name }}-calls-{{ $kind }}
  labels:
    {{- include "common.labels" (list $ "api") | nindent 4 }}
  {{- if eq $kind "repeatable" }}
  annotations:
    retry.linkerd.io/http: "503"
    retry.linkerd.io/limit: {{ int $.Values.mesh.retries | quote }}
    retry.linkerd.io/timeout: {{ $.Values.mesh.perTryTimeoutSeconds }}s
  {{- end }}
spec:
  parentRefs:
    - {group: core, kind: Service, name: {{ $name }}, port: 80}
  rules:
    - matches:
        {{- if eq $kind "repeatable" }}
        {{- range list "GET" "HEAD" "PUT" "DELETE" }}
        - method: {{ . }}
        {{- end }}
        - method: POST
          headers:
            - {type: RegularExpression, name: idempotency-key, value: ".+"}
        {{- else }}
        - path: {type: PathPrefix, value: /}
        {{- end }}
      backendRefs:
        - {name: {{ $name }}, port: 80}
      timeouts:
        request: {{ $.Values.mesh.timeoutSeconds }}s
{{- end }}
{{- end }}

{{/* The platform closes the way out of the namespace; these hosts are open. */}}
{{- define "common.linkerdHosts" -}}
{{- range .Values.mesh.externalHosts }}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata:
  name: {{ include "common.hostName" (list $ .host) }}
  labels:
    {{- include "common.labels" (list $ "api") | nindent 4 }}
spec:
  hostnames: [{{ .host | quote }}]
  parentRefs:
    - {group: policy.linkerd.io, kind: EgressNetwork, name: deny-all, port: {{ int (.port | default 443) }}}
  rules:
    - backendRefs:
        - {group: policy.linkerd.io, kind: EgressNetwork, name: deny-all, port: {{ int (.port | default 443) }}}
{{- end }}
{{- end }}

{{/* An object's name for a host: (list $ host). */}}
{{- define "common.hostName" -}}
{{- printf "%s-%s" (include "common.fullname" (index . 0)) (index . 1 | replace "." "-" | replace "*" "any") | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "common.linkerdServiceAnnotations" -}}
{{- if eq (include "common.mesh" .) "linkerd" -}}
balancer.linkerd.io/failure-accrual: consecutive
{{- end -}}
{{- end }}
