/*
 * The native API's tokens and TSIG keys, for administrators: list and show those of the
 * configuration and those made at run time; make, rotate and remove the latter. Secrets are shown
 * only by what makes them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "dns/tsig.h"
#include "http/server.h"
#include "webhook/json.h"
#include "webhook/routes.h"

struct patterns {
    struct d1_bytes *body;
    bool owners; /* Which of the two lists is written. */
    size_t count;
};

static void add_pattern(bool is_owner, const char *pattern, void *arg) {
    struct patterns *patterns = arg;
    if (is_owner == patterns->owners) {
        d1_bytes_add_text(patterns->body, patterns->count++ > 0 ? "," : "");
        d1_json_add_text(patterns->body, pattern);
    }
}

static void add_verbs(struct d1_bytes *body, const struct d1_rights *rights) {
    unsigned held = d1_rights_verbs(rights);
    size_t count = 0;
    for (unsigned i = 0; d1_verb_names[i] != NULL; i++) {
        if ((held & 1U << i) != 0) {
            d1_bytes_add_text(body, count++ > 0 ? "," : "");
            d1_json_add_text(body, d1_verb_names[i]);
        }
    }
}

static void add_rights(struct d1_bytes *body, const struct d1_rights *rights) {
    struct patterns patterns = {.body = body, .owners = false};
    d1_bytes_add_text(body, ",\"names\":[");
    d1_rights_each_pattern(rights, add_pattern, &patterns);
    patterns = (struct patterns){.body = body, .owners = true};
    d1_bytes_add_text(body, "],\"owners\":[");
    d1_rights_each_pattern(rights, add_pattern, &patterns);
    d1_bytes_add_text(body, "],\"verbs\":[");
    add_verbs(body, rights);
    d1_bytes_add_text(body, "]");
}

/* Without the closing brace, so that secrets can follow. */
static void open_token(struct d1_bytes *body, const struct d1_token_view *view, bool as_key) {
    const struct d1_credential *credential = view->credential;
    d1_bytes_add_text(body, "{\"name\":");
    d1_json_add_text(body, view->name);
    if (as_key) {
        d1_bytes_add_text(body, ",\"owner\":");
        d1_json_add_text(body, credential->owner);
    }
    add_rights(body, credential->rights);
    if (credential->lease_ms > 0) {
        char lease[D1_DURATION_TEXT_BYTES];
        d1_duration_format(credential->lease_ms, lease);
        d1_bytes_printf(body, ",\"lease\":\"%s\"", lease);
    } else {
        d1_bytes_add_text(body, ",\"lease\":null");
    }
    if (credential->quota > 0) {
        d1_bytes_printf(body, ",\"quota\":%u", credential->quota);
    } else {
        d1_bytes_add_text(body, ",\"quota\":null");
    }
    d1_bytes_add_text(body, ",\"algorithm\":");
    if (credential->algorithm != NULL) {
        d1_json_add_text(body, credential->algorithm);
    } else {
        d1_bytes_add_text(body, "null");
    }
    d1_bytes_printf(body, ",\"source\":\"%s\"", view->configured ? "configuration" : "store");
    d1_bytes_add_text(body, view->hidden ? ",\"hidden\":true" : "");
    if (!view->configured) {
        d1_bytes_add_text(body, ",\"created\":");
        d1_json_add_time(body, view->created_ms);
    }
}

/* ---- GET /v1/tokens?after=NAME, GET /v1/tsig-keys?after=NAME ---- */

struct listing {
    bool keys;
    const char *after;
    size_t count;
    size_t room;
    struct d1_token_view *at;
};

/* A token with a TSIG secret is among the keys too, unless another key hides it there. */
static bool is_listed(const struct listing *listing, const struct d1_token_view *view) {
    bool wanted = listing->keys ? view->credential->algorithm != NULL : !view->is_key;
    return wanted && strcmp(view->name, listing->after) > 0;
}

static void count_token(const struct d1_token_view *view, void *arg) {
    struct listing *listing = arg;
    listing->room += is_listed(listing, view);
}

static void take_token(const struct d1_token_view *view, void *arg) {
    struct listing *listing = arg;
    if (is_listed(listing, view)) {
        listing->at[listing->count++] = *view;
    }
}

static int compare_views(const void *a, const void *b) {
    const struct d1_token_view *left = a;
    const struct d1_token_view *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->credential->owner, right->credential->owner);
}

