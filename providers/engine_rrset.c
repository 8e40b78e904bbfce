/*
 * The modes that read, change and write back, under a lock: rrset (all values of a name and type),
 * zone (a whole document). What is not ours is written back as it came.
 */
#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "providers/engine_job.h"
#include "providers/txt.h"

/*
 * A value as templates see it: value, qvalue, and raw as the item came. `came` is the text that
 * stood in it (NULL: the value is ours): quoted strings stay as they were cut.
 */
static json_t *make_value(const char *text, const char *came, json_t *raw) {
    struct d1_bytes quoted;
    d1_bytes_init(&quoted, D1_TEMPLATE_VALUE_MAX);
    int status = came != NULL && came[0] == '"' ? d1_bytes_add_text(&quoted, came)
                                                : d1_txt_quote(text, &quoted);
    const char *qvalue = status == 0 ? d1_bytes_text(&quoted) : NULL;
    json_t *value =
        qvalue != NULL ? json_pack("{s:s, s:s}", "value", text, "qvalue", qvalue) : NULL;
    d1_bytes_close(&quoted);
    if (value != NULL && raw != NULL && json_object_set(value, "raw", raw) != 0) {
        json_decref(value);
        return NULL;
    }
    return value;
}

/* Append a value that is not ours; `text` is NULL where its octets are no UTF-8. */
static int keep_value(struct d1_job *job, const struct d1_listing *listing, json_t *item,
                      const char *text, json_t *values) {
    const json_t *stands = listing->value != NULL ? d1_vars_at(job, item, listing->value) : item;
    const char *came = json_string_value(stands);
    text = text != NULL ? text : came;
    if (text == NULL) {
        /* It cannot be written back, so nothing is written. */
        return D1_ECORRUPT;
    }
    json_t *value = make_value(text, came, item);
    return value != NULL && json_array_append_new(values, value) == 0 ? 0 : -ENOMEM;
}

/* The RRset of our name in a reply: the reply itself, or one of a list. NULL: there is none. */
static int find_rrset(struct d1_job *job, const json_t *document, json_t **ret_rrset) {
    const struct d1_listing *listing = &job->account->descriptor->listing;
    struct d1_listing rrsets = {.items = listing->rrsets,
                                .keyed = listing->keyed,
                                .absent_is_empty = listing->absent_is_empty};
    json_t *list = json_array();
    int status = list == NULL ? -ENOMEM : 0;
    if (status == 0 && listing->rrsets == NULL && document != NULL) {
        status = json_array_append(list, (json_t *)(uintptr_t)document) == 0 ? 0 : -ENOMEM;
    } else if (status == 0) {
        status = d1_list_items(job, &rrsets, document, list);
    }
    *ret_rrset = NULL;
    size_t index;
    json_t *rrset;
    json_array_foreach(list, index, rrset) {
        int holds =
            status == 0 && *ret_rrset == NULL ? d1_list_where(job, listing->where, rrset) : 0;
        status = holds < 0 ? holds : status;
        *ret_rrset = holds > 0 ? json_incref(rrset) : *ret_rrset;
    }
    json_decref(list);
    return status;
}

/* Read the RRset's values into a list, without ours; *ret_stands: ours is one of them. */
static int read_values(struct d1_job *job, const json_t *rrset, json_t *values, bool *ret_stands) {
    struct d1_listing listing = job->account->descriptor->listing;
    listing.keyed = false;
    json_t *items = json_array();
    int status = items == NULL ? -ENOMEM : d1_list_items(job, &listing, rrset, items);
    *ret_stands = false;
    size_t index;
    json_t *item;
    json_array_foreach(items, index, item) {
        json_t *text = NULL;
        int holds = status == 0 ? d1_list_where(job, listing.item_where, item) : 0;
        status = holds < 0 ? holds : status;
        if (status != 0 || holds == 0) {
            continue;
        }
        status = d1_list_value(job, &listing, item, &text);
        bool ours = text != NULL && strcmp(json_string_value(text), job->asked->value) == 0;
        *ret_stands = *ret_stands || ours;
        if (status == 0 && !ours) {
            status = keep_value(job, &listing, item, json_string_value(text), values);
        }
        json_decref(text);
    }
    json_decref(items);
    return status;
}

/* Variables of the RRset: rrset, record_id, those of `more`, and its TTL when that is to stay. */
static int note_rrset(struct d1_job *job, json_t *rrset) {
    const struct d1_listing *listing = &job->account->descriptor->listing;
    static const char *const own[] = {"rrset", "record_id", "ttl_was"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(own); i++) {
        json_object_del(job->known, own[i]);
    }
    if (rrset == NULL) {
        return 0;
    }
    int status = d1_vars_set(job, "rrset", rrset);
    json_t *id = listing->id != NULL ? d1_vars_at(job, rrset, listing->id) : NULL;
    if (status == 0 && id != NULL) {
        status = d1_vars_set(job, "record_id", id);
    }
    status = status == 0 ? d1_list_ttl(job, rrset) : status;
    const char *key;
    json_t *pointer;
    json_object_foreach((json_t *)(uintptr_t)listing->more, key, pointer) {
        json_t *value = d1_vars_at(job, rrset, json_string_value(pointer));
        if (status == 0 && value != NULL) {
            status = d1_vars_set(job, key, value);
        }
    }
    return status;
}

