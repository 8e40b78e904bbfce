/*
 * Lines are joined into records here (quotes, comments, parentheses, directives), so that a fault is
 * told with the line it stands in; what a record's fields mean is left to ldns.
 */
#include "dns/zonefile.h"

#include <assert.h>
#include <errno.h>
#include <ldns/ldns.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/mem.h"

#define BLANKS " \t\r\n"

/* One reading: the record text being joined, and what holds for the next record. */
struct reading {
    d1_zone_record_fn on_record;
    void *arg;
    struct d1_error *error;
    struct d1_name origin;
    uint32_t ttl;
    ldns_rdf *previous;  /* Owner of the record before, for lines that begin with a blank. */
    uint32_t line;       /* The line last read. */
    uint32_t first_line; /* Where the record begins. */
    unsigned depth;      /* Open parentheses. */
    size_t length;       /* Of text. */
    char text[D1_ZONE_TEXT_MAX + 1];
    char input[D1_ZONE_TEXT_MAX + 1];
    uint8_t rdata[D1_DNS_MESSAGE_MAX];
};

/* NULL, with the error set, when there is no memory. */
static struct reading *reading_create(const struct d1_name *origin, uint32_t ttl,
                                      struct d1_error *error) {
    struct reading *reading = d1_calloc(1, sizeof(*reading));
    if (reading == NULL) {
        d1_error_set(error, -ENOMEM, "no memory");
        return NULL;
    }
    d1_name_copy(&reading->origin, origin);
    reading->ttl = ttl;
    reading->error = error;
    return reading;
}

static void reading_destroy(struct reading *reading) {
    ldns_rdf_deep_free(reading->previous);
    d1_free(reading);
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
static int add_quoted(struct reading *reading, const char **at) {
    int err = add(reading, *(*at)++);
    for (; err == D1_OK && **at != '"'; (*at)++) {
        if (**at == '\0' || **at == '\n' || **at == '\r') {
            return refuse(reading, "a quoted string is not closed");
        }
        err = add(reading, **at);
        if (err == D1_OK && **at == '\\' && (*at)[1] != '\0') {
            err = add(reading, *++*at);
        }
    }
    return err == D1_OK ? add(reading, **at) : err;
}

/* Add one line, without its comment; the record goes on while a parenthesis is open. */
static int add_line(struct reading *reading, const char *line) {
    int err = D1_OK;
    for (const char *at = line; err == D1_OK && *at != '\0' && *at != ';'; at++) {
        switch (*at) {
        case '"':
            err = add_quoted(reading, &at);
            break;
        case '(':
            reading->depth++;
            err = add(reading, ' ');
            break;
        case ')':
            if (reading->depth == 0) {
                return refuse(reading, "a parenthesis is closed that was not opened");
            }
            reading->depth--;
            err = add(reading, ' ');
            break;
        case '\r':
        case '\n':
            err = add(reading, ' ');
            break;
        case '\\':
            err = add(reading, *at);
            if (err == D1_OK && at[1] != '\0' && at[1] != '\n') {
                err = add(reading, *++at);
            }
            break;
        default:
            err = add(reading, *at);
            break;
        }
    }
    reading->text[reading->length] = '\0';
    return err;
}

static bool is_blank(const char *text) {
    return text[strspn(text, BLANKS)] == '\0';
}

/* Hand one record over in wire form: its rdata is what ldns holds, field after field. */
static int give_record(struct reading *reading, const ldns_rr *rr) {
    struct d1_zone_record record = {
        .type = (uint16_t)ldns_rr_get_type(rr),
        .class = (uint16_t)ldns_rr_get_class(rr),
        .ttl = ldns_rr_ttl(rr),
        .line = reading->first_line,
        .rdata = reading->rdata,
    };
    const ldns_rdf *owner = ldns_rr_owner(rr);
    if (owner == NULL) {
        return refuse(reading, "the record has no owner");
    }
    struct d1_reader reader = d1_reader_over(ldns_rdf_data(owner), ldns_rdf_size(owner));
    if (d1_name_read(&reader, &record.owner) != D1_OK) {
        return refuse(reading, "the owner is not a valid name");
    }
    struct d1_writer writer = d1_writer_over(reading->rdata, sizeof(reading->rdata));
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *field = ldns_rr_rdf(rr, i);
        if (field == NULL) {
            return refuse(reading, "the record's data is not complete");
        }
        d1_write_bytes(&writer, ldns_rdf_data(field), ldns_rdf_size(field));
    }
    if (writer.failed) {
        return refuse(reading, "the record's data is longer than 65535 octets");
    }
    record.rdata_length = (uint16_t)d1_writer_length(&writer);
    return reading->on_record(&record, reading->arg);
}

