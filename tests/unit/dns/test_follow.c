#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dns/follow.h"
#include "dns/wire.h"
#include "tests/lib/fake_resolver.h"

#define ASKED "_acme-challenge.host.example.test"
#define OURS  "x7.auth.example.test"

struct chain {
    struct d1_follow follow;
    struct d1_fake_clock clock;
    struct fake_resolver resolver;
    struct d1_name ours;
    int done;
    int64_t step_ms; /* What each look at a target takes. */
};

static bool takes(struct d1_follow *follow, const struct d1_name *name) {
    struct chain *chain = D1_CONTAINER_OF(follow, struct chain, follow);
    d1_fake_clock_advance_ms(&chain->clock, chain->step_ms);
    return d1_name_equal(name, &chain->ours);
}

static void on_done(struct d1_follow *follow) {
    D1_CONTAINER_OF(follow, struct chain, follow)->done++;
}

static void chain_init(struct chain *chain) {
    memset(chain, 0, sizeof(*chain));
    d1_fake_clock_init(&chain->clock, 1);
    fake_resolver_init(&chain->resolver, &chain->clock.clock);
    assert_int_equal(d1_name_from_text(OURS, &chain->ours), 0);
    chain->follow.takes = takes;
    chain->follow.done = on_done;
}

static int start(struct chain *chain) {
    struct d1_name asked;
    assert_int_equal(d1_name_from_text(ASKED, &asked), 0);
    return d1_follow_start(&chain->follow, &chain->resolver.base, &asked, D1_FOLLOW_MS);
}

static void cname(struct chain *chain, const char *from, const char *to) {
    fake_resolver_add(&chain->resolver, from, D1_TYPE_CNAME, to);
}

/* Follow, and check how it ended, at which name, after how many CNAMEs, and what is said of it. */
static void check_end(struct chain *chain, enum d1_follow_end end, const char *name, unsigned links,
                      const char *said) {
    char text[D1_FOLLOW_TEXT_BYTES];
    struct d1_name asked;
    assert_int_equal(start(chain), 0);
    assert_int_equal(chain->done, 0);
    fake_resolver_run(&chain->resolver);
    assert_int_equal(chain->done, 1);
    assert_int_equal(chain->follow.result.end, end);
    assert_int_equal(chain->follow.result.links, links);
    d1_name_to_text(&chain->follow.result.name, text);
    assert_string_equal(text, name);
    assert_int_equal(d1_name_from_text(ASKED, &asked), 0);
    d1_follow_explain(&chain->follow.result, &asked, text);
    assert_string_equal(text, said);
}

static void one_cname_is_followed(void **state) {
    (void)state;
    struct chain chain;
    chain_init(&chain);
    cname(&chain, ASKED, OURS);
    check_end(&chain, D1_FOLLOW_FOUND, OURS, 1,
              ASKED " leads by CNAME to " OURS ", which is taken");
    assert_int_equal(chain.resolver.asked, 1); /* Our own name is not asked for. */
}

/* A chain of so many CNAMEs, the last of which leads to us. */
static void make_chain(struct chain *chain, unsigned links) {
    char from[64] = ASKED;
    for (unsigned i = 1; i < links; i++) {
        char to[64];
        snprintf(to, sizeof(to), "c%u.example.test", i);
        cname(chain, from, to);
        snprintf(from, sizeof(from), "%s", to);
    }
    cname(chain, from, OURS);
}

static void the_longest_chain_is_followed(void **state) {
    (void)state;
    struct chain chain;
    chain_init(&chain);
    make_chain(&chain, D1_FOLLOW_LINKS_MAX);
    check_end(&chain, D1_FOLLOW_FOUND, OURS, D1_FOLLOW_LINKS_MAX,
              ASKED " leads by CNAME to " OURS ", which is taken");
}

static void one_more_is_too_long(void **state) {
    (void)state;
    struct chain chain;
    chain_init(&chain);
    make_chain(&chain, D1_FOLLOW_LINKS_MAX + 1);
    check_end(&chain, D1_FOLLOW_TOO_LONG, "c8.example.test", D1_FOLLOW_LINKS_MAX,
              ASKED " leads by CNAME to c8.example.test, which is the end of 8 CNAMEs and has "
                    "another one, which is too many");
}

static void loops_end(void **state) {
    (void)state;
    struct chain chain;
    chain_init(&chain);
    cname(&chain, ASKED, "a.example.test");
    cname(&chain, "a.example.test", "b.example.test");
    cname(&chain, "b.example.test", "a.example.test");
    check_end(&chain, D1_FOLLOW_LOOP, "b.example.test", 2,
              ASKED " leads by CNAME to b.example.test, which leads back by CNAME to a name before "
                    "it: a loop");
}

