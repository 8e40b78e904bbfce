/*
 * HTTP/1.1 client on one loop: libcurl's multi socket interface, of which nothing else here knows.
 *
 * Certificates are always verified. https only, unless a call says otherwise. Redirects are not
 * followed, no cookie or credential is kept, the environment names no proxy: what a call does stands
 * in the call. Names are looked up in a thread of libcurl's, so that the loop never waits.
 *
 * Threads: everything is called on the loop's thread (before it runs: by anyone). Callback law: if
 *   start returns an error, `done` is never called; otherwise exactly once, from the loop, never
 *   before start has returned; after a cancel still, with D1_ECANCELED.
 * Memory: a call is the caller's, and all it points at is borrowed until `done`. What it sent and
 *   received is wiped after `done`.
 * Limits: D1_HTTP_CALLS_MAX calls at a time; the reply has `reply_max` octets at most.
 */
#ifndef D1_HTTP_CLIENT_H
#define D1_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/buf.h"
#include "core/err.h"
#include "http/header.h"

struct d1_http_call;
struct d1_http_client;
struct d1_loop;

/* A client without calls. The loop is borrowed. Returns 0 or -ENOMEM. */
int d1_http_client_create(struct d1_loop *loop, struct d1_http_client **ret_client);

/*
 * Cancel all calls and close; `closed(arg)` (NULL is allowed) is called from the loop when nothing
 * is left, and the client is gone then. Not twice.
 */
void d1_http_client_close(struct d1_http_client *client, void (*closed)(void *arg), void *arg);

/* Whom to believe, and who we are. NULL members: the system's authorities; no certificate of ours. */
struct d1_http_trust {
    const char *ca_file; /* PEM file, in place of the system's authorities. */
    const void *ca;      /* PEM text, in place of ca_file. */
    size_t ca_length;
    const void *certificate; /* PEM text of our own, with its chain, and its key. */
    size_t certificate_length;
    const void *key;
    size_t key_length;
};

enum d1_http_call_flag {
    D1_HTTP_CALL_PLAIN = 1,     /* http:// is allowed too. */
    D1_HTTP_CALL_PROXY_ENV = 2, /* Where `proxy` is NULL: what https_proxy and no_proxy say. */
};

struct d1_http_call {
    const char *method; /* "GET", "PATCH" ... */
    const char *url;    /* Absolute, without user and password. */
    const char *host;   /* The URL's host must be this, case apart; NULL: any. */
    const struct d1_http_header *headers;
    size_t headers_count;
    const void *body; /* NULL: none. */
    size_t body_length;
    const struct d1_http_trust *trust; /* NULL: the system's authorities. */
    const char *proxy;                 /* "http://proxy.example:3128"; NULL: none. */
    unsigned flags;
    uint32_t connect_ms; /* Until TLS stands; 0: D1_HTTP_CONNECT_MS. */
    uint32_t total_ms;   /* Until the last octet; 0: D1_HTTP_CALL_MS. */
    size_t reply_max;    /* 0: D1_HTTP_REPLY_BYTES_MAX. */

    /*
     * Whether that address may be talked to; asked for each address before it is connected to, and
     * again for a connection that is used once more. With a proxy it is the proxy's. NULL: any.
     */
    bool (*allow)(const struct d1_http_call *call, const struct sockaddr_storage *address);

    /*
     * Octets of the body of a reply with a 2xx status, as they come; nothing is kept of them. An
     * error ends the call with it. Must not start, cancel or close anything. NULL: collect them.
     */
    int (*on_data)(struct d1_http_call *call, const void *data, size_t length);
    void (*done)(struct d1_http_call *call, int err);
    void *arg; /* The caller's. */

    /* Results, for done: whatever the status is, err is 0 when a whole reply has come. */
    int status;            /* Also when it was cut: 0 before the status line. */
    struct d1_bytes reply; /* Borrowed until done returns. */
    struct d1_error error; /* The story of err; no times, ports or addresses in it. */

    void *state; /* The client's own. */
};

/*
 * Start it. Returns 0, D1_ELIMIT, -ENOMEM, or D1_EPARSE (URL, host or header field are not what they
 * may be, with the story in call->error).
 */
int d1_http_client_start(struct d1_http_client *client, struct d1_http_call *call);

/* End it now; `done` follows with D1_ECANCELED. Only between start and done. */
void d1_http_client_cancel(struct d1_http_client *client, struct d1_http_call *call);

/* The value of a header field of the reply, the first of that name, or NULL. Only in done. */
const char *d1_http_call_header(const struct d1_http_call *call, const char *name);

/*
 * The fields of the reply one after another, names as they came: *cursor is NULL at first. Returns
 * false at the end. Only in done; the field is valid until the next call.
 */
bool d1_http_call_next_header(const struct d1_http_call *call, void **cursor,
                              struct d1_http_header *ret_header);

/*
 * The seconds of a Retry-After field (RFC 9110, 10.2.3), D1_HTTP_RETRY_AFTER_MAX_S at most; 0: there
 * is none, or it gives a date. Only in done.
 */
unsigned d1_http_call_retry_after_s(const struct d1_http_call *call);

#endif /* D1_HTTP_CLIENT_H */