static bool list_read(struct d1_job *job, const struct d1_http_request *request) {
    char *after = job->token_change.name;
    int err = d1_http_query_find(request->query, "after", after, sizeof(job->token_change.name));
    if (err == D1_OK) {
        return true;
    }
    after[0] = '\0';
    return err == D1_ENOTFOUND ||
           d1_job_fault(job, D1_EPARSE, "query parameter after must be a name, given once");
}

static void list(struct d1_job *job, bool keys) {
    const struct d1_solver *solver = job->doors->options.solver;
    struct listing listing = {.keys = keys, .after = job->token_change.name};
    d1_solver_each_token(solver, count_token, &listing);
    listing.at = d1_calloc(listing.room + 1, sizeof(*listing.at));
    if (listing.at == NULL) {
        d1_job_fail(job, -ENOMEM, NULL);
        d1_job_finish(job);
        return;
    }
    d1_solver_each_token(solver, take_token, &listing);
    qsort(listing.at, listing.count, sizeof(listing.at[0]), compare_views);
    size_t shown = listing.count < D1_LIST_ENTRIES_MAX ? listing.count : D1_LIST_ENTRIES_MAX;
    d1_bytes_add_text(&job->body, keys ? "{\"tsig_keys\":[" : "{\"tokens\":[");
    for (size_t i = 0; i < shown; i++) {
        d1_bytes_add_text(&job->body, i > 0 ? "," : "");
        open_token(&job->body, &listing.at[i], keys);
        d1_bytes_add_text(&job->body, "}");
    }
    d1_bytes_add_text(&job->body, shown < listing.count ? "],\"truncated\":true}" : "]}");
    d1_free(listing.at);
    d1_job_answer(job, 200);
    d1_job_finish(job);
}

static void list_tokens_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    list(job, false);
}

static void list_keys_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    list(job, true);
}

/* ---- One of them ---- */

static bool name_read(struct d1_job *job, bool is_key) {
    job->token_change.is_key = is_key;
    if (d1_http_unescape(job->segment, job->segment_length, job->token_change.name,
                         sizeof(job->token_change.name)) != D1_OK) {
        return d1_job_fault(job, D1_ENOTFOUND,
                            is_key ? "there is no such TSIG key" : "there is no such token");
    }
    return true;
}

static bool token_read(struct d1_job *job, const struct d1_http_request *request) {
    (void)request;
    return name_read(job, false);
}

static bool key_read(struct d1_job *job, const struct d1_http_request *request) {
    (void)request;
    return name_read(job, true);
}

struct search {
    const struct d1_solver_token_change *wanted;
    struct d1_token_view found; /* The one that holds, where a configured one hides another. */
    bool any;
};

static void match(const struct d1_token_view *view, void *arg) {
    struct search *search = arg;
    bool wanted = search->wanted->is_key ? view->credential->algorithm != NULL : !view->is_key;
    if (wanted && !view->hidden && strcmp(view->name, search->wanted->name) == 0) {
        search->found = *view;
        search->any = true;
    }
}

static void show_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    struct search search = {.wanted = &job->token_change};
    d1_solver_each_token(job->doors->options.solver, match, &search);
    if (search.any) {
        open_token(&job->body, &search.found, search.wanted->is_key);
        d1_bytes_add_text(&job->body, "}");
        d1_job_answer(job, 200);
    } else {
        d1_job_fail(job, D1_ENOTFOUND,
                    search.wanted->is_key ? "there is no such TSIG key" : "there is no such token");
    }
    d1_job_finish(job);
}

static void fail_change(struct d1_job *job, int err) {
    const char *story = job->token_change.error.text;
    d1_job_fail(job, err, story[0] != '\0' ? story : NULL);
    d1_job_finish(job);
}

static void add_secret(struct d1_bytes *body, const char *key, const char *secret) {
    if (secret[0] != '\0') {
        d1_bytes_printf(body, ",\"%s\":", key);
        d1_json_add_text(body, secret);
    }
}

