/*
 * A solver with a fake clock, a fake store and a fake publisher that serves auth.example.test and
 * all below it, but for static.auth.example.test.
 */
#ifndef D1_TESTS_UNIT_SOLVER_FIXTURE_H
#define D1_TESTS_UNIT_SOLVER_FIXTURE_H

#include "core/clock.h"
#include "core/loop.h"
#include "core/metrics.h"
#include "solver/solver.h"
#include "solver/timeline.h"
#include "tests/lib/fake_store.h"

#define NAME      "_acme-challenge.a.auth.example.test"
#define SHOWN_MAX 4096
#define HOUR_MS   3600000LL
#define NOW_MS    1790000000000LL

struct shown {
    struct d1_name name;
    bool known;
    size_t count;
    struct d1_txt_value *values;
};

struct fake_publisher {
    const char *via;   /* The account it has, beside its zone. */
    const char *why;   /* Of publish_err. */
    char last_via[64]; /* Of the last publication. */
    struct d1_publisher publisher;
    struct shown shown[SHOWN_MAX];
    size_t count;
    int publish_err; /* What publish returns; 0: it works. */
    int know_err;
    bool later; /* publish returns D1_PUBLISH_LATER. */
    struct d1_name zone;
    size_t publications;
    struct {
        struct d1_publication *publication;
        struct d1_name name;
        struct d1_txt_value *values;
        size_t count;
    } under_way[16];
    size_t under_way_count;
};

struct world {
    struct d1_loop *loop;
    struct d1_fake_clock clock;
    struct d1_store *store;
    struct d1_timeline *timeline;
    struct d1_metrics *metrics;
    struct d1_metrics_block *block;
    struct fake_publisher publisher;
    struct d1_resolver *resolver; /* Of the next solver that is made; NULL at first. */
    struct d1_solver *solver;
    struct d1_solver_settings settings;
    struct d1_rights *any;   /* owners: ** */
    struct d1_rights *admin; /* The same, and admin. */
};

/* One request and what became of it. */
struct asked {
    struct d1_solver_request request;
    int done;
    int err;
    char why[256]; /* In words, where the request ended in `done`. */
};

void world_open(struct world *world);
void world_close(struct world *world);

/* End the solver and start another one on the same store. */
void world_restart(struct world *world);
int world_create_solver(struct world *world);

/* Run what the loop has ready, without waiting. */
void world_run(struct world *world);

/* Commit and run until nothing is left to do. */
void world_settle(struct world *world);

/* Move the clock, look at it, settle. */
void world_advance(struct world *world, int64_t ms);

struct d1_credentials *world_credentials(const char *name, const char *owner_pattern);

void asked_init(struct asked *asked, struct world *world, enum d1_solver_verb verb,
                const char *owner, const char *name, const char *value);
int ask(struct asked *asked, struct world *world, enum d1_solver_verb verb, const char *owner,
        const char *name, const char *value);

/* Ask, settle, and return the outcome, at once or in done. */
int present(struct world *world, const char *owner, const char *name, const char *value);
int cleanup(struct world *world, const char *owner, const char *name, const char *value);

const struct shown *shown_at(const struct world *world, const char *name);
size_t shown_count(const struct world *world, const char *name);
bool is_shown(const struct world *world, const char *name, const char *value);
bool is_known(const struct world *world, const char *name);

/* The publisher's table is empty again. */
void world_forget_shown(struct world *world);

/* End the oldest publication under way. */
void publication_end(struct world *world, int err);

/* Fails the test unless the publisher shows exactly what the store holds. */
void check_shown_is_committed(const struct world *world);

#endif /* D1_TESTS_UNIT_SOLVER_FIXTURE_H */
