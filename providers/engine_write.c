/* Writing what `look` has decided; then waiting, publishing, and the end of the job. */
#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "providers/engine_job.h"

/* A write of several records: one after another. */
static bool each_found(const struct d1_job *job) {
    const struct d1_descriptor *d = job->account->descriptor;
    return job->write == &d->remove && d->list.given &&
           (d->mode == D1_MODE_RECORD || d->mode == D1_MODE_VALUE || d->mode == D1_MODE_SLOT);
}

void d1_write_begin(struct d1_job *job, const struct d1_call *call) {
    job->write = call;
    job->waited = false;
    d1_job_go(job, D1_PHASE_WRITE);
}

void d1_finish(struct d1_job *job) {
    const struct d1_descriptor *d = job->account->descriptor;
    if (d->mode == D1_MODE_SLOT && job->asked->verb != D1_PROVIDER_LOOK) {
        d1_slot_note(job);
    }
    if (d->logout.given && job->account->login != NULL && job->logged_in) {
        d1_job_go(job, D1_PHASE_LOGOUT);
    } else {
        d1_job_done(job);
    }
}

static void publish_or_finish(struct d1_job *job) {
    if (job->write->publish) {
        d1_job_go(job, D1_PHASE_PUBLISH);
    } else {
        d1_finish(job);
    }
}

void d1_write_skip(struct d1_job *job, const struct d1_call *call) {
    /* What was written before a crash may not have been published yet. */
    job->write = call;
    publish_or_finish(job);
}

void d1_write_enter(struct d1_job *job) {
    if (each_found(job)) {
        json_t *item = json_array_get(job->found, job->index);
        if (item == NULL || json_object_update(job->known, item) != 0) {
            d1_job_trouble(job, -ENOMEM);
            return;
        }
    }
    d1_job_ask(job, job->write);
}

static void start_waiting(struct d1_job *job) {
    job->wait_until_ms = job->reply->now_ms + job->account->descriptor->wait_timeout_s * 1000;
    d1_job_go(job, D1_PHASE_WAIT);
}

void d1_write_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer) {
    (void)answer;
    bool changed = verdict == D1_VERDICT_OK;
    job->relogged = false;
    if (each_found(job) && job->index + 1 < json_array_size(job->found)) {
        job->index++;
        job->todo = D1_TODO_ENTER;
    } else if (changed && job->write->wait) {
        start_waiting(job);
    } else {
        publish_or_finish(job);
    }
}

void d1_wait_enter(struct d1_job *job) {
    d1_job_ask(job, &job->account->descriptor->wait);
}

void d1_wait_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer) {
    const struct d1_descriptor *d = job->account->descriptor;
    int failed = verdict == D1_VERDICT_OK ? d1_answer_match(job, &d->failed, answer) : 0;
    int done = failed == 0 && verdict == D1_VERDICT_OK ? d1_answer_match(job, &d->until, answer)
                                                       : verdict == D1_VERDICT_GONE;
    if (failed < 0 || done < 0) {
        d1_job_trouble(job, failed < 0 ? failed : done);
    } else if (failed > 0) {
        d1_job_give_up(job, D1_FAIL_REFUSED, "the change was accepted, and then failed");
    } else if (done > 0 && !job->waited) {
        job->waited = true;
        publish_or_finish(job);
    } else if (done > 0) {
        d1_finish(job);
    } else if (job->reply->now_ms >= job->wait_until_ms) {
        d1_job_give_up(job, D1_FAIL_BUSY, "the change was not done after %d s",
                       (int)d->wait_timeout_s);
    } else {
        d1_job_wait(job, d->wait_interval_s * 1000);
    }
}

void d1_publish_enter(struct d1_job *job) {
    d1_job_ask(job, &job->account->descriptor->publish);
}

void d1_publish_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer) {
    (void)answer;
    if (verdict == D1_VERDICT_OK && job->account->descriptor->publish.wait) {
        job->waited = true;
        start_waiting(job);
    } else {
        d1_finish(job);
    }
}

bool d1_slot_taken(const struct d1_job *job) {
    const json_t *entry = json_object_get(job->account->slots, job->fqdn);
    const char *value = json_string_value(json_object_get(entry, "value"));
    return value != NULL && strcmp(value, job->asked->value) != 0 &&
           json_integer_value(json_object_get(entry, "until")) > job->reply->now_ms;
}

void d1_slot_note(struct d1_job *job) {
    json_t *slots = job->account->slots;
    if (job->asked->verb == D1_PROVIDER_CLEANUP) {
        if (!d1_slot_taken(job)) {
            json_object_del(slots, job->fqdn);
        }
        return;
    }
    if (json_object_size(slots) >= D1_ENGINE_SLOTS_MAX) {
        json_object_clear(slots);
    }
    json_t *entry =
        json_pack("{s:I, s:s}", "until",
                  (json_int_t)(job->reply->now_ms + job->account->descriptor->slot_s * 1000),
                  "value", job->asked->value);
    if (entry != NULL) {
        json_object_set_new(slots, job->fqdn, entry);
    }
}