static void on_changed(struct d1_solver_token_change *change, int err) {
    struct d1_job *job = D1_CONTAINER_OF(change, struct d1_job, token_change);
    if (err != D1_OK) {
        fail_change(job, err);
        return;
    }
    if (change->verb == D1_TOKEN_REMOVE) {
        d1_bytes_add_text(&job->body, "{\"name\":");
        d1_json_add_text(&job->body, change->name);
        d1_bytes_add_text(&job->body, ",\"removed\":true}");
    } else {
        open_token(&job->body, &change->view, change->is_key);
        add_secret(&job->body, "secret", change->is_key ? change->key : change->secret);
        add_secret(&job->body, "tsig_secret", change->is_key ? "" : change->key);
        d1_bytes_add_text(&job->body, "}");
    }
    d1_wipe(change->secret, sizeof(change->secret));
    d1_wipe(change->key, sizeof(change->key));
    d1_job_answer(job, change->verb == D1_TOKEN_NEW ? 201 : 200);
    d1_job_finish(job);
}

static void change(struct d1_job *job, enum d1_token_verb verb) {
    job->token_change.verb = verb;
    job->token_change.done = on_changed;
    int err = d1_solver_change_token(job->doors->options.solver, &job->token_change);
    if (err != D1_OK) {
        fail_change(job, err);
    }
}

static void remove_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    change(job, D1_TOKEN_REMOVE);
}

static void rotate_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    change(job, D1_TOKEN_ROTATE);
}

/* ---- POST /v1/tokens, POST /v1/tsig-keys ---- */

enum { LIST_NAMES, LIST_OWNERS, LIST_VERBS };

/* A list of texts as one text, owned by the job; absent and null are none. */
static int take_list(struct d1_job *job, const json_t *object, const char *key, char **ret_text) {
    const json_t *list = json_object_get(object, key);
    if (list == NULL || json_is_null(list)) {
        return D1_OK;
    }
    struct d1_bytes text;
    d1_bytes_init(&text, D1_HTTP_BODY_BYTES_MAX);
    bool sound = json_is_array(list);
    for (size_t i = 0; sound && i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);
        const char *octets = json_is_string(entry) ? json_string_value(entry) : "";
        sound = octets[0] != '\0' && strpbrk(octets, " \t\r\n") == NULL;
        d1_bytes_add_text(&text, i > 0 ? " " : "");
        d1_bytes_add_text(&text, octets);
    }
    const char *whole = d1_bytes_text(&text);
    *ret_text = whole != NULL ? d1_strdup(whole) : NULL;
    bool failed = *ret_text == NULL;
    d1_bytes_close(&text);
    if (!sound) {
        return d1_error_set(&job->story, D1_EPARSE, "%s: must be a list of texts without blanks",
                            key);
    }
    return failed ? d1_error_set(&job->story, -ENOMEM, "%s", d1_err_text(-ENOMEM)) : D1_OK;
}

static int take_name(struct d1_job *job, const json_t *object) {
    const json_t *name = json_object_get(object, "name");
    if (!json_is_string(name) || json_string_length(name) >= sizeof(job->token_change.name)) {
        return d1_error_set(&job->story, D1_EPARSE,
                            "name: must be given, a domain name of at most %d characters",
                            D1_TOKEN_NAME_MAX);
    }
    memcpy(job->token_change.name, json_string_value(name), json_string_length(name) + 1);
    return D1_OK;
}

static int take_lease(struct d1_job *job, const json_t *object) {
    const json_t *lease = json_object_get(object, "lease");
    int64_t ms = 0;
    if (lease == NULL || json_is_null(lease)) {
        return D1_OK;
    }
    if (!json_is_string(lease) || d1_duration_parse(json_string_value(lease), &ms) != D1_OK ||
        ms <= 0) {
        return d1_error_set(&job->story, D1_ELEASE, "lease: must be a duration such as \"7d\"");
    }
    job->token_change.lease_ms = ms;
    return D1_OK;
}

static int take_quota(struct d1_job *job, const json_t *object) {
    const json_t *quota = json_object_get(object, "quota");
    if (quota == NULL || json_is_null(quota)) {
        return D1_OK;
    }
    json_int_t number = json_integer_value(quota);
    if (number < 1 || number > D1_CHALLENGES_MAX) {
        return d1_error_set(&job->story, D1_EPARSE,
                            "quota: must be a number from 1 to %d, of values held at a time",
                            D1_CHALLENGES_MAX);
    }
    job->token_change.quota = (uint32_t)number;
    return D1_OK;
}

