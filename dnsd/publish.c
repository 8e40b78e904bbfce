/*
 * The publisher over the served zones. A record holds static RRsets, which stay, and perhaps one
 * TXT RRset of challenge values. Each change builds the whole record anew and puts it: from then on
 * every answer shows it.
 */
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dns/wire.h"
#include "dnsd/served.h"

#define TXT_HEAD_BYTES 13 /* Owner pointer, type, class, TTL, RDLENGTH, string length. */

/* The most that values of D1_OWNER_VALUES_BYTES_MAX octets take: each one octet long. */
#define TXT_WIRE_BYTES ((TXT_HEAD_BYTES + 1) * D1_OWNER_VALUES_BYTES_MAX)

struct d1_served_publisher {
    struct d1_publisher base;
    struct d1_served_current *current; /* Borrowed. */
    struct d1_served *target;          /* Borrowed; NULL: what is current. */
    uint8_t wire[TXT_WIRE_BYTES];
};

/* A name in what is published into, with the record it has now. */
struct place {
    struct d1_table *table;
    const struct d1_zone *zone;
    size_t apex_length;
    const struct d1_record *record; /* NULL: none. */
};

static struct d1_served_publisher *of(struct d1_publisher *base) {
    return D1_CONTAINER_OF(base, struct d1_served_publisher, base);
}

/* A challenge there would be one for names that nobody asked for. */
static bool has_wildcard_label(const struct d1_name *name) {
    for (size_t at = 0; name->octets[at] != 0; at += name->octets[at] + 1U) {
        if (name->octets[at] == 1 && name->octets[at + 1] == '*') {
            return true;
        }
    }
    return false;
}

/* Returns 0 or D1_ENOTSERVED: outside, at or below a zone cut, below a delegated zone's apex, or a wildcard. */
static int find_place(struct d1_served_publisher *publisher, const struct d1_name *name,
                      struct place *ret_place) {
    struct d1_served *served = publisher->target;
    if (served == NULL) {
        served = atomic_load_explicit(&publisher->current->served, memory_order_relaxed);
    }
    const struct d1_zone *zone = served != NULL ? d1_zones_find(served->zones, name) : NULL;
    if (zone == NULL || has_wildcard_label(name) || d1_served_is_delegated(served, zone, name)) {
        return D1_ENOTSERVED;
    }
    size_t apex_at = d1_zone_apex_at(zone, name);
    if ((zone->flags & D1_ZONE_DELEGATED) != 0 && apex_at != 0) {
        return D1_ENOTSERVED; /* Delegated zones hold nothing but their apex. */
    }
    ret_place->apex_length = name->length - apex_at;
    uint64_t hash = d1_table_hash(served->table, name->octets, name->length);
    ret_place->table = served->table;
    ret_place->zone = zone;
    ret_place->record = d1_table_find(served->table, hash, name->octets, name->length);
    return D1_OK;
}

static bool is_challenge(const struct d1_rrset *rrset) {
    return (rrset->flags & D1_RRSET_STATIC) == 0;
}

static bool holds_static_txt(const struct d1_record *record) {
    for (size_t i = 0; record != NULL && i < record->rrsets_count; i++) {
        const struct d1_rrset *rrset = &record->rrsets[i];
        if (!is_challenge(rrset) && (rrset->type == D1_TYPE_TXT || rrset->type == D1_TYPE_CNAME)) {
            return true;
        }
    }
    return false;
}

static struct d1_rrset_source source_of(const struct d1_record *record,
                                        const struct d1_rrset *rrset) {
    return (struct d1_rrset_source){
        .type = rrset->type,
        .flags = rrset->flags,
        .count = rrset->count,
        .length = rrset->length,
        .wire = d1_record_at(record, rrset->offset),
    };
}

/*
 * Put a record of the old one's static RRsets, the challenge RRset if there is one, and the flags;
 * or remove it when that is nothing.
 */
static int put_record(const struct place *place, const struct d1_name *name,
                      const struct d1_rrset_source *challenge, uint8_t flags) {
    struct d1_rrset_source rrsets[D1_RRSETS_MAX];
    uint16_t count = 0;
    for (size_t i = 0; place->record != NULL && i < place->record->rrsets_count; i++) {
        const struct d1_rrset *rrset = &place->record->rrsets[i];
        if (!is_challenge(rrset)) {
            assert(count < D1_RRSETS_MAX);
            rrsets[count++] = source_of(place->record, rrset);
        }
    }
    if (challenge != NULL) {
        if (count == D1_RRSETS_MAX) {
            return D1_ETOOLARGE;
        }
        rrsets[count++] = *challenge;
    }
    if (count == 0 && flags == 0) {
        int err = d1_table_remove(place->table, name, place->apex_length);
        return err == D1_ENOTFOUND ? D1_OK : err; /* Already nothing, or an empty non-terminal. */
    }
    const struct d1_record_source source = {
        .zone = place->zone->index, .flags = flags, .rrsets_count = count, .rrsets = rrsets};
    return d1_table_put(place->table, name, place->apex_length, &source);
}

