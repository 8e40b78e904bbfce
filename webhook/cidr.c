#include "webhook/cidr.h"

#include <string.h>

#include "core/err.h"

/* "192.0.2.1", "192.0.2.1:443", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443". */
static int parse_forwarded(const char *text, size_t length, struct d1_ip *ret_address) {
    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t')) {
        length--;
    }
    if (length > 0 && text[0] == '[') {
        const char *end = memchr(text, ']', length);
        return end == NULL ? D1_EPARSE
                           : d1_ip_parse(text + 1, (size_t)(end - text) - 1, ret_address);
    }
    const char *colon = memchr(text, ':', length);
    if (colon != NULL && memchr(colon + 1, ':', (size_t)(text + length - colon) - 1) == NULL) {
        length = (size_t)(colon - text);
    }
    return d1_ip_parse(text, length, ret_address);
}

bool d1_forwarded_walk(const char *value, const struct d1_cidr *trusted, size_t count,
                       struct d1_ip *address) {
    const char *end = value + strlen(value);
    while (d1_cidr_any_contains(trusted, count, address)) {
        const char *start = end;
        while (start > value && start[-1] != ',') {
            start--;
        }
        if (parse_forwarded(start, (size_t)(end - start), address) != D1_OK) {
            return false;
        }
        if (start == value) {
            return true;
        }
        end = start - 1;
    }
    return false;
}
