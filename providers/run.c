/*
 * One job, from its submission to its end.
 *
 * Happy path: queued (its timer fires, and no earlier job has its name and value) -> stepping: the
 * plugin is asked -> paced -> asking: the transport has the request -> stepping ... -> DONE; a
 * present is then looked for at the zone's servers (asking once more) -> ended.
 * Failures: whatever goes wrong ends in end(): the plugin says FAIL, asks for something that it may
 * not have, takes too many steps, repeats a request too often or takes too long.
 * A canceled job stops at once; its memory goes when its timer has closed.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/mem.h"
#include "providers/guard.h"
#include "providers/internal.h"

#define TO(state) D1_STEP_TO(D1_RUN_##state)

static const struct d1_step_state run_states[D1_RUN_STATES] = {
    [D1_RUN_QUEUED] = {"queued", TO(STEPPING) | TO(ENDED)},
    [D1_RUN_PACED] = {"paced", TO(ASKING) | TO(WAITING) | TO(ENDED)},
    [D1_RUN_ASKING] = {"asking", TO(STEPPING) | TO(ENDED)},
    [D1_RUN_WAITING] = {"waiting", TO(STEPPING) | TO(ENDED)},
    [D1_RUN_LOCKING] = {"locking", TO(STEPPING) | TO(ENDED)},
    [D1_RUN_STEPPING] = {"stepping",
                         TO(PACED) | TO(ASKING) | TO(WAITING) | TO(LOCKING) | TO(ENDED)},
    [D1_RUN_ENDED] = {"ended", 0},
};

static void advance(struct d1_run *run, const struct d1_reply *result);
static void on_timer(uv_timer_t *timer);

/* ---- The end ---- */

static const char *const advice[] = {
    [D1_FAIL_OTHER] = "",
    [D1_FAIL_CREDENTIALS] = "; check the credentials of the account and what they may do",
    [D1_FAIL_NO_ZONE] = "; check that the account holds the zone, or name it in the setting zone",
    [D1_FAIL_AMBIGUOUS] = "; name the right zone in the setting zone",
    [D1_FAIL_REFUSED] = "",
    [D1_FAIL_REPLY] = "; the vendor's API may have changed: please report it",
    [D1_FAIL_BUSY] = "; it may succeed later",
    [D1_FAIL_UNREACHABLE] = "; check base-url, ca-file and the network",
    [D1_FAIL_SETTINGS] = "; change the settings of the account",
    [D1_FAIL_ABSENT] = "",
};

static void free_run(uv_handle_t *handle) {
    struct d1_run *run = handle->data;
    struct d1_host *host = run->host;
    d1_free(run);
    d1_host_handle_closed(host);
}

/* Everything it holds is given back; nobody is called. */
void d1_run_stop(struct d1_run *run) {
    struct d1_host *host = run->host;
    struct d1_host_opened *opened = run->opened;
    if (run->step.now == D1_RUN_PACED) {
        struct d1_run **at = &opened->first;
        while (*at != run) {
            at = &(*at)->next;
        }
        *at = run->next;
        opened->last = run->next == NULL ? at : opened->last;
    } else if (run->step.now == D1_RUN_ASKING) {
        host->options.transport->cancel(host->options.transport, &run->exchange);
        opened->together -= run->looking ? 0 : 1;
    }
    d1_step_move(&run->step, D1_RUN_ENDED);
    *run->link_of_host = run->next_of_host;
    if (run->next_of_host != NULL) {
        run->next_of_host->link_of_host = run->link_of_host;
    }
    host->run_count--;
    if (run->plugin != NULL) {
        opened->provider->job_end(run->plugin);
    }
    if (run->job != NULL) {
        run->job->state = NULL;
    }
    uv_close((uv_handle_t *)&run->timer, free_run);
    d1_lock_release(&host->locks, &run->lock);
    d1_lock_release(&host->locks, &run->order);
    d1_host_release_account(opened);
}

