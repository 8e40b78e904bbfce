/*
 * The embedded store: one SQLite database, write-ahead log, flushed at every commit.
 *
 * Happy path of a commit: BEGIN IMMEDIATE; each write applies its changes and gets the next
 * revision; the newest revision is stored in the same transaction; COMMIT flushes the log.
 *
 * Failure modes:
 *   - A write breaks a rule of the schema (the name of an account is taken): its own changes are
 *     undone by a savepoint, the others go on.
 *   - Anything else (disk full, I/O error, database held by another program): the transaction is
 *     rolled back and the revision in memory stays; the next commit starts afresh.
 */
#include "store/sqlite.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "core/mem.h"

enum statement {
    BEGIN,
    COMMIT,
    ROLLBACK,
    SAVEPOINT,
    RELEASE,
    ROLLBACK_TO,
    SET_REVISION,
    PUT_CHALLENGE,
    REMOVE_CHALLENGE,
    PUT_ACCOUNT,
    REMOVE_ACCOUNT,
    PUT_TOKEN,
    REMOVE_TOKEN,
    PUT_KNOWN,
    REMOVE_KNOWN,
    PUT_SEALED,
    REMOVE_SEALED,
    PUT_PLACEMENT,
    REMOVE_PLACEMENT,
    STATEMENT_COUNT,
};

static const char *const statement_texts[STATEMENT_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [SAVEPOINT] = "SAVEPOINT one_write",
    [RELEASE] = "RELEASE one_write",
    [ROLLBACK_TO] = "ROLLBACK TO one_write",
    [SET_REVISION] = "UPDATE meta SET value = ?1 WHERE key = 'revision'",
    [PUT_CHALLENGE] = "INSERT INTO challenge(name, value, owner, via, created, expires, asked)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                      " ON CONFLICT (name, value, owner, via)"
                      " DO UPDATE SET created = excluded.created, expires = excluded.expires,"
                      " asked = excluded.asked",
    [REMOVE_CHALLENGE] = ("DELETE FROM challenge WHERE name = ?1 AND value = ?2"
                          " AND owner = ?3 AND via = ?4"),
    [PUT_ACCOUNT] = "INSERT INTO account(username, key_digest, name, allowfrom, created, bcrypt)"
                    " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (username)"
                    " DO UPDATE SET key_digest = excluded.key_digest, name = excluded.name,"
                    " allowfrom = excluded.allowfrom, created = excluded.created,"
                    " bcrypt = excluded.bcrypt",
    [REMOVE_ACCOUNT] = "DELETE FROM account WHERE username = ?1",
    [PUT_TOKEN] = "INSERT INTO token(owner, algorithm, names, owners, verbs, digest, key, lease,"
                  " quota, created) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
                  " ON CONFLICT (owner) DO UPDATE SET algorithm = excluded.algorithm,"
                  " names = excluded.names, owners = excluded.owners, verbs = excluded.verbs,"
                  " digest = excluded.digest, key = excluded.key, lease = excluded.lease,"
                  " quota = excluded.quota, created = excluded.created",
    [REMOVE_TOKEN] = "DELETE FROM token WHERE owner = ?1",
    [PUT_KNOWN] = ("INSERT INTO known(name, until) VALUES (?1, ?2)"
                   " ON CONFLICT (name) DO UPDATE SET until = excluded.until"),
    [REMOVE_KNOWN] = "DELETE FROM known WHERE name = ?1",
    [PUT_SEALED] = ("INSERT INTO sealed_account(token, domain, box) VALUES (?1, ?2, ?3)"
                    " ON CONFLICT (token, domain) DO UPDATE SET box = excluded.box"),
    [REMOVE_SEALED] = "DELETE FROM sealed_account WHERE token = ?1 AND domain = ?2",
    [PUT_PLACEMENT] = ("INSERT INTO placement(via, name, value, confirmed, created)"
                       " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (via, name, value)"
                       " DO UPDATE SET confirmed = excluded.confirmed,"
                       " created = excluded.created"),
    [REMOVE_PLACEMENT] = "DELETE FROM placement WHERE via = ?1 AND name = ?2 AND value = ?3",
};

