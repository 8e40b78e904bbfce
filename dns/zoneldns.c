/*
 * What ldns 1.8 reads otherwise than the RFCs say is settled before it sees the text: the class may
 * stand before the TTL, a TTL of 0 is one, a time that does not fit is refused and not cut, blanks
 * may follow a quoted last field, owners are read by us (ldns takes 255 characters of text, and an
 * owner that only begins with "@" for the origin), and a name in rdata whose first label is an
 * escaped "@", which it takes for the origin too, is refused.
 */
#include "dns/zonerecord.h"

#include <ctype.h>
#include <errno.h>
#include <ldns/ldns.h>
#include <string.h>

#include "core/buf.h"

#define BLANKS " \t"

#define CLASS_TEXT_MAX 15
#define TTL_TEXT_MAX   20

/* The words between owner and type, as far as they are there. */
struct head {
    char *owner_end;
    char *first;
    char *second;
};

static size_t word_length(const char *word) {
    return strcspn(word, BLANKS);
}

static struct head find_head(char *text) {
    char *at = text;
    while (*at != '\0' && *at != ' ' && *at != '\t') {
        at += *at == '\\' && at[1] != '\0' ? 2 : 1;
    }
    struct head head = {.owner_end = at};
    head.first = at + strspn(at, BLANKS);
    at = head.first + word_length(head.first);
    head.second = at + strspn(at, BLANKS);
    return head;
}

static bool is_class(const char *word) {
    char text[CLASS_TEXT_MAX + 1];
    size_t length = word_length(word);
    if (length == 0 || length > CLASS_TEXT_MAX) {
        return false;
    }
    memcpy(text, word, length);
    text[length] = '\0';
    return ldns_get_rr_class_by_name(text) != 0;
}

static bool is_digit(char c) {
    return isdigit((unsigned char)c) != 0;
}

/* "class TTL" becomes "TTL class" in its place (RFC 1035, 5.1, allows both; ldns takes the latter). */
static void order_head(const struct head *head) {
    char class[CLASS_TEXT_MAX];
    size_t ttl_length = word_length(head->second);
    if (!is_digit(*head->second) || ttl_length > TTL_TEXT_MAX || !is_class(head->first)) {
        return;
    }
    size_t class_length = word_length(head->first);
    const char *end = head->second + ttl_length;
    memcpy(class, head->first, class_length);
    memmove(head->first, head->second, ttl_length);
    char *at = head->first + ttl_length;
    *at++ = ' ';
    memcpy(at, class, class_length);
    at += class_length;
    memset(at, ' ', (size_t)(end - at));
}

bool d1_zone_period(const char *word, size_t length, uint32_t *ret_seconds) {
    uint64_t total = 0;
    size_t at = 0;
    while (at < length) {
        uint64_t value = 0;
        size_t start = at;
        for (; at < length && is_digit(word[at]) && value <= UINT32_MAX; at++) {
            value = value * 10 + (uint64_t)(word[at] - '0');
        }
        static const char units[] = "smhdw";
        static const uint32_t seconds[] = {1, 60, 3600, 86400, 604800};
        const char *unit = at < length ? strchr(units, tolower((unsigned char)word[at])) : units;
        if (at == start || unit == NULL || *unit == '\0') {
            return false;
        }
        total += value * seconds[unit - units];
        at++;
        if (total > UINT32_MAX) {
            return false;
        }
    }
    *ret_seconds = (uint32_t)total;
    return length > 0;
}

static int refuse(struct d1_error *error, const char *why) {
    return d1_error_set(error, D1_EPARSE, "%s", why);
}

/* Whether the text is absolute: it ends in a dot that is not escaped. */
static bool is_absolute(const char *text, size_t length) {
    size_t escapes = 0;
    while (length >= 2 + escapes && text[length - 2 - escapes] == '\\') {
        escapes++;
    }
    return length > 0 && text[length - 1] == '.' && escapes % 2 == 0;
}

/* name + origin. Returns 0 or D1_ENAME. */
static int append_origin(struct d1_name *name, const struct d1_name *origin) {
    size_t labels = name->length - 1U;
    if (labels + origin->length > D1_NAME_OCTETS_MAX) {
        return D1_ENAME;
    }
    memcpy(name->octets + labels, origin->octets, origin->length);
    name->length = (uint8_t)(labels + origin->length);
    return D1_OK;
}

/* The owner that the text begins with. Its octets become ".", which ldns is content with. */
static int take_owner(const struct d1_zone_scope *scope, char *text, size_t length,
                      struct d1_name *ret_owner, struct d1_error *error) {
    if (length == 0) {
        d1_name_copy(ret_owner, scope->has_previous ? &scope->previous : &scope->origin);
        return D1_OK;
    }
    int err = D1_OK;
    if (length == 1 && text[0] == '@') {
        d1_name_copy(ret_owner, &scope->origin);
    } else if (text[0] == '@') {
        return refuse(error, "an owner cannot begin with @: write \\@");
    } else {
        err = d1_name_parse(text, length, ret_owner);
        if (err == D1_OK && !is_absolute(text, length)) {
            err = append_origin(ret_owner, &scope->origin);
        }
    }
    memset(text, ' ', length);
    text[0] = '.';
    return err == D1_OK ? D1_OK : refuse(error, "the owner is not a valid name");
}

/*
 * ldns takes a name whose first label is an escaped "@" for the origin. So a line with one is read
 * twice, the second time with another label in its place; names are taken from that reading, where
 * the label is turned back.
 */
#define STAND_IN '\1'