static void a_cname_to_itself_is_a_loop(void **state) {
    (void)state;
    struct chain chain;
    chain_init(&chain);
    cname(&chain, ASKED, ASKED);
    check_end(&chain, D1_FOLLOW_LOOP, ASKED, 0,
              ASKED " leads back by CNAME to a name before it: a loop");
}

static void no_cname_says_whether_the_name_exists(void **state) {
    (void)state;
    struct chain chain;
    chain_init(&chain);
    fake_resolver_set(&chain.resolver, ASKED, D1_TYPE_CNAME, D1_RESOLVE_NODATA, 0);
    check_end(&chain, D1_FOLLOW_NO_CNAME, ASKED, 0,
              ASKED " is neither served here nor routed to a provider, and has no CNAME");
    chain_init(&chain);
    check_end(&chain, D1_FOLLOW_NO_NAME, ASKED, 0,
              ASKED " is neither served here nor routed to a provider, and does not exist "
                    "(NXDOMAIN), so it has no CNAME");
}

static void a_strange_end_is_named(void **state) {
    (void)state;
    struct chain chain;
    chain_init(&chain);
    cname(&chain, ASKED, "x.elsewhere.test");
    fake_resolver_set(&chain.resolver, "x.elsewhere.test", D1_TYPE_CNAME, D1_RESOLVE_NODATA, 0);
    check_end(&chain, D1_FOLLOW_NO_CNAME, "x.elsewhere.test", 1,
              ASKED " leads by CNAME to x.elsewhere.test, which is neither served here nor routed "
                    "to a provider, and has no CNAME");
}

static void resolvers_that_fail_are_quoted(void **state) {
    (void)state;
    struct chain chain;
    chain_init(&chain);
    fake_resolver_set(&chain.resolver, ASKED, D1_TYPE_CNAME, D1_RESOLVE_FAILED, 2);
    check_end(&chain, D1_FOLLOW_FAILED, ASKED, 0,
              ASKED " is not served here, and the resolvers gave SERVFAIL for its CNAME");
    chain_init(&chain);
    fake_resolver_set(&chain.resolver, ASKED, D1_TYPE_CNAME, D1_RESOLVE_FAILED, 5);
    check_end(&chain, D1_FOLLOW_FAILED, ASKED, 0,
              ASKED " is not served here, and the resolvers gave REFUSED for its CNAME");
    chain_init(&chain);
    fake_resolver_set(&chain.resolver, ASKED, D1_TYPE_CNAME, D1_RESOLVE_TIMEOUT, 0);
    check_end(&chain, D1_FOLLOW_TIMEOUT, ASKED, 0,
              ASKED " is not served here, and the resolvers gave no answer for its CNAME");
}

static void bogus_is_told(void **state) {
    (void)state;
    struct chain chain;
    chain_init(&chain);
    fake_resolver_set(&chain.resolver, ASKED, D1_TYPE_CNAME, D1_RESOLVE_BOGUS, 2);
    check_end(&chain, D1_FOLLOW_BOGUS, ASKED, 0, ASKED " has a CNAME that fails DNSSEC validation");
}

static void only_one_whole_name_is_a_cname(void **state) {
    (void)state;
    static const struct {
        const char *octets;
        size_t length;
    } bad[] = {{"", 0}, {"\1a", 2}, {"\1a\0x", 4}, {"\xc0\x0c", 2}, {"\100", 1}};
    struct chain chain;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        chain_init(&chain);
        fake_resolver_add_octets(&chain.resolver, ASKED, D1_TYPE_CNAME, bad[i].octets,
                                 bad[i].length);
        check_end(&chain, D1_FOLLOW_MALFORMED, ASKED, 0, ASKED " has no valid CNAME, or several");
    }
    chain_init(&chain);
    cname(&chain, ASKED, OURS);
    cname(&chain, ASKED, "y.auth.example.test");
    check_end(&chain, D1_FOLLOW_MALFORMED, ASKED, 0, ASKED " has no valid CNAME, or several");
}

static void targets_are_folded(void **state) {
    (void)state;
    struct chain chain;
    chain_init(&chain);
    fake_resolver_add_octets(&chain.resolver, ASKED, D1_TYPE_CNAME, "\2X7\4Auth\7EXAMPLE\4test",
                             22);
    check_end(&chain, D1_FOLLOW_FOUND, OURS, 1,
              ASKED " leads by CNAME to " OURS ", which is taken");
}