struct sqlite {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    uint64_t revision; /* Of the last committed write. */
    int log_pages;     /* In the write-ahead log after the last commit. */
    int lock;
    char name[D1_NAME_TEXT_MAX];  /* Bound to statements, so it stays where it is. */
    char asked[D1_NAME_TEXT_MAX]; /* The same. */
    char path[D1_SQLITE_PATH_BYTES];
};

/* Run a statement that returns no row, with what is bound to it. */
static int run(struct sqlite *sqlite, enum statement which) {
    sqlite3_stmt *statement = sqlite->statements[which];
    int rc = sqlite3_step(statement);
    sqlite3_reset(statement);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int bind_name(struct sqlite *sqlite, sqlite3_stmt *statement, int index,
                     const struct d1_name *name) {
    int length = (int)d1_name_to_text(name, sqlite->name);
    return sqlite3_bind_text(statement, index, sqlite->name, length, SQLITE_STATIC);
}

static int bind_asked(struct sqlite *sqlite, sqlite3_stmt *statement, int index,
                      const struct d1_name *asked) {
    if (asked->length == 0) {
        return sqlite3_bind_null(statement, index);
    }
    int length = (int)d1_name_to_text(asked, sqlite->asked);
    return sqlite3_bind_text(statement, index, sqlite->asked, length, SQLITE_STATIC);
}

static int apply_challenge(struct sqlite *sqlite, enum statement which,
                           const struct d1_challenge *challenge) {
    sqlite3_stmt *statement = sqlite->statements[which];
    int rc = bind_name(sqlite, statement, 1, &challenge->name);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_blob(statement, 2, challenge->value.octets, challenge->value.length,
                               SQLITE_STATIC);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_text(statement, 3, challenge->owner, -1, SQLITE_STATIC);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_text(statement, 4, challenge->via, -1, SQLITE_STATIC);
    }
    if (rc == SQLITE_OK && which == PUT_CHALLENGE) {
        rc = sqlite3_bind_int64(statement, 5, challenge->created_ms);
    }
    if (rc == SQLITE_OK && which == PUT_CHALLENGE) {
        rc = sqlite3_bind_int64(statement, 6, challenge->expires_ms);
    }
    if (rc == SQLITE_OK && which == PUT_CHALLENGE) {
        rc = bind_asked(sqlite, statement, 7, &challenge->asked);
    }
    return rc == SQLITE_OK ? run(sqlite, which) : rc;
}

static int put_account(struct sqlite *sqlite, const struct d1_account *account) {
    sqlite3_stmt *statement = sqlite->statements[PUT_ACCOUNT];
    int rc = sqlite3_bind_text(statement, 1, account->username, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_blob(statement, 2, account->key_digest, sizeof(account->key_digest),
                               SQLITE_STATIC);
    }
    if (rc == SQLITE_OK) {
        rc = bind_name(sqlite, statement, 3, &account->name);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_text(statement, 4, account->allowfrom, -1, SQLITE_STATIC);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_int64(statement, 5, account->created_ms);
    }
    if (rc == SQLITE_OK) { /* NULL without one. */
        rc = sqlite3_bind_text(statement, 6, account->bcrypt, -1, SQLITE_STATIC);
    }
    return rc == SQLITE_OK ? run(sqlite, PUT_ACCOUNT) : rc;
}

static int remove_account(struct sqlite *sqlite, const struct d1_account *account) {
    sqlite3_stmt *statement = sqlite->statements[REMOVE_ACCOUNT];
    int rc = sqlite3_bind_text(statement, 1, account->username, -1, SQLITE_STATIC);
    return rc == SQLITE_OK ? run(sqlite, REMOVE_ACCOUNT) : rc;
}

