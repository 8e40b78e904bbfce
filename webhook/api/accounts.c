/*
 * The native API's acme-dns accounts, for administrators: list, show, change allowfrom, rotate the
 * key, delete. A key is shown only by what makes it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "http/server.h"
#include "webhook/allowfrom.h"
#include "webhook/json.h"
#include "webhook/routes.h"

#define KINDS (D1_KIND_BIT(D1_FRONTEND_API) | D1_KIND_BIT(D1_FRONTEND_CONTROL))

static void add_account(struct d1_bytes *body, const struct d1_account *account, const char *key) {
    char full[D1_NAME_TEXT_MAX];
    size_t length = d1_name_to_text(&account->name, full);
    d1_bytes_add_text(body, "{\"username\":");
    d1_json_add_text(body, account->username);
    if (key != NULL) {
        d1_bytes_add_text(body, ",\"password\":");
        d1_json_add_text(body, key);
    }
    d1_bytes_add_text(body, ",\"fulldomain\":");
    d1_json_add(body, full, length);
    d1_bytes_add_text(body, ",\"subdomain\":");
    d1_json_add(body, account->name.octets + 1, account->name.octets[0]);
    d1_bytes_add_text(body, ",\"allowfrom\":");
    d1_allowfrom_add(body, account->allowfrom);
    d1_bytes_add_text(body, ",\"created\":");
    d1_json_add_time(body, account->created_ms);
    d1_bytes_add_text(body, "}");
}

/* ---- GET /v1/accounts?after=USERNAME ---- */

/* The first usernames behind `after`, as a heap with the greatest on top. */
struct page {
    const char *after;
    size_t count;
    bool more; /* There are others behind them. */
    char username[D1_LIST_ENTRIES_MAX][D1_UUID_TEXT_BYTES];
};

static void sift_down(struct page *page) {
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= page->count) {
            return;
        }
        if (child + 1 < page->count &&
            strcmp(page->username[child + 1], page->username[child]) > 0) {
            child++;
        }
        if (strcmp(page->username[child], page->username[at]) <= 0) {
            return;
        }
        char kept[D1_UUID_TEXT_BYTES];
        memcpy(kept, page->username[at], sizeof(kept));
        memcpy(page->username[at], page->username[child], sizeof(kept));
        memcpy(page->username[child], kept, sizeof(kept));
        at = child;
    }
}

static void sift_up(struct page *page) {
    size_t at = page->count - 1;
    while (at > 0 && strcmp(page->username[(at - 1) / 2], page->username[at]) < 0) {
        char kept[D1_UUID_TEXT_BYTES];
        size_t parent = (at - 1) / 2;
        memcpy(kept, page->username[at], sizeof(kept));
        memcpy(page->username[at], page->username[parent], sizeof(kept));
        memcpy(page->username[parent], kept, sizeof(kept));
        at = parent;
    }
}

static void consider(const char *username, void *arg) {
    struct page *page = arg;
    if (strcmp(username, page->after) <= 0) {
        return;
    }
    if (page->count < D1_LIST_ENTRIES_MAX) {
        memcpy(page->username[page->count++], username, D1_UUID_TEXT_BYTES);
        sift_up(page);
        return;
    }
    page->more = true;
    if (strcmp(username, page->username[0]) < 0) {
        memcpy(page->username[0], username, D1_UUID_TEXT_BYTES);
        sift_down(page);
    }
}

static int compare_usernames(const void *a, const void *b) {
    return strcmp(a, b);
}

static bool list_read(struct d1_job *job, const struct d1_http_request *request) {
    char text[D1_UUID_TEXT_BYTES];
    int err = d1_http_query_find(request->query, "after", text, sizeof(text));
    if (err == D1_ENOTFOUND) {
        return true;
    }
    if (err != D1_OK || d1_uuid_parse(text, strlen(text), job->username) != D1_OK) {
        return d1_job_fault(job, D1_EPARSE, "query parameter after must be a username, given once");
    }
    return true;
}

static void list_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    const struct d1_solver *solver = job->doors->options.solver;
    struct page *page = d1_malloc(sizeof(*page));
    if (page == NULL) {
        d1_job_fail(job, -ENOMEM, NULL);
        d1_job_finish(job);
        return;
    }
    page->after = job->username;
    page->count = 0;
    page->more = false;
    d1_solver_each_account(solver, consider, page);
    qsort(page->username, page->count, sizeof(page->username[0]), compare_usernames);
    d1_bytes_add_text(&job->body, "{\"accounts\":[");
    for (size_t i = 0; i < page->count; i++) {
        struct d1_account account;
        if (d1_solver_find_account(solver, page->username[i], &account) == D1_OK) {
            d1_bytes_add_text(&job->body, i > 0 ? "," : "");
            add_account(&job->body, &account, NULL);
        }
    }
    d1_bytes_add_text(&job->body, page->more ? "],\"truncated\":true}" : "]}");
    d1_free(page);
    d1_job_answer(job, 200);
    d1_job_finish(job);
}

