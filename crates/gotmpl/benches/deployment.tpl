{{- define "app.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- define "app.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | default .Chart.Version | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- range $key, $value := .Values.commonLabels }}
{{ $key }}: {{ $value | quote }}
{{- end }}
{{- end -}}
{{- $root := . -}}
{{- range $index, $app := .Values.apps }}
{{- if $app.enabled }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ template "app.fullname" $root }}-{{ $app.name | lower }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- template "app.labels" $root }}
    app.kubernetes.io/component: {{ $app.name | lower | quote }}
  {{- with $app.annotations }}
  annotations:
    {{- range $key, $value := . }}
    {{ $key }}: {{ $value | toString | quote }}
    {{- end }}
  {{- end }}
spec:
  {{- if not $app.autoscaling.enabled }}
  replicas: {{ $app.replicas | default 1 }}
  {{- end }}
  revisionHistoryLimit: {{ default 10 $root.Values.revisionHistoryLimit }}
  strategy:
    type: {{ ternary "Recreate" "RollingUpdate" $app.recreate }}
    {{- if not $app.recreate }}
    rollingUpdate:
      maxSurge: {{ $app.maxSurge | default "25%" }}
      maxUnavailable: {{ $app.maxUnavailable | default 0 }}
    {{- end }}
  selector:
    matchLabels:
      app.kubernetes.io/instance: {{ $root.Release.Name }}
      app.kubernetes.io/component: {{ $app.name | lower }}
  template:
    metadata:
      labels:
        app.kubernetes.io/instance: {{ $root.Release.Name }}
        app.kubernetes.io/component: {{ $app.name | lower }}
      {{- if or $app.annotations $root.Values.podAnnotations }}
      annotations:
        {{- range $key, $value := $root.Values.podAnnotations }}
        {{ $key }}: {{ $value | quote }}
        {{- end }}
      {{- end }}
    spec:
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . }}
        {{- end }}
      {{- end }}
      serviceAccountName: {{ $app.serviceAccount | default (printf "%s-%s" $root.Release.Name $app.name) }}
      {{- if $app.securityContext }}
      securityContext:
        runAsNonRoot: {{ $app.securityContext.runAsNonRoot }}
        runAsUser: {{ $app.securityContext.runAsUser | int64 }}
      {{- end }}
      containers:
        {{- range $container := $app.containers }}
        - name: {{ $container.name }}
          {{- $registry := coalesce $container.registry $root.Values.registry "docker.io" }}
          image: "{{ $registry }}/{{ $container.image }}:{{ $container.tag | default $root.Chart.AppVersion }}"
          imagePullPolicy: {{ if eq ($container.tag | default "latest") "latest" }}Always{{ else }}IfNotPresent{{ end }}
          {{- with $container.command }}
          command:
            {{- range . }}
            - {{ . | quote }}
            {{- end }}
          {{- end }}
          {{- if $container.args }}
          args:
            {{- range $i, $arg := $container.args }}
            - {{ printf "--%s" $arg | quote }}
            {{- end }}
          {{- end }}
          ports:
            {{- range $container.ports }}
            - name: {{ .name | default (printf "port-%v" .port) | trunc 15 }}
              containerPort: {{ .port }}
              protocol: {{ .protocol | default "TCP" | upper }}
            {{- end }}
          env:
            - name: POD_NAME
              valueFrom:
                fieldRef:
                  fieldPath: metadata.name
            {{- range $env := $container.env }}
            {{- if $env.secret }}
            - name: {{ $env.name }}
              valueFrom:
                secretKeyRef:
                  name: {{ $env.secret }}
                  key: {{ $env.key | default ($env.name | lower | replace "_" "-") }}
            {{- else if $env.value }}
            - name: {{ $env.name }}
              value: {{ $env.value | quote }}
            {{- end }}
            {{- end }}
          resources:
            {{- if $container.resources }}
            limits:
              cpu: {{ $container.resources.cpu | quote }}
              memory: {{ $container.resources.memory | quote }}
            requests:
              cpu: {{ $container.resources.cpu | quote }}
              memory: {{ $container.resources.memory | quote }}
            {{- else }}
            {}
            {{- end }}
          {{- if and $app.probes (not $app.disableProbes) }}
          livenessProbe:
            httpGet:
              path: {{ $app.probes.path | default "/healthz" }}
              port: {{ (index $container.ports 0).port }}
            initialDelaySeconds: {{ $app.probes.delay | default 5 }}
            periodSeconds: {{ max 5 ($app.probes.period | int) }}
          readinessProbe:
            httpGet:
              path: {{ $app.probes.path | default "/readyz" | trimPrefix "/" | printf "/%s" }}
              port: {{ (index $container.ports 0).port }}
          {{- end }}
          volumeMounts:
            {{- range $volume := $app.volumes }}
            - name: {{ $volume.name }}
              mountPath: {{ $volume.path }}
              readOnly: {{ $volume.readOnly | default false }}
            {{- end }}
        {{- end }}
      volumes:
        {{- range $volume := $app.volumes }}
        - name: {{ $volume.name }}
          {{- if eq $volume.kind "secret" }}
          secret:
            secretName: {{ $volume.source }}
          {{- else if eq $volume.kind "configMap" }}
          configMap:
            name: {{ $volume.source }}
          {{- else }}
          emptyDir: {}
          {{- end }}
        {{- end }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ template "app.fullname" $root }}-{{ $app.name | lower }}
  labels:
    {{- template "app.labels" $root }}
spec:
  type: {{ $app.serviceType | default "ClusterIP" }}
  ports:
    {{- range $container := $app.containers }}
    {{- range $container.ports }}
    - name: {{ .name | default (printf "port-%v" .port) | trunc 15 }}
      port: {{ .port }}
      targetPort: {{ .port }}
    {{- end }}
    {{- end }}
  selector:
    app.kubernetes.io/instance: {{ $root.Release.Name }}
    app.kubernetes.io/component: {{ $app.name | lower }}
{{- if $app.autoscaling.enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ template "app.fullname" $root }}-{{ $app.name | lower }}
spec:
  minReplicas: {{ $app.autoscaling.min }}
  maxReplicas: {{ $app.autoscaling.max }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ $app.autoscaling.target | default 80 | int }}
{{- end }}
{{- end }}
{{- end }}
