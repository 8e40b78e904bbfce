/* The types that are written in C, step by step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/err.h"
#include "dns/tsig.h"
#include "dns/wire.h"
#include "providers/written.h"

#define NOW_MS INT64_C(1700000000000)
#define NAME   "_acme-challenge.www.example.org"
#define SECRET "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="

struct world {
    const struct d1_provider *provider;
    void *account;
    void *job;
    struct d1_provider_job asked;
    struct d1_action action;
};

static int open_account(struct world *w, const struct d1_provider *provider,
                        const struct d1_pair *settings, size_t count,
                        struct d1_provider_error *error) {
    w->provider = provider;
    return provider->account_open(provider, settings, count, &w->account, error);
}

static void begin(struct world *w, uint32_t verb, const char *zone) {
    w->asked = (struct d1_provider_job){
        .size = sizeof(w->asked), .verb = verb, .fqdn = NAME, .value = "abc", .zone = zone};
    assert_int_equal(w->provider->job_begin(w->account, &w->asked, &w->job), 0);
}

static void step(struct world *w, const struct d1_reply *reply) {
    struct d1_reply copy = *reply;
    copy.now_ms = NOW_MS;
    copy.random[0] = 0x12;
    copy.random[1] = 0x34;
    w->action = (struct d1_action){.size = sizeof(w->action)};
    w->provider->step(w->job, &copy, &w->action);
}

static void start(struct world *w, uint32_t verb, const char *zone) {
    begin(w, verb, zone);
    step(w, &(struct d1_reply){.kind = D1_REPLY_START});
}

static void finish(struct world *w) {
    w->provider->job_end(w->job);
    w->provider->account_close(w->account);
}

/* ---- exec ---- */

static void use_program(struct world *w, const char *convention) {
    const struct d1_pair settings[] = {{"program", "/opt/hook"}, {"convention", convention}};
    struct d1_provider_error error;
    assert_int_equal(open_account(w, &d1_provider_exec, settings, 2, &error), 0);
}

static void test_exec_as_lego_calls_it(void **state) {
    (void)state;
    struct world w;
    use_program(&w, "lego");
    start(&w, D1_PROVIDER_PRESENT, NULL);
    assert_int_equal(w.action.kind, D1_ACTION_RUN);
    assert_string_equal(w.action.as.run.program, "/opt/hook");
    assert_string_equal(w.action.as.run.arguments[0], "present");
    assert_string_equal(w.action.as.run.arguments[1], NAME ".");
    assert_string_equal(w.action.as.run.arguments[2], "abc");
    assert_null(w.action.as.run.arguments[3]);
    step(&w, &(struct d1_reply){.kind = D1_REPLY_RUN, .status = 0, .body = (const uint8_t *)""});
    assert_int_equal(w.action.kind, D1_ACTION_DONE);
    finish(&w);
}

static void test_exec_as_acmesh_does(void **state) {
    (void)state;
    struct world w;
    use_program(&w, "acme.sh");
    start(&w, D1_PROVIDER_CLEANUP, NULL);
    assert_string_equal(w.action.as.run.arguments[0], "rm");
    assert_string_equal(w.action.as.run.arguments[1], NAME);
    finish(&w);
}

static void test_exec_tells_what_the_program_said(void **state) {
    (void)state;
    struct world w;
    const char *output = "no such zone\r\n";
    use_program(&w, "lego");
    start(&w, D1_PROVIDER_PRESENT, NULL);
    step(&w, &(struct d1_reply){.kind = D1_REPLY_RUN,
                                .status = 3,
                                .body = (const uint8_t *)output,
                                .length = strlen(output)});
    assert_int_equal(w.action.kind, D1_ACTION_FAIL);
    assert_string_equal(w.action.as.fail.text, "exit status 3: no such zone");
    finish(&w);
}

static void test_exec_needs_an_absolute_path(void **state) {
    (void)state;
    struct world w;
    struct d1_provider_error error = {.text = ""};
    const struct d1_pair relative = {"program", "hook"};
    const struct d1_pair settings[] = {{"program", "/opt/hook"}, {"convention", "x"}};
    assert_int_equal(open_account(&w, &d1_provider_exec, &relative, 1, &error), -1);
    assert_non_null(strstr(error.text, "program:"));
    assert_int_equal(open_account(&w, &d1_provider_exec, settings, 2, &error), -1);
    assert_non_null(strstr(error.text, "convention:"));
}

/* ---- rfc2136 ---- */

static const struct d1_pair server[] = {{"nameserver", "192.0.2.1"},
                                        {"tsig-key", "dns01d."},
                                        {"tsig-secret", SECRET},
                                        {"tsig-algorithm", "hmac-sha256"}};

static void use_server(struct world *w, bool key) {
    struct d1_provider_error error = {.text = ""};
    assert_int_equal(open_account(w, &d1_provider_rfc2136, server, key ? 4 : 1, &error), 0);
}

