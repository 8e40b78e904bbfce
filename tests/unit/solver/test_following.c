/* Requests for names that are not ours, with a resolver out of a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"
#include "dns/wire.h"
#include "tests/lib/fake_resolver.h"
#include "tests/unit/solver/fixture.h"

#define ASKED "_acme-challenge.host.example.test"
#define X7    "x7.auth.example.test"
#define X8    "x8.auth.example.test"

static struct world world;
static struct fake_resolver resolver;

static int open_world(void **state) {
    (void)state;
    world_open(&world);
    fake_resolver_init(&resolver, &world.clock.clock);
    world.resolver = &resolver.base;
    world_restart(&world);
    fake_resolver_add(&resolver, ASKED, D1_TYPE_CNAME, X7);
    return 0;
}

static int close_world(void **state) {
    (void)state;
    world_close(&world);
    fake_resolver_run(&resolver);
    return 0;
}

static void cname(const char *from, const char *to) {
    fake_resolver_clear(&resolver, from);
    fake_resolver_add(&resolver, from, D1_TYPE_CNAME, to);
}

static void settle(void) {
    do {
        world_settle(&world);
    } while (fake_resolver_step(&resolver));
    world_settle(&world);
}

/* Ask, settle, and check that there was one outcome. */
static int outcome(struct asked *asked, enum d1_solver_verb verb, const char *owner,
                   const char *name, const char *value) {
    int err = ask(asked, &world, verb, owner, name, value);
    assert_int_equal(asked->done, 0);
    if (err != 0) {
        return err;
    }
    settle();
    assert_int_equal(asked->done, 1);
    return asked->err;
}

static int follow_present(const char *owner, const char *name, const char *value) {
    struct asked asked;
    return outcome(&asked, D1_SOLVER_PRESENT, owner, name, value);
}

static int follow_cleanup(const char *owner, const char *name, const char *value) {
    struct asked asked;
    return outcome(&asked, D1_SOLVER_CLEANUP, owner, name, value);
}

static struct d1_rights *make_rights(const char *name, const char *owner) {
    struct d1_rights *rights = NULL;
    assert_int_equal(d1_rights_create(&name, name != NULL, &owner, owner != NULL, D1_VERBS_DEFAULT,
                                      &rights, NULL),
                     0);
    return rights;
}

static void the_value_stands_where_the_cname_leads(void **state) {
    (void)state;
    struct asked asked;
    char text[D1_NAME_TEXT_MAX];
    assert_int_equal(outcome(&asked, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), 0);
    assert_true(is_shown(&world, X7, "v"));
    assert_int_equal(shown_count(&world, ASKED), 0);
    assert_true(asked.request.was_followed);
    assert_false(asked.request.repeated);
    assert_int_equal(asked.request.expires_ms, NOW_MS + 24 * HOUR_MS);
    d1_name_to_text(&asked.request.followed.name, text);
    assert_string_equal(text, X7);
    d1_name_to_text(&asked.request.name, text);
    assert_string_equal(text, ASKED);
    const struct d1_challenge *record = fake_store_find(world.store, X7, "v", "token:a");
    assert_non_null(record);
    d1_name_to_text(&record->asked, text);
    assert_string_equal(text, ASKED);
}

static void names_of_ours_are_not_asked_for(void **state) {
    (void)state;
    struct asked asked;
    assert_int_equal(outcome(&asked, D1_SOLVER_PRESENT, "token:a", NAME, "v"), 0);
    assert_false(asked.request.was_followed);
    assert_int_equal(resolver.asked, 0);
    assert_int_equal(fake_store_find(world.store, NAME, "v", "token:a")->asked.length, 0);
}

