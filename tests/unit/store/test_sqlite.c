/* What only a database on disk can show: reopening, files, versions, damage, a full disk. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite.h"
#include "tests/unit/store/fixture.h"

#define PUT     D1_STORE_PUT_CHALLENGE
#define VERSION 5 /* Of the schema. */

/* From version 5 back to 4. */
#define BACK_TO_4                                                                          \
    "DROP TABLE placement; ALTER TABLE challenge RENAME TO newer_challenge;"               \
    "CREATE TABLE challenge(name TEXT NOT NULL, value BLOB NOT NULL, owner TEXT NOT NULL," \
    " created INTEGER NOT NULL, expires INTEGER NOT NULL, asked TEXT,"                     \
    " PRIMARY KEY (name, value, owner)) WITHOUT ROWID;"                                    \
    "INSERT INTO challenge SELECT name, value, owner, created, expires, asked"             \
    " FROM newer_challenge; DROP TABLE newer_challenge;"

static const char *path_of(const struct fixture *fixture, const char *file, char ret_path[160]) {
    snprintf(ret_path, 160, "%s/%s", fixture->dir, file);
    return ret_path;
}

/* A connection of another program. */
static sqlite3 *look_inside(const struct fixture *fixture) {
    char path[160];
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path_of(fixture, D1_SQLITE_FILE, path), &db), SQLITE_OK);
    return db;
}

static void run_sql(const struct fixture *fixture, const char *sql) {
    sqlite3 *db = look_inside(fixture);
    char *text = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK) {
        fail_msg("%s: %s", sql, text);
    }
    sqlite3_close(db);
}

static int64_t ask_number(const struct fixture *fixture, const char *sql) {
    sqlite3 *db = look_inside(fixture);
    int64_t number = -1;
    assert_int_equal(d1_sqlite_number(db, sql, &number), SQLITE_OK);
    sqlite3_close(db);
    return number;
}

static void assert_text(const struct fixture *fixture, const char *sql, const char *expected) {
    sqlite3 *db = look_inside(fixture);
    sqlite3_stmt *row = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(row, 0), expected);
    sqlite3_finalize(row);
    sqlite3_close(db);
}

/* Opening must fail, with `err` and with `part` in its story. */
static void assert_refused(struct fixture *fixture, int err, const char *part) {
    assert_int_equal(fixture_try_open(fixture, &fixture->store), err);
    assert_null(fixture->store);
    if (strstr(fixture->error.text, part) == NULL || strchr(fixture->error.text, '\n') != NULL) {
        fail_msg("'%s' is not in '%s'", part, fixture->error.text);
    }
    assert_non_null(strstr(fixture->error.text, fixture->parent));
}

static mode_t mode_of(const struct fixture *fixture, const char *file) {
    char path[160];
    struct stat status;
    assert_int_equal(stat(path_of(fixture, file, path), &status), 0);
    return status.st_mode & 07777;
}

static int access_of(const struct fixture *fixture, const char *file) {
    char path[160];
    return access(path_of(fixture, file, path), F_OK);
}

#define TOKEN_REST                                                                                \
    " hmac-sha256 32 'host1.example.test **.a.test' 'x.auth.test' 'present cleanup' 604800000 5 " \
    "1000\n"

static void test_everything_is_back_after_reopening(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_known(&sample, NULL, D1_STORE_PUT_KNOWN, "k.test", 77);
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample_account(&sample, NULL, D1_STORE_PUT_ACCOUNT, "u1", "x.auth.test");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample_token(&sample, NULL, D1_STORE_PUT_TOKEN, "token:host1.test");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample_token(&sample, NULL, D1_STORE_PUT_TOKEN, "tsig:certbot");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample_challenge(&sample, NULL, PUT, "b.test", "v");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample_challenge(&sample, NULL, PUT, "a.test", "v2");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample_challenge(&sample, NULL, PUT, "a.test", "v1");
    sample.challenge.expires_ms = INT64_C(4102444800000);
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    d1_bytes_clear(&fixture->diary);

    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture, "put account u1 x.auth.test 00..1f '192.0.2.0/24 2001:db8::/32' 1000\n"
                          "put token token:host1.test digest 68..87" TOKEN_REST
                          "put token tsig:certbot none 00..00" TOKEN_REST "put known k.test 77\n"
                          "put a.test 'v1' token:lego 1000-4102444800000\n"
                          "put a.test 'v2' token:lego 1000-2000\n"
                          "put b.test 'v' token:lego 1000-2000\n");
}

