/*
 * The account store of lego (ACME_DNS_STORAGE_BASE_URL): where a client without a disk of its own
 * keeps its acme-dns accounts, by domain. `GET BASE/DOMAIN` gives one back (404: none), `GET BASE`
 * all of them, `POST BASE/DOMAIN` keeps one. 200 tells lego to stop until somebody has made the
 * CNAME; 201 would tell it that the CNAME is there, which is never so for an account just made.
 *
 * An account holds its password. It is sealed with a key made from the token's secret (see
 * webhook/seal.h): the front loop, which sees the secret, makes the root of it; the control loop,
 * which knows whose token it is, seals and opens. What does not open is not there: 404.
 */
#include "webhook/accountstore.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "http/server.h"
#include "solver/sealed.h"
#include "webhook/json.h"
#include "webhook/routes.h"
#include "webhook/seal.h"

#define PLAIN_BYTES_MAX (D1_SEALED_BYTES_MAX - D1_SEAL_MORE_BYTES)
#define OWNER_PREFIX    "token:"

struct d1_account_store {
    struct d1_job *job;
    struct d1_seal_root root;
    char token[D1_TOKEN_NAME_MAX + 1];
    char domain[D1_NAME_TEXT_MAX];
    size_t length; /* Of plain. */
    char plain[PLAIN_BYTES_MAX];
    uint8_t box[D1_SEALED_BYTES_MAX];
    struct d1_sealed_write write;
    size_t listed;
};

void d1_account_store_destroy(struct d1_account_store *store) {
    if (store != NULL) {
        d1_wipe(store, sizeof(*store));
        d1_free(store);
    }
}

static void fail(struct d1_job *job, int err, const char *detail) {
    d1_job_fail(job, err, detail);
    d1_job_finish(job);
}

/* ---- Front loop ---- */

/* Returns false when the job was answered. */
static bool open_store(struct d1_job *job, const struct d1_http_request *request) {
    if (!job->account_store) {
        d1_job_fail(job, D1_ENOTFOUND, NULL);
        return false;
    }
    job->kept = d1_calloc(1, sizeof(*job->kept));
    if (job->kept == NULL) {
        d1_job_fail(job, -ENOMEM, NULL);
        return false;
    }
    job->kept->job = job;
    int err = d1_offer_read_root(request, &job->kept->root);
    if (err != D1_OK) {
        job->fault = d1_error_set(&job->story, err, "%s", d1_err_text(err));
    }
    return true;
}

static bool all_read(struct d1_job *job, const struct d1_http_request *request) {
    return open_store(job, request);
}

/* The domain in one form: lower case, without the final dot. */
static bool domain_read(struct d1_job *job, const struct d1_http_request *request) {
    char text[D1_NAME_TEXT_MAX];
    struct d1_name name;
    if (!open_store(job, request)) {
        return false;
    }
    if (d1_http_unescape(job->segment, job->segment_length, text, sizeof(text)) != D1_OK ||
        d1_name_from_text(text, &name) != D1_OK || name.length == 1) {
        return d1_job_fault(job, D1_ENAME, NULL);
    }
    d1_name_to_text(&name, job->kept->domain);
    return true;
}

static int check_account(const json_t *object, struct d1_error *story) {
    static const char *const keys[] = {"username", "password", "subdomain", "fulldomain"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(keys); i++) {
        if (!json_is_string(d1_json_find(object, keys[i]))) {
            return d1_error_set(story, D1_EPARSE,
                                "an account has the strings username, password, "
                                "subdomain and fulldomain");
        }
    }
    return D1_OK;
}

static int take_account(struct d1_job *job, const struct d1_http_request *request) {
    json_t *object = NULL;
    int err = d1_json_read_object(request->body, request->body_length, &object, &job->story);
    if (err != D1_OK) {
        return err;
    }
    err = check_account(object, &job->story);
    if (err == D1_OK) {
        size_t length = json_dumpb(object, job->kept->plain, PLAIN_BYTES_MAX, JSON_COMPACT);
        job->kept->length = length;
        if (length == 0 || length > PLAIN_BYTES_MAX) {
            err = d1_error_set(&job->story, D1_ETOOLARGE, "an account has at most %d octets",
                               PLAIN_BYTES_MAX);
        }
    }
    json_decref(object);
    return err;
}

static bool put_read(struct d1_job *job, const struct d1_http_request *request) {
    if (!domain_read(job, request)) {
        return false;
    }
    if (job->fault == D1_OK) {
        job->fault = take_account(job, request);
    }
    return true;
}

/* ---- Control loop ---- */

static struct d1_seal_place place_of(const struct d1_account_store *store, const char *domain) {
    return (struct d1_seal_place){.root = &store->root, .token = store->token, .domain = domain};
}

