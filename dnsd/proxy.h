/*
 * The PROXY protocol, version 2: a header in which a proxy says who its client is, before the first
 * octet of a TCP connection and at the front of each UDP datagram.
 * (https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt, 2.2)
 *
 * Threads: pure functions, no allocation.
 * Limits: D1_PROXY_BYTES_MAX octets with all extensions (TLVs), which are passed over.
 */
#ifndef D1_DNSD_PROXY_H
#define D1_DNSD_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dnsd/peer.h"

struct d1_proxy_header {
    size_t length;        /* Octets of the header; what is proxied stands behind it. */
    bool local;           /* The proxy speaks for itself, or does not know for whom. */
    union d1_peer client; /* Unless local. An IPv4-mapped address is given as IPv4. */
};

/*
 * Read the header at the start of `octets`. Returns 0; -EAGAIN when these octets are the beginning
 * of one; or D1_EPARSE: another version or command, addresses that are neither IPv4 nor IPv6 or do
 * not fit, extensions that do not fill the rest, or longer than D1_PROXY_BYTES_MAX.
 */
int d1_proxy_parse(const uint8_t *octets, size_t length, struct d1_proxy_header *ret_header);

/* The header of a proxy that speaks for itself: 16 octets, for a probe of our own. */
#define D1_PROXY_LOCAL       "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
#define D1_PROXY_LOCAL_BYTES 16

#endif /* D1_DNSD_PROXY_H */
