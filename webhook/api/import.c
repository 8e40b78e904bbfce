/*
 * POST /v1/accounts/import: accounts of an acme-dns, for `dns01ctl import`.
 *
 * Happy path: the front loop reads and checks every account of the batch; on the control loop each
 * is compared with what is there, new ones are written, many in one transaction; when all are
 * durable, the answer tells what became of each, in the order of the request.
 * Failures: an account that is no good is refused alone. A store that does not take writes fails the
 * whole request (503): whoever sends it again finds unchanged what was written before.
 */
#include "webhook/import.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "http/server.h"
#include "solver/import.h"
#include "webhook/allowfrom.h"
#include "webhook/json.h"
#include "webhook/routes.h"

enum result { REFUSED, UNCHANGED, IMPORTED };

static const char *const result_texts[] = {"refused", "unchanged", "imported"};

struct item {
    struct d1_solver_import import;
    struct d1_import_batch *batch;
    enum result result;
    char *allowfrom;
    char bcrypt[D1_BCRYPT_TEXT_BYTES];
    char given[D1_UUID_TEXT_BYTES + 32]; /* The username as it was given. */
    char subdomain[D1_LABEL_OCTETS_MAX + 1];
    char fault[160]; /* "": none. */
};

struct d1_import_batch {
    struct d1_job *job;
    bool dry_run;
    size_t under_way;
    int err; /* Of the store, or no memory. */
    size_t count;
    struct item items[];
};

void d1_import_batch_destroy(struct d1_import_batch *batch) {
    if (batch == NULL) {
        return;
    }
    for (size_t i = 0; i < batch->count; i++) {
        d1_free(batch->items[i].allowfrom);
    }
    d1_wipe(batch, sizeof(*batch) + batch->count * sizeof(batch->items[0]));
    d1_free(batch);
}

/* ---- Reading ---- */

static void refuse(struct item *item, const char *fault) {
    if (item->fault[0] == '\0') {
        snprintf(item->fault, sizeof(item->fault), "%s", fault);
    }
}

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(d1_json_find(object, key));
}

