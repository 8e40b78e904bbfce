/*
 * The cluster's certificates API.
 *
 * Happy path: a certificate kept from before is served while it is young; else a key and a request
 * are made, the CertificateSigningRequest is created and read again until its signer has put a
 * certificate there, which is served and kept. Two thirds through its life the next one is asked for.
 * Failure modes: denied or failed: asked again after DENIED_MS; the request is gone (the cluster
 * forgets those that nobody approved for a day): asked again at once.
 */
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/file.h"
#include "core/log.h"
#include "core/mem.h"
#include "webhook/kubernetes/names.h"
#include "webhook/kubernetes/servinginternal.h"

#define COLLECTION "/apis/certificates.k8s.io/v1/certificatesigningrequests"
#define POLL_MS    2000
#define DENIED_MS  600000
#define SLEEP_MS   INT64_C(3600000) /* The clock may be set meanwhile. */

/* ---- Kept over restarts: certificate and key in one file ---- */

static void kept_path(const struct d1_kube_serving *serving, char path[D1_PATH_MAX]) {
    snprintf(path, D1_PATH_MAX, "%s/webhook-%s.pem", serving->options.state_dir, serving->dns_name);
}

static void keep(struct d1_kube_serving *serving) {
    char path[D1_PATH_MAX];
    struct d1_error error = {0};
    struct d1_bytes both;
    kept_path(serving, path);
    d1_bytes_init(&both, 2 * D1_TLS_PEM_BYTES_MAX);
    int err = d1_bytes_printf(&both, "%s\n%s", serving->pair.certificate, serving->pair.key);
    err = err != D1_OK ? err : d1_file_replace(path, both.data, both.length, &error);
    d1_wipe(both.data, both.capacity);
    d1_bytes_close(&both);
    if (err != D1_OK) {
        d1_log(serving->options.log, WARN, "certificate_not_kept",
               D1_LOG_S("reason", error.text[0] != '\0' ? error.text : d1_err_text(err)));
    }
}

/* Whether there was one that still may be served. */
static bool take_kept(struct d1_kube_serving *serving) {
    char path[D1_PATH_MAX];
    struct d1_tls_pair pair = {.key = NULL};
    struct d1_error error = {0};
    size_t length = 0;
    kept_path(serving, path);
    if (d1_file_read(path, 2 * D1_TLS_PEM_BYTES_MAX, &pair.key, &length, &error) != D1_OK) {
        return false;
    }
    pair.certificate = d1_strdup(pair.key); /* Each reader takes what is its own. */
    if (pair.certificate == NULL) {
        d1_tls_pair_close(&pair);
        return false;
    }
    return d1_serving_take(serving, &pair, &error) == D1_OK;
}

/* ---- The request ---- */

static void read_request(struct d1_kube_serving *serving);

static void serve(struct d1_kube_serving *serving, char *certificate) {
    struct d1_tls_pair pair = {.certificate = certificate, .key = serving->request.key};
    struct d1_error error = {0};
    serving->request.key = NULL;
    d1_tls_pair_close(&serving->request);
    serving->request_name[0] = '\0';
    if (d1_serving_take(serving, &pair, &error) != D1_OK) {
        d1_serving_trouble(serving, "the signer's certificate", error.text, DENIED_MS);
        return;
    }
    keep(serving);
    d1_serving_wait(serving, 0, d1_serving_begin_csr);
}

/* The reason of a Denied or Failed condition, or NULL. */
static const char *refusal_of(const json_t *status) {
    const json_t *conditions = json_object_get(status, "conditions");
    for (size_t i = 0; i < json_array_size(conditions); i++) {
        const json_t *condition = json_array_get(conditions, i);
        const char *type = json_string_value(json_object_get(condition, "type"));
        const char *message = json_string_value(json_object_get(condition, "message"));
        if (type != NULL && (strcmp(type, "Denied") == 0 || strcmp(type, "Failed") == 0)) {
            return message != NULL && message[0] != '\0' ? message : type;
        }
    }
    return NULL;
}