static int read_record(struct reading *reading) {
    ldns_rr *rr = NULL;
    ldns_rdf *origin =
        ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, reading->origin.length, reading->origin.octets);
    if (origin == NULL) {
        return d1_error_set(reading->error, -ENOMEM, "no memory");
    }
    ldns_status status =
        ldns_rr_new_frm_str(&rr, reading->text, reading->ttl, origin, &reading->previous);
    ldns_rdf_deep_free(origin);
    if (status == LDNS_STATUS_MEM_ERR) {
        return d1_error_set(reading->error, -ENOMEM, "no memory");
    }
    if (status != LDNS_STATUS_OK) {
        return refuse(reading, ldns_get_errorstr_by_id(status));
    }
    int err = give_record(reading, rr);
    ldns_rr_free(rr);
    return err;
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
    int err = add_line(reading, line);
    if (err == D1_OK && reading->depth > 0) {
        err = refuse(reading, "a parenthesis is not closed");
    }
    if (err == D1_OK && reading->text[0] == '$') {
        err = refuse(reading, "a directive cannot stand here, only a record");
    }
    if (err == D1_OK && !is_blank(reading->text)) {
        err = read_record(reading);
    }
    reading_destroy(reading);
    return err;
}

/* The next line of the file into `input`. Returns 1, 0 at its end, or an error. */
static int next_line(struct reading *reading, FILE *file) {
    if (fgets(reading->input, sizeof(reading->input), file) == NULL) {
        return ferror(file) ? d1_error_set(reading->error, -EIO, "cannot be read") : 0;
    }
    reading->line++;
    if (strchr(reading->input, '\n') == NULL && !feof(file)) {
        return refuse(reading, "the line is too long or holds a NUL");
    }
    return 1;
}

/* Join the next record's lines into `text`. Returns 1, 0 at the end of the file, or an error. */
static int next_text(struct reading *reading, FILE *file) {
    reading->length = 0;
    reading->first_line = reading->line + 1;
    for (;;) {
        int more = next_line(reading, file);
        if (more == 0 && reading->depth > 0) {
            return refuse(reading, "a parenthesis is not closed");
        }
        if (more != 1) {
            return more;
        }
        int err = add_line(reading, reading->input);
        if (err != D1_OK) {
            return err;
        }
        if (reading->depth == 0 && !is_blank(reading->text)) {
            return 1;
        }
        if (reading->depth == 0) {
            reading->length = 0;
            reading->first_line = reading->line + 1;
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
        if (head + reading->origin.length > D1_NAME_OCTETS_MAX) {
            return refuse(reading, "$ORIGIN needs a valid name");
        }
        memcpy(name.octets + head, reading->origin.octets, reading->origin.length);
        name.length = (uint8_t)(head + reading->origin.length);
    }
    d1_name_copy(&reading->origin, &name);
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
        const char *end = word;
        reading->ttl = word != NULL ? ldns_str2period(word, &end) : 0;
        return word != NULL && end != word && *end == '\0' ? D1_OK
                                                           : refuse(reading, "$TTL needs a time");
    }
    if (strncasecmp(text, "$INCLUDE", 8) == 0) {
        return refuse(reading, "$INCLUDE is not supported: write it all in one file");
    }
    if (strncasecmp(text, "$GENERATE", 9) == 0) {
        return refuse(reading, "$GENERATE is not supported: write the records out");
    }
    return refuse(reading, "this directive is not supported");
}

int d1_zonefile_read(FILE *file, const char *path, const struct d1_name *origin, uint32_t ttl,
                     d1_zone_record_fn on_record, void *arg, struct d1_error *error) {
    struct reading *reading = reading_create(origin, ttl, error);
    if (reading == NULL) {
        return -ENOMEM;
    }
    reading->on_record = on_record;
    reading->arg = arg;
    int err = D1_OK;
    for (;;) {
        err = next_text(reading, file);
        if (err == 0) {
            break;
        }
        if (err == 1) {
            err = reading->text[0] == '$' ? read_directive(reading) : read_record(reading);
        }
        if (err != D1_OK) {
            d1_error_prefix(error, "%s:%u", path, (unsigned)reading->first_line);
            break;
        }
    }
    reading_destroy(reading);
    return err;
}
