{{- /* An HPA, or KEDA's ScaledObject, of a Deployment. Takes (root, name, fullname, labels, scaling). */ -}}
{{- define "parley.autoscaler" -}}
{{- $metric := printf "parley_%s_sessions" .name }}
{{- if eq .scaling.mode "hpa" -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ .fullname }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- .labels | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .fullname }}}
  minReplicas: {{ int .scaling.minReplicas }}
  maxReplicas: {{ int .scaling.maxReplicas }}
  metrics:
    {{- with .scaling.connections }}
    - type: Pods
      pods:
        metric: {name: {{ $metric }}}
        target: {type: AverageValue, averageValue: {{ int64 . | quote }}}
    {{- end }}
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ int .scaling.cpuPercent }}}
  behavior: {{- include "parley.scalingBehavior" . | nindent 4 }}
{{- else -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ .fullname }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{- .labels | nindent 4 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ .fullname }}}
  minReplicaCount: {{ int .scaling.minReplicas }}
  maxReplicaCount: {{ int .scaling.maxReplicas }}
  advanced:
    horizontalPodAutoscalerConfig:
      behavior: {{- include "parley.scalingBehavior" . | nindent 8 }}
  triggers:
    {{- with .scaling.connections }}
    - type: prometheus
      metricType: AverageValue
      metadata:
        serverAddress: {{ $.root.Values.monitoring.prometheusUrl | quote }}
        query: sum({{ $metric }}{namespace={{ $.root.Release.Namespace | quote }}})
        threshold: {{ int64 . | quote }}
    {{- end }}
    - type: cpu
      metricType: Utilization
      metadata: {value: {{ int .scaling.cpuPercent | quote }}}
{{- end }}
{{- end -}}

{{- /* Up at once, down slowly: each pod that goes moves all of its sockets. */ -}}
{{- define "parley.scalingBehavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  selectPolicy: Max
  policies:
    - {type: Percent, value: 50, periodSeconds: 60}
    - {type: Pods, value: 2, periodSeconds: 60}
scaleDown:
  stabilizationWindowSeconds: 600
  policies:
    - {type: Pods, value: 1, periodSeconds: 120}
{{- end -}}