static void on_request_read(struct d1_kube_serving *serving, int err) {
    const json_t *status = json_object_get(serving->call.reply, "status");
    const char *refusal = refusal_of(status);
    if (err == D1_ENOTFOUND || refusal != NULL) {
        serving->request_name[0] = '\0';
        d1_serving_trouble(serving, "the CertificateSigningRequest",
                           refusal != NULL ? refusal : "it is gone, and is made again",
                           refusal != NULL ? DENIED_MS : D1_SERVING_RETRY_MS);
        return;
    }
    char *certificate =
        err == D1_OK ? d1_serving_decode(json_object_get(status, "certificate")) : NULL;
    if (certificate != NULL) {
        serve(serving, certificate);
        return;
    }
    if (err != D1_OK) {
        d1_log(serving->options.log, DEBUG, "certificate_awaited",
               D1_LOG_S("reason", serving->call.error.text));
    }
    d1_serving_wait(serving, POLL_MS, read_request);
}

static void read_request(struct d1_kube_serving *serving) {
    snprintf(serving->path, sizeof(serving->path), COLLECTION "/%s", serving->request_name);
    d1_serving_ask(serving, "GET", NULL, NULL, on_request_read);
}

static void on_created(struct d1_kube_serving *serving, int err) {
    const json_t *metadata = json_object_get(serving->call.reply, "metadata");
    const char *name = json_string_value(json_object_get(metadata, "name"));
    if (err != D1_OK || name == NULL || !d1_kube_is_name(name)) {
        d1_serving_trouble(serving, "cannot create a CertificateSigningRequest",
                           err != D1_OK ? serving->call.error.text : "it was given no name",
                           D1_SERVING_RETRY_MS);
        return;
    }
    snprintf(serving->request_name, sizeof(serving->request_name), "%s", name);
    d1_log(serving->options.log, WARN, "certificate_requested",
           D1_LOG_S("request", serving->request_name), D1_LOG_S("name", serving->dns_name),
           D1_LOG_S("to_do", "kubectl certificate approve, unless a controller does"));
    d1_serving_wait(serving, POLL_MS / 4, read_request);
}

static void make_request(struct d1_kube_serving *serving) {
    d1_tls_pair_close(&serving->request);
    int err = d1_tls_make_request(serving->dns_name, &serving->request);
    json_t *request = err == D1_OK ? d1_serving_encode(serving->request.certificate) : NULL;
    json_t *body = json_pack("{s:s, s:s, s:{s:s}, s:{s:o, s:s, s:[s,s,s]}}", "apiVersion",
                             "certificates.k8s.io/v1", "kind", "CertificateSigningRequest",
                             "metadata", "generateName", "dns01d-webhook-", "spec", "request",
                             request, "signerName", serving->options.signer, "usages",
                             "digital signature", "key encipherment", "server auth");
    if (body == NULL) {
        d1_serving_trouble(serving, "a request for a certificate", "out of memory",
                           D1_SERVING_RETRY_MS);
        return;
    }
    snprintf(serving->path, sizeof(serving->path), COLLECTION);
    d1_serving_ask(serving, "POST", body, NULL, on_created);
}

void d1_serving_begin_csr(struct d1_kube_serving *serving) {
    if (serving->pair.certificate == NULL) {
        take_kept(serving);
    }
    int64_t left_ms = d1_serving_renew_ms(serving->pair.certificate) - d1_serving_now_ms(serving);
    if (left_ms > 0) {
        uint64_t sleep_ms = (uint64_t)(left_ms < SLEEP_MS ? left_ms : SLEEP_MS);
        d1_serving_wait(serving, sleep_ms, d1_serving_begin_csr);
    } else if (serving->request_name[0] != '\0') {
        read_request(serving);
    } else {
        make_request(serving);
    }
}
