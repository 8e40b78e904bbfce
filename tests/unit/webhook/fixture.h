/*
 * A router with a fake solver, driven by requests made by hand; both loops run in the test itself.
 */
#ifndef D1_TESTS_WEBHOOK_FIXTURE_H
#define D1_TESTS_WEBHOOK_FIXTURE_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/loop.h"
#include "tests/unit/webhook/fake_solver.h"
#include "webhook/route.h"

#define TEST_NOW_MS INT64_C(1795312921456) /* 2026-11-22T02:02:01.456Z */

#define TEST_USERNAME  "c36f50e8-4632-44f0-83fe-e070fef28a10"
#define TEST_KEY       "htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F7Z"
#define TEST_SUBDOMAIN "8e5700ea-a4bf-41c7-8a77-e990661dcc6a"
#define TEST_TXT       "___validation_token_recieved_from_the_ca___"

#define SECRET_ALL   "secret-of-token-all"   /* names **, present cleanup read */
#define SECRET_HOST  "secret-of-token-host"  /* names host.example.test, same verbs */
#define SECRET_READ  "secret-of-token-read"  /* names **, read only */
#define SECRET_ENROL "secret-of-token-enrol" /* register only */
#define SECRET_ADMIN "secret-of-token-admin" /* admin only */

struct fixture {
    struct d1_fake_clock clock;
    struct d1_loop *control;
    struct d1_loop *front;
    struct d1_solver solver;
    struct d1_timeline *timeline;
    struct d1_metrics *metrics;
    struct d1_router *router;
    struct d1_frontend_settings settings;
    int64_t allocations; /* Alive before set-up. */

    /* What the daemon's functions answer. */
    int reload_err;
    unsigned reloads;
    bool ready;

    /* The last answer. */
    unsigned answers;
    int status;
    char content_type[64];
    char body[65536];
    size_t body_length;
    char headers[256]; /* "name: value\n" each. */
};

/* A request in short. Zero means: POST, from 192.0.2.1, to the API listener, without body. */
struct ask {
    const char *method;
    const char *path;
    const char *query;
    const char *bearer;        /* Authorization: Bearer. */
    const char *headers[8][2]; /* Ends with a NULL name. */
    const char *body;
    size_t body_length; /* 0: that of the text. */
    const char *from;
    enum d1_frontend_kind kind;
    uint32_t uid; /* D1_FRONTEND_CONTROL. */
};

int fixture_set_up(void **state);
int fixture_tear_down(void **state);

#define FIXTURE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

/* Take the settings of the fixture. */
void fixture_configure(struct fixture *fixture);

/* Send it, without waiting for an answer; run what is due once. */
void fixture_send(struct fixture *fixture, const struct ask *ask);

/* Send it and have it answered: exactly one answer, with everything put back to idle. */
void fixture_ask(struct fixture *fixture, const struct ask *ask);

/* The same, and check status and body (NULL: not looked at). */
void assert_answer(struct fixture *fixture, const struct ask *ask, int status, const char *body);

/*
 * Every allocation of the request fails in turn; each time it must be answered, with an error. (500
 * or 503, but jansson cannot always tell a lack of memory from a syntax error.)
 */
void assert_survives_faults(struct fixture *fixture, const struct ask *ask, int status);

#endif /* D1_TESTS_WEBHOOK_FIXTURE_H */