static void cleanup_needs_no_cname(void **state) {
    (void)state;
    assert_int_equal(follow_present("token:a", ASKED, "v"), 0);
    assert_int_equal(follow_present("token:a", ASKED, "w"), 0);
    size_t before = resolver.asked;
    cname(ASKED, X8);
    assert_int_equal(follow_cleanup("token:a", ASKED, "v"), 0);
    assert_false(is_shown(&world, X7, "v"));
    assert_true(is_shown(&world, X7, "w"));
    fake_resolver_clear(&resolver, ASKED);
    assert_int_equal(follow_cleanup("token:a", ASKED, "w"), 0);
    assert_int_equal(fake_store_challenges(world.store), 0);
    assert_int_equal(resolver.asked, before);
    assert_true(is_known(&world, X7)); /* Used lately. */
}

static void cleanup_works_after_a_restart(void **state) {
    (void)state;
    assert_int_equal(follow_present("token:a", ASKED, "v"), 0);
    world_restart(&world);
    assert_true(is_shown(&world, X7, "v"));
    fake_resolver_clear(&resolver, ASKED);
    assert_int_equal(follow_cleanup("token:a", ASKED, "v"), 0);
    assert_false(is_shown(&world, X7, "v"));
    assert_int_equal(fake_store_challenges(world.store), 0);
}

static void cleanup_at_the_end_of_the_chain_works_too(void **state) {
    (void)state;
    assert_int_equal(follow_present("token:a", ASKED, "v"), 0);
    assert_int_equal(follow_cleanup("token:a", X7, "v"), 0);
    assert_int_equal(fake_store_challenges(world.store), 0);
    assert_int_equal(follow_cleanup("token:a", ASKED, "v"), 0);
}

static void cleanup_of_nothing_succeeds_and_asks_nobody(void **state) {
    (void)state;
    assert_int_equal(follow_cleanup("token:a", ASKED, "v"), 0);
    assert_int_equal(resolver.asked, 0);
}

static void values_of_others_stay(void **state) {
    (void)state;
    assert_int_equal(follow_present("token:a", ASKED, "v"), 0);
    assert_int_equal(follow_cleanup("token:b", ASKED, "v"), 0);
    assert_true(is_shown(&world, X7, "v"));
    assert_int_equal(follow_cleanup("socket", ASKED, "v"), 0); /* Admin can remove anything. */
    assert_false(is_shown(&world, X7, "v"));
}

static void values_of_both_ends_of_a_changed_cname_are_found(void **state) {
    (void)state;
    assert_int_equal(follow_present("token:a", ASKED, "v"), 0);
    cname(ASKED, X8);
    assert_int_equal(follow_present("token:a", ASKED, "v"), 0);
    assert_true(is_shown(&world, X7, "v"));
    assert_true(is_shown(&world, X8, "v"));
    assert_int_equal(follow_cleanup("token:a", ASKED, "v"), 0);
    assert_int_equal(fake_store_challenges(world.store), 0);
    assert_false(is_shown(&world, X7, "v"));
    assert_false(is_shown(&world, X8, "v"));
}

static void both_names_must_be_allowed(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *owner;
        int err;
        bool asks; /* Whether anybody is asked for the CNAME. */
    } rows[] = {
        {"host.example.test", X7, 0, true},
        {"host.example.test", X8, D1_EFORBIDDEN, true},
        {"other.example.test", X7, D1_EFORBIDDEN, false},
        {"other.example.test", X8, D1_EFORBIDDEN, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct asked asked;
        struct d1_rights *rights = make_rights(rows[i].name, rows[i].owner);
        size_t before = resolver.asked;
        asked_init(&asked, &world, D1_SOLVER_PRESENT, "token:r", ASKED, "v");
        asked.request.caller.rights = rights;
        int err = d1_solver_submit(world.solver, &asked.request);
        d1_rights_destroy(rights); /* The solver holds what it needs. */
        settle();
        assert_int_equal(err != 0 ? err : asked.err, rows[i].err);
        assert_int_equal(resolver.asked - before, rows[i].asks);
        assert_int_equal(fake_store_challenges(world.store), 1); /* The first row's. */
    }
    /* The same for CleanUp: without a right to the name where it stands, it stays. */
    struct asked asked;
    struct d1_rights *rights = make_rights("host.example.test", X8);
    asked_init(&asked, &world, D1_SOLVER_CLEANUP, "token:r", ASKED, "v");
    asked.request.caller.rights = rights;
    assert_int_equal(d1_solver_submit(world.solver, &asked.request), D1_EFORBIDDEN);
    d1_rights_destroy(rights);
    assert_true(is_shown(&world, X7, "v"));
}

