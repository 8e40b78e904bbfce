#include "tests/bench/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "core/err.h"
#include "core/text.h"

int d1_bench_address_parse(const char *text, struct sockaddr_storage *ret_address,
                           socklen_t *ret_length) {
    char host[INET6_ADDRSTRLEN + 2];
    uint64_t port;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof(host) ||
        d1_number_parse(colon + 1, 1, UINT16_MAX, &port) < 0) {
        return D1_EPARSE;
    }
    size_t length = (size_t)(colon - text);
    memcpy(host, text, length);
    host[length] = '\0';
    *ret_address = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        v4.sin_port = htons((uint16_t)port);
        memcpy(ret_address, &v4, sizeof(v4));
        *ret_length = sizeof(v4);
        return 0;
    }
    if (length < 2 || host[0] != '[' || host[length - 1] != ']') {
        return D1_EPARSE;
    }
    host[length - 1] = '\0';
    if (inet_pton(AF_INET6, host + 1, &v6.sin6_addr) != 1) {
        return D1_EPARSE;
    }
    v6.sin6_port = htons((uint16_t)port);
    memcpy(ret_address, &v6, sizeof(v6));
    *ret_length = sizeof(v6);
    return 0;
}
