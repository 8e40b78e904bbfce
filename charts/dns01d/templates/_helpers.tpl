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
{{- else if eq .Values.pki.mode "generated" -}}
{{- printf "%s-webhook-generated" (include "dns01d.fullname" .) -}}
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
{{- if and (eq .Values.pki.mode "existingSecret") (not .Values.pki.caBundle) -}}
{{- fail "pki.mode existingSecret needs pki.caBundle, the PEM of the CA that signed its certificate" -}}
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
  "tls" (dict "certificate" "/tls/tls.crt" "key" "/tls/tls.key")
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

{{/*
A certificate of a CA whose key is thrown away, kept in the Secret until two thirds of its time are
over. The result, YAML with base64 values, is made once for all templates of a run.
*/}}
{{- define "dns01d.generated" -}}
{{- if not (hasKey .Values "generated") -}}
{{- $name := include "dns01d.fullname" . -}}
{{- $made := dict "previous" "" -}}
{{- $kept := lookup "v1" "Secret" .Release.Namespace (include "dns01d.tlsSecret" .) | default dict -}}
{{- $data := get $kept "data" | default dict -}}
{{- $renewAfter := dig "metadata" "annotations" "dns01d.dev/renew-after" "0" $kept | int64 -}}
{{- $now := now | unixEpoch | int64 -}}
{{- if gt $renewAfter $now -}}
{{- $made = dict "certificate" (get $data "tls.crt") "key" (get $data "tls.key") "ca" (get $data "ca.crt") "previous" (get $data "previous-ca.crt") "renewAfter" (toString $renewAfter) -}}
{{- else -}}
{{- $days := int .Values.pki.generatedDays -}}
{{- $ca := genCA (printf "ca.%s" $name) $days -}}
{{- $names := list $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) -}}
{{- $certificate := genSignedCert (index $names 2) nil $names $days $ca -}}
{{- $made = dict "certificate" (b64enc $certificate.Cert) "key" (b64enc $certificate.Key) "ca" (b64enc $ca.Cert) "previous" (get $data "ca.crt" | default "") "renewAfter" (add $now (mul $days 57600) | toString) -}}
{{- end -}}
{{- $_ := set .Values "generated" $made -}}
{{- end -}}
{{- toYaml .Values.generated -}}
{{- end -}}