static void what_was_found_is_told(void **state) {
    (void)state;
    static const struct {
        const char *name;
        const char *said;
    } rows[] = {
        {"_acme-challenge.none.example.test",
         "_acme-challenge.none.example.test is neither served here nor routed to a provider, and "
         "does not exist (NXDOMAIN), so it has no CNAME"},
        {"_acme-challenge.away.example.test",
         "_acme-challenge.away.example.test leads by CNAME to a.elsewhere.test, which is neither "
         "served here nor routed to a provider, and has no CNAME"},
        {"_acme-challenge.servfail.example.test",
         "_acme-challenge.servfail.example.test is not served here, and the resolvers gave "
         "SERVFAIL for its CNAME"},
    };
    cname("_acme-challenge.away.example.test", "a.elsewhere.test");
    fake_resolver_set(&resolver, "a.elsewhere.test", D1_TYPE_CNAME, D1_RESOLVE_NODATA, 0);
    fake_resolver_set(&resolver, "_acme-challenge.servfail.example.test", D1_TYPE_CNAME,
                      D1_RESOLVE_FAILED, 2);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct asked asked;
        char text[D1_FOLLOW_TEXT_BYTES];
        assert_int_equal(outcome(&asked, D1_SOLVER_PRESENT, "token:a", rows[i].name, "v"),
                         D1_ENOTSERVED);
        d1_solver_explain(&asked.request, asked.err, text);
        assert_string_equal(text, rows[i].said);
    }
}

static void a_static_record_at_the_end_is_told(void **state) {
    (void)state;
    struct asked asked;
    char text[D1_FOLLOW_TEXT_BYTES];
    cname(ASKED, "static.auth.example.test");
    assert_int_equal(outcome(&asked, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), D1_ESTATIC);
    d1_solver_explain(&asked.request, asked.err, text);
    assert_string_equal(text, ASKED " leads by CNAME to static.auth.example.test: the name holds a "
                                    "static TXT or CNAME record");
}

static void other_outcomes_are_told_of_the_name(void **state) {
    (void)state;
    struct asked asked;
    char text[D1_FOLLOW_TEXT_BYTES];
    asked_init(&asked, &world, D1_SOLVER_PRESENT, "token:a", NAME, "");
    assert_int_equal(d1_solver_submit(world.solver, &asked.request), D1_EVALUE);
    d1_solver_explain(&asked.request, D1_EVALUE, text);
    assert_string_equal(text, NAME ": a TXT value has 1 to 255 octets");
}

static void without_a_resolver_nothing_is_followed(void **state) {
    (void)state;
    struct asked asked;
    world.resolver = NULL;
    world_restart(&world);
    assert_int_equal(ask(&asked, &world, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), D1_ENOTSERVED);
    assert_false(asked.request.was_followed);
}

static void updates_are_not_followed(void **state) {
    (void)state;
    struct asked asked;
    asked_init(&asked, &world, D1_SOLVER_PRESENT, "tsig:k", ASKED, "v");
    asked.request.door = D1_DOOR_UPDATE;
    assert_int_equal(d1_solver_submit(world.solver, &asked.request), D1_ENOTSERVED);
    assert_int_equal(resolver.asked, 0);
}

static void requests_for_one_name_share_a_chain(void **state) {
    (void)state;
    struct asked first;
    struct asked second;
    struct asked other;
    assert_int_equal(ask(&first, &world, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), 0);
    assert_int_equal(ask(&second, &world, D1_SOLVER_PRESENT, "token:b", ASKED, "w"), 0);
    cname("_acme-challenge.b.example.test", X7);
    assert_int_equal(
        ask(&other, &world, D1_SOLVER_PRESENT, "token:b", "_acme-challenge.b.example.test", "u"),
        0);
    assert_int_equal(resolver.asked, 2);
    settle();
    assert_int_equal(first.err + second.err + other.err, 0);
    assert_int_equal(first.done + second.done + other.done, 3);
    assert_int_equal(shown_count(&world, X7), 3);
}

