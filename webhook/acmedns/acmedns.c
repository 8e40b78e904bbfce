/*
 * acme-dns' API, byte for byte (acme-dns/acme-dns, pkg/api): POST /register, POST /update, GET
 * /health. Its clients send keys in any case, any Content-Type or none, and scan replies by line.
 *
 * One order of checks matters: /update answers 401 "forbidden" for everything up to and including a
 * subdomain that is not the account's, whatever its form, and only then 400 "bad_txt".
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "http/server.h"
#include "webhook/allowfrom.h"
#include "webhook/json.h"
#include "webhook/routes.h"

#define TXT_LENGTH 43 /* base64url of a SHA-256 without padding (RFC 8555, 8.4). */

/* Body of /register: nothing, null, or an object. Returns NULL, or acme-dns' error code. */
static const char *read_register_body(struct d1_job *job, const struct d1_http_request *request) {
    if (request->body_length == 0) {
        return NULL;
    }
    json_t *value = NULL;
    int err = d1_json_read(request->body, request->body_length, &value, NULL);
    const char *fault = NULL;
    if (err == D1_OK && !json_is_null(value)) {
        err = d1_json_check_object(value, NULL);
        fault = err == D1_OK ? d1_allowfrom_read(d1_json_find(value, "allowfrom"), &job->allowfrom)
                             : NULL;
    }
    json_decref(value);
    if (err != D1_OK) {
        return err == -ENOMEM ? "json_error" : "malformed_json_payload";
    }
    return fault;
}

static bool register_read(struct d1_job *job, const struct d1_http_request *request) {
    bool is_control = job->kind == D1_FRONTEND_CONTROL;
    if (job->registration == D1_REGISTRATION_CLOSED && !is_control) {
        d1_job_fail(job, D1_ENOTFOUND, NULL);
        return false;
    }
    bool offers_nothing = job->offer.kind == D1_OFFER_NONE || job->offer.kind == D1_OFFER_BAD;
    if (job->registration == D1_REGISTRATION_TOKEN && !is_control && offers_nothing) {
        d1_job_fail_plain(job, 401, "forbidden");
        return false;
    }
    const char *fault = read_register_body(job, request);
    if (fault != NULL) {
        /* Told after the credential was checked; both codes are D1_EPARSE to us. */
        snprintf(job->story.text, sizeof(job->story.text), "%s", fault);
        job->fault = strcmp(fault, "json_error") == 0 ? -ENOMEM : D1_EPARSE;
    }
    return true;
}

/* The reply as Go's encoder prints it. */
static void add_account(struct d1_job *job, const struct d1_account *account, const char *key) {
    char full[D1_NAME_TEXT_MAX];
    d1_name_to_text(&account->name, full);
    struct d1_bytes *body = &job->body;
    d1_bytes_clear(body);
    d1_bytes_add_text(body, "{\"username\":");
    d1_json_add_text(body, account->username);
    d1_bytes_add_text(body, ",\"password\":");
    d1_json_add_text(body, key);
    d1_bytes_add_text(body, ",\"fulldomain\":");
    d1_json_add_text(body, full);
    d1_bytes_add_text(body, ",\"subdomain\":");
    d1_json_add(body, account->name.octets + 1, account->name.octets[0]);
    d1_bytes_add_text(body, ",\"allowfrom\":");
    d1_allowfrom_add(body, job->allowfrom != NULL ? job->allowfrom : "");
    d1_bytes_add_text(body, "}");
}

#define FULL_RETRY_S 3600 /* Accounts go when an administrator deletes some. */

static void register_fail(struct d1_job *job, int err) {
    if (err == D1_ELIMIT) {
        job->retry_after_s = FULL_RETRY_S;
        d1_job_fail(job, err, "no more accounts are made (api.limits.accounts)");
        return;
    }
    int status = err == D1_ENOTYET || err == D1_ESTOPPING ? 503 : 500;
    d1_job_fail_plain(job, status, d1_err_text(err));
}