static void end(struct d1_run *run, int err, uint32_t kind, const char *text) {
    struct d1_host_job *job = run->job;
    struct d1_host_opened *opened = run->opened;
    bool reached = run->reached || (kind != D1_FAIL_UNREACHABLE && kind != D1_FAIL_BUSY);
    d1_pace_ended(&opened->pace, d1_host_now_us(run->host), err == 0 || reached);
    job->err = err;
    job->kind = err == D1_EPROVIDER ? kind : D1_FAIL_OTHER;
    job->text[0] = '\0';
    if (err != 0) {
        char words[D1_PROVIDER_TEXT_MAX / 2];
        char status[24] = "";
        d1_redact_text(&opened->redact, text != NULL ? text : "", words, sizeof(words));
        if (run->http && run->status > 0) {
            snprintf(status, sizeof(status), "HTTP %d: ", (int)run->status);
        }
        kind = kind < sizeof(advice) / sizeof(advice[0]) ? kind : D1_FAIL_OTHER;
        snprintf(job->text, sizeof(job->text), "%.60s: %.31s%s%s%s%s", opened->provider->type,
                 run->step_name, run->step_name[0] != '\0' ? ": " : "", status, words,
                 advice[kind]);
    }
    d1_run_stop(run);
    job->done(job);
}

static void fail(struct d1_run *run, uint32_t kind, const char *text) {
    end(run, D1_EPROVIDER, kind, text);
}

/* Nothing that is tried again can change that. */
static void fail_forbidden(struct d1_run *run) {
    run->http = false;
    fail(run, D1_FAIL_SETTINGS,
         "its server's address may not be asked: private ones, and http, need allow-networks");
}

static void tell(struct d1_run *run, const char *text) {
    if (run->job->progress != NULL) {
        char words[D1_PROVIDER_TEXT_MAX];
        d1_redact_text(&run->opened->redact, text, words, sizeof(words));
        run->job->progress(run->job, run->step_name, words);
    }
}

/* ---- Requests ---- */

static void on_reply(struct d1_exchange *exchange) {
    struct d1_run *run = D1_CONTAINER_OF(exchange, struct d1_run, exchange);
    struct d1_host *host = run->host;
    struct d1_host_opened *opened = run->opened;
    const struct d1_reply *reply = &exchange->reply;
    bool http = reply->kind == D1_REPLY_HTTP;
    run->http = http;
    run->status = reply->status;
    run->reached = run->reached || reply->status >= 0;
    if (host->options.asked != NULL && http) {
        host->options.asked(opened->provider->type, reply->status, host->options.asked_arg);
    }
    char text[96];
    if (reply->status < 0) {
        snprintf(text, sizeof(text), "%.90s", reply->error != NULL ? reply->error : "no reply");
    } else {
        snprintf(text, sizeof(text), http ? "HTTP %d" : "answered", (int)reply->status);
    }
    tell(run, text);
    opened->together--;
    opened->runs++; /* It stays while requests of others are sent. */
    d1_step_move(&run->step, D1_RUN_STEPPING);
    struct d1_exchange ended = *exchange; /* The step may begin another one in its place. */
    if (ended.forbidden) {
        fail_forbidden(run);
    } else {
        advance(run, &ended.reply);
    }
    host->options.transport->release(host->options.transport, &ended);
    d1_run_send_next(opened);
    d1_host_release_account(opened);
}

static int send_request(struct d1_run *run) {
    struct d1_transport *transport = run->host->options.transport;
    const struct d1_action *action = &run->action;
    const struct d1_transport_rules *rules = &run->opened->rules;
    run->exchange = (struct d1_exchange){.done = on_reply};
    switch (action->kind) {
    case D1_ACTION_HTTP:
        return transport->http(transport, rules, &action->as.http, &run->exchange);
    case D1_ACTION_DNS:
        return transport->dns(transport, rules, &action->as.dns, &run->exchange);
    case D1_ACTION_RUN:
        return transport->run(transport, &action->as.run, &run->exchange);
    default:
        return transport->zone(transport, action->as.zone.name, &run->exchange);
    }
}

static uint32_t reply_kind_of(uint32_t action) {
    switch (action) {
    case D1_ACTION_HTTP:
        return D1_REPLY_HTTP;
    case D1_ACTION_DNS:
        return D1_REPLY_DNS;
    case D1_ACTION_RUN:
        return D1_REPLY_RUN;
    default:
        return D1_REPLY_ZONE;
    }
}

static void on_account_timer(uv_timer_t *timer) {
    d1_run_send_next(timer->data);
}

