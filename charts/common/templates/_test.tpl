{{/*
`helm test`: one Pod of the service's own image, which asks as a client would: is it ready, does it answer a real question
and, in a mesh, is something that no caller may do refused. Both kinds of policy know its ServiceAccount.
*/}}

{{- define "common.test" -}}
{{- $name := printf "%s-test" (include "common.fullname" .) -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  {{- include "common.testMeta" (list . "-10") | nindent 2 }}
automountServiceAccountToken: false
{{- if .Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $name }}
  {{- include "common.testMeta" (list . "-10") | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "common.selector" (list . "test") | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress: []
  egress:
    {{- include "common.egressRules" (list . "dns" "mesh" "telemetry" "peers") | nindent 4 }}
{{- end }}
---
apiVersion: v1
kind: Pod
metadata:
  name: {{ $name }}
  {{- include "common.testMeta" (list . "0") | nindent 2 }}
spec:
  # What is not so yet, or a node on which the mesh is not ready yet, gets another try; what is not so after that time fails.
  restartPolicy: OnFailure
  activeDeadlineSeconds: 120
  serviceAccountName: {{ $name }}
  {{- include "common.podSpec" . | nindent 2 }}
  containers:
    - name: app
      image: {{ include "common.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext:
        {{- toYaml .Values.securityContext | nindent 8 }}
      command:
        - python
        - -c
        - |
          {{- include "common.testScript" . | nindent 10 }}
      args: {{ include "common.testQuestions" . }}
      resources:
        {{- toYaml .Values.migrations.resources | nindent 8 }}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
{{- end }}

{{- define "common.testScript" -}}
import sys
from urllib import error, request

failed = False
for question in sys.argv[1:]:
    method, url, expected = question.split()
    try:
        status = request.urlopen(request.Request(url, method=method), timeout=10).status
    except error.HTTPError as refusal:
        status = refusal.code
    except OSError as problem:
        status = problem
    good = str(status) == expected
    failed |= not good
    print("ok  " if good else "FAIL", method, url, "->", status, "" if good else f"instead of {expected}")
sys.exit(failed)
{{- end }}

{{- define "common.testQuestions" -}}
{{- $base := printf "http://%s" (include "common.fullname" .) -}}
{{- $questions := list (printf "GET %s/readyz 200" $base) -}}
{{- range .Values.test.reads }}{{ $questions = append $questions (printf "GET %s%s %d" $base .path (int .status)) }}{{ end -}}
{{- if ne (include "common.mesh" .) "none" }}{{ $questions = append $questions (printf "POST %s/readyz 403" $base) }}{{ end -}}
{{- toJson $questions -}}
{{- end }}

{{/* What the mesh lets the test ask. */}}
{{- define "common.testPaths" -}}
{{- $paths := list "/readyz" -}}
{{- range .Values.test.reads }}{{ $paths = append $paths .path }}{{ end -}}
{{- $paths | uniq | toJson -}}
{{- end }}

{{- define "common.testMeta" -}}
{{- $ := index . 0 -}}
labels:
  {{- include "common.labels" (list $ "test") | nindent 2 }}
annotations:
  helm.sh/hook: test
  helm.sh/hook-weight: {{ index . 1 | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
