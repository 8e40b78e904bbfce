/*
 * SQL text of a dump, read statement by statement: CREATE TABLE (for the order of its columns),
 * INSERT with VALUES, and COPY ... FROM stdin with its lines (PostgreSQL, "SQL Commands", COPY, text
 * format). Every other statement is skipped up to its semicolon, quotes and comments heeded. A
 * statement that is cut off by the end of the text is an error.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/text.h"
#include "ctl/import/read.h"

enum token {
    END,    /* Of the text. */
    WORD,   /* Identifier, keyword or number; text in `texts`. */
    QUOTED, /* "identifier" */
    STRING, /* '...', E'...', $$...$$ */
    BLOB,   /* X'...' */
    MARK,   /* One other character, in `mark`. */
    BAD,    /* Told already. */
};

struct reader {
    struct d1_import_set *set;
    const char *at;
    const char *end;
    size_t line;
    size_t token_line;
    enum token token;
    char mark;
    struct d1_bytes texts; /* The token's text, NUL-terminated, from `text_at`; a row's texts. */
    size_t text_at;
    struct d1_import_columns known[3]; /* Of the tables we read, by enum d1_import_table. */
    struct d1_error *error;
};

static int fail(struct reader *r, int code, const char *what) {
    r->token = BAD;
    return d1_error_set(r->error, code, "line %zu: %s", r->token_line, what);
}

/* Whether the next octets are these. */
static bool looks_at(const struct reader *r, const char *text) {
    size_t length = strlen(text);
    return (size_t)(r->end - r->at) >= length && memcmp(r->at, text, length) == 0;
}

static char take(struct reader *r) {
    char c = *r->at++;
    r->line += c == '\n' ? 1 : 0;
    return c;
}

static void add(struct reader *r, char c) {
    if (r->texts.length - r->text_at >= D1_IMPORT_FIELD_MAX) {
        r->texts.failed = true;
    } else {
        d1_bytes_add(&r->texts, &c, 1);
    }
}

static void skip_blanks(struct reader *r) {
    while (r->at < r->end) {
        if (isspace((unsigned char)*r->at)) {
            take(r);
        } else if (looks_at(r, "--")) {
            while (r->at < r->end && *r->at != '\n') {
                r->at++;
            }
        } else if (looks_at(r, "/*")) {
            while (r->at < r->end && !looks_at(r, "*/")) {
                take(r);
            }
            r->at += r->at < r->end ? 2 : 0;
        } else {
            return;
        }
    }
}

/* The octet after a backslash, as C and PostgreSQL write them. */
static char unescape(struct reader *r, char c) {
    static const char plain[] = "bfnrtv";
    static const char meant[] = "\b\f\n\r\t\v";
    const char *found = strchr(plain, c);
    if (c != '\0' && found != NULL) {
        return meant[found - plain];
    }
    if (c < '0' || c > '7') {
        return c;
    }
    unsigned value = (unsigned)(c - '0');
    for (int i = 0; i < 2 && r->at < r->end && *r->at >= '0' && *r->at <= '7'; i++) {
        value = value * 8 + (unsigned)(take(r) - '0');
    }
    return (char)(value & 0xff);
}

/* Up to the closing quote, which stands twice for itself. */
static void read_quoted(struct reader *r, char quote, bool escapes, enum token token) {
    while (r->at < r->end) {
        char c = take(r);
        if (c == quote && r->at < r->end && *r->at == quote) {
            take(r);
        } else if (c == quote) {
            r->token = token;
            return;
        } else if (c == '\\' && escapes && r->at < r->end) {
            c = unescape(r, take(r));
        }
        add(r, c);
    }
    fail(r, D1_EPARSE, "a quote is never closed; the file is cut off");
}