static void the_limit_holds_for_the_whole_chain(void **state) {
    (void)state;
    struct chain chain;
    chain_init(&chain);
    make_chain(&chain, 5);
    chain.step_ms = D1_FOLLOW_MS / 3;
    check_end(&chain, D1_FOLLOW_TIMEOUT, "c4.example.test", 4,
              ASKED " leads by CNAME to c4.example.test, which is not served here, and the "
                    "resolvers gave no answer for its CNAME");
}

static void each_question_has_what_is_left(void **state) {
    (void)state;
    struct chain chain;
    chain_init(&chain);
    make_chain(&chain, 3);
    chain.step_ms = D1_FOLLOW_MS - 1000;
    assert_int_equal(start(&chain), 0);
    assert_int_equal(chain.follow.query.timeout_ms, D1_RESOLVE_QUERY_MS);
    assert_true(fake_resolver_step(&chain.resolver));
    assert_in_range(chain.follow.query.timeout_ms, 1000, 1001);
    fake_resolver_run(&chain.resolver);
    assert_int_equal(chain.done, 1);
}

static void a_refused_first_question_is_returned(void **state) {
    (void)state;
    struct chain chain;
    chain_init(&chain);
    chain.resolver.ask_err = D1_ELIMIT;
    assert_int_equal(start(&chain), D1_ELIMIT);
    assert_int_equal(chain.done, 0);
}

static void a_refused_later_question_ends_it(void **state) {
    (void)state;
    struct chain chain;
    char text[D1_FOLLOW_TEXT_BYTES];
    chain_init(&chain);
    make_chain(&chain, 2);
    assert_int_equal(start(&chain), 0);
    chain.resolver.ask_err = D1_ELIMIT;
    fake_resolver_run(&chain.resolver);
    assert_int_equal(chain.done, 1);
    assert_int_equal(chain.follow.result.end, D1_FOLLOW_NOT_ASKED);
    d1_follow_explain(&chain.follow.result, &chain.follow.seen[0], text);
    assert_string_equal(text, ASKED " leads by CNAME to c1.example.test, which is not served here, "
                                    "and its CNAME could not be asked for: a limit is reached");
}

static void a_canceled_one_is_told_from_the_loop(void **state) {
    (void)state;
    struct chain chain;
    chain_init(&chain);
    cname(&chain, ASKED, OURS);
    assert_int_equal(start(&chain), 0);
    d1_follow_cancel(&chain.follow);
    assert_int_equal(chain.done, 0);
    fake_resolver_run(&chain.resolver);
    assert_int_equal(chain.done, 1);
    assert_int_equal(chain.follow.result.end, D1_FOLLOW_CANCELED);
}

static void the_longest_names_fit(void **state) {
    (void)state;
    struct d1_followed followed = {.end = D1_FOLLOW_NO_NAME, .links = 1};
    struct d1_name *name = &followed.name;
    char text[D1_FOLLOW_TEXT_BYTES];
    for (size_t label = 0; label < 4; label++) {
        size_t length = label < 3 ? 63 : 61;
        name->octets[name->length++] = (uint8_t)length;
        memset(&name->octets[name->length], 1, length); /* Each is four characters of text. */
        name->length = (uint8_t)(name->length + length);
    }
    name->octets[name->length++] = 0;
    assert_int_equal(name->length, D1_NAME_OCTETS_MAX);
    d1_follow_explain(&followed, name, text);
    const char *tail = "does not exist (NXDOMAIN), so it has no CNAME";
    assert_string_equal(text + strlen(text) - strlen(tail), tail);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_cname_is_followed),
        cmocka_unit_test(the_longest_chain_is_followed),
        cmocka_unit_test(one_more_is_too_long),
        cmocka_unit_test(loops_end),
        cmocka_unit_test(a_cname_to_itself_is_a_loop),
        cmocka_unit_test(no_cname_says_whether_the_name_exists),
        cmocka_unit_test(a_strange_end_is_named),
        cmocka_unit_test(resolvers_that_fail_are_quoted),
        cmocka_unit_test(bogus_is_told),
        cmocka_unit_test(only_one_whole_name_is_a_cname),
        cmocka_unit_test(targets_are_folded),
        cmocka_unit_test(the_limit_holds_for_the_whole_chain),
        cmocka_unit_test(each_question_has_what_is_left),
        cmocka_unit_test(a_refused_first_question_is_returned),
        cmocka_unit_test(a_refused_later_question_ends_it),
        cmocka_unit_test(a_canceled_one_is_told_from_the_loop),
        cmocka_unit_test(the_longest_names_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
