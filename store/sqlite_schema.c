/*
 * Which database this is, in which version, whether it is whole, and how to bring it up to date.
 *
 * The file names its owner (application_id) and its version (user_version: how many steps of the
 * table below were run). A new version of the program appends a step; it never changes an old one.
 * Everything is stored so that `sqlite3 dns01d.db` can read it: names in presentation form, times
 * as Unix milliseconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/sqlite.h"

static const char *const schema_steps[] = {
    /* 1. `clean` is 0 while the database is open: after a crash it says so. */
    "CREATE TABLE meta(key TEXT NOT NULL PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta(key, value) VALUES ('revision', 0), ('clean', 1);"
    "CREATE TABLE challenge("
    "  name TEXT NOT NULL,"
    "  value BLOB NOT NULL CHECK (length(value) BETWEEN 1 AND 255),"
    "  owner TEXT NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  expires INTEGER NOT NULL," /* 0: never. */
    "  PRIMARY KEY (name, value, owner)) WITHOUT ROWID;"
    "CREATE TABLE account("
    "  username TEXT NOT NULL PRIMARY KEY,"
    "  key_digest BLOB NOT NULL CHECK (length(key_digest) = 32),"
    "  name TEXT NOT NULL UNIQUE,"
    "  allowfrom TEXT NOT NULL,"
    "  created INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE known(name TEXT NOT NULL PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;"
    "PRAGMA application_id = 0x64303164;",
    /* 2. Accounts of acme-dns; accounts that are kept for ACME clients. */
    "ALTER TABLE account ADD COLUMN bcrypt TEXT CHECK (length(bcrypt) = 60);"
    "CREATE TABLE sealed_account("
    "  token TEXT NOT NULL,"
    "  domain TEXT NOT NULL,"
    "  box BLOB NOT NULL CHECK (length(box) BETWEEN 1 AND 2048),"
    "  PRIMARY KEY (token, domain)) WITHOUT ROWID;",
    /* 3. The name that was asked for, where CNAMEs were followed; NULL: `name` itself. */
    "ALTER TABLE challenge ADD COLUMN asked TEXT;",
    /* 4. Tokens and TSIG keys made at run time. `key` is the TSIG secret, readable as it must be. */
    "CREATE TABLE token("
    "  owner TEXT NOT NULL PRIMARY KEY,"
    "  digest BLOB UNIQUE CHECK (digest IS NULL OR length(digest) = 32),"
    "  algorithm TEXT NOT NULL,"
    "  key BLOB NOT NULL CHECK (length(key) <= 64),"
    "  names TEXT NOT NULL,"
    "  owners TEXT NOT NULL,"
    "  verbs TEXT NOT NULL,"
    "  lease INTEGER NOT NULL," /* 0: the default. */
    "  quota INTEGER NOT NULL," /* 0: none. */
    "  created INTEGER NOT NULL) WITHOUT ROWID;",
    /* 5. The provider account of a challenge, part of its identity; what stands at providers'. */
    "CREATE TABLE challenge_5("
    "  via TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  value BLOB NOT NULL CHECK (length(value) BETWEEN 1 AND 255),"
    "  owner TEXT NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  expires INTEGER NOT NULL," /* 0: never. */
    "  asked TEXT,"
    "  PRIMARY KEY (name, value, owner, via)) WITHOUT ROWID;"
    "INSERT INTO challenge_5 SELECT '', name, value, owner, created, expires, asked FROM challenge;"
    "DROP TABLE challenge;"
    "ALTER TABLE challenge_5 RENAME TO challenge;"
    "CREATE TABLE placement("
    "  via TEXT NOT NULL,"
    "  name TEXT NOT NULL,"
    "  value BLOB NOT NULL CHECK (length(value) BETWEEN 1 AND 255),"
    "  confirmed INTEGER NOT NULL,"
    "  created INTEGER NOT NULL,"
    "  PRIMARY KEY (via, name, value)) WITHOUT ROWID;",
};

#define SCHEMA_VERSION ((int)D1_ARRAY_LENGTH(schema_steps))

_Static_assert(D1_BCRYPT_TEXT_BYTES == 61 && D1_SEALED_BYTES_MAX == 2048, "step 2 spells them");
_Static_assert(D1_SQLITE_APPLICATION_ID == 0x64303164, "step 1 spells the application id");

static const char move_away[] = "restore it from a backup, or move it away to start empty";

/* sqlite3_system_errno() knows nothing of what failed inside COMMIT: the log's file does. */
static int system_cause(sqlite3 *db, int rc) {
    int cause = sqlite3_system_errno(db);
    sqlite3_file *log = NULL;
    if (cause == 0 && (rc & 0xff) == SQLITE_IOERR &&
        sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
        log != NULL && log->pMethods != NULL) {
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &cause);
    }
    return cause;
}

