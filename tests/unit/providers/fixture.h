/* A host with a transport and a plugin that follow a script: what the tests of jobs share. */
#ifndef D1_TESTS_UNIT_PROVIDERS_FIXTURE_H
#define D1_TESTS_UNIT_PROVIDERS_FIXTURE_H

#include "core/clock.h"
#include "core/loop.h"
#include "providers/host.h"

#define WORLD_EXCHANGES 64
#define WORLD_SCRIPT    16
#define WORLD_JOBS      32

struct fake_exchange {
    struct d1_exchange *exchange; /* NULL: over. */
    uint32_t kind;                /* enum d1_reply_kind. */
    bool look;
    char url[256];
};

struct world {
    struct d1_loop *loop;
    struct d1_fake_clock clock;
    struct d1_transport transport;
    struct d1_host *host;
    struct d1_provider plugin;
    struct d1_action script[WORLD_SCRIPT]; /* Of each job; the last one DONE by itself. */
    size_t script_length;
    bool same_for_ever; /* The first step again and again. */
    int send_err;       /* What the transport returns at once. */
    int begin_err;
    int open_err;
    uint32_t requests; /* Traits. */
    uint32_t per_ms;
    uint32_t together;
    struct fake_exchange exchange[WORLD_EXCHANGES];
    size_t exchange_count; /* Begun so far. */
    size_t released;
    size_t canceled;
    size_t jobs_alive;
    size_t accounts_alive;
    uint32_t reply_kind[256]; /* Each reply a plugin has seen. */
    int32_t reply_status[256];
    char reply_error[64];
    size_t reply_count;
    size_t asked;
    struct d1_host_job job[WORLD_JOBS];
    size_t ended[WORLD_JOBS]; /* How often `done` was called. */
    size_t ended_count;
    size_t order[WORLD_JOBS]; /* Which job ended as the N-th. */
    char progress[512];
};

void world_open(struct world *w);
void world_close(struct world *w);

/* The account "acc" with the secret setting; `look` and networks as given. Returns its error. */
int world_account(struct world *w, bool look, bool networks, struct d1_error *error);

/* Submit job number i; returns what submit returns. */
int world_submit(struct world *w, size_t i, uint32_t verb, const char *fqdn, const char *value);

/* Let the loop do what is due without waiting. */
void world_turn(struct world *w);

/* Wait until so many jobs have ended (timers of real milliseconds). */
void world_until_ended(struct world *w, size_t count);

/* Answer exchange number i. */
void world_answer(struct world *w, size_t i, int32_t status, const char *body);

/* Add a step to the script. */
struct d1_action *world_step(struct world *w, uint32_t kind, const char *step);
struct d1_action *world_get(struct world *w, const char *step, const char *url);

#endif /* D1_TESTS_UNIT_PROVIDERS_FIXTURE_H */
