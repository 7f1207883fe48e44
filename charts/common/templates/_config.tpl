{{/* The settings of a service: a ConfigMap that becomes its environment, and the few that are put together from secrets. */}}

{{/* The settings, as JSON: what the chart knows, and over it what `config` says. */}}
{{- define "common.config" -}}
{{- $issuer := required "Set global.issuer to the public base URL of this installation, for example https://api.shop.example: it is what tokens are issued by." .Values.global.issuer -}}
{{- $config := dict
  "HOST" "0.0.0.0"
  "PORT" "8000"
  "METRICS_PORT" "9090"
  "TOKENS__ISSUER" $issuer
  "TOKENS__JWKS_URL" (printf "%s/.well-known/jwks.json" .Values.authUrl)
  "CLIENT__TOKEN_URL" (printf "%s/v1/oauth/token" .Values.authUrl)
-}}
{{- if ne .Values.global.mesh.provider "none" -}}
{{- range $name, $value := .Values.mesh.config -}}
{{- $_ := set $config $name (toString $value) -}}
{{- end -}}
{{- end -}}
{{- if .Values.broker.enabled -}}
{{- $_ := set $config "BROKER__URL" .Values.broker.url -}}
{{- $_ := set $config "BROKER__USER" (.Values.broker.user | default (include "common.name" .)) -}}
{{- end -}}
{{- $peers := (.Files.Get "files/peers.yaml" | fromYaml).peers | default list -}}
{{- range $name := concat $peers (keys .Values.peers) | uniq -}}
{{- $_ := set $config (printf "PEERS__%s" ($name | upper | replace "-" "_")) (get $.Values.peers $name | default (printf "http://%s" $name)) -}}
{{- end -}}
{{- range $name, $value := .Values.config -}}
{{- $_ := set $config $name (toString $value) -}}
{{- end -}}
{{- toJson $config -}}
{{- end }}

{{/* The environment of a container of ours: (list $ env), and what the chart knows where that map does not say it. */}}
{{- define "common.environment" -}}
{{- $ := index . 0 -}}
{{- $env := dict -}}
{{- if $.Values.database.enabled -}}
{{- with $.Values.database -}}
{{- $user := .user | default (include "common.name" $) -}}
{{- $name := .name | default (include "common.name" $) -}}
{{- $host := required "Set database.host to the PostgreSQL server of this service." .host -}}
{{- $form := "postgresql+asyncpg://%s:$(DATABASE_PASSWORD)@%s:%d/%s?ssl=%s" -}}
{{- $_ := set $env "DATABASE__URL" (printf $form $user $host (int .port) $name .sslMode) -}}
{{- $_ := set $env "DATABASE__DIRECT_URL" (printf $form $user (.directHost | default $host) (int .port) $name .sslMode) -}}
{{- end -}}
{{- end -}}
{{- if $.Values.valkey.enabled -}}
{{- with $.Values.valkey -}}
{{- $_ := set $env "VALKEY__URL" (printf "redis://:$(VALKEY_PASSWORD)@%s:%d/0" (required "Set valkey.host to the Valkey server." .host) (int .port)) -}}
{{- end -}}
{{- end -}}
{{- $env = mergeOverwrite $env (index . 1) -}}
{{- with $env }}
env:
  {{- range $name, $value := . }}
  - name: {{ $name }}
    {{- if kindIs "map" $value }}
    {{- toYaml $value | nindent 4 }}
    {{- else }}
    value: {{ $value | toString | quote }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "common.configmap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "common.fullname" . }}
  labels:
    {{- include "common.labels" (list . "api") | nindent 4 }}
data:
  {{- include "common.config" . | fromJson | toYaml | nindent 2 }}
{{- end }}

{{/* Hooks run before anything else of a release exists. */}}
{{- define "common.secretInTime" -}}
{{- $ := index . 0 -}}
{{- if eq (include "common.migrates" $) "hook" }}
{{- fail (printf "%s would come too late for the migration hook: make the Secret first and name it in existingSecret, or set migrations.mode to job." (index . 1)) }}
{{- end -}}
{{- end }}

{{/* Only for throw-away use: it comes too late for a hook, and its values are in the release. */}}
{{- define "common.secret" -}}
{{- if .Values.secretValues -}}
{{- if .Values.existingSecret }}{{ fail "Set existingSecret or secretValues, not both." }}{{ end -}}
{{- include "common.secretInTime" (list . "secretValues") -}}
apiVersion: v1
kind: Secret
metadata:
  name: {{ include "common.secretName" . }}
  labels:
    {{- include "common.labels" (list . "api") | nindent 4 }}
stringData:
  {{- toYaml .Values.secretValues | nindent 2 }}
{{- end }}
{{- end }}

{{- define "common.externalsecret" -}}
{{- if .Values.externalSecret.enabled -}}
{{- include "common.secretInTime" (list . "externalSecret") -}}
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: {{ include "common.secretName" . }}
  labels:
    {{- include "common.labels" (list . "api") | nindent 4 }}
spec:
  refreshInterval: {{ .Values.externalSecret.refreshInterval }}
  secretStoreRef:
    {{- toYaml .Values.externalSecret.secretStoreRef | nindent 4 }}
  target:
    name: {{ include "common.secretName" . }}
  data:
    {{- range $key, $remote := required "Set externalSecret.data: which remote key fills which key of the Secret." .Values.externalSecret.data }}
    - secretKey: {{ $key }}
      remoteRef:
        {{- toYaml $remote | nindent 8 }}
    {{- end }}
{{- end }}
{{- end }}

{{- define "common.serviceaccount" -}}
{{- if .Values.serviceAccount.create -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "common.serviceAccountName" . }}
  labels:
    {{- include "common.labels" (list . "api") | nindent 4 }}
  {{- with .Values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}
{{- end }}
