/*
 * The apexes stand in an open-addressing table. A name is looked up by its suffixes, longest first,
 * but only by those that have as many labels as some apex.
 */
#include "dnsd/zone.h"

#include <assert.h>
#include <errno.h>

#include "core/buf.h"
#include "core/hash.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dns/wire.h"
#include "dnsd/delegation.h"

/* Of the SOA records we make; seconds. */
#define SOA_REFRESH_S 3600
#define SOA_RETRY_S   600
#define SOA_EXPIRE_S  604800

#define SOA_NUMBERS_BYTES 20 /* Serial, refresh, retry, expire, minimum (RFC 1035, 3.3.13). */

struct d1_zones {
    struct d1_hash_key key;
    uint64_t labels[2]; /* Bit N: some apex has N labels. */
    uint32_t mask;
    uint32_t *slots; /* Index + 1; 0: empty. */
    struct d1_zone *zones;
    size_t count;
};

static_assert(D1_NAME_LABELS_MAX < 128, "label counts fit two words");

/* The slot of this apex, or the empty one where it would stand. */
static uint32_t *slot_of(const struct d1_zones *zones, const uint8_t *octets, size_t length) {
    uint32_t at = (uint32_t)d1_hash(&zones->key, octets, length) & zones->mask;
    for (;; at = (at + 1) & zones->mask) {
        uint32_t slot = zones->slots[at];
        if (slot == 0) {
            return &zones->slots[at];
        }
        const struct d1_name *apex = &zones->zones[slot - 1].apex;
        if (apex->length == length && memcmp(apex->octets, octets, length) == 0) {
            return &zones->slots[at];
        }
    }
}

void d1_zone_config_soa(const struct d1_zone_config *config, struct d1_writer *writer) {
    const struct d1_name *mname = &config->nameservers[0];
    d1_write_bytes(writer, mname->octets, mname->length);
    d1_write_bytes(writer, config->hostmaster.octets, config->hostmaster.length);
    d1_write_u32(writer, config->serial);
    d1_write_u32(writer, SOA_REFRESH_S);
    d1_write_u32(writer, SOA_RETRY_S);
    d1_write_u32(writer, SOA_EXPIRE_S);
    d1_write_u32(writer, config->negative_ttl);
}

size_t d1_zone_apex_at(const struct d1_zone *zone, const struct d1_name *name) {
    if ((zone->flags & D1_ZONE_DELEGATED) != 0) {
        return d1_delegation_apex(name, zone->apex.length);
    }
    return (size_t)name->length - zone->apex.length;
}

/* Whether the zone, whose apex is at or above the name, holds it. */
static inline bool holds(const struct d1_zone *zone, const struct d1_name *name) {
    return D1_LIKELY((zone->flags & D1_ZONE_DELEGATED) == 0) ||
           d1_delegation_apex(name, zone->apex.length) != D1_DELEGATION_NONE;
}

const struct d1_zone *d1_zones_find(const struct d1_zones *zones, const struct d1_name *name) {
    unsigned labels = d1_name_labels(name);
    for (size_t at = 0;; at += name->octets[at] + 1U, labels--) {
        if ((zones->labels[labels / 64] >> labels % 64 & 1) != 0) {
            uint32_t slot = *slot_of(zones, name->octets + at, name->length - at);
            if (slot != 0 && holds(&zones->zones[slot - 1], name)) {
                return &zones->zones[slot - 1];
            }
        }
        if (name->octets[at] == 0) {
            return NULL;
        }
    }
}

const struct d1_zone *d1_zones_at(const struct d1_zones *zones, uint32_t index) {
    assert(index < zones->count);
    return &zones->zones[index];
}

size_t d1_zones_count(const struct d1_zones *zones) {
    return zones->count;
}

void d1_zones_flag(struct d1_zones *zones, uint32_t index, unsigned flags) {
    assert(index < zones->count);
    zones->zones[index].flags |= flags;
}

static int add_zone(struct d1_zones *zones, const struct d1_zone_config *config,
                    struct d1_error *error) {
    uint32_t *slot = slot_of(zones, config->name.octets, config->name.length);
    if (*slot != 0) {
        char text[D1_NAME_TEXT_MAX];
        d1_name_to_text(&config->name, text);
        return d1_error_set(error, D1_ECONFIG, "zone %s: it is configured twice%s", text,
                            config->delegation ? ", here as a delegation" : "");
    }
    struct d1_zone *zone = &zones->zones[zones->count];
    d1_name_copy(&zone->apex, &config->name);
    zone->index = (uint32_t)zones->count;
    zone->challenge_ttl = config->ttl;
    if (config->delegation) {
        zone->flags = D1_ZONE_DELEGATED;
        int err = d1_delegation_encode(config, &zone->negative, &zone->delegated, error);
        if (err != D1_OK) {
            char text[D1_NAME_TEXT_MAX];
            d1_name_to_text(&config->name, text);
            d1_error_prefix(error, "delegation %s", text);
            return err;
        }
    }
    unsigned labels = d1_name_labels(&config->name);
    zones->labels[labels / 64] |= UINT64_C(1) << labels % 64;
    *slot = (uint32_t)++zones->count;
    return D1_OK;
}

