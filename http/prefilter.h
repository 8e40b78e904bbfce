/*
 * Prefilter: a strict octet automaton that every line of a request passes before llhttp sees it
 * (docs/decisions/0005). It knows what a line may look like, and nothing about what it means.
 *
 * Refused: a bare CR or LF, NUL and other control octets, blanks where RFC 9112 has none (before and
 * inside the request line, before a colon, before a chunk extension), folded headers, and more of
 * anything than core/limits.h allows.
 *
 * Threads: an object belongs to one thread at a time.
 * Memory: nothing is kept but counters; no octet outside [data, data + length) is read.
 * Limits: D1_HTTP_* in core/limits.h. What it decides does not depend on how the octets are split.
 */
#ifndef D1_HTTP_PREFILTER_H
#define D1_HTTP_PREFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct d1_http_prefilter {
    uint8_t state;
    uint8_t digits;       /* Of the chunk size. */
    uint32_t bytes;       /* Of the head or the trailer so far. */
    uint32_t bytes_max;   /* Refused with 431 above it. */
    uint32_t method_end;  /* Offset behind the method. */
    uint32_t target_end;  /* Offset behind the target, which starts at method_end + 1. */
    uint32_t headers;     /* Fields begun. */
    uint32_t extensions;  /* Octets of chunk extensions in this request. */
    uint8_t minor;        /* HTTP/1.minor. */
    uint8_t version_seen; /* Octets of the version. */
    uint8_t major;
    bool ended; /* The last octet taken ended the head, the chunk line or the trailer. */
};

/* Expect the request line next. Forgets everything. */
void d1_http_prefilter_start(struct d1_http_prefilter *filter);

/* Expect a chunk-size line next (RFC 9112, 7.1). */
void d1_http_prefilter_chunk(struct d1_http_prefilter *filter);

/* Expect the CRLF behind a chunk's data next. */
void d1_http_prefilter_chunk_end(struct d1_http_prefilter *filter);

/* Expect the trailer section next (RFC 9112, 7.1.2), or the empty line instead of it. */
void d1_http_prefilter_trailer(struct d1_http_prefilter *filter);

/*
 * Take octets until `ended` or all are taken; *ret_used says how many were fine. Returns 0, or the
 * status to refuse the request with (400, 414, 431, 501, 505) because of octet data[*ret_used].
 */
int d1_http_prefilter_take(struct d1_http_prefilter *filter, const uint8_t *data, size_t length,
                           size_t *ret_used);

#endif /* D1_HTTP_PREFILTER_H */
