#include "ctl/import/set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/text.h"

#define NEWEST_VERSION 1

void d1_import_set_init(struct d1_import_set *set) {
    *set = (struct d1_import_set){.version = -1};
}

static void drop(char *text) {
    if (text != NULL) {
        d1_wipe(text, strlen(text));
        d1_free(text);
    }
}

static void drop_account(struct d1_import_account *account) {
    drop(account->username);
    drop(account->secret);
    drop(account->subdomain);
    drop(account->fulldomain);
    drop(account->allowfrom);
    drop(account->value);
    drop(account->where);
}

void d1_import_set_close(struct d1_import_set *set) {
    for (size_t i = 0; i < set->accounts_count; i++) {
        drop_account(&set->accounts[i]);
    }
    for (size_t i = 0; i < set->values_count; i++) {
        drop(set->values[i].subdomain);
        drop(set->values[i].value);
    }
    d1_free(set->accounts);
    d1_free(set->values);
    d1_import_set_init(set);
}

enum d1_import_table d1_import_table_find(const char *name) {
    static const char *const names[] = {
        [D1_IMPORT_RECORDS] = "records",
        [D1_IMPORT_TXT] = "txt",
        [D1_IMPORT_VERSION] = "acmedns",
    };
    for (size_t i = 0; i < D1_ARRAY_LENGTH(names); i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return (enum d1_import_table)i;
        }
    }
    return D1_IMPORT_OTHER;
}

int d1_import_columns_add(struct d1_import_columns *columns, const char *name) {
    static const struct {
        const char *name;
        enum d1_import_column kind;
    } known[] = {
        {"username", D1_IMPORT_USERNAME},   {"password", D1_IMPORT_PASSWORD},
        {"subdomain", D1_IMPORT_SUBDOMAIN}, {"allowfrom", D1_IMPORT_ALLOWFROM},
        {"name", D1_IMPORT_NAME},           {"value", D1_IMPORT_VALUE},
        {"lastupdate", D1_IMPORT_TIME},     {"lastactive", D1_IMPORT_TIME},
    };
    if (columns->count == D1_IMPORT_COLUMNS_MAX) {
        return D1_ETOOLARGE;
    }
    enum d1_import_column *kind = &columns->kind[columns->count++];
    *kind = D1_IMPORT_IGNORED;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(known); i++) {
        if (strcasecmp(known[i].name, name) == 0) {
            *kind = known[i].kind;
        }
    }
    return D1_OK;
}

void d1_import_set_see(struct d1_import_set *set, enum d1_import_table table) {
    set->has_records = set->has_records || table == D1_IMPORT_RECORDS;
    set->has_txt = set->has_txt || table == D1_IMPORT_TXT;
}

/* Room for one more; the array as it is or grown, NULL without memory. */
static void *grow(void *rows, size_t count, size_t *room, size_t size) {
    if (count < *room) {
        return rows;
    }
    size_t more = *room > 0 ? 2 * *room : 64;
    void *grown = d1_realloc(rows, more, size);
    if (grown != NULL) {
        *room = more;
    }
    return grown;
}

static int no_memory(struct d1_error *error) {
    return d1_error_set(error, -ENOMEM, "out of memory");
}

static int too_many(struct d1_error *error) {
    return d1_error_set(error, D1_ELIMIT, "more than %d rows", D1_ACCOUNTS_MAX);
}

int d1_import_set_account(struct d1_import_set *set, struct d1_import_account *account,
                          struct d1_error *error) {
    struct d1_import_account *accounts = NULL;
    bool full = set->accounts_count >= D1_ACCOUNTS_MAX;
    if (!full) {
        accounts =
            grow(set->accounts, set->accounts_count, &set->accounts_room, sizeof(*set->accounts));
    }
    if (accounts == NULL) {
        drop_account(account);
        return full ? too_many(error) : no_memory(error);
    }
    set->accounts = accounts;
    set->accounts[set->accounts_count++] = *account;
    return D1_OK;
}

/* The field of that kind, or NULL. */
static const char *field_of(const struct d1_import_columns *columns,
                            const struct d1_import_fields *fields, enum d1_import_column kind) {
    for (size_t i = 0; i < columns->count; i++) {
        if (columns->kind[i] == kind) {
            return fields->text[i];
        }
    }
    return NULL;
}

/* PostgreSQL prints a bytea as \x and hex. Returns a text to be freed, or NULL without memory. */
static char *copy_secret(const char *text) {
    size_t length = strlen(text);
    char plain[D1_BCRYPT_TEXT_BYTES * 2];
    if (strncmp(text, "\\x", 2) == 0 && length - 2 < 2 * sizeof(plain) &&
        d1_hex_decode(text + 2, length - 2, plain) == D1_OK) {
        return d1_strndup(plain, (length - 2) / 2);
    }
    return d1_strdup(text);
}

/* Unix time in seconds; what is none counts as long ago. */
static int64_t read_time(const char *text) {
    uint64_t seconds = 0;
    if (text == NULL || d1_number_parse(text, 0, UINT64_C(253402300799), &seconds) != D1_OK) {
        return 0;
    }
    return (int64_t)seconds;
}

/* NULL stays NULL; *good is cleared without memory. */
static char *copy(const char *text, bool *good) {
    char *made = text != NULL ? d1_strdup(text) : NULL;
    *good = *good && (text == NULL || made != NULL);
    return made;
}

