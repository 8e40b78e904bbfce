#include "dnsd/update.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/mem.h"
#include "dns/edns.h"
#include "dnsd/apply.h"

struct d1_updates {
    struct d1_updates_options options;
    struct d1_keys_current *keys; /* NULL before d1_updates_set(), as the applier. */
    struct d1_applier *applier;
    size_t under_way;
    void (*idle)(void *arg); /* Set while draining. */
    void *idle_arg;
    uv_timer_t grace;
    bool closed;
    struct d1_message let_go;
};

/* Answers: header, zone section, OPT, TSIG. */

/* What stands behind the zone section. */
struct ending {
    bool edns;
    bool dnssec_ok;
    unsigned rcode;
    const struct d1_signed *sign; /* NULL: no TSIG record. */
};

/* Header and zone section of the message, as its answer. Returns the length. */
static size_t write_head(const struct d1_update *update, uint8_t *reply) {
    size_t length = update->zone_end > 0 ? update->zone_end : D1_DNS_HEADER_BYTES;
    memcpy(reply, update->message, length);
    d1_store_u16(reply + 2, (uint16_t)(D1_FLAG_QR | (unsigned)D1_OPCODE_UPDATE << D1_OPCODE_SHIFT));
    d1_store_u16(reply + 4, update->zone_end > 0);
    memset(reply + 6, 0, 6);
    return length;
}

/* Returns the whole length; 0 when it cannot be signed. */
static size_t write_ending(uint8_t *reply, size_t length, size_t size,
                           const struct ending *ending) {
    struct d1_writer writer = d1_writer_over(reply, size);
    writer.at += length;
    reply[3] = (uint8_t)((reply[3] & 0xf0U) | (ending->rcode & 0xfU));
    if (ending->edns) {
        uint8_t *opt = d1_write_room(&writer, D1_EDNS_BYTES);
        assert(opt != NULL); /* Header, zone, OPT and TSIG always fit. */
        d1_edns_write(opt, ending->dnssec_ok, ending->rcode);
        d1_store_u16(reply + 10, 1);
    }
    if (ending->sign != NULL && d1_signed_finish(ending->sign, &writer) != D1_OK) {
        return 0;
    }
    return d1_writer_length(&writer);
}

static void answer_now(struct d1_answer_slot *slot, const struct d1_update *update, unsigned rcode,
                       const struct d1_signed *sign) {
    const struct ending ending = {update->edns, update->dnssec_ok, rcode, sign};
    size_t length = write_head(update, slot->reply);
    slot->reply_length = write_ending(slot->reply, length, slot->reply_max, &ending);
    slot->rcode = (uint8_t)rcode;
}

/* Checks that need the zones. */

struct scope {
    const struct d1_served *served;
    const struct d1_name *apex;
};

/* Whether the zone with that apex holds the name, and not one below it. */
static bool in_zone(const struct scope *scope, const struct d1_name *name) {
    const struct d1_zone *zone = d1_zones_find(scope->served->zones, name);
    return zone != NULL && d1_name_is_under(name, scope->apex) &&
           name->length - d1_zone_apex_at(zone, name) == scope->apex->length;
}

/* Whether the name has a static record of the type (ANY: of any). */
static bool holds_static(const struct scope *scope, const struct d1_rr *rr) {
    struct d1_table *table = scope->served->table;
    const struct d1_name *name = &rr->name;
    uint64_t hash = d1_table_hash(table, name->octets, name->length);
    const struct d1_record *record = d1_table_find(table, hash, name->octets, name->length);
    for (size_t i = 0; record != NULL && i < record->rrsets_count; i++) {
        const struct d1_rrset *rrset = &record->rrsets[i];
        if ((rrset->flags & D1_RRSET_STATIC) != 0 &&
            (rr->type == D1_TYPE_ANY || rr->type == rrset->type)) {
            return true;
        }
    }
    return false;
}

static enum d1_rcode check_prerequisites(const struct scope *scope,
                                         const struct d1_update *update) {
    struct d1_rr rr;
    struct d1_update_cursor cursor = d1_update_prerequisites(update);
    while (d1_update_next(&cursor, &rr)) {
        if (!in_zone(scope, &rr.name)) {
            return D1_RCODE_NOTZONE;
        }
        if (d1_update_check_prerequisite(&rr) != D1_RCODE_NOERROR) {
            return D1_RCODE_FORMERR;
        }
    }
    return D1_RCODE_NOERROR;
}

