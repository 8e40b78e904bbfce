#include "tests/unit/providers/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/mem.h"

/* ---- The plugin ---- */

struct fake_account {
    struct world *world;
};

struct fake_job {
    struct world *world;
    size_t at;
};

static int account_open(const struct d1_provider *provider, const struct d1_pair *settings,
                        size_t count, void **ret_account, struct d1_provider_error *ret_error) {
    struct world *w = (struct world *)(uintptr_t)provider->data;
    if (w->open_err != 0) {
        snprintf(ret_error->text, sizeof(ret_error->text), "secret %s is not one",
                 count > 0 ? settings[0].value : "");
        return -1;
    }
    struct fake_account *account = d1_calloc(1, sizeof(*account));
    assert_non_null(account);
    account->world = w;
    w->accounts_alive++;
    *ret_account = account;
    return 0;
}

static void account_close(void *account) {
    ((struct fake_account *)account)->world->accounts_alive--;
    d1_free(account);
}

static void traits(const void *account, struct d1_provider_traits *ret_traits) {
    static const char *const hosts[] = {"api.example.test", "*.zone.example.test", NULL};
    const struct world *w = ((const struct fake_account *)account)->world;
    ret_traits->hosts = hosts;
    ret_traits->requests = w->requests;
    ret_traits->per_ms = w->per_ms;
    ret_traits->together = w->together;
    ret_traits->propagation_s = 60;
}

static int job_begin(void *account, const struct d1_provider_job *job, void **ret_job) {
    struct world *w = ((struct fake_account *)account)->world;
    (void)job;
    if (w->begin_err != 0) {
        return -1;
    }
    struct fake_job *fake = d1_calloc(1, sizeof(*fake));
    assert_non_null(fake);
    fake->world = w;
    w->jobs_alive++;
    *ret_job = fake;
    return 0;
}

static void step(void *job, const struct d1_reply *reply, struct d1_action *ret_action) {
    struct fake_job *fake = job;
    struct world *w = fake->world;
    if (w->reply_count < 256) {
        w->reply_kind[w->reply_count] = reply->kind;
        w->reply_status[w->reply_count] = reply->status;
        w->reply_count++;
    }
    snprintf(w->reply_error, sizeof(w->reply_error), "%s", reply->error ? reply->error : "");
    /* RETRY is given again and again, with its request in between. */
    if (reply->kind == D1_REPLY_AGAIN) {
        fake->at -= 2;
    }
    if (w->same_for_ever) {
        fake->at = 0;
    }
    if (fake->at >= w->script_length) {
        ret_action->kind = D1_ACTION_DONE;
        return;
    }
    *ret_action = w->script[fake->at++];
}

static void job_end(void *job) {
    ((struct fake_job *)job)->world->jobs_alive--;
    d1_free(job);
}

static const struct d1_provider_setting settings_of_fake[] = {
    {.name = "secret", .text = "the key", .secret = 1, .required = 1},
    {.name = "color", .text = "what it looks like", .fallback = "blue"},
};

static const struct d1_provider *find(const char *type, void *arg) {
    struct world *w = arg;
    return strcmp(type, "fake") == 0 ? &w->plugin : NULL;
}

/* ---- The transport ---- */

static int begin(struct d1_transport *transport, uint32_t kind, const char *url,
                 struct d1_exchange *exchange) {
    struct world *w = D1_CONTAINER_OF(transport, struct world, transport);
    if (w->send_err != 0) {
        return w->send_err;
    }
    assert_true(w->exchange_count < WORLD_EXCHANGES);
    struct fake_exchange *fake = &w->exchange[w->exchange_count++];
    *fake = (struct fake_exchange){.exchange = exchange, .kind = kind};
    snprintf(fake->url, sizeof(fake->url), "%s", url);
    exchange->state = fake;
    return 0;
}

static int http(struct d1_transport *transport, const struct d1_transport_rules *rules,
                const struct d1_action_http *request, struct d1_exchange *exchange) {
    assert_true(rules->limit_ms > 0);
    return begin(transport, D1_REPLY_HTTP, request->url, exchange);
}

static int dns(struct d1_transport *transport, const struct d1_transport_rules *rules,
               const struct d1_action_dns *request, struct d1_exchange *exchange) {
    (void)rules;
    return begin(transport, D1_REPLY_DNS, request->server, exchange);
}

static int run(struct d1_transport *transport, const struct d1_action_run *request,
               struct d1_exchange *exchange) {
    return begin(transport, D1_REPLY_RUN, request->program, exchange);
}

static int zone(struct d1_transport *transport, const char *name, struct d1_exchange *exchange) {
    return begin(transport, D1_REPLY_ZONE, name, exchange);
}

static int look(struct d1_transport *transport, const struct d1_transport_rules *rules,
                const struct d1_provider_job *job, uint32_t limit_ms,
                struct d1_exchange *exchange) {
    assert_non_null(rules);
    assert_int_equal(limit_ms, 60000);
    int err = begin(transport, D1_REPLY_DNS, job->fqdn, exchange);
    struct world *w = D1_CONTAINER_OF(transport, struct world, transport);
    w->exchange[w->exchange_count - 1].look = true;
    return err;
}

