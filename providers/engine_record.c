/*
 * Looking what stands at the name, and deciding from it: for the modes record, value and slot.
 * Present looks before it creates, so that a repetition makes no second record; cleanup finds what
 * it deletes by its value.
 */
#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "providers/engine_job.h"
#include "providers/pointer.h"

static void absent(struct d1_job *job) {
    d1_job_give_up(job, D1_FAIL_ABSENT, "the value does not stand at the name");
}

/* The only place is taken by another value: come again. */
static void slot_busy(struct d1_job *job) {
    job->todo = D1_TODO_OUT;
    job->action->kind = D1_ACTION_RETRY;
    job->action->step = "list";
    job->action->as.retry.after_ms = 10000;
    job->action->as.retry.text = "the name's only value is another one that is still in use";
    job->call = NULL;
}

static void decide(struct d1_job *job) {
    const struct d1_descriptor *d = job->account->descriptor;
    bool stands = json_array_size(job->found) > 0;
    switch (job->asked->verb) {
    case D1_PROVIDER_LOOK:
        stands ? d1_finish(job) : absent(job);
        break;
    case D1_PROVIDER_PRESENT:
        if (stands) {
            d1_write_skip(job, &d->create);
        } else if (d->mode == D1_MODE_SLOT && d1_slot_taken(job)) {
            slot_busy(job);
        } else {
            d1_write_begin(job, &d->create);
        }
        break;
    default:
        stands ? d1_write_begin(job, &d->remove) : d1_write_skip(job, &d->remove);
        break;
    }
}

/* There is no list: the vendor's own create and delete by value decide. */
static void decide_blind(struct d1_job *job) {
    const struct d1_descriptor *d = job->account->descriptor;
    bool slot = d->mode == D1_MODE_SLOT;
    if (job->asked->verb == D1_PROVIDER_LOOK) {
        d1_job_give_up(job, D1_FAIL_OTHER, "this type cannot say what stands at a name");
    } else if (job->asked->verb == D1_PROVIDER_PRESENT) {
        if (slot && d1_slot_taken(job)) {
            slot_busy(job);
        } else {
            d1_write_begin(job, &d->create);
        }
    } else if (slot && d1_slot_taken(job)) {
        /* Another value has taken its place; what was asked is so already. */
        d1_write_skip(job, &d->remove);
    } else {
        d1_write_begin(job, &d->remove);
    }
}

void d1_look_enter(struct d1_job *job) {
    const struct d1_descriptor *d = job->account->descriptor;
    json_decref(job->found);
    json_decref(job->ids);
    job->found = json_array();
    job->ids = json_array();
    job->rrset_there = false;
    d1_list_restart(job);
    if (job->found == NULL || job->ids == NULL) {
        d1_job_trouble(job, -ENOMEM);
    } else if (d->list.given) {
        d1_job_ask(job, &d->list);
    } else {
        decide_blind(job);
    }
}

/* The variables that an item of a list gives. */
static json_t *make_item(struct d1_job *job, const struct d1_listing *listing, json_t *item) {
    json_t *made = json_pack("{s:O}", "item", item);
    json_t *id = listing->id != NULL ? d1_vars_at(job, item, listing->id) : NULL;
    if (listing->id == NULL && listing->keyed) {
        id = json_object_get(item, "$key");
    }
    if (made != NULL && id != NULL) {
        json_object_set(made, "record_id", id);
    }
    const char *key;
    json_t *pointer;
    json_object_foreach((json_t *)(uintptr_t)listing->more, key, pointer) {
        json_t *value = d1_vars_at(job, item, json_string_value(pointer));
        if (made != NULL && value != NULL) {
            json_object_set(made, key, value);
        }
    }
    return made;
}

/* Whether an item holds our value. 1, 0 or an error. */
static int holds_value(struct d1_job *job, const struct d1_listing *listing, const json_t *item) {
    json_t *text = NULL;
    int status = d1_list_value(job, listing, item, &text);
    bool same = text != NULL && strcmp(json_string_value(text), job->asked->value) == 0;
    json_decref(text);
    return status != 0 ? status : same;
}

/* Sort an item: not ours, to be asked for in detail, or one that holds the value. */
static int take_item(struct d1_job *job, const struct d1_listing *listing, json_t *item) {
    bool detail = job->account->descriptor->detail.given;
    int holds = d1_list_where(job, listing->where, item);
    if (holds > 0 && !detail) {
        holds = holds_value(job, listing, item);
    }
    if (holds <= 0) {
        return holds;
    }
    json_t *made = make_item(job, listing, item);
    json_t *list = detail ? job->ids : job->found;
    if (made == NULL) {
        return -ENOMEM;
    }
    if (detail && json_array_size(list) >= D1_ENGINE_DETAILS_MAX) {
        json_decref(made);
        return D1_ELIMIT;
    }
    return json_array_append_new(list, made) == 0 ? 0 : -ENOMEM;
}

static int take_page(struct d1_job *job, const struct d1_answer *answer, size_t *ret_count) {
    const struct d1_listing *listing = &job->account->descriptor->listing;
    json_t *items = json_array();
    int status = items == NULL ? -ENOMEM : d1_list_items(job, listing, answer->document, items);
    status = status == 0 ? d1_list_ttl(job, answer->document) : status;
    size_t index;
    json_t *item;
    json_array_foreach(items, index, item) {
        status = status == 0 ? take_item(job, listing, item) : status;
    }
    *ret_count = json_array_size(items);
    json_decref(items);
    return status;
}

void d1_look_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer) {
    const struct d1_descriptor *d = job->account->descriptor;
    if (d->mode == D1_MODE_RRSET) {
        d1_rrset_reply(job, verdict, answer);
        return;
    }
    if (d->mode == D1_MODE_ZONE) {
        d1_document_reply(job, verdict, answer);
        return;
    }
    size_t count = 0;
    int status = verdict == D1_VERDICT_OK ? take_page(job, answer, &count) : 0;
    if (status == 0 && verdict == D1_VERDICT_OK) {
        status = d1_list_next(job, &d->listing, answer, count);
    }
    if (status < 0) {
        d1_job_trouble(job, status);
    } else if (status > 0) {
        d1_job_ask(job, &d->list);
    } else if (json_array_size(job->ids) > 0) {
        d1_job_go(job, D1_PHASE_DETAIL);
    } else {
        decide(job);
    }
}

void d1_detail_enter(struct d1_job *job) {
    json_t *item = json_array_get(job->ids, job->index);
    if (item == NULL) {
        decide(job);
        return;
    }
    if (json_object_update(job->known, item) != 0) {
        d1_job_trouble(job, -ENOMEM);
        return;
    }
    d1_job_ask(job, &job->account->descriptor->detail);
}

void d1_detail_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer) {
    const struct d1_listing *listing = &job->account->descriptor->detail_list;
    json_t *item = json_array_get(job->ids, job->index);
    int holds = verdict == D1_VERDICT_OK ? d1_list_where(job, listing->where, answer->document) : 0;
    if (holds > 0) {
        holds = holds_value(job, listing, answer->document);
    }
    if (holds > 0 && json_array_append(job->found, item) != 0) {
        holds = -ENOMEM;
    }
    if (holds < 0) {
        d1_job_trouble(job, holds);
        return;
    }
    job->index++;
    job->todo = D1_TODO_ENTER;
}
