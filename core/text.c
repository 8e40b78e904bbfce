#include "core/text.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/err.h"
#include "core/hash.h"

static const char hex_digits[] = "0123456789abcdef";

size_t d1_base64url_encode(const void *bytes, size_t length, char *ret_text, size_t size) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert(size >= D1_BASE64_BYTES(length));
    (void)size;
    const uint8_t *at = bytes;
    size_t out = 0;
    for (size_t i = 0; i < length; i += 3) {
        size_t have = length - i < 3 ? length - i : 3;
        uint32_t group = (uint32_t)at[i] << 16;
        group |= have > 1 ? (uint32_t)at[i + 1] << 8 : 0;
        group |= have > 2 ? at[i + 2] : 0;
        for (size_t digit = 0; digit <= have; digit++) {
            ret_text[out++] = alphabet[group >> (18 - 6 * digit) & 63];
        }
    }
    ret_text[out] = '\0';
    return out;
}

size_t d1_base64_encode(const void *bytes, size_t length, char *ret_text, size_t size) {
    size_t out = d1_base64url_encode(bytes, length, ret_text, size);
    for (size_t i = 0; i < out; i++) {
        ret_text[i] = ret_text[i] == '-' ? '+' : ret_text[i] == '_' ? '/' : ret_text[i];
    }
    for (; out % 4 != 0; out++) {
        ret_text[out] = '=';
    }
    ret_text[out] = '\0';
    return out;
}

static int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '+' || c == '-') {
        return 62;
    }
    return c == '/' || c == '_' ? 63 : -1;
}

int d1_base64_decode(const char *text, size_t length, void *ret_bytes, size_t size,
                     size_t *ret_length) {
    size_t digits = length;
    while (digits > 0 && text[digits - 1] == '=' && length - digits < 2) {
        digits--;
    }
    if (digits % 4 == 1 || (digits != length && length % 4 != 0)) {
        return D1_EPARSE;
    }
    uint8_t *out = ret_bytes;
    size_t written = 0;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < digits; i++) {
        int value = base64_value(text[i]);
        if (value < 0) {
            return D1_EPARSE;
        }
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            if (written == size) {
                return D1_ETOOLARGE;
            }
            out[written++] = (uint8_t)(bits >> have);
            bits &= (UINT32_C(1) << have) - 1;
        }
    }
    if (bits != 0) {
        return D1_EPARSE; /* Bits after the last octet must be zero: one text per value. */
    }
    *ret_length = written;
    return D1_OK;
}

void d1_hex_encode(const void *bytes, size_t length, char *ret_text) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < length; i++) {
        ret_text[2 * i] = hex_digits[at[i] >> 4];
        ret_text[2 * i + 1] = hex_digits[at[i] & 15];
    }
    ret_text[2 * length] = '\0';
}

static void uuid_text(const char digits[32], char ret_text[D1_UUID_TEXT_BYTES]) {
    snprintf(ret_text, D1_UUID_TEXT_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8,
             digits + 12, digits + 16, digits + 20);
}

int d1_uuid_make(char ret_text[D1_UUID_TEXT_BYTES]) {
    uint8_t bytes[16];
    int err = d1_random(bytes, sizeof(bytes));
    if (err != 0) {
        return err;
    }
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    char digits[33];
    d1_hex_encode(bytes, sizeof(bytes), digits);
    uuid_text(digits, ret_text);
    return D1_OK;
}

int d1_uuid_parse(const char *text, size_t length, char ret_text[D1_UUID_TEXT_BYTES]) {
    if (length == 45 && strncasecmp(text, "urn:uuid:", 9) == 0) {
        text += 9;
        length = 36;
    } else if (length == 38 && text[0] == '{' && text[37] == '}') {
        text += 1;
        length = 36;
    }
    if (length != 36 && length != 32) {
        return D1_EPARSE;
    }
    char digits[32];
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        bool dash = length == 36 && (i == 8 || i == 13 || i == 18 || i == 23);
        if (dash != (text[i] == '-') || (!dash && !isxdigit((unsigned char)text[i]))) {
            return D1_EPARSE;
        }
        if (!dash) {
            digits[count++] = (char)tolower((unsigned char)text[i]);
        }
    }
    assert(count == sizeof(digits));
    uuid_text(digits, ret_text);
    return D1_OK;
}