static int put_token(struct sqlite *sqlite, const struct d1_token *token) {
    sqlite3_stmt *statement = sqlite->statements[PUT_TOKEN];
    const char *const texts[] = {token->owner, token->algorithm, token->names, token->owners,
                                 token->verbs};
    int rc = SQLITE_OK;
    int at = 1;
    for (size_t i = 0; rc == SQLITE_OK && i < D1_ARRAY_LENGTH(texts); i++) {
        rc = sqlite3_bind_text(statement, at++, texts[i], -1, SQLITE_STATIC);
    }
    if (rc == SQLITE_OK) {
        rc = token->has_digest ? sqlite3_bind_blob(statement, at, token->digest,
                                                   sizeof(token->digest), SQLITE_STATIC)
                               : sqlite3_bind_null(statement, at);
        at++;
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_blob(statement, at++, token->key, (int)token->key_length, SQLITE_STATIC);
    }
    const int64_t numbers[] = {token->lease_ms, token->quota, token->created_ms};
    for (size_t i = 0; rc == SQLITE_OK && i < D1_ARRAY_LENGTH(numbers); i++) {
        rc = sqlite3_bind_int64(statement, at++, numbers[i]);
    }
    return rc == SQLITE_OK ? run(sqlite, PUT_TOKEN) : rc;
}

static int remove_token(struct sqlite *sqlite, const struct d1_token *token) {
    sqlite3_stmt *statement = sqlite->statements[REMOVE_TOKEN];
    int rc = sqlite3_bind_text(statement, 1, token->owner, -1, SQLITE_STATIC);
    return rc == SQLITE_OK ? run(sqlite, REMOVE_TOKEN) : rc;
}

static int apply_known(struct sqlite *sqlite, enum statement which,
                       const struct d1_known_name *known) {
    sqlite3_stmt *statement = sqlite->statements[which];
    int rc = bind_name(sqlite, statement, 1, &known->name);
    if (rc == SQLITE_OK && which == PUT_KNOWN) {
        rc = sqlite3_bind_int64(statement, 2, known->until_ms);
    }
    return rc == SQLITE_OK ? run(sqlite, which) : rc;
}

static int apply_sealed(struct sqlite *sqlite, enum statement which,
                        const struct d1_sealed_account *sealed) {
    sqlite3_stmt *statement = sqlite->statements[which];
    int rc = sqlite3_bind_text(statement, 1, sealed->token, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_text(statement, 2, sealed->domain, -1, SQLITE_STATIC);
    }
    if (rc == SQLITE_OK && which == PUT_SEALED) {
        rc = sqlite3_bind_blob(statement, 3, sealed->box, (int)sealed->length, SQLITE_STATIC);
    }
    return rc == SQLITE_OK ? run(sqlite, which) : rc;
}

static int apply_placement(struct sqlite *sqlite, enum statement which,
                           const struct d1_placement *placement) {
    sqlite3_stmt *statement = sqlite->statements[which];
    int rc = sqlite3_bind_text(statement, 1, placement->via, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK) {
        rc = bind_name(sqlite, statement, 2, &placement->name);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_blob(statement, 3, placement->value.octets, placement->value.length,
                               SQLITE_STATIC);
    }
    if (rc == SQLITE_OK && which == PUT_PLACEMENT) {
        rc = sqlite3_bind_int(statement, 4, placement->confirmed ? 1 : 0);
    }
    if (rc == SQLITE_OK && which == PUT_PLACEMENT) {
        rc = sqlite3_bind_int64(statement, 5, placement->created_ms);
    }
    return rc == SQLITE_OK ? run(sqlite, which) : rc;
}