static void cleanup_waits_for_the_present_before_it(void **state) {
    (void)state;
    struct asked presenting;
    struct asked cleaning;
    assert_int_equal(ask(&presenting, &world, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), 0);
    assert_int_equal(ask(&cleaning, &world, D1_SOLVER_CLEANUP, "token:a", ASKED, "v"), 0);
    world_settle(&world);
    assert_int_equal(cleaning.done, 0);
    settle();
    assert_int_equal(presenting.done, 1);
    assert_int_equal(presenting.err, 0);
    assert_int_equal(cleaning.done, 1);
    assert_int_equal(cleaning.err, 0);
    assert_int_equal(fake_store_challenges(world.store), 0);
    assert_int_equal(shown_count(&world, X7), 0);
}

static void cleanup_waits_for_a_present_that_is_being_committed(void **state) {
    (void)state;
    struct asked presenting;
    struct asked cleaning;
    assert_int_equal(ask(&presenting, &world, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), 0);
    fake_resolver_run(&resolver);
    assert_int_equal(fake_store_waiting(world.store), 1);
    assert_int_equal(ask(&cleaning, &world, D1_SOLVER_CLEANUP, "token:a", ASKED, "v"), 0);
    settle();
    assert_int_equal(presenting.err, 0);
    assert_int_equal(cleaning.done, 1);
    assert_int_equal(cleaning.err, 0);
    assert_int_equal(fake_store_challenges(world.store), 0);
}

static void cleanup_of_a_chain_that_failed_succeeds(void **state) {
    (void)state;
    struct asked presenting;
    struct asked cleaning;
    fake_resolver_clear(&resolver, ASKED);
    assert_int_equal(ask(&presenting, &world, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), 0);
    assert_int_equal(ask(&cleaning, &world, D1_SOLVER_CLEANUP, "token:a", ASKED, "v"), 0);
    settle();
    assert_int_equal(presenting.err, D1_ENOTSERVED);
    assert_int_equal(cleaning.done, 1);
    assert_int_equal(cleaning.err, 0);
}

static void a_write_that_fails_leaves_no_trace(void **state) {
    (void)state;
    struct asked asked;
    assert_int_equal(ask(&asked, &world, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), 0);
    fake_resolver_run(&resolver);
    fake_store_fail(world.store, D1_ESTORE);
    settle();
    assert_int_equal(asked.err, D1_ESTORE);
    size_t before = resolver.asked;
    assert_int_equal(follow_cleanup("token:a", ASKED, "v"), 0);
    assert_int_equal(resolver.asked, before);
    assert_int_equal(shown_count(&world, X7), 0);
}

static void a_repeat_renews(void **state) {
    (void)state;
    struct asked asked;
    assert_int_equal(follow_present("token:a", ASKED, "v"), 0);
    world_advance(&world, HOUR_MS);
    assert_int_equal(outcome(&asked, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), 0);
    assert_true(asked.request.repeated);
    assert_int_equal(asked.request.expires_ms, NOW_MS + 25 * HOUR_MS);
    assert_int_equal(fake_store_challenges(world.store), 1);
}

static void the_last_asked_name_counts(void **state) {
    (void)state;
    struct asked asked;
    cname("_acme-challenge.b.example.test", X7);
    assert_int_equal(follow_present("token:a", ASKED, "v"), 0);
    assert_int_equal(
        outcome(&asked, D1_SOLVER_PRESENT, "token:a", "_acme-challenge.b.example.test", "v"), 0);
    assert_true(asked.request.repeated);
    assert_true(is_shown(&world, X7, "v"));
    assert_int_equal(follow_cleanup("token:a", ASKED, "v"), 0);
    assert_true(is_shown(&world, X7, "v"));
    assert_int_equal(follow_cleanup("token:a", "_acme-challenge.b.example.test", "v"), 0);
    assert_false(is_shown(&world, X7, "v"));
    check_shown_is_committed(&world);
}

