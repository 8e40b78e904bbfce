/*
 * The file is read in large pieces and cut into lines. A plain line is a record (zoneplain.c). Any
 * other is joined with those that belong to it (quotes, comments, parentheses) and is a directive
 * or goes to ldns (zoneldns.c); a fault is told with the line its record begins in.
 */
#include "dns/zonefile.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "core/limits.h"
#include "core/mem.h"
#include "dns/zonerecord.h"

#define BLANKS      " \t"
#define INPUT_BYTES ((size_t)262144)

static_assert(INPUT_BYTES > 2 * D1_ZONE_TEXT_MAX, "the longest line fits beside others");

/* A line of the file, without its line feed; not NUL-terminated. */
struct line {
    const char *text;
    size_t length;
};

/* One reading: what is read ahead, the record text being joined, and what holds for the next one. */
struct reading {
    d1_zone_record_fn on_record;
    void *arg;
    struct d1_error *error;
    FILE *file;
    uint32_t line;       /* The line last read. */
    uint32_t first_line; /* Where the record begins. */
    unsigned depth;      /* Open parentheses. */
    size_t length;       /* Of text. */
    size_t input_at;     /* What is read ahead: input[input_at .. input_end). */
    size_t input_end;
    bool input_over; /* The end of the file was seen. */
    struct d1_zone_record record;
    struct d1_zone_scope scope;
    char text[D1_ZONE_TEXT_MAX + 1];
    char input[INPUT_BYTES];
};

/* NULL, with the error set, when there is no memory. */
static struct reading *reading_create(const struct d1_name *origin, uint32_t ttl,
                                      struct d1_error *error) {
    struct reading *reading = d1_calloc(1, sizeof(*reading));
    if (reading == NULL) {
        d1_error_set(error, -ENOMEM, "no memory");
        return NULL;
    }
    d1_zone_scope_init(&reading->scope, origin, ttl);
    reading->error = error;
    return reading;
}

static int refuse(const struct reading *reading, const char *why) {
    return d1_error_set(reading->error, D1_EPARSE, "%s", why);
}

static int add(struct reading *reading, char c) {
    if (reading->length == D1_ZONE_TEXT_MAX) {
        return refuse(reading, "the record is too long");
    }
    reading->text[reading->length++] = c;
    return D1_OK;
}

/* Add a quoted string up to its closing quote; *at stands on the opening one, then on the other. */
static int add_quoted(struct reading *reading, const struct line *line, size_t *at) {
    int err = add(reading, line->text[(*at)++]);
    for (; err == D1_OK; (*at)++) {
        if (*at >= line->length) {
            return refuse(reading, "a quoted string is not closed");
        }
        char c = line->text[*at];
        err = add(reading, c);
        if (c == '"') {
            break;
        }
        if (err == D1_OK && c == '\\' && *at + 1 < line->length) {
            err = add(reading, line->text[++*at]);
        }
    }
    return err;
}

static int add_parenthesis(struct reading *reading, char c) {
    if (c == ')' && reading->depth == 0) {
        return refuse(reading, "a parenthesis is closed that was not opened");
    }
    reading->depth += c == '(' ? 1U : -1U;
    return add(reading, ' ');
}

/* Only text may stand in a line: tabs, and what is no control character. */
static int check_octets(const struct reading *reading, const struct line *line) {
    for (size_t i = 0; i < line->length; i++) {
        uint8_t octet = (uint8_t)line->text[i];
        if (octet < ' ' && octet != '\t') {
            return d1_error_set(reading->error, D1_EPARSE,
                                "the line holds the control character 0x%02x", (unsigned)octet);
        }
    }
    return D1_OK;
}

