#include "dnsd/served.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/epoch.h"
#include "core/mem.h"
#include "dns/wire.h"
#include "dns/zonefile.h"
#include "dnsd/statics.h"

#define SOA_RDATA_MAX (2 * D1_NAME_OCTETS_MAX + 20)

struct owned {
    struct d1_served served; /* First: what d1_served_create returns. */
    struct d1_zones *zones;
};

/* SOA and NS records as the configuration says. */
static int add_apex(struct d1_statics *statics, const struct d1_zone_config *config) {
    if (config->nameservers_count == 0) {
        return d1_error_set(statics->error, D1_ECONFIG, "it has no nameservers");
    }
    uint8_t rdata[SOA_RDATA_MAX];
    struct d1_writer writer = d1_writer_over(rdata, sizeof(rdata));
    d1_zone_config_soa(config, &writer);
    assert(!writer.failed);

    struct d1_zone_record record = {
        .type = D1_TYPE_SOA,
        .class = D1_CLASS_IN,
        .ttl = config->negative_ttl,
        .rdata = rdata,
        .rdata_length = (uint16_t)d1_writer_length(&writer),
    };
    d1_name_copy(&record.owner, &config->name);
    int err = d1_statics_add(&record, statics);
    record.type = D1_TYPE_NS;
    record.ttl = D1_STATIC_TTL_S;
    for (size_t i = 0; i < config->nameservers_count && err == D1_OK; i++) {
        record.rdata = config->nameservers[i].octets;
        record.rdata_length = config->nameservers[i].length;
        err = d1_statics_add(&record, statics);
    }
    return err;
}

static int add_file(struct d1_statics *statics, const struct d1_zone_config *config) {
    FILE *file = fopen(config->file, "re");
    if (file == NULL) {
        return d1_error_set(statics->error, -errno, "%s: cannot be opened", config->file);
    }
    statics->file = config->file;
    int err = d1_zonefile_read(file, config->file, &config->name, D1_STATIC_TTL_S, d1_statics_add,
                               statics, statics->error);
    fclose(file);
    return err;
}

static int add_lines(struct d1_statics *statics, const struct d1_zone_config *config) {
    const char *file = statics->file;
    statics->file = NULL;
    int err = D1_OK;
    for (size_t i = 0; i < config->records_count && err == D1_OK; i++) {
        err = d1_zoneline_read(config->records[i], &config->name, D1_STATIC_TTL_S, d1_statics_add,
                               statics, statics->error);
        if (err != D1_OK) {
            d1_error_prefix(statics->error, "records[%zu]", i);
        }
    }
    statics->file = file;
    return err;
}

static int load_zone(struct owned *owned, uint32_t index, const struct d1_zone_config *config,
                     struct d1_error *error) {
    struct d1_statics statics;
    struct d1_zone_record soa;
    bool from_file = config->file != NULL && config->file[0] != '\0';
    d1_statics_init(&statics, owned->zones, d1_zones_at(owned->zones, index), error);
    int err = from_file ? add_file(&statics, config) : add_apex(&statics, config);
    if (err == D1_OK) {
        err = add_lines(&statics, config);
    }
    if (err == D1_OK) {
        err = d1_statics_put(&statics, owned->served.table, &soa);
    }
    if (err == D1_OK) {
        d1_zones_flag(owned->zones, index, statics.flags);
        err = d1_zones_set_soa(owned->zones, index, soa.rdata, soa.rdata_length, soa.ttl);
        if (err != D1_OK) {
            d1_error_set(error, err, "the SOA record is malformed");
        }
    }
    d1_statics_close(&statics);
    if (err != D1_OK) {
        char text[D1_NAME_TEXT_MAX];
        d1_name_to_text(&config->name, text);
        d1_error_prefix(error, "zone %s", text);
    }
    return err;
}

/*
 * The names between a zone and another of ours above it exist in the upper one (they are NODATA):
 * NXDOMAIN there would deny the lower zone too (RFC 8020).
 */
static int pin_parent(struct owned *owned, const struct d1_zone *zone, struct d1_error *error) {
    struct d1_name parent;
    const struct d1_zone *upper = NULL;
    if (d1_name_parent(&zone->apex, &parent)) {
        upper = d1_zones_find(owned->zones, &parent);
    }
    bool in_zone = (zone->flags & D1_ZONE_DELEGATED) == 0 && upper != NULL &&
                   (upper->flags & D1_ZONE_DELEGATED) == 0;
    if (!in_zone || d1_served_is_delegated(&owned->served, upper, &zone->apex)) {
        return D1_OK;
    }
    struct d1_table *table = owned->served.table;
    uint64_t hash = d1_table_hash(table, parent.octets, parent.length);
    const struct d1_record *record = d1_table_find(table, hash, parent.octets, parent.length);
    if (record != NULL && record->rrsets_count > 0) {
        return D1_OK; /* Static records never go. */
    }
    const struct d1_record_source source = {.zone = upper->index, .flags = D1_RECORD_PINNED};
    int err = d1_table_put(table, &parent, upper->apex.length, &source);
    return err == D1_OK ? D1_OK : d1_error_set(error, err, "%s", d1_err_text(err));
}

bool d1_served_is_delegated(const struct d1_served *served, const struct d1_zone *zone,
                            const struct d1_name *name) {
    if ((zone->flags & D1_ZONE_CUTS) == 0) {
        return false;
    }
    uint64_t hash = d1_table_hash(served->table, name->octets, name->length);
    const struct d1_record *record = d1_table_find(served->table, hash, name->octets, name->length);
    if (record == NULL || record->zone != zone->index) {
        size_t offset = 0;
        record = d1_table_find_above(served->table, name, zone->apex.length, &offset);
    }
    return record != NULL && (record->flags & (D1_RECORD_CUT | D1_RECORD_OCCLUDED)) != 0;
}

static int load(struct owned *owned, const struct d1_zone_config *configs, size_t count,
                struct d1_error *error) {
    for (uint32_t i = 0; i < count; i++) {
        if (configs[i].delegation) {
            continue; /* Whole already. */
        }
        int err = load_zone(owned, i, &configs[i], error);
        if (err != D1_OK) {
            return err;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        int err = pin_parent(owned, d1_zones_at(owned->zones, i), error);
        if (err != D1_OK) {
            return err;
        }
    }
    return D1_OK;
}

int d1_served_create(struct d1_epoch *epoch, const struct d1_zone_config *configs, size_t count,
                     struct d1_served **ret_served, struct d1_error *error) {
    struct owned *owned = d1_calloc(1, sizeof(*owned));
    if (owned == NULL) {
        return d1_error_set(error, -ENOMEM, "no memory");
    }
    int err = d1_table_create(epoch, &owned->served.table);
    if (err != D1_OK) {
        d1_error_set(error, err, "no memory for the record table");
        goto destroy_owned;
    }
    err = d1_zones_create(configs, count, &owned->zones, error);
    if (err != D1_OK) {
        goto destroy_owned;
    }
    owned->served.zones = owned->zones;
    err = load(owned, configs, count, error);
    if (err != D1_OK) {
        goto destroy_owned;
    }
    *ret_served = &owned->served;
    return D1_OK;
destroy_owned:
    d1_served_destroy(&owned->served);
    return err;
}

void d1_served_destroy(struct d1_served *served) {
    if (served == NULL) {
        return;
    }
    struct owned *owned = D1_CONTAINER_OF(served, struct owned, served);
    d1_table_destroy(served->table);
    d1_zones_destroy(owned->zones);
    d1_free(owned);
}
