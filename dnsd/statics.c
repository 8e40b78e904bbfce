#include "dnsd/statics.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/hash.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dns/rdata.h"
#include "dns/wire.h"

#define TYPE_DNAME      39
#define RR_HEAD_BYTES   12         /* Owner pointer, type, class, TTL, RDLENGTH. */
#define TTL_MAX         0x7fffffff /* RFC 2181, 8. */
#define CAPACITY_FIRST  16
#define QUESTION_OFFSET 0xc00c
#define OWNERS_AHEAD    16
#define TYPE_BITS       16

struct static_record {
    size_t at; /* Of the owner in octets; the rdata stands behind it. */
    uint32_t line;
    uint32_t ttl;
    uint16_t type;
    uint16_t rdata_length;
    uint8_t owner_length;
};

/* Where a record comes from when all are rearranged, and what they are sorted by. */
struct place {
    uint64_t key;
    uint32_t index;
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

static bool is_one_name(const struct d1_zone_record *record) {
    struct d1_name name;
    struct d1_reader reader = d1_reader_over(record->rdata, record->rdata_length);
    return d1_name_read(&reader, &name) == D1_OK && d1_reader_left(&reader) == 0;
}

/* What this version does not serve is refused, not served wrongly. */
static const char *unserved(const struct d1_zone_record *record, bool apex) {
    if (record->class != D1_CLASS_IN) {
        return "only class IN is served";
    }
    if (record->type == TYPE_DNAME) {
        return "DNAME is not available in this version";
    }
    if ((record->type == D1_TYPE_NS || record->type == D1_TYPE_CNAME) && !is_one_name(record)) {
        return "its data are not one name";
    }
    if (record->type == D1_TYPE_NS && d1_name_first_label_is(&record->owner, "*")) {
        return "a wildcard cannot be delegated"; /* RFC 4592, 4.2. */
    }
    if (record->type == D1_TYPE_SOA && !apex) {
        return "an SOA stands at the apex only";
    }
    if (record->type == D1_TYPE_OPT || (record->type >= 128 && record->type <= 255)) {
        return "this type is for queries only";
    }
    return NULL;
}

static const struct d1_zone *zone_of(const struct d1_statics *statics,
                                     const struct d1_name *owner) {
    return d1_zones_find(statics->zones, owner);
}

/* Whether the record belongs to the zone that is loaded, not to another one of ours. */
static bool is_ours(const struct d1_statics *statics, const struct d1_zone_record *record) {
    struct d1_name parent;
    const struct d1_zone *zone = zone_of(statics, &record->owner);
    if (record->type != D1_TYPE_DS || (zone->flags & D1_ZONE_DELEGATED) != 0) {
        return zone == statics->zone;
    }
    return d1_name_parent(&record->owner, &parent) && zone_of(statics, &parent) == statics->zone;
}

int d1_statics_add(const struct d1_zone_record *record, void *arg) {
    struct d1_statics *statics = arg;
    if (!d1_name_is_under(&record->owner, &statics->zone->apex)) {
        return refuse(statics, &record->owner, record->type, D1_ECONFIG, "not within the zone");
    }
    bool apex = d1_name_equal(&record->owner, &statics->zone->apex);
    if (!is_ours(statics, record)) {
        return D1_OK;
    }
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
        .line = statics->file != NULL ? record->line : 0,
        .ttl = record->ttl <= TTL_MAX ? record->ttl : 0,
        .type = record->type,
        .rdata_length = record->rdata_length,
        .owner_length = record->owner.length,
    };
    statics->octets_length += more;
    statics->count++;
    if (record->type == D1_TYPE_NS && !apex) {
        statics->flags |= D1_ZONE_CUTS;
    }
    if (memchr(record->owner.octets, '*', record->owner.length) != NULL) {
        statics->flags |= D1_ZONE_WILDCARDS;
    }
    return D1_OK;
}

static bool same_owner(const struct d1_statics *statics, size_t a, size_t b) {
    const struct static_record *left = &statics->records[a];
    const struct static_record *right = &statics->records[b];
    return left->owner_length == right->owner_length &&
           memcmp(owner_of(statics, left), owner_of(statics, right), left->owner_length) == 0;
}

/* Put the records at `places` of them; frees `places`. Returns 0 or -ENOMEM. */
static int rearrange(struct d1_statics *statics, struct place *places) {
    struct static_record *moved = d1_malloc(statics->count * sizeof(*moved));
    if (moved != NULL) {
        for (size_t i = 0; i < statics->count; i++) {
            moved[i] = statics->records[places[i].index];
        }
        d1_free(statics->records);
        statics->records = moved;
        statics->capacity = statics->count;
    }
    d1_free(places);
    return moved != NULL ? D1_OK : -ENOMEM;
}

