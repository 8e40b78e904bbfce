#include "tests/unit/solver/fixture.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"

static struct shown *find_shown(struct fake_publisher *fake, const struct d1_name *name) {
    for (size_t i = 0; i < fake->count; i++) {
        if (d1_name_equal(&fake->shown[i].name, name)) {
            return &fake->shown[i];
        }
    }
    assert(fake->count < SHOWN_MAX);
    struct shown *shown = &fake->shown[fake->count++];
    memset(shown, 0, sizeof(*shown));
    d1_name_copy(&shown->name, name);
    return shown;
}

static int serves(struct d1_publisher *publisher, const struct d1_name *name, const char *via) {
    struct fake_publisher *fake = D1_CONTAINER_OF(publisher, struct fake_publisher, publisher);
    if (via[0] != '\0') {
        return strcmp(via, fake->via) == 0 ? D1_OK : D1_ENOTSERVED;
    }
    struct d1_name fixed;
    assert_int_equal(d1_name_from_text("static.auth.example.test", &fixed), 0);
    if (d1_name_equal(name, &fixed)) {
        return D1_ESTATIC;
    }
    return d1_name_is_under(name, &fake->zone) ? D1_OK : D1_ENOTSERVED;
}

static struct d1_txt_value *copied(const struct d1_txt_value *const *values, size_t count) {
    struct d1_txt_value *copy = malloc((count + 1) * sizeof(*copy));
    assert(copy != NULL);
    for (size_t i = 0; i < count; i++) {
        copy[i].length = values[i]->length;
        memcpy(copy[i].octets, values[i]->octets, values[i]->length);
    }
    return copy;
}

static void show(struct fake_publisher *fake, const struct d1_name *name,
                 struct d1_txt_value *values, size_t count) {
    struct shown *shown = find_shown(fake, name);
    free(shown->values);
    shown->values = values;
    shown->count = count;
}

static int publish(struct d1_publisher *publisher, const struct d1_name *name, const char *via,
                   const struct d1_txt_value *const *values, size_t count,
                   struct d1_publication *publication) {
    struct fake_publisher *fake = D1_CONTAINER_OF(publisher, struct fake_publisher, publisher);
    fake->publications++;
    snprintf(fake->last_via, sizeof(fake->last_via), "%s", via);
    if (fake->publish_err != 0) {
        publication->why = fake->why;
        return fake->publish_err;
    }
    /* As a real publisher: it needs memory, and may not get it. */
    void *memory = d1_malloc(64);
    if (memory == NULL) {
        return -12;
    }
    d1_free(memory);
    if (fake->later) {
        assert(fake->under_way_count < 16);
        size_t i = fake->under_way_count++;
        fake->under_way[i].publication = publication;
        d1_name_copy(&fake->under_way[i].name, name);
        fake->under_way[i].values = copied(values, count);
        fake->under_way[i].count = count;
        return D1_PUBLISH_LATER;
    }
    show(fake, name, copied(values, count), count);
    return D1_OK;
}

static int know(struct d1_publisher *publisher, const struct d1_name *name, bool known) {
    struct fake_publisher *fake = D1_CONTAINER_OF(publisher, struct fake_publisher, publisher);
    if (fake->know_err != 0) {
        return fake->know_err;
    }
    find_shown(fake, name)->known = known;
    return D1_OK;
}

void publication_end(struct world *world, int err) {
    struct fake_publisher *fake = &world->publisher;
    assert_true(fake->under_way_count > 0);
    struct d1_publication *publication = fake->under_way[0].publication;
    if (err == 0) {
        show(fake, &fake->under_way[0].name, fake->under_way[0].values, fake->under_way[0].count);
    } else {
        free(fake->under_way[0].values);
    }
    fake->under_way_count--;
    memmove(&fake->under_way[0], &fake->under_way[1],
            fake->under_way_count * sizeof(fake->under_way[0]));
    publication->done(publication, err);
}

static void forget_shown(struct fake_publisher *fake) {
    for (size_t i = 0; i < fake->count; i++) {
        free(fake->shown[i].values);
    }
    for (size_t i = 0; i < fake->under_way_count; i++) {
        free(fake->under_way[i].values);
    }
    fake->count = 0;
    fake->under_way_count = 0;
}

void world_forget_shown(struct world *world) {
    forget_shown(&world->publisher);
}

