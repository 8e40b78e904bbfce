/*
 * Socket addresses from text. Threads: pure.
 */
#ifndef D1_BENCH_ADDRESS_H
#define D1_BENCH_ADDRESS_H

#include <sys/socket.h>

#include "core/attr.h"

/* "127.0.0.1:53" or "[::1]:53", port 1..65535. Returns 0 or D1_EPARSE. */
int d1_bench_address_parse(const char *text, struct sockaddr_storage *ret_address,
                           socklen_t *ret_length) D1_MUST_CHECK;

#endif /* D1_BENCH_ADDRESS_H */
