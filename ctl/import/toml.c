#include "ctl/import/toml.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/text.h"

struct reader {
    const char *at;
    const char *end;
    size_t line;
    char table[D1_TOML_KEY_BYTES];
    char key[D1_TOML_KEY_BYTES];
    char text[D1_TOML_TEXT_MAX + 1];
    int (*take)(const struct d1_toml_value *value, void *arg);
    void *arg;
    struct d1_error *error;
};

static int fail(const struct reader *r, const char *what) {
    return d1_error_set(r->error, D1_EPARSE, "line %zu: %s", r->line, what);
}

/* The next octet, or NUL at the end (which the text itself may not hold). */
static char peek(const struct reader *r) {
    return r->at < r->end ? *r->at : '\0';
}

static void skip_blanks(struct reader *r) {
    while (peek(r) == ' ' || peek(r) == '\t') {
        r->at++;
    }
}

static void skip_comment(struct reader *r) {
    if (peek(r) == '#') {
        while (r->at < r->end && *r->at != '\n') {
            r->at++;
        }
    }
}

/* Blanks, comments and line ends. */
static void skip_lines(struct reader *r) {
    for (;;) {
        skip_blanks(r);
        skip_comment(r);
        if (peek(r) == '\r' && r->at + 1 < r->end && r->at[1] == '\n') {
            r->at++;
        }
        if (peek(r) != '\n') {
            return;
        }
        r->at++;
        r->line++;
    }
}

/* Nothing may stand between here and the end of the line. */
static int end_line(struct reader *r) {
    skip_blanks(r);
    skip_comment(r);
    if (peek(r) == '\r') {
        r->at++;
    }
    if (r->at < r->end && *r->at != '\n') {
        return fail(r, "more than one value on a line");
    }
    return D1_OK;
}

static int add(struct reader *r, size_t *used, char c) {
    if (*used >= D1_TOML_TEXT_MAX) {
        return fail(r, "a string is too long");
    }
    r->text[(*used)++] = c;
    r->text[*used] = '\0';
    return D1_OK;
}

