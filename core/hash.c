#include "core/hash.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <sys/random.h>

int d1_random(void *bytes, size_t length) {
    uint8_t *at = bytes;
    while (length > 0) {
        ssize_t got = getrandom(at, length, 0);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        at += got;
        length -= (size_t)got;
    }
    return 0;
}

int d1_hash_key_init(struct d1_hash_key *key) {
    int err = d1_random(key, sizeof(*key));
    for (size_t i = 0; i < D1_ARRAY_LENGTH(key->word); i++) {
        key->word[i] |= 1;
    }
    return err;
}

bool d1_equal_secret(const void *a, const void *b, size_t length) {
    return CRYPTO_memcmp(a, b, length) == 0;
}
