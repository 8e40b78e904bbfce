/*
 * Which zone of the account a name belongs to.
 *
 * The account remembers what it was told: a name with a zone, a candidate that is none (for a
 * shorter time), and for the mode `list` that the whole list is known. An entry is dropped when the
 * vendor says that the zone is not there; then it is looked up once more.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"
#include "providers/engine_job.h"
#include "providers/pointer.h"

#define ABSENT_MS  60000 /* How long "no such zone" is believed. */
#define LIST_KEY   "*"   /* The entry that says that the whole list is known. */
#define LABELS_MAX 127

static void remember(struct d1_job *job, const char *name, json_t *zone, int64_t lasts_ms) {
    json_t *zones = job->account->zones;
    if (json_object_size(zones) >= D1_ENGINE_ZONES_MAX) {
        json_object_clear(zones);
    }
    /* Without memory there is no entry, and the next job asks again. */
    json_t *until = json_integer(job->reply->now_ms + lasts_ms);
    json_t *entry = json_pack("{s:o?, s:O?}", "until", until, "zone", zone);
    if (entry != NULL) {
        json_object_set_new(zones, name, entry);
    }
}

/* The entry of a name: NULL when there is none that still holds. */
static json_t *recall(const struct d1_job *job, const char *name) {
    json_t *entry = json_object_get(job->account->zones, name);
    bool holds = json_integer_value(json_object_get(entry, "until")) > job->reply->now_ms;
    return holds ? entry : NULL;
}

static const char *parent(const char *name) {
    const char *dot = strchr(name, '.');
    return dot != NULL ? dot + 1 : NULL;
}

static int64_t label_count(const char *name) {
    int64_t count = name[0] != '\0';
    for (; *name != '\0'; name++) {
        count += *name == '.';
    }
    return count;
}

static bool is_under(const char *name, const char *zone) {
    size_t length = strlen(name);
    size_t tail = strlen(zone);
    return tail <= length && strcasecmp(name + length - tail, zone) == 0 &&
           (tail == length || name[length - tail - 1] == '.');
}

/* The zone is known. */
static void settle(struct d1_job *job, json_t *zone, bool cached) {
    const char *name = json_string_value(json_object_get(zone, "name"));
    if (name != NULL && !is_under(job->fqdn, name)) {
        d1_job_give_up(job, D1_FAIL_SETTINGS, "the name is not in the zone %.200s", name);
        return;
    }
    json_decref(job->zone);
    job->zone = json_incref(zone);
    job->zone_cached = cached;
    job->candidate = NULL;
    d1_job_go(job, D1_PHASE_PREPARE);
}

static void settle_name(struct d1_job *job, const char *name) {
    json_t *zone = name != NULL ? json_pack("{s:s}", "name", name) : json_object();
    if (zone == NULL) {
        d1_job_trouble(job, -ENOMEM);
        return;
    }
    settle(job, zone, false);
    json_decref(zone);
}

