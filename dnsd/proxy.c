#include "dnsd/proxy.h"

#include <errno.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"

#define FIXED_BYTES     16 /* Signature, version and command, family, length. */
#define SIGNATURE       "\r\n\r\n\0\r\nQUIT\n"
#define SIGNATURE_BYTES 12
#define VERSION_2       0x2
#define COMMAND_LOCAL   0x0
#define COMMAND_PROXY   0x1
#define FAMILY_UNSPEC   0x0
#define FAMILY_INET     0x1
#define FAMILY_INET6    0x2
#define TRANSPORT_MAX   0x2 /* Unspecified, stream, datagram. */
#define INET_BYTES      12  /* Two addresses, two ports. */
#define INET6_BYTES     36

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291, 2.5.5.2. */

static void set_inet(union d1_peer *peer, const uint8_t *address, const uint8_t *port) {
    *peer = (union d1_peer){.in = {.sin_family = AF_INET}};
    memcpy(&peer->in.sin_addr, address, sizeof(peer->in.sin_addr));
    memcpy(&peer->in.sin_port, port, sizeof(peer->in.sin_port));
}

/* Source address, destination address, source port, destination port. */
static bool take_addresses(unsigned family, const uint8_t *octets, size_t length,
                           union d1_peer *ret_client, size_t *ret_used) {
    if (family == FAMILY_INET && length >= INET_BYTES) {
        set_inet(ret_client, octets, octets + 8);
        *ret_used = INET_BYTES;
        return true;
    }
    if (family != FAMILY_INET6 || length < INET6_BYTES) {
        return false;
    }
    *ret_used = INET6_BYTES;
    if (memcmp(octets, mapped_prefix, sizeof(mapped_prefix)) == 0) {
        set_inet(ret_client, octets + sizeof(mapped_prefix), octets + 32);
        return true;
    }
    *ret_client = (union d1_peer){.in6 = {.sin6_family = AF_INET6}};
    memcpy(&ret_client->in6.sin6_addr, octets, sizeof(ret_client->in6.sin6_addr));
    memcpy(&ret_client->in6.sin6_port, octets + 32, sizeof(ret_client->in6.sin6_port));
    return true;
}

/* Type, two octets of length, and so many octets, until the end. */
static bool extensions_are_whole(const uint8_t *octets, size_t length) {
    struct d1_reader reader = d1_reader_over(octets, length);
    while (d1_reader_left(&reader) > 0) {
        (void)d1_read_u8(&reader);
        if (d1_read_bytes(&reader, d1_read_u16(&reader)) == NULL) {
            return false;
        }
    }
    return true;
}

/* What stands in the 16 fixed octets, but for the length. */
static bool fixed_part_ok(const uint8_t *octets) {
    unsigned command = octets[12] & 0xfU;
    return octets[12] >> 4 == VERSION_2 && command <= COMMAND_PROXY &&
           (octets[13] & 0xfU) <= TRANSPORT_MAX;
}

int d1_proxy_parse(const uint8_t *octets, size_t length, struct d1_proxy_header *ret_header) {
    size_t known = length < SIGNATURE_BYTES ? length : SIGNATURE_BYTES;
    if (memcmp(octets, SIGNATURE, known) != 0) {
        return D1_EPARSE;
    }
    if (length < FIXED_BYTES) {
        return -EAGAIN;
    }
    size_t rest = d1_load_u16(octets + 14);
    if (!fixed_part_ok(octets) || FIXED_BYTES + rest > D1_PROXY_BYTES_MAX) {
        return D1_EPARSE;
    }
    if (length < FIXED_BYTES + rest) {
        return -EAGAIN;
    }
    struct d1_proxy_header header = {.length = FIXED_BYTES + rest};
    unsigned family = octets[13] >> 4;
    header.local = (octets[12] & 0xfU) == COMMAND_LOCAL || family == FAMILY_UNSPEC;
    if (!header.local) {
        size_t used = 0;
        if (!take_addresses(family, octets + FIXED_BYTES, rest, &header.client, &used) ||
            !extensions_are_whole(octets + FIXED_BYTES + used, rest - used)) {
            return D1_EPARSE;
        }
    }
    *ret_header = header;
    return D1_OK;
}
