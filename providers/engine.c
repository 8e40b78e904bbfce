/*
 * The descriptor engine's machine. A job goes through these phases, each of which may ask several
 * times (pages, candidates, several records):
 *
 *   setup -> zone -> prepare -> lock -> look (-> detail) -> write (-> wait) (-> publish -> wait)
 *   (-> logout) -> done
 *
 * Before any request the session layer may put its own: the vendor's clock, a login. The reply to
 * that goes to the session layer, and the request of the phase is sent after it.
 *
 * When things go wrong: a lost reply, a server error or a limit becomes D1_ACTION_RETRY; after it
 * the request is built anew, but a write goes back to `look` first, because the one before may have
 * taken effect. A refused login is repeated once with a new login. A zone that came from the cache
 * and is not there is looked up once more. Everything else ends the job with one message.
 */
#include "providers/engine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "providers/engine_account.h"
#include "providers/engine_job.h"

#define POOL_BYTES_MAX 16777216

int64_t d1_job_now_ms(const struct d1_job *job) {
    return job->reply->now_ms + job->account->clock_offset_ms;
}

void d1_job_ask(struct d1_job *job, const struct d1_call *call) {
    job->call = call;
    job->todo = D1_TODO_ASK;
}

void d1_job_go(struct d1_job *job, enum d1_phase phase) {
    job->phase = phase;
    job->todo = D1_TODO_ENTER;
    job->index = 0;
}

void d1_job_wait(struct d1_job *job, int64_t ms) {
    job->todo = D1_TODO_OUT;
    job->action->kind = D1_ACTION_WAIT;
    job->action->step = "wait";
    job->action->as.wait.ms = (uint32_t)(ms < 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : ms);
}

void d1_job_done(struct d1_job *job) {
    job->todo = D1_TODO_OUT;
    job->action->kind = D1_ACTION_DONE;
    job->action->step = "done";
}

static const char *step_name(const struct d1_job *job) {
    static const char *const phases[] = {"setup",  "zone",  "prepare", "lock",    "list",
                                         "detail", "write", "wait",    "publish", "logout"};
    return job->sent != NULL ? job->sent->step : phases[job->phase];
}

