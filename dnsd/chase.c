/*
 * One hop answers one name: the question's, then the target of each CNAME, as long as it is in a
 * zone of ours. Names stand in the message once: owners of what follows are pointers to the question
 * or into the rdata of the CNAME or NS record that led there, and targets in the zone of their owner
 * end in a pointer to that zone's apex.
 *
 * Happy path: the cut above the name if there is one (a referral, the end); the record, or the
 * wildcard that stands for it; its RRset; for a CNAME the next hop.
 *
 * Ends: a positive answer; NODATA or NXDOMAIN of the last name, which the RCODE speaks of (RFC 6604,
 * 3); a target outside our zones, a loop or too many links, where the answer ends with the CNAME.
 * What does not fit leaves the writer failed; the chain is still followed to its end, for its RCODE.
 */
#include "dnsd/chase.h"

#include <assert.h>

#include "core/limits.h"
#include "dnsd/delegation.h"

#define POINTER_MAX   0x3fff /* RFC 1035, 4.1.4. */
#define RR_HEAD_BYTES 12     /* Owner pointer, type, class, TTL, RDLENGTH. */

struct chase {
    const struct d1_served *served;
    const struct d1_query *query;
    struct d1_writer *writer;
    struct d1_found *found;
    /* The name that is answered now. */
    const struct d1_name *name;
    size_t name_at; /* Where it stands in the message. */
    size_t plain;   /* Octets of it that stand there; the rest follows at tail_at, uncompressed. */
    size_t tail_at;
    const struct d1_zone *zone;
    const struct d1_record *record; /* Its own, or NULL. */
    /* Targets so far. */
    size_t links;
    struct d1_name targets[D1_CNAME_LINKS_MAX];
};

static const struct d1_record *find(const struct chase *chase, const struct d1_name *name) {
    const struct d1_table *table = chase->served->table;
    uint64_t hash = d1_table_hash(table, name->octets, name->length);
    return d1_table_find(table, hash, name->octets, name->length);
}

static const struct d1_rrset *rrset_of(const struct d1_record *record, uint16_t type) {
    for (size_t i = 0; i < record->rrsets_count; i++) {
        if (record->rrsets[i].type == type) {
            return &record->rrsets[i];
        }
    }
    return NULL;
}

/* Where the part of the present name stands that begins at `offset` in it. */
static size_t suffix_at(const struct chase *chase, size_t offset) {
    return offset < chase->plain ? chase->name_at + offset : chase->tail_at + offset - chase->plain;
}

/* Write records whose owner stands at `owner_at`. Returns where the first one is, or NULL. */
static uint8_t *write_records(struct d1_writer *writer, const uint8_t *wire, size_t length,
                              size_t count, size_t owner_at) {
    uint8_t *placed = d1_write_room(writer, length);
    if (placed == NULL) {
        return NULL;
    }
    assert(owner_at <= POINTER_MAX);
    memcpy(placed, wire, length);
    uint8_t *at = placed;
    for (size_t i = 0; i < count; i++) {
        d1_store_u16(at, (uint16_t)(0xc000U | owner_at));
        at += RR_HEAD_BYTES + d1_load_u16(at + RR_HEAD_BYTES - 2);
    }
    return placed;
}

static uint8_t *write_rrset(struct d1_writer *writer, const struct d1_record *record,
                            const struct d1_rrset *rrset, size_t owner_at) {
    const uint8_t *wire = d1_record_at(record, rrset->offset);
    return write_records(writer, wire, rrset->length, rrset->count, owner_at);
}

/*
 * An RRset of names, CNAME or NS: where it comes from, where it was written, and which of its
 * targets end in a pointer.
 */
struct targets {
    const uint8_t *from;
    const uint8_t *placed; /* NULL: it did not fit. */
    const struct d1_name *apex;
    size_t apex_at; /* 0: no pointers, the apex does not stand in one piece. */
};

/* How many octets of a target are written: without the apex, where a pointer stands for that. */
static size_t plain_length(const struct targets *targets, const struct d1_name *target) {
    bool ends_in_apex = targets->apex_at > 0 && d1_name_is_under(target, targets->apex);
    return ends_in_apex ? (size_t)target->length - targets->apex->length : target->length;
}

