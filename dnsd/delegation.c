#include "dnsd/delegation.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dns/wire.h"

#define OWNER_QUESTION 0xc00c
#define WIRE_MAX \
    (2 * D1_NAME_OCTETS_MAX + 32 + D1_DELEGATION_NAMESERVERS_MAX * (D1_NAME_OCTETS_MAX + 12))

static const char challenge_label[] = "\017_acme-challenge";

#define CHALLENGE_LABEL_BYTES (sizeof(challenge_label) - 1)

size_t d1_delegation_apex(const struct d1_name *name, size_t suffix_length) {
    size_t found = D1_DELEGATION_NONE;
    size_t at = 0;
    while (name->length - at > suffix_length) {
        size_t step = name->octets[at] + 1U;
        if (step == CHALLENGE_LABEL_BYTES &&
            memcmp(name->octets + at, challenge_label, CHALLENGE_LABEL_BYTES) == 0) {
            found = at;
        }
        at += step;
    }
    return found;
}

/* Owner, type, class and TTL; returns where the length of the rdata stands. */
static uint8_t *begin_record(struct d1_writer *writer, uint16_t type, uint32_t ttl) {
    d1_write_u16(writer, OWNER_QUESTION);
    d1_write_u16(writer, type);
    d1_write_u16(writer, D1_CLASS_IN);
    d1_write_u32(writer, ttl);
    return d1_write_room(writer, 2);
}

static void end_record(const struct d1_writer *writer, uint8_t *length) {
    assert(!writer->failed);
    d1_store_u16(length, (uint16_t)(writer->at - length - 2));
}

int d1_delegation_encode(const struct d1_zone_config *config, struct d1_negative *ret_negative,
                         struct d1_delegated **ret_delegated, struct d1_error *error) {
    if (config->nameservers_count == 0) {
        return d1_error_set(error, D1_ECONFIG, "it has no nameservers");
    }
    if (config->nameservers_count > D1_DELEGATION_NAMESERVERS_MAX) {
        return d1_error_set(error, D1_ELIMIT, "it has more than %d nameservers",
                            D1_DELEGATION_NAMESERVERS_MAX);
    }
    struct d1_delegated *delegated = d1_calloc(1, sizeof(*delegated) + WIRE_MAX);
    if (delegated == NULL) {
        return d1_error_set(error, -ENOMEM, "no memory");
    }
    struct d1_writer writer = d1_writer_over(delegated->wire, WIRE_MAX);
    uint8_t *length = begin_record(&writer, D1_TYPE_SOA, config->negative_ttl);
    d1_zone_config_soa(config, &writer);
    end_record(&writer, length);
    delegated->soa_length = (uint16_t)d1_writer_length(&writer);
    for (size_t i = 0; i < config->nameservers_count; i++) {
        const struct d1_name *server = &config->nameservers[i];
        length = begin_record(&writer, D1_TYPE_NS, D1_STATIC_TTL_S);
        d1_write_bytes(&writer, server->octets, server->length);
        end_record(&writer, length);
    }
    delegated->ns_length = (uint16_t)(d1_writer_length(&writer) - delegated->soa_length);
    delegated->ns_count = (uint16_t)config->nameservers_count;
    *ret_negative = (struct d1_negative){.length = delegated->soa_length, .patches = 1};
    memcpy(ret_negative->wire, delegated->wire, delegated->soa_length);
    *ret_delegated = delegated;
    return D1_OK;
}
