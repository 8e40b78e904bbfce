#include "tests/bench/queries.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/mem.h"

#define FILE_BYTES_MAX ((size_t)1 << 30)
/* A message is longer than its name's text by the header, type and class, and one length octet. */
#define MESSAGE_EXTRA (D1_DNS_HEADER_BYTES + 4 + 1)

struct d1_bench_queries {
    size_t count;
    struct d1_bench_query *items; /* Owned. */
    uint8_t *octets;              /* Owned: all messages and values. */
    uint8_t *octets_end;
    uint8_t zone[D1_NAME_OCTETS_MAX]; /* Wire form. */
    size_t zone_length;
};

struct word {
    const char *text;
    size_t length;
};

/* The next word of a line (words stand one blank apart); its length is 0 at the end of the line. */
static struct word next_word(const char **at, const char *end) {
    struct word word = {.text = *at};
    while (*at < end && **at != ' ') {
        (*at)++;
    }
    word.length = (size_t)(*at - word.text);
    if (*at < end) {
        (*at)++;
    }
    return word;
}

static bool word_is(struct word word, const char *text) {
    return word.length == strlen(text) && memcmp(word.text, text, word.length) == 0;
}

/* An absolute name without escapes ("a.example.") in wire form. Returns its length, 0 if it is none. */
static size_t name_to_wire(struct word word, uint8_t ret_name[D1_NAME_OCTETS_MAX]) {
    const char *at = word.text;
    const char *end = word.text + word.length;
    struct d1_writer writer = d1_writer_over(ret_name, D1_NAME_OCTETS_MAX);
    while (at < end) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        size_t length = dot != NULL ? (size_t)(dot - at) : 0;
        if (length == 0 || length > D1_LABEL_OCTETS_MAX) {
            return 0;
        }
        d1_write_u8(&writer, (uint8_t)length);
        d1_write_bytes(&writer, at, length);
        at = dot + 1;
    }
    d1_write_u8(&writer, 0);
    return writer.failed || word.length == 0 ? 0 : d1_writer_length(&writer);
}

/* Room for `length` octets; what queries_create set aside suffices by construction. */
static uint8_t *take_octets(struct d1_bench_queries *queries, size_t length) {
    uint8_t *room = queries->octets_end;
    queries->octets_end += length;
    return room;
}

static int parse_zone(struct d1_bench_queries *queries, const char *at, const char *end) {
    if (!word_is(next_word(&at, end), "zone")) {
        return D1_EPARSE;
    }
    queries->zone_length = name_to_wire(next_word(&at, end), queries->zone);
    return queries->zone_length > 0 && at == end ? 0 : D1_EPARSE;
}

static int parse_query(struct d1_bench_queries *queries, const char *at, const char *end) {
    static const uint8_t header[D1_DNS_HEADER_BYTES] = {[5] = 1}; /* One question. */
    static const uint8_t txt_in[4] = {0, 16, 0, 1};
    struct d1_bench_query *query = &queries->items[queries->count];
    uint8_t name[D1_NAME_OCTETS_MAX];

    size_t name_length = name_to_wire(next_word(&at, end), name);
    struct word kind = next_word(&at, end);
    struct word value = next_word(&at, end);
    bool exists = word_is(kind, "TXT") && value.length > 0;
    if (at != end || value.length > D1_TXT_STRING_MAX ||
        (!exists && !(word_is(kind, "NXDOMAIN") && value.length == 0))) {
        return D1_EPARSE;
    }
    /* Below the zone: its name ends in the zone's, at a label. */
    size_t below = name_length - queries->zone_length;
    if (name_length <= queries->zone_length ||
        memcmp(name + below, queries->zone, queries->zone_length) != 0) {
        return D1_EPARSE;
    }
    size_t label = 0;
    while (label < below) {
        label += 1u + name[label];
    }
    if (label != below) {
        return D1_EPARSE;
    }

    size_t length = sizeof(header) + name_length + sizeof(txt_in);
    uint8_t *message = take_octets(queries, length);
    memcpy(message, header, sizeof(header));
    memcpy(message + sizeof(header), name, name_length);
    memcpy(message + sizeof(header) + name_length, txt_in, sizeof(txt_in));
    *query = (struct d1_bench_query){
        .message = message,
        .message_length = (uint16_t)length,
        .zone_offset = (uint16_t)(sizeof(header) + below),
        .value_length = (uint8_t)value.length,
    };
    if (exists) {
        query->value = memcpy(take_octets(queries, value.length), value.text, value.length);
    }
    queries->count++;
    return 0;
}

