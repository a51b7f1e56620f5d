{{- define "app.name" -}}
{{- default .chart.name .values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- define "app.fullname" -}}
{{- if .values.fullnameOverride }}
{{- .values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .chart.name .values.nameOverride }}
{{- if contains $name .release.name }}
{{- .release.name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .release.name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}
{{- define "app.selector" -}}
app.kubernetes.io/name: {{ template "app.name" . }}
app.kubernetes.io/instance: {{ .release.name }}
{{- end }}
{{- define "app.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .chart.name .chart.version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ template "app.selector" . }}
{{- if .chart.appVersion }}
app.kubernetes.io/version: {{ .chart.appVersion | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .release.service }}
{{- range $key, $value := .values.commonLabels }}
{{ $key }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{- define "app.probe" -}}
{{- if .enabled }}
httpGet:
  path: {{ .path | default "/healthz" }}
  port: {{ .port | default "http" }}
initialDelaySeconds: {{ .initialDelaySeconds | int }}
periodSeconds: {{ .periodSeconds | int }}
timeoutSeconds: {{ .timeoutSeconds | int }}
failureThreshold: {{ .failureThreshold | int }}
{{- end }}
{{- end }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ template "app.fullname" . }}
  namespace: {{ .release.namespace | quote }}
  labels:
    {{- template "app.labels" . }}
  {{- with .values.annotations }}
  annotations:
    {{- range $key, $value := . }}
    {{ $key }}: {{ $value | quote }}
    {{- end }}
  {{- end }}
spec:
  {{- if not .values.autoscaling.enabled }}
  replicas: {{ .values.replicaCount | int }}
  {{- end }}
  revisionHistoryLimit: {{ .values.revisionHistoryLimit | default 10 | int }}
  selector:
    matchLabels:
      {{- template "app.selector" . }}
  strategy:
    type: {{ .values.strategy.type }}
    {{- if eq .values.strategy.type "RollingUpdate" }}
    rollingUpdate:
      maxSurge: {{ .values.strategy.maxSurge }}
      maxUnavailable: {{ .values.strategy.maxUnavailable }}
    {{- end }}
  template:
    metadata:
      labels:
        {{- template "app.labels" . }}
      annotations:
        checksum/config: {{ .values.config | toJson | sha256sum }}
        {{- range $key, $value := .values.podAnnotations }}
        {{ $key }}: {{ $value | quote }}
        {{- end }}
    spec:
      serviceAccountName: {{ ternary (printf "%s-sa" .release.name) "default" .values.serviceAccount.create }}
      {{- if .values.imagePullSecrets }}
      imagePullSecrets:
        {{- range .values.imagePullSecrets }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      securityContext:
        runAsNonRoot: {{ .values.securityContext.runAsNonRoot }}
        runAsUser: {{ .values.securityContext.runAsUser | int64 }}
        fsGroup: {{ .values.securityContext.fsGroup | int64 }}
      containers:
        {{- range $index, $container := .values.containers }}
        - name: {{ $container.name | lower | quote }}
          image: "{{ $container.image.repository }}:{{ $container.image.tag | default $.chart.appVersion }}"
          imagePullPolicy: {{ $container.image.pullPolicy | default "IfNotPresent" }}
          {{- if $container.command }}
          command:
            {{- range $container.command }}
            - {{ . | quote }}
            {{- end }}
          {{- end }}
          ports:
            {{- range $port := $container.ports }}
            - name: {{ $port.name }}
              containerPort: {{ $port.containerPort | int }}
              protocol: {{ $port.protocol | default "TCP" | upper }}
            {{- end }}
          env:
            - name: POD_INDEX
              value: {{ $index | quote }}
            {{- range $name, $value := $container.env }}
            - name: {{ $name | upper | replace "-" "_" }}
              value: {{ $value | toString | quote }}
            {{- end }}
            {{- range $container.secretEnv }}
            - name: {{ .name }}
              valueFrom:
                secretKeyRef:
                  name: {{ printf "%s-%s" $.release.name .secret }}
                  key: {{ .key }}
                  {{- if hasKey . "optional" }}
                  optional: {{ .optional }}
                  {{- end }}
            {{- end }}
          livenessProbe:
            {{- template "app.probe" $container.livenessProbe }}
          readinessProbe:
            {{- template "app.probe" $container.readinessProbe }}
          resources:
            {{- range $kind := list "limits" "requests" }}
            {{- with index $container.resources $kind }}
            {{ $kind }}:
              {{- range $name, $quantity := . }}
              {{ $name }}: {{ $quantity | quote }}
              {{- end }}
            {{- end }}
            {{- end }}
          volumeMounts:
            - name: config
              mountPath: /etc/{{ template "app.name" $ }}
            {{- range $container.mounts }}
            - name: {{ .name }}
              mountPath: {{ .path }}
              readOnly: {{ .readOnly | default false }}
            {{- end }}
        {{- end }}
      volumes:
        - name: config
          configMap:
            name: {{ template "app.fullname" . }}
        {{- range .values.volumes }}
        - name: {{ .name }}
          {{- if .secret }}
          secret:
            secretName: {{ .secret }}
          {{- else if .claim }}
          persistentVolumeClaim:
            claimName: {{ .claim }}
          {{- else }}
          emptyDir: {}
          {{- end }}
        {{- end }}
      {{- with .values.nodeSelector }}
      nodeSelector:
        {{- range $key, $value := . }}
        {{ $key }}: {{ $value | quote }}
        {{- end }}
      {{- end }}
      {{- if and .values.topology.enabled (gt (len .values.containers) 1) (or .values.topology.zone .values.topology.host) }}
      topologySpreadConstraints:
        {{- range $key := list "zone" "host" }}
        - maxSkew: {{ add 1 ($.values.topology.extraSkew | int) }}
          topologyKey: topology.kubernetes.io/{{ $key }}
          whenUnsatisfiable: {{ if eq $key "zone" }}DoNotSchedule{{ else }}ScheduleAnyway{{ end }}
        {{- end }}
      {{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ template "app.fullname" . }}
  labels:
    {{- template "app.labels" . }}
data:
  {{- range $key, $value := .values.config }}
  {{- if kindIs "map" $value }}
  {{ $key }}: |
    {{- range $name, $inner := $value }}
    {{ $name }} = {{ $inner | toString | trim }}
    {{- end }}
  {{- else }}
  {{ $key }}: {{ $value | toString | b64enc | quote }}
  {{- end }}
  {{- end }}
  {{- $hosts := list }}
  {{- range $i := until 8 }}
  {{- $hosts = append $hosts (printf "%s-%d.%s.svc" $.release.name $i $.release.namespace) }}
  {{- end }}
  hosts: {{ join "," $hosts | quote }}