static uint8_t token_digest(const char *name) {
    uint8_t sum = 0;
    for (; *name != '\0'; name++) {
        sum = (uint8_t)(sum * 31 + (uint8_t)*name);
    }
    return sum;
}

struct d1_credentials *world_credentials(const char *name, const char *owner_pattern) {
    struct d1_credentials *set = NULL;
    struct d1_rights *rights = NULL;
    uint8_t digest[D1_SHA256_BYTES] = {token_digest(name)};
    assert_int_equal(d1_credentials_create(&set), 0);
    assert_int_equal(d1_rights_create(NULL, 0, &owner_pattern, 1, D1_VERBS_DEFAULT, &rights, NULL),
                     0);
    assert_int_equal(d1_credentials_add(set, name, digest, rights), 0);
    return set;
}

int world_create_solver(struct world *world) {
    struct d1_solver_options options = {
        .loop = world->loop,
        .clock = &world->clock.clock,
        .store = world->store,
        .timeline = world->timeline,
        .resolver = world->resolver,
        .metrics = world->metrics,
        .metrics_block = world->block,
    };
    int err = d1_solver_create(&options, &world->solver);
    if (err == 0) {
        d1_solver_add_publisher(world->solver, &world->publisher.publisher);
    }
    return err;
}

void world_open(struct world *world) {
    static const char *const any[] = {"**"};
    memset(world, 0, sizeof(*world));
    d1_fake_clock_init(&world->clock, NOW_MS);
    assert_int_equal(d1_loop_create("test", &world->loop), 0);
    assert_int_equal(d1_timeline_create(&world->timeline), 0);
    assert_int_equal(d1_metrics_create(&world->metrics), 0);
    assert_int_equal(d1_metrics_block(world->metrics, &world->block), 0);
    assert_int_equal(d1_rights_create(NULL, 0, any, 1, D1_VERBS_DEFAULT, &world->any, NULL), 0);
    assert_int_equal(
        d1_rights_create(NULL, 0, any, 1, D1_VERBS_DEFAULT | D1_VERB_ADMIN, &world->admin, NULL),
        0);
    world->store = fake_store_create();
    world->publisher.publisher = (struct d1_publisher){serves, publish, know, NULL, NULL};
    assert_int_equal(d1_name_from_text("auth.example.test", &world->publisher.zone), 0);
    world->settings = (struct d1_solver_settings){
        .lease_default_ms = 24 * HOUR_MS,
        .lease_maximum_ms = 30 * 24 * HOUR_MS,
        .present_limit_ms = 25000,
        .account_zone_set = true,
    };
    assert_int_equal(d1_name_from_text("auth.example.test", &world->settings.account_zone), 0);
    assert_int_equal(world_create_solver(world), 0);
    d1_solver_configure(world->solver, &world->settings,
                        world_credentials("nobody", "**.nowhere.test"));
    assert_int_equal(d1_solver_load(world->solver, NULL), 0);
}

void world_restart(struct world *world) {
    d1_solver_destroy(world->solver);
    world_run(world);
    fake_store_forget_watchers(world->store);
    forget_shown(&world->publisher);
    d1_metrics_destroy(world->metrics);
    assert_int_equal(d1_metrics_create(&world->metrics), 0);
    assert_int_equal(d1_metrics_block(world->metrics, &world->block), 0);
    assert_int_equal(world_create_solver(world), 0);
    d1_solver_configure(world->solver, &world->settings,
                        world_credentials("nobody", "**.nowhere.test"));
    assert_int_equal(d1_solver_load(world->solver, NULL), 0);
}

void world_close(struct world *world) {
    d1_solver_destroy(world->solver);
    forget_shown(&world->publisher);
    fake_store_destroy(world->store);
    d1_timeline_destroy(world->timeline);
    d1_rights_destroy(world->any);
    d1_rights_destroy(world->admin);
    d1_loop_destroy(world->loop);
    d1_metrics_destroy(world->metrics);
}

void world_run(struct world *world) {
    uv_run(d1_loop_uv(world->loop), UV_RUN_NOWAIT);
    uv_run(d1_loop_uv(world->loop), UV_RUN_NOWAIT);
}

void world_settle(struct world *world) {
    do {
        world_run(world);
    } while (fake_store_commit_all(world->store) > 0);
    world_run(world);
}

void world_advance(struct world *world, int64_t ms) {
    d1_fake_clock_advance_ms(&world->clock, ms);
    d1_solver_tick(world->solver);
    world_settle(world);
    d1_solver_tick(world->solver);
    world_settle(world);
}

