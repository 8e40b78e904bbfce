#include "http/certificate.h"

#include <errno.h>

#include "core/file.h"
#include "core/limits.h"
#include "core/mem.h"
#include "http/tls.h"

/* "PATH is such and such". */
static int blame(struct d1_certificate_fault *fault, bool key, const char *path,
                 const struct d1_error *error) {
    fault->key = key;
    return d1_error_set(&fault->error, D1_ECONFIG, "%s %s", path, error->text);
}

static int read_file(const char *path, bool key, char **ret_text, size_t *ret_length,
                     struct d1_certificate_fault *fault) {
    fault->key = key;
    int err = d1_file_read(path, D1_TLS_PEM_BYTES_MAX, ret_text, ret_length, &fault->error);
    return err == D1_OK || err == -ENOMEM ? err : D1_ECONFIG;
}

static int read_key(const char *path, struct d1_tls_context *context,
                    struct d1_certificate_fault *fault) {
    char *text = NULL;
    size_t length = 0;
    int err = read_file(path, true, &text, &length, fault);
    if (err != D1_OK) {
        return err;
    }
    struct d1_error error = {0};
    err = d1_tls_context_set_key(context, text, length, &error);
    d1_wipe(text, length);
    d1_free(text);
    return err == D1_ECONFIG ? blame(fault, true, path, &error) : err;
}

int d1_certificate_read(const char *certificate_path, const char *key_path,
                        struct d1_tls_context **ret_context, struct d1_certificate_fault *fault) {
    char *text = NULL;
    size_t length = 0;
    int err = read_file(certificate_path, false, &text, &length, fault);
    if (err != D1_OK) {
        return err;
    }
    struct d1_error error = {0};
    struct d1_tls_context *context = NULL;
    err = d1_tls_context_create(text, length, &context, &error);
    d1_free(text);
    if (err != D1_OK) {
        return err == D1_ECONFIG ? blame(fault, false, certificate_path, &error) : err;
    }
    err = read_key(key_path, context, fault);
    if (err != D1_OK) {
        d1_tls_context_destroy(context);
        return err;
    }
    *ret_context = context;
    return D1_OK;
}

int d1_certificate_read_clients(const char *path, bool required, struct d1_tls_context *context,
                                struct d1_error *error) {
    char *text = NULL;
    size_t length = 0;
    int err = d1_file_read(path, D1_TLS_PEM_BYTES_MAX, &text, &length, error);
    if (err != D1_OK) {
        return err == -ENOMEM ? err : D1_ECONFIG;
    }
    err = d1_tls_context_set_clients(context, text, length, required, error);
    d1_free(text);
    if (err == D1_ECONFIG) {
        struct d1_error story = *error;
        d1_error_set(error, err, "%s %s", path, story.text);
    }
    return err;
}