static int queries_create(size_t lines, size_t length, struct d1_bench_queries **ret_queries) {
    struct d1_bench_queries *queries = d1_calloc(1, sizeof(*queries));
    if (queries == NULL) {
        return -ENOMEM;
    }
    queries->items = d1_calloc(lines, sizeof(*queries->items));
    queries->octets = d1_malloc(length + lines * MESSAGE_EXTRA);
    if (queries->items == NULL || queries->octets == NULL) {
        d1_bench_queries_destroy(queries);
        return -ENOMEM;
    }
    queries->octets_end = queries->octets;
    *ret_queries = queries;
    return 0;
}

static size_t count_lines(const char *text, size_t length) {
    size_t lines = 1;
    for (size_t i = 0; i < length; i++) {
        lines += text[i] == '\n';
    }
    return lines;
}

int d1_bench_queries_parse(const char *text, size_t length, struct d1_bench_queries **ret_queries,
                           struct d1_error *ret_error) {
    struct d1_bench_queries *queries = NULL;
    size_t lines = count_lines(text, length);
    if (lines > D1_BENCH_QUERIES_MAX) {
        return d1_error_set(ret_error, D1_ETOOLARGE, "more than %d lines", D1_BENCH_QUERIES_MAX);
    }
    int err = queries_create(lines, length, &queries);
    if (err < 0) {
        return d1_error_set(ret_error, err, "%s", d1_err_text(err));
    }
    const char *at = text;
    const char *end = text + length;
    for (size_t line = 1; at < end && err == 0; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = newline != NULL ? newline : end;
        err = line == 1 ? parse_zone(queries, at, line_end) : parse_query(queries, at, line_end);
        if (err < 0) {
            d1_error_set(ret_error, err, "line %zu: expected %s", line,
                         line == 1 ? "`zone NAME`"
                                   : "`NAME TXT VALUE` or `NAME NXDOMAIN` in the zone");
        }
        at = newline != NULL ? newline + 1 : end;
    }
    if (err == 0 && queries->count == 0) {
        err = d1_error_set(ret_error, D1_EPARSE, "no query");
    }
    if (err < 0) {
        d1_bench_queries_destroy(queries);
        return err;
    }
    *ret_queries = queries;
    return 0;
}

int d1_bench_queries_load(const char *path, struct d1_bench_queries **ret_queries,
                          struct d1_error *ret_error) {
    struct stat status;
    char *text = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &status) < 0) {
        int err = -errno;
        if (file != NULL) {
            fclose(file);
        }
        return d1_error_set(ret_error, err, "%s: %s", path, strerror(-err));
    }
    size_t length = (size_t)status.st_size;
    int err = length > FILE_BYTES_MAX ? D1_ETOOLARGE : 0;
    if (err == 0 && (text = d1_malloc(length + 1)) == NULL) {
        err = -ENOMEM;
    }
    if (err == 0 && fread(text, 1, length, file) != length) {
        err = -EIO;
    }
    fclose(file);
    if (err < 0) {
        d1_free(text);
        return d1_error_set(ret_error, err, "%s: %s", path, d1_err_text(err));
    }
    err = d1_bench_queries_parse(text, length, ret_queries, ret_error);
    d1_free(text);
    if (err < 0) {
        d1_error_prefix(ret_error, "%s", path);
    }
    return err;
}

void d1_bench_queries_destroy(struct d1_bench_queries *queries) {
    if (queries == NULL) {
        return;
    }
    d1_free(queries->items);
    d1_free(queries->octets);
    d1_free(queries);
}

size_t d1_bench_queries_count(const struct d1_bench_queries *queries) {
    return queries->count;
}

const struct d1_bench_query *d1_bench_queries_at(const struct d1_bench_queries *queries, size_t i) {
    assert(i < queries->count);
    return &queries->items[i];
}
