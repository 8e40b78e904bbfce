#include "tests/lib/zonepair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "dns/zonefile.h"
#include "dns/zonerecord.h"

#define RECORDS_MAX (D1_ZONEPAIR_BYTES_MAX / 4) /* "a A x" is longer. */

struct seen {
    uint64_t hash; /* Of owner, type, class and rdata (FNV-1a). */
    uint32_t ttl;
    uint32_t line;
};

struct account {
    size_t count;
    bool malformed;
    int err;
    struct d1_error error;
    struct seen seen[RECORDS_MAX];
};

static uint64_t mix(uint64_t hash, const void *bytes, size_t length) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    }
    return (hash ^ length) * UINT64_C(1099511628211);
}

static int note(const struct d1_zone_record *record, void *arg) {
    struct account *account = arg;
    struct d1_name owner;
    struct d1_reader reader = d1_reader_over(record->owner.octets, record->owner.length);
    if (account->count == RECORDS_MAX || d1_name_read(&reader, &owner) != D1_OK ||
        !d1_name_equal(&owner, &record->owner)) {
        account->malformed = true;
        return D1_EINTERNAL;
    }
    uint64_t hash = mix(UINT64_C(14695981039346656037), owner.octets, owner.length);
    hash = mix(hash, &record->type, sizeof(record->type));
    hash = mix(hash, &record->class, sizeof(record->class));
    hash = mix(hash, record->rdata, record->rdata_length);
    account->seen[account->count++] =
        (struct seen){.hash = hash, .ttl = record->ttl, .line = record->line};
    return D1_OK;
}

static struct account *read_all(char *text, size_t length, const struct d1_name *origin,
                                uint32_t ttl) {
    struct account *account = d1_calloc(1, sizeof(*account));
    FILE *file = length > 0 ? fmemopen(text, length, "r") : fopen("/dev/null", "re");
    if (account == NULL || file == NULL) {
        fprintf(stderr, "no memory\n");
        abort();
    }
    account->err = d1_zonefile_read(file, "z", origin, ttl, note, account, &account->error);
    fclose(file);
    return account;
}

/* Where a comment begins, or the line ends. */
static size_t find_comment(const char *line, size_t length) {
    bool quoted = false;
    size_t at = 0;
    for (; at < length && (quoted || line[at] != ';'); at++) {
        quoted = quoted != (line[at] == '"');
    }
    return at;
}

/* Copy the text; plain lines lose their comment and get "()" instead. Returns the new length. */
static size_t force_odd(const char *text, size_t length, const struct d1_name *origin,
                        char *ret_odd, unsigned *ret_plain) {
    struct d1_zone_scope *scope = d1_calloc(1, sizeof(*scope));
    struct d1_zone_record record;
    size_t made = 0;
    if (scope == NULL) {
        abort();
    }
    d1_zone_scope_init(scope, origin, 0);
    *ret_plain = 0;
    for (size_t at = 0; at < length;) {
        const char *line = text + at;
        const char *end = memchr(line, '\n', length - at);
        size_t octets = end != NULL ? (size_t)(end - line) : length - at;
        size_t kept = octets;
        bool plain = d1_zone_read_plain(scope, line, octets, &record) == D1_ZONE_PLAIN_RECORD;
        if (plain) {
            kept = find_comment(line, octets);
            kept -= kept > 0 && line[kept - 1] == '\r';
            ++*ret_plain;
        }
        memcpy(ret_odd + made, line, kept);
        made += kept;
        if (plain) {
            memcpy(ret_odd + made, "()", 2);
            made += 2;
        }
        if (end != NULL) {
            ret_odd[made++] = '\n';
        }
        at += octets + (end != NULL);
    }
    d1_free(scope);
    return made;
}

static bool compare(const struct account *plain, const struct account *odd, char *ret_why,
                    size_t size) {
    if (plain->malformed || odd->malformed) {
        snprintf(ret_why, size, "an owner is not a folded name, or there are too many records");
        return false;
    }
    size_t count = plain->count < odd->count ? plain->count : odd->count;
    for (size_t i = 0; i < count; i++) {
        const struct seen *a = &plain->seen[i];
        const struct seen *b = &odd->seen[i];
        if (a->hash != b->hash || a->ttl != b->ttl || a->line != b->line) {
            snprintf(ret_why, size, "record %zu (line %u and %u, TTL %u and %u) differs", i,
                     (unsigned)a->line, (unsigned)b->line, (unsigned)a->ttl, (unsigned)b->ttl);
            return false;
        }
    }
    if (plain->count != odd->count || plain->err != odd->err ||
        strcmp(plain->error.text, odd->error.text) != 0) {
        snprintf(ret_why, size, "%zu records, %d %s; through ldns %zu, %d %s", plain->count,
                 plain->err, plain->error.text, odd->count, odd->err, odd->error.text);
        return false;
    }
    return true;
}

bool d1_zonepair_agree(const void *text, size_t length, const struct d1_name *origin, uint32_t ttl,
                       struct d1_zonepair *ret_pair) {
    size_t kept = length < D1_ZONEPAIR_BYTES_MAX ? length : D1_ZONEPAIR_BYTES_MAX;
    char *as_is = d1_malloc(kept + 1);
    char *odd_text = d1_malloc(3 * kept + 1);
    if (as_is == NULL || odd_text == NULL) {
        abort();
    }
    memcpy(as_is, text, kept);
    size_t odd_length = force_odd(as_is, kept, origin, odd_text, &ret_pair->plain);
    struct account *plain = read_all(as_is, kept, origin, ttl);
    struct account *odd = read_all(odd_text, odd_length, origin, ttl);
    ret_pair->records = (unsigned)plain->count;
    ret_pair->why[0] = '\0';
    bool agree = compare(plain, odd, ret_pair->why, sizeof(ret_pair->why));
    d1_free(plain);
    d1_free(odd);
    d1_free(as_is);
    d1_free(odd_text);
    return agree;
}
