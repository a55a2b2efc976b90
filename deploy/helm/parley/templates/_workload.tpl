{{- /*
A service: ConfigMap, Deployment, Service, PodDisruptionBudget, and what scales it.

Takes (root, name, module, config, headless, events): `config` are the settings that the chart decides, `headless` makes
the Service a list of pods instead of one address, `events` says that it speaks to Kafka.
*/ -}}
{{- define "parley.workload" -}}
{{- $root := .root }}
{{- $values := index .root.Values .name }}
{{- $fullname := printf "%s-%s" (include "parley.fullname" .root) .name }}
{{- $labels := include "parley.labels" . }}
{{- $selector := include "parley.selector" . }}
{{- $scaled := ne $values.autoscaling.mode "off" }}
{{- $config := merge (dict "DRAIN_PAUSE_SECONDS" 0 "DRAIN_SECONDS" $values.drain.seconds "PORT" 8000 "OPS_PORT" 8001) .config }}
{{- $settings := $values.settings }}
{{- $secrets := $values.secrets }}
{{- $secretFiles := $values.secretFiles }}
{{- if .events }}
{{- $_ := set $config "KAFKA_URL" (include "parley.kafkaUrl" .root) }}
{{- $settings = merge (dict) $settings .root.Values.kafka.settings }}
{{- $secrets = merge (dict) $secrets .root.Values.kafka.secrets }}
{{- $secretFiles = merge (dict) $secretFiles .root.Values.kafka.secretFiles }}
{{- end }}
{{- range $key, $value := $settings }}
{{- $_ := set $config $key $value }}
{{- end }}
{{- $files := dict }}
{{- range $key, $ref := $secretFiles }}
{{- $secret := default $root.Values.secretName $ref.name }}
{{- $_ := set $files $key (dict "volume" (printf "file-%s" ($key | lower | replace "_" "-")) "secret" $secret "key" $ref.key "folder" (printf "/etc/parley/%s" ($key | lower | replace "_" "-"))) }}
{{- end }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $fullname }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- $labels | nindent 4 }}
data:
  {{- range $key, $value := $config }}
  {{- $text := include "parley.text" $value }}
  {{- if $text }}
  {{ $key }}: {{ $text | quote }}
  {{- end }}
  {{- end }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $fullname }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- $labels | nindent 4 }}
spec:
  {{- if not $scaled }}
  replicas: {{ int $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  minReadySeconds: 10
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  selector:
    matchLabels: {{- $selector | nindent 6 }}
  template:
    metadata:
      labels:
        {{- $labels | nindent 8 }}
        {{- with merge (dict) $values.labels .root.Values.pods.labels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        checksum/config: {{ toJson $config | sha256sum }}
        {{- with .root.Values.secretRevision }}
        checksum/secret-revision: {{ . | quote }}
        {{- end }}
        {{- if eq .root.Values.monitoring.scrape "annotations" }}
        prometheus.io/scrape: "true"
        prometheus.io/port: "8001"
        prometheus.io/path: /metrics
        {{- end }}
        {{- with merge (dict) $values.annotations .root.Values.pods.annotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "parley.podCommon" .root | nindent 6 }}
      {{- with .root.Values.pods.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with default (ternary (include "parley.fullname" .root) "" .root.Values.priorityClass.create) .root.Values.pods.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      terminationGracePeriodSeconds: {{ include "parley.graceSeconds" $values.drain.seconds }}
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - maxSkew: 1
          topologyKey: {{ . }}
          whenUnsatisfiable: {{ $root.Values.pods.spread }}
          labelSelector:
            matchLabels: {{- $selector | nindent 14 }}
        {{- end }}
      {{- if and .root.Values.quickstart.enabled .root.Values.migrations.enabled }}
      {{- with index .root.Values.migrations.secrets .name }}
      initContainers:
        - {{- include "parley.migrateContainer" (dict "root" $root "name" $.name "ref" .) | nindent 10 }}
      {{- end }}
      {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ include "parley.image" .root | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          command: [python, -m, {{ .module }}]
          ports:
            - {name: http, containerPort: 8000, protocol: TCP}
            - {name: ops, containerPort: 8001, protocol: TCP}
          envFrom:
            - configMapRef: {name: {{ $fullname }}}
          env:
            - name: POD_NAME
              valueFrom: {fieldRef: {fieldPath: metadata.name}}
            {{- range $key, $ref := $secrets }}
            - name: {{ $key }}
              valueFrom:
                secretKeyRef: {{- include "parley.secretKey" (dict "root" $root "ref" $ref) | nindent 18 }}
            {{- end }}
            {{- range $key, $file := $files }}
            - name: {{ $key }}
              value: {{ printf "%s/%s" $file.folder $file.key | quote }}
            {{- end }}
            {{- with $values.extraEnv }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          startupProbe:
            httpGet: {path: /livez, port: ops}
            periodSeconds: 2
            timeoutSeconds: 2
            failureThreshold: 60
          # Local to the process, and a canary through Redis: an absent engine makes nobody unready.
          readinessProbe:
            httpGet: {path: /readyz, port: ops}
            periodSeconds: 3
            timeoutSeconds: 3
            failureThreshold: 2
          # A minute without an answer: it hangs.
          livenessProbe:
            httpGet: {path: /livez, port: ops}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          lifecycle:
            preStop:
              exec:
                command: [python, -c, "import time; time.sleep({{ include "parley.pauseSeconds" $values.drain.seconds }})"]
          securityContext: {{- include "parley.securityContext" . | nindent 12 }}
          resources: {{- toYaml $values.resources | nindent 12 }}
          {{- if or $files $values.extraVolumeMounts }}
          volumeMounts:
            {{- range $key, $file := $files }}
            - {name: {{ $file.volume }}, mountPath: {{ $file.folder }}, readOnly: true}
            {{- end }}
            {{- with $values.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
          {{- end }}
      {{- if or $files $values.extraVolumes }}
      volumes:
        {{- range $key, $file := $files }}
        - name: {{ $file.volume }}
          secret:
            secretName: {{ $file.secret | quote }}
            defaultMode: 0440
            items: [{key: {{ $file.key | quote }}, path: {{ $file.key | quote }}}]
        {{- end }}
        {{- with $values.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $fullname }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- $labels | nindent 4 }}
  {{- with $values.service }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
spec:
  {{- if .headless }}
  # No address of its own: the name stands for the pods that are ready, and the gateways choose among them.
  clusterIP: None
  {{- else }}
  type: {{ default "ClusterIP" ($values.service).type }}
  {{- end }}
  selector: {{- $selector | nindent 4 }}
  ports:
    - {name: http, port: {{ default 8000 ($values.service).port | int }}, targetPort: http, protocol: TCP}
    {{- if eq .root.Values.monitoring.scrape "serviceMonitor" }}
    - {name: ops, port: 8001, targetPort: ops, protocol: TCP}
    {{- end }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $fullname }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- $labels | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- $selector | nindent 6 }}
{{- if $scaled }}
---
{{ include "parley.autoscaler" (dict "root" .root "name" .name "fullname" $fullname "labels" $labels "scaling" $values.autoscaling) }}
{{- end }}
{{- end -}}