static void on_registered(struct d1_solver_register *registering, int err) {
    struct d1_job *job = D1_CONTAINER_OF(registering, struct d1_job, registering);
    if (err == D1_OK) {
        add_account(job, &registering->account, registering->key);
        d1_job_answer(job, 201);
    } else {
        register_fail(job, err);
    }
    d1_wipe(registering->key, sizeof(registering->key));
    d1_job_finish(job);
}

/* Whether the one who asks may register. */
static int may_register(const struct d1_job *job) {
    if (job->registration == D1_REGISTRATION_OPEN && job->kind != D1_FRONTEND_CONTROL) {
        return D1_OK;
    }
    struct d1_credential credential;
    int err =
        d1_offer_find(&job->offer, job->doors->options.solver, job->doors->admin, &credential);
    if (err == D1_OK && !d1_rights_verb(credential.rights, D1_VERB_REGISTER)) {
        err = D1_EFORBIDDEN;
    }
    return err;
}

static void register_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    int err = may_register(job);
    if (err != D1_OK && job->kind == D1_FRONTEND_CONTROL) {
        d1_job_fail(job, err, NULL);
        d1_job_finish(job);
        return;
    }
    if (err != D1_OK || job->fault != D1_OK) {
        int status = err != D1_OK ? 401 : job->fault == D1_EPARSE ? 400 : 500;
        d1_job_fail_plain(job, status, err != D1_OK ? "forbidden" : job->story.text);
        d1_job_finish(job);
        return;
    }
    job->registering = (struct d1_solver_register){
        .allowfrom = job->allowfrom != NULL ? job->allowfrom : "",
        .done = on_registered,
    };
    err = d1_solver_register(job->doors->options.solver, &job->registering);
    if (err != D1_OK) {
        register_fail(job, err);
        d1_job_finish(job);
    }
}

static bool is_txt(const char *text, size_t length) {
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    return length == TXT_LENGTH && strspn(text, alphabet) == TXT_LENGTH;
}

/* Every fault but that of the value shows as "forbidden", after the account was looked up. */
static bool update_read(struct d1_job *job, const struct d1_http_request *request) {
    if (job->offer.kind != D1_OFFER_ACCOUNT) {
        d1_job_fail_plain(job, 401, "forbidden");
        return false;
    }
    json_t *object = NULL;
    int err = d1_json_read_object(request->body, request->body_length, &object, NULL);
    if (err == -ENOMEM) {
        d1_job_fail_plain(job, 500, "db_error");
        return false;
    }
    if (err != D1_OK) {
        return true;
    }
    const json_t *subdomain = d1_json_find(object, "subdomain");
    const json_t *txt = d1_json_find(object, "txt");
    job->request = (struct d1_solver_request){.verb = D1_SOLVER_PRESENT};
    if (json_is_string(subdomain) && json_string_length(subdomain) < sizeof(job->subdomain)) {
        snprintf(job->subdomain, sizeof(job->subdomain), "%s", json_string_value(subdomain));
        job->has_subdomain = true;
    }
    const char *value = json_is_string(txt) ? json_string_value(txt) : "";
    if (is_txt(value, strlen(value))) {
        err = d1_txt_value_set(&job->request.value, value, TXT_LENGTH);
    } else {
        err = D1_EVALUE;
    }
    job->fault = err;
    json_decref(object);
    return true;
}

static void update_fail(struct d1_job *job, int err) {
    if (err == D1_EFORBIDDEN) {
        d1_job_fail_plain(job, 401, "forbidden");
    } else if (err == D1_ENOTYET || err == D1_ESTOPPING) {
        d1_job_fail_plain(job, 503, "db_error");
    } else {
        d1_job_fail_plain(job, 500, "db_error");
    }
}

static void on_updated(struct d1_solver_request *request, int err) {
    struct d1_job *job = D1_CONTAINER_OF(request, struct d1_job, request);
    if (err == D1_OK) {
        d1_bytes_clear(&job->body);
        d1_bytes_add_text(&job->body, "{\"txt\": ");
        d1_json_add(&job->body, request->value.octets, request->value.length);
        d1_bytes_add_text(&job->body, "}");
        d1_job_answer(job, 200);
    } else {
        update_fail(job, err);
    }
    d1_job_finish(job);
}