/* The one string of a TXT record. Returns NOERROR, FORMERR, or REFUSED: none of ours can be so. */
static enum d1_rcode take_value(const struct d1_rr *rr, struct d1_txt_value *ret_value) {
    const uint8_t *octets = NULL;
    uint8_t length = 0;
    int err = d1_update_txt(rr, &octets, &length);
    if (err == D1_OK) {
        err = d1_txt_value_set(ret_value, octets, length);
    }
    return err == D1_OK ? D1_RCODE_NOERROR : err == D1_EPARSE ? D1_RCODE_FORMERR : D1_RCODE_REFUSED;
}

/*
 * One record of the update section as a change; *ret_some is false when it changes nothing: what we
 * never hold is deleted. Static records are not to be deleted by anybody.
 */
static enum d1_rcode take_change(const struct scope *scope, const struct d1_rr *rr,
                                 struct d1_solver_change *change, bool *ret_some) {
    bool txt = rr->type == D1_TYPE_TXT;
    *ret_some = false;
    if (rr->class == D1_CLASS_IN) {
        change->kind = D1_SOLVER_ADD;
        *ret_some = true;
        return txt ? take_value(rr, &change->value) : D1_RCODE_REFUSED;
    }
    if (holds_static(scope, rr)) {
        return D1_RCODE_REFUSED;
    }
    if (rr->class == D1_CLASS_ANY) {
        change->kind = D1_SOLVER_CLEAR;
        change->value.length = 0;
        *ret_some = txt || rr->type == D1_TYPE_ANY;
        return D1_RCODE_NOERROR;
    }
    change->kind = D1_SOLVER_REMOVE;
    if (!txt) {
        return D1_RCODE_NOERROR;
    }
    enum d1_rcode rcode = take_value(rr, &change->value);
    *ret_some = rcode == D1_RCODE_NOERROR;
    return rcode == D1_RCODE_REFUSED ? D1_RCODE_NOERROR : rcode;
}

/* RFC 2136, 3.4.1: all of the update section before any of it is applied. */
static enum d1_rcode take_changes(const struct scope *scope, struct d1_apply *apply) {
    struct d1_rr rr;
    struct d1_update_cursor cursor = d1_update_changes(&apply->update);
    while (d1_update_next(&cursor, &rr)) {
        struct d1_solver_change *change = &apply->changes[apply->changes_count];
        bool some = false;
        if (!in_zone(scope, &rr.name)) {
            return D1_RCODE_NOTZONE;
        }
        enum d1_rcode rcode = d1_update_check_change(&rr);
        if (rcode == D1_RCODE_NOERROR) {
            rcode = take_change(scope, &rr, change, &some);
        }
        if (rcode != D1_RCODE_NOERROR) {
            return rcode;
        }
        if (some) {
            d1_name_copy(&change->name, &rr.name);
            apply->changes_count++;
        }
    }
    return D1_RCODE_NOERROR;
}

/* Jobs. */

static struct d1_update_job *make_job(struct d1_updates *updates, const struct d1_update *update,
                                      const struct d1_signed *sign) {
    struct d1_update_job *job = d1_calloc(1, sizeof(*job));
    if (job == NULL) {
        return NULL;
    }
    job->apply = d1_apply_create(update, &sign->tsig.key);
    if (job->apply == NULL) {
        d1_free(job);
        return NULL;
    }
    job->updates = updates;
    job->edns = update->edns;
    job->dnssec_ok = update->dnssec_ok;
    job->sign = *sign;
    d1_tsig_key_hold(job->sign.key);
    job->reply_length = write_head(update, job->reply);
    return job;
}

void d1_update_job_free(struct d1_update_job *job) {
    d1_apply_destroy(job->apply);
    d1_tsig_key_drop(job->sign.key);
    d1_free(job);
}

/* Signed well: checked against the zones, and made a job of. */
static enum d1_rcode make_changes(struct d1_updates *updates, const struct d1_served *served,
                                  const struct d1_update *update, const struct d1_signed *sign,
                                  struct d1_answer_slot *slot) {
    const struct scope scope = {served, &update->zone};
    if (update->zone_class != D1_CLASS_IN || !in_zone(&scope, &update->zone)) {
        return D1_RCODE_NOTAUTH;
    }
    enum d1_rcode rcode = check_prerequisites(&scope, update);
    if (rcode != D1_RCODE_NOERROR) {
        return rcode;
    }
    assert(updates->applier != NULL); /* It comes with the keys. */
    if (updates->under_way >= D1_UPDATE_JOBS_MAX || updates->idle != NULL) {
        return D1_RCODE_SERVFAIL;
    }
    struct d1_update_job *job = make_job(updates, update, sign);
    if (job == NULL) {
        return D1_RCODE_SERVFAIL;
    }
    rcode = take_changes(&scope, job->apply);
    if (rcode != D1_RCODE_NOERROR) {
        d1_update_job_free(job);
        return rcode;
    }
    slot->job = job;
    return D1_RCODE_NOERROR;
}