static void decide_rrset(struct d1_job *job, json_t *values, bool stands) {
    const struct d1_descriptor *d = job->account->descriptor;
    bool create = !job->rrset_there && d->create.given;
    if (job->asked->verb == D1_PROVIDER_LOOK) {
        if (stands) {
            d1_finish(job);
        } else {
            d1_job_give_up(job, D1_FAIL_ABSENT, "the value does not stand at the name");
        }
    } else if (job->asked->verb == D1_PROVIDER_PRESENT) {
        const struct d1_call *call = create ? &d->create : &d->put;
        stands ? d1_write_skip(job, call) : d1_write_begin(job, call);
    } else {
        bool empty = json_array_size(values) == 0 && d->remove.given;
        const struct d1_call *call = empty ? &d->remove : &d->put;
        stands ? d1_write_begin(job, call) : d1_write_skip(job, call);
    }
}

void d1_rrset_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer) {
    const struct d1_descriptor *d = job->account->descriptor;
    json_t *rrset = NULL;
    json_t *values = json_array();
    bool stands = false;
    int status = values == NULL ? -ENOMEM : 0;
    if (status == 0 && verdict == D1_VERDICT_OK) {
        status = find_rrset(job, answer->document, &rrset);
    }
    if (status == 0 && rrset == NULL && verdict == D1_VERDICT_OK) {
        /* Perhaps on a further page. */
        status = d1_list_next(
            job, &d->listing, answer,
            json_array_size(d1_vars_at(job, answer->document,
                                       d->listing.rrsets != NULL ? d->listing.rrsets : "")));
    }
    if (status > 0) {
        json_decref(values);
        d1_job_ask(job, &d->list);
        return;
    }
    job->rrset_there = rrset != NULL;
    status = status == 0 ? note_rrset(job, rrset) : status;
    if (status == 0 && rrset != NULL) {
        status = read_values(job, rrset, values, &stands);
    }
    if (status == 0 && job->asked->verb == D1_PROVIDER_PRESENT) {
        json_t *ours = make_value(job->asked->value, NULL, NULL);
        status = ours != NULL && json_array_append_new(values, ours) == 0 ? 0 : -ENOMEM;
    }
    status = status == 0 ? d1_vars_set(job, "values", values) : status;
    if (status != 0) {
        d1_job_trouble(job, status);
    } else {
        decide_rrset(job, values, stands);
    }
    json_decref(values);
    json_decref(rrset);
}

/* The list of records inside the document; made when the document has none yet. */
static json_t *items_of(struct d1_job *job, json_t *document) {
    const char *pointer = job->account->descriptor->listing.items;
    json_t *items = d1_vars_at(job, document, pointer);
    const char *last = strrchr(pointer, '/');
    if ((items == NULL || json_is_null(items)) && last != NULL && strchr(pointer, '{') == NULL) {
        const char *text = d1_pool_copy(&job->pool, pointer, (size_t)(last - pointer));
        json_t *holder = text != NULL ? d1_vars_at(job, document, text) : NULL;
        if (json_is_object(holder) && json_object_set_new(holder, last + 1, json_array()) == 0) {
            items = json_object_get(holder, last + 1);
        }
    }
    return json_is_array(items) ? items : NULL;
}

/* Take out what holds our value. Returns how many that were, or an error. */
static int drop_ours(struct d1_job *job, json_t *items, bool drop) {
    const struct d1_listing *listing = &job->account->descriptor->listing;
    int count = 0;
    for (size_t i = json_array_size(items); i > 0; i--) {
        json_t *text = NULL;
        json_t *item = json_array_get(items, i - 1);
        int holds = d1_list_where(job, listing->where, item);
        int status = holds > 0 ? d1_list_value(job, listing, item, &text) : holds;
        bool ours = text != NULL && strcmp(json_string_value(text), job->asked->value) == 0;
        json_decref(text);
        if (status < 0) {
            return status;
        }
        count += ours;
        if (ours && drop) {
            json_array_remove(items, i - 1);
        }
    }
    return count;
}

static int change_document(struct d1_job *job, json_t *items, bool *ret_stands) {
    bool cleanup = job->asked->verb == D1_PROVIDER_CLEANUP;
    int count = drop_ours(job, items, cleanup);
    *ret_stands = count > 0;
    if (count != 0 || job->asked->verb != D1_PROVIDER_PRESENT) {
        return count < 0 ? count : 0;
    }
    json_t *item = NULL;
    int status = d1_template_json(&job->vars, job->account->descriptor->item, &item);
    if (status == 0 && json_array_append_new(items, item) != 0) {
        status = -ENOMEM;
    }
    return status;
}

static void decide_document(struct d1_job *job, bool stands) {
    const struct d1_call *put = &job->account->descriptor->put;
    if (job->asked->verb == D1_PROVIDER_LOOK) {
        if (stands) {
            d1_finish(job);
        } else {
            d1_job_give_up(job, D1_FAIL_ABSENT, "the value does not stand at the name");
        }
        return;
    }
    bool wanted = job->asked->verb == D1_PROVIDER_PRESENT;
    stands == wanted ? d1_write_skip(job, put) : d1_write_begin(job, put);
}

void d1_document_reply(struct d1_job *job, enum d1_verdict verdict,
                       const struct d1_answer *answer) {
    const struct d1_descriptor *d = job->account->descriptor;
    const json_t *part =
        d->document != NULL ? d1_vars_at(job, answer->document, d->document) : answer->document;
    json_t *document = verdict == D1_VERDICT_OK && part != NULL ? json_deep_copy(part) : NULL;
    json_t *items = document != NULL ? items_of(job, document) : NULL;
    bool stands = false;
    if (items == NULL) {
        json_decref(document);
        d1_job_give_up(job, D1_FAIL_REPLY, "the reply does not hold the zone's records");
        return;
    }
    int status = change_document(job, items, &stands);
    status = status == 0 ? d1_vars_set(job, "doc", document) : status;
    status = status == 0 ? d1_vars_set(job, "items", items) : status;
    json_decref(document);
    if (status != 0) {
        d1_job_trouble(job, status);
        return;
    }
    decide_document(job, stands);
}
