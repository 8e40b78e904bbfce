#include "core/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/text.h"

int d1_address_parse(const char *text, struct sockaddr_storage *ret_address) {
    char host[INET6_ADDRSTRLEN + 1];
    bool six = text[0] == '[';
    const char *start = six ? text + 1 : text;
    size_t length = strcspn(start, six ? "]" : ":");
    const char *rest = start + length + (six && start[length] == ']' ? 1 : 0);
    uint64_t port;
    if (length == 0 || length >= sizeof(host) || rest[0] != ':' ||
        d1_number_parse(rest + 1, 0, 65535, &port) != D1_OK) {
        return D1_EPARSE;
    }
    memcpy(host, start, length);
    host[length] = '\0';
    struct sockaddr_storage address;
    memset(&address, 0, sizeof(address));
    struct sockaddr_in *in = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
    if (six) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
    } else {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)port);
    }
    void *octets = six ? (void *)&in6->sin6_addr : (void *)&in->sin_addr;
    if (inet_pton(six ? AF_INET6 : AF_INET, host, octets) != 1) {
        return D1_EPARSE;
    }
    *ret_address = address;
    return D1_OK;
}

void d1_address_format(const struct sockaddr_storage *address,
                       char ret_text[D1_ADDRESS_TEXT_BYTES]) {
    char host[INET6_ADDRSTRLEN];
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    if (address->ss_family == AF_INET &&
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)) != NULL) {
        snprintf(ret_text, D1_ADDRESS_TEXT_BYTES, "%s:%u", host, ntohs(in->sin_port));
    } else if (address->ss_family == AF_INET6 &&
               inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host)) != NULL) {
        snprintf(ret_text, D1_ADDRESS_TEXT_BYTES, "[%s]:%u", host, ntohs(in6->sin6_port));
    } else {
        snprintf(ret_text, D1_ADDRESS_TEXT_BYTES, "unix");
    }
}

socklen_t d1_address_length(const struct sockaddr_storage *address) {
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

bool d1_address_is_loopback(const struct sockaddr_storage *address) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    if (address->ss_family == AF_INET) {
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    return address->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

bool d1_address_is_wildcard(const struct sockaddr_storage *address) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    if (address->ss_family == AF_INET) {
        return in->sin_addr.s_addr == INADDR_ANY;
    }
    return address->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}
