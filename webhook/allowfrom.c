#include "webhook/allowfrom.h"

#include <errno.h>
#include <string.h>

#include "core/buf.h"
#include "core/cidr.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "webhook/json.h"

/* One range without '[' and ']', as acme-dns reads it. Appends it, with a blank before all but the
 * first. Returns 0, D1_EPARSE or -ENOMEM. */
static int add_range(struct d1_bytes *list, const json_t *range) {
    char text[D1_CIDR_TEXT_BYTES];
    size_t length = 0;
    const char *from = json_string_value(range);
    for (; *from != '\0'; from++) {
        if (*from == '[' || *from == ']') {
            continue;
        }
        if (length == sizeof(text)) {
            return D1_EPARSE;
        }
        text[length++] = *from;
    }
    struct d1_cidr cidr;
    if (d1_cidr_parse(text, length, &cidr) != D1_OK) {
        return D1_EPARSE;
    }
    if (list->length > 0) {
        d1_bytes_add(list, " ", 1);
    }
    d1_bytes_add(list, text, length);
    return list->failed ? -ENOMEM : D1_OK;
}

const char *d1_allowfrom_read(const json_t *ranges, char **ret_text) {
    if (ranges == NULL || json_is_null(ranges)) {
        return NULL;
    }
    size_t count = json_array_size(ranges);
    for (size_t i = 0; i < count; i++) {
        if (!json_is_string(json_array_get(ranges, i))) {
            return "malformed_json_payload";
        }
    }
    if (!json_is_array(ranges)) {
        return "malformed_json_payload";
    }
    if (count > D1_ALLOWFROM_MAX) {
        return "invalid_allowfrom_cidr";
    }
    struct d1_bytes list;
    d1_bytes_init(&list, D1_ALLOWFROM_MAX * D1_CIDR_TEXT_BYTES);
    int err = D1_OK;
    for (size_t i = 0; i < count && err == D1_OK; i++) {
        err = add_range(&list, json_array_get(ranges, i));
    }
    const char *text = err == D1_OK ? d1_bytes_text(&list) : NULL;
    char *copy = text != NULL ? d1_strdup(text) : NULL;
    if (err == D1_OK && copy == NULL) {
        err = -ENOMEM;
    }
    d1_bytes_close(&list);
    if (err == D1_OK) {
        *ret_text = copy;
    }
    return err == D1_OK ? NULL : err == D1_EPARSE ? "invalid_allowfrom_cidr" : "json_error";
}

void d1_allowfrom_add(struct d1_bytes *body, const char *text) {
    d1_bytes_add_text(body, "[");
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        d1_json_add(body, text, length);
        text += length;
        if (*text == ' ') {
            d1_bytes_add_text(body, ",");
            text++;
        }
    }
    d1_bytes_add_text(body, "]");
}
