/*
 * Happy path of a request on the front loop: newest settings are taken, the path without its prefix
 * is matched, the client's address and what it offers as its credential are read, limits are asked,
 * the route reads the body, and the job is posted to the control loop (see job.h).
 * Failures: no memory (503), no such path (404), wrong method (405), limits (429), no credential
 * (401): answered here, without bothering the control loop.
 *
 * Settings are an immutable object. The control loop leaves the newest in `next`, the front loop
 * takes it from there; each free what they replace, so neither waits for the other.
 */
#include "webhook/route.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "http/server.h"
#include "webhook/accountstore.h"
#include "webhook/host.h"
#include "webhook/import.h"
#include "webhook/job.h"
#include "webhook/limit.h"
#include "webhook/routes.h"

#define HOUR_MS   INT64_C(3600000)
#define MINUTE_MS INT64_C(60000)

/* Statuses that our routes answer with; the last place is for any other. */
static const int statuses[] = {200, 201, 400, 401, 403, 404, 405, 409, 421, 422, 429, 500, 503};
static const char *const status_labels[] = {
    "code=\"200\"", "code=\"201\"", "code=\"400\"", "code=\"401\"",   "code=\"403\"",
    "code=\"404\"", "code=\"405\"", "code=\"409\"", "code=\"421\"",   "code=\"422\"",
    "code=\"429\"", "code=\"500\"", "code=\"503\"", "code=\"other\"",
};
_Static_assert(D1_ARRAY_LENGTH(status_labels) == D1_ARRAY_LENGTH(statuses) + 1, "one more: other");

static const struct d1_metric_family responses_family = {
    .name = "dns01d_http_responses_total",
    .help = "HTTP requests answered, by status.",
    .type = D1_METRIC_COUNTER,
    .series = D1_ARRAY_LENGTH(status_labels),
    .labels = status_labels,
};

struct settings {
    char *base_path; /* "" or "/prefix", no final '/'. */
    enum d1_registration registration;
    bool account_store;
    unsigned registrations_per_hour;
    unsigned registrations_total_per_hour;
    unsigned auth_failures_per_minute;
    size_t hosts_count;
    char **hosts;
    size_t trusted_count;
    struct d1_cidr trusted[];
};

struct d1_router {
    struct d1_doors doors;
    d1_router_respond_fn respond;
    void *arg;
    size_t pending;
    struct settings *settings; /* The front loop's; NULL before the first configure. */
    _Atomic(struct settings *) next;
    struct d1_limit *registrations;
    struct d1_limit *registrations_total; /* Of one address, which stands for all. */
    struct d1_limit *auth_failures;
    struct d1_metrics_block *counters; /* The front loop's; owned by the metrics. */
    uint32_t responses;                /* First cell of responses_family. */
};

static void on_control(struct d1_message *message);
static void on_answered(struct d1_message *message);

static void free_settings(struct settings *settings) {
    if (settings != NULL) {
        for (size_t i = 0; i < settings->hosts_count; i++) {
            d1_free(settings->hosts[i]);
        }
        d1_free(settings->hosts);
        d1_free(settings->base_path);
        d1_free(settings);
    }
}

int d1_router_create(const struct d1_frontend_options *options, d1_router_respond_fn respond,
                     void *arg, struct d1_router **ret_router) {
    struct d1_router *router = d1_calloc(1, sizeof(*router));
    if (router == NULL) {
        return -ENOMEM;
    }
    router->doors.options = *options;
    router->respond = respond;
    router->arg = arg;
    atomic_init(&router->next, NULL);
    int err = d1_limit_create(options->clock, &router->registrations);
    if (err == D1_OK) {
        err = d1_limit_create(options->clock, &router->registrations_total);
    }
    if (err == D1_OK) {
        err = d1_limit_create(options->clock, &router->auth_failures);
    }
    if (err == D1_OK) {
        err = d1_rights_create(NULL, 0, NULL, 0, D1_VERB_ADMIN, &router->doors.admin, NULL);
    }
    if (err == D1_OK) {
        err = d1_metrics_family(options->metrics, &responses_family, &router->responses);
    }
    if (err == D1_OK) {
        err = d1_metrics_block(options->metrics, &router->counters);
    }
    if (err != D1_OK) {
        d1_router_destroy(router);
        return err;
    }
    *ret_router = router;
    return D1_OK;
}

void d1_router_destroy(struct d1_router *router) {
    if (router == NULL) {
        return;
    }
    d1_rights_destroy(router->doors.admin);
    d1_limit_destroy(router->registrations);
    d1_limit_destroy(router->registrations_total);
    d1_limit_destroy(router->auth_failures);
    free_settings(router->settings);
    free_settings(atomic_load(&router->next));
    d1_free(router);
}