/* ---- One account ---- */

static bool username_read(struct d1_job *job, const struct d1_http_request *request) {
    (void)request;
    if (d1_uuid_parse(job->segment, job->segment_length, job->username) != D1_OK) {
        return d1_job_fault(job, D1_ENOTFOUND, "there is no such account");
    }
    return true;
}

static void fail_account(struct d1_job *job, int err) {
    d1_job_fail(job, err,
                err == D1_ENOTFOUND ? "there is no such account"
                : err == D1_ENOTYET ? "another change of this account is under way"
                                    : NULL);
    d1_job_finish(job);
}

static void show_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    struct d1_account account;
    int err = d1_solver_find_account(job->doors->options.solver, job->username, &account);
    if (err != D1_OK) {
        fail_account(job, err);
        return;
    }
    add_account(&job->body, &account, NULL);
    d1_job_answer(job, 200);
    d1_job_finish(job);
}

static void on_changed(struct d1_solver_account_change *change, int err) {
    struct d1_job *job = D1_CONTAINER_OF(change, struct d1_job, account_change);
    if (err != D1_OK) {
        fail_account(job, err);
        return;
    }
    if (change->verb == D1_ACCOUNT_DELETE) {
        d1_bytes_add_text(&job->body, "{\"username\":");
        d1_json_add_text(&job->body, change->username);
        d1_bytes_add_text(&job->body, ",\"deleted\":true}");
    } else {
        bool rotates = change->verb == D1_ACCOUNT_ROTATE;
        add_account(&job->body, &change->account, rotates ? change->key : NULL);
    }
    d1_wipe(change->key, sizeof(change->key));
    d1_job_answer(job, 200);
    d1_job_finish(job);
}

static void change(struct d1_job *job, enum d1_account_verb verb) {
    job->account_change = (struct d1_solver_account_change){
        .verb = verb,
        .door = job->kind == D1_FRONTEND_CONTROL ? D1_DOOR_SOCKET : D1_DOOR_API,
        .allowfrom = job->allowfrom != NULL ? job->allowfrom : "",
        .done = on_changed,
    };
    memcpy(job->account_change.username, job->username, sizeof(job->username));
    int err = d1_solver_change_account(job->doors->options.solver, &job->account_change);
    if (err != D1_OK) {
        fail_account(job, err);
    }
}

static void delete_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    change(job, D1_ACCOUNT_DELETE);
}

static void rotate_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    change(job, D1_ACCOUNT_ROTATE);
}

/* ---- PATCH {"allowfrom": [...]} ---- */

static int take_patch(struct d1_job *job, const json_t *object) {
    static const char *const keys[] = {"allowfrom", NULL};
    int err = d1_json_only(object, keys, &job->story);
    if (err != D1_OK) {
        return err;
    }
    const json_t *ranges = json_object_get(object, "allowfrom");
    const char *fault =
        json_is_array(ranges) ? d1_allowfrom_read(ranges, &job->allowfrom) : "not a list";
    if (fault == NULL) {
        return D1_OK;
    }
    if (strcmp(fault, "json_error") == 0) {
        return d1_error_set(&job->story, -ENOMEM, "%s", d1_err_text(-ENOMEM));
    }
    return d1_error_set(&job->story, D1_EPARSE,
                        "allowfrom must be a list of at most %d networks like \"192.0.2.0/24\"; an "
                        "empty one lets everybody in",
                        D1_ALLOWFROM_MAX);
}

static bool patch_read(struct d1_job *job, const struct d1_http_request *request) {
    username_read(job, request);
    if (job->fault != D1_OK) {
        return true;
    }
    json_t *object = NULL;
    job->fault = d1_json_read_object(request->body, request->body_length, &object, &job->story);
    if (job->fault == D1_OK) {
        job->fault = take_patch(job, object);
        json_decref(object);
    }
    return true;
}

static void patch_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    change(job, D1_ACCOUNT_ALLOWFROM);
}

#define ADMIN .kinds = KINDS, .auth = D1_AUTH_TOKEN, .verbs = D1_VERB_ADMIN

const struct d1_route d1_api_account_routes[] = {
    {.method = "GET", .path = "/v1/accounts", ADMIN, .read = list_read, .run = list_run},
    {.method = "GET", .path = "/v1/accounts/{}", ADMIN, .read = username_read, .run = show_run},
    {.method = "DELETE",
     .path = "/v1/accounts/{}",
     ADMIN,
     .read = username_read,
     .run = delete_run},
    {.method = "PATCH", .path = "/v1/accounts/{}", ADMIN, .read = patch_read, .run = patch_run},
    {.method = "POST",
     .path = "/v1/accounts/{}/rotate",
     ADMIN,
     .read = username_read,
     .run = rotate_run},
    {.path = NULL},
};