static int apply_change(struct sqlite *sqlite, const struct d1_store_change *change) {
    switch (change->op) {
    case D1_STORE_PUT_CHALLENGE:
        return apply_challenge(sqlite, PUT_CHALLENGE, change->challenge);
    case D1_STORE_REMOVE_CHALLENGE:
        return apply_challenge(sqlite, REMOVE_CHALLENGE, change->challenge);
    case D1_STORE_PUT_ACCOUNT:
        return put_account(sqlite, change->account);
    case D1_STORE_REMOVE_ACCOUNT:
        return remove_account(sqlite, change->account);
    case D1_STORE_PUT_TOKEN:
        return put_token(sqlite, change->token);
    case D1_STORE_REMOVE_TOKEN:
        return remove_token(sqlite, change->token);
    case D1_STORE_PUT_KNOWN:
        return apply_known(sqlite, PUT_KNOWN, change->known);
    case D1_STORE_REMOVE_KNOWN:
        return apply_known(sqlite, REMOVE_KNOWN, change->known);
    case D1_STORE_PUT_SEALED:
        return apply_sealed(sqlite, PUT_SEALED, change->sealed);
    case D1_STORE_REMOVE_SEALED:
        return apply_sealed(sqlite, REMOVE_SEALED, change->sealed);
    case D1_STORE_PUT_PLACEMENT:
        return apply_placement(sqlite, PUT_PLACEMENT, change->placement);
    case D1_STORE_REMOVE_PLACEMENT:
        return apply_placement(sqlite, REMOVE_PLACEMENT, change->placement);
    }
    return SQLITE_MISUSE;
}

/* A refused statement undoes itself, so only writes of several changes need the savepoint. */
static int apply_write(struct sqlite *sqlite, struct d1_store_write *write, uint64_t *revision) {
    bool several = write->count > 1;
    int rc = several ? run(sqlite, SAVEPOINT) : SQLITE_OK;
    for (size_t i = 0; rc == SQLITE_OK && i < write->count; i++) {
        rc = apply_change(sqlite, &write->changes[i]);
    }
    if ((rc & 0xff) == SQLITE_CONSTRAINT) {
        write->err = rc == SQLITE_CONSTRAINT_UNIQUE ? D1_EEXIST : D1_EINTERNAL;
        rc = several ? run(sqlite, ROLLBACK_TO) : SQLITE_OK;
    } else {
        write->err = D1_OK;
        write->revision = *revision + 1;
    }
    if (rc == SQLITE_OK && several) {
        rc = run(sqlite, RELEASE);
    }
    if (rc == SQLITE_OK && write->err == D1_OK) {
        *revision += 1;
    }
    return rc;
}

static int sqlite_commit(void *state, struct d1_store_write *first, struct d1_error *error) {
    struct sqlite *sqlite = state;
    uint64_t revision = sqlite->revision;
    int rc = run(sqlite, BEGIN);
    for (struct d1_store_write *write = first; rc == SQLITE_OK && write != NULL;
         write = write->next) {
        rc = apply_write(sqlite, write, &revision);
    }
    if (rc == SQLITE_OK && revision != sqlite->revision) {
        rc = sqlite3_bind_int64(sqlite->statements[SET_REVISION], 1, (int64_t)revision);
        if (rc == SQLITE_OK) {
            rc = run(sqlite, SET_REVISION);
        }
    }
    if (rc == SQLITE_OK) {
        rc = run(sqlite, COMMIT);
    }
    if (rc == SQLITE_OK) {
        sqlite->revision = revision;
        return D1_OK;
    }
    int err = d1_sqlite_error(sqlite->db, sqlite->path, rc, error);
    if (sqlite3_get_autocommit(sqlite->db) == 0) {
        run(sqlite, ROLLBACK);
    }
    /* To who asked, all the rest is one: the store does not take writes now. */
    return err == -ENOSPC || err == -ENOMEM ? err : D1_ESTORE;
}

static int on_log_grown(void *arg, sqlite3 *db, const char *database, int pages) {
    (void)db;
    (void)database;
    struct sqlite *sqlite = arg;
    sqlite->log_pages = pages;
    return SQLITE_OK;
}

