/*
 * Any octets -> PROXY header. What is accepted lies within the octets and its limit, is refused or
 * awaited at no longer input, and every beginning of it waits for more.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/limits.h"
#include "dnsd/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "fuzz_proxy: %s\n", what);
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct d1_proxy_header header = {.length = 0};
    int err = d1_proxy_parse(data, size, &header);
    require(err == D1_OK || err == D1_EPARSE || err == -EAGAIN, "another result");
    require(err != -EAGAIN || size < D1_PROXY_BYTES_MAX, "more than the limit is awaited");
    if (err != D1_OK) {
        require(header.length == 0, "written after an error");
        return 0;
    }
    require(header.length >= 16 && header.length <= size && header.length <= D1_PROXY_BYTES_MAX,
            "a header of that length");
    const uint8_t *octets;
    size_t length = d1_peer_octets(&header.client, &octets);
    require(header.local || length == 4 || length == 16, "a client without an address");
    struct d1_proxy_header again;
    require(d1_proxy_parse(data, header.length, &again) == D1_OK, "what is behind it counts");
    require(d1_proxy_parse(data, header.length - 1, &again) == -EAGAIN, "it ends early");
    return 0;
}
