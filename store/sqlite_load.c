/*
 * Rows to changes, once at start. Nothing is allocated per row: a million of them take seconds at
 * most, on the thread that builds the tables from them.
 */
#include <string.h>

#include "core/mem.h"
#include "store/sqlite.h"

struct loader {
    sqlite3 *db;
    const char *path;
    void (*changed)(const struct d1_store_change *, void *);
    void *arg;
    struct d1_error *error;
};

static int bad_row(const struct loader *loader, const char *table, const char *what,
                   const unsigned char *text) {
    return d1_error_set(loader->error, D1_ECORRUPT,
                        "%s: table %s: bad %s '%.200s'; correct or delete the row with sqlite3, or "
                        "restore the file from a backup",
                        loader->path, table, what, text != NULL ? (const char *)text : "");
}

static int read_name(sqlite3_stmt *row, int column, struct d1_name *ret_name) {
    const char *text = (const char *)sqlite3_column_text(row, column);
    if (text == NULL) {
        return D1_ENAME;
    }
    return d1_name_parse(text, (size_t)sqlite3_column_bytes(row, column), ret_name);
}

/* Copy a text that must fit, NUL included. */
static int read_text(sqlite3_stmt *row, int column, char *ret_text, size_t size) {
    const char *text = (const char *)sqlite3_column_text(row, column);
    size_t length = (size_t)sqlite3_column_bytes(row, column);
    if (text == NULL || length >= size || strlen(text) != length) {
        return D1_EPARSE;
    }
    memcpy(ret_text, text, length + 1);
    return D1_OK;
}

static int load_account(const struct loader *loader, sqlite3_stmt *row) {
    struct d1_account account;
    if (read_text(row, 0, account.username, sizeof(account.username)) != D1_OK) {
        return bad_row(loader, "account", "username", sqlite3_column_text(row, 0));
    }
    const void *digest = sqlite3_column_blob(row, 1);
    if (digest == NULL || sqlite3_column_bytes(row, 1) != D1_SHA256_BYTES) {
        return bad_row(loader, "account", "key_digest of", sqlite3_column_text(row, 0));
    }
    memcpy(account.key_digest, digest, D1_SHA256_BYTES);
    if (read_name(row, 2, &account.name) != D1_OK) {
        return bad_row(loader, "account", "name", sqlite3_column_text(row, 2));
    }
    account.allowfrom = (const char *)sqlite3_column_text(row, 3);
    if (account.allowfrom == NULL) {
        return bad_row(loader, "account", "allowfrom of", sqlite3_column_text(row, 0));
    }
    account.created_ms = sqlite3_column_int64(row, 4);
    account.bcrypt = (const char *)sqlite3_column_text(row, 5);
    if (account.bcrypt != NULL && strlen(account.bcrypt) != D1_BCRYPT_TEXT_BYTES - 1) {
        return bad_row(loader, "account", "bcrypt of", sqlite3_column_text(row, 0));
    }
    struct d1_store_change change = {.op = D1_STORE_PUT_ACCOUNT, .account = &account};
    loader->changed(&change, loader->arg);
    return D1_OK;
}

/* A text that stays where it is until the next row, without NUL in it. */
static const char *borrow_text(sqlite3_stmt *row, int column) {
    const char *text = (const char *)sqlite3_column_text(row, column);
    size_t length = (size_t)sqlite3_column_bytes(row, column);
    return text != NULL && strlen(text) == length ? text : NULL;
}

/* An octet string of at most that many octets, empty for NULL. */
static int read_octets(sqlite3_stmt *row, int column, void *ret_octets, size_t size,
                       size_t *ret_length) {
    const void *octets = sqlite3_column_blob(row, column);
    size_t length = (size_t)sqlite3_column_bytes(row, column);
    if (length > size) {
        return D1_EPARSE;
    }
    if (length > 0) {
        memcpy(ret_octets, octets, length);
    }
    *ret_length = length;
    return D1_OK;
}

