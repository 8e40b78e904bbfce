/* Which kind of file it is, by its first octets. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/err.h"
#include "core/mem.h"
#include "ctl/import/read.h"

#define READ_BYTES 65536

static const char magic[] = "SQLite format 3"; /* With its NUL, 16 octets. */

static int read_all(int fd, const char *path, struct d1_bytes *text, struct d1_error *error) {
    char part[READ_BYTES];
    ssize_t got;
    while ((got = read(fd, part, sizeof(part))) != 0) {
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return d1_error_set(error, -errno, "cannot read %s: %s", path, strerror(errno));
        }
        int err = d1_bytes_add(text, part, (size_t)got);
        if (err != D1_OK) {
            return d1_error_set(error, err, "%s: %s", path,
                                err == D1_ETOOLARGE ? "longer than 1 GiB" : d1_err_text(err));
        }
    }
    return D1_OK;
}

int d1_import_read_text(const char *path, struct d1_bytes *ret_text, struct d1_error *error) {
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return d1_error_set(error, -errno, "cannot read %s: %s", path, strerror(errno));
    }
    struct d1_bytes text;
    d1_bytes_init(&text, D1_IMPORT_FILE_MAX);
    int err = read_all(fd, path, &text, error);
    if (!is_stdin) {
        close(fd);
    }
    if (err != D1_OK) {
        d1_bytes_close(&text);
        return err;
    }
    *ret_text = text;
    return D1_OK;
}

/* The file begins with a statement, a comment or a command of psql. */
static bool is_sql(const char *text, size_t length) {
    static const char *const begins[] = {"--",     "/*",   "\\",     "pragma", "begin", "set ",
                                         "create", "copy", "insert", "drop",   "alter", "select"};
    while (length > 0 && isspace((unsigned char)*text)) {
        text++;
        length--;
    }
    for (size_t i = 0; i < D1_ARRAY_LENGTH(begins); i++) {
        size_t wanted = strlen(begins[i]);
        if (length >= wanted && strncasecmp(text, begins[i], wanted) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_archive(const char *text, size_t length) {
    return (length >= 5 && memcmp(text, "PGDMP", 5) == 0) ||
           (length >= 2 && memcmp(text, "\x1f\x8b", 2) == 0);
}

static int read_kind(struct d1_import_set *set, const char *path, const char *text, size_t length,
                     struct d1_error *error) {
    if (length >= sizeof(magic) && memcmp(text, magic, sizeof(magic)) == 0) {
        return strcmp(path, "-") != 0
                   ? d1_import_read_sqlite(set, path, error)
                   : d1_error_set(error, D1_EPARSE, "an SQLite file must be named, not piped");
    }
    if (is_archive(text, length)) {
        return d1_error_set(error, D1_EPARSE,
                            "%s: compressed or in pg_dump's own format; use `pg_dump --format "
                            "plain`, or `pg_restore -f - FILE`",
                            path);
    }
    if (length == 0) {
        return d1_error_set(error, D1_EPARSE, "%s: empty", path);
    }
    int err = is_sql(text, length) ? d1_import_read_sql(set, text, length, error)
                                   : d1_import_read_csv(set, text, length, error);
    if (err != D1_OK) {
        d1_error_prefix(error, "%s", path);
    }
    return err;
}

int d1_import_read_file(struct d1_import_set *set, const char *path, struct d1_error *error) {
    struct d1_bytes text;
    int err = d1_import_read_text(path, &text, error);
    if (err == D1_OK) {
        err = read_kind(set, path, text.data != NULL ? (const char *)text.data : "", text.length,
                        error);
        d1_wipe(text.data, text.length);
        d1_bytes_close(&text);
    }
    return err;
}
