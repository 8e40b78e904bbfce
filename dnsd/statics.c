#include "dnsd/statics.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dns/wire.h"

#define TYPE_DNAME      39
#define RR_HEAD_BYTES   12         /* Owner pointer, type, class, TTL, RDLENGTH. */
#define TTL_MAX         0x7fffffff /* RFC 2181, 8. */
#define CAPACITY_FIRST  16
#define QUESTION_OFFSET 0xc00c

struct static_record {
    size_t at;         /* Of the owner in octets; the rdata stands behind it. */
    uint32_t sequence; /* Records of one RRset keep their order. */
    uint32_t line;
    uint32_t ttl;
    uint16_t type;
    uint16_t rdata_length;
    uint8_t owner_length;
};

/* The records first..end, which have one owner (and, for an RRset, one type). */
struct span {
    size_t first;
    size_t end;
};

void d1_statics_init(struct d1_statics *statics, const struct d1_zones *zones,
                     const struct d1_zone *zone, struct d1_error *error) {
    *statics = (struct d1_statics){.zones = zones, .zone = zone, .error = error};
}

void d1_statics_close(struct d1_statics *statics) {
    d1_free(statics->records);
    d1_free(statics->octets);
}

static const uint8_t *owner_of(const struct d1_statics *statics, const struct static_record *at) {
    return statics->octets + at->at;
}

static const uint8_t *rdata_of(const struct d1_statics *statics, const struct static_record *at) {
    return statics->octets + at->at + at->owner_length;
}

/* Set the error for one record: its name, and why. */
static int refuse(const struct d1_statics *statics, const struct d1_name *owner, uint16_t type,
                  int err, const char *why) {
    char name[D1_NAME_TEXT_MAX];
    char type_text[16];
    d1_name_to_text(owner, name);
    return d1_error_set(statics->error, err, "%s %s: %s", name, d1_type_text(type, type_text), why);
}

static int refuse_stored(const struct d1_statics *statics, const struct static_record *at, int err,
                         const char *why) {
    struct d1_name owner = {.length = at->owner_length};
    memcpy(owner.octets, owner_of(statics, at), at->owner_length);
    refuse(statics, &owner, at->type, err, why);
    if (at->line > 0 && statics->file != NULL) {
        d1_error_prefix(statics->error, "%s:%u", statics->file, (unsigned)at->line);
    }
    return err;
}

static int grow_records(struct d1_statics *statics) {
    if (statics->count < statics->capacity) {
        return D1_OK;
    }
    if (statics->count >= D1_STATIC_RECORDS_MAX) {
        return D1_ELIMIT;
    }
    size_t capacity = statics->capacity > 0 ? 2 * statics->capacity : CAPACITY_FIRST;
    struct static_record *records =
        d1_realloc(statics->records, capacity, sizeof(*statics->records));
    if (records == NULL) {
        return -ENOMEM;
    }
    statics->records = records;
    statics->capacity = capacity;
    return D1_OK;
}

static int grow_octets(struct d1_statics *statics, size_t more) {
    size_t need = statics->octets_length + more;
    if (need <= statics->octets_capacity) {
        return D1_OK;
    }
    size_t capacity = 2 * statics->octets_capacity;
    if (capacity < need) {
        capacity = need + 1024;
    }
    uint8_t *octets = d1_realloc(statics->octets, capacity, 1);
    if (octets == NULL) {
        return -ENOMEM;
    }
    statics->octets = octets;
    statics->octets_capacity = capacity;
    return D1_OK;
}

/* What this version does not serve is refused, not served wrongly. */
static const char *unserved(const struct d1_zone_record *record, bool apex) {
    if (record->class != D1_CLASS_IN) {
        return "only class IN is served";
    }
    if (d1_name_first_label_is(&record->owner, "*")) {
        return "wildcards are not available in this version";
    }
    if (record->type == TYPE_DNAME) {
        return "DNAME is not available in this version";
    }
    if (record->type == D1_TYPE_NS && !apex) {
        return "a delegation below the apex is not available in this version";
    }
    if (record->type == D1_TYPE_SOA && !apex) {
        return "an SOA stands at the apex only";
    }
    if (record->type == D1_TYPE_OPT || (record->type >= 128 && record->type <= 255)) {
        return "this type is for queries only";
    }
    return NULL;
}