/* $tag$ ... $tag$; false when it does not begin one. */
static bool read_dollar(struct reader *r) {
    char tag[66];
    size_t length = 1;
    while (r->at + length < r->end && length < sizeof(tag) - 2 &&
           (isalnum((unsigned char)r->at[length]) || r->at[length] == '_')) {
        length++;
    }
    if (r->at + length >= r->end || r->at[length] != '$') {
        return false;
    }
    length++;
    memcpy(tag, r->at, length);
    tag[length] = '\0';
    r->at += length;
    while (r->at < r->end && !looks_at(r, tag)) {
        add(r, take(r));
    }
    if (r->at == r->end) {
        fail(r, D1_EPARSE, "a dollar quote is never closed; the file is cut off");
        return true;
    }
    r->at += length;
    r->token = STRING;
    return true;
}

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_' || c == '.' || (unsigned char)c >= 0x80;
}

/* A word, or the string whose prefix it is. */
static void read_word(struct reader *r) {
    if (looks_at(r, "E'") || looks_at(r, "e'")) {
        r->at += 2;
        read_quoted(r, '\'', true, STRING);
        return;
    }
    if (looks_at(r, "X'") || looks_at(r, "x'")) {
        r->at += 2;
        read_quoted(r, '\'', false, BLOB);
        return;
    }
    while (r->at < r->end && is_word(*r->at)) {
        add(r, take(r));
    }
    r->token = WORD;
}

/* Hex to octets, in place. */
static void decode_blob(struct reader *r) {
    char *text = (char *)r->texts.data + r->text_at;
    size_t length = r->texts.length - r->text_at;
    if (length > 0 && d1_hex_decode(text, length, text) != D1_OK) {
        fail(r, D1_EPARSE, "X'...' with something else than hex digits");
        return;
    }
    r->texts.length -= length / 2 + length % 2;
}

/* The next token, its text after what `texts` holds already. Returns it. */
static enum token next(struct reader *r) {
    skip_blanks(r);
    r->token_line = r->line;
    r->text_at = r->texts.length;
    if (r->at >= r->end) {
        r->token = END;
        return END;
    }
    char c = *r->at;
    if (c == '\'' || c == '"') {
        take(r);
        read_quoted(r, c, false, c == '"' ? QUOTED : STRING);
    } else if (is_word(c)) {
        read_word(r);
    } else if (c != '$' || !read_dollar(r)) {
        r->mark = take(r);
        r->token = MARK;
    }
    if (r->token == BLOB) {
        decode_blob(r);
    }
    if (r->token != MARK && r->token != BAD) {
        d1_bytes_add(&r->texts, "", 1);
    }
    if (r->texts.failed && r->token != BAD) {
        fail(r, D1_ETOOLARGE, "a field or row is too long");
    }
    return r->token;
}

static enum token next_alone(struct reader *r) {
    d1_bytes_clear(&r->texts);
    return next(r);
}

static const char *text_of(const struct reader *r) {
    return r->token == MARK || r->token == END || r->token == BAD
               ? ""
               : (const char *)r->texts.data + r->text_at;
}

static bool is_keyword(const struct reader *r, const char *word) {
    return r->token == WORD && strcasecmp(text_of(r), word) == 0;
}

static bool is_mark(const struct reader *r, char mark) {
    return r->token == MARK && r->mark == mark;
}

static int ended(struct reader *r) {
    if (r->token == BAD) {
        return r->error != NULL ? r->error->code : D1_EPARSE;
    }
    return fail(r, D1_EPARSE, "the file ends within a statement; it is cut off");
}

/* Up to and with the semicolon. */
static int skip_statement(struct reader *r) {
    while (!is_mark(r, ';')) {
        if (r->token == BAD || r->token == END) {
            return ended(r);
        }
        next_alone(r);
    }
    return D1_OK;
}

/*
 * The name of a table, its last part: records, public.records, "public"."records" ... The token
 * after it is read.
 */
static int read_table(struct reader *r, char *ret_name, size_t size) {
    bool more = true;
    while (more) {
        if (r->token != WORD && r->token != QUOTED) {
            return r->token == END || r->token == BAD ? ended(r)
                                                      : fail(r, D1_EPARSE, "no name of a table");
        }
        const char *name = text_of(r);
        const char *dot = r->token == WORD ? strrchr(name, '.') : NULL;
        snprintf(ret_name, size, "%s", dot != NULL ? dot + 1 : name);
        more = dot != NULL && dot[1] == '\0';
        next_alone(r);
        more = more || (r->token == WORD && text_of(r)[0] == '.');
    }
    return D1_OK;
}

