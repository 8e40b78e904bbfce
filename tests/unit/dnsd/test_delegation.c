#include "dnsd/delegation.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"

static struct d1_name name_of(const char *text) {
    struct d1_name name;
    if (d1_name_from_text(text, &name) != D1_OK) {
        fail_msg("not a name: %s", text);
    }
    return name;
}

static void the_zone_begins_at_its_last_challenge_label(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t wanted;
    } rows[] = {
        {"_acme-challenge.deleg.test", 0},
        {"a._acme-challenge.www.deleg.test", 2},
        {"_acme-challenge._acme-challenge.deleg.test", 16},
        {"_acme-challengf.deleg.test", D1_DELEGATION_NONE}, /* Of the same length. */
        {"_acme-challeng.deleg.test", D1_DELEGATION_NONE},
        {"deleg.test", D1_DELEGATION_NONE},
    };
    struct d1_name suffix = name_of("deleg.test");
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        struct d1_name name = name_of(rows[i].name);
        assert_int_equal(d1_delegation_apex(&name, suffix.length), rows[i].wanted);
    }
}

static void without_memory_it_is_not_encoded(void **state) {
    (void)state;
    const struct d1_name server = name_of("ns.example.test");
    const struct d1_zone_config config = {
        .delegation = true,
        .name = name_of("deleg.test"),
        .nameservers_count = 1,
        .nameservers = &server,
        .hostmaster = server,
    };
    struct d1_negative negative;
    struct d1_delegated *delegated = NULL;
    struct d1_error error = {.text = ""};
    int64_t live = d1_mem_live();
    d1_mem_fault_arm(0, 0);
    int err = d1_delegation_encode(&config, &negative, &delegated, &error);
    d1_mem_fault_disarm();
    assert_int_equal(err, -ENOMEM);
    assert_null(delegated);
    assert_string_equal(error.text, "no memory");
    assert_int_equal(d1_mem_live(), live);
    assert_int_equal(d1_delegation_encode(&config, &negative, &delegated, &error), D1_OK);
    assert_int_equal(delegated->ns_count, 1);
    d1_free(delegated);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_zone_begins_at_its_last_challenge_label),
        cmocka_unit_test(without_memory_it_is_not_encoded),
    };
    return cmocka_run_group_tests_name("delegation", tests, NULL, NULL);
}
