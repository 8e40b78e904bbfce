#include "ctl/print.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define COLUMNS_MAX 8

/* Characters of UTF-8 text: octets that continue none. */
static size_t width_of(const char *text) {
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((uint8_t)*text & 0xC0) != 0x80;
    }
    return width;
}

void d1_ctl_print_text(FILE *out, const char *text, size_t width) {
    size_t shown = width_of(text);
    for (const char *at = text; *at != '\0'; at++) {
        uint8_t octet = (uint8_t)*at;
        bool is_c1 = octet == 0xC2 && (uint8_t)at[1] >= 0x80 && (uint8_t)at[1] <= 0x9F;
        if (octet < 0x20 || octet == 0x7F || is_c1) {
            fputc('?', out);
            at += is_c1;
        } else {
            fputc(octet, out);
        }
    }
    for (; shown < width; shown++) {
        fputc(' ', out);
    }
}

/* A cell's text; numbers go to `room`. */
static const char *cell_text(const json_t *row, const char *key, char room[32]) {
    const json_t *value = json_object_get(row, key);
    if (json_is_string(value)) {
        return json_string_value(value);
    }
    if (json_is_integer(value)) {
        snprintf(room, 32, "%lld", (long long)json_integer_value(value));
        return room;
    }
    return json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-";
}

void d1_ctl_print_table(FILE *out, const json_t *rows, const struct d1_ctl_column *columns,
                        size_t columns_count) {
    size_t widths[COLUMNS_MAX];
    char room[32];
    size_t count = columns_count < COLUMNS_MAX ? columns_count : COLUMNS_MAX;
    for (size_t c = 0; c < count; c++) {
        widths[c] = strlen(columns[c].title);
        for (size_t r = 0; r < json_array_size(rows); r++) {
            size_t width = width_of(cell_text(json_array_get(rows, r), columns[c].key, room));
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    for (size_t c = 0; c < count; c++) {
        d1_ctl_print_text(out, columns[c].title, c + 1 < count ? widths[c] + 2 : 0);
    }
    fputc('\n', out);
    for (size_t r = 0; r < json_array_size(rows); r++) {
        for (size_t c = 0; c < count; c++) {
            const char *text = cell_text(json_array_get(rows, r), columns[c].key, room);
            d1_ctl_print_text(out, text, c + 1 < count ? widths[c] + 2 : 0);
        }
        fputc('\n', out);
    }
}

const char *d1_ctl_text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "-";
}

void d1_ctl_print_json(FILE *out, const json_t *value) {
    json_dumpf(value, out, JSON_COMPACT | JSON_ENSURE_ASCII);
    fputc('\n', out);
}