/* "(a, b, c)", the parenthesis being read. The token after it is read. */
static int read_names(struct reader *r, struct d1_import_columns *columns) {
    *columns = (struct d1_import_columns){.count = 0};
    while (!is_mark(r, ')')) {
        next_alone(r);
        if (r->token != WORD && r->token != QUOTED) {
            return r->token == END || r->token == BAD ? ended(r)
                                                      : fail(r, D1_EPARSE, "no list of columns");
        }
        if (d1_import_columns_add(columns, text_of(r)) != D1_OK) {
            return fail(r, D1_ETOOLARGE, "too many columns");
        }
        next_alone(r);
    }
    next_alone(r);
    return D1_OK;
}

static bool begins_constraint(const struct reader *r) {
    static const char *const words[] = {"constraint", "primary", "unique", "check", "foreign"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(words); i++) {
        if (is_keyword(r, words[i])) {
            return true;
        }
    }
    return false;
}

/* CREATE TABLE name (column ..., column ..., CONSTRAINT ...). CREATE is read. */
static int read_create(struct reader *r) {
    char name[64];
    next_alone(r);
    if (!is_keyword(r, "table")) {
        return skip_statement(r);
    }
    next_alone(r);
    if (is_keyword(r, "if")) {
        next_alone(r);
        next_alone(r);
        next_alone(r);
    }
    int err = read_table(r, name, sizeof(name));
    enum d1_import_table table = d1_import_table_find(name);
    if (err != D1_OK || table == D1_IMPORT_OTHER || !is_mark(r, '(')) {
        return err != D1_OK ? err : skip_statement(r);
    }
    d1_import_set_see(r->set, table);
    struct d1_import_columns *columns = &r->known[table];
    *columns = (struct d1_import_columns){.count = 0};
    unsigned depth = 1;
    bool first = true;
    while (depth > 0) {
        next_alone(r);
        if (r->token == END || r->token == BAD) {
            return ended(r);
        }
        if (first && !begins_constraint(r) && (r->token == WORD || r->token == QUOTED) &&
            d1_import_columns_add(columns, text_of(r)) != D1_OK) {
            return fail(r, D1_ETOOLARGE, "too many columns");
        }
        depth += is_mark(r, '(') ? 1 : 0;
        depth -= is_mark(r, ')') ? 1 : 0;
        first = depth == 1 && is_mark(r, ',');
    }
    return skip_statement(r);
}

/* One value and what is done to it ("::text"), up to the comma or parenthesis after it. */
static int read_value(struct reader *r, size_t *ret_at, bool *ret_null) {
    next(r);
    bool negative = is_mark(r, '-');
    if (negative) {
        next(r);
    }
    if (r->token == END || r->token == BAD || r->token == MARK) {
        return r->token == MARK ? fail(r, D1_EPARSE, "a value is missing") : ended(r);
    }
    *ret_at = r->text_at;
    *ret_null = is_keyword(r, "null");
    size_t length = r->texts.length;
    unsigned depth = 0;
    do {
        next(r);
        if (r->token == END || r->token == BAD) {
            return ended(r);
        }
        depth += is_mark(r, '(') ? 1 : 0;
        if (depth > 0 && is_mark(r, ')')) {
            depth--;
            r->mark = ' ';
        }
        r->texts.length = length;
    } while (depth > 0 || (!is_mark(r, ',') && !is_mark(r, ')')));
    return D1_OK;
}