/* What SQLite's result is to us. */
static int own_code(int rc, int cause) {
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_IOERR:
        if (rc == SQLITE_IOERR_NOMEM) {
            return -ENOMEM;
        }
        return cause == ENOSPC || cause == EDQUOT || cause == EFBIG ? -ENOSPC : D1_ESTORE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* Our own statements fail only where a table or column is gone. */
        return D1_ECORRUPT;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return -EACCES;
    default:
        return D1_ESTORE;
    }
}

int d1_sqlite_error(sqlite3 *db, const char *path, int rc, struct d1_error *error) {
    const char *text = sqlite3_errmsg(db);
    int cause = system_cause(db, rc);
    int err = own_code(rc, cause);
    switch (err) {
    case -ENOSPC:
        text = cause != 0 ? d1_err_text(-cause) : text;
        return d1_error_set(error, err, "%s: %s; make room on its file system", path, text);
    case -EBUSY:
        return d1_error_set(error, err, "%s: %s by another program; end its transaction", path,
                            text);
    case D1_ECORRUPT:
        return d1_error_set(error, err, "%s: %s; %s", path, text, move_away);
    case -EACCES:
        return d1_error_set(error, err, "%s: %s; check owner, mode and room of its directory", path,
                            text);
    default:
        return d1_error_set(error, err, "%s: %s%s%s (SQLite code %d)", path, text,
                            cause != 0 ? ": " : "", cause != 0 ? d1_err_text(-cause) : "", rc);
    }
}

int d1_sqlite_number(sqlite3 *db, const char *sql, int64_t *ret_number) {
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc != SQLITE_OK) {
        return rc;
    }
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        *ret_number = sqlite3_column_int64(statement, 0);
    }
    int end = sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? SQLITE_OK : end != SQLITE_OK ? end : SQLITE_DONE;
}

static int run_step(sqlite3 *db, const char *step, int version) {
    char set_version[48];
    sqlite3_snprintf(sizeof(set_version), set_version, "PRAGMA user_version = %d", version);
    int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, step, NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, set_version, NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    }
    return rc; /* An error closes the connection, which rolls back. */
}

int d1_sqlite_migrate(sqlite3 *db, const char *const *steps, int count) {
    int64_t version = 0;
    int rc = d1_sqlite_number(db, "PRAGMA user_version", &version);
    while (rc == SQLITE_OK && version < count) {
        rc = run_step(db, steps[version], (int)version + 1);
        version++;
    }
    return rc;
}

int d1_sqlite_set_clean(sqlite3 *db, bool clean) {
    return sqlite3_exec(db,
                        clean ? "UPDATE meta SET value = 1 WHERE key = 'clean'"
                              : "UPDATE meta SET value = 0 WHERE key = 'clean'",
                        NULL, NULL, NULL);
}

/* Ours and of a known version, or empty? Reads only. */
static int check_identity(sqlite3 *db, const char *path, int64_t *ret_version,
                          struct d1_error *error) {
    int64_t application = 0;
    int64_t version = 0;
    int64_t objects = 0;
    int rc = d1_sqlite_number(db, "PRAGMA application_id", &application);
    if (rc == SQLITE_OK) {
        rc = d1_sqlite_number(db, "PRAGMA user_version", &version);
    }
    if (rc == SQLITE_OK) {
        rc = d1_sqlite_number(db, "SELECT count(*) FROM sqlite_master", &objects);
    }
    if (rc != SQLITE_OK) {
        return d1_sqlite_error(db, path, rc, error);
    }
    bool empty = application == 0 && version == 0 && objects == 0;
    if (!empty && application != D1_SQLITE_APPLICATION_ID) {
        return d1_error_set(error, D1_ECORRUPT,
                            "%s: a database of another program; move it away, or set state-dir to "
                            "another directory",
                            path);
    }
    if (version > SCHEMA_VERSION) {
        return d1_error_set(error, D1_EVERSION,
                            "%s: written by a newer dns01d (schema version %" PRId64
                            ", this one knows up to %d); run that version, or restore a backup "
                            "from before the upgrade",
                            path, version, SCHEMA_VERSION);
    }
    *ret_version = version;
    return D1_OK;
}

/* SQLite's report has several lines, ours has one. */
static int judge(const char *path, const char *verdict, struct d1_error *error) {
    if (verdict == NULL) {
        return d1_error_set(error, -ENOMEM, "%s: %s", path, d1_err_text(-ENOMEM));
    }
    if (sqlite3_stricmp(verdict, "ok") == 0) {
        return D1_OK;
    }
    char line[160];
    snprintf(line, sizeof(line), "%s", verdict);
    for (char *at = strchr(line, '\n'); at != NULL; at = strchr(at, '\n')) {
        *at = ' ';
    }
    return d1_error_set(error, D1_ECORRUPT, "%s: damaged (%s); %s", path, line, move_away);
}