/* Add one line, without its comment; the record goes on while a parenthesis is open. */
static int add_line(struct reading *reading, struct line line) {
    if (line.length > 0 && line.text[line.length - 1] == '\r') {
        line.length--;
    }
    int err = check_octets(reading, &line);
    for (size_t at = 0; err == D1_OK && at < line.length && line.text[at] != ';'; at++) {
        char c = line.text[at];
        if (c == '"') {
            err = add_quoted(reading, &line, &at);
        } else if (c == '(' || c == ')') {
            err = add_parenthesis(reading, c);
        } else {
            err = add(reading, c);
            if (err == D1_OK && c == '\\' && at + 1 < line.length) {
                err = add(reading, line.text[++at]);
            }
        }
    }
    if (err == D1_OK && reading->depth > 0) {
        err = add(reading, ' '); /* A record that goes on is cut into fields here. */
    }
    reading->text[reading->length] = '\0';
    return err;
}

static bool is_blank(const char *text) {
    return text[strspn(text, BLANKS)] == '\0';
}

static int read_record(struct reading *reading) {
    int err = d1_zone_read_ldns(&reading->scope, reading->text, &reading->record, reading->error);
    if (err != D1_OK) {
        return err;
    }
    reading->record.line = reading->first_line;
    return reading->on_record(&reading->record, reading->arg);
}

int d1_zoneline_read(const char *line, const struct d1_name *origin, uint32_t ttl,
                     d1_zone_record_fn on_record, void *arg, struct d1_error *error) {
    struct reading *reading = reading_create(origin, ttl, error);
    if (reading == NULL) {
        return -ENOMEM;
    }
    reading->on_record = on_record;
    reading->arg = arg;
    reading->first_line = 1;
    int err = add_line(reading, (struct line){line, strlen(line)});
    if (err == D1_OK && reading->depth > 0) {
        err = refuse(reading, "a parenthesis is not closed");
    }
    if (err == D1_OK && reading->text[0] == '$') {
        err = refuse(reading, "a directive cannot stand here, only a record");
    }
    if (err == D1_OK && !is_blank(reading->text)) {
        err = read_record(reading);
    }
    d1_free(reading);
    return err;
}

/* Bring more of the file into `input`, behind what is left of it. Returns 0 or an error. */
static int fill_input(struct reading *reading) {
    size_t left = reading->input_end - reading->input_at;
    assert(left < INPUT_BYTES);
    memmove(reading->input, reading->input + reading->input_at, left);
    size_t more = fread(reading->input + left, 1, INPUT_BYTES - left, reading->file);
    reading->input_at = 0;
    reading->input_end = left + more;
    reading->input_over = more < INPUT_BYTES - left;
    return ferror(reading->file) ? d1_error_set(reading->error, -EIO, "cannot be read") : D1_OK;
}

/* The next line of the file; valid until the one after it. Returns 1, 0 at its end, or an error. */
static int next_line(struct reading *reading, struct line *ret_line) {
    reading->line++;
    for (;;) {
        const char *start = reading->input + reading->input_at;
        size_t left = reading->input_end - reading->input_at;
        const char *end = left > 0 ? memchr(start, '\n', left) : NULL;
        if (end == NULL && !reading->input_over && left <= D1_ZONE_TEXT_MAX) {
            int err = fill_input(reading);
            if (err != D1_OK) {
                return err;
            }
            continue;
        }
        if (left == 0) {
            return 0;
        }
        size_t length = end != NULL ? (size_t)(end - start) : left;
        if (length > D1_ZONE_TEXT_MAX) {
            return refuse(reading, "the line is too long");
        }
        reading->input_at += length + (end != NULL);
        *ret_line = (struct line){start, length};
        return 1;
    }
}

/* Join what begins with this line into `text`. Returns 0 or an error. */
static int join_text(struct reading *reading, struct line line) {
    reading->length = 0;
    for (;;) {
        int err = add_line(reading, line);
        if (err != D1_OK || reading->depth == 0) {
            return err;
        }
        int more = next_line(reading, &line);
        if (more == 0) {
            return refuse(reading, "a parenthesis is not closed");
        }
        if (more != 1) {
            return more;
        }
    }
}