static int load_token(const struct loader *loader, sqlite3_stmt *row) {
    struct d1_token token = {.has_digest = false};
    size_t digest_length = 0;
    if (read_text(row, 0, token.owner, sizeof(token.owner)) != D1_OK) {
        return bad_row(loader, "token", "owner", sqlite3_column_text(row, 0));
    }
    if (read_octets(row, 1, token.digest, sizeof(token.digest), &digest_length) != D1_OK ||
        (digest_length != 0 && digest_length != sizeof(token.digest))) {
        return bad_row(loader, "token", "digest of", sqlite3_column_text(row, 0));
    }
    token.has_digest = digest_length > 0;
    if (read_octets(row, 2, token.key, sizeof(token.key), &token.key_length) != D1_OK) {
        return bad_row(loader, "token", "key of", sqlite3_column_text(row, 0));
    }
    token.algorithm = borrow_text(row, 3);
    token.names = borrow_text(row, 4);
    token.owners = borrow_text(row, 5);
    token.verbs = borrow_text(row, 6);
    int64_t quota = sqlite3_column_int64(row, 8);
    if (token.algorithm == NULL || token.names == NULL || token.owners == NULL ||
        token.verbs == NULL || quota < 0 || quota > UINT32_MAX) {
        return bad_row(loader, "token", "rights of", sqlite3_column_text(row, 0));
    }
    token.lease_ms = sqlite3_column_int64(row, 7);
    token.quota = (uint32_t)quota;
    token.created_ms = sqlite3_column_int64(row, 9);
    struct d1_store_change change = {.op = D1_STORE_PUT_TOKEN, .token = &token};
    loader->changed(&change, loader->arg);
    d1_wipe(&token, sizeof(token));
    return D1_OK;
}

static int load_known(const struct loader *loader, sqlite3_stmt *row) {
    struct d1_known_name known;
    if (read_name(row, 0, &known.name) != D1_OK) {
        return bad_row(loader, "known", "name", sqlite3_column_text(row, 0));
    }
    known.until_ms = sqlite3_column_int64(row, 1);
    struct d1_store_change change = {.op = D1_STORE_PUT_KNOWN, .known = &known};
    loader->changed(&change, loader->arg);
    return D1_OK;
}

static int load_challenge(const struct loader *loader, sqlite3_stmt *row) {
    struct d1_challenge challenge;
    if (read_name(row, 0, &challenge.name) != D1_OK) {
        return bad_row(loader, "challenge", "name", sqlite3_column_text(row, 0));
    }
    const void *value = sqlite3_column_blob(row, 1);
    int length = sqlite3_column_bytes(row, 1);
    if (value == NULL || d1_txt_value_set(&challenge.value, value, (size_t)length) != D1_OK) {
        return bad_row(loader, "challenge", "value at", sqlite3_column_text(row, 0));
    }
    if (read_text(row, 2, challenge.owner, sizeof(challenge.owner)) != D1_OK) {
        return bad_row(loader, "challenge", "owner", sqlite3_column_text(row, 2));
    }
    challenge.created_ms = sqlite3_column_int64(row, 3);
    challenge.expires_ms = sqlite3_column_int64(row, 4);
    challenge.asked.length = 0;
    if (sqlite3_column_type(row, 5) != SQLITE_NULL &&
        read_name(row, 5, &challenge.asked) != D1_OK) {
        return bad_row(loader, "challenge", "asked", sqlite3_column_text(row, 5));
    }
    if (read_text(row, 6, challenge.via, sizeof(challenge.via)) != D1_OK) {
        return bad_row(loader, "challenge", "via", sqlite3_column_text(row, 6));
    }
    struct d1_store_change change = {.op = D1_STORE_PUT_CHALLENGE, .challenge = &challenge};
    loader->changed(&change, loader->arg);
    return D1_OK;
}

