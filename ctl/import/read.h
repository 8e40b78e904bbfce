/*
 * Readers of the kinds of files an acme-dns leaves behind. Each takes everything or nothing: a file
 * that is damaged, cut off or something else is an error that says where.
 *
 * Threads: one.
 * Memory: rows go to the caller's set.
 * Limits: those of ctl/import/set.h.
 */
#ifndef D1_CTL_IMPORT_READ_H
#define D1_CTL_IMPORT_READ_H

#include "ctl/import/set.h"

/* A file of acme-dns, of any kind below: found out by its first octets. "-" is standard input. */
int d1_import_read_file(struct d1_import_set *set, const char *path,
                        struct d1_error *error) D1_MUST_CHECK;

/* An SQLite file. */
int d1_import_read_sqlite(struct d1_import_set *set, const char *path,
                          struct d1_error *error) D1_MUST_CHECK;

/* SQL text as pg_dump (plain: COPY or INSERT) and `sqlite3 .dump` write it. */
int d1_import_read_sql(struct d1_import_set *set, const char *text, size_t length,
                       struct d1_error *error) D1_MUST_CHECK;

/* CSV (RFC 4180) of `records` or `txt`, with a header line or with acme-dns' own columns. */
int d1_import_read_csv(struct d1_import_set *set, const char *text, size_t length,
                       struct d1_error *error) D1_MUST_CHECK;

/* goacmedns' JSON: domain to account, with passwords. Also cert-manager's acmedns.json. */
int d1_import_read_goacmedns(struct d1_import_set *set, const char *text, size_t length,
                             struct d1_error *error) D1_MUST_CHECK;

/* The whole file. *ret_text is to be closed with d1_bytes_close(). */
int d1_import_read_text(const char *path, struct d1_bytes *ret_text,
                        struct d1_error *error) D1_MUST_CHECK;

#endif /* D1_CTL_IMPORT_READ_H */
