/*
 * What comes before a job's own requests: the vendor's clock and the login, both kept in the
 * account for as long as they hold, and the steps of setup (kept too) and prepare (of each job).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "providers/engine_job.h"
#include "providers/pointer.h"

#define LOGIN_MARGIN_MS 30000 /* A login is renewed before its end, not at it. */
#define COOKIES_MAX     4096

static bool login_needed(const struct d1_job *job) {
    const struct d1_descriptor *d = job->account->descriptor;
    return d->login.count > 0 && !job->call->anonymous &&
           (job->account->login == NULL || job->reply->now_ms >= job->account->login_until_ms);
}

/* The next login step whose condition holds, or NULL: there is none left. */
static const struct d1_call *login_step(struct d1_job *job) {
    const struct d1_steps *steps = &job->account->descriptor->login;
    while (job->login_index < steps->count &&
           !d1_vars_hold(job, steps->calls[job->login_index].only_if)) {
        job->login_index++;
    }
    return job->login_index < steps->count ? &steps->calls[job->login_index] : NULL;
}

void d1_session_choose(struct d1_job *job) {
    const struct d1_descriptor *d = job->account->descriptor;
    job->layer = D1_LAYER_MAIN;
    job->sent = job->call;
    if (d->clock.given && job->reply->now_ms >= job->account->clock_until_ms) {
        job->layer = D1_LAYER_CLOCK;
        job->sent = &d->clock;
        return;
    }
    const struct d1_call *step = login_needed(job) ? login_step(job) : NULL;
    if (step != NULL) {
        job->layer = D1_LAYER_LOGIN;
        job->sent = step;
        return;
    }
    job->logged_in = job->logged_in || (d->login.count > 0 && !job->call->anonymous);
}

static void take_clock(struct d1_job *job, const struct d1_answer *answer) {
    struct d1_account *account = job->account;
    char room[D1_POINTER_NUMBER_BYTES];
    const char *text = d1_pointer_text(
        d1_vars_at(job, answer->document, account->descriptor->clock_pointer), room);
    char *end = NULL;
    double seconds = strtod(text != NULL ? text : "", &end);
    if (end == text || !(seconds >= 1 && seconds <= 253402300799.0)) {
        d1_job_give_up(job, D1_FAIL_REPLY, "the reply does not say what time it is");
        return;
    }
    account->clock_offset_ms = (int64_t)seconds * 1000 - job->reply->now_ms;
    account->clock_until_ms = job->reply->now_ms + account->descriptor->clock_cache_s * 1000;
    job->todo = D1_TODO_ASK;
}

/* All cookies that the replies of the login set, as a Cookie header sends them. */
static int take_cookies(struct d1_job *job, const struct d1_reply *reply) {
    const char *before = json_string_value(json_object_get(job->login, "cookie"));
    struct d1_bytes out;
    d1_bytes_init(&out, COOKIES_MAX);
    int status = before != NULL ? d1_bytes_add_text(&out, before) : 0;
    for (size_t i = 0; i < reply->header_count && status == 0; i++) {
        const char *text = reply->headers[i].value;
        if (strcmp(reply->headers[i].name, "set-cookie") == 0) {
            status = out.length > 0 ? d1_bytes_add_text(&out, "; ") : 0;
            status = status == 0 ? d1_bytes_add(&out, text, strcspn(text, ";")) : status;
        }
    }
    if (status == 0 && out.length > 0) {
        json_t *cookie = json_stringn((const char *)out.data, out.length);
        status =
            cookie != NULL && json_object_set_new(job->login, "cookie", cookie) == 0 ? 0 : -ENOMEM;
    }
    d1_bytes_close(&out);
    return status;
}

static int64_t login_lasts_ms(struct d1_job *job, const struct d1_answer *answer) {
    const struct d1_descriptor *d = job->account->descriptor;
    char room[D1_POINTER_NUMBER_BYTES];
    const char *text =
        d->login_expires == NULL
            ? NULL
            : d1_pointer_text(d1_vars_at(job, answer->document, d->login_expires), room);
    long long seconds = text != NULL ? strtoll(text, NULL, 10) : 0;
    if (seconds <= 0 || seconds > 31536000) {
        seconds = d->login_expires_s;
    }
    int64_t ms = seconds * 1000;
    return ms > 2 * LOGIN_MARGIN_MS ? ms - LOGIN_MARGIN_MS : ms;
}

static void take_login(struct d1_job *job, const struct d1_answer *answer) {
    struct d1_account *account = job->account;
    if (job->login == NULL) {
        job->login = json_object();
    }
    int status = job->login == NULL ? -ENOMEM : take_cookies(job, answer->reply);
    if (status != 0) {
        d1_job_trouble(job, status);
        return;
    }
    if (d1_answer_extract(job, job->sent, answer, job->login) != 0) {
        return;
    }
    int64_t lasts_ms = login_lasts_ms(job, answer);
    job->login_index++;
    if (login_step(job) == NULL) {
        d1_session_forget_login(account);
        account->login = job->login;
        account->login_until_ms = job->reply->now_ms + lasts_ms;
        job->login = NULL;
        job->login_index = 0;
    }
    job->todo = D1_TODO_ASK;
}

void d1_session_reply(struct d1_job *job, const struct d1_answer *answer) {
    if (job->layer == D1_LAYER_CLOCK) {
        take_clock(job, answer);
    } else {
        take_login(job, answer);
    }
}

void d1_session_forget_login(struct d1_account *account) {
    const char *key;
    json_t *value;
    json_object_foreach(account->login, key, value) {
        if (json_is_string(value)) {
            d1_wipe((void *)(uintptr_t)json_string_value(value), json_string_length(value));
        }
    }
    json_decref(account->login);
    account->login = NULL;
}

/* Ask the next step of a list, or go on to `phase` when there is none left. */
static void ask_step(struct d1_job *job, const struct d1_steps *steps, enum d1_phase phase) {
    while (job->index < steps->count && !d1_vars_hold(job, steps->calls[job->index].only_if)) {
        job->index++;
    }
    if (job->index < steps->count) {
        d1_job_ask(job, &steps->calls[job->index]);
    } else {
        d1_job_go(job, phase);
    }
}

void d1_setup_enter(struct d1_job *job) {
    struct d1_account *account = job->account;
    const struct d1_steps *steps = &account->descriptor->setup;
    bool known = account->setup != NULL && job->reply->now_ms < account->setup_until_ms;
    if (steps->count == 0 || known) {
        d1_job_go(job, D1_PHASE_ZONE);
        return;
    }
    ask_step(job, steps, D1_PHASE_ZONE);
}

void d1_setup_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer) {
    struct d1_account *account = job->account;
    (void)verdict;
    if (account->setup == NULL) {
        account->setup = json_object();
    }
    if (account->setup == NULL) {
        d1_job_trouble(job, -ENOMEM);
        return;
    }
    if (d1_answer_extract(job, job->sent, answer, account->setup) != 0) {
        return;
    }
    job->index++;
    ask_step(job, &account->descriptor->setup, D1_PHASE_ZONE);
    if (job->phase != D1_PHASE_SETUP) {
        account->setup_until_ms = job->reply->now_ms + account->descriptor->setup_cache_s * 1000;
    }
}

void d1_prepare_enter(struct d1_job *job) {
    ask_step(job, &job->account->descriptor->prepare, D1_PHASE_LOCK);
}

void d1_prepare_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer) {
    (void)verdict;
    (void)answer;
    job->index++;
    ask_step(job, &job->account->descriptor->prepare, D1_PHASE_LOCK);
}