void d1_run_send_next(struct d1_host_opened *opened) {
    struct d1_host *host = opened->host;
    opened->runs++; /* It stays until all are looked at. */
    while (opened->first != NULL && opened->together < opened->traits.together) {
        int64_t wait_us = d1_pace_take(&opened->pace, d1_host_now_us(host));
        if (wait_us > 0) {
            uv_timer_start(&opened->timer, on_account_timer, (uint64_t)(wait_us + 999) / 1000, 0);
            break;
        }
        struct d1_run *run = opened->first;
        opened->first = run->next;
        opened->last = opened->first == NULL ? &opened->first : opened->last;
        int err = send_request(run);
        if (err == 0) {
            opened->together++;
            d1_step_move(&run->step, D1_RUN_ASKING);
            continue;
        }
        run->send_err = err;
        d1_step_move(&run->step, D1_RUN_WAITING);
        uv_timer_start(&run->timer, on_timer, 0, 0);
    }
    d1_host_release_account(opened);
}

static void enqueue(struct d1_run *run) {
    run->next = NULL;
    *run->opened->last = run;
    run->opened->last = &run->next;
    d1_step_move(&run->step, D1_RUN_PACED);
}

static int guard(struct d1_run *run, struct d1_error *error) {
    const struct d1_action *action = &run->action;
    struct d1_host_opened *opened = run->opened;
    switch (action->kind) {
    case D1_ACTION_HTTP:
        return d1_guard_http(&action->as.http, opened->traits.hosts,
                             opened->rules.network_count > 0, error);
    case D1_ACTION_DNS:
        return d1_guard_dns(&action->as.dns, error);
    case D1_ACTION_RUN:
        if (strcmp(opened->provider->type, "exec") != 0) {
            return d1_error_set(error, D1_ECONFIG, "only the type exec runs programs");
        }
        return d1_guard_run(&action->as.run, error);
    default:
        return D1_OK;
    }
}

/* ---- Looking for what was written ---- */

static void on_looked(struct d1_exchange *exchange) {
    struct d1_run *run = D1_CONTAINER_OF(exchange, struct d1_run, exchange);
    struct d1_transport *transport = run->host->options.transport;
    struct d1_exchange ended = *exchange;
    const char *why = ended.reply.error;
    run->http = false;
    d1_step_move(&run->step, D1_RUN_STEPPING);
    if (ended.reply.status == 0) {
        tell(run, "answered by every authoritative server");
        end(run, D1_OK, D1_FAIL_OTHER, NULL);
    } else {
        fail(run, D1_FAIL_BUSY, why != NULL ? why : "not answered by every server yet");
    }
    transport->release(transport, &ended);
}

static void finish(struct d1_run *run) {
    struct d1_transport *transport = run->host->options.transport;
    d1_lock_release(&run->host->locks, &run->lock);
    if (run->asked.verb != D1_PROVIDER_PRESENT || !run->opened->look) {
        end(run, D1_OK, D1_FAIL_OTHER, NULL);
        return;
    }
    snprintf(run->step_name, sizeof(run->step_name), "look");
    run->exchange = (struct d1_exchange){.done = on_looked};
    run->looking = true;
    uint32_t seconds = run->opened->traits.propagation_s;
    uint32_t limit_ms = (seconds != 0 ? seconds : D1_HOST_LOOK_S) * 1000;
    int err =
        transport->look(transport, &run->opened->rules, &run->asked, limit_ms, &run->exchange);
    if (err != 0) {
        run->looking = false;
        fail(run, D1_FAIL_OTHER, d1_err_text(err));
        return;
    }
    d1_step_move(&run->step, D1_RUN_ASKING);
}

/* ---- What the plugin wants ---- */

static void wait_for(struct d1_run *run, int64_t ms, uint32_t reply) {
    run->next_reply = reply;
    d1_step_move(&run->step, D1_RUN_WAITING);
    uv_timer_start(&run->timer, on_timer, (uint64_t)ms, 0);
}

static void repeat(struct d1_run *run, uint32_t random) {
    const char *text = run->action.as.retry.text;
    int64_t after_ms = run->action.as.retry.after_ms;
    uint32_t kind = run->status > 0 || !run->http ? D1_FAIL_BUSY : D1_FAIL_UNREACHABLE;
    run->attempts++;
    if (run->attempts >= D1_HOST_ATTEMPTS || after_ms > D1_HOST_AFTER_MS_MAX) {
        fail(run, kind, text);
        return;
    }
    int64_t wait_ms = d1_pace_backoff_ms(run->host->options.backoff_ms, run->attempts, random);
    wait_ms = after_ms > wait_ms ? after_ms : wait_ms;
    if (run->status == 429 || after_ms > 0) {
        d1_pace_pause(&run->opened->pace, d1_host_now_us(run->host), wait_ms);
    }
    wait_for(run, wait_ms, D1_REPLY_AGAIN);
}