/* Without their final dots. */
static int copy_hosts(struct settings *settings, const struct d1_frontend_settings *from) {
    settings->hosts = d1_calloc(from->hosts_count + 1, sizeof(*settings->hosts));
    for (size_t i = 0; settings->hosts != NULL && i < from->hosts_count; i++) {
        size_t length = strlen(from->hosts[i]);
        length -= length > 0 && from->hosts[i][length - 1] == '.' ? 1 : 0;
        settings->hosts[i] = d1_strndup(from->hosts[i], length);
        if (settings->hosts[i] == NULL) {
            return -ENOMEM;
        }
        settings->hosts_count++;
    }
    return settings->hosts != NULL ? D1_OK : -ENOMEM;
}

int d1_router_configure(struct d1_router *router, const struct d1_frontend_settings *from) {
    size_t count = from->trusted_proxies_count;
    struct settings *settings =
        d1_calloc(1, sizeof(*settings) + count * sizeof(settings->trusted[0]));
    if (settings == NULL) {
        return -ENOMEM;
    }
    size_t length = strlen(from->base_path);
    while (length > 0 && from->base_path[length - 1] == '/') {
        length--;
    }
    settings->base_path = d1_strndup(from->base_path, length);
    if (settings->base_path == NULL || copy_hosts(settings, from) != D1_OK) {
        free_settings(settings);
        return -ENOMEM;
    }
    settings->registration = from->registration;
    settings->account_store = from->account_store;
    settings->registrations_per_hour = from->registrations_per_hour;
    settings->registrations_total_per_hour = from->registrations_total_per_hour;
    settings->auth_failures_per_minute = from->auth_failures_per_minute;
    for (size_t i = 0; i < count; i++) {
        const char *text = from->trusted_proxies[i];
        if (d1_cidr_parse(text, strlen(text), &settings->trusted[i]) != D1_OK) {
            free_settings(settings);
            return D1_EPARSE;
        }
    }
    settings->trusted_count = count;
    free_settings(atomic_exchange_explicit(&router->next, settings, memory_order_acq_rel));
    return D1_OK;
}

static void take_settings(struct d1_router *router) {
    struct settings *next = atomic_exchange_explicit(&router->next, NULL, memory_order_acq_rel);
    if (next == NULL) {
        return;
    }
    free_settings(router->settings);
    router->settings = next;
    d1_limit_configure(router->registrations, next->registrations_per_hour, HOUR_MS);
    d1_limit_configure(router->registrations_total, next->registrations_total_per_hour, HOUR_MS);
    d1_limit_configure(router->auth_failures, next->auth_failures_per_minute, MINUTE_MS);
}

size_t d1_router_pending(const struct d1_router *router) {
    return router->pending;
}

/* The path below the base path, which only the API listener has; NULL when it is not below. */
static const char *strip_base(const struct d1_job *job, const char *path) {
    size_t length = strlen(job->base_path);
    if (strncmp(path, job->base_path, length) != 0 || (length > 0 && path[length] != '/')) {
        return NULL;
    }
    return path + length;
}

/* Whether the path has the pattern's form; what stands for "{}" goes to the job. */
static bool matches(const char *pattern, const char *path, struct d1_job *job) {
    const char *hole = strstr(pattern, "{}");
    if (hole == NULL) {
        return strcmp(pattern, path) == 0;
    }
    size_t before = (size_t)(hole - pattern);
    if (strncmp(pattern, path, before) != 0) {
        return false;
    }
    const char *segment = path + before;
    size_t length = strcspn(segment, "/");
    if (length == 0 || strcmp(segment + length, hole + 2) != 0) {
        return false;
    }
    job->segment = segment;
    job->segment_length = length;
    return true;
}

const struct d1_route *const d1_route_tables[] = {
    d1_acmedns_routes,      d1_httpreq_routes,       d1_api_challenge_routes, d1_api_account_routes,
    d1_api_import_routes,   d1_account_store_routes, d1_api_token_routes,     d1_api_admin_routes,
    d1_api_provider_routes, d1_api_openapi_routes,   d1_health_routes,        NULL,
};

/* Sets job->route, or job->allow when only the method is wrong. */
static void find_route(struct d1_job *job, const char *method, const char *path) {
    size_t used = 0;
    for (const struct d1_route *const *table = d1_route_tables; *table != NULL; table++) {
        for (const struct d1_route *route = *table; route->path != NULL; route++) {
            bool here = (route->kinds & D1_KIND_BIT(job->kind)) != 0;
            if (!here || !matches(route->path, path, job)) {
                continue;
            }
            if (strcmp(route->method, method) == 0) {
                job->route = route;
                job->allow[0] = '\0';
                return;
            }
            int wrote = snprintf(job->allow + used, sizeof(job->allow) - used, "%s%s",
                                 used > 0 ? ", " : "", route->method);
            used += (size_t)wrote;
        }
    }
}