static void cancel(struct d1_transport *transport, struct d1_exchange *exchange) {
    struct world *w = D1_CONTAINER_OF(transport, struct world, transport);
    struct fake_exchange *fake = exchange->state;
    assert_ptr_equal(fake->exchange, exchange);
    fake->exchange = NULL;
    w->canceled++;
}

static void release(struct d1_transport *transport, struct d1_exchange *exchange) {
    struct world *w = D1_CONTAINER_OF(transport, struct world, transport);
    assert_non_null(exchange->state);
    w->released++;
}

static void on_asked(const char *type, int32_t status, void *arg) {
    struct world *w = arg;
    (void)status;
    assert_string_equal(type, "fake");
    w->asked++;
}

/* ---- The world ---- */

void world_open(struct world *w) {
    *w = (struct world){.transport = {http, dns, run, zone, look, cancel, release}};
    d1_fake_clock_init(&w->clock, 1700000000000);
    assert_int_equal(d1_loop_create("test", &w->loop), 0);
    w->plugin = (struct d1_provider){
        .abi = D1_PROVIDER_ABI,
        .size = sizeof(w->plugin),
        .type = "fake",
        .title = "Fake",
        .settings = settings_of_fake,
        .setting_count = 2,
        .data = w,
        .account_open = account_open,
        .account_close = account_close,
        .traits = traits,
        .job_begin = job_begin,
        .step = step,
        .job_end = job_end,
    };
    struct d1_host_options options = {
        .loop = w->loop,
        .clock = &w->clock.clock,
        .transport = &w->transport,
        .find = find,
        .find_arg = w,
        .asked = on_asked,
        .asked_arg = w,
        .backoff_ms = 1,
    };
    assert_int_equal(d1_host_create(&options, &w->host), 0);
}

void world_close(struct world *w) {
    d1_host_destroy(w->host);
    world_turn(w);
    world_turn(w);
    assert_int_equal(w->jobs_alive, 0);
    assert_int_equal(w->accounts_alive, 0);
    d1_loop_destroy(w->loop);
}

int world_account(struct world *w, bool look_after, bool networks, struct d1_error *error) {
    struct d1_pair settings[] = {{"secret", "s3cr3t/value"}, {"color", "red"}};
    struct d1_cidr network = {.base = {.length = 4, .octets = {127}}, .bits = 8};
    struct d1_host_account account = {
        .name = "acc",
        .type = "fake",
        .settings = settings,
        .setting_count = 2,
        .rules = {.networks = &network, .network_count = networks ? 1 : 0},
        .look = look_after,
    };
    return d1_host_put_account(w->host, &account, error);
}

static struct world *current; /* cmocka runs one test at a time. */

static void on_done(struct d1_host_job *job) {
    size_t index = (size_t)(job - current->job);
    current->ended[index]++;
    current->order[current->ended_count++] = index;
}

static void on_progress(struct d1_host_job *job, const char *name, const char *text) {
    (void)job;
    size_t length = strlen(current->progress);
    snprintf(current->progress + length, sizeof(current->progress) - length, "%s=%s ", name, text);
}

int world_submit(struct world *w, size_t i, uint32_t verb, const char *fqdn, const char *value) {
    current = w;
    w->job[i] = (struct d1_host_job){.account = "acc",
                                     .verb = verb,
                                     .fqdn = fqdn,
                                     .value = value,
                                     .progress = on_progress,
                                     .done = on_done};
    return d1_host_submit(w->host, &w->job[i]);
}

void world_turn(struct world *w) {
    /* Timers of 0 ms start handles whose turn is the next one. */
    for (int i = 0; i < 8; i++) {
        uv_run(d1_loop_uv(w->loop), UV_RUN_NOWAIT);
    }
}

void world_until_ended(struct world *w, size_t count) {
    while (w->ended_count < count) {
        uv_run(d1_loop_uv(w->loop), UV_RUN_ONCE);
    }
}

void world_answer(struct world *w, size_t i, int32_t status, const char *body) {
    assert_true(i < w->exchange_count);
    struct d1_exchange *exchange = w->exchange[i].exchange;
    assert_non_null(exchange);
    w->exchange[i].exchange = NULL;
    exchange->reply = (struct d1_reply){.kind = w->exchange[i].kind, .status = status};
    if (status < 0) {
        exchange->reply.error = body;
    } else {
        exchange->reply.body = (const uint8_t *)body;
        exchange->reply.length = strlen(body);
    }
    exchange->done(exchange);
}

struct d1_action *world_step(struct world *w, uint32_t kind, const char *name) {
    assert_true(w->script_length < WORLD_SCRIPT);
    struct d1_action *action = &w->script[w->script_length++];
    *action = (struct d1_action){.size = sizeof(*action), .kind = kind, .step = name};
    return action;
}

struct d1_action *world_get(struct world *w, const char *name, const char *url) {
    struct d1_action *action = world_step(w, D1_ACTION_HTTP, name);
    action->as.http.method = "GET";
    action->as.http.url = url;
    return action;
}
