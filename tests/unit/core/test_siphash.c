#include "core/siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/mem.h"

/* From the authors' reference: key 00 01 .. 0f, input 00 01 .. of each length. */
static const struct {
    size_t length;
    uint64_t hash;
} vectors[] = {
    {0, UINT64_C(0x726fdb47dd0e0e31)},  {1, UINT64_C(0x74f839c593dc67fd)},
    {7, UINT64_C(0xab0200f58b01d137)},  {8, UINT64_C(0x93f5f5799a932462)},
    {15, UINT64_C(0xa129ca6149be45e5)}, {63, UINT64_C(0x958a324ceb064572)},
};

static void vectors_of_the_authors(void **state) {
    (void)state;
    uint8_t key[D1_SIPHASH_KEY_BYTES];
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < D1_ARRAY_LENGTH(vectors); i++) {
        uint8_t *exact = d1_malloc(vectors[i].length + 1); /* Unaligned, and ends where it ends. */
        assert_non_null(exact);
        for (size_t j = 0; j < vectors[i].length; j++) {
            exact[1 + j] = (uint8_t)j;
        }
        assert_true(d1_siphash(key, exact + 1, vectors[i].length) == vectors[i].hash);
        d1_free(exact);
    }
}

static void every_key_octet_counts(void **state) {
    (void)state;
    uint8_t key[D1_SIPHASH_KEY_BYTES] = {0};
    uint64_t plain = d1_siphash(key, "dns", 3);
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = 1;
        assert_true(d1_siphash(key, "dns", 3) != plain);
        key[i] = 0;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_the_authors),
        cmocka_unit_test(every_key_octet_counts),
    };
    return cmocka_run_group_tests_name("siphash", tests, NULL, NULL);
}