/* The message that was asked for, answered: with an SOA of example.org in the authority section. */
static size_t answer(const struct world *w, unsigned rcode, bool soa, uint8_t *message,
                     size_t size) {
    const struct d1_action_dns *asked = &w->action.as.dns;
    const uint8_t *sent = asked->message;
    struct d1_name zone;
    size_t question = 12;
    while (sent[question] != 0) {
        question += sent[question] + 1U;
    }
    question += 5;
    struct d1_writer writer = d1_writer_over(message, size);
    d1_write_bytes(&writer, sent, question);
    message[2] |= 0x80;
    message[3] = (uint8_t)rcode;
    memset(message + 6, 0, 6);
    if (soa) {
        message[9] = 1;
        assert_int_equal(d1_name_from_text("example.org", &zone), 0);
        d1_write_bytes(&writer, zone.octets, zone.length);
        d1_write_u16(&writer, D1_TYPE_SOA);
        d1_write_u16(&writer, D1_CLASS_IN);
        d1_write_u32(&writer, 60);
        d1_write_u16(&writer, 22);
        d1_write_u16(&writer, 0); /* Two root names. */
        for (int i = 0; i < 5; i++) {
            d1_write_u32(&writer, 60);
        }
    }
    assert_false(writer.failed);
    return d1_writer_length(&writer);
}

static void reply_with(struct world *w, const uint8_t *message, size_t length) {
    step(w, &(struct d1_reply){.kind = D1_REPLY_DNS, .body = message, .length = length});
}

static void test_unsigned_update_of_the_zone_that_was_found(void **state) {
    (void)state;
    struct world w;
    uint8_t message[512];
    use_server(&w, false);
    start(&w, D1_PROVIDER_PRESENT, NULL);
    assert_int_equal(w.action.kind, D1_ACTION_DNS);
    assert_string_equal(w.action.as.dns.server, "192.0.2.1");
    assert_false(w.action.as.dns.writes);
    reply_with(&w, message, answer(&w, D1_RCODE_NXDOMAIN, true, message, sizeof(message)));
    assert_int_equal(w.action.kind, D1_ACTION_DNS);
    assert_true(w.action.as.dns.writes);
    const uint8_t *sent = w.action.as.dns.message;
    assert_int_equal(sent[2], D1_OPCODE_UPDATE << 3);
    assert_memory_equal(sent + 12, "\7example\3org\0\0\6\0\1", 17);
    assert_memory_equal(sent + w.action.as.dns.length - 4, "\3abc", 4);
    reply_with(&w, message, answer(&w, 0, false, message, sizeof(message)));
    assert_int_equal(w.action.kind, D1_ACTION_DONE);
    finish(&w);
}

static void test_cleanup_deletes_exactly_the_value(void **state) {
    (void)state;
    struct world w;
    use_server(&w, false);
    start(&w, D1_PROVIDER_CLEANUP, "example.org");
    const uint8_t *sent = w.action.as.dns.message;
    const uint8_t *end = sent + w.action.as.dns.length;
    /* TXT, class NONE, TTL 0, four octets of rdata (RFC 2136, 2.5.4). */
    assert_memory_equal(end - 14, "\0\20\0\376\0\0\0\0\0\4\3abc", 14);
    finish(&w);
}

