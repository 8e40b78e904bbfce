/*
 * Prerequisites (RFC 2136, 2.4, 3.2) against the record table: static records and challenges alike.
 * Names in rdata are compared uncompressed and without case for the types that are one name; other
 * types are compared octet by octet.
 */
#include <assert.h>

#include "core/buf.h"
#include "core/err.h"
#include "dnsd/apply.h"

static const struct d1_record *find_record(const struct d1_served *served,
                                           const struct d1_name *name) {
    uint64_t hash = d1_table_hash(served->table, name->octets, name->length);
    return d1_table_find(served->table, hash, name->octets, name->length);
}

static const struct d1_rrset *find_rrset(const struct d1_record *record, uint16_t type) {
    for (size_t i = 0; record != NULL && i < record->rrsets_count; i++) {
        if (record->rrsets[i].type == type) {
            return &record->rrsets[i];
        }
    }
    return NULL;
}

/* One of those without rdata: whether something exists, or does not. */
static enum d1_rcode check_existence(const struct d1_record *record, const struct d1_rr *rr) {
    bool any = rr->type == D1_TYPE_ANY;
    bool there =
        any ? record != NULL && record->rrsets_count > 0 : find_rrset(record, rr->type) != NULL;
    if (there == (rr->class == D1_CLASS_ANY)) {
        return D1_RCODE_NOERROR;
    }
    if (there) {
        return any ? D1_RCODE_YXDOMAIN : D1_RCODE_YXRRSET;
    }
    return any ? D1_RCODE_NXDOMAIN : D1_RCODE_NXRRSET;
}

#define TYPE_PTR 12

static bool is_name(uint16_t type) {
    return type == D1_TYPE_NS || type == D1_TYPE_CNAME || type == TYPE_PTR;
}

/* `reader` is over the message the rdata stands in; what is held was checked when it was loaded. */
static bool same_name(struct d1_reader reader, const struct d1_rr *rr, const uint8_t *rdata,
                      size_t length) {
    struct d1_name asked;
    struct d1_name held;
    struct d1_reader other = d1_reader_over(rdata, length);
    int err = d1_name_read(&other, &held);
    assert(err == D1_OK);
    (void)err;
    reader.at = rr->rdata;
    return d1_rr_read_name(&reader, &asked) == D1_OK && reader.at == rr->rdata + rr->rdata_length &&
           d1_name_equal(&asked, &held);
}

/* Whether a record of the set has the rdata that the prerequisite names. */
static bool set_holds(const struct d1_record *record, const struct d1_rrset *rrset,
                      const struct d1_update_cursor *at, const struct d1_rr *rr) {
    struct d1_reader reader = d1_reader_over(d1_record_at(record, rrset->offset), rrset->length);
    for (unsigned i = 0; i < rrset->count; i++) {
        (void)d1_read_bytes(&reader, 10); /* Owner pointer, type, class, TTL. */
        uint16_t length = d1_read_u16(&reader);
        const uint8_t *rdata = d1_read_bytes(&reader, length);
        assert(rdata != NULL);
        if (is_name(rr->type)
                ? same_name(at->reader, rr, rdata, length)
                : length == rr->rdata_length && memcmp(rdata, rr->rdata, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool same_set(const struct d1_rr *a, const struct d1_rr *b) {
    return b->class == D1_CLASS_IN && a->type == b->type && d1_name_equal(&a->name, &b->name);
}

/* Whether an earlier prerequisite is the same record. */
static bool is_repeated(const struct d1_update *update, const struct d1_rr *rr) {
    struct d1_rr earlier;
    struct d1_update_cursor cursor = d1_update_prerequisites(update);
    for (;;) {
        bool there = d1_update_next(&cursor, &earlier);
        assert(there);
        (void)there;
        if (earlier.at == rr->at) { /* Itself, at the latest. */
            return false;
        }
        if (same_set(rr, &earlier) && earlier.rdata_length == rr->rdata_length &&
            memcmp(earlier.rdata, rr->rdata, rr->rdata_length) == 0) {
            return true;
        }
    }
}

/*
 * A value-dependent one: its set must exist, hold this record, and hold no more records than the
 * prerequisites name for it (repeated ones are counted once).
 */
static enum d1_rcode check_value(const struct d1_record *record, const struct d1_update *update,
                                 const struct d1_update_cursor *at, const struct d1_rr *rr) {
    const struct d1_rrset *rrset = find_rrset(record, rr->type);
    if (rrset == NULL || !set_holds(record, rrset, at, rr)) {
        return D1_RCODE_NXRRSET;
    }
    unsigned named = 0;
    struct d1_rr other;
    struct d1_update_cursor cursor = d1_update_prerequisites(update);
    while (d1_update_next(&cursor, &other)) {
        named += same_set(rr, &other) && !is_repeated(update, &other);
    }
    return named == rrset->count ? D1_RCODE_NOERROR : D1_RCODE_NXRRSET;
}

enum d1_rcode d1_prerequisites_check(const struct d1_served *served,
                                     const struct d1_update *update) {
    struct d1_rr rr;
    struct d1_update_cursor cursor = d1_update_prerequisites(update);
    while (d1_update_next(&cursor, &rr)) {
        const struct d1_record *record = find_record(served, &rr.name);
        enum d1_rcode rcode = rr.class == D1_CLASS_IN ? check_value(record, update, &cursor, &rr)
                                                      : check_existence(record, &rr);
        if (rcode != D1_RCODE_NOERROR) {
            return rcode;
        }
    }
    return D1_RCODE_NOERROR;
}
