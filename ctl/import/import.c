/*
 * Happy path: every file is read to its end, values are put to their accounts, accounts go to
 * POST /v1/accounts/import in batches that fit a request, each durable when it is answered; what was
 * refused is told with its place in the file, then the counts.
 * Failures: a file that cannot be read whole sends nothing. A server that fails in between leaves
 * what was done; the same command again goes on where it ended, for what is there stays unchanged.
 */
#include "ctl/import/import.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "ctl/arguments.h"
#include "ctl/commands.h"
#include "ctl/import/config.h"
#include "ctl/import/read.h"
#include "ctl/print.h"

#define STATUS_USAGE     2
#define BODY_BYTES_MAX   (D1_HTTP_BODY_BYTES_MAX - 256)
#define PROGRESS_US      2000000
#define ROOM_FOR_OPENING 64

struct importing {
    struct d1_ctl_context *context;
    const struct d1_import_set *set;
    const char *domain; /* From config.cfg; NULL: the server's account zone. */
    FILE *report;       /* Where people read. */
    struct d1_bytes body;
    size_t batch[D1_IMPORT_BATCH_MAX]; /* Accounts in the body. */
    size_t batch_count;
    size_t done;
    size_t imported;
    size_t unchanged;
    size_t refused;
    size_t values;
    json_t *refusals; /* For --json. */
    int64_t next_progress_us;
};

static void refuse(struct importing *i, const struct d1_import_account *account,
                   const char *detail) {
    const char *username = account->username != NULL ? account->username : "";
    i->refused++;
    if (i->context->arguments->json) {
        json_array_append_new(i->refusals,
                              json_pack("{s:s, s:s*, s:s}", "where", account->where, "username",
                                        username[0] != '\0' ? username : NULL, "detail", detail));
        return;
    }
    d1_ctl_print_text(i->report, account->where, 0);
    fputs(": account ", i->report);
    d1_ctl_print_text(i->report, username[0] != '\0' ? username : "-", 0);
    fputs(" refused: ", i->report);
    d1_ctl_print_text(i->report, detail, 0);
    fputc('\n', i->report);
}

/* ---- From rows to requests ---- */