/* "(value, ...)", the parenthesis being read. */
static int read_tuple(struct reader *r, enum d1_import_table table,
                      const struct d1_import_columns *columns) {
    size_t at[D1_IMPORT_COLUMNS_MAX];
    bool is_null[D1_IMPORT_COLUMNS_MAX];
    struct d1_import_fields fields = {.count = 0};
    char where[32];
    snprintf(where, sizeof(where), "line %zu", r->token_line);
    d1_bytes_clear(&r->texts);
    do {
        if (fields.count == D1_IMPORT_COLUMNS_MAX) {
            return fail(r, D1_ETOOLARGE, "too many columns");
        }
        int err = read_value(r, &at[fields.count], &is_null[fields.count]);
        if (err != D1_OK) {
            return err;
        }
        fields.count++;
    } while (is_mark(r, ','));
    for (size_t i = 0; i < fields.count; i++) {
        fields.text[i] = is_null[i] ? NULL : (const char *)r->texts.data + at[i];
    }
    int err = d1_import_set_row(r->set, table, columns, &fields, where, r->error);
    if (err != D1_OK) {
        d1_error_prefix(r->error, "%s", where);
    }
    return err;
}

/* "(...), (...);" */
static int read_tuples(struct reader *r, enum d1_import_table table,
                       const struct d1_import_columns *columns) {
    do {
        next_alone(r);
        if (!is_mark(r, '(')) {
            return r->token == END || r->token == BAD ? ended(r)
                                                      : fail(r, D1_EPARSE, "a row is missing");
        }
        int err = read_tuple(r, table, columns);
        if (err != D1_OK) {
            return err;
        }
        next_alone(r);
    } while (is_mark(r, ','));
    return skip_statement(r);
}

/* INSERT INTO name [(columns)] VALUES (...), (...); INSERT is read. */
static int read_insert(struct reader *r) {
    char name[64];
    while (!is_keyword(r, "into")) { /* INSERT OR REPLACE INTO */
        if (next_alone(r) != WORD) {
            return skip_statement(r);
        }
    }
    next_alone(r);
    int err = read_table(r, name, sizeof(name));
    enum d1_import_table table = d1_import_table_find(name);
    if (err != D1_OK || table == D1_IMPORT_OTHER) {
        return err != D1_OK ? err : skip_statement(r);
    }
    struct d1_import_columns columns = r->known[table];
    if (is_mark(r, '(')) {
        err = read_names(r, &columns);
    }
    while (err == D1_OK && r->token == WORD && !is_keyword(r, "values")) {
        next_alone(r); /* OVERRIDING SYSTEM VALUE */
    }
    if (err == D1_OK && !is_keyword(r, "values")) {
        err = r->token == END || r->token == BAD ? ended(r)
                                                 : fail(r, D1_EPARSE, "INSERT without VALUES");
    }
    if (err == D1_OK && columns.count == 0) {
        err = fail(r, D1_EPARSE,
                   "INSERT without the names of its columns; dump with the schema, or with "
                   "--column-inserts");
    }
    return err == D1_OK ? read_tuples(r, table, &columns) : err;
}

/* One field of a COPY line, up to its tab or the line's end. */
static void read_copy_field(struct reader *r, bool *ret_null) {
    r->text_at = r->texts.length;
    *ret_null = looks_at(r, "\\N") &&
                (r->at + 2 == r->end || r->at[2] == '\t' || r->at[2] == '\r' || r->at[2] == '\n');
    while (r->at < r->end && *r->at != '\t' && *r->at != '\n') {
        char c = *r->at++;
        if (c == '\\' && r->at < r->end && *r->at != '\n') {
            c = unescape(r, *r->at++);
        } else if (c == '\r' && r->at < r->end && *r->at == '\n') {
            continue;
        }
        add(r, c);
    }
    d1_bytes_add(&r->texts, "", 1);
}