static int serves(struct d1_publisher *base, const struct d1_name *name, const char *via) {
    struct place place;
    if (via[0] != '\0') {
        return D1_ENOTSERVED; /* A provider account is to hold it. */
    }
    int err = find_place(of(base), name, &place);
    if (err != D1_OK) {
        return err;
    }
    return holds_static_txt(place.record) ? D1_ESTATIC : D1_OK;
}

/* Encode the values in their order. Returns 0, D1_EVALUE or D1_EVALUES. */
static int encode(struct d1_served_publisher *publisher, uint32_t ttl,
                  const struct d1_txt_value *const *values, size_t count,
                  struct d1_rrset_source *ret_rrset) {
    struct d1_writer writer = d1_writer_over(publisher->wire, sizeof(publisher->wire));
    for (size_t i = 0; i < count && !writer.failed; i++) {
        if (values[i]->length == 0) {
            return D1_EVALUE;
        }
        d1_write_u16(&writer, 0xc00c);
        d1_write_u16(&writer, D1_TYPE_TXT);
        d1_write_u16(&writer, D1_CLASS_IN);
        d1_write_u32(&writer, ttl);
        d1_write_u16(&writer, (uint16_t)(values[i]->length + 1));
        d1_write_u8(&writer, values[i]->length);
        d1_write_bytes(&writer, values[i]->octets, values[i]->length);
    }
    if (writer.failed) {
        return D1_EVALUES;
    }
    *ret_rrset = (struct d1_rrset_source){
        .type = D1_TYPE_TXT,
        .count = (uint16_t)count,
        .length = (uint16_t)d1_writer_length(&writer),
        .wire = publisher->wire,
    };
    return D1_OK;
}

static int publish(struct d1_publisher *base, const struct d1_name *name, const char *via,
                   const struct d1_txt_value *const *values, size_t count,
                   struct d1_publication *publication) {
    struct d1_served_publisher *publisher = of(base);
    struct place place;
    struct d1_rrset_source challenge;
    (void)via;
    (void)publication; /* Live when this returns. */
    int err = find_place(publisher, name, &place);
    if (err != D1_OK) {
        return err;
    }
    if (holds_static_txt(place.record)) {
        return count > 0 ? D1_ESTATIC : D1_OK;
    }
    unsigned flags = place.record != NULL ? place.record->flags : 0;
    flags &= ~(unsigned)D1_RECORD_CHALLENGE;
    if (count == 0) {
        return put_record(&place, name, NULL, (uint8_t)flags);
    }
    err = encode(publisher, place.zone->challenge_ttl, values, count, &challenge);
    if (err != D1_OK) {
        return err;
    }
    return put_record(&place, name, &challenge, (uint8_t)(flags | D1_RECORD_CHALLENGE));
}

static int know(struct d1_publisher *base, const struct d1_name *name, bool known) {
    struct place place;
    int err = find_place(of(base), name, &place);
    if (err != D1_OK) {
        return err;
    }
    unsigned flags = place.record != NULL ? place.record->flags : 0;
    if (((flags & D1_RECORD_KNOWN) != 0) == known) {
        return D1_OK;
    }
    flags ^= D1_RECORD_KNOWN;
    struct d1_rrset_source challenge;
    bool held = false;
    for (size_t i = 0; place.record != NULL && i < place.record->rrsets_count; i++) {
        if (is_challenge(&place.record->rrsets[i])) {
            challenge = source_of(place.record, &place.record->rrsets[i]);
            held = true;
        }
    }
    return put_record(&place, name, held ? &challenge : NULL, (uint8_t)flags);
}

int d1_served_publisher_create(struct d1_served_current *current,
                               struct d1_served_publisher **ret_publisher) {
    struct d1_served_publisher *publisher = d1_calloc(1, sizeof(*publisher));
    if (publisher == NULL) {
        return -ENOMEM;
    }
    publisher->base.serves = serves;
    publisher->base.publish = publish;
    publisher->base.know = know;
    publisher->current = current;
    *ret_publisher = publisher;
    return D1_OK;
}

void d1_served_publisher_destroy(struct d1_served_publisher *publisher) {
    d1_free(publisher);
}

struct d1_publisher *d1_served_publisher_base(struct d1_served_publisher *publisher) {
    return &publisher->base;
}

void d1_served_publisher_target(struct d1_served_publisher *publisher, struct d1_served *target) {
    publisher->target = target;
}