static void keep_challenge(const struct d1_store_change *change, void *arg) {
    struct d1_challenge *challenge = arg;
    *challenge = *change->challenge;
}

#define HASH "$2a$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"

static void test_a_bcrypt_hash_comes_back_until_it_is_replaced(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_account(&sample, NULL, D1_STORE_PUT_ACCOUNT, "u1", "x.auth.test");
    sample.account.bcrypt = HASH;
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    d1_bytes_clear(&fixture->diary);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture,
                 "put account u1 x.auth.test 00..1f '192.0.2.0/24 2001:db8::/32' 1000 " HASH "\n");

    sample.account.bcrypt = NULL;
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    d1_bytes_clear(&fixture->diary);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture, "put account u1 x.auth.test 00..1f '192.0.2.0/24 2001:db8::/32' 1000\n");
}

static void test_sealed_accounts_come_back(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    struct sample b;
    sample_sealed(&a, NULL, D1_STORE_PUT_SEALED, "a.test", "box-1");
    sample_sealed(&b, NULL, D1_STORE_PUT_SEALED, "b.test", "box-2");
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    assert_int_equal(sample_write(fixture, &b), D1_OK);
    sample_sealed(&a, NULL, D1_STORE_PUT_SEALED, "a.test", "box-3");
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    b.changes[0].op = D1_STORE_REMOVE_SEALED;
    assert_int_equal(sample_write(fixture, &b), D1_OK);
    d1_bytes_clear(&fixture->diary);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture, "put sealed lego a.test 'box-3'\n");
}

static void test_an_older_version_is_brought_up_and_a_copy_kept(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_account(&sample, NULL, D1_STORE_PUT_ACCOUNT, "u1", "x.auth.test");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    d1_bytes_clear(&fixture->diary);
    fixture_close(fixture);
    run_sql(fixture,
            BACK_TO_4 "ALTER TABLE account RENAME TO newer;"
                      "CREATE TABLE account(username TEXT NOT NULL PRIMARY KEY,"
                      " key_digest BLOB NOT NULL CHECK (length(key_digest) = 32),"
                      " name TEXT NOT NULL UNIQUE, allowfrom TEXT NOT NULL,"
                      " created INTEGER NOT NULL) WITHOUT ROWID;"
                      "INSERT INTO account SELECT username, key_digest, name, allowfrom, created"
                      " FROM newer; DROP TABLE newer; DROP TABLE sealed_account;"
                      "DROP TABLE token;"
                      "ALTER TABLE challenge DROP COLUMN asked;"
                      "PRAGMA user_version = 1");
    fixture_open(fixture);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture, "put account u1 x.auth.test 00..1f '192.0.2.0/24 2001:db8::/32' 1000\n");
    assert_int_equal(ask_number(fixture, "PRAGMA user_version"), VERSION);
    assert_int_equal(mode_of(fixture, "dns01d.db.version-1"), 0600);
    assert_int_equal(access_of(fixture, "dns01d.db.version-1.part"), -1);
    char path[160];
    sqlite3 *copy = NULL;
    int64_t number = 0;
    assert_int_equal(sqlite3_open(path_of(fixture, "dns01d.db.version-1", path), &copy), SQLITE_OK);
    assert_int_equal(d1_sqlite_number(copy, "PRAGMA user_version", &number), SQLITE_OK);
    assert_int_equal(number, 1);
    assert_int_equal(d1_sqlite_number(copy, "SELECT count(*) FROM account", &number), SQLITE_OK);
    assert_int_equal(number, 1);
    sqlite3_close(copy);
}