static void on_done(struct d1_solver_request *request, int err) {
    struct asked *asked = D1_CONTAINER_OF(request, struct asked, request);
    asked->done++;
    asked->err = err;
    char text[D1_FOLLOW_TEXT_BYTES];
    d1_solver_explain(request, err, text);
    snprintf(asked->why, sizeof(asked->why), "%.250s", text);
}

void asked_init(struct asked *asked, struct world *world, enum d1_solver_verb verb,
                const char *owner, const char *name, const char *value) {
    memset(asked, 0, sizeof(*asked));
    asked->request.verb = verb;
    asked->request.door = D1_DOOR_API;
    asked->request.caller = (struct d1_credential){
        .owner = owner, .rights = strcmp(owner, "socket") == 0 ? world->admin : world->any};
    assert_int_equal(d1_name_from_text(name, &asked->request.name), 0);
    size_t length = strlen(value);
    assert_true(length <= D1_TXT_STRING_MAX);
    asked->request.value.length = (uint8_t)length;
    memcpy(asked->request.value.octets, value, length);
    asked->request.done = on_done;
}

int ask(struct asked *asked, struct world *world, enum d1_solver_verb verb, const char *owner,
        const char *name, const char *value) {
    asked_init(asked, world, verb, owner, name, value);
    return d1_solver_submit(world->solver, &asked->request);
}

static int ask_and_settle(struct world *world, enum d1_solver_verb verb, const char *owner,
                          const char *name, const char *value) {
    struct asked asked;
    int err = ask(&asked, world, verb, owner, name, value);
    assert_int_equal(asked.done, 0);
    if (err != 0) {
        return err;
    }
    world_settle(world);
    assert_int_equal(asked.done, 1);
    return asked.err;
}

int present(struct world *world, const char *owner, const char *name, const char *value) {
    return ask_and_settle(world, D1_SOLVER_PRESENT, owner, name, value);
}

int cleanup(struct world *world, const char *owner, const char *name, const char *value) {
    return ask_and_settle(world, D1_SOLVER_CLEANUP, owner, name, value);
}

const struct shown *shown_at(const struct world *world, const char *name) {
    struct d1_name wanted;
    assert_int_equal(d1_name_from_text(name, &wanted), 0);
    for (size_t i = 0; i < world->publisher.count; i++) {
        if (d1_name_equal(&world->publisher.shown[i].name, &wanted)) {
            return &world->publisher.shown[i];
        }
    }
    return NULL;
}

size_t shown_count(const struct world *world, const char *name) {
    const struct shown *shown = shown_at(world, name);
    return shown != NULL ? shown->count : 0;
}

bool is_shown(const struct world *world, const char *name, const char *value) {
    const struct shown *shown = shown_at(world, name);
    size_t length = strlen(value);
    for (size_t i = 0; shown != NULL && i < shown->count; i++) {
        if (shown->values[i].length == length &&
            memcmp(shown->values[i].octets, value, length) == 0) {
            return true;
        }
    }
    return false;
}

bool is_known(const struct world *world, const char *name) {
    const struct shown *shown = shown_at(world, name);
    return shown != NULL && shown->known;
}

static bool shows(const struct shown *shown, const struct d1_txt_value *value) {
    for (size_t i = 0; i < shown->count; i++) {
        if (d1_txt_value_equal(&shown->values[i], value)) {
            return true;
        }
    }
    return false;
}

void check_shown_is_committed(const struct world *world) {
    for (size_t i = 0; i < fake_store_challenges(world->store); i++) {
        const struct d1_challenge *row = fake_store_at(world->store, i);
        bool found = false;
        for (size_t k = 0; k < world->publisher.count; k++) {
            const struct shown *shown = &world->publisher.shown[k];
            found = found || (d1_name_equal(&shown->name, &row->name) && shown->known &&
                              shows(shown, &row->value));
        }
        assert_true(found);
    }
    for (size_t k = 0; k < world->publisher.count; k++) {
        const struct shown *shown = &world->publisher.shown[k];
        for (size_t v = 0; v < shown->count; v++) {
            bool found = false;
            for (size_t i = 0; i < fake_store_challenges(world->store); i++) {
                const struct d1_challenge *row = fake_store_at(world->store, i);
                found = found || (d1_name_equal(&shown->name, &row->name) &&
                                  d1_txt_value_equal(&shown->values[v], &row->value));
            }
            assert_true(found);
        }
    }
}
