{{- /* Names, labels, references. */ -}}

{{- define "parley.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* The labels that selectors use; they never change. Takes (root, name). */ -}}
{{- define "parley.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .name }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- define "parley.labels" -}}
{{ include "parley.selector" . }}
app.kubernetes.io/part-of: parley
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "parley.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "parley.imagePullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* A setting as text: lists joined by commas, numbers in full (Helm reads 2592000 as 2.592e+06), and
       an `on` without quotes, which YAML takes for true, as it was meant. */ -}}
{{- define "parley.text" -}}
{{- if kindIs "slice" . -}}
{{- join "," . -}}
{{- else if kindIs "bool" . -}}
{{- ternary "on" "off" . -}}
{{- else if kindIs "float64" . -}}
{{- if eq . (floor .) }}{{ printf "%.0f" . }}{{ else }}{{ . }}{{ end -}}
{{- else -}}
{{- toString . -}}
{{- end -}}
{{- end -}}

{{- /* A key of a Secret. Takes (root, ref). */ -}}
{{- define "parley.secretKey" -}}
name: {{ default .root.Values.secretName .ref.name | quote }}
key: {{ .ref.key | quote }}
{{- end -}}

{{- /* Where a service answers inside the cluster. Takes (root, name). */ -}}
{{- define "parley.url" -}}
http://{{ include "parley.fullname" .root }}-{{ .name }}:8000
{{- end -}}

{{- define "parley.kafkaUrl" -}}
{{- if .Values.kafka.url -}}
{{ .Values.kafka.url }}
{{- else if .Values.quickstart.enabled -}}
kafka://{{ include "parley.fullname" . }}-kafka:9092
{{- end -}}
{{- end -}}

{{- /* preStop, during which load balancers forget the pod and the gateways' name lookups follow. Takes drain.seconds. */ -}}
{{- define "parley.pauseSeconds" -}}
{{- max 5 (min 10 (div (int .) 3)) -}}
{{- end -}}

{{- /* The whole end: the pause, the drain, and what follows it (5 s that a drain may overrun, 3 s for requests that are
       being answered, 10 s for components to stop, and a margin). Takes drain.seconds. */ -}}
{{- define "parley.graceSeconds" -}}
{{- add (include "parley.pauseSeconds" . | int) (int .) 25 -}}
{{- end -}}

{{- define "parley.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.pods.runAsUser }}
runAsUser: {{ int64 . }}
{{- end }}
{{- with .Values.pods.runAsGroup }}
runAsGroup: {{ int64 . }}
{{- end }}
{{- with .Values.pods.fsGroup }}
fsGroup: {{ int64 . }}
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "parley.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- /* What every pod of ours has, the short-lived ones too. Takes root. */ -}}
{{- define "parley.podCommon" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext: {{- include "parley.podSecurityContext" . | nindent 2 }}
{{- include "parley.imagePullSecrets" . }}
{{- with .Values.pods.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pods.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- /* The databases that are used, as JSON: all, but that of notifications only with them. */ -}}
{{- define "parley.databases" -}}
{{- toJson (ternary .Values.migrations.secrets (omit .Values.migrations.secrets "notifications") .Values.notifications.enabled) -}}
{{- end -}}

{{- /* Bring the database of a service up to date; the package of notifications is notification_service.
       Takes (root, name, ref). */ -}}
{{- define "parley.migrateContainer" -}}
name: migrate-{{ .name }}
image: {{ include "parley.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
command: [python, -m, chassis.migrations, {{ trimSuffix "s" .name }}, --wait, {{ .root.Values.migrations.waitSeconds | int | quote }}]
env:
  - name: DATABASE_URL
    valueFrom:
      secretKeyRef: {{- include "parley.secretKey" (dict "root" .root "ref" .ref) | nindent 8 }}
securityContext: {{- include "parley.securityContext" . | nindent 2 }}
resources: {{- toYaml .root.Values.migrations.resources | nindent 2 }}
{{- end -}}