static void a_lease_that_ends_takes_its_memory_along(void **state) {
    (void)state;
    assert_int_equal(follow_present("token:a", ASKED, "v"), 0);
    world_advance(&world, 24 * HOUR_MS);
    assert_int_equal(fake_store_challenges(world.store), 0);
    assert_int_equal(shown_count(&world, X7), 0);
    size_t before = resolver.asked;
    assert_int_equal(follow_cleanup("token:a", ASKED, "v"), 0);
    assert_int_equal(resolver.asked, before);
}

static void a_change_from_elsewhere_is_taken(void **state) {
    (void)state;
    struct d1_challenge record = {.created_ms = NOW_MS, .expires_ms = NOW_MS + HOUR_MS};
    snprintf(record.owner, sizeof(record.owner), "token:a");
    assert_int_equal(d1_name_from_text(X7, &record.name), 0);
    assert_int_equal(d1_name_from_text(ASKED, &record.asked), 0);
    record.value.length = 1;
    record.value.octets[0] = 'v';
    struct d1_store_change change = {.op = D1_STORE_PUT_CHALLENGE, .challenge = &record};
    fake_store_foreign(world.store, &change);
    world_advance(&world, 2000);
    assert_true(is_shown(&world, X7, "v"));
    record.asked.length = 0;
    fake_store_foreign(world.store, &change);
    world_advance(&world, 2000);
    assert_int_equal(follow_cleanup("token:a", ASKED, "v"), 0);
    assert_true(is_shown(&world, X7, "v"));
    assert_int_equal(d1_name_from_text(ASKED, &record.asked), 0);
    fake_store_foreign(world.store, &change);
    assert_int_equal(follow_cleanup("token:a", ASKED, "v"), 0);
    assert_false(is_shown(&world, X7, "v"));
}

static void on_updated(struct d1_solver_transaction *transaction, int err) {
    (void)transaction;
    assert_int_equal(err, 0);
}

static void an_update_that_renews_keeps_the_asked_name(void **state) {
    (void)state;
    struct d1_solver_change change = {.kind = D1_SOLVER_ADD};
    assert_int_equal(follow_present("token:a", ASKED, "v"), 0);
    assert_int_equal(d1_name_from_text(X7, &change.name), 0);
    change.value.length = 1;
    change.value.octets[0] = 'v';
    struct d1_solver_transaction update = {.door = D1_DOOR_UPDATE,
                                           .caller = {.owner = "token:a", .rights = world.any},
                                           .count = 1,
                                           .changes = &change,
                                           .done = on_updated};
    assert_int_equal(d1_solver_transact(world.solver, &update), 0);
    settle();
    assert_int_equal(follow_cleanup("token:a", ASKED, "v"), 0);
    assert_int_equal(fake_store_challenges(world.store), 0);
}

struct story {
    enum d1_event_kind kinds[16];
    struct d1_event followed;
    size_t count;
};

static void see(const struct d1_event *event, void *arg) {
    struct story *story = arg;
    assert_true(story->count < 16);
    story->kinds[story->count++] = event->kind;
    if (event->kind == D1_EVENT_FOLLOWED) {
        story->followed = *event;
    }
}