static void test_answers_are_told_by_their_meaning(void **state) {
    (void)state;
    static const struct {
        unsigned rcode;
        uint32_t kind; /* Of the action. */
        uint32_t fail;
        const char *part;
    } cases[] = {
        {D1_RCODE_REFUSED, D1_ACTION_FAIL, D1_FAIL_REFUSED, "without a key"},
        {D1_RCODE_NOTAUTH, D1_ACTION_FAIL, D1_FAIL_NO_ZONE, "NOTAUTH"},
        {D1_RCODE_NOTZONE, D1_ACTION_FAIL, D1_FAIL_NO_ZONE, "NOTZONE"},
        {D1_RCODE_FORMERR, D1_ACTION_FAIL, D1_FAIL_REFUSED, "FORMERR"},
        {D1_RCODE_NXDOMAIN, D1_ACTION_FAIL, D1_FAIL_REFUSED, "NXDOMAIN"},
        {D1_RCODE_SERVFAIL, D1_ACTION_RETRY, 0, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        uint8_t message[512];
        use_server(&w, false);
        start(&w, D1_PROVIDER_PRESENT, "example.org");
        reply_with(&w, message, answer(&w, cases[i].rcode, false, message, sizeof(message)));
        assert_int_equal(w.action.kind, cases[i].kind);
        if (cases[i].kind == D1_ACTION_FAIL) {
            assert_int_equal(w.action.as.fail.kind, cases[i].fail);
            assert_non_null(strstr(w.action.as.fail.text, cases[i].part));
        }
        finish(&w);
    }
}

static void test_no_reply_is_tried_again_with_a_fresh_message(void **state) {
    (void)state;
    struct world w;
    use_server(&w, true);
    start(&w, D1_PROVIDER_PRESENT, "example.org");
    step(&w, &(struct d1_reply){.kind = D1_REPLY_DNS, .status = -1, .error = "no answer"});
    assert_int_equal(w.action.kind, D1_ACTION_RETRY);
    step(&w, &(struct d1_reply){.kind = D1_REPLY_AGAIN});
    assert_int_equal(w.action.kind, D1_ACTION_DNS);
    finish(&w);
}

/* Answer and sign what was sent, with that secret. */
static size_t signed_answer(const struct world *w, const char *secret, unsigned error,
                            uint8_t *message, size_t size) {
    struct d1_tsig_key *key = NULL;
    struct d1_name name;
    struct d1_tsig request;
    assert_int_equal(d1_name_from_text("dns01d.", &name), 0);
    assert_int_equal(d1_tsig_key_create(&name, D1_TSIG_HMAC_SHA256, secret, strlen(secret), &key),
                     0);
    assert_int_equal(d1_tsig_find(w->action.as.dns.message, w->action.as.dns.length, &request), 0);
    size_t length = answer(w, error == 0 ? 0 : D1_RCODE_NOTAUTH, false, message, size);
    struct d1_writer writer = d1_writer_over(message, size);
    (void)d1_write_room(&writer, length);
    assert_int_equal(
        d1_tsig_sign(error == D1_TSIG_BADKEY ? NULL : key, &request, error, NOW_MS / 1000, &writer),
        0);
    d1_tsig_key_drop(key);
    return d1_writer_length(&writer);
}

static void test_a_signed_answer_is_believed(void **state) {
    (void)state;
    struct world w;
    uint8_t message[1024];
    use_server(&w, true);
    start(&w, D1_PROVIDER_PRESENT, "example.org");
    size_t length =
        signed_answer(&w, "secret-secret-secret-secret-1234", 0, message, sizeof(message));
    reply_with(&w, message, length);
    assert_int_equal(w.action.kind, D1_ACTION_DONE);
    finish(&w);
}

static void test_any_other_answer_is_not(void **state) {
    (void)state;
    struct world w;
    uint8_t message[1024];
    use_server(&w, true);
    start(&w, D1_PROVIDER_PRESENT, "example.org");
    size_t length =
        signed_answer(&w, "another-secret-another-secret-12", 0, message, sizeof(message));
    reply_with(&w, message, length);
    assert_int_equal(w.action.as.fail.kind, D1_FAIL_REPLY);
    w.provider->job_end(w.job);
    start(&w, D1_PROVIDER_PRESENT, "example.org");
    reply_with(&w, message, answer(&w, 0, false, message, sizeof(message)));
    assert_int_equal(w.action.as.fail.kind, D1_FAIL_CREDENTIALS);
    assert_non_null(strstr(w.action.as.fail.text, "not signed"));
    w.provider->job_end(w.job);
    start(&w, D1_PROVIDER_PRESENT, "example.org");
    length = signed_answer(&w, "x", D1_TSIG_BADKEY, message, sizeof(message));
    reply_with(&w, message, length);
    assert_int_equal(w.action.as.fail.kind, D1_FAIL_CREDENTIALS);
    assert_non_null(strstr(w.action.as.fail.text, "BADKEY"));
    finish(&w);
}

static void test_accounts_of_rfc2136_are_checked(void **state) {
    (void)state;
    static const struct {
        struct d1_pair setting;
        const char *part;
    } cases[] = {
        {{"tsig-key", "dns01d."}, "go together"},
        {{"tsig-secret", "%%%"}, "base64"},
        {{"tsig-algorithm", "hmac-sha3"}, "tsig-algorithm"},
        {{"tsig-key", "a..b"}, "domain name"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;
        struct d1_provider_error error = {.text = ""};
        struct d1_pair settings[4];
        memcpy(settings, server, sizeof(settings));
        size_t count = i == 0 ? 2 : 4;
        for (size_t j = 0; j < count; j++) {
            if (strcmp(settings[j].name, cases[i].setting.name) == 0) {
                settings[j] = cases[i].setting;
            }
        }
        assert_int_equal(open_account(&w, &d1_provider_rfc2136, settings, count, &error), -1);
        assert_non_null(strstr(error.text, cases[i].part));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exec_as_lego_calls_it),
        cmocka_unit_test(test_exec_as_acmesh_does),
        cmocka_unit_test(test_exec_tells_what_the_program_said),
        cmocka_unit_test(test_exec_needs_an_absolute_path),
        cmocka_unit_test(test_unsigned_update_of_the_zone_that_was_found),
        cmocka_unit_test(test_cleanup_deletes_exactly_the_value),
        cmocka_unit_test(test_answers_are_told_by_their_meaning),
        cmocka_unit_test(test_no_reply_is_tried_again_with_a_fresh_message),
        cmocka_unit_test(test_a_signed_answer_is_believed),
        cmocka_unit_test(test_any_other_answer_is_not),
        cmocka_unit_test(test_accounts_of_rfc2136_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