static void test_challenges_of_version_2_were_not_followed(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_challenge(&sample, NULL, PUT, "x.auth.test", "v");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    d1_bytes_clear(&fixture->diary);
    fixture_close(fixture);
    run_sql(fixture, BACK_TO_4 "ALTER TABLE challenge DROP COLUMN asked; DROP TABLE token;"
                               "PRAGMA user_version = 2");
    fixture_open(fixture);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture, "put x.auth.test 'v' token:lego 1000-2000\n");
}

static void test_the_asked_name_comes_back(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_challenge(&sample, NULL, PUT, "x.auth.test", "v");
    assert_int_equal(d1_name_from_text("_acme-challenge.a.test", &sample.challenge.asked), D1_OK);
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    assert_text(fixture, "SELECT asked FROM challenge", "_acme-challenge.a.test");
    fixture_close(fixture);
    fixture_open(fixture);
    d1_bytes_clear(&fixture->diary);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture,
                 "put x.auth.test 'v' token:lego 1000-2000 asked _acme-challenge.a.test\n");
    /* The newest Present says what was asked. */
    assert_int_equal(d1_name_from_text("_acme-challenge.b.test", &sample.challenge.asked), D1_OK);
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    assert_text(fixture, "SELECT asked FROM challenge", "_acme-challenge.b.test");
    sample.challenge.asked.length = 0;
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    assert_int_equal(ask_number(fixture, "SELECT asked IS NULL FROM challenge"), 1);
}

static void test_any_octets_come_back(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_challenge(&sample, NULL, PUT, "\\000\\255\\.\\\\.a.test", "v");
    sample.challenge.value.length = 255;
    for (unsigned i = 0; i < 255; i++) {
        sample.challenge.value.octets[i] = (uint8_t)i;
    }
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    fixture_close(fixture);
    fixture_open(fixture);
    struct d1_challenge loaded;
    assert_int_equal(d1_store_load(fixture->store, keep_challenge, &loaded, NULL), D1_OK);
    assert_true(d1_name_equal(&loaded.name, &sample.challenge.name));
    assert_true(d1_txt_value_equal(&loaded.value, &sample.challenge.value));
}

static void test_what_was_removed_stays_away(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_challenge(&sample, NULL, PUT, "a.test", "v");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    snprintf(sample.challenge.owner, sizeof(sample.challenge.owner), "token:other");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample.changes[0].op = D1_STORE_REMOVE_CHALLENGE;
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample_account(&sample, NULL, D1_STORE_PUT_ACCOUNT, "u1", "x.auth.test");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample.changes[0].op = D1_STORE_REMOVE_ACCOUNT;
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample_token(&sample, NULL, D1_STORE_PUT_TOKEN, "token:host1.test");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample.changes[0].op = D1_STORE_REMOVE_TOKEN;
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample_known(&sample, NULL, D1_STORE_PUT_KNOWN, "k.test", 77);
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample.changes[0].op = D1_STORE_REMOVE_KNOWN;
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    d1_bytes_clear(&fixture->diary);

    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture, "put a.test 'v' token:lego 1000-2000\n");
}

static void test_a_second_put_replaces(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_challenge(&sample, NULL, PUT, "a.test", "v");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample.challenge.created_ms = 1500;
    sample.challenge.expires_ms = 0;
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample_account(&sample, NULL, D1_STORE_PUT_ACCOUNT, "u1", "x.auth.test");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample.account.allowfrom = "";
    sample.account.key_digest[0] = 0xff;
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample_known(&sample, NULL, D1_STORE_PUT_KNOWN, "k.test", 77);
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample.known.until_ms = 78;
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    d1_bytes_clear(&fixture->diary);

    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture, "put account u1 x.auth.test ff..1f '' 1000\n"
                          "put known k.test 78\n"
                          "put a.test 'v' token:lego 1500-0\n");
}

static void test_a_second_put_of_a_token_replaces(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_token(&sample, NULL, D1_STORE_PUT_TOKEN, "token:host1.test");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    sample.token.digest[0] = 0xff;
    sample.token.algorithm = "";
    sample.token.key_length = 0;
    sample.token.names = "";
    sample.token.owners = "";
    sample.token.verbs = "";
    sample.token.lease_ms = 0;
    sample.token.quota = UINT32_MAX;
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    d1_bytes_clear(&fixture->diary);

    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture,
                 "put token token:host1.test digest ff..87  0 '' '' '' 0 4294967295 1000\n");
}

