/*
 * Errors: one int says it all. 0 is success; -errno values pass through unchanged (libuv uses the
 * same numbers on Linux); our own codes are -1000 .. -1999, one row each in D1_ERR_TABLE.
 *
 * Threads: all functions are pure, but for the caller's own struct d1_error.
 * Memory: returned texts are static.
 */
#ifndef D1_CORE_ERR_H
#define D1_CORE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#include "core/attr.h"

/* DNS RCODEs named here, because core knows no DNS (RFC 1035, 4.1.1; RFC 2136, 2.2). */
enum d1_err_rcode {
    D1_ERR_RCODE_FORMERR = 1,
    D1_ERR_RCODE_SERVFAIL = 2,
    D1_ERR_RCODE_NXDOMAIN = 3,
    D1_ERR_RCODE_NOTIMP = 4,
    D1_ERR_RCODE_REFUSED = 5,
    D1_ERR_RCODE_NOTAUTH = 9,
};

/*
 * X(name, number, code, text, HTTP status, RCODE, retry): `code` is the stable identifier that
 * JSON errors carry, `retry` says whether the same request may succeed later.
 */
#define D1_ERR_TABLE(X)                                                                            \
    X(D1_ELIMIT, -1000, "limit-reached", "a limit is reached", 429, SERVFAIL, true)                \
    X(D1_EPARSE, -1001, "malformed", "malformed input", 400, FORMERR, false)                       \
    X(D1_ENOTFOUND, -1002, "not-found", "not found", 404, NXDOMAIN, false)                         \
    X(D1_ESTATIC, -1003, "static-record", "the name holds a static TXT or CNAME record", 409,      \
      REFUSED, false)                                                                              \
    X(D1_EFORBIDDEN, -1004, "forbidden", "the credential has no right to this", 403, REFUSED,      \
      false)                                                                                       \
    X(D1_EUNAUTHORIZED, -1005, "unauthorized", "no valid credential was given", 401, NOTAUTH,      \
      false)                                                                                       \
    X(D1_ENOTSERVED, -1006, "not-served",                                                          \
      "the name is neither served here nor routed to a "                                           \
      "provider",                                                                                  \
      422, REFUSED, false)                                                                         \
    X(D1_EVALUES, -1007, "too-many-values", "the name holds too many values", 409, REFUSED, false) \
    X(D1_EVALUE, -1008, "bad-value", "a TXT value has 1 to 255 octets", 400, FORMERR, false)       \
    X(D1_ENOTYET, -1009, "not-yet", "the value is not live on every node yet", 503, SERVFAIL,      \
      true)                                                                                        \
    X(D1_ESTORE, -1010, "store-unavailable", "the store does not take writes now", 503, SERVFAIL,  \
      true)                                                                                        \
    X(D1_ESTOPPING, -1011, "stopping", "the server is shutting down", 503, SERVFAIL, true)         \
    X(D1_ECANCELED, -1012, "canceled", "the operation was canceled", 503, SERVFAIL, true)          \
    X(D1_ETOOLARGE, -1013, "too-large", "the input is larger than allowed", 413, FORMERR, false)   \
    X(D1_EVERSION, -1014, "newer-version", "written by a newer version of dns01d", 500, SERVFAIL,  \
      false)                                                                                       \
    X(D1_ECORRUPT, -1015, "corrupt", "the data is damaged", 500, SERVFAIL, false)                  \
    X(D1_ECONFIG, -1016, "bad-configuration", "the configuration is not valid", 500, SERVFAIL,     \
      false)                                                                                       \
    X(D1_EEXIST, -1017, "exists", "it exists already", 409, REFUSED, false)                        \
    X(D1_EINTERNAL, -1018, "internal", "internal error", 500, SERVFAIL, false)                     \
    X(D1_ENAME, -1019, "bad-name", "not a valid absolute domain name", 400, FORMERR, false)        \
    X(D1_ELEASE, -1020, "bad-lease", "the lease is not valid or longer than allowed", 400,         \
      FORMERR, false)                                                                              \
    X(D1_EMETHOD, -1021, "method-not-allowed", "the path does not take this method", 405, NOTIMP,  \
      false)                                                                                       \
    X(D1_ECLOSED, -1022, "closed", "the other side closed the connection", 400, SERVFAIL, true)    \
    X(D1_EHOST, -1023, "wrong-host",                                                               \
      "on loopback, Host must be an address, localhost or a name of api.hosts", 421, REFUSED,      \
      false)                                                                                       \
    X(D1_EPROVIDER, -1024, "provider-failed", "the provider did not take the change", 502,         \
      SERVFAIL, true)                                                                              \
    X(D1_EQUOTA, -1025, "quota-reached",                                                           \
      "the credential holds as many values as its quota allows", 409, REFUSED, false)

enum d1_err {
    D1_OK = 0,
#define X(name, number, code, text, http, rcode, retry) name = (number),
    D1_ERR_TABLE(X)
#undef X
};

/* The stable identifier of a code ("not-served"); for -errno values its symbolic name ("ENOMEM"). */
const char *d1_err_code(int err);

/* What a code means, in words, without a final dot. */
const char *d1_err_text(int err);

/* HTTP status of a code; 200 for D1_OK, 500 for -errno values (503 for -ENOMEM and -ENOSPC). */
int d1_err_http(int err);

/* DNS RCODE of a code; 0 (NOERROR) for D1_OK, SERVFAIL for -errno values. */
int d1_err_rcode(int err);

/* Whether the same request may succeed later. */
bool d1_err_retry(int err);

/* An error with its story, for people. Used on slow paths only, never on a packet path. */
struct d1_error {
    int code;
    char text[512];
};

/*
 * Set *error (NULL is allowed) to code and the formatted text. Returns code, so that a function can
 * end with `return d1_error_set(error, D1_EPARSE, ...)`.
 */
int d1_error_set(struct d1_error *error, int code, const char *format, ...) D1_PRINTF(3, 4);

/* Put "prefix: " before the text of *error (NULL is allowed): each level adds what it knows. */
void d1_error_prefix(struct d1_error *error, const char *format, ...) D1_PRINTF(2, 3);

#endif /* D1_CORE_ERR_H */
