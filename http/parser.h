/*
 * Request parser: octets in, whole requests or a refusal out (RFC 9112). Knows no socket.
 *
 * Threads: an object belongs to one thread at a time.
 * Memory: the parser owns what it has read, and wipes it when the next request begins: heads and
 *   bodies carry credentials.
 * Limits: D1_HTTP_* in core/limits.h bound the head, the body and everything in them. What it
 *   decides does not depend on how the octets were split.
 */
#ifndef D1_HTTP_PARSER_H
#define D1_HTTP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct d1_http_parser;
struct d1_http_request;

enum d1_http_verdict {
    D1_HTTP_MORE,     /* All octets taken, the request goes on. */
    D1_HTTP_COMPLETE, /* A whole request is there; octets behind it were not taken. */
    D1_HTTP_REFUSED,  /* See d1_http_parser_status(); nothing more is taken. */
};

enum d1_http_stage {
    D1_HTTP_STAGE_EMPTY, /* No octet of a request was seen. */
    D1_HTTP_STAGE_HEAD,
    D1_HTTP_STAGE_BODY,
    D1_HTTP_STAGE_END, /* Complete or refused, until reset. */
};

/* A parser that waits for a request. Returns 0 or -ENOMEM. */
int d1_http_parser_create(struct d1_http_parser **ret_parser);

/* NULL is allowed. */
void d1_http_parser_destroy(struct d1_http_parser *parser);

/* Wipe and forget the request; the next octet begins another. */
void d1_http_parser_reset(struct d1_http_parser *parser);

/* Take octets; *ret_used says how many (all of them with D1_HTTP_MORE). */
enum d1_http_verdict d1_http_parser_feed(struct d1_http_parser *parser, const void *data,
                                         size_t length, size_t *ret_used);

enum d1_http_stage d1_http_parser_stage(const struct d1_http_parser *parser);

/*
 * Why a request was refused: 400 malformed, 413 body, 414 target or 431 head too large, 417 unknown
 * expectation, 501 unknown method or transfer coding, 503 no memory, 505 version; else 0.
 */
int d1_http_parser_status(const struct d1_http_parser *parser);

/* From the end of the head on: whether the connection may serve another request after this one. */
bool d1_http_parser_keeps_alive(const struct d1_http_parser *parser);

/* From the end of the head on: HTTP/1.0, whose clients must be told that it is kept alive. */
bool d1_http_parser_is_http10(const struct d1_http_parser *parser);

/* Whether this is known to be a HEAD request, whose answer has no body. */
bool d1_http_parser_is_head(const struct d1_http_parser *parser);

/*
 * Whether the client waits for "100 Continue" and has sent nothing of the body yet (RFC 9110,
 * 10.1.1). True at most once for a request.
 */
bool d1_http_parser_take_expectation(struct d1_http_parser *parser);

/*
 * The parts of a complete request; peer and tag are left alone. All borrowed until reset or
 * destroy.
 */
void d1_http_parser_request(const struct d1_http_parser *parser,
                            struct d1_http_request *ret_request);

#endif /* D1_HTTP_PARSER_H */