static void on_granted(struct d1_lock_claim *claim) {
    struct d1_run *run = D1_CONTAINER_OF(claim, struct d1_run, lock);
    run->next_reply = D1_REPLY_LOCKED;
    uv_timer_start(&run->timer, on_timer, 0, 0); /* Not from inside the end of another. */
}

/*
 * Claim a key: a name or zone, whichever account asks, since two accounts may hold one zone (when a
 * route moves a name from one to the other); "" is the account. Returns as d1_lock_claim().
 */
static int claim(struct d1_run *run, enum d1_lock_kind kind, const char *key,
                 struct d1_lock_claim *claimed) {
    char text[D1_PROVIDER_TEXT_MAX * 4];
    const char *name = kind == D1_LOCK_OF_ORDER ? run->asked.fqdn : "";
    bool whole = kind == D1_LOCK_OF_PLUGIN && key[0] == '\0';
    int length = snprintf(text, sizeof(text), "%d\n%s\n%s\n%s", (int)kind,
                          whole ? run->opened->name : "", name, key);
    if (length < 0 || (size_t)length >= sizeof(text)) {
        return -ENAMETOOLONG;
    }
    return d1_lock_claim(&run->host->locks, text, claimed);
}

/* Returns 0 (go on with LOCKED), or 1: the run waits, or has ended. */
static int take_lock(struct d1_run *run) {
    if (run->lock.key != NULL) {
        fail(run, D1_FAIL_OTHER, "the plugin asked for a second lock");
        return 1;
    }
    run->lock.granted = on_granted;
    const char *key = run->action.as.lock.key != NULL ? run->action.as.lock.key : "";
    int err = claim(run, D1_LOCK_OF_PLUGIN, key, &run->lock);
    if (err < 0) {
        end(run, err, D1_FAIL_OTHER, d1_err_text(err));
        return 1;
    }
    if (err > 0) {
        d1_step_move(&run->step, D1_RUN_LOCKING);
    }
    return err;
}

static void ask_plugin(struct d1_run *run, struct d1_reply *reply) {
    reply->size = sizeof(*reply);
    reply->now_ms = d1_clock_wall_ms(run->host->options.clock);
    run->action = (struct d1_action){.size = sizeof(run->action)};
    run->opened->provider->step(run->plugin, reply, &run->action);
    if (run->action.step != NULL) {
        snprintf(run->step_name, sizeof(run->step_name), "%.31s", run->action.step);
    }
    if (reply->kind >= D1_REPLY_HTTP && reply->kind <= D1_REPLY_RUN &&
        run->action.kind != D1_ACTION_RETRY) {
        run->attempts = 0;
    }
}

/* What asks for something outside. Returns whether it is queued; otherwise the run has ended. */
static bool queue_request(struct d1_run *run) {
    struct d1_error error = {.code = 0};
    if (guard(run, &error) != D1_OK) {
        run->http = false;
        fail(run, D1_FAIL_SETTINGS, error.text);
        return false;
    }
    enqueue(run);
    return true;
}

/* One step with a reply. Returns true when the next one is to follow at once (a lock was free). */
static bool step_once(struct d1_run *run, struct d1_reply *reply) {
    ask_plugin(run, reply);
    switch (run->action.kind) {
    case D1_ACTION_HTTP:
    case D1_ACTION_DNS:
    case D1_ACTION_RUN:
    case D1_ACTION_ZONE:
        if (queue_request(run)) {
            d1_run_send_next(run->opened);
        }
        return false;
    case D1_ACTION_WAIT:
        wait_for(run, run->action.as.wait.ms, D1_REPLY_WAITED);
        return false;
    case D1_ACTION_LOCK:
        return take_lock(run) == 0;
    case D1_ACTION_RETRY: {
        uint32_t random = 0;
        memcpy(&random, reply->random, sizeof(random));
        repeat(run, random);
        return false;
    }
    case D1_ACTION_DONE:
        finish(run);
        return false;
    case D1_ACTION_FAIL:
        fail(run, run->action.as.fail.kind, run->action.as.fail.text);
        return false;
    default:
        fail(run, D1_FAIL_OTHER, "the plugin asked for something unknown");
        return false;
    }
}

