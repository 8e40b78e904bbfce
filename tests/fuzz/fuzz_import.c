/*
 * What `dns01ctl import` reads: SQL dumps, CSV, goacmedns' JSON, acme-dns' config.cfg. The first octet
 * chooses which. Whatever comes, the set is consistent, errors have a story, and printed configuration
 * is one comment or setting a line.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "ctl/import/config.h"
#include "ctl/import/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

static void check_set(struct d1_import_set *set) {
    struct d1_error error = {.code = D1_OK};
    size_t found = 0;
    if (d1_import_set_finish(set, &error) != D1_OK) {
        check(error.text[0] != '\0', "no story");
        return;
    }
    for (size_t i = 0; i < set->accounts_count; i++) {
        const struct d1_import_account *account = &set->accounts[i];
        check(account->where != NULL, "an account from nowhere");
    }
    for (size_t i = 0; i < set->values_count; i += found) {
        const char *subdomain = set->values[i].subdomain;
        const struct d1_import_txt *values = d1_import_set_values(set, subdomain, &found);
        check(values == &set->values[i] && found > 0, "values out of order");
        check(values->value[0] != '\0', "an empty value");
    }
}

static void read_rows(char kind, const char *text, size_t length) {
    struct d1_import_set set;
    struct d1_error error = {.code = D1_OK};
    d1_import_set_init(&set);
    int err = kind == 's'   ? d1_import_read_sql(&set, text, length, &error)
              : kind == 'c' ? d1_import_read_csv(&set, text, length, &error)
                            : d1_import_read_goacmedns(&set, text, length, &error);
    check(err == D1_OK || (err == error.code && error.text[0] != '\0'), "an error without a story");
    if (err == D1_OK) {
        check_set(&set);
    }
    d1_import_set_close(&set);
}

static void read_config(const char *text, size_t length) {
    struct d1_acmedns_config config;
    struct d1_error error = {.code = D1_OK};
    if (d1_acmedns_config_parse(text, length, &config, &error) != D1_OK) {
        check(error.text[0] != '\0', "an error without a story");
        return;
    }
    char *printed = NULL;
    size_t printed_length = 0;
    FILE *out = open_memstream(&printed, &printed_length);
    check(out != NULL, "no memory");
    d1_acmedns_config_print(&config, out);
    fclose(out);
    static const char marks[] = "# -abcdefghijklmnopqrstuvwxyz";
    for (size_t i = 0; i < printed_length; i++) {
        bool begins = i == 0 || printed[i - 1] == '\n';
        check(!begins || (printed[i] != '\0' && strchr(marks, printed[i]) != NULL),
              "a line that is neither comment nor setting");
    }
    free(printed);
    d1_acmedns_config_close(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    if (data[0] == 't') {
        read_config(text, size - 1);
    } else if (strchr("scj", data[0]) != NULL && data[0] != '\0') {
        read_rows((char)data[0], text, size - 1);
    }
    return 0;
}
