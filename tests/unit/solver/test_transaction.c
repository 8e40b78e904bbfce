/*
 * Transactions are written as words: "+a=v" adds v at a.auth.example.test, "-a=v" removes it, "!a"
 * clears.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/hash.h"
#include "core/mem.h"
#include "tests/unit/solver/fixture.h"

#define ZONE        ".auth.example.test"
#define CHANGES_MAX 16
#define NAME_TEXT   64

struct trial {
    struct d1_solver_transaction transaction;
    struct d1_solver_change changes[CHANGES_MAX];
    int checked;
    int check_err; /* What the check says. */
    int done;
    int err;
};

static int on_check(struct d1_solver_transaction *transaction) {
    struct trial *trial = D1_CONTAINER_OF(transaction, struct trial, transaction);
    trial->checked++;
    assert_int_equal(trial->done, 0);
    return trial->check_err;
}

static void on_done(struct d1_solver_transaction *transaction, int err) {
    struct trial *trial = D1_CONTAINER_OF(transaction, struct trial, transaction);
    trial->done++;
    trial->err = err;
}

static const char *name_of(char letter, char text[NAME_TEXT]) {
    snprintf(text, NAME_TEXT, "%c%s", letter, ZONE);
    return text;
}

static void trial_init(struct trial *trial, struct world *world, const char *owner,
                       const char *words) {
    memset(trial, 0, sizeof(*trial));
    struct d1_solver_transaction *transaction = &trial->transaction;
    for (const char *at = words; *at != '\0'; at += strcspn(at, " "), at += strspn(at, " ")) {
        char text[NAME_TEXT];
        struct d1_solver_change *change = &trial->changes[transaction->count++];
        assert_true(transaction->count <= CHANGES_MAX);
        change->kind = at[0] == '+'   ? D1_SOLVER_ADD
                       : at[0] == '-' ? D1_SOLVER_REMOVE
                                      : D1_SOLVER_CLEAR;
        assert_int_equal(d1_name_from_text(name_of(at[1], text), &change->name), 0);
        if (at[0] != '!') {
            size_t length = strcspn(at + 3, " ");
            change->value.length = (uint8_t)length;
            memcpy(change->value.octets, at + 3, length);
        }
    }
    transaction->door = D1_DOOR_UPDATE;
    transaction->caller = (struct d1_credential){
        .owner = owner, .rights = strcmp(owner, "socket") == 0 ? world->admin : world->any};
    transaction->changes = trial->changes;
    transaction->check = on_check;
    transaction->done = on_done;
}

static int begin(struct trial *trial, struct world *world, const char *owner, const char *words) {
    trial_init(trial, world, owner, words);
    return d1_solver_transact(world->solver, &trial->transaction);
}

/* Start, settle, and return the outcome, at once or in done. */
static int transact(struct world *world, const char *owner, const char *words) {
    struct trial trial;
    int err = begin(&trial, world, owner, words);
    assert_int_equal(trial.done, 0);
    if (err != 0) {
        assert_int_equal(trial.checked, 0);
        return err;
    }
    world_settle(world);
    assert_int_equal(trial.done, 1);
    assert_int_equal(trial.checked, 1);
    return trial.err;
}

/* Exactly these values, one letter each, are shown at the name, and durable with these owners. */
static void assert_shows(struct world *world, char letter, const char *values) {
    char text[NAME_TEXT];
    const char *name = name_of(letter, text);
    assert_int_equal(shown_count(world, name), strlen(values));
    for (const char *value = values; *value != '\0'; value++) {
        const char one[] = {*value, '\0'};
        assert_true(is_shown(world, name, one));
    }
    check_shown_is_committed(world);
}

static int set_up(void **state) {
    static struct world world;
    world_open(&world);
    *state = &world;
    return 0;
}

static int tear_down(void **state) {
    world_close(*state);
    return 0;
}

