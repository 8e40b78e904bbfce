#include "tests/bench/floor_table.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/mem.h"

#define LINE_BYTES     512
#define LABEL_MAX      63
#define RECORDS_MAX    (1u << 28)
#define FIRST_CAPACITY 4096

static_assert(sizeof(struct d1_floor_record) == 2 * D1_CACHE_LINE, "a record is two cache lines");

/* "auth.example." in wire form, lower case. Returns its length, 0 if it is none. */
static size_t zone_to_wire(const char *text, uint8_t ret_zone[D1_FLOOR_KEY_BYTES]) {
    struct d1_writer writer = d1_writer_over(ret_zone, D1_FLOOR_KEY_BYTES);
    while (*text != '\0') {
        size_t length = strcspn(text, ".");
        if (length == 0 || length > LABEL_MAX || text[length] != '.') {
            return 0;
        }
        d1_write_u8(&writer, (uint8_t)length);
        d1_write_bytes(&writer, text, length);
        text += length + 1;
    }
    d1_write_u8(&writer, 0);
    size_t length = writer.failed ? 0 : d1_writer_length(&writer);
    for (size_t i = 0; i < length; i++) {
        ret_zone[i] = (uint8_t)(ret_zone[i] + (((uint8_t)(ret_zone[i] - 'A') < 26) << 5));
    }
    return length;
}

static int record_set(const struct d1_floor_table *table, struct d1_floor_record *record,
                      const char *label, uint32_t ttl_s, const char *value) {
    size_t label_length = strlen(label);
    size_t value_length = strlen(value);
    uint8_t name[D1_FLOOR_KEY_BYTES] = {0};
    struct d1_writer writer = d1_writer_over(name, sizeof(name));
    d1_write_u8(&writer, (uint8_t)label_length);
    d1_write_bytes(&writer, label, label_length);
    d1_write_bytes(&writer, table->zone, table->zone_length);
    if (writer.failed || value_length > D1_FLOOR_VALUE_MAX) {
        return D1_ELIMIT;
    }
    d1_floor_key_set(&record->name, name, d1_writer_length(&writer));
    writer = d1_writer_over(record->answer, sizeof(record->answer));
    d1_write_u16(&writer, 0xC00C); /* The question's name. */
    d1_write_u16(&writer, 16);     /* TXT. */
    d1_write_u16(&writer, 1);      /* IN. */
    d1_write_u32(&writer, ttl_s);
    d1_write_u16(&writer, (uint16_t)(value_length + 1));
    d1_write_u8(&writer, (uint8_t)value_length);
    d1_write_bytes(&writer, value, value_length);
    return 0;
}

/* Room for one more record; cache-line memory cannot be grown in place. */
static int reserve_record(struct d1_floor_table *table, uint32_t *capacity) {
    if (table->count < *capacity) {
        return 0;
    }
    uint32_t wanted = *capacity > 0 ? *capacity * 2 : FIRST_CAPACITY;
    if (wanted > RECORDS_MAX) {
        return D1_ELIMIT;
    }
    struct d1_floor_record *records =
        d1_aligned(D1_CACHE_LINE, (size_t)wanted * sizeof(struct d1_floor_record));
    if (records == NULL) {
        return -ENOMEM;
    }
    if (table->count > 0) {
        memcpy(records, table->records, (size_t)table->count * sizeof(struct d1_floor_record));
    }
    d1_free(table->records);
    table->records = records;
    *capacity = wanted;
    return 0;
}

/* One line; lines that are neither $ORIGIN nor TXT are not for us. */
static int read_line(struct d1_floor_table *table, const char *line, uint32_t *capacity) {
    char name[LABEL_MAX + 1];
    char value[D1_FLOOR_VALUE_MAX + 2]; /* One more than allowed, so that it is seen. */
    uint32_t ttl_s;
    if (sscanf(line, "$ORIGIN %63s", name) == 1) {
        table->zone_length = (uint8_t)zone_to_wire(name, table->zone);
        return table->zone_length > 0 ? 0 : D1_ENAME;
    }
    if (sscanf(line, "%63s %" SCNu32 " IN TXT \"%52[^\"]\"", name, &ttl_s, value) != 3) {
        return 0;
    }
    int err = table->zone_length > 0 ? reserve_record(table, capacity) : D1_EPARSE;
    if (err == 0) {
        err = record_set(table, &table->records[table->count], name, ttl_s, value);
    }
    if (err == 0) {
        table->count++;
    }
    return err;
}

static int build_slots(struct d1_floor_table *table) {
    uint64_t size = 16;
    while (size < (uint64_t)table->count * 2 + 2) {
        size *= 2;
    }
    table->slots = d1_aligned(D1_CACHE_LINE, size * sizeof(struct d1_floor_slot));
    if (table->slots == NULL) {
        return -ENOMEM;
    }
    table->mask = size - 1;
    for (uint32_t i = 0; i < table->count; i++) {
        uint64_t hash = d1_floor_hash(&table->records[i].name);
        uint64_t at = hash & table->mask;
        while (table->slots[at].record != 0) {
            at = (at + 1) & table->mask;
        }
        table->slots[at] = (struct d1_floor_slot){.tag = (uint32_t)(hash >> 32), .record = i + 1};
    }
    return 0;
}

int d1_floor_table_init(struct d1_floor_table *table, const char *path,
                        struct d1_error *ret_error) {
    char line[LINE_BYTES];
    uint32_t capacity = 0;
    int err = 0;
    *table = (struct d1_floor_table){0};
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        err = -errno;
        return d1_error_set(ret_error, err, "%s: %s", path, strerror(-err));
    }
    for (unsigned number = 1; err == 0 && fgets(line, sizeof(line), file) != NULL; number++) {
        err = read_line(table, line, &capacity);
        if (err < 0) {
            d1_error_set(ret_error, err, "%s:%u: %s", path, number, d1_err_text(err));
        }
    }
    fclose(file);
    if (err == 0 && table->count == 0) {
        err = d1_error_set(ret_error, D1_EPARSE, "%s: no TXT record", path);
    }
    if (err == 0 && (err = build_slots(table)) < 0) {
        d1_error_set(ret_error, err, "%s: %s", path, d1_err_text(err));
    }
    if (err < 0) {
        d1_floor_table_close(table);
    }
    return err;
}

void d1_floor_table_close(struct d1_floor_table *table) {
    d1_free(table->slots);
    d1_free(table->records);
    *table = (struct d1_floor_table){0};
}
