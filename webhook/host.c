#include "webhook/host.h"

#include <string.h>
#include <strings.h>

#include "core/limits.h"
#include "core/net.h"

static bool is_name(const char *host, size_t length, const char *name) {
    return strlen(name) == length && strncasecmp(host, name, length) == 0;
}

bool d1_host_is_ours(const char *host, char *const *names, size_t count) {
    static const char local[] = "localhost";
    struct sockaddr_storage address;
    char with_port[D1_NAME_TEXT_MAX];
    size_t length = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    if (length > D1_NAME_OCTETS_MAX || length > strlen(host)) {
        return false;
    }
    memcpy(with_port, host, length);
    memcpy(with_port + length, ":0", sizeof(":0"));
    if (d1_address_parse(with_port, &address) == 0) {
        return true;
    }
    length -= length > 0 && host[length - 1] == '.' ? 1 : 0;
    if (is_name(host, length, local)) {
        return true;
    }
    size_t below = sizeof(local); /* With its dot in front. */
    if (length > below && host[length - below] == '.' &&
        is_name(host + length - below + 1, below - 1, local)) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_name(host, length, names[i])) {
            return true;
        }
    }
    return false;
}