/* \uXXXX and \UXXXXXXXX as UTF-8 (RFC 3629). */
static int add_code(struct reader *r, size_t *used, size_t digits) {
    char hex[9] = "";
    for (size_t i = 0; i < digits; i++) {
        if (!isxdigit((unsigned char)peek(r))) {
            return fail(r, "\\u needs hex digits");
        }
        hex[i] = *r->at++;
    }
    unsigned long code = strtoul(hex, NULL, 16);
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
        return fail(r, "\\u of no character");
    }
    unsigned char octets[4];
    size_t count = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char firsts[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
    for (size_t i = count - 1; i > 0; i--) {
        octets[i] = (unsigned char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    octets[0] = (unsigned char)(firsts[count] | code);
    int err = D1_OK;
    for (size_t i = 0; err == D1_OK && i < count; i++) {
        err = add(r, used, (char)octets[i]);
    }
    return err;
}

static int add_escape(struct reader *r, size_t *used) {
    static const char plain[] = "btnfr\"\\";
    static const char meant[] = "\b\t\n\f\r\"\\";
    char c = peek(r);
    const char *found = c != '\0' ? strchr(plain, c) : NULL;
    if (found != NULL) {
        r->at++;
        return add(r, used, meant[found - plain]);
    }
    if (c == 'u' || c == 'U') {
        r->at++;
        return add_code(r, used, c == 'u' ? 4 : 8);
    }
    return fail(r, "an unknown escape in a string");
}

/* "basic" or 'literal', into r->text. */
static int read_string(struct reader *r) {
    char quote = *r->at++;
    size_t used = 0;
    r->text[0] = '\0';
    if (r->end - r->at >= 2 && r->at[0] == quote && r->at[1] == quote) {
        return fail(r, "strings of several lines are not used by acme-dns");
    }
    while (r->at < r->end && *r->at != '\n') {
        char c = *r->at++;
        int err = D1_OK;
        if (c == quote) {
            return D1_OK;
        }
        if (c == '\0') {
            return fail(r, "a zero octet");
        }
        err = c == '\\' && quote == '"' ? add_escape(r, &used) : add(r, &used, c);
        if (err != D1_OK) {
            return err;
        }
    }
    return fail(r, "a string is never closed");
}

static int read_key(struct reader *r, char ret_key[D1_TOML_KEY_BYTES]) {
    size_t length = 0;
    if (peek(r) == '"' || peek(r) == '\'') {
        int err = read_string(r);
        if (err == D1_OK && strlen(r->text) >= D1_TOML_KEY_BYTES) {
            err = fail(r, "a key is too long");
        }
        if (err == D1_OK) {
            snprintf(ret_key, D1_TOML_KEY_BYTES, "%s", r->text);
        }
        return err;
    }
    while (isalnum((unsigned char)peek(r)) || peek(r) == '_' || peek(r) == '-') {
        if (length == D1_TOML_KEY_BYTES - 1) {
            return fail(r, "a key is too long");
        }
        ret_key[length++] = *r->at++;
    }
    ret_key[length] = '\0';
    return length > 0 ? D1_OK : fail(r, "a key or [table] was expected");
}

static int read_table(struct reader *r) {
    r->at++;
    skip_blanks(r);
    int err = read_key(r, r->table);
    skip_blanks(r);
    if (err == D1_OK && peek(r) != ']') {
        return fail(r, "a table's name must end with ']'; tables within tables are not used by "
                       "acme-dns");
    }
    r->at += err == D1_OK ? 1 : 0;
    return err == D1_OK ? end_line(r) : err;
}

static int give(struct reader *r, struct d1_toml_value *value) {
    value->table = r->table;
    value->key = r->key;
    value->text = r->text;
    return r->take(value, r->arg);
}

static int read_list(struct reader *r, size_t line) {
    size_t count = 0;
    r->at++;
    for (;;) {
        skip_lines(r);
        if (peek(r) == ']') {
            r->at++;
            return D1_OK;
        }
        if (peek(r) != '"' && peek(r) != '\'') {
            return fail(r, r->at < r->end ? "only strings stand in acme-dns' lists"
                                          : "a list is never closed");
        }
        if (count++ == D1_TOML_LIST_MAX) {
            return fail(r, "a list is too long");
        }
        int err = read_string(r);
        if (err == D1_OK) {
            err = give(r, &(struct d1_toml_value){.type = D1_TOML_LIST, .line = line});
        }
        if (err != D1_OK) {
            return err;
        }
        skip_lines(r);
        if (peek(r) != ',' && peek(r) != ']') {
            return fail(r, "a comma or ']' was expected");
        }
        r->at += peek(r) == ',' ? 1 : 0;
    }
}

static int read_number(struct reader *r) {
    char digits[24];
    size_t length = 0;
    bool negative = peek(r) == '-';
    uint64_t number = 0;
    r->at += peek(r) == '-' || peek(r) == '+' ? 1 : 0;
    while (isdigit((unsigned char)peek(r)) || (peek(r) == '_' && length > 0)) {
        if (length == sizeof(digits) - 1) {
            return fail(r, "a number is too long");
        }
        if (*r->at != '_') {
            digits[length++] = *r->at;
        }
        r->at++;
    }
    digits[length] = '\0';
    if (d1_number_parse(digits, 0, INT64_MAX, &number) != D1_OK) {
        return fail(r, "a string, whole number, true, false or list was expected");
    }
    struct d1_toml_value value = {
        .type = D1_TOML_NUMBER,
        .line = r->line,
        .number = negative ? -(int64_t)number : (int64_t)number,
    };
    return give(r, &value);
}

static bool take_word(struct reader *r, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) {
        return false;
    }
    r->at += length;
    return true;
}

static int read_value(struct reader *r) {
    size_t line = r->line;
    char c = peek(r);
    r->text[0] = '\0';
    if (c == '"' || c == '\'') {
        int err = read_string(r);
        return err != D1_OK ? err
                            : give(r, &(struct d1_toml_value){.type = D1_TOML_TEXT, .line = line});
    }
    if (c == '[') {
        return read_list(r, line);
    }
    bool is_true = take_word(r, "true");
    if (is_true || take_word(r, "false")) {
        return give(
            r, &(struct d1_toml_value){.type = D1_TOML_BOOLEAN, .line = line, .boolean = is_true});
    }
    return read_number(r);
}

static int read_pair(struct reader *r) {
    int err = read_key(r, r->key);
    if (err != D1_OK) {
        return err;
    }
    skip_blanks(r);
    if (peek(r) != '=') {
        return fail(r, "'=' was expected after the key");
    }
    r->at++;
    skip_blanks(r);
    err = read_value(r);
    return err == D1_OK ? end_line(r) : err;
}

int d1_toml_read(const char *text, size_t length,
                 int (*take)(const struct d1_toml_value *value, void *arg), void *arg,
                 struct d1_error *error) {
    struct reader r = {
        .at = text, .end = text + length, .line = 1, .take = take, .arg = arg, .error = error};
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* A mark of UTF-8. */
        r.at += 3;
    }
    int err = D1_OK;
    for (skip_lines(&r); err == D1_OK && r.at < r.end; skip_lines(&r)) {
        err = peek(&r) == '[' ? read_table(&r) : read_pair(&r);
    }
    return err;
}