static int read_copy_line(struct reader *r, enum d1_import_table table,
                          const struct d1_import_columns *columns) {
    size_t at[D1_IMPORT_COLUMNS_MAX];
    bool is_null[D1_IMPORT_COLUMNS_MAX];
    struct d1_import_fields fields = {.count = 0};
    bool more = true;
    d1_bytes_clear(&r->texts);
    r->token_line = r->line;
    while (more) {
        if (fields.count == D1_IMPORT_COLUMNS_MAX) {
            return fail(r, D1_ETOOLARGE, "too many columns");
        }
        at[fields.count] = r->texts.length;
        read_copy_field(r, &is_null[fields.count]);
        fields.count++;
        more = r->at < r->end && *r->at == '\t';
        r->at += more ? 1 : 0;
    }
    if (r->texts.failed) {
        return fail(r, D1_ETOOLARGE, "a field or row is too long");
    }
    if (r->at == r->end) {
        return fail(r, D1_EPARSE, "the file ends within the rows of COPY; it is cut off");
    }
    take(r);
    for (size_t i = 0; i < fields.count; i++) {
        fields.text[i] = is_null[i] ? NULL : (const char *)r->texts.data + at[i];
    }
    char where[32];
    snprintf(where, sizeof(where), "line %zu", r->token_line);
    int err = d1_import_set_row(r->set, table, columns, &fields, where, r->error);
    if (err != D1_OK) {
        d1_error_prefix(r->error, "%s", where);
    }
    return err;
}

/* The rows, from the line after the statement to that with "\.". */
static int read_copy_rows(struct reader *r, enum d1_import_table table,
                          const struct d1_import_columns *columns) {
    while (r->at < r->end && *r->at != '\n') {
        r->at++;
    }
    if (r->at < r->end) {
        take(r);
    }
    int err = D1_OK;
    while (err == D1_OK && !looks_at(r, "\\.\n") && !looks_at(r, "\\.\r") &&
           !(looks_at(r, "\\.") && r->at + 2 == r->end)) {
        r->token_line = r->line;
        if (r->at == r->end) {
            return fail(r, D1_EPARSE, "the file ends within the rows of COPY; it is cut off");
        }
        err = read_copy_line(r, table, columns);
    }
    r->at += err == D1_OK ? 2 : 0;
    return err;
}

/* COPY name (columns) FROM stdin; COPY is read. */
static int read_copy(struct reader *r) {
    char name[64];
    bool from_stdin = false;
    next_alone(r);
    int err = read_table(r, name, sizeof(name));
    enum d1_import_table table = d1_import_table_find(name);
    struct d1_import_columns columns = {.count = 0};
    if (table != D1_IMPORT_OTHER) {
        columns = r->known[table];
    }
    if (err == D1_OK && is_mark(r, '(')) {
        err = read_names(r, &columns);
    }
    while (err == D1_OK && !is_mark(r, ';')) {
        if (r->token == END || r->token == BAD) {
            return ended(r);
        }
        from_stdin = from_stdin || is_keyword(r, "stdin");
        if (is_keyword(r, "csv") || is_keyword(r, "binary")) {
            return fail(r, D1_EPARSE, "COPY in another format than text; use plain pg_dump");
        }
        next_alone(r);
    }
    if (err == D1_OK && from_stdin) {
        err = read_copy_rows(r, table, &columns);
    }
    return err;
}

static int read_statement(struct reader *r) {
    if (is_keyword(r, "create")) {
        return read_create(r);
    }
    if (is_keyword(r, "insert")) {
        return read_insert(r);
    }
    if (is_keyword(r, "copy")) {
        return read_copy(r);
    }
    return skip_statement(r);
}

int d1_import_read_sql(struct d1_import_set *set, const char *text, size_t length,
                       struct d1_error *error) {
    struct d1_error unused = {.code = D1_OK};
    struct reader r = {.set = set,
                       .at = text,
                       .end = text + length,
                       .line = 1,
                       .error = error != NULL ? error : &unused};
    d1_bytes_init(&r.texts, D1_IMPORT_COLUMNS_MAX * (size_t)(D1_IMPORT_FIELD_MAX + 1));
    int err = D1_OK;
    while (err == D1_OK && next_alone(&r) != END) {
        if (r.token == BAD) {
            err = r.error->code;
        } else if (is_mark(&r, '\\')) { /* psql's own commands take one line. */
            while (r.at < r.end && *r.at != '\n') {
                r.at++;
            }
        } else {
            err = read_statement(&r);
        }
    }
    d1_wipe(r.texts.data, r.texts.capacity);
    d1_bytes_close(&r.texts);
    return err;
}
