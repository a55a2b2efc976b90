{{- /*
An engine for trying out: a StatefulSet of one pod, its Service and its NetworkPolicy.

Takes (root, name, port, image, user, from, storage, path, env, args, mounts, volumes, readOnly).
*/ -}}
{{- define "parley.engine" -}}
{{- $root := .root }}
{{- $fullname := printf "%s-%s" (include "parley.fullname" .root) .name }}
{{- $labels := include "parley.labels" . }}
{{- $selector := include "parley.selector" . }}
apiVersion: v1
kind: Service
metadata:
  name: {{ $fullname }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- $labels | nindent 4 }}
spec:
  selector: {{- $selector | nindent 4 }}
  ports:
    - {name: engine, port: {{ .port }}, targetPort: engine, protocol: TCP}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $fullname }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- $labels | nindent 4 }}
  annotations:
    parley/quickstart: for trying out; one pod, no backups, its data goes with the release
spec:
  replicas: 1
  serviceName: {{ $fullname }}
  selector:
    matchLabels: {{- $selector | nindent 6 }}
  template:
    metadata:
      labels: {{- $labels | nindent 8 }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- include "parley.imagePullSecrets" .root | nindent 6 }}
      securityContext:
        runAsNonRoot: true
        runAsUser: {{ .user }}
        runAsGroup: {{ .user }}
        fsGroup: {{ .user }}
        seccompProfile: {type: RuntimeDefault}
      terminationGracePeriodSeconds: 60
      containers:
        - name: {{ .name }}
          image: {{ .image | quote }}
          imagePullPolicy: IfNotPresent
          {{- with .args }}
          args: {{- toYaml . | nindent 12 }}
          {{- end }}
          ports:
            - {name: engine, containerPort: {{ .port }}, protocol: TCP}
          {{- with .env }}
          env: {{- toYaml . | nindent 12 }}
          {{- end }}
          startupProbe:
            tcpSocket: {port: engine}
            periodSeconds: 2
            failureThreshold: 90
          readinessProbe:
            tcpSocket: {port: engine}
            periodSeconds: 5
          livenessProbe:
            tcpSocket: {port: engine}
            periodSeconds: 20
            failureThreshold: 6
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: {{ .readOnly }}
            capabilities: {drop: [ALL]}
          resources: {{- toYaml .resources | nindent 12 }}
          volumeMounts:
            - {name: data, mountPath: {{ .path }}}
            {{- with .mounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      {{- with .volumes }}
      volumes: {{- toYaml . | nindent 8 }}
      {{- end }}
  {{- if .storage }}
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Retain}
  volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        name: data
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .root.Values.quickstart.storageClassName }}
        storageClassName: {{ . }}
        {{- end }}
        resources: {requests: {storage: {{ .storage }}}}
  {{- end }}
{{- if .root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $fullname }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- $labels | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- $selector | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - ports: [{port: {{ .port }}, protocol: TCP}]
      from:
        {{- range .from }}
        - podSelector:
            matchLabels: {{- include "parley.selector" (dict "root" $root "name" .) | nindent 14 }}
        {{- end }}
  {{- if eq .name "kafka" }}
  # A broker speaks to itself, by the name that it gives to clients.
  egress:
    - ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]
      to: {{- toYaml .root.Values.networkPolicy.dns | nindent 8 }}
    - ports: [{port: {{ .port }}, protocol: TCP}]
      to:
        - podSelector:
            matchLabels: {{- $selector | nindent 14 }}
  {{- end }}
{{- end }}
{{- end -}}
