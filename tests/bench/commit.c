/*
 * d1bench-commit FILE ROWS SECONDS: a bare group commit. Transactions of ROWS writes each, as fast
 * as SQLite does them: write-ahead log, flushed at every commit. A write is what one /update is to
 * dns01d's store: a value put, the oldest one removed, the name kept known. What a durable write
 * through dns01d costs is stated as a share of this.
 */
#include <sqlite3.h>
#include <stdio.h>

#include "core/attr.h"
#include "core/clock.h"
#include "core/text.h"
#include "tests/bench/cpu.h"

#define LOG_PAGES 4096 /* A checkpoint is due when the log has so many, as in dns01d. */
#define SLOTS     2    /* Values of a name, after which the oldest goes. */

enum statement { PUT, REMOVE, KNOWN, REVISION, BEGIN, COMMIT, STATEMENTS };

static const char *const statement_texts[STATEMENTS] = {
    [PUT] = "INSERT INTO challenge VALUES ('', ?1, ?2, 'account:' || ?1, ?3, ?3, NULL)",
    [REMOVE] = "DELETE FROM challenge WHERE name = ?1 AND value = ?2 AND owner = 'account:' || ?1"
               " AND via = ''",
    [KNOWN] = "INSERT INTO known VALUES (?1, ?3) ON CONFLICT (name)"
              " DO UPDATE SET until = excluded.until",
    [REVISION] = "UPDATE meta SET value = ?3 WHERE key = 'revision'",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
};

static const char schema[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    "CREATE TABLE IF NOT EXISTS meta(key TEXT NOT NULL PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
    "INSERT OR IGNORE INTO meta VALUES ('revision', 0);"
    "CREATE TABLE IF NOT EXISTS known(name TEXT NOT NULL PRIMARY KEY, until INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "DROP TABLE IF EXISTS challenge;"
    "CREATE TABLE challenge(via TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL,"
    " owner TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL, asked TEXT,"
    " PRIMARY KEY (name, value, owner, via)) WITHOUT ROWID";

struct floor {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
};

static int64_t now_us(void) {
    return d1_clock_mono_us(d1_clock_system());
}

static int run(const struct floor *floor, enum statement which) {
    int rc = sqlite3_step(floor->statements[which]);
    sqlite3_reset(floor->statements[which]);
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A statement about the value that was put in the commit of that number. */
static int run_for(const struct floor *floor, enum statement which, uint64_t row, uint64_t commit) {
    char name[64];
    char value[64];
    sqlite3_stmt *statement = floor->statements[which];
    int name_length =
        snprintf(name, sizeof(name), "%036llu.auth.example.test.", (unsigned long long)row);
    int value_length = snprintf(value, sizeof(value), "%043llu", (unsigned long long)commit);
    sqlite3_bind_text(statement, 1, name, name_length, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 2, value, value_length, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, (int64_t)commit);
    return run(floor, which);
}

static int write_row(const struct floor *floor, uint64_t row, uint64_t commit) {
    int rc = run_for(floor, PUT, row, commit);
    if (rc == SQLITE_OK && commit > SLOTS) {
        rc = run_for(floor, REMOVE, row, commit - SLOTS);
    }
    return rc == SQLITE_OK ? run_for(floor, KNOWN, row, commit) : rc;
}

static int commit_once(const struct floor *floor, uint64_t rows, uint64_t commit) {
    int rc = run(floor, BEGIN);
    for (uint64_t row = 0; rc == SQLITE_OK && row < rows; row++) {
        rc = write_row(floor, row, commit);
    }
    if (rc == SQLITE_OK) {
        rc = run_for(floor, REVISION, 0, commit);
    }
    return rc == SQLITE_OK ? run(floor, COMMIT) : rc;
}

static int open_floor(const char *path, struct floor *floor) {
    int rc = sqlite3_open(path, &floor->db);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(floor->db, schema, NULL, NULL, NULL);
    }
    sqlite3_wal_autocheckpoint(floor->db, LOG_PAGES);
    for (unsigned i = 0; rc == SQLITE_OK && i < STATEMENTS; i++) {
        rc = sqlite3_prepare_v2(floor->db, statement_texts[i], -1, &floor->statements[i], NULL);
    }
    return rc;
}

static void close_floor(struct floor *floor) {
    for (unsigned i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(floor->statements[i]);
    }
    sqlite3_close(floor->db);
}

int main(int argc, char **argv) {
    uint64_t rows = 0;
    uint64_t seconds = 0;
    uint64_t commits = 0;
    if (argc != 4 || d1_number_parse(argv[2], 1, 100000, &rows) < 0 ||
        d1_number_parse(argv[3], 1, 3600, &seconds) < 0) {
        fputs("usage: d1bench-commit FILE ROWS SECONDS\n", stderr);
        return 2;
    }
    struct floor floor = {0};
    int rc = open_floor(argv[1], &floor);
    uint64_t own_ns = d1_bench_cpu_own_ns();
    int64_t begun_us = now_us();
    int64_t end_us = begun_us + (int64_t)seconds * 1000000;
    while (rc == SQLITE_OK && now_us() < end_us) {
        rc = commit_once(&floor, rows, ++commits);
    }
    double elapsed = (double)(now_us() - begun_us) / 1e6;
    double done = (double)(commits * rows);
    if (rc != SQLITE_OK) {
        fprintf(stderr, "d1bench-commit: %s: %s\n", argv[1], sqlite3_errmsg(floor.db));
    } else {
        printf("{\"rows_per_commit\": %llu, \"seconds\": %.3f, \"commits_per_second\": %.1f, "
               "\"per_second\": %.1f, \"cpu_us\": %.2f}\n",
               (unsigned long long)rows, elapsed, (double)commits / elapsed, done / elapsed,
               (double)(d1_bench_cpu_own_ns() - own_ns) / 1e3 / done);
    }
    close_floor(&floor);
    return rc == SQLITE_OK ? 0 : 1;
}
