#include "core/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/err.h"
#include "core/mem.h"

void d1_bytes_init(struct d1_bytes *bytes, size_t max) {
    *bytes = (struct d1_bytes){.max = max};
}

void d1_bytes_close(struct d1_bytes *bytes) {
    d1_free(bytes->data);
    *bytes = (struct d1_bytes){.max = bytes->max};
}

void d1_bytes_clear(struct d1_bytes *bytes) {
    bytes->length = 0;
    bytes->failed = false;
}

/* Make room for `more` octets and a NUL behind them. */
static int reserve(struct d1_bytes *bytes, size_t more) {
    assert(bytes->length <= bytes->max);
    if (bytes->failed) {
        return D1_ETOOLARGE;
    }
    if (more > bytes->max - bytes->length) {
        bytes->failed = true;
        return D1_ETOOLARGE;
    }
    size_t need = bytes->length + more + 1;
    if (need <= bytes->capacity) {
        return D1_OK;
    }
    size_t capacity = bytes->capacity < 128 ? 128 : bytes->capacity;
    while (capacity < need) {
        capacity *= 2;
    }
    uint8_t *data = d1_realloc(bytes->data, capacity, 1);
    if (data == NULL) {
        bytes->failed = true;
        return -ENOMEM;
    }
    bytes->data = data;
    bytes->capacity = capacity;
    return D1_OK;
}

int d1_bytes_add(struct d1_bytes *bytes, const void *data, size_t length) {
    int err = reserve(bytes, length);
    if (err == D1_OK && length > 0) {
        memcpy(bytes->data + bytes->length, data, length);
        bytes->length += length;
    }
    return err;
}

int d1_bytes_add_text(struct d1_bytes *bytes, const char *text) {
    return d1_bytes_add(bytes, text, strlen(text));
}

int d1_bytes_printf(struct d1_bytes *bytes, const char *format, ...) {
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    int err = length < 0 ? D1_EINTERNAL : reserve(bytes, (size_t)length);
    if (err == D1_OK) {
        vsnprintf((char *)bytes->data + bytes->length, (size_t)length + 1, format, again);
        bytes->length += (size_t)length;
    }
    va_end(again);
    return err;
}

void d1_bytes_drop(struct d1_bytes *bytes, size_t length) {
    if (length >= bytes->length) {
        bytes->length = 0;
        return;
    }
    memmove(bytes->data, bytes->data + length, bytes->length - length);
    bytes->length -= length;
}

const char *d1_bytes_text(struct d1_bytes *bytes) {
    if (bytes->data == NULL && reserve(bytes, 0) != D1_OK) {
        return NULL;
    }
    bytes->data[bytes->length] = '\0';
    return (const char *)bytes->data;
}
