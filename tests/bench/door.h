/*
 * Doors: how one write is asked for, and what its answer must be. A client of the load (writeload.h)
 * has one request under way; a door makes it and judges the answer.
 *
 * Threads: pure functions on the client's own memory.
 */
#ifndef D1_BENCH_DOOR_H
#define D1_BENCH_DOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns/name.h"
#include "dns/tsig.h"

#define D1_BENCH_VALUE_LENGTH 43 /* Of a challenge (RFC 8555, 8.4). */
#define D1_BENCH_REQUEST_MAX  1024
#define D1_BENCH_ANSWER_MAX   4096

/* Whose writes they are. */
struct d1_bench_account {
    char username[64];
    char key[64];
    char subdomain[64];
    struct d1_name name; /* Where the values stand. */
};

/* One request and what came of it. */
struct d1_bench_exchange {
    const struct d1_bench_account *account;
    char value[D1_BENCH_VALUE_LENGTH + 1];
    uint16_t id;
    uint8_t request[D1_BENCH_REQUEST_MAX];
    size_t request_length;
    uint8_t answer[D1_BENCH_ANSWER_MAX];
    size_t answer_length;
    struct d1_tsig signature; /* Of the request; UPDATE only. */
};

/* What all exchanges share; filled from the command line. */
struct d1_bench_door_settings {
    const char *host;  /* For the Host header. */
    const char *token; /* Bearer; mode token. */
    struct d1_name zone;
    struct d1_tsig_key *key; /* Mode update-tsig. */
};

struct d1_bench_door {
    const char *name;
    bool datagrams;
    bool writes; /* The value must be seen by DNS before the next one. */

    /* Returns 0, or an error: it does not fit. */
    int (*make)(const struct d1_bench_door_settings *settings, struct d1_bench_exchange *exchange);

    /* Returns 1: right; 0: not whole yet; -1: wrong. */
    int (*judge)(const struct d1_bench_door_settings *settings, struct d1_bench_exchange *exchange);
};

/* Ends with one whose name is NULL. */
extern const struct d1_bench_door d1_bench_http_doors[];
extern const struct d1_bench_door d1_bench_update_door;

/* A question for the TXT records of a name, and whether an answer to it holds the value. */
size_t d1_bench_ask_txt(const struct d1_name *name, uint16_t id, uint8_t *octets, size_t room);
bool d1_bench_shows(const uint8_t *answer, size_t length, uint16_t id, const char *value);

#endif /* D1_BENCH_DOOR_H */
