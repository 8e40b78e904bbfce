#include "dns/rr.h"

#include "core/buf.h"
#include "core/err.h"

/* One label behind what `name` holds. Returns false when it is too long, or cut off. */
static bool add_label(struct d1_reader *reader, uint8_t label, struct d1_name *name,
                      size_t *length) {
    if (label > D1_LABEL_OCTETS_MAX || *length + label + 1U > D1_NAME_OCTETS_MAX) {
        return false;
    }
    const uint8_t *octets = d1_read_bytes(reader, label);
    if (octets == NULL) {
        return false;
    }
    name->octets[(*length)++] = label;
    for (size_t i = 0; i < label; i++) {
        name->octets[(*length)++] = d1_name_fold(octets[i]);
    }
    return true;
}

int d1_rr_read_name(struct d1_reader *reader, struct d1_name *ret_name) {
    struct d1_reader at = *reader;
    struct d1_name name;
    size_t length = 0;
    size_t before = d1_reader_offset(reader); /* A pointer must lead before this. */
    unsigned jumps = 0;
    for (;;) {
        uint8_t label = d1_read_u8(&at);
        if (at.failed) {
            return D1_EPARSE;
        }
        if ((label & 0xc0) == 0xc0) {
            size_t target = (size_t)(label & 0x3fU) << 8 | d1_read_u8(&at);
            if (at.failed || target >= before || jumps == D1_NAME_LABELS_MAX) {
                return D1_EPARSE;
            }
            if (jumps++ == 0) {
                reader->at = at.at;
            }
            before = target;
            at.at = at.start + target;
            continue;
        }
        if (!add_label(&at, label, &name, &length)) {
            return D1_EPARSE;
        }
        if (label == 0) {
            break;
        }
    }
    if (jumps == 0) {
        reader->at = at.at;
    }
    name.length = (uint8_t)length;
    d1_name_copy(ret_name, &name);
    return D1_OK;
}

int d1_rr_read(struct d1_reader *reader, struct d1_rr *ret_rr) {
    size_t at = d1_reader_offset(reader);
    if (d1_rr_read_name(reader, &ret_rr->name) != D1_OK) {
        return D1_EPARSE;
    }
    ret_rr->at = at;
    ret_rr->type = d1_read_u16(reader);
    ret_rr->class = d1_read_u16(reader);
    ret_rr->ttl = d1_read_u32(reader);
    ret_rr->rdata_length = d1_read_u16(reader);
    ret_rr->rdata = d1_read_bytes(reader, ret_rr->rdata_length);
    return ret_rr->rdata != NULL ? D1_OK : D1_EPARSE;
}