/* A name as the vendor writes it, in ours: lower case, no final dot. */
static json_t *plain_name(const char *text) {
    char name[256];
    size_t length = strlen(text);
    length -= length > 1 && text[length - 1] == '.';
    if (length >= sizeof(name)) {
        return NULL;
    }
    for (size_t i = 0; i < length; i++) {
        name[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
    }
    return json_stringn(name, length);
}

/* The variables of a zone from an item. NULL without memory or when its name is none. */
static json_t *make_zone(struct d1_job *job, const json_t *item) {
    const struct d1_listing *listing = &job->account->descriptor->zone_list;
    char room[D1_POINTER_NUMBER_BYTES];
    const char *text = listing->name != NULL
                           ? d1_pointer_text(d1_vars_at(job, item, listing->name), room)
                           : job->candidate;
    json_t *name = text != NULL ? plain_name(text) : NULL;
    json_t *zone = name != NULL ? json_pack("{s:o}", "name", name) : NULL;
    json_t *id = listing->id != NULL ? d1_vars_at(job, item, listing->id) : NULL;
    if (zone != NULL && id != NULL) {
        json_object_set(zone, "id", id);
    }
    const char *key;
    json_t *pointer;
    json_object_foreach((json_t *)(uintptr_t)listing->more, key, pointer) {
        char variable[D1_TEMPLATE_NAME_MAX + 1];
        snprintf(variable, sizeof(variable), "%.*s", (int)strcspn(key, "?"), key);
        json_t *value = d1_vars_at(job, item, json_string_value(pointer));
        if (zone != NULL && value != NULL) {
            json_object_set(zone, variable, value);
        }
    }
    return zone;
}

/* Append the zones in a reply to job->zones. */
static int take_zones(struct d1_job *job, const json_t *document, size_t *ret_count) {
    const struct d1_listing *listing = &job->account->descriptor->zone_list;
    json_t *items = json_array();
    int status = items == NULL ? -ENOMEM : 0;
    if (job->zones == NULL) {
        job->zones = json_array();
    }
    if (status == 0 && job->zones != NULL) {
        status = d1_list_items(job, listing, document, items);
    }
    *ret_count = json_array_size(items);
    size_t index;
    json_t *item;
    json_array_foreach(items, index, item) {
        int holds = status == 0 ? d1_list_where(job, listing->where, item) : 0;
        json_t *zone = holds > 0 ? make_zone(job, item) : NULL;
        status = holds < 0 ? holds : status;
        if (zone != NULL && json_array_append_new(job->zones, zone) != 0) {
            status = -ENOMEM;
        }
    }
    json_decref(items);
    return job->zones == NULL ? -ENOMEM : status;
}

static bool same_id(const json_t *one, const json_t *other) {
    const json_t *a = json_object_get(one, "id");
    const json_t *b = json_object_get(other, "id");
    return a == b || json_equal(a, b) == 1;
}

/* Of job->zones the one with the longest name that holds ours, or that is `exact`. */
static json_t *choose(const struct d1_job *job, const char *exact, bool *ret_ambiguous) {
    json_t *best = NULL;
    size_t best_length = 0;
    size_t index;
    json_t *zone;
    *ret_ambiguous = false;
    json_array_foreach(job->zones, index, zone) {
        const char *name = json_string_value(json_object_get(zone, "name"));
        size_t length = strlen(name);
        bool fits = exact != NULL ? strcasecmp(name, exact) == 0 : is_under(job->fqdn, name);
        if (fits && (best == NULL || length > best_length)) {
            best = zone;
            best_length = length;
            *ret_ambiguous = false;
        } else if (fits && length == best_length && !same_id(best, zone)) {
            *ret_ambiguous = true;
        }
    }
    return best;
}

static void no_zone(struct d1_job *job) {
    d1_job_give_up(job, D1_FAIL_NO_ZONE, "the account holds no zone for this name");
}

static void ambiguous(struct d1_job *job) {
    d1_job_give_up(job, D1_FAIL_AMBIGUOUS, "the account holds several zones of that name");
}

static int64_t cache_ms(const struct d1_job *job) {
    return job->account->descriptor->zone_cache_s * 1000;
}

/* Mode probe: ask for the candidate, or for the next that is not known to be none. */
static void ask_candidate(struct d1_job *job) {
    const struct d1_descriptor *d = job->account->descriptor;
    while (job->candidate != NULL && label_count(job->candidate) >= d->zone_min_labels) {
        json_t *entry = recall(job, job->candidate);
        if (entry == NULL) {
            json_decref(job->zones);
            job->zones = NULL;
            d1_list_restart(job);
            d1_job_ask(job, &d->zone);
            return;
        }
        json_t *zone = json_object_get(entry, "zone");
        if (json_is_object(zone)) {
            settle(job, zone, true);
            return;
        }
        job->candidate = job->asked->zone != NULL ? NULL : parent(job->candidate);
    }
    no_zone(job);
}

static void reply_candidate(struct d1_job *job, enum d1_verdict verdict,
                            const struct d1_answer *answer) {
    bool both = false;
    size_t count = 0;
    int status = verdict == D1_VERDICT_OK ? take_zones(job, answer->document, &count) : 0;
    json_t *zone = status == 0 ? choose(job, job->candidate, &both) : NULL;
    if (status != 0) {
        d1_job_trouble(job, status);
        return;
    }
    if (both) {
        ambiguous(job);
        return;
    }
    remember(job, job->candidate, zone, zone != NULL ? cache_ms(job) : ABSENT_MS);
    if (zone != NULL) {
        settle(job, zone, false);
        return;
    }
    bool last = job->asked->zone != NULL || job->soa[0] != '\0';
    job->candidate = last ? NULL : parent(job->candidate);
    ask_candidate(job);
}

/* Modes query and list: what is known already. */
static void enter_list(struct d1_job *job) {
    const struct d1_descriptor *d = job->account->descriptor;
    bool whole = d->zone_mode == D1_ZONE_LIST && recall(job, LIST_KEY) != NULL;
    const char *name = job->asked->zone != NULL ? job->asked->zone : job->fqdn;
    json_t *entry = whole ? NULL : recall(job, job->fqdn);
    for (; whole && entry == NULL && name != NULL; name = parent(name)) {
        entry = recall(job, name);
        name = job->asked->zone != NULL && entry == NULL ? "" : name;
    }
    json_t *zone = json_object_get(entry, "zone");
    if (json_is_object(zone) && !job->zone_refreshed) {
        settle(job, zone, true);
        return;
    }
    json_decref(job->zones);
    job->zones = NULL;
    d1_list_restart(job);
    d1_job_ask(job, &d->zone);
}

/* The whole list is known: remember each of it. */
static void remember_list(struct d1_job *job) {
    size_t index;
    json_t *zone;
    if (json_array_size(job->zones) > D1_ENGINE_ZONES_MAX / 2) {
        return;
    }
    json_array_foreach(job->zones, index, zone) {
        remember(job, json_string_value(json_object_get(zone, "name")), zone, cache_ms(job));
    }
    remember(job, LIST_KEY, NULL, cache_ms(job));
}

static void reply_list(struct d1_job *job, enum d1_verdict verdict,
                       const struct d1_answer *answer) {
    const struct d1_descriptor *d = job->account->descriptor;
    size_t count = 0;
    bool both = false;
    int status = verdict == D1_VERDICT_OK ? take_zones(job, answer->document, &count) : 0;
    if (status == 0 && verdict == D1_VERDICT_OK) {
        status = d1_list_next(job, &d->zone_list, answer, count);
    }
    if (status < 0) {
        d1_job_trouble(job, status);
        return;
    }
    if (status > 0) {
        d1_job_ask(job, &d->zone);
        return;
    }
    json_t *zone = choose(job, job->asked->zone, &both);
    if (zone == NULL || both) {
        both ? ambiguous(job) : no_zone(job);
        return;
    }
    if (d->zone_mode == D1_ZONE_LIST) {
        remember_list(job);
    } else {
        remember(job, job->fqdn, zone, cache_ms(job));
    }
    settle(job, zone, false);
}

static void enter_lastlabels(struct d1_job *job) {
    int64_t wanted = job->account->descriptor->zone_labels;
    const char *name = job->fqdn;
    while (name != NULL && label_count(name) > wanted) {
        name = parent(name);
    }
    if (name == NULL || label_count(name) < wanted) {
        d1_job_give_up(job, D1_FAIL_NO_ZONE, "the name has fewer than %d labels", (int)wanted);
        return;
    }
    settle_name(job, name);
}

static void enter_config(struct d1_job *job) {
    const char *zone = json_string_value(json_object_get(job->account->settings, "zone"));
    zone = job->asked->zone != NULL ? job->asked->zone : zone;
    if (zone == NULL) {
        d1_job_give_up(job, D1_FAIL_SETTINGS, "the setting \"zone\" is needed");
        return;
    }
    settle_name(job, zone);
}

/* Mode soa: the zone is named; where the vendor has an id for it, ask for that. */
static void take_soa(struct d1_job *job, const char *zone) {
    if (!job->account->descriptor->zone.given) {
        settle_name(job, zone);
        return;
    }
    snprintf(job->soa, sizeof(job->soa), "%s", zone);
    job->candidate = job->soa;
    json_t *entry = recall(job, job->candidate);
    if (entry != NULL && !json_is_object(json_object_get(entry, "zone"))) {
        no_zone(job);
        return;
    }
    ask_candidate(job);
}

static void enter_soa(struct d1_job *job) {
    if (job->asked->zone != NULL) {
        take_soa(job, job->asked->zone);
        return;
    }
    job->todo = D1_TODO_OUT;
    job->action->kind = D1_ACTION_ZONE;
    job->action->step = "zone";
    job->action->as.zone.name = job->fqdn;
}

void d1_zone_soa(struct d1_job *job, const struct d1_reply *reply) {
    char name[256];
    if (reply->status < 0 || reply->body == NULL || reply->length == 0 ||
        reply->length >= sizeof(name)) {
        d1_job_give_up(job, D1_FAIL_NO_ZONE, "%s",
                       reply->error != NULL ? reply->error
                                            : "public DNS knows no zone of this name");
        return;
    }
    json_t *plain = plain_name((const char *)reply->body);
    if (plain == NULL) {
        d1_job_trouble(job, -ENOMEM);
        return;
    }
    snprintf(name, sizeof(name), "%s", json_string_value(plain));
    json_decref(plain);
    take_soa(job, name);
}

void d1_zone_enter(struct d1_job *job) {
    const struct d1_call *request = &job->account->descriptor->zone;
    job->soa[0] = '\0';
    if (request->given && !d1_vars_hold(job, request->only_if)) {
        settle_name(job, job->asked->zone);
        return;
    }
    switch (job->account->descriptor->zone_mode) {
    case D1_ZONE_NONE:
        settle_name(job, job->asked->zone);
        break;
    case D1_ZONE_CONFIG:
        enter_config(job);
        break;
    case D1_ZONE_LASTLABELS:
        enter_lastlabels(job);
        break;
    case D1_ZONE_SOA:
        enter_soa(job);
        break;
    case D1_ZONE_PROBE:
        job->candidate = job->asked->zone != NULL ? job->asked->zone : job->fqdn;
        ask_candidate(job);
        break;
    default:
        enter_list(job);
        break;
    }
}

void d1_zone_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer) {
    enum d1_zone_mode mode = job->account->descriptor->zone_mode;
    if (mode == D1_ZONE_QUERY || mode == D1_ZONE_LIST) {
        reply_list(job, verdict, answer);
    } else {
        reply_candidate(job, verdict, answer);
    }
}

bool d1_zone_refresh(struct d1_job *job) {
    if (!job->zone_cached || job->zone_refreshed || job->phase == D1_PHASE_ZONE) {
        return false;
    }
    const char *name = json_string_value(json_object_get(job->zone, "name"));
    json_object_del(job->account->zones, LIST_KEY);
    json_object_del(job->account->zones, job->fqdn);
    if (name != NULL) {
        json_object_del(job->account->zones, name);
    }
    job->zone_refreshed = true;
    d1_job_go(job, D1_PHASE_ZONE);
    return true;
}