/* Peer, or who stands behind our own proxies. */
static void find_client(const struct d1_router *router, const struct d1_http_request *request,
                        struct d1_ip *ret_client) {
    d1_ip_from_socket(&request->peer.address, ret_client);
    const struct settings *settings = router->settings;
    bool more = settings != NULL && settings->trusted_count > 0 && ret_client->length > 0;
    for (size_t i = request->headers_count; more && i > 0; i--) {
        const struct d1_http_header *header = &request->headers[i - 1];
        if (strcmp(header->name, "x-forwarded-for") == 0) {
            more = d1_forwarded_walk(header->value, settings->trusted, settings->trusted_count,
                                     ret_client);
        }
    }
}

static void read_offer(struct d1_job *job, const struct d1_http_request *request) {
    if (job->route->auth == D1_AUTH_NONE) {
        job->offer = (struct d1_offer){.kind = D1_OFFER_NONE};
    } else if (job->kind == D1_FRONTEND_CONTROL) {
        d1_offer_read_socket(request, &job->offer);
    } else if (job->route->auth == D1_AUTH_ACCOUNT) {
        d1_offer_read_account(request, &job->offer);
    } else {
        d1_offer_read_token(request, &job->offer);
    }
}

static const struct d1_ip everybody = {.length = 4};

/* Whether the client may go on; if not, the job has its answer. */
static bool check_limits(struct d1_router *router, struct d1_job *job) {
    unsigned wait_s = 0;
    const char *detail = "too many requests of this kind from this address";
    if (job->route->auth != D1_AUTH_NONE) {
        wait_s = d1_limit_wait_s(router->auth_failures, &job->client);
    }
    bool registers = job->route->registers && job->kind != D1_FRONTEND_CONTROL;
    if (wait_s == 0 && registers) {
        wait_s = d1_limit_wait_s(router->registrations, &job->client);
    }
    if (wait_s == 0 && registers) {
        wait_s = d1_limit_wait_s(router->registrations_total, &everybody);
        detail = "too many registrations, of all clients together";
    }
    if (wait_s > 0) {
        job->retry_after_s = wait_s;
        d1_job_fail(job, D1_ELIMIT, detail);
        return false;
    }
    if (registers) {
        job->counted = true;
        d1_limit_take(router->registrations, &job->client);
        d1_limit_take(router->registrations_total, &everybody);
    }
    return true;
}

/* A browser that was led here by a name that is not ours (see host.h) gets nothing. */
static bool is_led_here(const struct d1_router *router, const struct d1_http_request *request) {
    const struct settings *settings = router->settings;
    const char *host = d1_http_header_find(request, "host");
    if (request->secure || !request->loopback || host == NULL) {
        return false;
    }
    return !d1_host_is_ours(host, settings != NULL ? settings->hosts : NULL,
                            settings != NULL ? settings->hosts_count : 0);
}

/* Returns true when the job must go to the control loop. */
static bool read_request(struct d1_router *router, struct d1_job *job,
                         const struct d1_http_request *request) {
    if (is_led_here(router, request)) {
        d1_job_fail(job, D1_EHOST, NULL);
        return false;
    }
    const char *path = strip_base(job, request->path);
    if (path != NULL) {
        find_route(job, request->method, path);
    }
    if (job->route == NULL) {
        d1_job_fail(job, job->allow[0] != '\0' ? D1_EMETHOD : D1_ENOTFOUND, NULL);
        return false;
    }
    find_client(router, request, &job->client);
    read_offer(job, request);
    if (!check_limits(router, job)) {
        return false;
    }
    bool offers_nothing = job->offer.kind == D1_OFFER_NONE || job->offer.kind == D1_OFFER_BAD;
    if (job->route->auth == D1_AUTH_TOKEN && offers_nothing) {
        d1_job_fail(job, D1_EUNAUTHORIZED, NULL);
        return false;
    }
    return job->route->read == NULL || job->route->read(job, request);
}

static void write_answer(struct d1_router *router, struct d1_http_exchange *exchange,
                         const struct d1_http_response *response) {
    uint32_t place = 0;
    while (place < D1_ARRAY_LENGTH(statuses) && statuses[place] != response->status) {
        place++;
    }
    d1_count(router->counters, router->responses + place, 1);
    router->respond(exchange, response, router->arg);
}