static void test_tokens_came_with_version_4(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_challenge(&sample, NULL, PUT, "a.test", "v");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    fixture_close(fixture);
    run_sql(fixture, BACK_TO_4 "DROP TABLE token; PRAGMA user_version = 3");
    fixture_open(fixture);
    assert_int_equal(ask_number(fixture, "PRAGMA user_version"), VERSION);
    sample_token(&sample, NULL, D1_STORE_PUT_TOKEN, "tsig:certbot");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    d1_bytes_clear(&fixture->diary);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture, "put token tsig:certbot none 00..00" TOKEN_REST
                          "put a.test 'v' token:lego 1000-2000\n");
}

static void test_revision_goes_on_after_reopening(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_known(&sample, "a", D1_STORE_PUT_KNOWN, "k.test", 1);
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    d1_bytes_clear(&fixture->diary);
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(d1_store_revision(fixture->store), 2);
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    assert_diary(fixture, "put known k.test 1 @3\na done ok @3\n");
}

static void test_a_taken_account_name_fails_that_write_alone(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    struct sample b;
    struct sample c;
    sample_account(&a, "a", D1_STORE_PUT_ACCOUNT, "u1", "x.auth.test");
    sample_account(&b, "b", D1_STORE_PUT_ACCOUNT, "u2", "x.auth.test");
    assert_int_equal(d1_name_from_text("b.test", &b.known.name), D1_OK);
    b.changes[1] = b.changes[0];
    b.changes[0] = (struct d1_store_change){.op = D1_STORE_PUT_KNOWN, .known = &b.known};
    b.write.count = 2; /* The first of them would succeed alone. */
    sample_account(&c, "c", D1_STORE_PUT_ACCOUNT, "u3", "y.auth.test");
    assert_int_equal(sample_submit(fixture, &a), D1_OK);
    assert_int_equal(sample_submit(fixture, &b), D1_OK);
    assert_int_equal(sample_write(fixture, &c), D1_OK);
    assert_int_equal(fixture->probe.commits, 1);
    assert_diary(fixture, "put account u1 x.auth.test 00..1f '192.0.2.0/24 2001:db8::/32' 1000 @1\n"
                          "a done ok @1\n"
                          "b done exists @0\n"
                          "put account u3 y.auth.test 00..1f '192.0.2.0/24 2001:db8::/32' 1000 @2\n"
                          "c done ok @2\n");
    assert_true(d1_store_writable(fixture->store));
    assert_int_equal(ask_number(fixture, "SELECT count(*) FROM known"), 0);
    assert_int_equal(ask_number(fixture, "SELECT count(*) FROM account"), 2);
}

static void test_files_are_private(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_known(&sample, NULL, D1_STORE_PUT_KNOWN, "k.test", 1);
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    assert_int_equal(mode_of(fixture, "."), 0700);
    assert_int_equal(mode_of(fixture, "dns01d.db"), 0600);
    assert_int_equal(mode_of(fixture, "dns01d.db-wal"), 0600);
    assert_int_equal(mode_of(fixture, "dns01d.db-shm"), 0600);
    assert_int_equal(mode_of(fixture, "dns01d.lock"), 0600);
}

static void test_the_running_database_can_be_read(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_challenge(&sample, NULL, PUT, "_acme-challenge.a.test", "value-1");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    assert_text(fixture, "SELECT name || ' ' || value || ' ' || owner FROM challenge",
                "_acme-challenge.a.test value-1 token:lego");
    assert_text(fixture, "PRAGMA journal_mode", "wal");
    assert_int_equal(ask_number(fixture, "PRAGMA application_id"), D1_SQLITE_APPLICATION_ID);
    assert_int_equal(ask_number(fixture, "PRAGMA user_version"), VERSION);
    assert_int_equal(ask_number(fixture, "SELECT value FROM meta WHERE key = 'revision'"), 1);
}

