#include "daemon/answering.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "core/mem.h"
#include "core/text.h"

/* Lines of 32 hex digits; empty ones are passed over. */
static int take_secrets(const char *text, size_t length, struct d1_cookie_secrets *secrets,
                        struct d1_error *error) {
    size_t at = 0;
    for (unsigned line = 1; at < length; line++) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t digits = end != NULL ? (size_t)(end - (text + at)) : length - at;
        const char *start = text + at;
        at += digits + 1;
        digits -= digits > 0 && start[digits - 1] == '\r';
        if (digits == 0) {
            continue;
        }
        if (secrets->count == D1_COOKIE_SECRETS_MAX) {
            return d1_error_set(error, D1_ELIMIT, "has more than %d secrets",
                                D1_COOKIE_SECRETS_MAX);
        }
        if (digits != (size_t)2 * D1_SIPHASH_KEY_BYTES ||
            d1_hex_decode(start, digits, secrets->secret[secrets->count]) != D1_OK) {
            return d1_error_set(error, D1_ECONFIG,
                                "line %u is not a secret, expected 32 hex digits (16 octets)",
                                line);
        }
        secrets->count++;
    }
    if (secrets->count == 0) {
        return d1_error_set(error, D1_ECONFIG, "is empty, expected 32 hex digits (16 octets)");
    }
    return D1_OK;
}

static int read_secrets(const char *path, struct d1_cookie_secrets *secrets,
                        struct d1_error *error) {
    char *text = NULL;
    size_t length = 0;
    int err = d1_file_read(path, D1_SECRET_BYTES_MAX, &text, &length, error);
    if (err != D1_OK) {
        return err;
    }
    err = take_secrets(text, length, secrets, error);
    if (err != D1_OK) {
        d1_error_prefix(error, "%s", path);
    }
    d1_wipe(text, length);
    d1_free(text);
    return err;
}

/* The CIDRs of a list, which the table has checked. Returns 0 or -ENOMEM. */
static int take_cidrs(const struct d1_node *list, const char *path, d1_setting_fault_fn on_fault,
                      void *arg, const struct d1_cidr **ret_cidrs, size_t *ret_count) {
    if (list->count > D1_DNS_CIDRS_MAX) {
        on_fault(arg, list->line, path, "has too many networks, expected 1024 or fewer");
        return D1_OK;
    }
    struct d1_cidr *cidrs = d1_calloc(list->count + 1, sizeof(*cidrs));
    if (cidrs == NULL) {
        return -ENOMEM;
    }
    size_t count = 0;
    for (const struct d1_node *item = list->first; item != NULL; item = item->next) {
        int err = d1_cidr_parse(item->text, strlen(item->text), &cidrs[count++]);
        assert(err == D1_OK);
        (void)err;
    }
    *ret_cidrs = cidrs;
    *ret_count = count;
    return D1_OK;
}

int d1_answering_read(const struct d1_node *root, d1_setting_fault_fn on_fault, void *arg,
                      struct d1_options *ret_options) {
    char host[D1_NSID_OCTETS_MAX + 1] = "";
    *ret_options = (struct d1_options){.nsid_length = 0};
    if (gethostname(host, sizeof(host) - 1) == 0) {
        ret_options->nsid_length = (uint8_t)strlen(host);
        memcpy(ret_options->nsid, host, ret_options->nsid_length);
    }
    const struct d1_node *per_second = d1_node_path(root, "dns.rate-limit.per-second");
    ret_options->rate = d1_rate_limit_of((uint32_t)d1_setting_number(per_second));
    int taken = take_cidrs(d1_node_path(root, "dns.rate-limit.exempt"), "dns.rate-limit.exempt",
                           on_fault, arg, &ret_options->exempt, &ret_options->exempt_count);
    if (taken == D1_OK) {
        taken = take_cidrs(d1_node_path(root, "dns.proxy-protocol-from"), "dns.proxy-protocol-from",
                           on_fault, arg, &ret_options->proxies, &ret_options->proxies_count);
    }
    if (taken != D1_OK) {
        return taken;
    }
    const struct d1_node *file = d1_node_path(root, "dns.cookie-secret-file");
    assert(file != NULL);
    if (file->text[0] != '\0') {
        struct d1_error error = {0};
        int err = read_secrets(file->text, &ret_options->cookies, &error);
        if (err == -ENOMEM) {
            return err;
        }
        if (err != D1_OK) {
            on_fault(arg, file->line, "dns.cookie-secret-file", error.text);
        }
    }
    return D1_OK;
}

void d1_answering_close(struct d1_options *options) {
    d1_wipe(&options->cookies, sizeof(options->cookies));
    d1_free((void *)(uintptr_t)options->exempt);
    d1_free((void *)(uintptr_t)options->proxies);
}