/* A database that was closed in order is whole; one that was not is read through once. */
static int check_integrity(sqlite3 *db, const char *path, struct d1_error *error) {
    int64_t clean = 0;
    int rc = d1_sqlite_number(db, "SELECT value FROM meta WHERE key = 'clean'", &clean);
    if (rc == SQLITE_OK && clean == 1) {
        return D1_OK;
    }
    sqlite3_stmt *statement = NULL;
    rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    int err = D1_OK;
    if (rc != SQLITE_ROW) {
        err = d1_sqlite_error(db, path, rc, error);
    } else {
        err = judge(path, (const char *)sqlite3_column_text(statement, 0), error);
    }
    sqlite3_finalize(statement);
    return err;
}

/*
 * FULL: the log is flushed at every commit, before `done`. The cache holds the pages of a whole
 * batch (1024 rows on pages of their own are 4 MiB) several times over, so that none are spilled.
 */
static int set_connection(sqlite3 *db, const char *path, struct d1_error *error) {
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    if (rc != SQLITE_ROW) {
        int err = d1_sqlite_error(db, path, rc, error);
        sqlite3_finalize(statement);
        return err;
    }
    const char *mode = (const char *)sqlite3_column_text(statement, 0);
    bool wal = mode != NULL && sqlite3_stricmp(mode, "wal") == 0;
    sqlite3_finalize(statement);
    if (!wal) {
        return d1_error_set(error, D1_ESTORE,
                            "%s: its file system cannot hold a write-ahead log; set state-dir to a "
                            "local one",
                            path);
    }
    rc = sqlite3_exec(db,
                      "PRAGMA synchronous = FULL;"
                      "PRAGMA foreign_keys = ON;"
                      "PRAGMA cache_size = -16384;"
                      "PRAGMA temp_store = MEMORY;"
                      "PRAGMA journal_size_limit = 67108864;",
                      NULL, NULL, NULL);
    return rc == SQLITE_OK ? D1_OK : d1_sqlite_error(db, path, rc, error);
}

/* An empty file of mode 0600 for VACUUM INTO to fill: SQLite itself would let others read it. */
static int make_empty(const char *path, struct d1_error *error) {
    int fd = -1;
    if (unlink(path) == 0 || errno == ENOENT) {
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    }
    if (fd < 0) {
        return d1_error_set(error, -errno, "%s: %s; the copy from before an upgrade goes there",
                            path, strerror(errno));
    }
    close(fd);
    return D1_OK;
}

/*
 * Keep the database as it was before it is brought to a newer version, as FILE.version-N: who goes
 * back to the older program puts it back.
 */
static int keep_copy(sqlite3 *db, const char *path, int64_t version, struct d1_error *error) {
    char copy[D1_SQLITE_PATH_BYTES + 32];
    char part[D1_SQLITE_PATH_BYTES + 40];
    snprintf(copy, sizeof(copy), "%s.version-%" PRId64, path, version);
    snprintf(part, sizeof(part), "%s.part", copy);
    int err = make_empty(part, error);
    if (err != D1_OK) {
        return err;
    }
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_text(statement, 1, part, -1, SQLITE_STATIC);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    if (rc != SQLITE_DONE) {
        err = d1_sqlite_error(db, part, rc, error);
    } else if (rename(part, copy) != 0) {
        err = d1_error_set(error, -errno, "%s: %s", copy, strerror(errno));
    }
    sqlite3_finalize(statement);
    if (err != D1_OK) {
        unlink(part);
    }
    return err;
}

int d1_sqlite_prepare_schema(sqlite3 *db, const char *path, struct d1_error *error) {
    /* A schema that somebody else wrote may not run functions, nor rewrite the schema itself. */
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);

    int64_t version = 0;
    int err = check_identity(db, path, &version, error);
    if (err == D1_OK && version > 0) {
        err = check_integrity(db, path, error);
    }
    if (err == D1_OK) {
        err = set_connection(db, path, error);
    }
    if (err == D1_OK && version > 0 && version < SCHEMA_VERSION) {
        err = keep_copy(db, path, version, error);
    }
    if (err != D1_OK) {
        return err;
    }
    int rc = d1_sqlite_migrate(db, schema_steps, SCHEMA_VERSION);
    if (rc == SQLITE_OK) {
        rc = d1_sqlite_set_clean(db, false);
    }
    return rc == SQLITE_OK ? D1_OK : d1_sqlite_error(db, path, rc, error);
}
