/*
 * acme-dns' SQLite file, opened to be read only: it may be in use. Its schema is somebody else's, so
 * it may not run functions, and its types are not believed: every column is read as octets.
 */
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "ctl/import/read.h"

#define BUSY_MS 5000

static int tell(sqlite3 *db, const char *path, int rc, struct d1_error *error) {
    const char *advice = "";
    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        advice = "; repair it with `sqlite3 FILE .recover`, or take a backup";
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        advice = "; acme-dns writes to it: try again, or copy it with `sqlite3 FILE .backup`";
        break;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        advice = "; read a copy made with `sqlite3 FILE .backup`, or run as a user who may read it";
        break;
    default:
        break;
    }
    return d1_error_set(error, rc == SQLITE_NOMEM ? -ENOMEM : D1_ECORRUPT, "%s: %s%s", path,
                        sqlite3_errmsg(db), advice);
}

static int check_whole(sqlite3 *db, const char *path, struct d1_error *error) {
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &row, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(row);
    }
    const char *verdict = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(row, 0) : NULL;
    int err = D1_OK;
    if (verdict == NULL) {
        err = tell(db, path, rc, error);
    } else if (strcmp(verdict, "ok") != 0) {
        err = d1_error_set(error, D1_ECORRUPT,
                           "%s: damaged (%.*s); repair it with `sqlite3 FILE .recover`, or take a "
                           "backup",
                           path, (int)strcspn(verdict, "\n"), verdict);
    }
    sqlite3_finalize(row);
    return err;
}

static int find_table(sqlite3 *db, const char *path, const char *name, bool *ret_there,
                      struct d1_error *error) {
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(
        db, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND lower(name) = ?1", -1, &row,
        NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_text(row, 1, name, -1, SQLITE_STATIC);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(row);
    }
    *ret_there = rc == SQLITE_ROW;
    int err = rc == SQLITE_ROW || rc == SQLITE_DONE ? D1_OK : tell(db, path, rc, error);
    sqlite3_finalize(row);
    return err;
}

/* The first column is the rowid; a blob is read as the text it is. */
static int take_row(struct d1_import_set *set, sqlite3_stmt *row, enum d1_import_table table,
                    const struct d1_import_columns *columns, struct d1_error *error) {
    struct d1_import_fields fields = {.count = columns->count};
    struct d1_bytes texts;
    size_t at[D1_IMPORT_COLUMNS_MAX];
    char where[32];
    snprintf(where, sizeof(where), "row %lld", (long long)sqlite3_column_int64(row, 0));
    d1_bytes_init(&texts, D1_IMPORT_COLUMNS_MAX * (size_t)D1_IMPORT_FIELD_MAX);
    for (size_t i = 0; i < columns->count; i++) {
        int column = (int)i + 1;
        const void *octets = sqlite3_column_blob(row, column);
        int length = sqlite3_column_bytes(row, column);
        at[i] = texts.length;
        if (length > D1_IMPORT_FIELD_MAX) {
            texts.failed = true;
        }
        d1_bytes_add(&texts, length > 0 ? octets : "", (size_t)length);
        d1_bytes_add(&texts, "", 1);
    }
    int err = D1_OK;
    if (texts.failed) {
        err = d1_error_set(error, D1_ETOOLARGE, "a field is longer than %d octets",
                           D1_IMPORT_FIELD_MAX);
    }
    for (size_t i = 0; err == D1_OK && i < columns->count; i++) {
        bool is_null = sqlite3_column_type(row, (int)i + 1) == SQLITE_NULL;
        fields.text[i] = is_null ? NULL : (const char *)texts.data + at[i];
    }
    if (err == D1_OK) {
        err = d1_import_set_row(set, table, columns, &fields, where, error);
    }
    if (err != D1_OK) {
        d1_error_prefix(error, "%s", where);
    }
    d1_bytes_close(&texts);
    return err;
}

static int name_columns(sqlite3_stmt *row, struct d1_import_columns *columns) {
    int err = D1_OK;
    *columns = (struct d1_import_columns){.count = 0};
    for (int i = 1; err == D1_OK && i < sqlite3_column_count(row); i++) {
        const char *name = sqlite3_column_name(row, i);
        err = name != NULL ? d1_import_columns_add(columns, name) : -ENOMEM;
    }
    return err;
}

static int read_rows(struct d1_import_set *set, sqlite3 *db, const char *path,
                     enum d1_import_table table, const char *sql, struct d1_error *error) {
    sqlite3_stmt *row = NULL;
    struct d1_import_columns columns;
    int rc = sqlite3_prepare_v2(db, sql, -1, &row, NULL);
    if (rc != SQLITE_OK) {
        return tell(db, path, rc, error);
    }
    int err = name_columns(row, &columns);
    if (err != D1_OK) {
        d1_error_set(error, err, "%s: more than %d columns", path, D1_IMPORT_COLUMNS_MAX);
    }
    while (err == D1_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        err = take_row(set, row, table, &columns, error);
        if (err != D1_OK) {
            d1_error_prefix(error, "%s", path);
        }
    }
    if (err == D1_OK && rc != SQLITE_DONE) {
        err = tell(db, path, rc, error);
    }
    sqlite3_finalize(row);
    return err;
}

static int read_tables(struct d1_import_set *set, sqlite3 *db, const char *path,
                       struct d1_error *error) {
    static const struct {
        const char *name;
        const char *sql;
        enum d1_import_table table;
    } tables[] = {
        {"acmedns", "SELECT rowid, * FROM acmedns", D1_IMPORT_VERSION},
        {"records", "SELECT rowid, * FROM records", D1_IMPORT_RECORDS},
        {"txt", "SELECT rowid, * FROM txt", D1_IMPORT_TXT},
    };
    int err = D1_OK;
    for (size_t i = 0; err == D1_OK && i < D1_ARRAY_LENGTH(tables); i++) {
        bool there = false;
        err = find_table(db, path, tables[i].name, &there, error);
        if (err == D1_OK && there) {
            d1_import_set_see(set, tables[i].table);
            err = read_rows(set, db, path, tables[i].table, tables[i].sql, error);
        }
    }
    return err;
}

int d1_import_read_sqlite(struct d1_import_set *set, const char *path, struct d1_error *error) {
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL);
    if (db == NULL) {
        return d1_error_set(error, -ENOMEM, "out of memory");
    }
    int err = rc == SQLITE_OK ? D1_OK : tell(db, path, rc, error);
    if (err == D1_OK) {
        sqlite3_busy_timeout(db, BUSY_MS);
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        /* One moment for all tables, though acme-dns may be writing. */
        rc = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
        err = rc == SQLITE_OK ? check_whole(db, path, error) : tell(db, path, rc, error);
    }
    if (err == D1_OK) {
        err = read_tables(set, db, path, error);
    }
    sqlite3_close(db);
    return err;
}