static void both_names_have_the_story(void **state) {
    (void)state;
    static const char *const names[] = {ASKED, X7};
    static const enum d1_event_kind kinds[] = {D1_EVENT_PRESENTED, D1_EVENT_FOLLOWED,
                                               D1_EVENT_COMMITTED, D1_EVENT_LIVE, D1_EVENT_REMOVED};
    assert_int_equal(follow_present("token:a", ASKED, "v"), 0);
    assert_int_equal(follow_cleanup("token:a", ASKED, "v"), 0);
    for (size_t i = 0; i < 2; i++) {
        struct story story = {.count = 0};
        struct d1_name name;
        char text[D1_NAME_TEXT_MAX];
        assert_int_equal(d1_name_from_text(names[i], &name), 0);
        d1_timeline_each(world.timeline, &name, see, &story);
        assert_int_equal(story.count, 5);
        assert_memory_equal(story.kinds, kinds, sizeof(kinds));
        d1_name_to_text(&story.followed.asked, text);
        assert_string_equal(text, ASKED);
        d1_name_to_text(&story.followed.target, text);
        assert_string_equal(text, X7);
        assert_string_equal(story.followed.owner, "token:a");
        assert_string_equal(story.followed.door, "api");
    }
}

static void chains_are_bounded(void **state) {
    (void)state;
    static struct asked asked[D1_FOLLOWS_MAX + 1];
    for (size_t i = 0; i <= D1_FOLLOWS_MAX; i++) {
        char name[64];
        snprintf(name, sizeof(name), "_acme-challenge.n%zu.example.test", i);
        assert_int_equal(ask(&asked[i], &world, D1_SOLVER_PRESENT, "token:a", name, "v"),
                         i < D1_FOLLOWS_MAX ? 0 : D1_ELIMIT);
    }
    settle();
    for (size_t i = 0; i < D1_FOLLOWS_MAX; i++) {
        assert_int_equal(asked[i].done, 1);
        assert_int_equal(asked[i].err, D1_ENOTSERVED);
    }
    assert_int_equal(follow_present("token:a", ASKED, "v"), 0);
}

static void requests_that_wait_are_bounded(void **state) {
    (void)state;
    struct asked *asked = calloc(D1_FOLLOWERS_MAX + 1, sizeof(*asked));
    assert_non_null(asked);
    for (size_t i = 0; i <= D1_FOLLOWERS_MAX; i++) {
        assert_int_equal(ask(&asked[i], &world, D1_SOLVER_PRESENT, "token:a", ASKED, "v"),
                         i < D1_FOLLOWERS_MAX ? 0 : D1_ELIMIT);
    }
    settle();
    for (size_t i = 0; i < D1_FOLLOWERS_MAX; i++) {
        assert_int_equal(asked[i].err, 0);
    }
    free(asked);
}

static void a_resolver_that_takes_no_question_is_told(void **state) {
    (void)state;
    struct asked asked;
    resolver.ask_err = D1_ELIMIT;
    assert_int_equal(ask(&asked, &world, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), D1_ELIMIT);
    resolver.ask_err = 0;
    cname(ASKED, "b.elsewhere.test");
    assert_int_equal(ask(&asked, &world, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), 0);
    resolver.ask_err = D1_ELIMIT;
    settle();
    assert_int_equal(asked.err, D1_ELIMIT);
    resolver.ask_err = 0;
}

static void stopping_ends_those_that_wait(void **state) {
    (void)state;
    struct asked presenting;
    struct asked cleaning;
    assert_int_equal(ask(&presenting, &world, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), 0);
    assert_int_equal(ask(&cleaning, &world, D1_SOLVER_CLEANUP, "token:a", ASKED, "v"), 0);
    d1_solver_stop_following(world.solver);
    assert_int_equal(presenting.err, D1_ESTOPPING);
    assert_int_equal(cleaning.err, D1_ESTOPPING);
    assert_int_equal(ask(&presenting, &world, D1_SOLVER_PRESENT, "token:a", ASKED, "v"),
                     D1_ESTOPPING);
    settle();
    assert_int_equal(present(&world, "token:a", NAME, "v"), 0);
}

static void a_solver_that_goes_cancels(void **state) {
    (void)state;
    struct asked asked;
    assert_int_equal(ask(&asked, &world, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), 0);
    world_restart(&world);
    assert_int_equal(asked.done, 1);
    assert_int_equal(asked.err, D1_ECANCELED);
    fake_resolver_run(&resolver);
}