/* Shorter owners first, so that a name comes after all that are above it; else in their order. */
static int order_by_length(struct d1_statics *statics) {
    size_t start[D1_NAME_OCTETS_MAX + 2] = {0};
    struct place *places = d1_malloc(statics->count * sizeof(*places));
    if (places == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < statics->count; i++) {
        start[statics->records[i].owner_length + 1]++;
    }
    for (size_t length = 1; length < D1_ARRAY_LENGTH(start); length++) {
        start[length] += start[length - 1];
    }
    for (size_t i = 0; i < statics->count; i++) {
        places[start[statics->records[i].owner_length]++].index = (uint32_t)i;
    }
    return rearrange(statics, places);
}

/* Which record was the first of its owner: open addressing, (upper half of the hash, index + 1). */
struct owners {
    struct d1_hash_key key;
    size_t mask;
    uint64_t *slots;
};

static int owners_init(struct owners *owners, size_t count) {
    size_t slots = 16;
    while (slots < 2 * count) {
        slots *= 2;
    }
    owners->mask = slots - 1;
    owners->slots = d1_calloc(slots, sizeof(*owners->slots));
    if (owners->slots == NULL) {
        return -ENOMEM;
    }
    int err = d1_hash_key_init(&owners->key);
    if (err != D1_OK) {
        d1_free(owners->slots);
    }
    return err;
}

/* The first record that has the owner of record `index`; that one, when none was noted before. */
static size_t first_of_owner(const struct d1_statics *statics, struct owners *owners, uint64_t hash,
                             size_t index) {
    for (size_t at = (size_t)hash & owners->mask;; at = (at + 1) & owners->mask) {
        uint64_t slot = owners->slots[at];
        if (slot == 0) {
            owners->slots[at] = (hash & ~(uint64_t)UINT32_MAX) | (index + 1);
            return index;
        }
        size_t other = (size_t)(uint32_t)slot - 1;
        if (slot >> 32 == hash >> 32 && same_owner(statics, other, index)) {
            return other;
        }
    }
}

/*
 * The key of each record: the first one of its owner, then the type. The owners of a few records are
 * hashed ahead, so that their slots are near when they are looked at.
 */
static int find_keys(const struct d1_statics *statics, struct place *places) {
    struct owners owners;
    uint64_t hashes[OWNERS_AHEAD];
    int err = owners_init(&owners, statics->count);
    if (err != D1_OK) {
        return err;
    }
    for (size_t i = 0; i < statics->count + OWNERS_AHEAD; i++) {
        if (i >= OWNERS_AHEAD) {
            size_t index = i - OWNERS_AHEAD;
            size_t first = first_of_owner(statics, &owners, hashes[index % OWNERS_AHEAD], index);
            places[index] = (struct place){
                .key = (uint64_t)first << TYPE_BITS | statics->records[index].type,
                .index = (uint32_t)index,
            };
        }
        if (i < statics->count) {
            const struct static_record *record = &statics->records[i];
            uint64_t hash = d1_hash(&owners.key, owner_of(statics, record), record->owner_length);
            __builtin_prefetch(&owners.slots[(size_t)hash & owners.mask], 1);
            hashes[i % OWNERS_AHEAD] = hash;
        }
    }
    d1_free(owners.slots);
    return D1_OK;
}