/* `tsig` of a token, `algorithm` of a key. The text is static. */
static int take_algorithm(struct d1_job *job, const json_t *object) {
    const json_t *tsig = json_object_get(object, "tsig");
    const json_t *algorithm = json_object_get(object, "algorithm");
    if (tsig != NULL && !json_is_boolean(tsig)) {
        return d1_error_set(&job->story, D1_EPARSE, "tsig: must be true or false");
    }
    if (json_is_false(tsig)) {
        job->token_change.algorithm = "";
    }
    if (algorithm == NULL || json_is_null(algorithm)) {
        return D1_OK;
    }
    for (size_t i = D1_TSIG_HMAC_SHA1; json_is_string(algorithm) && i < D1_TSIG_ALGORITHMS; i++) {
        if (strcmp(d1_tsig_algorithm_names[i], json_string_value(algorithm)) == 0) {
            job->token_change.algorithm = d1_tsig_algorithm_names[i];
            return D1_OK;
        }
    }
    return d1_error_set(&job->story, D1_EPARSE,
                        "algorithm: must be hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384 or "
                        "hmac-sha512");
}

static int take_new(struct d1_job *job, const json_t *object) {
    static const char *const token_keys[] = {"name",  "names", "owners", "verbs",
                                             "lease", "quota", "tsig",   NULL};
    static const char *const key_keys[] = {"name",  "names", "owners",    "verbs",
                                           "lease", "quota", "algorithm", NULL};
    int err = d1_json_only(object, job->token_change.is_key ? key_keys : token_keys, &job->story);
    err = err != D1_OK ? err : take_name(job, object);
    err = err != D1_OK ? err : take_list(job, object, "names", &job->lists[LIST_NAMES]);
    err = err != D1_OK ? err : take_list(job, object, "owners", &job->lists[LIST_OWNERS]);
    err = err != D1_OK ? err : take_list(job, object, "verbs", &job->lists[LIST_VERBS]);
    err = err != D1_OK ? err : take_lease(job, object);
    err = err != D1_OK ? err : take_quota(job, object);
    return err != D1_OK ? err : take_algorithm(job, object);
}

static bool new_read(struct d1_job *job, const struct d1_http_request *request, bool is_key) {
    json_t *object = NULL;
    job->token_change.is_key = is_key;
    job->fault = d1_json_read_object(request->body, request->body_length, &object, &job->story);
    if (job->fault == D1_OK) {
        job->fault = take_new(job, object);
        json_decref(object);
    }
    job->token_change.names = job->lists[LIST_NAMES];
    job->token_change.owners = job->lists[LIST_OWNERS];
    job->token_change.verbs = job->lists[LIST_VERBS];
    return true;
}

static bool new_token_read(struct d1_job *job, const struct d1_http_request *request) {
    return new_read(job, request, false);
}

static bool new_key_read(struct d1_job *job, const struct d1_http_request *request) {
    return new_read(job, request, true);
}

static void new_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    change(job, D1_TOKEN_NEW);
}

#define ADMIN                                                                 \
    .kinds = D1_KIND_BIT(D1_FRONTEND_API) | D1_KIND_BIT(D1_FRONTEND_CONTROL), \
    .auth = D1_AUTH_TOKEN, .verbs = D1_VERB_ADMIN

#define ROUTE(verb, where, reading, running) \
    { .method = (verb), .path = (where), ADMIN, .read = (reading), .run = (running) }

const struct d1_route d1_api_token_routes[] = {
    ROUTE("GET", "/v1/tokens", list_read, list_tokens_run),
    ROUTE("POST", "/v1/tokens", new_token_read, new_run),
    ROUTE("GET", "/v1/tokens/{}", token_read, show_run),
    ROUTE("DELETE", "/v1/tokens/{}", token_read, remove_run),
    ROUTE("POST", "/v1/tokens/{}/rotate", token_read, rotate_run),
    ROUTE("GET", "/v1/tsig-keys", list_read, list_keys_run),
    ROUTE("POST", "/v1/tsig-keys", new_key_read, new_run),
    ROUTE("GET", "/v1/tsig-keys/{}", key_read, show_run),
    ROUTE("DELETE", "/v1/tsig-keys/{}", key_read, remove_run),
    ROUTE("POST", "/v1/tsig-keys/{}/rotate", key_read, rotate_run),
    {.path = NULL},
};
