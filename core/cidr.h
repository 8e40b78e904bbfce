/*
 * Client addresses and CIDR ranges, as Go's net package reads them (acme-dns' allowfrom).
 *
 * Threads: pure functions, no allocation.
 */
#ifndef D1_CORE_CIDR_H
#define D1_CORE_CIDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* An address; an IPv4-mapped IPv6 address is its IPv4 address. */
struct d1_ip {
    uint8_t length; /* 4, 16, or 0: none (a Unix socket). */
    uint8_t octets[16];
};

struct d1_cidr {
    struct d1_ip base; /* Host bits may be set. */
    uint8_t bits;
};

#define D1_IP_TEXT_BYTES   46 /* INET6_ADDRSTRLEN. */
#define D1_CIDR_TEXT_BYTES 64 /* An address, '/', digits (leading zeros are allowed), NUL. */

void d1_ip_from_socket(const struct sockaddr_storage *socket, struct d1_ip *ret_address);

/* "192.0.2.1" or "2001:db8::1", no zone. Returns 0 or D1_EPARSE. */
int d1_ip_parse(const char *text, size_t length, struct d1_ip *ret_address);

/* "" when there is none. */
void d1_ip_format(const struct d1_ip *address, char ret_text[D1_IP_TEXT_BYTES]);

/*
 * ADDRESS/BITS as Go's net.ParseCIDR: host bits may be set, the mask is required. Returns 0 or
 * D1_EPARSE.
 */
int d1_cidr_parse(const char *text, size_t length, struct d1_cidr *ret_cidr);

bool d1_cidr_contains(const struct d1_cidr *cidr, const struct d1_ip *address);

/*
 * Whether the address is in one of the CIDRs of a list as d1_account.allowfrom: blank between. An
 * empty list holds everybody.
 */
bool d1_cidr_list_contains(const char *list, const struct d1_ip *address);

/* Whether one of `count` CIDRs holds the address. */
bool d1_cidr_any_contains(const struct d1_cidr *cidrs, size_t count, const struct d1_ip *address);

/*
 * Whether it is an address of the public Internet: not loopback, link-local (cloud metadata services
 * are there), private, shared, documentation, benchmarking, multicast, reserved, or an IPv6 form that
 * carries such an IPv4 address (NAT64, 6to4). After the IANA special-purpose registries (RFC 6890).
 */
bool d1_ip_is_public(const struct d1_ip *address);

#endif /* D1_CORE_CIDR_H */