const struct d1_keys *d1_updates_keys(const struct d1_updates *updates) {
    return updates->keys != NULL ? atomic_load_explicit(&updates->keys->keys, memory_order_acquire)
                                 : NULL;
}

void d1_update_answer(struct d1_updates *updates, const struct d1_answer_context *context,
                      struct d1_answer_slot *slot) {
    struct d1_update update;
    struct d1_signed sign;
    enum d1_rcode rcode = d1_update_parse(slot->message, slot->length, &update);
    if (rcode == D1_RCODE_NOERROR && !update.tsig) {
        rcode = D1_RCODE_REFUSED;
    }
    if (rcode != D1_RCODE_NOERROR) {
        answer_now(slot, &update, rcode, NULL);
        return;
    }
    rcode = d1_signed_check(d1_updates_keys(updates), slot->message, slot->length,
                            d1_clock_wall_ms(updates->options.clock) / 1000, &sign);
    if (rcode == D1_RCODE_FORMERR || rcode == D1_RCODE_SERVFAIL) {
        answer_now(slot, &update, rcode, NULL);
        return;
    }
    if (rcode == D1_RCODE_NOERROR) {
        rcode = make_changes(updates, context->served, &update, &sign, slot);
    }
    if (slot->job == NULL) {
        answer_now(slot, &update, rcode, &sign);
    }
}

static void tell_idle(struct d1_updates *updates) {
    if (updates->idle != NULL && updates->under_way == 0) {
        assert(!updates->closed); /* While it drains, no job is made. */
        d1_updates_close(updates);
        updates->idle(updates->idle_arg);
    }
}

/* Back on the worker's thread. */
static void on_applied(struct d1_message *message) {
    struct d1_update_job *job = D1_CONTAINER_OF(message, struct d1_update_job, message);
    struct d1_updates *updates = job->updates;
    assert(updates->under_way > 0);
    updates->under_way--;
    job->sign.now_s = d1_clock_wall_ms(updates->options.clock) / 1000;
    const struct ending ending = {job->edns, job->dnssec_ok, job->rcode, &job->sign};
    job->reply_length = write_ending(job->reply, job->reply_length, sizeof(job->reply), &ending);
    job->answered(job);
    tell_idle(updates);
}

/* On the control thread. */
static void on_submitted(struct d1_message *message) {
    struct d1_update_job *job = D1_CONTAINER_OF(message, struct d1_update_job, message);
    message->run = on_applied;
    d1_applier_take(job->updates->applier, job, job->updates->options.loop);
}

void d1_update_submit(struct d1_update_job *job) {
    struct d1_updates *updates = job->updates;
    updates->under_way++;
    job->message.run = on_submitted;
    d1_loop_post(updates->options.control, &job->message);
}

/* Life. */

int d1_updates_create(const struct d1_updates_options *options, struct d1_updates **ret_updates) {
    struct d1_updates *updates = d1_calloc(1, sizeof(*updates));
    if (updates == NULL) {
        return -ENOMEM;
    }
    updates->options = *options;
    uv_timer_init(d1_loop_uv(options->loop), &updates->grace);
    updates->grace.data = updates;
    *ret_updates = updates;
    return D1_OK;
}

void d1_updates_set(struct d1_updates *updates, struct d1_keys_current *keys,
                    struct d1_applier *applier) {
    updates->keys = keys;
    updates->applier = applier;
}

/* On the control thread. */
static void on_let_go(struct d1_message *message) {
    struct d1_updates *updates = D1_CONTAINER_OF(message, struct d1_updates, let_go);
    d1_applier_let_go(updates->applier, updates);
}

static void on_grace_over(uv_timer_t *timer) {
    struct d1_updates *updates = timer->data;
    updates->let_go.run = on_let_go;
    d1_loop_post(updates->options.control, &updates->let_go);
}

void d1_updates_drain(struct d1_updates *updates, uint64_t grace_ms, void (*idle)(void *arg),
                      void *arg) {
    updates->idle = idle;
    updates->idle_arg = arg;
    if (updates->under_way > 0) {
        uv_timer_start(&updates->grace, on_grace_over, grace_ms, 0);
    }
    tell_idle(updates);
}

void d1_updates_close(struct d1_updates *updates) {
    if (!updates->closed) {
        updates->closed = true;
        uv_close((uv_handle_t *)&updates->grace, NULL);
    }
}

void d1_updates_destroy(struct d1_updates *updates) {
    if (updates != NULL) {
        assert(updates->under_way == 0);
        d1_free(updates);
    }
}
