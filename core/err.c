#include "core/err.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct row {
    int err;
    const char *code;
    const char *text;
    int http;
    int rcode;
    bool retry;
};

static const struct row rows[] = {
#define X(name, number, code, text, http, rcode, retry) \
    {name, code, text, http, D1_ERR_RCODE_##rcode, retry},
    D1_ERR_TABLE(X)
#undef X
};

static const struct row *find_row(int err) {
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        if (rows[i].err == err) {
            return &rows[i];
        }
    }
    return NULL;
}

const char *d1_err_code(int err) {
    if (err == D1_OK) {
        return "ok";
    }
    const struct row *row = find_row(err);
    if (row != NULL) {
        return row->code;
    }
    const char *name = strerrorname_np(-err);
    return name != NULL ? name : "unknown";
}

const char *d1_err_text(int err) {
    if (err == D1_OK) {
        return "success";
    }
    const struct row *row = find_row(err);
    if (row != NULL) {
        return row->text;
    }
    const char *text = strerrordesc_np(-err);
    return text != NULL ? text : "unknown error";
}

int d1_err_http(int err) {
    if (err == D1_OK) {
        return 200;
    }
    const struct row *row = find_row(err);
    if (row != NULL) {
        return row->http;
    }
    return err == -ENOMEM || err == -ENOSPC ? 503 : 500;
}

int d1_err_rcode(int err) {
    if (err == D1_OK) {
        return 0;
    }
    const struct row *row = find_row(err);
    return row != NULL ? row->rcode : D1_ERR_RCODE_SERVFAIL;
}

bool d1_err_retry(int err) {
    const struct row *row = find_row(err);
    return row != NULL ? row->retry : err == -ENOMEM || err == -ENOSPC || err == -EAGAIN;
}

int d1_error_set(struct d1_error *error, int code, const char *format, ...) {
    if (error == NULL) {
        return code;
    }
    error->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return code;
}

void d1_error_prefix(struct d1_error *error, const char *format, ...) {
    if (error == NULL) {
        return;
    }
    char old[sizeof(error->text)];
    memcpy(old, error->text, sizeof(old));
    va_list args;
    va_start(args, format);
    int length = vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof(error->text)) {
        return;
    }
    snprintf(error->text + length, sizeof(error->text) - (size_t)length, ": %s", old);
}