static void a_resolver_that_goes_cancels(void **state) {
    (void)state;
    struct asked asked;
    assert_int_equal(ask(&asked, &world, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), 0);
    resolver.base.cancel(&resolver.base, resolver.first);
    settle();
    assert_int_equal(asked.done, 1);
    assert_int_equal(asked.err, D1_ECANCELED);
    assert_false(asked.request.was_followed);
}

static void a_name_that_became_ours_meanwhile_ends_elsewhere(void **state) {
    (void)state;
    struct asked asked;
    assert_int_equal(ask(&asked, &world, D1_SOLVER_PRESENT, "token:a", ASKED, "v"), 0);
    assert_int_equal(d1_name_from_text("elsewhere.test", &world.publisher.zone), 0);
    settle();
    assert_int_equal(asked.err, D1_ENOTSERVED); /* X7 is not served any more, nor has it a CNAME. */
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    static const struct {
        enum d1_solver_verb verb;
        const char *value;
    } steps[] = {{D1_SOLVER_PRESENT, "v"},
                 {D1_SOLVER_PRESENT, "v"},
                 {D1_SOLVER_PRESENT, "w"},
                 {D1_SOLVER_CLEANUP, "v"}};
    for (uint64_t skip = 0; skip < 200; skip++) {
        int errs[4];
        d1_mem_fault_arm(skip, 0);
        for (size_t i = 0; i < 4; i++) {
            struct asked asked;
            errs[i] = ask(&asked, &world, steps[i].verb, "token:a", ASKED, steps[i].value);
            bool begun = errs[i] == 0;
            if (begun) {
                settle();
                errs[i] = asked.err;
            }
            assert_int_equal(asked.done, begun);
        }
        uint64_t failed = d1_mem_fault_disarm();
        world_advance(&world, 2000);
        check_shown_is_committed(&world);
        if (errs[2] == 0) {
            assert_true(is_shown(&world, X7, "w"));
        }
        assert_int_equal(follow_cleanup("token:a", ASKED, "v"), 0);
        assert_int_equal(follow_cleanup("token:a", ASKED, "w"), 0);
        assert_int_equal(fake_store_challenges(world.store), 0);
        if (failed == 0) {
            assert_true(skip > 10);
            return;
        }
    }
    fail();
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        FRESH(the_value_stands_where_the_cname_leads),
        FRESH(names_of_ours_are_not_asked_for),
        FRESH(cleanup_needs_no_cname),
        FRESH(cleanup_works_after_a_restart),
        FRESH(cleanup_at_the_end_of_the_chain_works_too),
        FRESH(cleanup_of_nothing_succeeds_and_asks_nobody),
        FRESH(values_of_others_stay),
        FRESH(values_of_both_ends_of_a_changed_cname_are_found),
        FRESH(both_names_must_be_allowed),
        FRESH(what_was_found_is_told),
        FRESH(a_static_record_at_the_end_is_told),
        FRESH(other_outcomes_are_told_of_the_name),
        FRESH(without_a_resolver_nothing_is_followed),
        FRESH(updates_are_not_followed),
        FRESH(requests_for_one_name_share_a_chain),
        FRESH(cleanup_waits_for_the_present_before_it),
        FRESH(cleanup_waits_for_a_present_that_is_being_committed),
        FRESH(cleanup_of_a_chain_that_failed_succeeds),
        FRESH(a_write_that_fails_leaves_no_trace),
        FRESH(a_repeat_renews),
        FRESH(the_last_asked_name_counts),
        FRESH(a_lease_that_ends_takes_its_memory_along),
        FRESH(a_change_from_elsewhere_is_taken),
        FRESH(an_update_that_renews_keeps_the_asked_name),
        FRESH(both_names_have_the_story),
        FRESH(chains_are_bounded),
        FRESH(requests_that_wait_are_bounded),
        FRESH(a_resolver_that_takes_no_question_is_told),
        FRESH(stopping_ends_those_that_wait),
        FRESH(a_solver_that_goes_cancels),
        FRESH(a_resolver_that_goes_cancels),
        FRESH(a_name_that_became_ours_meanwhile_ends_elsewhere),
        FRESH(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