/* acme-dns' rule: letters, digits and hyphens, none of these first or last. */
static bool is_subdomain(const char *text) {
    static const char alphabet[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
    size_t length = strlen(text);
    return length > 0 && length <= D1_LABEL_OCTETS_MAX && strspn(text, alphabet) == length &&
           text[0] != '-' && text[length - 1] != '-';
}

/* $2a$COST$ and 53 characters (crypt(5)). *ret_cost is 0 when it is none. */
static void read_cost(const char *hash, unsigned *ret_cost) {
    static const char alphabet[] =
        "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    bool good = strlen(hash) == D1_BCRYPT_TEXT_BYTES - 1 && strncmp(hash, "$2", 2) == 0 &&
                strchr("aby", hash[2]) != NULL && hash[3] == '$' && hash[4] >= '0' &&
                hash[4] <= '3' && hash[5] >= '0' && hash[5] <= '9' && hash[6] == '$' &&
                strspn(hash + 7, alphabet) == D1_BCRYPT_TEXT_BYTES - 8;
    *ret_cost = good ? (unsigned)(hash[4] - '0') * 10 + (unsigned)(hash[5] - '0') : 0;
}

static void read_hash(struct item *item, const char *hash) {
    unsigned cost;
    read_cost(hash, &cost);
    if (cost < 4) {
        refuse(item, "the password is no bcrypt hash ($2a$10$ and 53 characters)");
    } else if (cost > D1_BCRYPT_COST_MAX) {
        char fault[sizeof(item->fault)];
        snprintf(fault, sizeof(fault),
                 "its bcrypt cost %u is over %d: each check would take seconds; rotate the key in "
                 "acme-dns, or register anew",
                 cost, D1_BCRYPT_COST_MAX);
        refuse(item, fault);
    } else {
        memcpy(item->bcrypt, hash, sizeof(item->bcrypt));
        item->import.account.bcrypt = item->bcrypt;
    }
}

static void read_secret(struct item *item, const json_t *object) {
    const char *hash = text_of(object, "password_hash");
    const char *key = text_of(object, "password");
    if ((hash != NULL) == (key != NULL)) {
        refuse(item, "one of password and password_hash is needed");
    } else if (hash != NULL) {
        read_hash(item, hash);
    } else if (!d1_account_key_is_valid(key)) {
        refuse(item, "the password does not have acme-dns' form: 40 letters, digits, '-' and '_'");
    } else if (d1_sha256(D1_ACCOUNT_DIGEST_DOMAIN, key, strlen(key),
                         item->import.account.key_digest) != D1_OK) {
        refuse(item, d1_err_text(D1_EINTERNAL));
    }
}

static void read_name(struct item *item, const json_t *object) {
    const char *full = text_of(object, "fulldomain");
    const char *subdomain = text_of(object, "subdomain");
    if (subdomain == NULL || !is_subdomain(subdomain)) {
        refuse(item, "the subdomain is no label of letters, digits and hyphens");
        return;
    }
    snprintf(item->subdomain, sizeof(item->subdomain), "%s", subdomain);
    struct d1_name *name = &item->import.account.name;
    if (full == NULL) {
        return;
    }
    if (d1_name_from_text(full, name) != D1_OK || name->octets[0] != strlen(subdomain) ||
        strncasecmp((const char *)name->octets + 1, subdomain, strlen(subdomain)) != 0) {
        refuse(item, "the full domain does not begin with the subdomain");
    }
}

static void read_values(struct item *item, const json_t *values) {
    size_t octets = 0;
    size_t count = json_array_size(values);
    if (values != NULL && (!json_is_array(values) || count > D1_IMPORT_VALUES_MAX)) {
        refuse(item, "values must be a list of a few");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(values, i);
        struct d1_import_value *to = &item->import.values[i];
        const json_t *text = d1_json_find(value, "value");
        json_int_t updated = json_integer_value(d1_json_find(value, "updated"));
        if (d1_txt_value_set(&to->value, json_string_value(text), json_string_length(text)) !=
                D1_OK ||
            updated < 0 || updated > INT64_C(253402300799)) { /* The year 9999. */
            refuse(item, "a value has 1 to 255 octets and a time of update");
            return;
        }
        octets += to->value.length;
        to->updated_ms = updated * 1000;
    }
    if (octets > D1_OWNER_VALUES_BYTES_MAX) {
        refuse(item, d1_err_text(D1_EVALUES));
    }
    item->import.values_count = count;
}

static void read_item(struct item *item, json_t *object) {
    struct d1_account *account = &item->import.account;
    account->allowfrom = "";
    if (d1_json_check_object(object, NULL) != D1_OK) {
        refuse(item, "an account is an object, its keys given once");
        return;
    }
    const char *username = text_of(object, "username");
    snprintf(item->given, sizeof(item->given), "%s", username != NULL ? username : "");
    if (d1_uuid_parse(item->given, strlen(item->given), account->username) != D1_OK) {
        refuse(item, "the username is no UUID");
    }
    read_name(item, object);
    read_secret(item, object);
    read_values(item, d1_json_find(object, "values"));
    const char *fault = d1_allowfrom_read(d1_json_find(object, "allowfrom"), &item->allowfrom);
    if (fault != NULL && strcmp(fault, "json_error") == 0) {
        item->batch->err = -ENOMEM;
    } else if (fault != NULL) {
        refuse(item, "allowfrom is no list of networks like \"192.0.2.0/24\"");
    }
    account->allowfrom = item->allowfrom != NULL ? item->allowfrom : "";
}

static int read_batch(struct d1_job *job, const json_t *object) {
    static const char *const keys[] = {"accounts", "dry_run", NULL};
    int err = d1_json_only(object, keys, &job->story);
    if (err != D1_OK) {
        return err;
    }
    const json_t *accounts = json_object_get(object, "accounts");
    const json_t *dry_run = json_object_get(object, "dry_run");
    size_t count = json_array_size(accounts);
    if (!json_is_array(accounts) || count > D1_IMPORT_BATCH_MAX ||
        (dry_run != NULL && !json_is_boolean(dry_run))) {
        return d1_error_set(&job->story, D1_EPARSE,
                            "accounts must be a list of at most %d, dry_run true or false",
                            D1_IMPORT_BATCH_MAX);
    }
    job->batch = d1_calloc(1, sizeof(*job->batch) + count * sizeof(job->batch->items[0]));
    if (job->batch == NULL) {
        return d1_error_set(&job->story, -ENOMEM, "%s", d1_err_text(-ENOMEM));
    }
    job->batch->job = job;
    job->batch->count = count;
    job->batch->dry_run = json_is_true(dry_run);
    for (size_t i = 0; i < count; i++) {
        job->batch->items[i].batch = job->batch;
        read_item(&job->batch->items[i], json_array_get(accounts, i));
    }
    if (job->batch->err != D1_OK) {
        return d1_error_set(&job->story, job->batch->err, "%s", d1_err_text(job->batch->err));
    }
    return D1_OK;
}

static bool import_read(struct d1_job *job, const struct d1_http_request *request) {
    json_t *object = NULL;
    job->fault = d1_json_read_object(request->body, request->body_length, &object, &job->story);
    if (job->fault == D1_OK) {
        job->fault = read_batch(job, object);
        json_decref(object);
    }
    return true;
}

/* ---- Importing ---- */

static void add_result(struct d1_bytes *body, const struct item *item) {
    d1_bytes_add_text(body, "{\"username\":");
    d1_json_add_text(body, item->given);
    d1_bytes_add_text(body, ",\"result\":");
    d1_json_add_text(body, result_texts[item->result]);
    if (item->result == REFUSED) {
        d1_bytes_add_text(body, ",\"detail\":");
        d1_json_add_text(body, item->fault);
    } else if (item->result == IMPORTED) {
        d1_bytes_printf(body, ",\"values\":%zu", item->import.values_live);
    }
    d1_bytes_add_text(body, "}");
}

static void end_one(struct d1_import_batch *batch) {
    struct d1_job *job = batch->job;
    if (--batch->under_way > 0) {
        return;
    }
    if (batch->err != D1_OK) {
        d1_job_fail(job, batch->err, NULL);
        d1_job_finish(job);
        return;
    }
    d1_bytes_add_text(&job->body, "{\"results\":[");
    for (size_t i = 0; i < batch->count; i++) {
        d1_bytes_add_text(&job->body, i > 0 ? "," : "");
        add_result(&job->body, &batch->items[i]);
    }
    d1_bytes_add_text(&job->body, "]}");
    d1_job_answer(job, 200);
    d1_job_finish(job);
}

/* What the account has to do with is told; all else is the store's and fails the batch. */
static void note(struct item *item, int err) {
    char name[D1_NAME_TEXT_MAX];
    d1_name_to_text(&item->import.account.name, name);
    if (err == D1_EEXIST) {
        refuse(item, "an account with this username or with this name exists already");
    } else if (err == D1_ENOTSERVED || err == D1_ESTATIC) {
        char fault[sizeof(item->fault)];
        snprintf(fault, sizeof(fault), "%.100s %s", name,
                 err == D1_ESTATIC ? "holds a static record" : "is in no zone served here");
        refuse(item, fault);
    } else if (err != D1_OK) {
        item->batch->err = err;
    }
    item->result = err == D1_OK ? IMPORTED : REFUSED;
}

static void on_imported(struct d1_solver_import *import, int err) {
    struct item *item = D1_CONTAINER_OF(import, struct item, import);
    note(item, err);
    end_one(item->batch);
}

/* Returns whether it is under way now. */
static bool import_item(struct d1_solver *solver, struct item *item) {
    bool unchanged = false;
    int err = D1_OK;
    if (item->fault[0] != '\0') {
        return false;
    }
    if (item->import.account.name.length == 0) {
        err = d1_solver_account_name(solver, item->subdomain, &item->import.account.name);
    }
    if (err == D1_OK) {
        err = d1_solver_import_check(solver, &item->import, &unchanged);
    }
    if (err == D1_OK && !unchanged && !item->batch->dry_run) {
        item->import.done = on_imported;
        err = d1_solver_import(solver, &item->import);
        if (err == D1_OK) {
            return true;
        }
    }
    note(item, err);
    if (err == D1_OK && unchanged) {
        item->result = UNCHANGED;
    }
    return false;
}

static void import_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    struct d1_import_batch *batch = job->batch;
    batch->under_way = 1;
    for (size_t i = 0; i < batch->count; i++) {
        batch->under_way++;
        if (!import_item(job->doors->options.solver, &batch->items[i])) {
            batch->under_way--;
        }
    }
    end_one(batch);
}

const struct d1_route d1_api_import_routes[] = {
    {
        .method = "POST",
        .path = "/v1/accounts/import",
        .kinds = D1_KIND_BIT(D1_FRONTEND_API) | D1_KIND_BIT(D1_FRONTEND_CONTROL),
        .auth = D1_AUTH_TOKEN,
        .verbs = D1_VERB_ADMIN,
        .read = import_read,
        .run = import_run,
    },
    {.path = NULL},
};
