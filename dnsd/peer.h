/*
 * A peer's socket address in the 28 octets it needs; sockaddr_storage has 128.
 *
 * Threads: pure functions.
 */
#ifndef D1_DNSD_PEER_H
#define D1_DNSD_PEER_H

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "core/cidr.h"

union d1_peer {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/*
 * The octets of its address, as they stand in it (an IPv4-mapped one has 16). Returns 4 or 16; 0 for
 * another family.
 */
static inline size_t d1_peer_octets(const union d1_peer *peer, const uint8_t **ret_octets) {
    if (peer->any.sa_family == AF_INET) {
        *ret_octets = (const uint8_t *)&peer->in.sin_addr;
        return sizeof(peer->in.sin_addr);
    }
    *ret_octets = peer->in6.sin6_addr.s6_addr;
    return peer->any.sa_family == AF_INET6 ? sizeof(peer->in6.sin6_addr) : 0;
}

/* Its address, an IPv4-mapped one as IPv4, to be compared with CIDR ranges. */
static inline struct d1_ip d1_peer_ip(const union d1_peer *peer) {
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};
    struct d1_ip ip;
    memcpy(&storage, peer, sizeof(*peer));
    d1_ip_from_socket(&storage, &ip);
    return ip;
}

#endif /* D1_DNSD_PEER_H */