static void several_names_are_one_write(void **state) {
    struct world *world = *state;
    struct trial trial;
    assert_int_equal(begin(&trial, world, "tsig:k", "+a=1 +b=2 +a=3 +c=4"), 0);
    world_run(world);
    assert_int_equal(fake_store_waiting(world->store), 1);
    assert_int_equal(trial.done, 0);
    assert_int_equal(shown_count(world, "a" ZONE), 0);
    assert_true(fake_store_commit(world->store));
    assert_int_equal(trial.done, 1);
    assert_int_equal(trial.err, 0);
    assert_shows(world, 'a', "13");
    assert_shows(world, 'b', "2");
    assert_shows(world, 'c', "4");
    assert_non_null(fake_store_find(world->store, "a" ZONE, "1", "tsig:k"));
    const struct d1_challenge *row = fake_store_find(world->store, "c" ZONE, "4", "tsig:k");
    assert_int_equal(row->expires_ms, NOW_MS + 24 * HOUR_MS);
}

static void changes_count_in_their_order(void **state) {
    struct world *world = *state;
    static const struct {
        const char *words;
        const char *after;
    } rows[] = {
        {"+a=1 +a=2 -a=1", "2"},
        {"!a +a=3", "3"},
        {"+a=4 !a", ""},
        {"+a=5 !a +a=6 -a=6 +a=6", "6"},
        {"-a=6 +a=6", "6"},
        {"-a=6 +a=7 +a=7", "7"},
        {"+a=8 -a=7 !a +a=7", "7"},
        {"-a=9", "7"},
        {"+a=7", "7"},
        {"!a !a", ""},
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        assert_int_equal(transact(world, "tsig:k", rows[i].words), 0);
        assert_shows(world, 'a', rows[i].after);
        assert_int_equal(fake_store_challenges(world->store), strlen(rows[i].after));
    }
}

static void only_ones_own_is_removed(void **state) {
    struct world *world = *state;
    assert_int_equal(transact(world, "tsig:a", "+a=1 +a=2"), 0);
    assert_int_equal(transact(world, "tsig:b", "+a=2 +a=3"), 0);
    assert_int_equal(transact(world, "tsig:a", "!a -a=3"), 0);
    assert_shows(world, 'a', "23");
    assert_int_equal(transact(world, "socket", "!a"), 0);
    assert_shows(world, 'a', "23");
    assert_int_equal(transact(world, "socket", "-a=2"), 0);
    assert_shows(world, 'a', "3");
    assert_int_equal(cleanup(world, "tsig:b", "a" ZONE, "3"), 0);
    assert_shows(world, 'a', "");
}

static void names_stay_known(void **state) {
    struct world *world = *state;
    assert_int_equal(transact(world, "tsig:k", "+a=1"), 0);
    assert_int_equal(transact(world, "tsig:k", "!a"), 0);
    assert_true(is_known(world, "a" ZONE));
    assert_non_null(fake_store_known(world->store, "a" ZONE));
    world_advance(world, 25 * HOUR_MS);
    assert_false(is_known(world, "a" ZONE));
}

static void nothing_to_write_still_ends_once(void **state) {
    struct world *world = *state;
    struct trial trial;
    assert_int_equal(begin(&trial, world, "tsig:k", "-a=1 !b"), 0);
    assert_int_equal(trial.done, 0);
    world_run(world);
    assert_int_equal(fake_store_waiting(world->store), 0);
    assert_int_equal(trial.done, 1);
    assert_int_equal(trial.err, 0);
}