static void respond_no_memory(struct d1_router *router, struct d1_http_exchange *exchange) {
    static const char body[] = "{\"error\": \"ENOMEM\", \"detail\": \"out of memory\"}";
    const struct d1_http_header retry = {"retry-after", "5"};
    struct d1_http_response response = {
        .status = 503,
        .content_type = "application/json",
        .body = body,
        .body_length = sizeof(body) - 1,
        .headers = &retry,
        .headers_count = 1,
    };
    write_answer(router, exchange, &response);
}

void d1_router_take(struct d1_router *router, enum d1_frontend_kind kind,
                    const struct d1_http_request *request, struct d1_http_exchange *exchange) {
    take_settings(router);
    struct d1_job *job = d1_calloc(1, sizeof(*job));
    if (job == NULL) {
        respond_no_memory(router, exchange);
        return;
    }
    job->router = router;
    job->doors = &router->doors;
    job->exchange = exchange;
    job->kind = kind;
    job->registration =
        router->settings != NULL ? router->settings->registration : D1_REGISTRATION_CLOSED;
    job->account_store = router->settings != NULL && router->settings->account_store;
    bool has_base = kind == D1_FRONTEND_API && router->settings != NULL;
    job->base_path = has_base ? router->settings->base_path : "";
    d1_bytes_init(&job->body, D1_HTTP_ANSWER_BYTES_MAX);
    router->pending++;
    if (read_request(router, job, request)) {
        job->segment = NULL;
        job->base_path = NULL;
        job->message.run = on_control;
        d1_loop_post(router->doors.options.loop, &job->message);
    } else {
        on_answered(&job->message);
    }
}

static void on_control(struct d1_message *message) {
    struct d1_job *job = D1_CONTAINER_OF(message, struct d1_job, message);
    job->message.run = on_answered;
    struct d1_credential credential;
    if (job->route->auth != D1_AUTH_TOKEN) {
        job->route->run(job, NULL);
        return;
    }
    int err =
        d1_offer_find(&job->offer, job->doors->options.solver, job->doors->admin, &credential);
    if (err == D1_OK && !d1_rights_verb(credential.rights, job->route->verbs)) {
        err = D1_EFORBIDDEN;
    }
    if (err != D1_OK) {
        d1_job_fail(job, err, NULL);
        d1_job_finish(job);
    } else if (job->fault != D1_OK) {
        d1_job_fail(job, job->fault, job->story.text);
        d1_job_finish(job);
    } else {
        job->route->run(job, &credential);
    }
}

/* The front loop's last look at a job: limits and the log learn how it went. */
static void note_outcome(struct d1_router *router, struct d1_job *job) {
    if (job->unauthorized) {
        d1_limit_take(router->auth_failures, &job->client);
        char client[D1_IP_TEXT_BYTES];
        d1_ip_format(&job->client, client);
        d1_log(router->doors.options.log, INFO, "unauthorized", D1_LOG_S("client", client),
               D1_LOG_S("path", job->route->path));
    }
    if (job->counted && job->status != 201) {
        d1_limit_give_back(router->registrations, &job->client);
        d1_limit_give_back(router->registrations_total, &everybody);
    }
}

static void respond(struct d1_router *router, struct d1_job *job) {
    if (job->body.failed) {
        respond_no_memory(router, job->exchange);
        return;
    }
    struct d1_http_header headers[3];
    size_t count = 0;
    char retry_after[16];
    if (job->allow[0] != '\0') {
        headers[count++] = (struct d1_http_header){"allow", job->allow};
    }
    if (job->challenge != NULL) {
        headers[count++] = (struct d1_http_header){"www-authenticate", job->challenge};
    }
    if (job->retry_after_s > 0) {
        snprintf(retry_after, sizeof(retry_after), "%u", job->retry_after_s);
        headers[count++] = (struct d1_http_header){"retry-after", retry_after};
    }
    struct d1_http_response response = {
        .status = job->status,
        .content_type = job->content_type,
        .body = job->body.data,
        .body_length = job->body.length,
        .headers = headers,
        .headers_count = count,
    };
    write_answer(router, job->exchange, &response);
}

static void on_answered(struct d1_message *message) {
    struct d1_job *job = D1_CONTAINER_OF(message, struct d1_job, message);
    struct d1_router *router = job->router;
    note_outcome(router, job);
    router->pending--;
    respond(router, job);
    d1_import_batch_destroy(job->batch);
    d1_account_store_destroy(job->kept);
    d1_rights_destroy(job->rights);
    d1_free(job->allowfrom);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(job->lists); i++) {
        d1_free(job->lists[i]);
    }
    d1_wipe(job->body.data, job->body.capacity);
    d1_bytes_close(&job->body);
    d1_wipe(job, sizeof(*job));
    d1_free(job);
}