/* The target of the next record of an RRset as it is in our data; `*at` moves on. */
static void next_target(const uint8_t **at, struct d1_name *ret_target) {
    size_t length = d1_load_u16(*at + RR_HEAD_BYTES - 2);
    struct d1_reader reader = d1_reader_over(*at + RR_HEAD_BYTES, length);
    int err = d1_name_read(&reader, ret_target);
    assert(err == D1_OK && d1_reader_left(&reader) == 0); /* Checked when it was loaded. */
    (void)err;
    *at += RR_HEAD_BYTES + length;
}

/* Write a CNAME or NS RRset of the zone whose owner stands at `owner_at`. */
static struct targets write_targets(struct chase *chase, const struct d1_record *record,
                                    const struct d1_rrset *rrset, size_t owner_at) {
    struct d1_writer *writer = chase->writer;
    const struct d1_name *apex = &chase->zone->apex;
    size_t offset = (size_t)chase->name->length - apex->length;
    bool whole = offset >= chase->plain || chase->plain == chase->name->length;
    struct targets targets = {
        .from = d1_record_at(record, rrset->offset),
        .placed = writer->at,
        .apex = apex,
        .apex_at = whole ? suffix_at(chase, offset) : 0,
    };
    const uint8_t *from = targets.from;
    assert(owner_at <= POINTER_MAX && targets.apex_at <= POINTER_MAX);
    for (size_t i = 0; i < rrset->count && !writer->failed; i++) {
        const uint8_t *record_from = from;
        struct d1_name target;
        next_target(&from, &target);
        size_t plain = plain_length(&targets, &target);
        size_t pointer = plain < target.length ? 2 : 0;
        d1_write_u16(writer, (uint16_t)(0xc000U | owner_at));
        d1_write_bytes(writer, record_from + 2, RR_HEAD_BYTES - 4);
        d1_write_u16(writer, (uint16_t)(plain + pointer));
        d1_write_bytes(writer, record_from + RR_HEAD_BYTES, plain);
        if (pointer > 0) {
            d1_write_u16(writer, (uint16_t)(0xc000U | targets.apex_at));
        }
    }
    if (writer->failed) {
        targets.placed = NULL;
    }
    return targets;
}

/* Additional records: the addresses of the names in an NS RRset that was written. */

/* Write one address RRset of a name server whose name stands at name_at. */
static void write_address(struct chase *chase, const struct d1_record *record, uint16_t type,
                          const struct d1_name *name, size_t name_at) {
    struct d1_writer *writer = chase->writer;
    const struct d1_rrset *rrset = rrset_of(record, type);
    if (rrset == NULL) {
        return;
    }
    if (name_at <= POINTER_MAX) {
        (void)write_rrset(writer, record, rrset, name_at);
    } else { /* After thousands of NS records: each owner in full. */
        const uint8_t *at = d1_record_at(record, rrset->offset);
        for (size_t i = 0; i < rrset->count; i++) {
            size_t rest = RR_HEAD_BYTES - 2U + d1_load_u16(at + RR_HEAD_BYTES - 2);
            d1_write_bytes(writer, name->octets, name->length);
            d1_write_bytes(writer, at + 2, rest);
            at += 2 + rest;
        }
    }
    if (!writer->failed) {
        chase->found->additional = (uint16_t)(chase->found->additional + rrset->count);
    }
}

/* The same, but all or nothing when it does not fit. */
static void write_optional(struct chase *chase, const struct d1_record *record, uint16_t type,
                           const struct d1_name *name, size_t name_at) {
    struct d1_writer *writer = chase->writer;
    uint8_t *before = writer->at;
    write_address(chase, record, type, name, name_at);
    if (writer->failed) {
        writer->failed = false;
        writer->at = before;
    }
}

/*
 * Addresses from our own data of `count` name servers. Those at or below `cut` must stand in a
 * referral (RFC 9471, 3.1); the others only if there is room.
 */
static void write_addresses(struct chase *chase, const struct targets *targets, size_t count,
                            const struct d1_name *cut, bool required) {
    const uint8_t *from = targets->from;
    const uint8_t *at = targets->placed;
    for (size_t i = 0; i < count && !chase->writer->failed; i++) {
        size_t name_at = (size_t)(at - chase->writer->start) + RR_HEAD_BYTES;
        struct d1_name name;
        at += RR_HEAD_BYTES + d1_load_u16(at + RR_HEAD_BYTES - 2);
        next_target(&from, &name);
        if (!d1_name_is_under(&name, &chase->zone->apex) ||
            (cut != NULL && d1_name_is_under(&name, cut)) != required) {
            continue;
        }
        const struct d1_record *record = find(chase, &name);
        if (record == NULL || record->zone != chase->zone->index) {
            continue;
        }
        if (required) {
            write_address(chase, record, D1_TYPE_A, &name, name_at);
            write_address(chase, record, D1_TYPE_AAAA, &name, name_at);
        } else {
            write_optional(chase, record, D1_TYPE_A, &name, name_at);
            write_optional(chase, record, D1_TYPE_AAAA, &name, name_at);
        }
    }
}

