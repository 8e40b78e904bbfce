#include "dns/update.h"

#include "core/err.h"
#include "core/limits.h"

static bool skip_records(struct d1_reader *reader, unsigned count) {
    struct d1_rr rr;
    for (unsigned i = 0; i < count; i++) {
        if (d1_rr_read(reader, &rr) != D1_OK) {
            return false;
        }
    }
    return true;
}

/* The zone section: one question-like entry. */
static bool read_zone(struct d1_reader *reader, struct d1_update *update) {
    if (d1_name_read(reader, &update->zone) != D1_OK) { /* An answer repeats it as it is. */
        return false;
    }
    update->zone_type = d1_read_u16(reader);
    update->zone_class = d1_read_u16(reader);
    return !reader->failed;
}

/* The additional section: OPT and TSIG are looked at, others are passed over (RFC 2136, 2.6). */
static enum d1_rcode read_additional(struct d1_reader *reader, unsigned count,
                                     struct d1_update *update) {
    struct d1_rr rr;
    unsigned version = 0;
    for (unsigned i = 0; i < count; i++) {
        if (update->tsig || d1_rr_read(reader, &rr) != D1_OK) {
            return D1_RCODE_FORMERR;
        }
        update->tsig = rr.type == D1_TYPE_TSIG;
        if (rr.type != D1_TYPE_OPT) {
            continue;
        }
        if (update->edns || rr.name.length != 1) {
            return D1_RCODE_FORMERR;
        }
        update->edns = true;
        update->dnssec_ok = (rr.ttl & 0x8000) != 0;
        version = rr.ttl >> 16 & 0xff;
    }
    if (d1_reader_left(reader) > 0) {
        return D1_RCODE_FORMERR;
    }
    return version == 0 ? D1_RCODE_NOERROR : D1_RCODE_BADVERS;
}

enum d1_rcode d1_update_parse(const uint8_t *message, size_t length, struct d1_update *ret_update) {
    struct d1_reader reader = d1_reader_over(message, length);
    struct d1_update *update = ret_update;
    *update = (struct d1_update){.message = message, .length = length};
    const uint8_t *header = d1_read_bytes(&reader, D1_DNS_HEADER_BYTES);
    if (header == NULL || d1_load_u16(header + 4) != 1 || !read_zone(&reader, update)) {
        return D1_RCODE_FORMERR;
    }
    update->zone_end = d1_reader_offset(&reader);
    if (update->zone_type != D1_TYPE_SOA) {
        return D1_RCODE_FORMERR;
    }
    update->prerequisites = d1_load_u16(header + 6);
    update->changes = d1_load_u16(header + 8);
    if (update->prerequisites + update->changes > D1_UPDATE_RECORDS_MAX) {
        return D1_RCODE_REFUSED;
    }
    update->prerequisites_at = update->zone_end;
    if (!skip_records(&reader, update->prerequisites)) {
        return D1_RCODE_FORMERR;
    }
    update->changes_at = d1_reader_offset(&reader);
    if (!skip_records(&reader, update->changes)) {
        return D1_RCODE_FORMERR;
    }
    return read_additional(&reader, d1_load_u16(header + 10), update);
}

static struct d1_update_cursor cursor_at(const struct d1_update *update, size_t at,
                                         unsigned count) {
    struct d1_update_cursor cursor = {
        .reader = d1_reader_over(update->message, update->length),
        .left = count,
    };
    cursor.reader.at += at;
    return cursor;
}

struct d1_update_cursor d1_update_prerequisites(const struct d1_update *update) {
    return cursor_at(update, update->prerequisites_at, update->prerequisites);
}

struct d1_update_cursor d1_update_changes(const struct d1_update *update) {
    return cursor_at(update, update->changes_at, update->changes);
}

bool d1_update_next(struct d1_update_cursor *cursor, struct d1_rr *ret_rr) {
    if (cursor->left == 0 || d1_rr_read(&cursor->reader, ret_rr) != D1_OK) {
        return false;
    }
    cursor->left--;
    return true;
}

/* Types that ask for something, and are never in a zone (RFC 6895, 3.1): 128 to 255, and OPT. */
static bool is_meta(uint16_t type) {
    return type == 0 || type == D1_TYPE_OPT || (type >= 128 && type <= 255);
}

enum d1_rcode d1_update_check_prerequisite(const struct d1_rr *rr) {
    bool any = rr->type == D1_TYPE_ANY;
    if (rr->ttl != 0 || (is_meta(rr->type) && !any)) {
        return D1_RCODE_FORMERR;
    }
    switch (rr->class) {
    case D1_CLASS_ANY:
    case D1_CLASS_NONE:
        return rr->rdata_length == 0 ? D1_RCODE_NOERROR : D1_RCODE_FORMERR;
    case D1_CLASS_IN:
        return any ? D1_RCODE_FORMERR : D1_RCODE_NOERROR;
    default:
        return D1_RCODE_FORMERR;
    }
}

enum d1_rcode d1_update_check_change(const struct d1_rr *rr) {
    bool any = rr->type == D1_TYPE_ANY;
    if (is_meta(rr->type) && !any) {
        return D1_RCODE_FORMERR;
    }
    bool good = false;
    switch (rr->class) {
    case D1_CLASS_IN:
        good = !any;
        break;
    case D1_CLASS_ANY:
        good = rr->ttl == 0 && rr->rdata_length == 0;
        break;
    case D1_CLASS_NONE:
        good = rr->ttl == 0 && !any;
        break;
    default:
        break;
    }
    return good ? D1_RCODE_NOERROR : D1_RCODE_FORMERR;
}

int d1_update_txt(const struct d1_rr *rr, const uint8_t **ret_octets, uint8_t *ret_length) {
    struct d1_reader reader = d1_reader_over(rr->rdata, rr->rdata_length);
    unsigned strings = 0;
    uint8_t length = 0;
    const uint8_t *octets = NULL;
    while (d1_reader_left(&reader) > 0) {
        length = d1_read_u8(&reader);
        octets = d1_read_bytes(&reader, length);
        if (octets == NULL) {
            return D1_EPARSE;
        }
        strings++;
    }
    if (strings == 0) {
        return D1_EPARSE; /* RFC 1035, 3.3.14: one or more. */
    }
    if (strings > 1 || length == 0) {
        return D1_ENOTFOUND;
    }
    *ret_octets = octets;
    *ret_length = length;
    return D1_OK;
}
