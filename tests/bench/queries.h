/*
 * The queries of a benchmark and the answers they must get, from the file that zone.py writes:
 * a line `zone NAME`, then lines `NAME TXT VALUE` or `NAME NXDOMAIN`, names absolute.
 *
 * Threads: immutable once loaded.
 * Memory: one object owns all; a query points into it.
 * Limits: D1_BENCH_QUERIES_MAX queries, names of at most 255 octets, values of at most 255.
 */
#ifndef D1_BENCH_QUERIES_H
#define D1_BENCH_QUERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/limits.h"

#define D1_BENCH_QUERIES_MAX   16777216
#define D1_BENCH_MESSAGE_BYTES (D1_DNS_HEADER_BYTES + D1_NAME_OCTETS_MAX + 4)

/* One query as it is sent, its ID 0, and what must come back. */
struct d1_bench_query {
    const uint8_t *message;
    const uint8_t *value; /* The one TXT string expected; NULL: NXDOMAIN. */
    uint16_t message_length;
    uint16_t zone_offset; /* Where in the message the zone's name begins. */
    uint8_t value_length;
};

struct d1_bench_queries;

/*
 * Read a query file. Returns 0 and *ret_queries, -errno, -ENOMEM, D1_ETOOLARGE or D1_EPARSE; the
 * text of *ret_error (NULL is allowed) names the line.
 */
int d1_bench_queries_load(const char *path, struct d1_bench_queries **ret_queries,
                          struct d1_error *ret_error) D1_MUST_CHECK;

/* The same, from text in memory. */
int d1_bench_queries_parse(const char *text, size_t length, struct d1_bench_queries **ret_queries,
                           struct d1_error *ret_error) D1_MUST_CHECK;

/* NULL is allowed. */
void d1_bench_queries_destroy(struct d1_bench_queries *queries);

/* How many there are, at least 1. */
size_t d1_bench_queries_count(const struct d1_bench_queries *queries);

/* Query `i` (below the count). Borrowed until destroy. */
const struct d1_bench_query *d1_bench_queries_at(const struct d1_bench_queries *queries, size_t i);

#endif /* D1_BENCH_QUERIES_H */