/* Put `\STAND_IN` in place of each label that begins a word and is an escaped "@" alone. */
static size_t put_stand_in(char *text) {
    static const char *const forms[] = {"\\@", "\\064"};
    size_t count = 0;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(forms); i++) {
        size_t length = strlen(forms[i]);
        for (char *at = strstr(text, forms[i]); at != NULL; at = strstr(at + 1, forms[i])) {
            bool begins = at > text && (at[-1] == ' ' || at[-1] == '\t');
            if (begins && (at[length] == '.' || at[length] == '\0' || at[length] == ' ' ||
                           at[length] == '\t')) {
                memcpy(at + 1, i == 0 ? "\1" : "001", length - 1);
                count++;
            }
        }
    }
    return count;
}

/*
 * Whether the text has the stand-in already, which could not be told from an "@"; or a blank behind a
 * backslash, which may begin a word or not.
 */
static bool is_ambiguous(const char *text) {
    return strchr(text, STAND_IN) != NULL || strstr(text, "\\001") != NULL ||
           strstr(text, "\\ ") != NULL || strstr(text, "\\\t") != NULL;
}

/* Put the record into wire form: its rdata is what ldns holds, field after field. */
static int take_record(struct d1_zone_scope *scope, const ldns_rr *rr, const ldns_rr *names,
                       struct d1_zone_record *ret_record, struct d1_error *error) {
    struct d1_writer writer = d1_writer_over(scope->rdata, sizeof(scope->rdata));
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *field = ldns_rr_rdf(rr, i);
        if (field == NULL) {
            return refuse(error, "the record's data is not complete");
        }
        bool is_name = ldns_rdf_get_type(field) == LDNS_RDF_TYPE_DNAME;
        field = is_name ? ldns_rr_rdf(names, i) : field;
        if (is_name && ldns_rdf_size(field) > D1_NAME_OCTETS_MAX) {
            return refuse(error, "a name in the record's data is too long");
        }
        uint8_t *at = writer.at;
        d1_write_bytes(&writer, ldns_rdf_data(field), ldns_rdf_size(field));
        if (is_name && names != rr && !writer.failed && at[0] == 1 && at[1] == STAND_IN) {
            at[1] = '@';
        }
    }
    if (writer.failed) {
        return refuse(error, "the record's data is longer than 65535 octets");
    }
    if (ldns_rr_get_type(rr) == 0) {
        return refuse(error, "the type is not known");
    }
    ret_record->type = (uint16_t)ldns_rr_get_type(rr);
    ret_record->class = (uint16_t)ldns_rr_get_class(rr);
    ret_record->rdata = scope->rdata;
    ret_record->rdata_length = (uint16_t)d1_writer_length(&writer);
    d1_name_copy(&scope->previous, &ret_record->owner);
    scope->has_previous = true;
    return D1_OK;
}

static ldns_rdf *rdf_of(const struct d1_name *name) {
    return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name->length, name->octets);
}

static int parse(const struct d1_zone_scope *scope, const char *text, ldns_rr **ret_rr,
                 struct d1_error *error) {
    ldns_rdf *origin = rdf_of(&scope->origin);
    ldns_rdf *previous = scope->has_previous ? rdf_of(&scope->previous) : NULL;
    ldns_status status = LDNS_STATUS_MEM_ERR;
    if (origin != NULL && (previous != NULL || !scope->has_previous)) {
        status = ldns_rr_new_frm_str(ret_rr, text, 0, origin, &previous);
    }
    ldns_rdf_deep_free(previous);
    ldns_rdf_deep_free(origin);
    if (status == LDNS_STATUS_MEM_ERR) {
        return d1_error_set(error, -ENOMEM, "no memory");
    }
    return status == LDNS_STATUS_OK ? D1_OK : refuse(error, ldns_get_errorstr_by_id(status));
}

static bool has_name(const ldns_rr *rr) {
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        if (ldns_rr_rdf(rr, i) != NULL &&
            ldns_rdf_get_type(ldns_rr_rdf(rr, i)) == LDNS_RDF_TYPE_DNAME) {
            return true;
        }
    }
    return false;
}

/* The reading to take names from: `rr` itself, or a second one, which the caller frees. */
static int read_names(const struct d1_zone_scope *scope, char *text, ldns_rr *rr,
                      ldns_rr **ret_names, struct d1_error *error) {
    *ret_names = rr;
    if (!has_name(rr)) {
        return D1_OK;
    }
    bool ambiguous = is_ambiguous(text);
    if (put_stand_in(text) == 0) {
        return D1_OK;
    }
    if (ambiguous) {
        return refuse(error, "\\@ with \\001 or an escaped blank in one line is not understood");
    }
    return parse(scope, text, ret_names, error);
}

int d1_zone_read_ldns(struct d1_zone_scope *scope, char *text, struct d1_zone_record *ret_record,
                      struct d1_error *error) {
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t') &&
           (length < 2 || text[length - 2] != '\\')) {
        text[--length] = '\0';
    }
    struct head head = find_head(text);
    int err = take_owner(scope, text, (size_t)(head.owner_end - text), &ret_record->owner, error);
    if (err != D1_OK) {
        return err;
    }
    order_head(&head);
    ret_record->ttl = scope->ttl;
    if (is_digit(*head.first) &&
        !d1_zone_period(head.first, word_length(head.first), &ret_record->ttl)) {
        return refuse(error, "the TTL is not a time of 0 to 4294967295 seconds");
    }
    ldns_rr *rr = NULL;
    err = parse(scope, text, &rr, error);
    if (err == D1_OK) {
        ldns_rr *names = rr;
        err = read_names(scope, text, rr, &names, error);
        if (err == D1_OK) {
            err = take_record(scope, rr, names, ret_record, error);
        }
        if (names != rr) {
            ldns_rr_free(names);
        }
        ldns_rr_free(rr);
    }
    return err;
}
