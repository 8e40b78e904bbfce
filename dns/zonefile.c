#include "dns/zonefile.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/mem.h"

/* What is passed along while records are read. */
struct reading {
    d1_zone_record_fn on_record;
    void *arg;
    uint8_t *rdata; /* D1_DNS_MESSAGE_MAX octets, owned. */
};

static int reading_init(struct reading *reading, d1_zone_record_fn on_record, void *arg) {
    reading->on_record = on_record;
    reading->arg = arg;
    reading->rdata = d1_malloc(D1_DNS_MESSAGE_MAX);
    return reading->rdata != NULL ? D1_OK : -ENOMEM;
}

static ldns_rdf *origin_rdf(const struct d1_name *origin) {
    return ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, origin->length, origin->octets);
}

static int read_owner(const ldns_rdf *rdf, struct d1_name *ret_owner) {
    struct d1_reader reader = d1_reader_over(ldns_rdf_data(rdf), ldns_rdf_size(rdf));
    return d1_name_read(&reader, ret_owner);
}

/* Hand one record over in wire form: its rdata is what ldns holds, field after field. */
static int give_record(const struct reading *reading, const ldns_rr *rr, uint32_t line,
                       struct d1_error *error) {
    struct d1_zone_record record = {
        .type = (uint16_t)ldns_rr_get_type(rr),
        .class = (uint16_t)ldns_rr_get_class(rr),
        .ttl = ldns_rr_ttl(rr),
        .line = line,
        .rdata = reading->rdata,
    };
    if (ldns_rr_owner(rr) == NULL || read_owner(ldns_rr_owner(rr), &record.owner) != D1_OK) {
        return d1_error_set(error, D1_EPARSE, "the owner is not a valid name");
    }
    struct d1_writer writer = d1_writer_over(reading->rdata, D1_DNS_MESSAGE_MAX);
    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *field = ldns_rr_rdf(rr, i);
        if (field == NULL) {
            return d1_error_set(error, D1_EPARSE, "the record's data is not complete");
        }
        d1_write_bytes(&writer, ldns_rdf_data(field), ldns_rdf_size(field));
    }
    if (writer.failed) {
        return d1_error_set(error, D1_EPARSE, "the record's data is longer than 65535 octets");
    }
    record.rdata_length = (uint16_t)d1_writer_length(&writer);
    return reading->on_record(&record, reading->arg);
}

static bool is_empty_line(const char *line) {
    size_t blank = strspn(line, " \t\r\n");
    return line[blank] == '\0' || line[blank] == ';';
}

int d1_zoneline_read(const char *line, const struct d1_name *origin, uint32_t ttl,
                     d1_zone_record_fn on_record, void *arg, struct d1_error *error) {
    if (is_empty_line(line)) {
        return D1_OK;
    }
    if (line[strspn(line, " \t")] == '$') {
        return d1_error_set(error, D1_EPARSE, "a directive cannot stand here, only a record");
    }
    struct reading reading;
    int err = reading_init(&reading, on_record, arg);
    ldns_rdf *base = origin_rdf(origin);
    if (err != D1_OK || base == NULL) {
        err = d1_error_set(error, -ENOMEM, "no memory");
        goto close;
    }
    ldns_rr *rr = NULL;
    ldns_status status = ldns_rr_new_frm_str(&rr, line, ttl, base, NULL);
    if (status != LDNS_STATUS_OK) {
        err = d1_error_set(error, D1_EPARSE, "%s", ldns_get_errorstr_by_id(status));
        goto close;
    }
    err = give_record(&reading, rr, 1, error);
    ldns_rr_free(rr);
close:
    ldns_rdf_deep_free(base);
    d1_free(reading.rdata);
    return err;
}

/* The directive that begins the text at `from`, for a better message; "" when it is another line. */
static const char *directive_at(FILE *file, off_t from) {
    char line[64];
    off_t now = ftello(file);
    const char *found = "";
    if (from < 0 || now < 0 || fseeko(file, from, SEEK_SET) != 0) {
        return found;
    }
    while (ftello(file) < now && fgets(line, sizeof(line), file) != NULL) {
        if (is_empty_line(line)) {
            continue;
        }
        if (strncasecmp(line, "$GENERATE", 9) == 0) {
            found = "$GENERATE";
        } else if (line[0] == '$') {
            found = "this directive";
        }
        break;
    }
    if (fseeko(file, now, SEEK_SET) != 0) {
        found = "";
    }
    return found;
}

static int explain(FILE *file, off_t from, ldns_status status, struct d1_error *error) {
    if (status == LDNS_STATUS_MEM_ERR) {
        return d1_error_set(error, -ENOMEM, "no memory");
    }
    if (status == LDNS_STATUS_SYNTAX_INCLUDE) {
        return d1_error_set(error, D1_EPARSE,
                            "$INCLUDE is not supported: write it all in one file");
    }
    const char *directive = directive_at(file, from);
    if (directive[0] != '\0') {
        return d1_error_set(error, D1_EPARSE, "%s is not supported: write the records out",
                            directive);
    }
    return d1_error_set(error, D1_EPARSE, "%s", ldns_get_errorstr_by_id(status));
}

/* Whether this status only means that there was no record. */
static bool is_no_record(ldns_status status) {
    return status == LDNS_STATUS_SYNTAX_TTL || status == LDNS_STATUS_SYNTAX_ORIGIN ||
           status == LDNS_STATUS_SYNTAX_EMPTY;
}

int d1_zonefile_read(FILE *file, const char *path, const struct d1_name *origin, uint32_t ttl,
                     d1_zone_record_fn on_record, void *arg, struct d1_error *error) {
    struct reading reading;
    int err = reading_init(&reading, on_record, arg);
    ldns_rdf *base = origin_rdf(origin);
    ldns_rdf *previous = NULL;
    int next_line = 1;
    if (err != D1_OK || base == NULL) {
        err = d1_error_set(error, -ENOMEM, "no memory");
        goto close;
    }
    while (err == D1_OK && !feof(file)) {
        ldns_rr *rr = NULL;
        off_t from = ftello(file);
        ldns_status status = ldns_rr_new_frm_fp_l(&rr, file, &ttl, &base, &previous, &next_line);
        uint32_t line = (uint32_t)(feof(file) || next_line < 2 ? next_line : next_line - 1);
        if (ferror(file)) {
            err = d1_error_set(error, -EIO, "cannot be read");
        } else if (status == LDNS_STATUS_OK) {
            err = give_record(&reading, rr, line, error);
        } else if (!is_no_record(status)) {
            err = explain(file, from, status, error);
        }
        if (status == LDNS_STATUS_OK) {
            ldns_rr_free(rr);
        }
        if (err != D1_OK) {
            d1_error_prefix(error, "%s:%u", path, (unsigned)line);
        }
    }
close:
    ldns_rdf_deep_free(previous);
    ldns_rdf_deep_free(base);
    d1_free(reading.rdata);
    return err;
}