static void advance(struct d1_run *run, const struct d1_reply *result) {
    struct d1_reply reply = *result;
    bool again = true;
    while (again) {
        if (++run->steps > D1_PROVIDER_STEPS_MAX) {
            fail(run, D1_FAIL_OTHER, "the change took too many steps");
            return;
        }
        if (d1_host_now_us(run->host) > run->deadline_us) {
            fail(run, D1_FAIL_BUSY, "the change took too long");
            return;
        }
        if (d1_random(reply.random, sizeof(reply.random)) != 0) {
            fail(run, D1_FAIL_OTHER, "no random numbers");
            return;
        }
        again = step_once(run, &reply);
        reply = (struct d1_reply){.kind = D1_REPLY_LOCKED};
    }
}

/* ---- The beginning ---- */

static void start(struct d1_run *run) {
    struct d1_host_opened *opened = run->opened;
    d1_step_move(&run->step, D1_RUN_STEPPING);
    if (!d1_pace_admit(&opened->pace, d1_host_now_us(run->host))) {
        struct d1_host_job *job = run->job;
        job->err = D1_EPROVIDER;
        job->kind = D1_FAIL_UNREACHABLE;
        snprintf(job->text, sizeof(job->text),
                 "%.60s: it could not be reached several times in a row and is left alone for a "
                 "while; it may succeed later",
                 opened->provider->type);
        d1_run_stop(run);
        job->done(job);
        return;
    }
    run->deadline_us = d1_host_now_us(run->host) + D1_HOST_JOB_MS * 1000LL;
    if (opened->provider->job_begin(opened->account, &run->asked, &run->plugin) != 0) {
        run->plugin = NULL;
        end(run, -ENOMEM, D1_FAIL_OTHER, "no memory");
        return;
    }
    struct d1_reply reply = {.kind = D1_REPLY_START};
    advance(run, &reply);
}

static void on_timer(uv_timer_t *timer) {
    struct d1_run *run = timer->data;
    if (run->step.now == D1_RUN_QUEUED) {
        start(run);
        return;
    }
    struct d1_reply reply = {.kind = run->next_reply};
    if (run->send_err == -EACCES) {
        d1_step_move(&run->step, D1_RUN_STEPPING);
        fail_forbidden(run);
        return;
    }
    if (run->send_err != 0) {
        reply.kind = reply_kind_of(run->action.kind);
        reply.status = -1;
        reply.error = d1_err_text(run->send_err);
        run->send_err = 0;
    }
    d1_step_move(&run->step, D1_RUN_STEPPING);
    advance(run, &reply);
}

/* The earlier job of its name and value has ended. */
static void on_turn(struct d1_lock_claim *claim) {
    struct d1_run *run = D1_CONTAINER_OF(claim, struct d1_run, order);
    uv_timer_start(&run->timer, on_timer, 0, 0);
}

int d1_host_submit(struct d1_host *host, struct d1_host_job *job) {
    struct d1_host_opened *opened = d1_host_find_account(host, job->account);
    if (opened == NULL) {
        return D1_ENOTFOUND;
    }
    if (host->run_count >= D1_HOST_JOBS_MAX) {
        return D1_ELIMIT;
    }
    struct d1_run *run = d1_calloc(1, sizeof(*run));
    if (run == NULL) {
        return -ENOMEM;
    }
    run->host = host;
    run->opened = opened;
    run->job = job;
    run->asked = (struct d1_provider_job){
        .size = sizeof(run->asked),
        .verb = job->verb,
        .fqdn = job->fqdn,
        .value = job->value,
        .zone = opened->zone,
        .ttl = opened->ttl,
    };
    d1_step_init(&run->step, run_states, D1_RUN_STATES);
    run->order.granted = on_turn;
    int err = claim(run, D1_LOCK_OF_ORDER, run->asked.value, &run->order);
    if (err < 0) {
        d1_free(run);
        return err;
    }
    uv_timer_init(d1_loop_uv(host->options.loop), &run->timer);
    run->timer.data = run;
    host->handles++;
    host->run_count++;
    opened->runs++;
    run->link_of_host = &host->runs;
    run->next_of_host = host->runs;
    if (host->runs != NULL) {
        host->runs->link_of_host = &run->next_of_host;
    }
    host->runs = run;
    job->state = run;
    if (err == 0) {
        uv_timer_start(&run->timer, on_timer, 0, 0);
    }
    return D1_OK;
}

void d1_host_cancel(struct d1_host *host, struct d1_host_job *job) {
    struct d1_run *run = job->state;
    if (run == NULL || run->host != host) {
        return;
    }
    struct d1_host_opened *opened = run->opened;
    opened->runs++;
    opened->pace.probing = false; /* It will tell nothing. */
    d1_run_stop(run);
    d1_run_send_next(opened);
    d1_host_release_account(opened);
}
