/*
 * SO_REUSEPORT lets a second program of the same user share a port in silence: half of all queries
 * would go to the wrong one. So the first socket of each kind is bound plainly, which fails when
 * anyone is there, and is opened to sharing afterwards; its brothers join it. (To probe and close
 * first would leave a moment in which two programs that start together both succeed.)
 */
#include "dnsd/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "core/limits.h"
#include "core/net.h"

#define PORT_ATTEMPTS       64
#define SOCKET_BUFFER_BYTES (4 << 20) /* As much as the kernel grants (net.core.rmem_max). */
#define BACKLOG             4096      /* The kernel cuts it to net.core.somaxconn. */

static int set(int fd, int level, int option, int value) {
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0 ? D1_OK : -errno;
}

static in_port_t get_port(const struct sockaddr_storage *address) {
    return address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
                                          : ((const struct sockaddr_in *)address)->sin_port;
}

/*
 * UDP: never fragment, never believe a learnt path MTU (PMTUDISC_PROBE sets DF, which also spares
 * the kernel the choice of an IP id); large buffers if we may.
 */
static int set_udp(int fd, const struct sockaddr_storage *address) {
    (void)set(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_BYTES);
    (void)set(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_BYTES);
    bool six = address->ss_family == AF_INET6;
    (void)(six ? set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE)
               : set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE));
    if (!d1_address_is_wildcard(address)) {
        return D1_OK;
    }
    return six ? set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) : set(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

static int set_tcp(int fd) {
    /* After a restart the old connections' TIME_WAIT must not keep us out. */
    int err = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    /*
     * Accepted connections inherit both. A client that never reads takes no more of the kernel's
     * memory than this (it grants twice as much), where it would let the buffer grow to megabytes.
     */
    (void)set(fd, SOL_SOCKET, SO_SNDBUF, D1_TCP_UNSENT_BYTES_MAX);
    return err != D1_OK ? err : set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

/* A bound (TCP: not yet listening) socket. `first`: nobody else may be there. */
static int open_socket(const struct sockaddr_storage *address, int type, bool first, int *ret_fd) {
    int fd = socket(address->ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    int err = type == SOCK_DGRAM ? set_udp(fd, address) : set_tcp(fd);
    if (err == D1_OK && address->ss_family == AF_INET6) {
        err = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
    if (err == D1_OK && !first) {
        err = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    if (err == D1_OK &&
        bind(fd, (const struct sockaddr *)address, d1_address_length(address)) != 0) {
        err = -errno;
    }
    if (err == D1_OK && first) {
        err = set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    if (err != D1_OK) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return D1_OK;
}

static int open_listener(const struct sockaddr_storage *address, bool first, int *ret_fd) {
    int fd = -1;
    int err = open_socket(address, SOCK_STREAM, first, &fd);
    if (err != D1_OK) {
        return err;
    }
    if (listen(fd, BACKLOG) != 0) {
        err = -errno;
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return D1_OK;
}

void d1_listen_close(struct d1_listen_pair *pairs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].udp >= 0) {
            close(pairs[i].udp);
        }
        if (pairs[i].tcp >= 0) {
            close(pairs[i].tcp);
        }
        pairs[i] = (struct d1_listen_pair){.udp = -1, .tcp = -1};
    }
}

/* Fills what it could open; *ret_transport is the one that failed. */
static int bind_all(struct sockaddr_storage *address, unsigned workers,
                    struct d1_listen_pair *pairs, const char **ret_transport) {
    for (unsigned i = 0; i < workers; i++) {
        *ret_transport = "UDP";
        int err = open_socket(address, SOCK_DGRAM, i == 0, &pairs[i].udp);
        if (err == D1_OK && get_port(address) == 0) {
            socklen_t length = sizeof(*address);
            err = getsockname(pairs[i].udp, (struct sockaddr *)address, &length) == 0 ? D1_OK
                                                                                      : -errno;
        }
        if (err == D1_OK) {
            *ret_transport = "TCP";
            err = open_listener(address, i == 0, &pairs[i].tcp);
        }
        if (err != D1_OK) {
            return err;
        }
    }
    return D1_OK;
}

/* What is wrong, and what to do. */
static const char *reason(int err, const struct sockaddr_storage *address) {
    switch (err) {
    case -EADDRINUSE:
        return "address already in use: another program listens there";
    case -EACCES:
        return ntohs(get_port(address)) < 1024
                   ? "permission denied: binding ports below 1024 needs CAP_NET_BIND_SERVICE"
                   : "permission denied";
    case -EADDRNOTAVAIL:
        return "cannot assign the address: no interface of this host has it";
    case -EAFNOSUPPORT:
        return "address family not supported: this host has no such protocol";
    case -EMFILE:
        return "too many open files: raise the limit (LimitNOFILE=, ulimit -n)";
    default:
        return d1_err_text(err);
    }
}

int d1_listen_bind(struct sockaddr_storage *address, unsigned workers,
                   struct d1_listen_pair *ret_pairs, struct d1_error *error) {
    struct sockaddr_storage wanted = *address;
    struct sockaddr_storage bound = wanted;
    const char *transport = "UDP";
    int err = -EADDRINUSE;
    unsigned attempts = get_port(&wanted) == 0 ? PORT_ATTEMPTS : 1;
    for (unsigned i = 0; i < workers; i++) {
        ret_pairs[i] = (struct d1_listen_pair){.udp = -1, .tcp = -1};
    }
    for (unsigned i = 0; i < attempts && err == -EADDRINUSE; i++) {
        bound = wanted;
        err = bind_all(&bound, workers, ret_pairs, &transport);
        if (err != D1_OK) {
            d1_listen_close(ret_pairs, workers);
        }
    }
    if (err == D1_OK) {
        *address = bound;
        return D1_OK;
    }
    char text[D1_ADDRESS_TEXT_BYTES];
    d1_address_format(&wanted, text);
    return d1_error_set(error, err, "%s: %s (%s)", text, reason(err, &wanted), transport);
}
