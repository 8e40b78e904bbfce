/*
 * What an import has read from an acme-dns, whatever kind of file it came from: rows of its tables
 * `records` and `txt`, not judged yet (the server does that).
 *
 * Threads: one.
 * Memory: a set owns its texts and wipes them.
 * Limits: D1_IMPORT_COLUMNS_MAX columns, D1_IMPORT_FIELD_MAX octets of a field, D1_ACCOUNTS_MAX
 *   rows of each table.
 */
#ifndef D1_CTL_IMPORT_SET_H
#define D1_CTL_IMPORT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/buf.h"

struct d1_error;

#define D1_IMPORT_COLUMNS_MAX 16
#define D1_IMPORT_FIELD_MAX   65536
#define D1_IMPORT_FILE_MAX    1073741824 /* Octets of a dump: some five million accounts. */
#define D1_IMPORT_WHERE_BYTES 280        /* "line 12", "row 12", or a domain. */

enum d1_import_table {
    D1_IMPORT_RECORDS,
    D1_IMPORT_TXT,
    D1_IMPORT_VERSION, /* acmedns(Name, Value). */
    D1_IMPORT_OTHER,
};

enum d1_import_column {
    D1_IMPORT_IGNORED,
    D1_IMPORT_USERNAME,
    D1_IMPORT_PASSWORD,
    D1_IMPORT_SUBDOMAIN,
    D1_IMPORT_ALLOWFROM,
    D1_IMPORT_NAME,
    D1_IMPORT_VALUE,
    D1_IMPORT_TIME, /* LastUpdate; LastActive of version 0. */
    D1_IMPORT_COLUMN_KINDS,
};

/* Which column of a table stands where; count 0: not known yet. */
struct d1_import_columns {
    size_t count;
    enum d1_import_column kind[D1_IMPORT_COLUMNS_MAX];
};

/* One row on its way: NUL-terminated texts, NULL for SQL's NULL. */
struct d1_import_fields {
    size_t count;
    const char *text[D1_IMPORT_COLUMNS_MAX];
};

struct d1_import_account {
    char *username;
    char *secret; /* A bcrypt hash; a plain password where the set says so. */
    char *subdomain;
    char *fulldomain; /* NULL: not known. */
    char *allowfrom;  /* JSON, or NULL. */
    char *value;      /* Of version 0. */
    int64_t value_time;
    char *where; /* For reports. */
};

struct d1_import_txt {
    char *subdomain;
    char *value;
    int64_t updated; /* Unix time in seconds. */
};

struct d1_import_set {
    size_t accounts_count;
    size_t accounts_room;
    struct d1_import_account *accounts;
    size_t values_count;
    size_t values_room;
    struct d1_import_txt *values; /* By subdomain once d1_import_set_sort() was called. */
    bool plain;                   /* Secrets are passwords. */
    bool has_records;             /* That table was seen, with rows or without. */
    bool has_txt;
    int64_t version; /* -1: not told. */
};

void d1_import_set_init(struct d1_import_set *set);
void d1_import_set_close(struct d1_import_set *set);

/* By name in any case, without its schema. */
enum d1_import_table d1_import_table_find(const char *name);

/* Add the next column of a table by its name. Returns 0 or D1_ETOOLARGE. */
int d1_import_columns_add(struct d1_import_columns *columns, const char *name) D1_MUST_CHECK;

/* A table is there. */
void d1_import_set_see(struct d1_import_set *set, enum d1_import_table table);

/*
 * Take a row; texts are copied. `unit` and `number` say where it stands. Returns 0, or an error with
 * its story.
 */
int d1_import_set_row(struct d1_import_set *set, enum d1_import_table table,
                      const struct d1_import_columns *columns,
                      const struct d1_import_fields *fields, const char *where,
                      struct d1_error *error) D1_MUST_CHECK;

/* Take an account whose texts the caller made; the set owns them in any case. 0 or an error. */
int d1_import_set_account(struct d1_import_set *set, struct d1_import_account *account,
                          struct d1_error *error) D1_MUST_CHECK;

/* All was read: check that it is an acme-dns of a version we know, and put values in order. */
int d1_import_set_finish(struct d1_import_set *set, struct d1_error *error) D1_MUST_CHECK;

/* The values of a subdomain: *ret_count of them, in a row. */
const struct d1_import_txt *d1_import_set_values(const struct d1_import_set *set,
                                                 const char *subdomain, size_t *ret_count);

#endif /* D1_CTL_IMPORT_SET_H */
