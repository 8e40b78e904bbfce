/*
 * GET /v1/tokens, for administrators: the tokens' names and rights. Secrets are not kept, so they
 * cannot be shown.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "webhook/json.h"
#include "webhook/routes.h"

#define OWNER_PREFIX "token:"

struct tokens {
    size_t count;
    const struct d1_credential *at[D1_TOKENS_MAX];
};

static void collect(const struct d1_credential *credential, void *arg) {
    struct tokens *tokens = arg;
    if (tokens->count < D1_TOKENS_MAX) {
        tokens->at[tokens->count++] = credential;
    }
}

static int compare_owners(const void *a, const void *b) {
    const struct d1_credential *const *left = a;
    const struct d1_credential *const *right = b;
    return strcmp((*left)->owner, (*right)->owner);
}

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
    static const struct {
        unsigned verb;
        const char *text;
    } verbs[] = {{D1_VERB_PRESENT, "present"},
                 {D1_VERB_CLEANUP, "cleanup"},
                 {D1_VERB_READ, "read"},
                 {D1_VERB_REGISTER, "register"},
                 {D1_VERB_ADMIN, "admin"}};
    unsigned held = d1_rights_verbs(rights);
    size_t count = 0;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(verbs); i++) {
        if ((held & verbs[i].verb) != 0) {
            d1_bytes_add_text(body, count++ > 0 ? "," : "");
            d1_json_add_text(body, verbs[i].text);
        }
    }
}

static void add_token(struct d1_bytes *body, const struct d1_credential *token) {
    d1_bytes_add_text(body, "{\"name\":");
    d1_json_add_text(body, token->owner + sizeof(OWNER_PREFIX) - 1);
    struct patterns patterns = {.body = body, .owners = false};
    d1_bytes_add_text(body, ",\"names\":[");
    d1_rights_each_pattern(token->rights, add_pattern, &patterns);
    patterns = (struct patterns){.body = body, .owners = true};
    d1_bytes_add_text(body, "],\"owners\":[");
    d1_rights_each_pattern(token->rights, add_pattern, &patterns);
    d1_bytes_add_text(body, "],\"verbs\":[");
    add_verbs(body, token->rights);
    d1_bytes_add_text(body, "]}");
}

static void list_run(struct d1_job *job, const struct d1_credential *credential) {
    (void)credential;
    struct tokens *tokens = d1_malloc(sizeof(*tokens));
    if (tokens == NULL) {
        d1_job_fail(job, -ENOMEM, NULL);
        d1_job_finish(job);
        return;
    }
    tokens->count = 0;
    const struct d1_credentials *set = d1_solver_credentials(job->doors->options.solver);
    if (set != NULL) {
        d1_credentials_each(set, collect, tokens);
    }
    qsort(tokens->at, tokens->count, sizeof(tokens->at[0]), compare_owners);
    size_t shown = tokens->count < D1_LIST_ENTRIES_MAX ? tokens->count : D1_LIST_ENTRIES_MAX;
    d1_bytes_add_text(&job->body, "{\"tokens\":[");
    for (size_t i = 0; i < shown; i++) {
        d1_bytes_add_text(&job->body, i > 0 ? "," : "");
        add_token(&job->body, tokens->at[i]);
    }
    d1_bytes_add_text(&job->body, shown < tokens->count ? "],\"truncated\":true}" : "]}");
    d1_free(tokens);
    d1_job_answer(job, 200);
    d1_job_finish(job);
}

const struct d1_route d1_api_token_routes[] = {
    {
        .method = "GET",
        .path = "/v1/tokens",
        .kinds = D1_KIND_BIT(D1_FRONTEND_API) | D1_KIND_BIT(D1_FRONTEND_CONTROL),
        .auth = D1_AUTH_TOKEN,
        .verbs = D1_VERB_ADMIN,
        .run = list_run,
    },
    {.path = NULL},
};