/* The word after a directive, NUL-terminated in place; NULL when there is not exactly one. */
static char *argument_of(char *text, size_t directive_length) {
    char *word = text + directive_length;
    size_t blanks = strspn(word, BLANKS);
    word += blanks;
    size_t length = strcspn(word, BLANKS);
    if (blanks == 0 || length == 0 || !is_blank(word + length)) {
        return NULL;
    }
    word[length] = '\0';
    return word;
}

/* $ORIGIN, itself relative to the origin before when it has no final dot (RFC 1035, 5.1). */
static int set_origin(struct reading *reading, const char *word) {
    struct d1_name name;
    if (strcmp(word, "@") == 0) {
        return D1_OK;
    }
    if (d1_name_from_text(word, &name) != D1_OK) {
        return refuse(reading, "$ORIGIN needs a valid name");
    }
    size_t length = strlen(word);
    if (word[length - 1] != '.') {
        size_t head = name.length - 1U;
        if (head + reading->scope.origin.length > D1_NAME_OCTETS_MAX) {
            return refuse(reading, "$ORIGIN needs a valid name");
        }
        memcpy(name.octets + head, reading->scope.origin.octets, reading->scope.origin.length);
        name.length = (uint8_t)(head + reading->scope.origin.length);
    }
    d1_name_copy(&reading->scope.origin, &name);
    return D1_OK;
}

static int read_directive(struct reading *reading) {
    char *text = reading->text;
    size_t length = strcspn(text, BLANKS);
    char *word = argument_of(text, length);
    if (length == 7 && strncasecmp(text, "$ORIGIN", 7) == 0) {
        return word != NULL ? set_origin(reading, word)
                            : refuse(reading, "$ORIGIN needs a valid name");
    }
    if (length == 4 && strncasecmp(text, "$TTL", 4) == 0) {
        bool valid = word != NULL && d1_zone_period(word, strlen(word), &reading->scope.ttl);
        return valid ? D1_OK : refuse(reading, "$TTL needs a time of 0 to 4294967295 seconds");
    }
    if (strncasecmp(text, "$INCLUDE", 8) == 0) {
        return refuse(reading, "$INCLUDE is not supported: write it all in one file");
    }
    if (strncasecmp(text, "$GENERATE", 9) == 0) {
        return refuse(reading, "$GENERATE is not supported: write the records out");
    }
    return refuse(reading, "this directive is not supported");
}

/* A line that is not plain, with those that belong to it. Returns 0 or an error. */
static int read_odd(struct reading *reading, struct line line) {
    int err = join_text(reading, line);
    if (err != D1_OK || is_blank(reading->text)) {
        return err;
    }
    return reading->text[0] == '$' ? read_directive(reading) : read_record(reading);
}

static int read_line(struct reading *reading, struct line line) {
    reading->first_line = reading->line;
    switch (d1_zone_read_plain(&reading->scope, line.text, line.length, &reading->record)) {
    case D1_ZONE_PLAIN_EMPTY:
        return D1_OK;
    case D1_ZONE_PLAIN_RECORD:
        reading->record.line = reading->line;
        return reading->on_record(&reading->record, reading->arg);
    default:
        return read_odd(reading, line);
    }
}

int d1_zonefile_read(FILE *file, const char *path, const struct d1_name *origin, uint32_t ttl,
                     d1_zone_record_fn on_record, void *arg, struct d1_error *error) {
    struct reading *reading = reading_create(origin, ttl, error);
    if (reading == NULL) {
        return -ENOMEM;
    }
    reading->on_record = on_record;
    reading->arg = arg;
    reading->file = file;
    int err = D1_OK;
    while (err == D1_OK) {
        struct line line;
        int more = next_line(reading, &line);
        if (more == 0) {
            break;
        }
        if (more != 1) {
            reading->first_line = reading->line;
            err = more;
        } else {
            err = read_line(reading, line);
        }
        if (err != D1_OK) {
            d1_error_prefix(error, "%s:%u", path, (unsigned)reading->first_line);
        }
    }
    d1_free(reading);
    return err;
}
