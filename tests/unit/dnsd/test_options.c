#include "dnsd/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/cidr.h"
#include "core/err.h"
#include "core/mem.h"

static struct d1_options *create(const struct d1_options *from) {
    struct d1_options *options = NULL;
    assert_int_equal(d1_options_create(from, &options), D1_OK);
    return options;
}

static void lists_are_copied(void **state) {
    (void)state;
    struct d1_cidr exempt[] = {{.base = {4, {192, 0, 2}}, .bits = 24},
                               {.base = {4, {198, 51, 100, 7}}, .bits = 32}};
    struct d1_cidr proxies[] = {{.base = {16, {0x20, 1, 0xd, 0xb8}}, .bits = 32}};
    const struct d1_options from = {
        .nsid_length = 2,
        .nsid = "ns",
        .exempt_count = 2,
        .exempt = exempt,
        .proxies_count = 1,
        .proxies = proxies,
    };
    struct d1_options *options = create(&from);
    memset(exempt, 0xff, sizeof(exempt));
    memset(proxies, 0xff, sizeof(proxies));
    assert_int_equal(options->nsid_length, 2);
    assert_memory_equal(options->nsid, "ns", 2);
    assert_int_equal(options->exempt_count, 2);
    assert_int_equal(options->exempt[0].bits, 24);
    assert_memory_equal(options->exempt[1].base.octets, "\306\63\144\7", 4);
    assert_int_equal(options->exempt[1].bits, 32);
    assert_int_equal(options->proxies_count, 1);
    assert_int_equal(options->proxies[0].base.length, 16);
    assert_memory_equal(options->proxies[0].base.octets, "\40\1\15\270", 4);
    d1_options_destroy(options);
}

static void without_memory_nothing_is_made(void **state) {
    (void)state;
    const struct d1_options from = {.nsid_length = 0};
    struct d1_options *options = NULL;
    int64_t live = d1_mem_live();
    d1_mem_fault_arm(0, 0);
    int err = d1_options_create(&from, &options);
    d1_mem_fault_disarm();
    assert_int_equal(err, -ENOMEM);
    assert_null(options);
    assert_int_equal(d1_mem_live(), live);
    d1_options_destroy(NULL);
}

/* What a reader may still see is there until it has let go. */
static void old_options_wait_for_their_readers(void **state) {
    (void)state;
    struct d1_epoch *epoch;
    struct d1_options_current current;
    int64_t before = d1_mem_live();
    assert_int_equal(d1_epoch_create(1, &epoch), D1_OK);
    atomic_init(&current.options, NULL);
    d1_epoch_online(epoch, 0);
    int64_t live = d1_mem_live();
    d1_options_swap(&current, epoch, create(&(struct d1_options){.nsid_length = 1}));
    assert_int_equal(d1_epoch_reclaim(epoch), 0); /* There was none before. */
    const struct d1_options *seen = atomic_load(&current.options);
    d1_options_swap(&current, epoch, create(&(struct d1_options){.nsid_length = 2}));
    assert_int_equal(d1_epoch_reclaim(epoch), 1);
    assert_int_equal(seen->nsid_length, 1);
    assert_int_equal(atomic_load(&current.options)->nsid_length, 2);
    assert_int_equal(d1_mem_live(), live + 2);
    d1_epoch_quiesce(epoch, 0);
    assert_int_equal(d1_epoch_reclaim(epoch), 0);
    assert_int_equal(d1_mem_live(), live + 1);
    d1_options_swap(&current, epoch, NULL);
    d1_epoch_offline(epoch, 0);
    d1_epoch_destroy(epoch);
    assert_int_equal(d1_mem_live(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_copied),
        cmocka_unit_test(without_memory_nothing_is_made),
        cmocka_unit_test(old_options_wait_for_their_readers),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