static void everything_is_checked_first(void **state) {
    struct world *world = *state;
    static const char *const none[] = {"a" ZONE};
    struct d1_rights *rights = NULL;
    struct trial trial;
    assert_int_equal(d1_rights_create(NULL, 0, none, 1, D1_VERB_PRESENT, &rights, NULL), 0);
    trial_init(&trial, world, "tsig:k", "+a=1 +b=1");
    trial.transaction.caller.rights = rights;
    assert_int_equal(d1_solver_transact(world->solver, &trial.transaction), D1_EFORBIDDEN);
    trial_init(&trial, world, "tsig:k", "+a=1 !a");
    trial.transaction.caller.rights = rights;
    assert_int_equal(d1_solver_transact(world->solver, &trial.transaction), D1_EFORBIDDEN);
    trial_init(&trial, world, "tsig:k", "+a=1 +b=1");
    assert_int_equal(d1_name_from_text("x.static" ZONE, &trial.changes[1].name), 0);
    assert_int_equal(d1_name_from_text("elsewhere.test", &trial.changes[1].name), 0);
    assert_int_equal(d1_solver_transact(world->solver, &trial.transaction), D1_ENOTSERVED);
    assert_int_equal(d1_name_from_text("static" ZONE, &trial.changes[1].name), 0);
    assert_int_equal(d1_solver_transact(world->solver, &trial.transaction), D1_ESTATIC);
    trial_init(&trial, world, "tsig:k", "+a=1 +b=");
    assert_int_equal(d1_solver_transact(world->solver, &trial.transaction), D1_EVALUE);
    world_settle(world);
    assert_int_equal(trial.checked + trial.done, 0);
    assert_int_equal(fake_store_challenges(world->store), 0);
    d1_rights_destroy(rights);
}

static void a_check_that_fails_leaves_nothing(void **state) {
    struct world *world = *state;
    struct trial trial;
    trial_init(&trial, world, "tsig:k", "+a=1 +b=2");
    trial.check_err = D1_EEXIST;
    assert_int_equal(d1_solver_transact(world->solver, &trial.transaction), 0);
    assert_int_equal(trial.done, 0);
    world_settle(world);
    assert_int_equal(trial.done, 1);
    assert_int_equal(trial.err, D1_EEXIST);
    assert_int_equal(fake_store_challenges(world->store), 0);
    assert_int_equal(transact(world, "tsig:k", "+a=3 +b=4"), 0);
    assert_shows(world, 'a', "3");
}

/* The check sees what was asked before it, and nothing that was asked after. */
static void checks_wait_for_what_is_under_way(void **state) {
    struct world *world = *state;
    struct asked before;
    struct asked after;
    struct trial trial;
    assert_int_equal(ask(&before, world, D1_SOLVER_PRESENT, "token:t", "a" ZONE, "1"), 0);
    assert_int_equal(begin(&trial, world, "tsig:k", "+a=2 +b=2"), 0);
    assert_int_equal(ask(&after, world, D1_SOLVER_PRESENT, "token:t", "b" ZONE, "3"), 0);
    world_run(world);
    assert_int_equal(trial.checked, 0);
    assert_int_equal(fake_store_waiting(world->store), 1);
    assert_true(fake_store_commit(world->store));
    assert_int_equal(before.done, 1);
    assert_int_equal(trial.checked, 1);
    assert_true(is_shown(world, "a" ZONE, "1"));
    assert_int_equal(shown_count(world, "b" ZONE), 0);
    assert_true(fake_store_commit(world->store));
    assert_int_equal(trial.done, 1);
    assert_int_equal(after.done, 0);
    world_settle(world);
    assert_int_equal(after.done, 1);
    assert_shows(world, 'a', "12");
    assert_shows(world, 'b', "23");
}

static void crossing_transactions_all_end(void **state) {
    struct world *world = *state;
    static const char *const words[] = {"+a=1 +b=1 +c=1", "+c=2 +a=2", "+b=3 +c=3", "!a +b=4",
                                        "+c=5 +b=5 +a=5"};
    struct trial trials[D1_ARRAY_LENGTH(words)];
    for (size_t i = 0; i < D1_ARRAY_LENGTH(words); i++) {
        assert_int_equal(begin(&trials[i], world, "tsig:k", words[i]), 0);
    }
    world_settle(world);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(words); i++) {
        assert_int_equal(trials[i].done, 1);
        assert_int_equal(trials[i].err, 0);
    }
    assert_shows(world, 'a', "5");
    assert_shows(world, 'b', "1345");
    assert_shows(world, 'c', "1235");
}