static int add_record(struct d1_import_set *set, const struct d1_import_columns *columns,
                      const struct d1_import_fields *fields, const char *where,
                      struct d1_error *error) {
    const char *secret = field_of(columns, fields, D1_IMPORT_PASSWORD);
    bool good = true;
    struct d1_import_account account = {
        .username = copy(field_of(columns, fields, D1_IMPORT_USERNAME), &good),
        .secret = secret != NULL ? copy_secret(secret) : NULL,
        .subdomain = copy(field_of(columns, fields, D1_IMPORT_SUBDOMAIN), &good),
        .allowfrom = copy(field_of(columns, fields, D1_IMPORT_ALLOWFROM), &good),
        .value = copy(field_of(columns, fields, D1_IMPORT_VALUE), &good),
        .value_time = read_time(field_of(columns, fields, D1_IMPORT_TIME)),
        .where = copy(where, &good),
    };
    if (!good || (secret != NULL && account.secret == NULL)) {
        drop_account(&account);
        return no_memory(error);
    }
    return d1_import_set_account(set, &account, error);
}

static int add_value(struct d1_import_set *set, const struct d1_import_columns *columns,
                     const struct d1_import_fields *fields, struct d1_error *error) {
    const char *subdomain = field_of(columns, fields, D1_IMPORT_SUBDOMAIN);
    const char *value = field_of(columns, fields, D1_IMPORT_VALUE);
    if (subdomain == NULL || value == NULL || value[0] == '\0') {
        return D1_OK; /* acme-dns' empty slots. */
    }
    if (set->values_count >= D1_ACCOUNTS_MAX) {
        return too_many(error);
    }
    struct d1_import_txt *values =
        grow(set->values, set->values_count, &set->values_room, sizeof(*set->values));
    if (values == NULL) {
        return no_memory(error);
    }
    set->values = values;
    bool good = true;
    struct d1_import_txt *to = &set->values[set->values_count];
    *to = (struct d1_import_txt){
        .subdomain = copy(subdomain, &good),
        .value = copy(value, &good),
        .updated = read_time(field_of(columns, fields, D1_IMPORT_TIME)),
    };
    if (!good) {
        drop(to->subdomain);
        drop(to->value);
        return no_memory(error);
    }
    set->values_count++;
    return D1_OK;
}

static int take_version(struct d1_import_set *set, const struct d1_import_columns *columns,
                        const struct d1_import_fields *fields, struct d1_error *error) {
    const char *name = field_of(columns, fields, D1_IMPORT_NAME);
    const char *value = field_of(columns, fields, D1_IMPORT_VALUE);
    uint64_t version = 0;
    if (name == NULL || strcmp(name, "db_version") != 0) {
        return D1_OK;
    }
    if (value == NULL || d1_number_parse(value, 0, NEWEST_VERSION, &version) != D1_OK) {
        return d1_error_set(error, D1_EVERSION,
                            "an acme-dns database of version %.40s; this dns01ctl knows versions 0 "
                            "and %d",
                            value != NULL ? value : "NULL", NEWEST_VERSION);
    }
    set->version = (int64_t)version;
    return D1_OK;
}

int d1_import_set_row(struct d1_import_set *set, enum d1_import_table table,
                      const struct d1_import_columns *columns,
                      const struct d1_import_fields *fields, const char *where,
                      struct d1_error *error) {
    d1_import_set_see(set, table);
    if (table == D1_IMPORT_OTHER) {
        return D1_OK;
    }
    if (columns->count != fields->count) {
        return d1_error_set(error, D1_EPARSE, "%zu fields where the table has %zu columns",
                            fields->count, columns->count);
    }
    if (table == D1_IMPORT_RECORDS) {
        return add_record(set, columns, fields, where, error);
    }
    if (table == D1_IMPORT_TXT) {
        return add_value(set, columns, fields, error);
    }
    return take_version(set, columns, fields, error);
}

static int compare_values(const void *a, const void *b) {
    const struct d1_import_txt *left = a;
    const struct d1_import_txt *right = b;
    int order = strcmp(left->subdomain, right->subdomain);
    if (order != 0) {
        return order;
    }
    return left->updated > right->updated ? -1 : left->updated < right->updated ? 1 : 0;
}

int d1_import_set_finish(struct d1_import_set *set, struct d1_error *error) {
    if (!set->has_records) {
        return d1_error_set(error, D1_EPARSE,
                            "there is no table `records`; this is no acme-dns database");
    }
    if (set->values_count > 1) {
        qsort(set->values, set->values_count, sizeof(set->values[0]), compare_values);
    }
    return D1_OK;
}

const struct d1_import_txt *d1_import_set_values(const struct d1_import_set *set,
                                                 const char *subdomain, size_t *ret_count) {
    size_t low = 0;
    size_t high = set->values_count;
    while (low < high) { /* The first that is not before it. */
        size_t middle = low + (high - low) / 2;
        if (strcmp(set->values[middle].subdomain, subdomain) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    size_t end = low;
    while (end < set->values_count && strcmp(set->values[end].subdomain, subdomain) == 0) {
        end++;
    }
    *ret_count = end - low;
    return end > low ? &set->values[low] : NULL;
}