int d1_statics_add(const struct d1_zone_record *record, void *arg) {
    struct d1_statics *statics = arg;
    if (!d1_name_is_under(&record->owner, &statics->zone->apex)) {
        return refuse(statics, &record->owner, record->type, D1_ECONFIG, "not within the zone");
    }
    if (d1_zones_find(statics->zones, &record->owner) != statics->zone) {
        return D1_OK;
    }
    bool apex = d1_name_equal(&record->owner, &statics->zone->apex);
    const char *why = unserved(record, apex);
    if (why != NULL) {
        return refuse(statics, &record->owner, record->type, D1_ECONFIG, why);
    }
    size_t more = (size_t)record->owner.length + record->rdata_length;
    int err = grow_records(statics);
    if (err == D1_OK) {
        err = grow_octets(statics, more);
    }
    if (err != D1_OK) {
        return d1_error_set(statics->error, err, "%s", d1_err_text(err));
    }
    uint8_t *octets = statics->octets + statics->octets_length;
    memcpy(octets, record->owner.octets, record->owner.length);
    if (record->rdata_length > 0) {
        memcpy(octets + record->owner.length, record->rdata, record->rdata_length);
    }
    statics->records[statics->count] = (struct static_record){
        .at = statics->octets_length,
        .sequence = (uint32_t)statics->count,
        .line = statics->file != NULL ? record->line : 0,
        .ttl = record->ttl <= TTL_MAX ? record->ttl : 0,
        .type = record->type,
        .rdata_length = record->rdata_length,
        .owner_length = record->owner.length,
    };
    statics->octets_length += more;
    statics->count++;
    return D1_OK;
}

