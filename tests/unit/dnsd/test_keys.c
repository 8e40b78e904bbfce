#include "dnsd/keys.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/err.h"
#include "core/mem.h"

#define SECRET "0123456789abcdef0123456789abcdef"

static struct d1_tsig_key *make_key(const char *text) {
    struct d1_name name;
    struct d1_tsig_key *key = NULL;
    assert_int_equal(d1_name_from_text(text, &name), D1_OK);
    assert_int_equal(
        d1_tsig_key_create(&name, D1_TSIG_HMAC_SHA256, SECRET, sizeof(SECRET) - 1, &key), D1_OK);
    return key;
}

static void keys_are_found_by_name(void **state) {
    (void)state;
    int64_t before = d1_mem_live();
    struct d1_keys *keys = NULL;
    struct d1_tsig_key *one = make_key("one.example");
    struct d1_tsig_key *two = make_key("two.example");
    assert_int_equal(d1_keys_create(&keys), D1_OK);
    assert_int_equal(d1_keys_add(keys, one), D1_OK);
    assert_ptr_equal(d1_keys_find(keys, d1_tsig_key_name(one)), one);
    assert_null(d1_keys_find(keys, d1_tsig_key_name(two)));
    d1_tsig_key_drop(one);
    d1_tsig_key_drop(two);
    d1_keys_destroy(keys);
    d1_keys_destroy(NULL);
    assert_int_equal(d1_mem_live(), before);
}

static void a_name_is_held_once(void **state) {
    (void)state;
    struct d1_keys *keys = NULL;
    struct d1_tsig_key *first = make_key("one.example");
    struct d1_tsig_key *second = make_key("one.example");
    assert_int_equal(d1_keys_create(&keys), D1_OK);
    assert_int_equal(d1_keys_add(keys, first), D1_OK);
    assert_int_equal(d1_keys_add(keys, second), D1_EEXIST);
    assert_ptr_equal(d1_keys_find(keys, d1_tsig_key_name(second)), first);
    d1_tsig_key_drop(first);
    d1_tsig_key_drop(second);
    d1_keys_destroy(keys);
}

static void without_memory_nothing_is_held(void **state) {
    (void)state;
    struct d1_keys *keys = NULL;
    struct d1_tsig_key *key = make_key("one.example");
    d1_mem_fault_arm(0, 0);
    int err = d1_keys_create(&keys);
    d1_mem_fault_disarm();
    assert_int_equal(err, -ENOMEM);
    assert_null(keys);
    assert_int_equal(d1_keys_create(&keys), D1_OK);
    d1_mem_fault_arm(0, 0);
    err = d1_keys_add(keys, key);
    d1_mem_fault_disarm();
    assert_int_equal(err, -ENOMEM);
    assert_null(d1_keys_find(keys, d1_tsig_key_name(key)));
    d1_tsig_key_drop(key);
    d1_keys_destroy(keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_found_by_name),
        cmocka_unit_test(a_name_is_held_once),
        cmocka_unit_test(without_memory_nothing_is_held),
    };
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
