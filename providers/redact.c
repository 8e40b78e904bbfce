#include "providers/redact.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "core/mem.h"

struct d1_redact_form {
    struct d1_redact_form *next;
    size_t length;
    char text[];
};

static int add_form(struct d1_redact *redact, const char *text, size_t length) {
    if (length < D1_REDACT_MIN) {
        return 0;
    }
    struct d1_redact_form *form = d1_malloc(sizeof(*form) + length);
    if (form == NULL) {
        return -ENOMEM;
    }
    form->length = length;
    memcpy(form->text, text, length);
    /* The longest first, so that one that holds another goes whole. */
    struct d1_redact_form **at = &redact->forms;
    while (*at != NULL && (*at)->length > length) {
        at = &(*at)->next;
    }
    form->next = *at;
    *at = form;
    return 0;
}

static bool is_plain(unsigned char octet) {
    return (octet >= '0' && octet <= '9') || (octet >= 'a' && octet <= 'z') ||
           (octet >= 'A' && octet <= 'Z') || strchr("-._~", octet) != NULL;
}

static int add_percent(struct d1_redact *redact, const char *secret, bool upper) {
    size_t size = strlen(secret) * 3 + 1;
    char *text = d1_malloc(size);
    if (text == NULL) {
        return -ENOMEM;
    }
    size_t length = 0;
    for (const char *at = secret; *at != '\0'; at++) {
        if (is_plain((unsigned char)*at)) {
            text[length++] = *at;
        } else {
            length += (size_t)snprintf(text + length, size - length, upper ? "%%%02X" : "%%%02x",
                                       (unsigned char)*at);
        }
    }
    int err = length == strlen(secret) ? 0 : add_form(redact, text, length);
    d1_wipe(text, size);
    d1_free(text);
    return err;
}

static int add_base64(struct d1_redact *redact, const char *secret) {
    size_t length = strlen(secret);
    size_t size = (length + 2) / 3 * 4 + 1;
    unsigned char *text = d1_malloc(size);
    if (text == NULL) {
        return -ENOMEM;
    }
    EVP_EncodeBlock(text, (const unsigned char *)secret, (int)length);
    /* The last group depends on what follows the secret: leave it out. */
    int err = add_form(redact, (const char *)text, length / 3 * 4);
    d1_wipe(text, size);
    d1_free(text);
    return err;
}

int d1_redact_add(struct d1_redact *redact, const char *secret) {
    size_t length = strlen(secret);
    if (length < D1_REDACT_MIN) {
        return 0;
    }
    int err = add_form(redact, secret, length);
    err = err != 0 ? err : add_percent(redact, secret, true);
    err = err != 0 ? err : add_percent(redact, secret, false);
    return err != 0 ? err : add_base64(redact, secret);
}

void d1_redact_close(struct d1_redact *redact) {
    while (redact->forms != NULL) {
        struct d1_redact_form *form = redact->forms;
        redact->forms = form->next;
        d1_wipe(form->text, form->length);
        d1_free(form);
    }
}

static const struct d1_redact_form *find_form(const struct d1_redact *redact, const char *text,
                                              size_t left) {
    for (const struct d1_redact_form *form = redact->forms; form != NULL; form = form->next) {
        if (form->length <= left && memcmp(form->text, text, form->length) == 0) {
            return form;
        }
    }
    return NULL;
}

void d1_redact_text(const struct d1_redact *redact, const char *text, char *ret_text, size_t size) {
    size_t left = strlen(text);
    size_t length = 0;
    while (left > 0) {
        const struct d1_redact_form *form = find_form(redact, text, left);
        size_t taken = form != NULL ? form->length : 1;
        size_t needed = form != NULL ? 3 : 1;
        if (length + needed >= size) {
            length = length < size - 4 ? length : size - 4;
            memcpy(ret_text + length, "...", 3);
            length += 3;
            break;
        }
        if (form != NULL) {
            memcpy(ret_text + length, "***", 3);
        } else {
            unsigned char octet = (unsigned char)*text;
            ret_text[length] = octet < 0x20 || octet == 0x7f ? ' ' : *text;
        }
        length += needed;
        text += taken;
        left -= taken;
    }
    ret_text[length] = '\0';
}
