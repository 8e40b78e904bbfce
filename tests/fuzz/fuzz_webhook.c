/*
 * A ChallengePayload made from the input goes through the webhook to a fake solver and back. It must
 * be answered exactly once; what is refused has a message, the same when it is asked again; and the
 * solver is asked in the name of a namespace only, for a name and a value that it takes.
 *
 * Input: one octet of switches, then the body.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/attr.h"
#include "core/clock.h"
#include "core/loop.h"
#include "tests/unit/webhook/fake_solver.h"
#include "webhook/json.h"
#include "webhook/kubernetes/internal.h"
#include "webhook/kubernetes/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum switches { SOLVER_REFUSES = 1, SOLVER_FAILS = 2, WITH_POLICY = 4, FOLLOWED = 8 };

/* Made once: a fuzzer has no other end than the process's. */
struct world {
    struct d1_fake_clock clock;
    struct d1_loop *loop;
    struct d1_kube kube;
    struct d1_kube_settings *plain;
    struct d1_kube_settings *ruled;
    struct d1_solver solver;
    unsigned answers;
    int status; /* Of the last answer. */
    char message[4096];
};

static struct world *the_world(void) {
    static struct world world;
    return &world;
}

static void require(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

/* ---- In place of webhook/kubernetes/door.c ---- */

static void note(struct d1_kube *kube, int status, const char *message) {
    struct world *world = D1_CONTAINER_OF(kube, struct world, kube);
    world->answers++;
    world->status = status;
    snprintf(world->message, sizeof(world->message), "%s", message != NULL ? message : "");
}

void d1_kube_answer_status(struct d1_kube *kube, struct d1_http_exchange *exchange, int status,
                           const char *message) {
    (void)exchange;
    require(status >= 400 && message[0] != '\0', "an HTTP error says what is wrong");
    note(kube, status, message);
}

void d1_kube_answer(struct d1_kube *kube, struct d1_http_exchange *exchange, const char *uid,
                    const char *message) {
    (void)exchange;
    require(uid != NULL, "there is a uid");
    require(message == NULL || message[0] != '\0', "a refusal says what to change");
    note(kube, 201, message);
}

void d1_kube_check_stopped(struct d1_kube *kube) {
    (void)kube;
}

/* ---- */

static void make_settings(struct world *world) {
    static const struct d1_kube_name name = {"acme.example", "one", NULL};
    static const char *const namespaces[] = {"team-a"};
    static const char *const pattern[] = {"**"};
    struct d1_kube_grant grant = {1, namespaces, 0, NULL, NULL};
    struct d1_kube_settings_options options = {.names_count = 1, .names = &name};
    require(d1_rights_create(pattern, 1, NULL, 0, D1_VERB_PRESENT | D1_VERB_CLEANUP, &grant.rights,
                             NULL) == 0 &&
                d1_kube_settings_create(&options, &world->plain) == 0,
            "settings are made");
    options.grants = &grant;
    options.grants_count = 1;
    require(d1_kube_settings_create(&options, &world->ruled) == 0, "settings are made");
}

static void make_world(struct world *world) {
    d1_fake_clock_init(&world->clock, 1795312921456);
    require(d1_loop_create("fuzz", &world->loop) == 0, "there is a loop");
    make_settings(world);
    world->kube.options.loop = world->loop;
    world->kube.options.front = world->loop;
    world->kube.options.clock = &world->clock.clock;
    world->kube.options.solver = &world->solver;
    require(d1_kube_reviews_create(&world->clock.clock, &world->kube.reviews) == 0, "reviews");
}

/* What was posted is run, and what that posts. */
static void run(struct world *world) {
    d1_loop_stop(world->loop);
    d1_loop_run(world->loop);
}

static void check_asked(const struct d1_solver_request *request) {
    require(strncmp(request->caller.owner, "kubernetes:", 11) == 0 &&
                d1_kube_is_label(request->caller.owner + 11),
            "values belong to a namespace");
    require(request->value.length > 0 && request->name.length > 0, "a name and a value");
    require(request->via == NULL || d1_kube_is_name(request->via), "an account has a name");
    require(!d1_rights_verb(request->caller.rights, D1_VERB_ADMIN), "nobody is administrator");
}

static void ask(struct world *world, unsigned switches, const uint8_t *body, size_t length) {
    struct d1_http_request request = {.method = "POST", .body = body, .body_length = length};
    struct d1_kube *kube = &world->kube;
    json_t *user = json_pack("{s:s, s:[s]}", "user", "a", "groups", "system:masters");
    world->solver =
        (struct d1_solver){.submit_err = (switches & SOLVER_REFUSES) != 0 ? D1_ENOTSERVED : D1_OK,
                           .was_followed = (switches & FOLLOWED) != 0};
    kube->settings = (switches & WITH_POLICY) != 0 ? world->ruled : world->plain;
    world->answers = 0;
    d1_kube_challenge(kube, d1_kube_settings_name(kube->settings, 0), user, &request,
                      (struct d1_http_exchange *)(void *)world);
    run(world);
    struct d1_solver_request *pending = world->solver.pending;
    if (pending != NULL) {
        check_asked(pending);
        pending->was_followed = (switches & FOLLOWED) != 0;
        pending->done(pending, (switches & SOLVER_FAILS) != 0 ? D1_ENOTYET : D1_OK);
        run(world);
    }
    require(world->kube.pending == 0 && world->kube.jobs == NULL, "the job has ended");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct world *world = the_world();
    if (size == 0 || size > D1_HTTP_BODY_BYTES_MAX) {
        return 0;
    }
    if (world->loop == NULL) {
        make_world(world);
    }
    unsigned switches = data[0];
    ask(world, switches, data + 1, size - 1);
    char first[sizeof(world->message)];
    int status = world->status;
    memcpy(first, world->message, sizeof(first));
    ask(world, switches, data + 1, size - 1);
    require(status == world->status && strcmp(first, world->message) == 0,
            "the same is said of the same");
    return 0;
}