static void a_write_that_fails_changes_nothing(void **state) {
    struct world *world = *state;
    struct trial trial;
    struct trial next;
    assert_int_equal(begin(&trial, world, "tsig:k", "+a=1 +b=1"), 0);
    assert_int_equal(begin(&next, world, "tsig:k", "+b=2"), 0);
    world_run(world);
    fake_store_fail(world->store, D1_ESTORE);
    world_settle(world);
    assert_int_equal(trial.done, 1);
    assert_int_equal(trial.err, D1_ESTORE);
    assert_int_equal(next.done, 1);
    assert_int_equal(next.err, 0);
    assert_shows(world, 'a', "");
    assert_shows(world, 'b', "2");
}

static void a_store_that_takes_nothing_is_told(void **state) {
    struct world *world = *state;
    fake_store_refuse(world->store, D1_ELIMIT);
    assert_int_equal(transact(world, "tsig:k", "+a=1 +b=1"), D1_ELIMIT);
    fake_store_refuse(world->store, 0);
    assert_int_equal(transact(world, "tsig:k", "+a=1 +b=1"), 0);
    assert_shows(world, 'b', "1");
}

static void too_many_octets_at_one_name_refuse_all(void **state) {
    struct world *world = *state;
    struct trial trial;
    trial_init(&trial, world, "tsig:k", "+a=1 +a=2 +a=3 +a=4 +a=5 +b=6");
    for (size_t i = 0; i < 5; i++) {
        memset(trial.changes[i].value.octets, (int)('a' + i), 255);
        trial.changes[i].value.length = 255;
    }
    assert_int_equal(d1_solver_transact(world->solver, &trial.transaction), 0);
    world_settle(world);
    assert_int_equal(trial.done, 1);
    assert_int_equal(trial.err, D1_EVALUES);
    assert_int_equal(fake_store_challenges(world->store), 0);
    trial.changes[4].kind = D1_SOLVER_REMOVE; /* Four of them fit. */
    trial.done = 0;
    assert_int_equal(d1_solver_transact(world->solver, &trial.transaction), 0);
    world_settle(world);
    assert_int_equal(trial.err, 0);
    assert_int_equal(shown_count(world, "a" ZONE), 4);
    trial.changes[0].kind = D1_SOLVER_CLEAR; /* The room of one goes to another. */
    trial.changes[4].kind = D1_SOLVER_ADD;
    trial.done = 0;
    assert_int_equal(d1_solver_transact(world->solver, &trial.transaction), 0);
    world_settle(world);
    assert_int_equal(trial.err, 0);
    assert_int_equal(shown_count(world, "a" ZONE), 4);
}

static void late_publications_are_awaited(void **state) {
    struct world *world = *state;
    struct trial trial;
    world->publisher.later = true;
    assert_int_equal(begin(&trial, world, "tsig:k", "+a=1 +b=2"), 0);
    world_settle(world);
    assert_int_equal(trial.done, 0);
    publication_end(world, 0);
    assert_int_equal(trial.done, 0);
    publication_end(world, 0);
    assert_int_equal(trial.done, 1);
    assert_int_equal(trial.err, 0);
}

static void publications_that_take_too_long_are_not_yet(void **state) {
    struct world *world = *state;
    struct trial trial;
    world->publisher.later = true;
    assert_int_equal(begin(&trial, world, "tsig:k", "+a=1 +b=2"), 0);
    world_settle(world);
    publication_end(world, 0);
    world_advance(world, 26000);
    assert_int_equal(trial.done, 1);
    assert_int_equal(trial.err, D1_ENOTYET);
    world->publisher.later = false;
    publication_end(world, 0);
    world_settle(world);
    assert_shows(world, 'a', "1");
    assert_shows(world, 'b', "2");
    assert_int_equal(trial.done, 1);
}

