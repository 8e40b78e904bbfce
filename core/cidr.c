#include "core/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "core/err.h"

static const uint8_t mapped_prefix[12] = {[10] = 0xFF, [11] = 0xFF}; /* RFC 4291, 2.5.5.2. */

static void set_address(const uint8_t *octets, size_t length, struct d1_ip *ret_address) {
    if (length == 16 && memcmp(octets, mapped_prefix, sizeof(mapped_prefix)) == 0) {
        octets += sizeof(mapped_prefix);
        length = 4;
    }
    *ret_address = (struct d1_ip){.length = (uint8_t)length};
    memcpy(ret_address->octets, octets, length);
}

void d1_ip_from_socket(const struct sockaddr_storage *socket, struct d1_ip *ret_address) {
    *ret_address = (struct d1_ip){.length = 0};
    if (socket->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, socket, sizeof(in));
        set_address((const uint8_t *)&in.sin_addr, 4, ret_address);
    } else if (socket->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, socket, sizeof(in6));
        set_address(in6.sin6_addr.s6_addr, 16, ret_address);
    }
}

/* Octets of an address as written: an IPv4-mapped one stays 16 octets long. Returns 4, 16 or 0. */
static size_t parse_octets(const char *text, size_t length, uint8_t octets[16]) {
    char copy[D1_IP_TEXT_BYTES];
    if (length >= sizeof(copy) || memchr(text, '\0', length) != NULL) {
        return 0;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (inet_pton(AF_INET, copy, octets) == 1) {
        return 4;
    }
    return inet_pton(AF_INET6, copy, octets) == 1 ? 16 : 0;
}

int d1_ip_parse(const char *text, size_t length, struct d1_ip *ret_address) {
    uint8_t octets[16];
    size_t octets_length = parse_octets(text, length, octets);
    if (octets_length == 0) {
        return D1_EPARSE;
    }
    set_address(octets, octets_length, ret_address);
    return D1_OK;
}

void d1_ip_format(const struct d1_ip *address, char ret_text[D1_IP_TEXT_BYTES]) {
    ret_text[0] = '\0';
    if (address->length > 0) {
        int family = address->length == 4 ? AF_INET : AF_INET6;
        inet_ntop(family, address->octets, ret_text, D1_IP_TEXT_BYTES);
    }
}

int d1_cidr_parse(const char *text, size_t length, struct d1_cidr *ret_cidr) {
    const char *slash = memchr(text, '/', length);
    if (slash == NULL || slash + 1 == text + length) {
        return D1_EPARSE;
    }
    uint8_t octets[16];
    size_t octets_length = parse_octets(text, (size_t)(slash - text), octets);
    if (octets_length == 0) {
        return D1_EPARSE;
    }
    size_t bits = 0;
    for (const char *c = slash + 1; c < text + length; c++) {
        if (*c < '0' || *c > '9') {
            return D1_EPARSE;
        }
        bits = bits * 10 + (size_t)(*c - '0');
        if (bits > octets_length * 8) {
            return D1_EPARSE;
        }
    }
    /* Go masks first: with fewer than 96 bits a mapped prefix is cut, and the range is IPv6. */
    if (octets_length == 16 && bits >= 96) {
        set_address(octets, 16, &ret_cidr->base);
        ret_cidr->bits = (uint8_t)(ret_cidr->base.length == 4 ? bits - 96 : bits);
        return D1_OK;
    }
    ret_cidr->base = (struct d1_ip){.length = (uint8_t)octets_length};
    memcpy(ret_cidr->base.octets, octets, octets_length);
    ret_cidr->bits = (uint8_t)bits;
    return D1_OK;
}

bool d1_cidr_contains(const struct d1_cidr *cidr, const struct d1_ip *address) {
    if (address->length == 0 || address->length != cidr->base.length) {
        return false;
    }
    size_t whole = cidr->bits / 8;
    if (memcmp(cidr->base.octets, address->octets, whole) != 0) {
        return false;
    }
    unsigned rest = cidr->bits % 8;
    if (rest == 0) {
        return true;
    }
    unsigned differing = (unsigned)cidr->base.octets[whole] ^ address->octets[whole];
    return differing >> (8 - rest) == 0;
}

bool d1_cidr_list_contains(const char *list, const struct d1_ip *address) {
    bool empty = true;
    while (*list != '\0') {
        size_t length = strcspn(list, " ");
        struct d1_cidr cidr;
        if (length > 0) {
            empty = false;
            if (d1_cidr_parse(list, length, &cidr) == D1_OK && d1_cidr_contains(&cidr, address)) {
                return true;
            }
        }
        list += length;
        list += *list == ' ';
    }
    return empty;
}

bool d1_cidr_any_contains(const struct d1_cidr *cidrs, size_t count, const struct d1_ip *address) {
    for (size_t i = 0; i < count; i++) {
        if (d1_cidr_contains(&cidrs[i], address)) {
            return true;
        }
    }
    return false;
}

/* IANA special-purpose address registries, what is not globally reachable; NAT64 and 6to4 apart. */
static const struct d1_cidr special[] = {
    {{4, {0}}, 8},
    {{4, {10}}, 8},
    {{4, {100, 64}}, 10},
    {{4, {127}}, 8},
    {{4, {169, 254}}, 16},
    {{4, {172, 16}}, 12},
    {{4, {192, 0, 0}}, 24},
    {{4, {192, 0, 2}}, 24},
    {{4, {192, 88, 99}}, 24},
    {{4, {192, 168}}, 16},
    {{4, {198, 18}}, 15},
    {{4, {198, 51, 100}}, 24},
    {{4, {203, 0, 113}}, 24},
    {{4, {224}}, 4},
    {{4, {240}}, 4},
};

static const struct d1_cidr global_ipv6 = {{16, {0x20}}, 3}; /* 2000::/3: all that is given out. */

static const struct d1_cidr special_ipv6[] = {
    {{16, {0x20, 0x01}}, 23},             /* Protocol assignments, Teredo among them. */
    {{16, {0x20, 0x01, 0x0d, 0xb8}}, 32}, /* Documentation. */
    {{16, {0x3f, 0xff}}, 20},             /* Documentation. */
};

static bool is_public_ipv4(const uint8_t octets[4]) {
    struct d1_ip address = {.length = 4};
    memcpy(address.octets, octets, 4);
    return !d1_cidr_any_contains(special, sizeof(special) / sizeof(special[0]), &address);
}

bool d1_ip_is_public(const struct d1_ip *address) {
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (address->length == 4) {
        return is_public_ipv4(address->octets);
    }
    if (address->length != 16) {
        return false;
    }
    if (memcmp(address->octets, nat64, sizeof(nat64)) == 0) {
        return is_public_ipv4(address->octets + 12);
    }
    if (address->octets[0] == 0x20 && address->octets[1] == 0x02) {
        return is_public_ipv4(address->octets + 2);
    }
    return d1_cidr_contains(&global_ipv6, address) &&
           !d1_cidr_any_contains(special_ipv6, sizeof(special_ipv6) / sizeof(special_ipv6[0]),
                                 address);
}
