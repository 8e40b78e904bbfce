/*
 * HTTP/1.1 server on one loop (RFC 9110, RFC 9112). Knows no route.
 *
 * A connection reads one request, hands it over whole, writes its answer, and only then reads on:
 * pipelined requests are answered in order, and a client that does not read its answers is not read
 * from. What is malformed is answered (400, 408, 413, 414, 417, 431, 501, 505) and closed.
 *
 * Threads: everything here is called on the loop's thread; requests arrive there. The program
 *   ignores SIGPIPE, or the loop's thread blocks it.
 * Memory: a request and all it points at is borrowed for the length of the callback. An exchange is
 *   valid until d1_http_respond() has been called for it, exactly once, also when the client has
 *   gone meanwhile.
 * Limits: D1_HTTP_* in core/limits.h: header and body octets, connections per listener and per
 *   client address, time for the headers (a TLS handshake included), the body, the answer to be
 *   read, and idle time.
 */
#ifndef D1_HTTP_SERVER_H
#define D1_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "http/header.h"

struct d1_error;
struct d1_loop;
struct d1_tls;
struct d1_http_server;
struct d1_http_exchange;
struct d1_tls_stream;

/* Who is at the other end. */
struct d1_http_peer {
    struct sockaddr_storage address; /* ss_family is AF_INET, AF_INET6 or AF_UNIX. */
    uint32_t uid;                    /* AF_UNIX: SO_PEERCRED; else UINT32_MAX, which is no user. */
    struct d1_tls_stream *tls;       /* For http/authority.h; NULL: plain HTTP. */
};

struct d1_http_request {
    const char *method; /* "GET", as sent. */
    const char *path;   /* Starts with '/', percent escapes as sent; never contains '?'. */
    const char *query;  /* After '?', without it; "" when there is none. */
    const struct d1_http_header *headers;
    size_t headers_count;
    const uint8_t *body; /* Chunked encoding undone; NUL-terminated for convenience. */
    size_t body_length;
    struct d1_http_peer peer;
    bool secure;     /* Came over TLS. */
    bool loopback;   /* The listener is bound to a loopback address. */
    const void *tag; /* Of the listener. */
};

struct d1_http_response {
    int status;
    const char *content_type; /* NULL: none, e.g. for an empty body. */
    const void *body;         /* Copied. */
    size_t body_length;
    const struct d1_http_header *headers; /* Further ones: "allow", "retry-after" ... */
    size_t headers_count;
    bool close; /* Close the connection after this answer. */
};

/*
 * Called for each request. The callee answers with d1_http_respond() at once or later, from the
 * same thread.
 */
typedef void (*d1_http_request_fn)(struct d1_http_exchange *exchange,
                                   const struct d1_http_request *request, void *arg);

/* A server without listeners. The loop is borrowed. Returns 0 or -ENOMEM. */
int d1_http_server_create(struct d1_loop *loop, d1_http_request_fn on_request, void *arg,
                          struct d1_http_server **ret_server);

/* Times in milliseconds; D1_HTTP_* in core/limits.h unless set otherwise. */
struct d1_http_limits {
    uint64_t header_ms; /* Also how long a new connection may say nothing. */
    uint64_t body_ms;
    uint64_t idle_ms;
    uint64_t write_ms;
    uint64_t linger_ms;
    unsigned connections_max; /* Per listener; those over it are closed at once. */
};

/* Read or change the limits; they hold for what begins after the call. */
void d1_http_server_limits(const struct d1_http_server *server, struct d1_http_limits *ret_limits);
void d1_http_server_set_limits(struct d1_http_server *server, const struct d1_http_limits *limits);

/* Answer what the server itself refuses with that function's answers, which must be static. */
void d1_http_server_set_refusal(struct d1_http_server *server,
                                struct d1_http_response (*refusal)(int status));

/*
 * Listen on a TCP address ("127.0.0.1:8053", "[::1]:8053"; port 0 takes a free one). `tag` is handed
 * on with each request. *ret_port (NULL is allowed) is the port bound. Returns 0, D1_EPARSE or
 * -errno, with the story in *error (NULL is allowed).
 */
int d1_http_server_listen(struct d1_http_server *server, const char *address, const void *tag,
                          uint16_t *ret_port, struct d1_error *error);

/* The same with TLS, which is borrowed until the server is destroyed. NULL: plain HTTP. */
int d1_http_server_listen_tls(struct d1_http_server *server, const char *address,
                              struct d1_tls *tls, const void *tag, uint16_t *ret_port,
                              struct d1_error *error);

/*
 * From any thread: how many connections one client address (an IPv6 /64) may hold at a time; 0: no
 * limit. D1_HTTP_PER_ADDRESS_MAX unless set otherwise. Those that are open stay.
 */
void d1_http_server_set_per_address(struct d1_http_server *server, unsigned max);

/*
 * Listen on a Unix socket at `path`, made with the given mode. A stale socket of a process that is
 * gone is replaced; one that answers is -EADDRINUSE.
 */
int d1_http_server_listen_unix(struct d1_http_server *server, const char *path, unsigned mode,
                               const void *tag, struct d1_error *error);

/*
 * Stop accepting, answer what was asked, close each connection after that; after grace_ms close the
 * rest. `closed(arg)` is called from the loop when nothing is left; then destroy may be called. An
 * exchange that is not answered yet is something left, with or without its connection. Not twice.
 */
void d1_http_server_stop(struct d1_http_server *server, uint64_t grace_ms,
                         void (*closed)(void *arg), void *arg);

/* Only before any listen (failed ones count), or after `closed` was called. NULL is allowed. */
void d1_http_server_destroy(struct d1_http_server *server);

/* Answer the request of this exchange. The exchange is gone afterwards. */
void d1_http_respond(struct d1_http_exchange *exchange, const struct d1_http_response *response);

/* The value of the first header with that lower-case name, or NULL. */
const char *d1_http_header_find(const struct d1_http_request *request, const char *name);

/*
 * The decoded value of a query parameter, NUL-terminated, in ret_text. Returns 0, D1_ENOTFOUND, or
 * D1_EPARSE (bad escape, a NUL, given twice, or longer than size - 1).
 */
int d1_http_query_find(const char *query, const char *name, char *ret_text, size_t size);

/* Undo percent escapes of a path segment. Returns 0 or D1_EPARSE as above. */
int d1_http_unescape(const char *text, size_t length, char *ret_text, size_t size);

#endif /* D1_HTTP_SERVER_H */