static void the_end_of_the_solver_ends_them(void **state) {
    struct world *world = *state;
    struct trial late;
    struct trial deferred;
    world->publisher.later = true;
    assert_int_equal(begin(&late, world, "tsig:k", "+a=1 +b=2"), 0);
    world_settle(world);
    assert_int_equal(begin(&deferred, world, "tsig:k", "-c=1 !d"), 0);
    world_restart(world);
    assert_int_equal(late.done, 1);
    assert_int_equal(late.err, D1_ECANCELED);
    assert_int_equal(deferred.done, 1);
    assert_int_equal(deferred.err, D1_ECANCELED);
}

struct seen {
    unsigned kinds[8];
};

static void see(const struct d1_event *event, void *arg) {
    struct seen *seen = arg;
    seen->kinds[event->kind]++;
    assert_string_equal(event->owner, "tsig:k");
    assert_string_equal(event->door, "rfc2136");
}

static void the_timeline_tells_each_value(void **state) {
    struct world *world = *state;
    struct seen seen = {{0}};
    struct d1_name name;
    assert_int_equal(transact(world, "tsig:k", "+a=1 +a=2 +b=1"), 0);
    assert_int_equal(transact(world, "tsig:k", "!a +a=1"), 0);
    assert_int_equal(d1_name_from_text("a" ZONE, &name), 0);
    d1_timeline_each(world->timeline, &name, see, &seen);
    assert_int_equal(seen.kinds[D1_EVENT_PRESENTED], 2);
    assert_int_equal(seen.kinds[D1_EVENT_COMMITTED], 2);
    assert_int_equal(seen.kinds[D1_EVENT_LIVE], 2);
    assert_int_equal(seen.kinds[D1_EVENT_REMOVED], 1);
}

/* Every allocation fails in turn: each ends once, all of it happens or nothing, nothing leaks. */
static bool run_with_fault(uint64_t skipped, int persistent) {
    static struct world world;
    struct trial first;
    struct trial second;
    world_open(&world);
    d1_mem_fault_arm(skipped, persistent);
    int first_err = begin(&first, &world, "tsig:k", "+a=1 +b=2 +a=3");
    int second_err = begin(&second, &world, "tsig:k", "!a -b=2 +c=4");
    world_settle(&world);
    bool failed = d1_mem_fault_disarm() > 0;
    world_settle(&world);
    world_advance(&world, 2000);
    world_advance(&world, 2000);
    assert_int_equal(first.done, first_err == 0);
    assert_int_equal(second.done, second_err == 0);
    check_shown_is_committed(&world);
    bool first_made = first_err == 0 && (first.err == 0 || first.err == D1_ENOTYET);
    bool second_made = second_err == 0 && (second.err == 0 || second.err == D1_ENOTYET);
    size_t left = (first_made && !second_made ? 3U : 0U) + (second_made ? 1U : 0U);
    assert_int_equal(fake_store_challenges(world.store), left);
    world_close(&world);
    return failed;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    int64_t live = d1_mem_live();
    for (int persistent = 0; persistent <= 1; persistent++) {
        uint64_t skipped = 0;
        while (run_with_fault(skipped, persistent)) {
            assert_int_equal(d1_mem_live(), live);
            skipped++;
            assert_true(skipped < 1000);
        }
    }
}

#define ROUNDS 300
#define OWNERS 2
#define NAMES  3
#define VALUES 4

/* Random transactions of two owners, some of whose writes fail, beside a model of a few lines. */
struct model {
    bool held[OWNERS][NAMES][VALUES];
};