/* acme-dns' text of networks: a JSON list, or nothing. Returns NULL when it is something else. */
static json_t *pack_allowfrom(const char *text) {
    if (text == NULL || text[0] == '\0' || strcmp(text, "null") == 0) {
        return json_array();
    }
    json_t *list = text[0] == '[' && strchr(text + 1, '[') == NULL && strchr(text, '{') == NULL
                       ? json_loads(text, 0, NULL)
                       : NULL;
    if (!json_is_array(list)) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static void append_value(json_t *list, const char *value, int64_t updated) {
    json_array_append_new(list,
                          json_pack("{s:s, s:I}", "value", value, "updated", (json_int_t)updated));
}

/* The newest ones first. Version 0 had one value, in `records`. */
static json_t *pack_values(const struct d1_import_set *set,
                           const struct d1_import_account *account) {
    json_t *list = json_array();
    size_t count = 0;
    const struct d1_import_txt *values =
        d1_import_set_values(set, account->subdomain != NULL ? account->subdomain : "", &count);
    for (size_t k = 0; k < count && k < D1_IMPORT_VALUES_MAX; k++) {
        append_value(list, values[k].value, values[k].updated);
    }
    if (!set->has_txt && account->value != NULL && account->value[0] != '\0') {
        append_value(list, account->value, account->value_time);
    }
    return list;
}

/* As the server takes it, or NULL: it was refused. */
static json_t *pack_account(struct importing *i, const struct d1_import_account *account) {
    json_t *allowfrom = pack_allowfrom(account->allowfrom);
    char full[2 * D1_NAME_TEXT_MAX];
    const char *name = account->fulldomain;
    if (allowfrom == NULL) {
        refuse(i, account, "allowfrom is no list of networks in JSON");
        return NULL;
    }
    if (name == NULL && i->domain != NULL && account->subdomain != NULL) {
        int length = snprintf(full, sizeof(full), "%s.%s", account->subdomain, i->domain);
        name = length > 0 && (size_t)length < sizeof(full) ? full : NULL;
    }
    json_t *object = json_pack("{s:s*, s:s*, s:s*, s:s*, s:o, s:o}", "username", account->username,
                               "subdomain", account->subdomain, "fulldomain", name,
                               i->set->plain ? "password" : "password_hash", account->secret,
                               "allowfrom", allowfrom, "values", pack_values(i->set, account));
    if (object == NULL) {
        refuse(i, account, "it has text that is not UTF-8");
    }
    return object;
}

/* ---- Batches ---- */

static void open_batch(struct importing *i) {
    d1_bytes_clear(&i->body);
    d1_bytes_printf(&i->body, "{\"dry_run\":%s,\"accounts\":[",
                    i->context->arguments->dry_run ? "true" : "false");
    i->batch_count = 0;
}

static void take_result(struct importing *i, size_t index, const json_t *result) {
    const char *text = json_string_value(json_object_get(result, "result"));
    const char *detail = json_string_value(json_object_get(result, "detail"));
    if (text != NULL && strcmp(text, "imported") == 0) {
        i->imported++;
        i->values += (size_t)json_integer_value(json_object_get(result, "values"));
    } else if (text != NULL && strcmp(text, "unchanged") == 0) {
        i->unchanged++;
    } else {
        refuse(i, &i->set->accounts[index], detail != NULL ? detail : "the server did not say why");
    }
}

static void show_progress(struct importing *i) {
    int64_t now_us = d1_clock_mono_us(d1_clock_system());
    if (now_us >= i->next_progress_us) {
        i->next_progress_us = now_us + PROGRESS_US;
        fprintf(i->context->err, "dns01ctl: %zu of %zu accounts\n", i->done,
                i->set->accounts_count);
        fflush(i->context->err);
    }
}

/* Send what is in the body. Returns false after an error was told. */
static bool send_batch(struct importing *i) {
    json_t *reply = NULL;
    if (i->batch_count == 0) {
        return true;
    }
    d1_bytes_add_text(&i->body, "]}");
    const char *text = d1_bytes_text(&i->body);
    if (text == NULL || i->body.failed) {
        fputs("dns01ctl: out of memory\n", i->context->err);
        return false;
    }
    const struct d1_ctl_request request = {"POST", "/v1/accounts/import", text};
    if (!d1_ctl_ask(i->context, &request, &reply)) {
        return false;
    }
    const json_t *results = json_object_get(reply, "results");
    for (size_t k = 0; k < i->batch_count; k++) {
        take_result(i, i->batch[k], json_array_get(results, k));
    }
    json_decref(reply);
    i->done += i->batch_count;
    show_progress(i);
    open_batch(i);
    return true;
}

/* Returns false after an error was told. */
static bool add_account(struct importing *i, size_t index) {
    char text[BODY_BYTES_MAX];
    json_t *object = pack_account(i, &i->set->accounts[index]);
    if (object == NULL) {
        i->done++;
        return true;
    }
    size_t length = json_dumpb(object, text, sizeof(text), JSON_COMPACT);
    json_decref(object);
    bool good = true;
    if (length == 0 || length > BODY_BYTES_MAX - ROOM_FOR_OPENING) {
        refuse(i, &i->set->accounts[index], "it is too long for a request");
        i->done++;
    } else {
        if (i->batch_count == D1_IMPORT_BATCH_MAX || i->body.length + length > BODY_BYTES_MAX) {
            good = send_batch(i);
        }
        d1_bytes_add_text(&i->body, i->batch_count > 0 ? "," : "");
        d1_bytes_add(&i->body, text, length);
        if (good) {
            i->batch[i->batch_count++] = index;
        }
    }
    d1_wipe(text, sizeof(text));
    return good;
}

/* ---- The report ---- */

static void report(struct importing *i, bool whole) {
    const struct d1_ctl_arguments *arguments = i->context->arguments;
    if (arguments->json) {
        json_t *reply =
            json_pack("{s:b, s:I, s:I, s:I, s:I, s:b, s:O}", "dry_run", arguments->dry_run,
                      "accounts", (json_int_t)i->set->accounts_count, "imported",
                      (json_int_t)i->imported, "unchanged", (json_int_t)i->unchanged, "values",
                      (json_int_t)i->values, "complete", whole, "refused", i->refusals);
        d1_ctl_print_json(i->report, reply);
        json_decref(reply);
        return;
    }
    fprintf(i->report, "%zu accounts: %zu %s with %zu values, %zu unchanged, %zu refused\n",
            i->set->accounts_count, i->imported,
            arguments->dry_run ? "would be imported" : "imported", i->values, i->unchanged,
            i->refused);
    if (!whole) {
        fputs("not all were sent; the same command again goes on from there\n", i->report);
    }
}

static int send_set(struct d1_ctl_context *context, const struct d1_import_set *set,
                    const char *domain, FILE *out) {
    struct importing importing = {
        .context = context,
        .set = set,
        .domain = domain,
        .report = out,
        .refusals = json_array(),
        .next_progress_us = d1_clock_mono_us(d1_clock_system()) + PROGRESS_US,
    };
    bool good = true;
    d1_bytes_init(&importing.body, D1_HTTP_BODY_BYTES_MAX);
    open_batch(&importing);
    for (size_t k = 0; good && k < set->accounts_count; k++) {
        good = add_account(&importing, k);
    }
    good = good && send_batch(&importing);
    report(&importing, good);
    d1_wipe(importing.body.data, importing.body.capacity);
    d1_bytes_close(&importing.body);
    json_decref(importing.refusals);
    return good && importing.refused == 0 ? 0 : 1;
}

static int tell(struct d1_ctl_context *context, const struct d1_error *error) {
    fputs("dns01ctl: ", context->err);
    d1_ctl_print_text(context->err, error->text, 0);
    fputs("; nothing was imported\n", context->err);
    return 1;
}

/* ---- Commands ---- */

static int import_goacmedns(struct d1_ctl_context *context, const char *path) {
    struct d1_import_set set;
    struct d1_bytes text;
    struct d1_error error = {.code = D1_OK};
    d1_import_set_init(&set);
    int err = d1_import_read_text(path, &text, &error);
    if (err == D1_OK) {
        err = d1_import_read_goacmedns(&set, text.data != NULL ? (const char *)text.data : "",
                                       text.length, &error);
        if (err != D1_OK) {
            d1_error_prefix(&error, "%s", path);
        }
        d1_wipe(text.data, text.length);
        d1_bytes_close(&text);
    }
    int status = err == D1_OK ? send_set(context, &set, NULL, context->out) : tell(context, &error);
    d1_import_set_close(&set);
    return status;
}

static int import_acmedns(struct d1_ctl_context *context, const char *const *paths, size_t count,
                          const char *domain) {
    struct d1_import_set set;
    struct d1_error error = {.code = D1_OK};
    int err = D1_OK;
    d1_import_set_init(&set);
    for (size_t k = 0; err == D1_OK && k < count; k++) {
        err = d1_import_read_file(&set, paths[k], &error);
    }
    if (err == D1_OK) {
        err = d1_import_set_finish(&set, &error);
        if (err != D1_OK) {
            d1_error_prefix(&error, "%s", paths[0]);
        }
    }
    bool prints_config = context->arguments->config != NULL;
    int status = err == D1_OK
                     ? send_set(context, &set, domain, prints_config ? context->err : context->out)
                     : tell(context, &error);
    d1_import_set_close(&set);
    return status;
}

/* Reads config.cfg, prints ours, then imports what is named. */
static int convert(struct d1_ctl_context *context, const char *const *paths, size_t count) {
    struct d1_acmedns_config config;
    struct d1_error error = {.code = D1_OK};
    int err = d1_acmedns_config_read(context->arguments->config, &config, &error);
    if (err != D1_OK) {
        return tell(context, &error);
    }
    d1_acmedns_config_print(&config, context->out);
    int status = count > 0 ? import_acmedns(context, paths, count, config.domain) : 0;
    d1_acmedns_config_close(&config);
    return status;
}

int d1_ctl_import(struct d1_ctl_context *context) {
    const struct d1_ctl_arguments *arguments = context->arguments;
    const char *const *paths = arguments->operands + 1;
    size_t count = arguments->operands_count - 1;
    bool acmedns = strcmp(arguments->operands[0], "acme-dns") == 0;
    bool goacmedns = strcmp(arguments->operands[0], "goacmedns") == 0;
    if (acmedns && arguments->config != NULL) {
        return convert(context, paths, count);
    }
    if (acmedns && count > 0) {
        return import_acmedns(context, paths, count, NULL);
    }
    if (goacmedns && count == 1 && arguments->config == NULL) {
        return import_goacmedns(context, paths[0]);
    }
    fputs("dns01ctl: usage: dns01ctl import " D1_CTL_IMPORT_USAGE "\n", context->err);
    return STATUS_USAGE;
}
