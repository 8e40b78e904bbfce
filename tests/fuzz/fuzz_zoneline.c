/*
 * Zone text, read as it is and with every record forced through ldns: both must agree. The first
 * octet chooses origin and default TTL.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/zonepair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const origins[] = {
        "example.test", ".",
        "a23456789012345678901234567890.b23456789012345678901234567890."
        "c23456789012345678901234567890.d23456789012345678901234567890."
        "e23456789012345678901234567890.f23456789012345678901234567890"};
    struct d1_name origin;
    struct d1_zonepair pair;
    if (size == 0) {
        return 0;
    }
    if (d1_name_from_text(origins[data[0] / 2 % 3], &origin) != 0) {
        abort();
    }
    if (!d1_zonepair_agree(data + 1, size - 1, &origin, data[0] % 2 == 0 ? 3600 : 0, &pair)) {
        fprintf(stderr, "%s\n", pair.why);
        abort();
    }
    return 0;
}