/* A checkpoint flushes the database too. One that fails is tried again after the next commit. */
static void sqlite_tidy(void *state) {
    struct sqlite *sqlite = state;
    if (sqlite->log_pages >= D1_SQLITE_LOG_PAGES) {
        sqlite3_wal_checkpoint_v2(sqlite->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    }
}

static int sqlite_load(void *state, void (*changed)(const struct d1_store_change *, void *),
                       void *arg, struct d1_error *error) {
    struct sqlite *sqlite = state;
    return d1_sqlite_load(sqlite->db, sqlite->path, changed, arg, error);
}

static void free_all(struct sqlite *sqlite) {
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(sqlite->statements[i]);
    }
    int rc = sqlite3_close(sqlite->db);
    assert(rc == SQLITE_OK);
    (void)rc;
    if (sqlite->lock >= 0) {
        close(sqlite->lock);
    }
    d1_free(sqlite);
}

/* A mark that cannot be set costs the next start an integrity check, nothing else. */
static void sqlite_close(void *state) {
    struct sqlite *sqlite = state;
    d1_sqlite_set_clean(sqlite->db, true);
    free_all(sqlite);
}

static int open_database(struct sqlite *sqlite, struct d1_error *error) {
    int rc = sqlite3_open_v2(sqlite->path, &sqlite->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             NULL);
    if (sqlite->db == NULL) {
        return d1_error_set(error, -ENOMEM, "%s: %s", sqlite->path, d1_err_text(-ENOMEM));
    }
    if (rc != SQLITE_OK) {
        return d1_sqlite_error(sqlite->db, sqlite->path, rc, error);
    }
    sqlite3_extended_result_codes(sqlite->db, 1);
    sqlite3_busy_timeout(sqlite->db, D1_SQLITE_BUSY_MS);
    sqlite3_wal_hook(sqlite->db, on_log_grown, sqlite); /* In place of checkpoints in COMMIT. */
    return d1_sqlite_prepare_schema(sqlite->db, sqlite->path, error);
}

static int prepare_statements(struct sqlite *sqlite, struct d1_error *error) {
    int64_t revision = 0;
    int rc =
        d1_sqlite_number(sqlite->db, "SELECT value FROM meta WHERE key = 'revision'", &revision);
    if (rc == SQLITE_DONE || revision < 0) {
        return d1_error_set(error, D1_ECORRUPT,
                            "%s: table meta: no revision; restore it from a "
                            "backup, or move it away to start empty",
                            sqlite->path);
    }
    sqlite->revision = (uint64_t)revision;
    for (size_t i = 0; rc == SQLITE_OK && i < STATEMENT_COUNT; i++) {
        rc = sqlite3_prepare_v3(sqlite->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                &sqlite->statements[i], NULL);
    }
    return rc == SQLITE_OK ? D1_OK : d1_sqlite_error(sqlite->db, sqlite->path, rc, error);
}

static int sqlite_open(const struct d1_store_backend *backend,
                       const struct d1_store_options *options, void **ret_state,
                       uint64_t *ret_revision, struct d1_error *error) {
    (void)backend;
    struct sqlite *sqlite = d1_calloc(1, sizeof(*sqlite));
    if (sqlite == NULL) {
        return d1_error_set(error, -ENOMEM, "store: %s", d1_err_text(-ENOMEM));
    }
    sqlite->lock = -1;
    int err = d1_sqlite_claim(options->state_dir, sqlite->path, &sqlite->lock, error);
    if (err == D1_OK) {
        err = open_database(sqlite, error);
    }
    if (err == D1_OK) {
        err = prepare_statements(sqlite, error);
    }
    if (err != D1_OK) {
        free_all(sqlite);
        return err;
    }
    *ret_state = sqlite;
    *ret_revision = sqlite->revision;
    return D1_OK;
}

const struct d1_store_backend d1_store_sqlite = {
    .name = "sqlite",
    .threaded = true,
    .open = sqlite_open,
    .load = sqlite_load,
    .commit = sqlite_commit,
    .tidy = sqlite_tidy,
    .close = sqlite_close,
};