/* Whose token it is. Only tokens have a secret, and so only they come here. */
static void take_name(struct d1_account_store *store, const struct d1_credential *credential) {
    size_t prefix = sizeof(OWNER_PREFIX) - 1;
    bool is_token = strncmp(credential->owner, OWNER_PREFIX, prefix) == 0;
    snprintf(store->token, sizeof(store->token), "%s",
             is_token ? credential->owner + prefix : credential->owner);
}

static void get_run(struct d1_job *job, const struct d1_credential *credential) {
    struct d1_account_store *store = job->kept;
    struct d1_sealed_account sealed;
    take_name(store, credential);
    struct d1_seal_place place = place_of(store, store->domain);
    int err = d1_sealed_find(job->doors->options.solver, store->token, store->domain, &sealed);
    if (err == D1_OK) {
        err = d1_seal_open(&place, sealed.box, sealed.length, store->plain);
    }
    if (err != D1_OK) {
        fail(job, err, "no account is kept for this domain and this secret");
        return;
    }
    d1_bytes_add(&job->body, store->plain, sealed.length - D1_SEAL_MORE_BYTES);
    d1_job_answer(job, 200);
    d1_job_finish(job);
}

static void add_one(const struct d1_sealed_account *sealed, void *arg) {
    struct d1_account_store *store = arg;
    struct d1_bytes *body = &store->job->body;
    struct d1_seal_place place = place_of(store, sealed->domain);
    if (d1_seal_open(&place, sealed->box, sealed->length, store->plain) != D1_OK) {
        return;
    }
    d1_bytes_add_text(body, store->listed++ > 0 ? "," : "");
    d1_json_add_text(body, sealed->domain);
    d1_bytes_add_text(body, ":");
    d1_bytes_add(body, store->plain, sealed->length - D1_SEAL_MORE_BYTES);
}

static void all_run(struct d1_job *job, const struct d1_credential *credential) {
    take_name(job->kept, credential);
    d1_bytes_add_text(&job->body, "{");
    d1_sealed_each(job->doors->options.solver, job->kept->token, add_one, job->kept);
    d1_bytes_add_text(&job->body, "}");
    d1_job_answer(job, 200);
    d1_job_finish(job);
}

static void on_written(struct d1_sealed_write *write, int err) {
    struct d1_account_store *store = D1_CONTAINER_OF(write, struct d1_account_store, write);
    struct d1_job *job = store->job;
    if (err != D1_OK) {
        fail(job, err, NULL);
        return;
    }
    d1_bytes_add_text(&job->body, "{\"domain\":");
    d1_json_add_text(&job->body, store->domain);
    d1_bytes_add_text(&job->body, write->removes ? ",\"deleted\":true}" : "}");
    d1_job_answer(job, 200);
    d1_job_finish(job);
}

static void submit(struct d1_job *job, bool removes) {
    struct d1_account_store *store = job->kept;
    store->write = (struct d1_sealed_write){
        .account = {.token = store->token,
                    .domain = store->domain,
                    .box = store->box,
                    .length = store->length + D1_SEAL_MORE_BYTES},
        .removes = removes,
        .done = on_written,
    };
    int err = d1_sealed_submit(job->doors->options.solver, &store->write);
    if (err != D1_OK) {
        fail(job, err, err == D1_ELIMIT ? "this token keeps too many accounts" : NULL);
    }
}

static void put_run(struct d1_job *job, const struct d1_credential *credential) {
    struct d1_account_store *store = job->kept;
    take_name(store, credential);
    struct d1_seal_place place = place_of(store, store->domain);
    int err = d1_seal_close(&place, store->plain, store->length, store->box);
    if (err != D1_OK) {
        fail(job, err, NULL);
        return;
    }
    submit(job, false);
}

static void delete_run(struct d1_job *job, const struct d1_credential *credential) {
    take_name(job->kept, credential);
    submit(job, true);
}

#define REGISTRAR \
    .kinds = D1_KIND_BIT(D1_FRONTEND_API), .auth = D1_AUTH_TOKEN, .verbs = D1_VERB_REGISTER

const struct d1_route d1_account_store_routes[] = {
    {.method = "GET", .path = "/v1/account-store", REGISTRAR, .read = all_read, .run = all_run},
    {.method = "GET",
     .path = "/v1/account-store/{}",
     REGISTRAR,
     .read = domain_read,
     .run = get_run},
    {.method = "POST", .path = "/v1/account-store/{}", REGISTRAR, .read = put_read, .run = put_run},
    {.method = "DELETE",
     .path = "/v1/account-store/{}",
     REGISTRAR,
     .read = domain_read,
     .run = delete_run},
    {.path = NULL},
};