void d1_time_format(int64_t wall_ms, char ret_text[D1_RFC3339_BYTES]) {
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    char date[32];
    if (wall_ms < 0 || gmtime_r(&seconds, &parts) == NULL ||
        strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts) != 19) {
        memcpy(ret_text, "1970-01-01T00:00:00.000Z", D1_RFC3339_BYTES);
        return;
    }
    snprintf(ret_text, D1_RFC3339_BYTES, "%.19s.%03uZ", date, (unsigned)(wall_ms % 1000));
}

static const struct {
    const char *unit;
    int64_t ms;
} duration_units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

int d1_duration_parse(const char *text, int64_t *ret_ms) {
    int64_t value = 0;
    size_t i = 0;
    for (; isdigit((unsigned char)text[i]); i++) {
        if (i >= 12) {
            return D1_EPARSE;
        }
        value = value * 10 + (text[i] - '0');
    }
    if (i == 0) {
        return D1_EPARSE;
    }
    for (size_t unit = 0; unit < D1_ARRAY_LENGTH(duration_units); unit++) {
        if (strcmp(text + i, duration_units[unit].unit) == 0) {
            *ret_ms = value * duration_units[unit].ms;
            return D1_OK;
        }
    }
    return D1_EPARSE;
}

void d1_duration_format(int64_t ms, char ret_text[D1_DURATION_TEXT_BYTES]) {
    for (size_t unit = 0; unit < D1_ARRAY_LENGTH(duration_units); unit++) {
        if (ms % duration_units[unit].ms == 0 && (ms != 0 || duration_units[unit].ms == 1000)) {
            snprintf(ret_text, D1_DURATION_TEXT_BYTES, "%" PRId64 "%s",
                     ms / duration_units[unit].ms, duration_units[unit].unit);
            return;
        }
    }
}

int d1_number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value) {
    uint64_t value = 0;
    size_t i = 0;
    for (; isdigit((unsigned char)text[i]); i++) {
        if (i >= 19) {
            return D1_EPARSE;
        }
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    if (i == 0 || text[i] != '\0' || value < min || value > max) {
        return D1_EPARSE;
    }
    *ret_value = value;
    return D1_OK;
}

int d1_sha256(const char *domain, const void *bytes, size_t length,
              uint8_t ret_digest[D1_SHA256_BYTES]) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(context, domain, strlen(domain) + 1) == 1 &&
              EVP_DigestUpdate(context, bytes, length) == 1 &&
              EVP_DigestFinal_ex(context, ret_digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    return ok ? D1_OK : D1_EINTERNAL;
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int d1_hex_decode(const char *text, size_t length, void *ret_bytes) {
    uint8_t *to = ret_bytes;
    if (length % 2 != 0) {
        return D1_EPARSE;
    }
    for (size_t i = 0; i < length; i++) {
        if (digit_of(text[i]) < 0) {
            return D1_EPARSE;
        }
    }
    for (size_t i = 0; i < length; i += 2) {
        to[i / 2] = (uint8_t)(digit_of(text[i]) << 4 | digit_of(text[i + 1]));
    }
    return D1_OK;
}

int d1_sha256_base64url(const void *bytes, size_t length,
                        char ret_text[D1_BASE64_BYTES(D1_SHA256_BYTES)]) {
    uint8_t digest[D1_SHA256_BYTES];
    if (EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL) != 1) {
        return D1_EINTERNAL;
    }
    d1_base64url_encode(digest, sizeof(digest), ret_text, D1_BASE64_BYTES(D1_SHA256_BYTES));
    return D1_OK;
}