static void test_a_newer_version_is_refused_untouched(void **state) {
    struct fixture *fixture = *state;
    fixture_close(fixture);
    run_sql(fixture, "PRAGMA user_version = 99");
    assert_refused(fixture, D1_EVERSION,
                   "written by a newer dns01d (schema version 99, this one knows up to 5)");
    assert_int_equal(ask_number(fixture, "PRAGMA user_version"), 99);
    assert_int_equal(ask_number(fixture, "SELECT value FROM meta WHERE key = 'clean'"), 1);
}

static void write_file(const struct fixture *fixture, const char *file, off_t offset,
                       const char *text) {
    char path[160];
    int fd = open(path_of(fixture, file, path), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    ssize_t length = (ssize_t)strlen(text);
    assert_int_equal(pwrite(fd, text, (size_t)length, offset), length);
    close(fd);
}

static void test_a_file_that_is_no_database_is_refused(void **state) {
    struct fixture *fixture = *state;
    fixture_close(fixture);
    write_file(fixture, D1_SQLITE_FILE, 0, "this is certainly not a database");
    assert_refused(fixture, D1_ECORRUPT, "file is not a database; restore it from a backup");
}

static void test_a_database_of_another_program_is_refused(void **state) {
    struct fixture *fixture = *state;
    fixture_close(fixture);
    char path[160];
    assert_int_equal(unlink(path_of(fixture, D1_SQLITE_FILE, path)), 0);
    run_sql(fixture, "CREATE TABLE txt(subdomain TEXT, value TEXT)");
    assert_refused(fixture, D1_ECORRUPT, "a database of another program");
    assert_int_equal(ask_number(fixture, "SELECT count(*) FROM sqlite_master"), 1);
}

static void test_a_missing_table_is_told(void **state) {
    struct fixture *fixture = *state;
    fixture_close(fixture);
    run_sql(fixture, "DROP TABLE known");
    assert_refused(fixture, D1_ECORRUPT, "no such table: known");
}

static void test_a_missing_revision_is_told(void **state) {
    struct fixture *fixture = *state;
    fixture_close(fixture);
    run_sql(fixture, "DELETE FROM meta WHERE key = 'revision'");
    assert_refused(fixture, D1_ECORRUPT, "no revision");
}

static void test_the_clean_mark_is_set_by_close_only(void **state) {
    struct fixture *fixture = *state;
    static const char ask[] = "SELECT value FROM meta WHERE key = 'clean'";
    assert_int_equal(ask_number(fixture, ask), 0);
    fixture_close(fixture);
    assert_int_equal(ask_number(fixture, ask), 1);
    fixture_open(fixture);
    assert_int_equal(ask_number(fixture, ask), 0);
}

/* Overwrite the page where the challenges are, behind SQLite's back. */
static void damage_challenges(struct fixture *fixture) {
    struct sample sample;
    sample_challenge(&sample, NULL, PUT, "a.test", "v");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    fixture_close(fixture);
    int64_t page =
        ask_number(fixture, "SELECT rootpage FROM sqlite_master WHERE name = 'challenge'");
    int64_t page_bytes = ask_number(fixture, "PRAGMA page_size");
    write_file(fixture, D1_SQLITE_FILE, (page - 1) * page_bytes, "no page header looks like this");
}

static void test_damage_is_found_at_start_after_a_crash(void **state) {
    struct fixture *fixture = *state;
    damage_challenges(fixture);
    run_sql(fixture, "UPDATE meta SET value = 0 WHERE key = 'clean'");
    assert_refused(fixture, D1_ECORRUPT, "damaged (");
}

static void test_damage_is_found_by_load_after_a_clean_stop(void **state) {
    struct fixture *fixture = *state;
    damage_challenges(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_load(fixture), D1_ECORRUPT);
    assert_non_null(strstr(fixture->error.text, "malformed; restore it from a backup"));
}

static void test_a_bad_row_is_named(void **state) {
    static const struct {
        const char *sql;
        const char *part;
    } rows[] = {
        {"INSERT INTO challenge VALUES ('', 'a..test', 'v', 'o', 1, 2, NULL)",
         "table challenge: bad name 'a..test'"},
        {"INSERT INTO challenge VALUES ('', 'a.test', 'v', 'o', 1, 2, 'b..test')",
         "table challenge: bad asked 'b..test'"},
        {"INSERT INTO known VALUES ('', 1)", "table known: bad name ''"},
        {"INSERT INTO account VALUES ('u', zeroblob(32), '-..', '', 1, NULL)",
         "table account: bad name '-..'"},
        {"INSERT INTO account VALUES (printf('%.40c', 'u'), zeroblob(32), 'a.test', '', 1, NULL)",
         "table account: bad username 'uuuu"},
        {"INSERT INTO challenge VALUES ('', 'a.test', 'v', printf('%.161c', 'o'), 1, 2, NULL)",
         "table challenge: bad owner 'oooo"},
        {"INSERT INTO token VALUES (printf('%.161c', 'o'), NULL, '', '', '', '', '', 0, 0, 1)",
         "table token: bad owner 'oooo"},
        {"INSERT INTO token VALUES ('tsig:a', NULL, '', '', CAST(x'6100' AS TEXT), '', '', 0, 0, "
         "1)",
         "table token: bad rights of 'tsig:a'"},
        {"INSERT INTO token VALUES ('tsig:a', NULL, '', '', '', '', '', 0, -1, 1)",
         "table token: bad rights of 'tsig:a'"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(rows); i++) {
        run_sql(fixture, rows[i].sql);
        assert_int_equal(fixture_load(fixture), D1_ECORRUPT);
        if (strstr(fixture->error.text, rows[i].part) == NULL) {
            fail_msg("'%s' is not in '%s'", rows[i].part, fixture->error.text);
        }
        run_sql(fixture, "DELETE FROM challenge; DELETE FROM known; DELETE FROM account;"
                         "DELETE FROM token");
    }
}

static void copy_file(const struct fixture *from, const struct fixture *to, const char *file) {
    char path[160];
    static char bytes[1048576];
    int fd = open(path_of(from, file, path), O_RDONLY);
    assert_true(fd >= 0);
    ssize_t length = read(fd, bytes, sizeof(bytes));
    assert_true(length > 0 && length < (ssize_t)sizeof(bytes));
    close(fd);
    fd = open(path_of(to, file, path), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, (size_t)length), length);
    close(fd);
}

/* What a crash would leave: the files as they are while the store is open. */
static void test_what_is_done_is_in_the_files(void **state) {
    struct fixture *fixture = *state;
    struct sample sample;
    sample_challenge(&sample, NULL, PUT, "a.test", "v");
    assert_int_equal(sample_write(fixture, &sample), D1_OK);
    const struct d1_store_backend *sqlite = &d1_store_sqlite;
    void *other_state = &sqlite;
    assert_int_equal(fixture_setup(&other_state), 0);
    struct fixture *other = other_state;
    fixture_close(other);
    copy_file(fixture, other, "dns01d.db");
    copy_file(fixture, other, "dns01d.db-wal");
    fixture_open(other);
    assert_int_equal(d1_store_revision(other->store), 1);
    assert_int_equal(fixture_load(other), D1_OK);
    assert_diary(other, "put a.test 'v' token:lego 1000-2000\n");
    assert_int_equal(fixture_teardown(&other_state), 0);
}

static void test_a_path_below_a_file_is_refused(void **state) {
    struct fixture *fixture = *state;
    fixture_close(fixture);
    char path[160];
    write_file(fixture, "file", 0, "x");
    snprintf(fixture->dir, sizeof(fixture->dir), "%s/state/file/x", fixture->parent);
    assert_refused(fixture, -ENOTDIR, "set state-dir to a directory");
    snprintf(fixture->dir, sizeof(fixture->dir), "%s/state/file", fixture->parent);
    assert_refused(fixture, -ENOTDIR, "set state-dir to a directory");
    snprintf(fixture->dir, sizeof(fixture->dir), "%s/none/state", fixture->parent);
    assert_refused(fixture, -ENOENT, "set state-dir to a directory");
    snprintf(fixture->dir, sizeof(fixture->dir), "%s/state", fixture->parent);
    assert_int_equal(unlink(path_of(fixture, "file", path)), 0);
}

static void test_a_directory_in_place_of_the_database_is_refused(void **state) {
    struct fixture *fixture = *state;
    fixture_close(fixture);
    char path[160];
    path_of(fixture, D1_SQLITE_FILE, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(fixture, -EISDIR, "dns01d.db: ");
    assert_int_equal(rmdir(path), 0);
}

static void test_a_second_dns01d_is_refused(void **state) {
    struct fixture *fixture = *state;
    struct d1_store *first = fixture->store;
    fixture->store = NULL;
    char part[64];
    snprintf(part, sizeof(part), "in use by another dns01d (process %ld); stop that one",
             (long)getpid());
    assert_refused(fixture, -EBUSY, part);
    fixture->store = first;
    fixture_close(fixture);
    fixture_open(fixture);
}

static void test_a_failed_open_gives_the_lock_back(void **state) {
    struct fixture *fixture = *state;
    fixture_close(fixture);
    run_sql(fixture, "PRAGMA user_version = 99");
    assert_refused(fixture, D1_EVERSION, "newer");
    run_sql(fixture, "PRAGMA user_version = 5");
    fixture_open(fixture);
}

static void test_migration_runs_only_what_is_missing(void **state) {
    (void)state;
    static const char *const steps[] = {
        "CREATE TABLE a(x)",
        "INSERT INTO a VALUES (1)",
        "INSERT INTO a VALUES (2)",
    };
    sqlite3 *db = NULL;
    int64_t number = 0;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(d1_sqlite_migrate(db, steps, 2), SQLITE_OK);
    assert_int_equal(d1_sqlite_migrate(db, steps, 3), SQLITE_OK);
    assert_int_equal(d1_sqlite_migrate(db, steps, 3), SQLITE_OK);
    assert_int_equal(d1_sqlite_number(db, "PRAGMA user_version", &number), SQLITE_OK);
    assert_int_equal(number, 3);
    assert_int_equal(d1_sqlite_number(db, "SELECT sum(x) FROM a", &number), SQLITE_OK);
    assert_int_equal(number, 3);
    sqlite3_close(db);
}

static void test_a_failed_migration_keeps_the_version(void **state) {
    (void)state;
    static const char *const steps[] = {
        "CREATE TABLE a(x)",
        "INSERT INTO a VALUES (1); INSERT INTO b VALUES (2)",
    };
    sqlite3 *db = NULL;
    int64_t number = 0;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(d1_sqlite_migrate(db, steps, 2), SQLITE_ERROR);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(d1_sqlite_number(db, "PRAGMA user_version", &number), SQLITE_OK);
    assert_int_equal(number, 1);
    assert_int_equal(d1_sqlite_number(db, "SELECT count(*) FROM a", &number), SQLITE_OK);
    assert_int_equal(number, 0);
    sqlite3_close(db);
}

/* No file may grow beyond `bytes`: what a full disk is to SQLite. Returns the limit before. */
static rlim_t limit_files(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    return before;
}

static void test_a_full_disk_fails_writes_until_there_is_room(void **state) {
    struct fixture *fixture = *state;
    struct sample a;
    sample_known(&a, "a", D1_STORE_PUT_KNOWN, "a.test", 1);
    assert_int_equal(sample_write(fixture, &a), D1_OK);
    d1_bytes_clear(&fixture->diary);

    char path[160];
    struct stat status;
    assert_int_equal(stat(path_of(fixture, "dns01d.db-wal", path), &status), 0);
    void (*action)(int) = signal(SIGXFSZ, SIG_IGN);
    rlim_t before = limit_files((rlim_t)status.st_size + 100);
    struct sample b;
    sample_known(&b, "b", D1_STORE_PUT_KNOWN, "b.test", 1);
    int first = sample_write(fixture, &b);
    int second = sample_write(fixture, &b);
    limit_files(before);
    signal(SIGXFSZ, action);

    assert_int_equal(first, -ENOSPC);
    assert_int_equal(second, -ENOSPC);
    assert_false(d1_store_writable(fixture->store));
    assert_non_null(strstr(d1_store_last_error(fixture->store)->text, "make room"));
    assert_int_equal(sample_write(fixture, &b), D1_OK);
    assert_true(d1_store_writable(fixture->store));
    assert_diary(fixture, "b done ENOSPC @0\nb done ENOSPC @0\n"
                          "put known b.test 1 @2\nb done ok @2\n");
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(fixture_load(fixture), D1_OK);
    assert_diary(fixture, "put known a.test 1\nput known b.test 1\n");
}

static void test_a_long_log_is_copied_into_the_database(void **state) {
    struct fixture *fixture = *state;
    static char allowfrom[1048576]; /* Each such row is 256 pages. */
    memset(allowfrom, 'x', sizeof(allowfrom) - 1);
    struct sample a;
    sample_account(&a, NULL, D1_STORE_PUT_ACCOUNT, "u1", "x.auth.test");
    a.account.allowfrom = allowfrom;
    char path[160];
    struct stat status;
    for (int row = 0; row < 17; row++) {
        snprintf(a.account.username, sizeof(a.account.username), "u%d", row);
        a.account.name.octets[1] = (uint8_t)('a' + row);
        if (row == 15) {
            assert_int_equal(stat(path_of(fixture, D1_SQLITE_FILE, path), &status), 0);
            assert_true(status.st_size < 1048576);
        }
        assert_int_equal(sample_write(fixture, &a), D1_OK);
        d1_bytes_clear(&fixture->diary);
    }
    sample_known(&a, NULL, D1_STORE_PUT_KNOWN, "k.test", 1);
    assert_int_equal(sample_write(fixture, &a), D1_OK); /* The upkeep before it is over. */
    assert_int_equal(stat(path_of(fixture, D1_SQLITE_FILE, path), &status), 0);
    assert_true(status.st_size > 16 * 1048576);
}

#define FRESH(test) \
    { #test, test, fixture_setup, fixture_teardown, &sqlite }

int main(void) {
    const struct d1_store_backend *sqlite = &d1_store_sqlite;
    const struct CMUnitTest tests[] = {
        FRESH(test_everything_is_back_after_reopening),
        FRESH(test_any_octets_come_back),
        FRESH(test_what_was_removed_stays_away),
        FRESH(test_a_second_put_replaces),
        FRESH(test_a_second_put_of_a_token_replaces),
        FRESH(test_tokens_came_with_version_4),
        FRESH(test_revision_goes_on_after_reopening),
        FRESH(test_a_bcrypt_hash_comes_back_until_it_is_replaced),
        FRESH(test_sealed_accounts_come_back),
        FRESH(test_an_older_version_is_brought_up_and_a_copy_kept),
        FRESH(test_challenges_of_version_2_were_not_followed),
        FRESH(test_the_asked_name_comes_back),
        FRESH(test_a_taken_account_name_fails_that_write_alone),
        FRESH(test_files_are_private),
        FRESH(test_the_running_database_can_be_read),
        FRESH(test_a_newer_version_is_refused_untouched),
        FRESH(test_a_file_that_is_no_database_is_refused),
        FRESH(test_a_database_of_another_program_is_refused),
        FRESH(test_a_missing_table_is_told),
        FRESH(test_a_missing_revision_is_told),
        FRESH(test_the_clean_mark_is_set_by_close_only),
        FRESH(test_damage_is_found_at_start_after_a_crash),
        FRESH(test_damage_is_found_by_load_after_a_clean_stop),
        FRESH(test_a_bad_row_is_named),
        FRESH(test_what_is_done_is_in_the_files),
        FRESH(test_a_path_below_a_file_is_refused),
        FRESH(test_a_directory_in_place_of_the_database_is_refused),
        FRESH(test_a_second_dns01d_is_refused),
        FRESH(test_a_failed_open_gives_the_lock_back),
        cmocka_unit_test(test_migration_runs_only_what_is_missing),
        cmocka_unit_test(test_a_failed_migration_keeps_the_version),
        FRESH(test_a_long_log_is_copied_into_the_database),
        FRESH(test_a_full_disk_fails_writes_until_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
