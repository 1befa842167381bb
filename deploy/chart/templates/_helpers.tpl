{{- define "imageshare.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "imageshare.fullname" -}}
{{- $name := include "imageshare.name" . }}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- .Values.fullnameOverride | default $full | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "imageshare.serviceAccount" -}}
{{- $default := .Values.serviceAccount.create | ternary (include "imageshare.fullname" .) "default" }}
{{- .Values.serviceAccount.name | default $default }}
{{- end }}

{{- define "imageshare.selector" -}}
app.kubernetes.io/name: {{ include "imageshare.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "imageshare.labels" -}}
{{ include "imageshare.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The metadata of an object in the release's namespace; with `suffix` behind its name. */}}
{{- define "imageshare.metadata" -}}
name: {{ include "imageshare.fullname" .root }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "imageshare.labels" .root | nindent 2 }}
{{- end }}

{{- define "imageshare.subject" -}}
- kind: ServiceAccount
  name: {{ include "imageshare.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{- define "imageshare.lease" -}}
{{- .Values.leaseName | default (include "imageshare.fullname" .) }}
{{- end }}

{{- define "imageshare.endpoints" -}}
{{- $pairs := list }}
{{- range $region, $url := . }}{{ $pairs = append $pairs (printf "%s=%s" $region $url) }}{{ end }}
{{- join "," $pairs }}
{{- end }}

{{/* Every setting goes as a variable; an empty one is left out, and the operator's default counts. */}}
{{- define "imageshare.variables" -}}
{{- with .Values }}
IMAGESHARE_ADMIN_LISTEN: "[::]:8080"
IMAGESHARE_ALLOW_HTTP: {{ .allowHttp | ternary "true" "" | quote }}
IMAGESHARE_ALLOW_SERVICE_ACCOUNTS: {{ .allowServiceAccounts | ternary "true" "" | quote }}
IMAGESHARE_CALL_TIMEOUT: {{ .callTimeout | quote }}
IMAGESHARE_CA_FILE: {{ empty .caConfigMap.name | ternary "" "/etc/imageshare/ca/ca.crt" | quote }}
IMAGESHARE_DEFAULT_CREDENTIALS_NAME: {{ .defaultCredentialsName | quote }}
IMAGESHARE_DEFAULT_REGION: {{ .defaultRegion | quote }}
IMAGESHARE_ENDPOINT: {{ include "imageshare.endpoints" .endpoints.swr | quote }}
IMAGESHARE_EXPIRING_SOON: {{ .expiringSoon | quote }}
IMAGESHARE_IAM_ENDPOINT: {{ include "imageshare.endpoints" .endpoints.iam | quote }}
IMAGESHARE_LEADER_ELECT: {{ .leaderElect | quote }}
IMAGESHARE_LEASE_DURATION: {{ .leaseDuration | quote }}
IMAGESHARE_LEASE_NAME: {{ .leaderElect | ternary (include "imageshare.lease" $) "" | quote }}
IMAGESHARE_LOG_FORMAT: {{ .logFormat | quote }}
IMAGESHARE_LOG_LEVEL: {{ .logLevel | quote }}
IMAGESHARE_NAMESPACE: {{ join "," .namespaces | quote }}
IMAGESHARE_ORPHAN_AFTER: {{ .orphanAfter | quote }}
IMAGESHARE_OTLP_ENDPOINT: {{ .otlpEndpoint | quote }}
IMAGESHARE_REQUEST_WINDOW: {{ .requestWindow | quote }}
IMAGESHARE_STALLED_AFTER: {{ .stalledAfter | quote }}
IMAGESHARE_STS_ENDPOINT: {{ include "imageshare.endpoints" .endpoints.sts | quote }}
IMAGESHARE_WATCH_SECRETS: {{ .watchSecrets | ternary "true" "" | quote }}
{{- end }}
{{- end }}

{{/* The rules on objects, in all namespaces or in one. Secrets are not among them. */}}
{{- define "imageshare.rules" -}}
- apiGroups: [imageshare.dev]
  resources: [imageshares]
  verbs: [get, list, patch, watch]
- apiGroups: [imageshare.dev]
  resources: [imageshares/status]
  verbs: [patch]
# Beside the objects, and in the operator's own namespace about a share that it could not revoke.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
# Whether a namespace that is to be served exists, whether it is being deleted, and which credentials it names.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
{{- end }}

{{- define "imageshare.secretRules" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end }}

{{- define "imageshare.watchRules" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [list, watch]
{{- end }}

{{- define "imageshare.serviceAccountRules" -}}
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [get]
- apiGroups: [""]
  resources: [serviceaccounts/token]
  verbs: [create]
{{- end }}

{{/* A ClusterRole and its binding: `root`, `suffix`, and `rules` by name. */}}
{{- define "imageshare.clusterRole" -}}
{{- $name := printf "%s%s" (include "imageshare.fullname" .root) .suffix }}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {{ $name }}
  labels:
    {{- include "imageshare.labels" .root | nindent 4 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {{ $name }}
  labels:
    {{- include "imageshare.labels" .root | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $name }}
subjects:
  {{- include "imageshare.subject" .root | nindent 2 }}
{{- end }}