/* Referrals. */

/*
 * The record of the cut at or above the name, or NULL. `closest` is the name's own record or that of
 * its closest ancestor, which begins at `offset` in it.
 */
static const struct d1_record *find_cut(const struct chase *chase, const struct d1_record *closest,
                                        size_t offset) {
    while ((closest->flags & D1_RECORD_OCCLUDED) != 0) {
        struct d1_name name;
        name.length = (uint8_t)(chase->name->length - offset);
        memcpy(name.octets, chase->name->octets + offset, name.length);
        offset += name.octets[0] + 1U;
        (void)d1_name_parent(&name, &name);
        closest = find(chase, &name);
        assert(closest != NULL); /* All is occluded up to the cut, and static. */
    }
    return (closest->flags & D1_RECORD_CUT) != 0 ? closest : NULL;
}

static void refer(struct chase *chase, const struct d1_record *cut) {
    struct d1_found *found = chase->found;
    const struct d1_rrset *rrset = rrset_of(cut, D1_TYPE_NS);
    assert(rrset != NULL);
    struct d1_name name = {.length = cut->name_length};
    memcpy(name.octets, d1_record_at(cut, cut->name_offset), cut->name_length);
    size_t owner_at = suffix_at(chase, (size_t)chase->name->length - cut->name_length);
    struct targets targets = write_targets(chase, cut, rrset, owner_at);
    if (found->answers == 0) {
        found->flags = 0; /* AA speaks of the first owner name (RFC 1035, 4.1.1). */
    }
    if (targets.placed != NULL) {
        found->authority = rrset->count;
        write_addresses(chase, &targets, rrset->count, &name, true);
        write_addresses(chase, &targets, rrset->count, &name, false);
    }
}

/* Hops. */

static void answer_negative(struct chase *chase, enum d1_rcode rcode) {
    const struct d1_zone *zone = chase->zone;
    struct d1_name parent;
    size_t apex_at = d1_zone_apex_at(zone, chase->name);
    if (chase->query->type == D1_TYPE_DS && chase->name->length == zone->apex.length &&
        d1_name_parent(chase->name, &parent)) {
        const struct d1_zone *upper = d1_zones_find(chase->served->zones, &parent);
        if (upper != NULL && (upper->flags & D1_ZONE_DELEGATED) == 0 &&
            !d1_served_is_delegated(chase->served, upper, &parent)) {
            zone = upper; /* RFC 4035, 3.1.4.1: the parent side, which is ours too. */
            apex_at = (size_t)chase->name->length - zone->apex.length;
        }
    }
    chase->found->rcode = (uint8_t)rcode;
    d1_write_negative(chase->writer, zone, suffix_at(chase, apex_at), chase->found);
}

/* The record that stands for a name without one: `*` below its closest encloser; or NULL. */
static const struct d1_record *find_wildcard(const struct chase *chase, size_t offset) {
    struct d1_name name;
    size_t length = chase->name->length - offset;
    assert(offset >= 2);
    name.octets[0] = 1;
    name.octets[1] = '*';
    memcpy(name.octets + 2, chase->name->octets + offset, length);
    name.length = (uint8_t)(length + 2);
    return find(chase, &name);
}

/* A CNAME was written: whether its target is to be answered, as the next hop. */
static bool follow(struct chase *chase, const struct targets *targets) {
    if (chase->links == D1_CNAME_LINKS_MAX) {
        return false;
    }
    struct d1_name *target = &chase->targets[chase->links];
    const uint8_t *from = targets->from;
    next_target(&from, target);
    if (d1_name_equal(target, &chase->query->name)) {
        return false;
    }
    for (size_t i = 0; i < chase->links; i++) {
        if (d1_name_equal(target, &chase->targets[i])) {
            return false;
        }
    }
    chase->links++;
    chase->name = target;
    chase->name_at = 0; /* Not written: only the RCODE is asked for from here on. */
    if (targets->placed != NULL) {
        chase->name_at = (size_t)(targets->placed - chase->writer->start) + RR_HEAD_BYTES;
    }
    chase->plain = plain_length(targets, target);
    chase->tail_at = targets->apex_at;
    chase->zone = d1_zones_find(chase->served->zones, target);
    chase->record = chase->zone != NULL ? find(chase, target) : NULL;
    return chase->zone != NULL;
}

