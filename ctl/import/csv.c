/*
 * CSV as PostgreSQL's COPY and `sqlite3 -csv` write it (RFC 4180): fields in quotes hold commas, line
 * ends and doubled quotes. Which table it is shows in the header line; without one, in the form of
 * the first row.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "ctl/import/read.h"

struct reader {
    const char *at;
    const char *end;
    size_t line;
    struct d1_bytes texts; /* Of one record. */
    size_t count;
    size_t starts[D1_IMPORT_COLUMNS_MAX];
    struct d1_error *error;
};

static int fail(const struct reader *r, size_t line, int code, const char *what) {
    return d1_error_set(r->error, code, "line %zu: %s", line, what);
}

static char take(struct reader *r) {
    char c = *r->at++;
    r->line += c == '\n' ? 1 : 0;
    return c;
}

static bool ends_field(char c) {
    return c == ',' || c == '\r' || c == '\n';
}

static int read_quoted(struct reader *r) {
    size_t begun = r->line;
    r->at++;
    while (r->at < r->end) {
        char c = take(r);
        if (c == '"' && (r->at == r->end || *r->at != '"')) {
            return D1_OK;
        }
        r->at += c == '"' ? 1 : 0;
        d1_bytes_add(&r->texts, &c, 1);
    }
    return fail(r, begun, D1_EPARSE, "a quote is never closed; the file is cut off");
}

static int read_field(struct reader *r) {
    size_t begun = r->line;
    if (r->count == D1_IMPORT_COLUMNS_MAX) {
        return fail(r, begun, D1_ETOOLARGE, "too many columns");
    }
    size_t start = r->texts.length;
    r->starts[r->count++] = start;
    int err = D1_OK;
    if (r->at < r->end && *r->at == '"') {
        err = read_quoted(r);
        if (err == D1_OK && r->at < r->end && !ends_field(*r->at)) {
            err = fail(r, begun, D1_EPARSE, "something stands between a quote and the comma");
        }
    } else {
        size_t length = 0;
        while (r->at + length < r->end && !ends_field(r->at[length])) {
            length++;
        }
        d1_bytes_add(&r->texts, r->at, length);
        r->at += length;
    }
    if (err == D1_OK && (r->texts.failed || r->texts.length - start > D1_IMPORT_FIELD_MAX)) {
        err = fail(r, begun, D1_ETOOLARGE, "a field is too long");
    }
    d1_bytes_add(&r->texts, "", 1);
    return err;
}

/* One record and its line end. */
static int read_record(struct reader *r) {
    r->count = 0;
    d1_bytes_clear(&r->texts);
    int err = read_field(r);
    while (err == D1_OK && r->at < r->end && *r->at == ',') {
        r->at++;
        err = read_field(r);
    }
    if (err == D1_OK && r->at < r->end && *r->at == '\r') {
        r->at++;
    }
    if (err == D1_OK && r->at < r->end && *r->at == '\n') {
        take(r);
    }
    return err;
}

static const char *field(const struct reader *r, size_t i) {
    return (const char *)r->texts.data + r->starts[i];
}

static bool has(const struct d1_import_columns *columns, enum d1_import_column kind) {
    for (size_t i = 0; i < columns->count; i++) {
        if (columns->kind[i] == kind) {
            return true;
        }
    }
    return false;
}

/* The columns of acme-dns' own schema, for a file without a header line. */
static bool guess(const struct reader *r, struct d1_import_columns *columns,
                  enum d1_import_table *ret_table) {
    static const struct d1_import_columns records = {
        4, {D1_IMPORT_USERNAME, D1_IMPORT_PASSWORD, D1_IMPORT_SUBDOMAIN, D1_IMPORT_ALLOWFROM}};
    static const struct d1_import_columns txt = {
        3, {D1_IMPORT_SUBDOMAIN, D1_IMPORT_VALUE, D1_IMPORT_TIME}};
    static const struct d1_import_columns numbered = {
        4, {D1_IMPORT_IGNORED, D1_IMPORT_SUBDOMAIN, D1_IMPORT_VALUE, D1_IMPORT_TIME}};
    if (r->count == 4 && strncmp(field(r, 1), "$2", 2) == 0) {
        *columns = records;
        *ret_table = D1_IMPORT_RECORDS;
    } else if (r->count == 3 || r->count == 4) {
        const char *time = field(r, r->count - 1);
        if (time[0] == '\0' || strspn(time, "0123456789") != strlen(time)) {
            return false;
        }
        *columns = r->count == 3 ? txt : numbered;
        *ret_table = D1_IMPORT_TXT;
    } else {
        return false;
    }
    return true;
}

/* Sets *ret_header when the first record names the columns. */
static int find_columns(struct reader *r, struct d1_import_columns *columns,
                        enum d1_import_table *ret_table, bool *ret_header) {
    *columns = (struct d1_import_columns){.count = 0};
    for (size_t i = 0; i < r->count; i++) {
        int err = d1_import_columns_add(columns, field(r, i));
        if (err != D1_OK) {
            return fail(r, 1, err, "too many columns");
        }
    }
    *ret_header = has(columns, D1_IMPORT_SUBDOMAIN);
    if (*ret_header && has(columns, D1_IMPORT_USERNAME) && has(columns, D1_IMPORT_PASSWORD)) {
        *ret_table = D1_IMPORT_RECORDS;
        return D1_OK;
    }
    if (*ret_header && has(columns, D1_IMPORT_VALUE)) {
        *ret_table = D1_IMPORT_TXT;
        return D1_OK;
    }
    if (!*ret_header && guess(r, columns, ret_table)) {
        return D1_OK;
    }
    return fail(r, 1, D1_EPARSE,
                "no acme-dns table; the header line must name username, password, subdomain and "
                "allowfrom, or subdomain, value and lastupdate");
}

static int take_record(struct reader *r, struct d1_import_set *set, enum d1_import_table table,
                       const struct d1_import_columns *columns, size_t line) {
    struct d1_import_fields fields = {.count = r->count};
    char where[32];
    snprintf(where, sizeof(where), "line %zu", line);
    for (size_t i = 0; i < r->count; i++) {
        fields.text[i] = field(r, i);
    }
    int err = d1_import_set_row(set, table, columns, &fields, where, r->error);
    if (err != D1_OK) {
        d1_error_prefix(r->error, "%s", where);
    }
    return err;
}

int d1_import_read_csv(struct d1_import_set *set, const char *text, size_t length,
                       struct d1_error *error) {
    struct reader r = {.at = text, .end = text + length, .line = 1, .error = error};
    struct d1_import_columns columns = {.count = 0};
    enum d1_import_table table = D1_IMPORT_OTHER;
    int err = D1_OK;
    d1_bytes_init(&r.texts, D1_IMPORT_COLUMNS_MAX * (size_t)(D1_IMPORT_FIELD_MAX + 1));
    while (err == D1_OK && r.at < r.end) {
        size_t line = r.line;
        bool header = false;
        err = read_record(&r);
        if (err != D1_OK || (r.count == 1 && field(&r, 0)[0] == '\0')) {
            continue; /* An empty line is none. */
        }
        if (table == D1_IMPORT_OTHER) {
            err = find_columns(&r, &columns, &table, &header);
            d1_import_set_see(set, err == D1_OK ? table : D1_IMPORT_OTHER);
        }
        if (err == D1_OK && !header) {
            err = take_record(&r, set, table, &columns, line);
        }
    }
    d1_wipe(r.texts.data, r.texts.capacity);
    d1_bytes_close(&r.texts);
    return err;
}