static void model_apply(struct model *model, size_t owner, const struct trial *trial) {
    for (size_t i = 0; i < trial->transaction.count; i++) {
        const struct d1_solver_change *change = &trial->changes[i];
        size_t name = (size_t)(change->name.octets[1] - 'a');
        for (size_t value = 0; value < VALUES; value++) {
            if (change->kind == D1_SOLVER_CLEAR ||
                change->value.octets[0] == (uint8_t)('0' + value)) {
                model->held[owner][name][value] = change->kind == D1_SOLVER_ADD;
            }
        }
    }
}

static void assert_model(struct world *world, const struct model *model) {
    for (size_t name = 0; name < NAMES; name++) {
        char wanted[VALUES + 1] = "";
        size_t count = 0;
        for (size_t value = 0; value < VALUES; value++) {
            if (model->held[0][name][value] || model->held[1][name][value]) {
                wanted[count++] = (char)('0' + value);
            }
        }
        assert_shows(world, (char)('a' + name), wanted);
    }
}

static size_t below(uint64_t *seed, size_t count) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (size_t)(*seed % count);
}

static void random_words(uint64_t *seed, char *words, size_t size) {
    size_t length = 0;
    size_t count = 1 + below(seed, 5);
    for (size_t i = 0; i < count; i++) {
        char name = (char)('a' + below(seed, NAMES));
        char value = (char)('0' + below(seed, VALUES));
        const char kind = "++--!"[below(seed, 5)];
        int more = kind == '!'
                       ? snprintf(words + length, size - length, "!%c ", name)
                       : snprintf(words + length, size - length, "%c%c=%c ", kind, name, value);
        length += (size_t)more;
    }
}

static void random_transactions_do_as_the_model(void **state) {
    struct world *world = *state;
    static const char *const owners[OWNERS] = {"tsig:a", "tsig:b"};
    struct model model = {0};
    uint64_t seed = 1;
    const char *wanted = getenv("D1_SEED");
    assert_int_equal(d1_random(&seed, sizeof(seed)), 0);
    seed = (wanted != NULL ? strtoull(wanted, NULL, 10) : seed) | 1;
    print_message("# D1_SEED=%llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct trial trials[4];
        size_t count = 1 + below(&seed, D1_ARRAY_LENGTH(trials));
        size_t owner[D1_ARRAY_LENGTH(trials)];
        for (size_t i = 0; i < count; i++) {
            char words[64];
            random_words(&seed, words, sizeof(words));
            owner[i] = below(&seed, OWNERS);
            assert_int_equal(begin(&trials[i], world, owners[owner[i]], words), 0);
        }
        world_run(world);
        if (below(&seed, 4) == 0 && fake_store_waiting(world->store) > 0) {
            fake_store_fail(world->store, D1_ESTORE);
        }
        world_settle(world);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(trials[i].done, 1);
            if (trials[i].err == 0) {
                model_apply(&model, owner[i], &trials[i]);
            }
        }
        assert_model(world, &model);
    }
}

int main(void) {
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_WORLD(several_names_are_one_write),
        IN_WORLD(changes_count_in_their_order),
        IN_WORLD(only_ones_own_is_removed),
        IN_WORLD(names_stay_known),
        IN_WORLD(nothing_to_write_still_ends_once),
        IN_WORLD(everything_is_checked_first),
        IN_WORLD(a_check_that_fails_leaves_nothing),
        IN_WORLD(checks_wait_for_what_is_under_way),
        IN_WORLD(crossing_transactions_all_end),
        IN_WORLD(a_write_that_fails_changes_nothing),
        IN_WORLD(a_store_that_takes_nothing_is_told),
        IN_WORLD(too_many_octets_at_one_name_refuse_all),
        IN_WORLD(late_publications_are_awaited),
        IN_WORLD(publications_that_take_too_long_are_not_yet),
        IN_WORLD(the_end_of_the_solver_ends_them),
        IN_WORLD(the_timeline_tells_each_value),
        cmocka_unit_test(every_allocation_may_fail),
        IN_WORLD(random_transactions_do_as_the_model),
    };
    return cmocka_run_group_tests_name("transaction", tests, NULL, NULL);
}
