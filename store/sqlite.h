/*
 * The parts of the sqlite backend: the state directory and its files, the schema, the rows.
 * Private to store/ and its tests.
 *
 * Threads: as the backend (store/backend.h): one thread at a time.
 * Memory: nothing is owned beyond what a function says.
 */
#ifndef D1_STORE_SQLITE_H
#define D1_STORE_SQLITE_H

#include <sqlite3.h>

#include "core/limits.h"
#include "store/backend.h"

#define D1_SQLITE_FILE           "dns01d.db"
#define D1_SQLITE_LOCK_FILE      "dns01d.lock"
#define D1_SQLITE_PATH_BYTES     (D1_PATH_MAX + 32)
#define D1_SQLITE_APPLICATION_ID 0x64303164 /* "d01d", at offset 68 of the file. */
#define D1_SQLITE_LOG_PAGES      4096 /* Then the log (16 MiB of it) is copied into the database. */
#define D1_SQLITE_BUSY_MS        5000 /* How long another program may hold the database. */

/*
 * Make the state directory (0700, one level) and the database file (0600) where they are missing,
 * and take the lock that keeps a second dns01d out. *ret_lock is a file descriptor: closing it
 * gives the lock back, as does the end of the process. *ret_path is the database.
 *
 * Returns 0, -EBUSY (in use), -ENAMETOOLONG or -errno, with its story.
 */
int d1_sqlite_claim(const char *state_dir, char ret_path[D1_SQLITE_PATH_BYTES], int *ret_lock,
                    struct d1_error *error);

/*
 * Check that the database is ours and of a version we know, check its integrity when the last
 * shutdown was not clean, set how the connection works, keep a copy of an older version beside it
 * (FILE.version-N), bring it to our version, and mark it as in use. Nothing is changed before the
 * first two are known.
 *
 * Returns 0, D1_EVERSION, D1_ECORRUPT or another error with its story.
 */
int d1_sqlite_prepare_schema(sqlite3 *db, const char *path, struct d1_error *error);

/*
 * Run the steps that come after the database's user_version, each in a transaction of its own that
 * also sets user_version to the number of steps done. Returns SQLITE_OK or SQLite's code.
 */
int d1_sqlite_migrate(sqlite3 *db, const char *const *steps, int count);

/* Set the mark that the next start needs no integrity check. Returns SQLite's code. */
int d1_sqlite_set_clean(sqlite3 *db, bool clean);

/* The first column of the first row of a query. Returns SQLite's code; SQLITE_DONE: no row. */
int d1_sqlite_number(sqlite3 *db, const char *sql, int64_t *ret_number);

/* Hand every row to `changed`; as d1_store_load(). */
int d1_sqlite_load(sqlite3 *db, const char *path,
                   void (*changed)(const struct d1_store_change *, void *), void *arg,
                   struct d1_error *error);

/*
 * Our code for SQLite's: -ENOMEM, -ENOSPC, -EBUSY, D1_ECORRUPT, -EACCES, else D1_ESTORE. The story
 * says which file, what SQLite says of it, and what to do where something can be done.
 */
int d1_sqlite_error(sqlite3 *db, const char *path, int rc, struct d1_error *error);

#endif /* D1_STORE_SQLITE_H */
