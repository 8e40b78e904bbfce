{{- define "dns01d.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "dns01d.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 55 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 55 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 55 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "dns01d.selectorLabels" -}}
app.kubernetes.io/name: {{ include "dns01d.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "dns01d.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "dns01d.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "dns01d.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "dns01d.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "dns01d.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "dns01d.webhookRole" -}}{{ ternary "webhook" "all" .Values.split }}{{- end -}}
{{- define "dns01d.dnsRole" -}}{{ ternary "dns" "all" .Values.split }}{{- end -}}

{{- define "dns01d.tlsSecret" -}}
{{- if eq .Values.pki.mode "existingSecret" -}}
{{- required "pki.mode existingSecret needs pki.existingSecret, the name of a Secret of type kubernetes.io/tls" .Values.pki.existingSecret -}}
{{- else -}}
{{- printf "%s-webhook-tls" (include "dns01d.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- define "dns01d.dnsPort" -}}{{ ternary 53 (int .Values.dns.port) .Values.dns.hostNetwork }}{{- end -}}

{{- define "dns01d.validate" -}}
{{- $shared := has .Values.store.backend (list "etcd" "kubernetes") -}}
{{- if and .Values.split (not $shared) -}}
{{- fail (printf "split: true needs a store that both Deployments see: store.backend etcd or kubernetes, not %s" .Values.store.backend) -}}
{{- end -}}
{{- if and .Values.split (not .Values.dns.enabled) -}}
{{- fail "split: true without DNS makes no sense: set dns.enabled: true or split: false" -}}
{{- end -}}
{{- if and (has .Values.pki.mode (list "existingSecret" "csr")) (not .Values.pki.caBundle) -}}
{{- fail (printf "pki.mode %s needs pki.caBundle, the PEM of the CA that signs its certificate" .Values.pki.mode) -}}
{{- end -}}
{{- if and (eq .Values.pki.mode "csr") (not .Values.pki.signerName) -}}
{{- fail "pki.mode csr needs pki.signerName, like example.org/webhooks" -}}
{{- end -}}
{{- if and .Values.api.enabled (not .Values.api.tlsSecretName) -}}
{{- fail "api.enabled needs api.tlsSecretName, a Secret of type kubernetes.io/tls" -}}
{{- end -}}
{{- end -}}

{{/* The configuration of one role: all, webhook or dns. Call with (dict "root" $ "role" ROLE). */}}
{{- define "dns01d.config" -}}
{{- $values := .root.Values -}}
{{- $config := dict
  "log" (dict "level" $values.logLevel "format" $values.logFormat)
  "state-dir" "/var/lib/dns01d"
  "store" (dict "backend" $values.store.backend)
  "metrics" (dict "listen" (list (printf "%s:%v" (include "dns01d.anyAddress" .root) $values.metrics.port)))
  "dns" (dict "listen" list)
  "api" (dict "listen" list)
  "zones" $values.zones
  "delegations" $values.delegations
-}}
{{- if and $values.dns.enabled (ne .role "webhook") -}}
{{- $listen := list -}}
{{- range $values.dns.addresses -}}
{{- $listen = append $listen (printf "%s:%s" . (include "dns01d.dnsPort" $.root)) -}}
{{- end -}}
{{- $_ := set $config "dns" (dict "listen" $listen "workers" $values.dns.workers) -}}
{{- end -}}
{{- if ne .role "dns" -}}
{{- $_ := set $config "webhook" (dict
  "listen" (list (printf "%s:%v" (include "dns01d.anyAddress" .root) $values.webhook.port))
  "group" $values.groupName
  "solver" $values.solverName
  "tls" (include "dns01d.tls" .root | fromYaml)
  "policy" $values.policy) -}}
{{- with $values.allowNetworks -}}
{{- $_ := set $config.webhook "allow-networks" . -}}
{{- end -}}
{{- if $values.api.enabled -}}
{{- $_ := set $config "api" (dict
  "listen" (list (printf "%s:%v" (include "dns01d.anyAddress" .root) $values.api.port))
  "tls" (dict "certificate" "/api-tls/tls.crt" "key" "/api-tls/tls.key")) -}}
{{- end -}}
{{- end -}}
{{- toYaml (mergeOverwrite $config (deepCopy $values.config)) -}}
{{- end -}}

{{/* Where webhook, API and metrics listen: the family of the first DNS address. */}}
{{- define "dns01d.anyAddress" -}}
{{- first .Values.dns.addresses -}}
{{- end -}}

{{- define "dns01d.subject" }}
subjects:
  - kind: ServiceAccount
    name: {{ include "dns01d.serviceAccountName" . }}
    namespace: {{ .Release.Namespace }}
{{- end }}

{{/* Whether the webhook's certificate comes as files of a Secret: "true" or nothing. */}}
{{- define "dns01d.tlsFiles" -}}
{{- if has .Values.pki.mode (list "certManager" "existingSecret") -}}true{{- end -}}
{{- end -}}

{{- define "dns01d.tls" -}}
{{- if include "dns01d.tlsFiles" . -}}
certificate: /tls/tls.crt
key: /tls/tls.key
{{- else -}}
mode: {{ .Values.pki.mode }}
service: {{ include "dns01d.fullname" . }}
namespace: {{ .Release.Namespace }}
{{- if eq .Values.pki.mode "csr" }}
signer: {{ .Values.pki.signerName }}
{{- else }}
secret: {{ include "dns01d.fullname" . }}-webhook-authority
{{- end }}
{{- end -}}
{{- end -}}