int d1_zones_create(const struct d1_zone_config *configs, size_t count, struct d1_zones **ret_zones,
                    struct d1_error *error) {
    if (count > D1_ZONES_MAX) {
        return d1_error_set(error, D1_ELIMIT, "more than %d zones", D1_ZONES_MAX);
    }
    uint32_t slots = 4;
    while (slots < 2 * count) {
        slots *= 2;
    }
    struct d1_zones *zones = d1_calloc(1, sizeof(*zones));
    int err = -ENOMEM;
    if (zones == NULL) {
        return d1_error_set(error, err, "no memory");
    }
    zones->mask = slots - 1;
    zones->slots = d1_calloc(slots, sizeof(*zones->slots));
    zones->zones = d1_calloc(count > 0 ? count : 1, sizeof(*zones->zones));
    if (zones->slots == NULL || zones->zones == NULL) {
        d1_error_set(error, err, "no memory");
        goto destroy_zones;
    }
    err = d1_hash_key_init(&zones->key);
    if (err != D1_OK) {
        d1_error_set(error, err, "no random octets");
        goto destroy_zones;
    }
    for (size_t i = 0; i < count; i++) {
        err = add_zone(zones, &configs[i], error);
        if (err != D1_OK) {
            goto destroy_zones;
        }
    }
    *ret_zones = zones;
    return D1_OK;
destroy_zones:
    d1_zones_destroy(zones);
    return err;
}

void d1_zones_destroy(struct d1_zones *zones) {
    if (zones != NULL) {
        for (size_t i = 0; i < zones->count; i++) {
            d1_free(zones->zones[i].delegated);
        }
        d1_free(zones->slots);
        d1_free(zones->zones);
        d1_free(zones);
    }
}

/* Write a pointer to the apex, whose place is filled in per answer. */
static void write_apex_pointer(struct d1_negative *negative, struct d1_writer *writer) {
    assert(negative->patches < D1_ARRAY_LENGTH(negative->patch));
    negative->patch[negative->patches++] = (uint16_t)d1_writer_length(writer);
    d1_write_u16(writer, 0xc000);
}

/* A name of the SOA: the part below the apex and a pointer, or the whole name. */
static void write_name(struct d1_negative *negative, struct d1_writer *writer,
                       const struct d1_name *name, const struct d1_name *apex) {
    if (!d1_name_is_under(name, apex)) {
        d1_write_bytes(writer, name->octets, name->length);
        return;
    }
    d1_write_bytes(writer, name->octets, (size_t)name->length - apex->length);
    write_apex_pointer(negative, writer);
}

int d1_zones_set_soa(struct d1_zones *zones, uint32_t index, const uint8_t *rdata, size_t length,
                     uint32_t ttl) {
    assert(index < zones->count);
    struct d1_zone *zone = &zones->zones[index];
    struct d1_reader reader = d1_reader_over(rdata, length);
    struct d1_name mname;
    struct d1_name rname;
    if (d1_name_read(&reader, &mname) != D1_OK || d1_name_read(&reader, &rname) != D1_OK ||
        d1_reader_left(&reader) != SOA_NUMBERS_BYTES) {
        return D1_EPARSE;
    }
    const uint8_t *numbers = rdata + length - SOA_NUMBERS_BYTES;
    uint32_t minimum = d1_load_u32(numbers + SOA_NUMBERS_BYTES - 4);

    struct d1_negative *negative = &zone->negative;
    *negative = (struct d1_negative){.length = 0};
    struct d1_writer writer = d1_writer_over(negative->wire, sizeof(negative->wire));
    write_apex_pointer(negative, &writer);
    d1_write_u16(&writer, D1_TYPE_SOA);
    d1_write_u16(&writer, D1_CLASS_IN);
    d1_write_u32(&writer, ttl < minimum ? ttl : minimum); /* RFC 2308, 3. */
    uint8_t *rdata_length = d1_write_room(&writer, 2);
    size_t start = d1_writer_length(&writer);
    write_name(negative, &writer, &mname, &zone->apex);
    write_name(negative, &writer, &rname, &zone->apex);
    d1_write_bytes(&writer, numbers, SOA_NUMBERS_BYTES);
    assert(!writer.failed);
    d1_store_u16(rdata_length, (uint16_t)(d1_writer_length(&writer) - start));
    negative->length = (uint16_t)d1_writer_length(&writer);
    return D1_OK;
}