static int compare(const void *left, const void *right) {
    const struct place *a = left;
    const struct place *b = right;
    if (a->key != b->key) {
        return a->key < b->key ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

static size_t first_of(const struct place *place) {
    return (size_t)(place->key >> TYPE_BITS);
}

/* Sort what is not sorted: all, or when the owners' records stand together, some of these. */
static void sort_places(struct place *places, size_t count) {
    bool together = true;
    for (size_t i = 1; i < count && together; i++) {
        together = first_of(&places[i - 1]) <= first_of(&places[i]);
    }
    for (size_t at = 0; at < count;) {
        size_t end = at + 1;
        bool sorted = true;
        while (end < count && (!together || first_of(&places[end]) == first_of(&places[at]))) {
            sorted = sorted && places[end - 1].key <= places[end].key;
            end++;
        }
        if (!sorted) {
            qsort(places + at, end - at, sizeof(*places), compare);
        }
        at = end;
    }
}

/*
 * Bring the records of one owner together, and in them those of one type. Else they stay as the file
 * has them: most files need no sorting, and neighbours there are neighbours in memory.
 */
static int group(struct d1_statics *statics) {
    if (statics->count == 0) {
        return D1_OK;
    }
    int err = order_by_length(statics);
    if (err != D1_OK) {
        return err;
    }
    struct place *places = d1_malloc(statics->count * sizeof(*places));
    if (places == NULL) {
        return -ENOMEM;
    }
    err = find_keys(statics, places);
    if (err != D1_OK) {
        d1_free(places);
        return err;
    }
    sort_places(places, statics->count);
    return rearrange(statics, places);
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
        if (d1_rdata_equal(record->type, rdata_of(statics, other), other->rdata_length,
                           rdata_of(statics, record), record->rdata_length)) {
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
    bool leads = first->type == D1_TYPE_CNAME || first->type == D1_TYPE_NS;
    *ret_rrset = (struct d1_rrset_source){
        .type = first->type,
        .flags = leads ? D1_RRSET_STATIC | D1_RRSET_LEADS : D1_RRSET_STATIC,
        .count = count,
        .length = (uint16_t)(writer->at - start),
        .wire = start,
    };
    return D1_OK;
}

/*
 * Names below a cut are occluded, and so are the empty non-terminals there, which get records of
 * their own to say so. Shorter owners were put before. Returns 0 or an error.
 */
static int place_by_cuts(const struct d1_statics *statics, struct d1_table *table,
                         const struct d1_name *name, struct d1_record_source *source) {
    size_t apex_length = statics->zone->apex.length;
    size_t above = 0;
    bool ns = false;
    for (size_t i = 0; i < source->rrsets_count; i++) {
        ns = ns || source->rrsets[i].type == D1_TYPE_NS;
    }
    const struct d1_record *closest = d1_table_find_above(table, name, apex_length, &above);
    if (closest == NULL || (closest->flags & (D1_RECORD_CUT | D1_RECORD_OCCLUDED)) == 0) {
        source->flags |= ns && name->length > apex_length ? D1_RECORD_CUT : 0;
        return D1_OK;
    }
    source->flags |= D1_RECORD_OCCLUDED;
    const struct d1_record_source empty = {.zone = source->zone, .flags = D1_RECORD_OCCLUDED};
    struct d1_name between;
    (void)d1_name_parent(name, &between);
    while (between.length > name->length - above) {
        int err = d1_table_put(table, &between, apex_length, &empty);
        if (err != D1_OK) {
            return err;
        }
        (void)d1_name_parent(&between, &between);
    }
    return D1_OK;
}

/*
 * The apex of a zone may hold DS records of a zone of ours above it, which was loaded before or comes
 * later: add what is there already. Returns the new count, or -1 when there are too many.
 */
static int join_apex(const struct d1_table *table, const struct d1_name *name,
                     struct d1_rrset_source *rrsets, uint16_t count) {
    uint64_t hash = d1_table_hash(table, name->octets, name->length);
    const struct d1_record *record = d1_table_find(table, hash, name->octets, name->length);
    for (size_t i = 0; record != NULL && i < record->rrsets_count; i++) {
        const struct d1_rrset *rrset = &record->rrsets[i];
        if (count == D1_RRSETS_MAX) {
            return -1;
        }
        rrsets[count++] = (struct d1_rrset_source){
            .type = rrset->type,
            .flags = rrset->flags,
            .count = rrset->count,
            .length = rrset->length,
            .wire = d1_record_at(record, rrset->offset),
        };
    }
    return count;
}

/* Put the RRsets of one owner. Returns 0 or an error. */
static int put_rrsets(const struct d1_statics *statics, struct d1_table *table,
                      const struct d1_name *name, struct d1_rrset_source *rrsets, uint16_t count) {
    const struct d1_zone *zone = statics->zone;
    bool upper_ds = rrsets[0].type == D1_TYPE_DS && count == 1;
    if (upper_ds) {
        zone = zone_of(statics, name);
    }
    if (name->length == zone->apex.length) {
        int joined = join_apex(table, name, rrsets, count);
        if (joined < 0) {
            return D1_ETOOLARGE;
        }
        count = (uint16_t)joined;
    }
    struct d1_record_source source = {.zone = zone->index, .rrsets_count = count, .rrsets = rrsets};
    if ((statics->flags & D1_ZONE_CUTS) != 0 && zone == statics->zone) {
        int err = place_by_cuts(statics, table, name, &source);
        if (err != D1_OK) {
            return err;
        }
    }
    return d1_table_put(table, name, zone->apex.length, &source);
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
    int err = put_rrsets(statics, table, &name, rrsets, count);
    return err == D1_OK ? D1_OK : refuse_stored(statics, first, err, d1_err_text(err));
}

/* Have the place of an owner brought near that will be put soon. */
static void prefetch_ahead(const struct d1_statics *statics, const struct d1_table *table,
                           size_t at) {
    if (at + OWNERS_AHEAD < statics->count) {
        const struct static_record *record = &statics->records[at + OWNERS_AHEAD];
        d1_table_prefetch_bucket(
            table, d1_table_hash(table, owner_of(statics, record), record->owner_length));
    }
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
    int err = group(statics);
    if (err != D1_OK) {
        return d1_error_set(statics->error, err, "%s", d1_err_text(err));
    }
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
    for (size_t at = 0; at < statics->count && err == D1_OK;) {
        struct span owner = owner_span(statics, at);
        prefetch_ahead(statics, table, at);
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