void d1_job_give_up(struct d1_job *job, enum d1_fail_kind kind, const char *format, ...) {
    char text[D1_PROVIDER_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const char *copy = d1_pool_copy(&job->pool, text, strlen(text));
    job->todo = D1_TODO_OUT;
    job->action->kind = D1_ACTION_FAIL;
    job->action->step = step_name(job);
    job->action->as.fail.kind = (uint32_t)kind;
    job->action->as.fail.text = copy != NULL ? copy : "no memory";
}

void d1_job_trouble(struct d1_job *job, int status) {
    if (status == D1_ENOTFOUND) {
        char name[D1_TEMPLATE_NAME_MAX + 1];
        bool setting = strncmp(job->vars.missing, "cfg.", 4) == 0;
        d1_descriptor_setting_name(job->vars.missing + 4 * setting, name, sizeof(name));
        if (setting) {
            d1_job_give_up(job, D1_FAIL_SETTINGS, "the setting \"%s\" is needed", name);
        } else {
            d1_job_give_up(job, D1_FAIL_REPLY, "no value for \"%s\" is known", job->vars.missing);
        }
        return;
    }
    if (status == D1_ETOOLARGE || status == D1_ELIMIT) {
        d1_job_give_up(job, D1_FAIL_REPLY, "the reply holds more than can be worked with");
        return;
    }
    if (status == D1_ECORRUPT) {
        d1_job_give_up(job, D1_FAIL_REPLY, "the reply does not hold the list that it should");
        return;
    }
    if (status == D1_EPARSE) {
        d1_job_give_up(job, D1_FAIL_REPLY,
                       "a value of the settings or of the reply has a form that "
                       "cannot be used here");
        return;
    }
    d1_job_give_up(job, D1_FAIL_OTHER, "%s", status == -ENOMEM ? "no memory" : d1_err_text(status));
}

/* The key under which the job must be alone, or NULL. */
static const char *lock_key(const struct d1_job *job) {
    enum d1_serialize order = job->account->descriptor->serialize;
    if (order == D1_SERIALIZE_MODE) {
        switch (job->account->descriptor->mode) {
        case D1_MODE_RRSET:
        case D1_MODE_SLOT:
            order = D1_SERIALIZE_NAME;
            break;
        case D1_MODE_ZONE:
            order = D1_SERIALIZE_ZONE;
            break;
        default:
            order = D1_SERIALIZE_NONE;
        }
    }
    const char *zone = json_string_value(json_object_get(job->zone, "name"));
    switch (order) {
    case D1_SERIALIZE_NAME:
        return job->fqdn;
    case D1_SERIALIZE_ZONE:
        return zone != NULL ? zone : "";
    case D1_SERIALIZE_ACCOUNT:
        return "";
    default:
        return NULL;
    }
}

static void enter_lock(struct d1_job *job) {
    const char *key = job->asked->verb == D1_PROVIDER_LOOK ? NULL : lock_key(job);
    if (key == NULL || job->locked) {
        d1_job_go(job, D1_PHASE_LOOK);
        return;
    }
    job->todo = D1_TODO_OUT;
    job->action->kind = D1_ACTION_LOCK;
    job->action->step = "lock";
    job->action->as.lock.key = key;
}

static void reply_logout(struct d1_job *job, enum d1_verdict verdict,
                         const struct d1_answer *answer) {
    (void)verdict;
    (void)answer;
    d1_session_forget_login(job->account);
    d1_job_done(job);
}

static void enter_logout(struct d1_job *job) {
    d1_job_ask(job, &job->account->descriptor->logout);
}

struct phase {
    void (*enter)(struct d1_job *job);
    void (*reply)(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer);
};

static const struct phase phases[] = {
    [D1_PHASE_SETUP] = {d1_setup_enter, d1_setup_reply},
    [D1_PHASE_ZONE] = {d1_zone_enter, d1_zone_reply},
    [D1_PHASE_PREPARE] = {d1_prepare_enter, d1_prepare_reply},
    [D1_PHASE_LOCK] = {enter_lock, NULL},
    [D1_PHASE_LOOK] = {d1_look_enter, d1_look_reply},
    [D1_PHASE_DETAIL] = {d1_detail_enter, d1_detail_reply},
    [D1_PHASE_WRITE] = {d1_write_enter, d1_write_reply},
    [D1_PHASE_WAIT] = {d1_wait_enter, d1_wait_reply},
    [D1_PHASE_PUBLISH] = {d1_publish_enter, d1_publish_reply},
    [D1_PHASE_LOGOUT] = {enter_logout, reply_logout},
};

/* Whether a list is read from the reply: one of another form would look like an empty one. */
static bool holds_list(const struct d1_job *job) {
    const struct d1_descriptor *d = job->account->descriptor;
    return job->sent == &d->list || job->sent == &d->zone || job->sent == &d->detail;
}

static void take_http(struct d1_job *job, const struct d1_reply *reply) {
    if (job->sent == NULL) {
        d1_job_give_up(job, D1_FAIL_OTHER, "a reply came to no request");
        return;
    }
    struct d1_answer answer;
    int status = d1_answer_read(job, reply, &answer);
    if (status != 0) {
        d1_job_trouble(job, status);
        return;
    }
    enum d1_verdict verdict = d1_answer_judge(job, &answer);
    if (verdict == D1_VERDICT_OK && answer.plain && holds_list(job)) {
        d1_job_give_up(job, D1_FAIL_REPLY, "the reply is not JSON");
        verdict = D1_VERDICT_SETTLED;
    }
    if (verdict != D1_VERDICT_SETTLED && job->layer != D1_LAYER_MAIN) {
        d1_session_reply(job, &answer);
    } else if (verdict != D1_VERDICT_SETTLED) {
        bool good = verdict != D1_VERDICT_OK || job->phase == D1_PHASE_SETUP ||
                    d1_answer_extract(job, job->sent, &answer, job->known) == 0;
        if (good) {
            phases[job->phase].reply(job, verdict, &answer);
        }
    }
    d1_answer_close(&answer);
}

/* A logout that fails has no consequence. */
static bool take_back(struct d1_job *job) {
    if (job->phase != D1_PHASE_LOGOUT || job->todo != D1_TODO_OUT) {
        return false;
    }
    reply_logout(job, D1_VERDICT_OK, NULL);
    return true;
}

static void take_again(struct d1_job *job) {
    bool look = job->relook && job->account->descriptor->list.given;
    job->relook = false;
    if (look || job->call == NULL) {
        d1_job_go(job, D1_PHASE_LOOK);
    } else {
        job->todo = D1_TODO_ASK;
    }
}

static void take_reply(struct d1_job *job, const struct d1_reply *reply) {
    switch (reply->kind) {
    case D1_REPLY_START:
        d1_job_go(job, D1_PHASE_SETUP);
        break;
    case D1_REPLY_HTTP:
        take_http(job, reply);
        break;
    case D1_REPLY_WAITED:
        job->todo = D1_TODO_ENTER;
        break;
    case D1_REPLY_LOCKED:
        job->locked = true;
        d1_job_go(job, D1_PHASE_LOOK);
        break;
    case D1_REPLY_AGAIN:
        take_again(job);
        break;
    case D1_REPLY_ZONE:
        d1_zone_soa(job, reply);
        break;
    default:
        d1_job_give_up(job, D1_FAIL_OTHER, "a reply of a kind that was not asked for came");
        break;
    }
}

static void step(void *opaque, const struct d1_reply *reply, struct d1_action *ret_action) {
    struct d1_job *job = opaque;
    d1_pool_clear(&job->pool);
    job->reply = reply;
    job->action = ret_action;
    take_reply(job, reply);
    take_back(job);
    while (job->todo == D1_TODO_ENTER) {
        job->sent = NULL;
        phases[job->phase].enter(job);
    }
    if (job->todo == D1_TODO_ASK) {
        d1_session_choose(job);
        int status = d1_request_build(job);
        if (status != 0) {
            d1_job_trouble(job, status);
        }
    }
    job->action = NULL;
    job->reply = NULL;
}

static int job_begin(void *account, const struct d1_provider_job *asked, void **ret_job) {
    struct d1_job *job = d1_calloc(1, sizeof(*job));
    if (job == NULL) {
        return -1;
    }
    job->account = account;
    job->asked = asked;
    snprintf(job->fqdn, sizeof(job->fqdn), "%s", asked->fqdn);
    d1_pool_init(&job->pool, POOL_BYTES_MAX);
    d1_vars_init(job);
    job->known = json_object();
    if (job->known == NULL) {
        d1_free(job);
        return -1;
    }
    *ret_job = job;
    return 0;
}

static void job_end(void *opaque) {
    struct d1_job *job = opaque;
    if (job == NULL) {
        return;
    }
    json_decref(job->known);
    json_decref(job->zone);
    json_decref(job->login);
    json_decref(job->ids);
    json_decref(job->found);
    json_decref(job->zones);
    d1_free(job->cursor);
    d1_pool_close(&job->pool);
    d1_wipe(job, sizeof(*job));
    d1_free(job);
}

void d1_engine_provider(struct d1_provider *provider) {
    provider->abi = D1_PROVIDER_ABI;
    provider->size = sizeof(*provider);
    provider->account_open = d1_account_open;
    provider->account_close = d1_account_close;
    provider->traits = d1_account_traits;
    provider->job_begin = job_begin;
    provider->step = step;
    provider->job_end = job_end;
}
