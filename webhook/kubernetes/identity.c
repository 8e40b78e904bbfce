/*
 * Who we are to the API. kubelet replaces token and certificates in their files, so that they are
 * read again each minute, and at once when the API does not believe us. Calls under way keep what
 * they began with.
 */
#include <errno.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/limits.h"
#include "core/mem.h"
#include "webhook/kubernetes/access.h"
#include "webhook/kubernetes/apiinternal.h"

#define FRESH_US INT64_C(60000000)

static void wipe(char *text) {
    if (text != NULL) {
        d1_wipe(text, strlen(text));
        d1_free(text);
    }
}

void d1_kube_identity_drop(struct d1_kube_identity *identity) {
    if (identity != NULL && --identity->references == 0) {
        d1_free(identity->ca);
        d1_free(identity->certificate);
        wipe(identity->key);
        wipe(identity->authorization);
        d1_free(identity);
    }
}

/* The text itself, or what its file holds now; NULL when there is neither. */
static int read_text(const char *text, const char *file, size_t max, char **ret_text,
                     struct d1_error *error) {
    size_t length = 0;
    *ret_text = NULL;
    if (text != NULL) {
        *ret_text = d1_strdup(text);
        return *ret_text != NULL ? D1_OK : -ENOMEM;
    }
    return file != NULL ? d1_file_read(file, max, ret_text, &length, error) : D1_OK;
}

static int read_token(const struct d1_kube_access *access, struct d1_kube_identity *identity,
                      struct d1_error *error) {
    char *token = NULL;
    int err = read_text(access->token, access->token_file, D1_KUBE_TOKEN_BYTES_MAX, &token, error);
    if (err != D1_OK || token == NULL) {
        return err;
    }
    size_t length = strcspn(token, "\r\n");
    struct d1_bytes line;
    d1_bytes_init(&line, D1_KUBE_TOKEN_BYTES_MAX + 16);
    err = d1_bytes_printf(&line, "Bearer %.*s", (int)length, token);
    wipe(token);
    if (err == D1_OK) {
        identity->authorization = (char *)line.data;
    } else {
        d1_bytes_close(&line);
    }
    return err;
}

static int read_identity(const struct d1_kube_access *access, struct d1_kube_identity *identity,
                         struct d1_error *error) {
    int err = read_text(access->ca, access->ca_file, D1_TLS_PEM_BYTES_MAX, &identity->ca, error);
    err = err != D1_OK ? err
                       : read_text(access->certificate, access->certificate_file,
                                   D1_TLS_PEM_BYTES_MAX, &identity->certificate, error);
    err = err != D1_OK ? err
                       : read_text(access->key, access->key_file, D1_TLS_PEM_BYTES_MAX,
                                   &identity->key, error);
    err = err != D1_OK ? err : read_token(access, identity, error);
    if (err != D1_OK) {
        return err == -ENOMEM ? err : D1_ECONFIG;
    }
    struct d1_http_trust *trust = &identity->trust;
    trust->ca = identity->ca;
    trust->ca_length = identity->ca != NULL ? strlen(identity->ca) : 0;
    trust->certificate = identity->certificate;
    trust->certificate_length = identity->certificate != NULL ? strlen(identity->certificate) : 0;
    trust->key = identity->key;
    trust->key_length = identity->key != NULL ? strlen(identity->key) : 0;
    return D1_OK;
}

int d1_kube_identity_hold(struct d1_kube_api *api, struct d1_kube_identity **ret_identity,
                          struct d1_error *error) {
    int64_t now_us = d1_clock_mono_us(api->clock);
    if (api->identity == NULL || now_us - api->identity_us > FRESH_US) {
        struct d1_kube_identity *fresh = d1_calloc(1, sizeof(*fresh));
        if (fresh == NULL) {
            return d1_error_set(error, -ENOMEM, "out of memory");
        }
        fresh->references = 1;
        int err = read_identity(api->access, fresh, error);
        if (err != D1_OK) {
            d1_kube_identity_drop(fresh);
            return err;
        }
        d1_kube_identity_drop(api->identity);
        api->identity = fresh;
        api->identity_us = now_us;
    }
    api->identity->references++;
    *ret_identity = api->identity;
    return D1_OK;
}

void d1_kube_identity_forget(struct d1_kube_api *api) {
    d1_kube_identity_drop(api->identity);
    api->identity = NULL;
}
