/*
 * The authoritative DNS server: N workers, each with its own loop, thread ("dns-0" ...), UDP and
 * TCP sockets (SO_REUSEPORT), counters, epoch slot and ring of timeline events.
 *
 * Threads: everything here is called on the control loop; on_asked is called there too.
 * Memory: borrows what the options name until `stopped` was called.
 * Limits: D1_WORKERS_MAX workers, D1_LISTENERS_MAX addresses, D1_TCP_* per worker and connection.
 */
#ifndef D1_DNSD_SERVER_H
#define D1_DNSD_SERVER_H

#include <sys/socket.h>

#include "core/err.h"
#include "dnsd/keys.h"
#include "dnsd/options.h"
#include "dnsd/served.h"

struct d1_clock;
struct d1_epoch;
struct d1_loop;
struct d1_metrics;
struct d1_dnsd;
struct d1_solver;

/* A query for a name that holds challenge values, as the timeline wants it. */
struct d1_asked {
    struct d1_name name;
    struct sockaddr_storage from;
    int64_t time_ms; /* Unix time. */
    uint16_t type;
    uint8_t rcode;
    uint8_t answers;
    bool tcp;
    bool truncated;
};

struct d1_dnsd_options {
    struct d1_loop *loop; /* The control loop. */
    const struct d1_clock *clock;
    struct d1_epoch *epoch; /* With at least `workers` readers: worker N is reader N. */
    struct d1_served_current *current;
    struct d1_options_current *answering; /* How to answer; may be swapped at any time. */
    struct d1_metrics *metrics;
    unsigned workers;
    size_t listen_count;
    const char *const *listen; /* "127.0.0.1:5300", "[::1]:5300"; UDP and TCP each. */
    unsigned tcp_idle_ms;      /* 0: D1_TCP_IDLE_MS. */
    void (*on_asked)(const struct d1_asked *asked, void *arg); /* NULL is allowed. */
    void *arg;
};

/*
 * Bind every socket of every worker, start no thread yet. A port 0 becomes one free port for all
 * workers and both transports of that address. An IPv6 address where the host has none is
 * -EAFNOSUPPORT or -EADDRNOTAVAIL with a story naming the address.
 */
int d1_dnsd_create(const struct d1_dnsd_options *options, struct d1_dnsd **ret_dnsd,
                   struct d1_error *error);

/*
 * Before start: check signatures with these keys, and have the solver apply UPDATEs, which are
 * refused otherwise. Borrows both. Returns 0 or -ENOMEM.
 */
int d1_dnsd_take_updates(struct d1_dnsd *dnsd, struct d1_keys_current *keys,
                         struct d1_solver *solver) D1_MUST_CHECK;

/* Start the threads. Returns 0 or -errno. */
int d1_dnsd_start(struct d1_dnsd *dnsd);

/* The address bound for listen[index], with its port. */
void d1_dnsd_address(const struct d1_dnsd *dnsd, size_t index,
                     struct sockaddr_storage *ret_address);

/*
 * Stop: answer what the sockets hold now, send what TCP connections are owed (for grace_ms at
 * most), end the threads, then call stopped(arg) from the control loop. Then destroy.
 */
void d1_dnsd_stop(struct d1_dnsd *dnsd, uint64_t grace_ms, void (*stopped)(void *arg), void *arg);

/* Before start, or after `stopped` was called and the solver was destroyed. NULL is allowed. */
void d1_dnsd_destroy(struct d1_dnsd *dnsd);

#endif /* D1_DNSD_SERVER_H */