/* SOA and NS of a delegated zone, or for ANY its SOA; it is the same for each. */
static void answer_delegated(struct chase *chase) {
    const struct d1_delegated *delegated = chase->zone->delegated;
    uint16_t type = chase->query->type;
    bool apex = d1_zone_apex_at(chase->zone, chase->name) == 0;
    struct d1_found *found = chase->found;
    const uint8_t *wire = delegated->wire;
    if (apex && (type == D1_TYPE_SOA || type == D1_TYPE_ANY)) {
        (void)write_records(chase->writer, wire, delegated->soa_length, 1, chase->name_at);
        found->answers++;
    } else if (apex && type == D1_TYPE_NS) {
        (void)write_records(chase->writer, wire + delegated->soa_length, delegated->ns_length,
                            delegated->ns_count, chase->name_at);
        found->answers = (uint16_t)(found->answers + delegated->ns_count);
    } else {
        answer_negative(chase, apex ? D1_RCODE_NOERROR : D1_RCODE_NXDOMAIN);
    }
}

/* Answer the present name. Returns whether there is a next one. */
static bool answer_hop(struct chase *chase) {
    const struct d1_zone *zone = chase->zone;
    const struct d1_record *record = chase->record;
    uint16_t type = chase->query->type;
    size_t offset = 0;
    if ((zone->flags & (D1_ZONE_CUTS | D1_ZONE_WILDCARDS)) != 0) {
        const struct d1_record *closest = record;
        if (record == NULL) {
            closest =
                d1_table_find_above(chase->served->table, chase->name, zone->apex.length, &offset);
        }
        assert(closest != NULL); /* An apex is static, it never goes. */
        const struct d1_record *cut = find_cut(chase, closest, offset);
        if (cut != NULL && (cut != record || type != D1_TYPE_DS)) {
            refer(chase, cut);
            return false;
        }
        if (record == NULL) {
            record = find_wildcard(chase, offset);
        }
    }
    const struct d1_rrset *rrset = NULL;
    if (record != NULL) {
        rrset = d1_record_choose(record, type);
        chase->found->notes |= d1_record_notes(record, rrset, type);
    }
    if (rrset == NULL && (zone->flags & D1_ZONE_DELEGATED) != 0) {
        answer_delegated(chase);
        return false;
    }
    if (rrset == NULL) {
        answer_negative(chase, record != NULL ? D1_RCODE_NOERROR : D1_RCODE_NXDOMAIN);
        return false;
    }
    chase->found->answers = (uint16_t)(chase->found->answers + rrset->count);
    if ((rrset->flags & D1_RRSET_LEADS) == 0) {
        (void)write_rrset(chase->writer, record, rrset, chase->name_at);
        return false;
    }
    struct targets targets = write_targets(chase, record, rrset, chase->name_at);
    if (rrset->type == D1_TYPE_CNAME && type != D1_TYPE_CNAME && type != D1_TYPE_ANY) {
        return follow(chase, &targets);
    }
    if (rrset->type == D1_TYPE_NS && type == D1_TYPE_NS && targets.placed != NULL) {
        write_addresses(chase, &targets, rrset->count, NULL, false);
    }
    return false;
}

void d1_chase(const struct d1_served *served, const struct d1_query *query,
              const struct d1_zone *zone, const struct d1_record *record, struct d1_writer *writer,
              struct d1_found *found) {
    struct chase chase; /* Targets are not cleared: each is written before it is read. */
    chase.served = served;
    chase.query = query;
    chase.writer = writer;
    chase.found = found;
    chase.name = &query->name;
    chase.name_at = D1_DNS_HEADER_BYTES;
    chase.plain = query->name.length;
    chase.tail_at = 0;
    chase.zone = zone;
    chase.record = record;
    chase.links = 0;
    found->flags = D1_FLAG_AA;
    while (answer_hop(&chase)) {
    }
}