static int load_sealed(const struct loader *loader, sqlite3_stmt *row) {
    char token[D1_TOKEN_NAME_MAX + 1];
    char domain[D1_NAME_TEXT_MAX];
    if (read_text(row, 0, token, sizeof(token)) != D1_OK) {
        return bad_row(loader, "sealed_account", "token", sqlite3_column_text(row, 0));
    }
    if (read_text(row, 1, domain, sizeof(domain)) != D1_OK) {
        return bad_row(loader, "sealed_account", "domain", sqlite3_column_text(row, 1));
    }
    struct d1_sealed_account sealed = {
        .token = token,
        .domain = domain,
        .box = sqlite3_column_blob(row, 2),
        .length = (size_t)sqlite3_column_bytes(row, 2),
    };
    if (sealed.box == NULL || sealed.length > D1_SEALED_BYTES_MAX) {
        return bad_row(loader, "sealed_account", "box of", sqlite3_column_text(row, 1));
    }
    struct d1_store_change change = {.op = D1_STORE_PUT_SEALED, .sealed = &sealed};
    loader->changed(&change, loader->arg);
    return D1_OK;
}

static int load_placement(const struct loader *loader, sqlite3_stmt *row) {
    struct d1_placement placement;
    if (read_text(row, 0, placement.via, sizeof(placement.via)) != D1_OK) {
        return bad_row(loader, "placement", "via", sqlite3_column_text(row, 0));
    }
    if (read_name(row, 1, &placement.name) != D1_OK) {
        return bad_row(loader, "placement", "name", sqlite3_column_text(row, 1));
    }
    const void *value = sqlite3_column_blob(row, 2);
    int length = sqlite3_column_bytes(row, 2);
    if (value == NULL || d1_txt_value_set(&placement.value, value, (size_t)length) != D1_OK) {
        return bad_row(loader, "placement", "value at", sqlite3_column_text(row, 1));
    }
    placement.confirmed = sqlite3_column_int(row, 3) != 0;
    placement.created_ms = sqlite3_column_int64(row, 4);
    struct d1_store_change change = {.op = D1_STORE_PUT_PLACEMENT, .placement = &placement};
    loader->changed(&change, loader->arg);
    return D1_OK;
}

static int load_rows(const struct loader *loader, const char *sql,
                     int (*load_row)(const struct loader *, sqlite3_stmt *)) {
    sqlite3_stmt *row = NULL;
    int rc = sqlite3_prepare_v2(loader->db, sql, -1, &row, NULL);
    if (rc != SQLITE_OK) {
        return d1_sqlite_error(loader->db, loader->path, rc, loader->error);
    }
    int err = D1_OK;
    while (err == D1_OK && (rc = sqlite3_step(row)) == SQLITE_ROW) {
        err = load_row(loader, row);
    }
    if (err == D1_OK && rc != SQLITE_DONE) {
        err = d1_sqlite_error(loader->db, loader->path, rc, loader->error);
    }
    sqlite3_finalize(row);
    return err;
}

int d1_sqlite_load(sqlite3 *db, const char *path,
                   void (*changed)(const struct d1_store_change *, void *), void *arg,
                   struct d1_error *error) {
    const struct loader loader = {
        .db = db, .path = path, .changed = changed, .arg = arg, .error = error};
    int err = load_rows(&loader,
                        "SELECT username, key_digest, name, allowfrom, created, bcrypt"
                        " FROM account ORDER BY username",
                        load_account);
    if (err == D1_OK) {
        err = load_rows(&loader,
                        "SELECT owner, digest, key, algorithm, names, owners, verbs, lease, quota,"
                        " created FROM token ORDER BY owner",
                        load_token);
    }
    if (err == D1_OK) {
        err = load_rows(&loader, "SELECT name, until FROM known ORDER BY name", load_known);
    }
    if (err == D1_OK) {
        err = load_rows(&loader,
                        "SELECT name, value, owner, created, expires, asked, via"
                        " FROM challenge ORDER BY name, value, owner, via",
                        load_challenge);
    }
    if (err == D1_OK) {
        err = load_rows(&loader,
                        "SELECT token, domain, box FROM sealed_account ORDER BY token, domain",
                        load_sealed);
    }
    if (err == D1_OK) {
        err = load_rows(&loader,
                        "SELECT via, name, value, confirmed, created"
                        " FROM placement ORDER BY via, name, value",
                        load_placement);
    }
    return err;
}