/* Owners by length, so that a name comes after all that are above it; then types, then order. */
static int compare(const void *left, const void *right, void *arg) {
    const struct d1_statics *statics = arg;
    const struct static_record *a = left;
    const struct static_record *b = right;
    if (a->owner_length != b->owner_length) {
        return a->owner_length < b->owner_length ? -1 : 1;
    }
    int order = memcmp(owner_of(statics, a), owner_of(statics, b), a->owner_length);
    if (order != 0) {
        return order;
    }
    if (a->type != b->type) {
        return a->type < b->type ? -1 : 1;
    }
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

static bool same_owner(const struct d1_statics *statics, size_t a, size_t b) {
    const struct static_record *left = &statics->records[a];
    const struct static_record *right = &statics->records[b];
    return left->owner_length == right->owner_length &&
           memcmp(owner_of(statics, left), owner_of(statics, right), left->owner_length) == 0;
}

static struct span owner_span(const struct d1_statics *statics, size_t first) {
    struct span span = {first, first + 1};
    while (span.end < statics->count && same_owner(statics, first, span.end)) {
        span.end++;
    }
    return span;
}

static struct span type_span(const struct d1_statics *statics, struct span owner, size_t first) {
    struct span span = {first, first + 1};
    while (span.end < owner.end &&
           statics->records[span.end].type == statics->records[first].type) {
        span.end++;
    }
    return span;
}

static bool is_repeated(const struct d1_statics *statics, size_t first, size_t index) {
    const struct static_record *record = &statics->records[index];
    for (size_t i = first; i < index; i++) {
        const struct static_record *other = &statics->records[i];
        if (other->rdata_length == record->rdata_length &&
            memcmp(rdata_of(statics, other), rdata_of(statics, record), record->rdata_length) ==
                0) {
            return true;
        }
    }
    return false;
}

/* Encode one RRset: repeated records dropped, one TTL, the smallest (RFC 2181, 5 and 5.2). */
static int encode(const struct d1_statics *statics, struct span span, struct d1_writer *writer,
                  struct d1_rrset_source *ret_rrset) {
    const struct static_record *first = &statics->records[span.first];
    uint32_t ttl = first->ttl;
    for (size_t i = span.first; i < span.end; i++) {
        ttl = statics->records[i].ttl < ttl ? statics->records[i].ttl : ttl;
    }
    const uint8_t *start = writer->at;
    uint16_t count = 0;
    for (size_t i = span.first; i < span.end && !writer->failed; i++) {
        const struct static_record *record = &statics->records[i];
        if (is_repeated(statics, span.first, i)) {
            continue;
        }
        d1_write_u16(writer, QUESTION_OFFSET);
        d1_write_u16(writer, record->type);
        d1_write_u16(writer, D1_CLASS_IN);
        d1_write_u32(writer, ttl);
        d1_write_u16(writer, record->rdata_length);
        d1_write_bytes(writer, rdata_of(statics, record), record->rdata_length);
        count++;
    }
    if (writer->failed) {
        return refuse_stored(statics, first, D1_ETOOLARGE, "too many records at one name");
    }
    if (first->type == D1_TYPE_SOA && count > 1) {
        return refuse_stored(statics, &statics->records[span.end - 1], D1_ECONFIG,
                             "a zone has one SOA");
    }
    *ret_rrset = (struct d1_rrset_source){
        .type = first->type,
        .flags = D1_RRSET_STATIC,
        .count = count,
        .length = (uint16_t)(writer->at - start),
        .wire = start,
    };
    return D1_OK;
}

/* All RRsets of one owner into the table. `scratch` holds D1_RECORD_BYTES_MAX octets. */
static int put_owner(struct d1_statics *statics, struct d1_table *table, struct span owner,
                     uint8_t *scratch) {
    struct d1_rrset_source rrsets[D1_RRSETS_MAX];
    uint16_t count = 0;
    bool cname = false;
    struct d1_writer writer = d1_writer_over(scratch, D1_RECORD_BYTES_MAX);
    const struct static_record *first = &statics->records[owner.first];
    for (size_t at = owner.first; at < owner.end;) {
        struct span span = type_span(statics, owner, at);
        if (count == D1_RRSETS_MAX) {
            return refuse_stored(statics, first, D1_ETOOLARGE, "too many types at one name");
        }
        int err = encode(statics, span, &writer, &rrsets[count]);
        if (err != D1_OK) {
            return err;
        }
        cname = cname || rrsets[count].type == D1_TYPE_CNAME;
        at = span.end;
        count++;
    }
    if (cname && (count > 1 || rrsets[0].count > 1)) { /* RFC 1034, 3.6.2; RFC 2181, 10.1. */
        return refuse_stored(statics, first, D1_ECONFIG, "a CNAME stands alone at its name");
    }
    struct d1_name name = {.length = first->owner_length};
    memcpy(name.octets, owner_of(statics, first), first->owner_length);
    const struct d1_record_source source = {
        .zone = statics->zone->index, .rrsets_count = count, .rrsets = rrsets};
    int err = d1_table_put(table, &name, statics->zone->apex.length, &source);
    return err == D1_OK ? D1_OK : refuse_stored(statics, first, err, d1_err_text(err));
}

/* The record of this type at the apex, whose records come first; or NULL. */
static const struct static_record *find_apex(const struct d1_statics *statics, uint16_t type) {
    for (size_t i = 0; i < statics->count; i++) {
        const struct static_record *record = &statics->records[i];
        if (record->owner_length != statics->zone->apex.length) {
            break;
        }
        if (record->type == type) {
            return record;
        }
    }
    return NULL;
}

int d1_statics_put(struct d1_statics *statics, struct d1_table *table,
                   struct d1_zone_record *ret_soa) {
    qsort_r(statics->records, statics->count, sizeof(*statics->records), compare, statics);
    const struct static_record *soa = find_apex(statics, D1_TYPE_SOA);
    if (soa == NULL) {
        return d1_error_set(statics->error, D1_ECONFIG, "there is no SOA record at the apex");
    }
    if (find_apex(statics, D1_TYPE_NS) == NULL) {
        return d1_error_set(statics->error, D1_ECONFIG, "there is no NS record at the apex");
    }
    uint8_t *scratch = d1_malloc(D1_RECORD_BYTES_MAX);
    if (scratch == NULL) {
        return d1_error_set(statics->error, -ENOMEM, "no memory");
    }
    int err = D1_OK;
    for (size_t at = 0; at < statics->count && err == D1_OK;) {
        struct span owner = owner_span(statics, at);
        err = put_owner(statics, table, owner, scratch);
        at = owner.end;
    }
    d1_free(scratch);
    if (err == D1_OK) {
        *ret_soa = (struct d1_zone_record){
            .type = D1_TYPE_SOA,
            .class = D1_CLASS_IN,
            .ttl = soa->ttl,
            .rdata = rdata_of(statics, soa),
            .rdata_length = soa->rdata_length,
        };
    }
    return err;
}
