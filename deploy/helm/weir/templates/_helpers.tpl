{{- define "weir.labels" -}}
app.kubernetes.io/name: weir
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "weir.selector" -}}
app.kubernetes.io/name: weir
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Values that make no sense end here, each with the way out. */}}
{{- define "weir.checks" -}}
{{- if not .Values.image.tag }}{{ fail "image.tag is empty; set it to VERSION-COMMIT, as deploy/docker/build.sh prints it" }}{{ end }}
{{- if not .Values.bundle.existingClaim }}{{ fail "bundle.existingClaim is empty; name the volume claim that holds the model bundle" }}{{ end }}
{{- if not (or .Values.service.enabled .Values.stream.enabled) }}{{ fail "service.enabled and stream.enabled are both false; enable one" }}{{ end }}
{{- if and .Values.service.enabled (eq .Values.service.log "journal") (gt (int .Values.service.replicas) 1) }}{{ fail (printf "service.replicas is %d, but one journal has one writer; leave 1, or set service.log=kafka" (int .Values.service.replicas)) }}{{ end }}
{{- if and .Values.service.enabled (eq .Values.service.log "kafka") (not .Values.stream.brokers) }}{{ fail "service.log is kafka and stream.brokers is empty; give Kafka's host:port, more between commas" }}{{ end }}
{{- if eq .Values.service.log "kafka" }}
{{- range list "challenger" "model_poll" "clock" "retention" "on_full_disk" }}
{{- if hasKey $.Values.service.settings . }}{{ fail (printf "service.settings.%s does not go with service.log=kafka, docs/operating/replicas.md says why; take it out" .) }}{{ end }}
{{- end }}
{{- end }}
{{- if and .Values.service.enabled (not .Values.service.keysSecret) }}{{ fail "service.keysSecret is empty, and beyond loopback weir asks for keys; make a Secret with the key `keys` and name it" }}{{ end }}
{{- if and .Values.autoscaling.enabled (not .Values.stream.enabled) }}{{ fail "autoscaling.enabled needs stream.enabled: the service's journal has one writer; enable the stream or turn autoscaling off" }}{{ end }}
{{- if gt (int .Values.autoscaling.min) (int .Values.autoscaling.max) }}{{ fail (printf "autoscaling.min %d is above autoscaling.max %d" (int .Values.autoscaling.min) (int .Values.autoscaling.max)) }}{{ end }}
{{- if and .Values.stream.enabled (not .Values.stream.brokers) }}{{ fail "stream.brokers is empty; give Kafka's host:port, more between commas" }}{{ end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) }}{{ fail "ingress.host is empty; give the name under which clients reach weir, or turn ingress off" }}{{ end }}
{{- if and .Values.ingress.enabled (not .Values.service.enabled) }}{{ fail "ingress.enabled needs service.enabled: only the service has REST" }}{{ end }}
{{- end }}

{{/* Which log in Kafka: of the stream's workers and of replicas of the service. */}}
{{- define "weir.kafka" -}}
- --brokers={{ .Values.stream.brokers }}
- --events={{ .Values.stream.topics.events }}
- --decisions={{ .Values.stream.topics.decisions }}
- --rejects={{ .Values.stream.topics.rejects }}
- --group={{ .Values.stream.group }}
{{- if .Values.stream.propertiesSecret }}
- --kafka-properties=/kafka/kafka.properties
{{- end }}
{{- end }}

{{/* snapshot_every: 5m is --snapshot-every=5m. toJson, or a million would be 1e+06. */}}
{{- define "weir.settings" -}}
{{- range $key, $value := . }}
- {{ printf "--%s=%s" (replace "_" "-" $key) (kindIs "string" $value | ternary $value (toJson $value)) | quote }}
{{- end }}
{{- end }}

{{- define "weir.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
# A new connection may still come while the address spreads: serve on for a moment, then SIGTERM drains.
lifecycle: {preStop: {exec: {command: [sleep, "3"]}}}
# Start-up is the log being read; ready is caught up and able to write.
startupProbe: {httpGet: {path: /readyz, port: metrics}, periodSeconds: 2, failureThreshold: 900}
readinessProbe: {httpGet: {path: /readyz, port: metrics}, periodSeconds: 2, failureThreshold: 2}
livenessProbe: {httpGet: {path: /healthz, port: metrics}, periodSeconds: 10, failureThreshold: 6}
{{- end }}

{{- define "weir.pod" -}}
automountServiceAccountToken: false
terminationGracePeriodSeconds: 60
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector: {matchLabels: {app.kubernetes.io/name: weir, app.kubernetes.io/instance: {{ .Release.Name }}}}
{{- end }}