/* Whether the account may update from there what it names. */
static bool may_update(const struct d1_job *job, const struct d1_account *account) {
    size_t length = strlen(job->subdomain);
    return job->has_subdomain && length == account->name.octets[0] &&
           memcmp(job->subdomain, account->name.octets + 1, length) == 0 &&
           d1_cidr_list_contains(account->allowfrom, &job->client);
}

/* The account is known: all that is left to check is what it asks for. */
static void update_as(struct d1_job *job, const struct d1_account *account) {
    if (!may_update(job, account)) {
        d1_job_fail_plain(job, 401, "forbidden");
        d1_job_finish(job);
        return;
    }
    if (job->fault != D1_OK) {
        d1_job_fail_plain(job, 400, "bad_txt");
        d1_job_finish(job);
        return;
    }
    snprintf(job->owner, sizeof(job->owner), "account:%s", account->username);
    int err = d1_rights_create_owner(&account->name, &job->rights);
    if (err == D1_OK) {
        job->request.door = D1_DOOR_ACMEDNS;
        job->request.caller = (struct d1_credential){.owner = job->owner, .rights = job->rights};
        d1_name_copy(&job->request.name, &account->name);
        job->request.lease_ms = D1_LEASE_DEFAULT;
        job->request.oldest_gives_way = true;
        job->request.done = on_updated;
        err = d1_solver_submit(job->doors->options.solver, &job->request);
    }
    if (err != D1_OK) {
        update_fail(job, err);
        d1_job_finish(job);
    }
}

/* Busy is told from forbidden, so that a client that is right tries again. */
static void login_fail(struct d1_job *job, int err) {
    bool refused = err == D1_EUNAUTHORIZED;
    d1_job_fail_plain(job, refused ? 401 : 503, refused ? "forbidden" : "db_error");
    d1_job_finish(job);
}

static void on_logged_in(struct d1_solver_login *login, int err) {
    struct d1_job *job = D1_CONTAINER_OF(login, struct d1_job, login);
    if (err == D1_OK) {
        update_as(job, &login->account);
    } else {
        login_fail(job, err);
    }
}

static void update_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    struct d1_solver *solver = job->doors->options.solver;
    struct d1_account account;
    int err = d1_solver_account(solver, job->offer.name, job->offer.digest, &account);
    if (err == D1_OK) {
        update_as(job, &account);
        return;
    }
    if (job->offer.kind == D1_OFFER_ACCOUNT && d1_solver_login_helps(solver)) {
        job->login = (struct d1_solver_login){.username = job->offer.name,
                                              .key = job->offer.key,
                                              .key_digest = job->offer.digest,
                                              .done = on_logged_in};
        err = d1_solver_login(solver, &job->login);
    }
    if (err != D1_OK) {
        login_fail(job, err);
    }
}

/* No look at the store, no body: as acme-dns. */
static bool health_read(struct d1_job *job, const struct d1_http_request *request) {
    (void)request;
    job->status = 200;
    return false;
}

const struct d1_route d1_acmedns_routes[] = {
    {
        .method = "POST",
        .path = "/register",
        .kinds = D1_KIND_BIT(D1_FRONTEND_API) | D1_KIND_BIT(D1_FRONTEND_CONTROL),
        .auth = D1_AUTH_OWN,
        .registers = true,
        .read = register_read,
        .run = register_run,
    },
    {
        .method = "POST",
        .path = "/update",
        .kinds = D1_KIND_BIT(D1_FRONTEND_API),
        .auth = D1_AUTH_ACCOUNT,
        .read = update_read,
        .run = update_run,
    },
    {
        .method = "GET",
        .path = "/health",
        .kinds = D1_KIND_BIT(D1_FRONTEND_API),
        .auth = D1_AUTH_NONE,
        .read = health_read,
    },
    {.path = NULL},
};
