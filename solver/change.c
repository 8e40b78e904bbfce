/*
 * What an operation writes to the store, decided from what is committed at that moment. No other
 * write for the same name is under way then, so nothing changes until this one is committed.
 */
#include <assert.h>
#include <errno.h>

#include "core/clock.h"
#include "core/mem.h"
#include "solver/state.h"

#define NOTHING_TO_WRITE 1

/* Octets the distinct values of the place take; those of a lease as text and length octet. */
static size_t values_bytes(const struct d1_place *place) {
    size_t bytes = 0;
    for (const struct d1_lease *lease = place->leases; lease != NULL; lease = lease->next) {
        bytes += d1_lease_is_repeat(lease) ? 0 : lease->length + 1U;
    }
    return bytes;
}

static bool place_holds(const struct d1_place *place, const struct d1_txt_value *value) {
    const struct d1_lease *lease = place->leases;
    while (lease != NULL && !d1_lease_same_value(lease, value)) {
        lease = lease->next;
    }
    return lease != NULL;
}

static size_t owned_count(const struct d1_place *place, const struct d1_owner *owner) {
    size_t count = 0;
    for (const struct d1_lease *lease = place->leases; lease != NULL; lease = lease->next) {
        count += lease->owner == owner;
    }
    return count;
}

/* How many of the owner's oldest values give way. Returns 0 or D1_EVALUES. */
static int count_giving_way(const struct d1_operation *operation, size_t *ret_count) {
    const struct d1_place *place = operation->place;
    const struct d1_solver_request *request = operation->request;
    size_t bytes = values_bytes(place);
    size_t more = place_holds(place, &request->value) ? 0 : request->value.length + 1U;
    size_t count = 0;
    size_t at_least = 0;
    if (request->oldest_gives_way && operation->solver->settings.rolling_two) {
        size_t owned = owned_count(place, operation->owner);
        at_least = owned >= 2 ? owned - 1 : 0; /* With the new one, two are left. */
    }
    const struct d1_lease *lease = place->leases;
    while (bytes + more > D1_OWNER_VALUES_BYTES_MAX || count < at_least) {
        while (lease != NULL && lease->owner != operation->owner) {
            lease = lease->next;
        }
        if (lease == NULL || !request->oldest_gives_way) {
            return D1_EVALUES;
        }
        bytes -= d1_lease_is_shared(lease) ? 0 : lease->length + 1U;
        count++;
        lease = lease->next;
    }
    *ret_count = count;
    return D1_OK;
}

/* Records for the challenges, changes for them and for one known name. */
static int make_room(struct d1_operation *operation, size_t records) {
    operation->records = d1_calloc(records + 1, sizeof(struct d1_challenge));
    operation->changes = d1_calloc(records + 1, sizeof(struct d1_store_change));
    return operation->records != NULL && operation->changes != NULL ? D1_OK : -ENOMEM;
}

static void add_change(struct d1_operation *operation, struct d1_store_change change) {
    operation->changes[operation->write.count++] = change;
    operation->write.changes = operation->changes;
}

static void add_removal(struct d1_operation *operation, const struct d1_lease *lease) {
    struct d1_challenge *record = &operation->records[operation->record_count++];
    d1_lease_record(lease, record);
    add_change(operation,
               (struct d1_store_change){.op = D1_STORE_REMOVE_CHALLENGE, .challenge = record});
}

/* The name stays known for a while after its last value, by the same write. */
static int add_known(struct d1_operation *operation) {
    struct d1_solver *solver = operation->solver;
    struct d1_place *place = operation->place;
    if (place->via_length > 0) {
        return D1_OK; /* The name is not answered here. */
    }
    if (place->known == NULL) {
        int err = d1_known_make(&solver->index, &operation->known);
        if (err != 0) {
            return err;
        }
    }
    d1_place_name(place, &operation->known_record.name);
    operation->known_record.until_ms =
        d1_clock_wall_ms(solver->options.clock) + solver->settings.lease_default_ms;
    add_change(operation, (struct d1_store_change){.op = D1_STORE_PUT_KNOWN,
                                                   .known = &operation->known_record});
    return D1_OK;
}

/* A present counts as younger than all that is there, also within one millisecond. */
static int64_t youngest_ms(const struct d1_place *place, int64_t now_ms) {
    int64_t youngest = now_ms;
    for (const struct d1_lease *lease = place->leases; lease != NULL; lease = lease->next) {
        youngest = lease->created_ms >= youngest ? lease->created_ms + 1 : youngest;
    }
    return youngest;
}

/* When the client names no lease. A credential's own may have become longer than any may be. */
static int64_t default_lease_ms(const struct d1_operation *operation) {
    const struct d1_solver_settings *settings = &operation->solver->settings;
    if (operation->lease_ms == 0) {
        return settings->lease_default_ms;
    }
    return operation->lease_ms < settings->lease_maximum_ms ? operation->lease_ms
                                                            : settings->lease_maximum_ms;
}

/* Whether the owner may hold so many new values for so many that go. */
static int check_quota(const struct d1_operation *operation, size_t fresh, size_t going) {
    bool over = operation->quota > 0 && fresh > 0 &&
                operation->owner->leases + fresh > operation->quota + going;
    return over ? D1_EQUOTA : D1_OK;
}

/* What the value that is put will have been asked for as. An UPDATE that renews it changes nothing. */
static const struct d1_target *target_of(const struct d1_operation *operation,
                                         const struct d1_txt_value *value) {
    if (operation->kind != D1_OPERATION_PART) {
        return operation->target;
    }
    const struct d1_lease *held = d1_lease_find(operation->place, value, operation->owner);
    return held != NULL ? d1_lease_target(held) : NULL;
}

static const struct d1_challenge *add_put(struct d1_operation *operation,
                                          const struct d1_txt_value *value, int64_t lease_ms) {
    struct d1_solver *solver = operation->solver;
    int64_t now_ms = d1_clock_wall_ms(solver->options.clock);
    struct d1_challenge *record = &operation->records[operation->record_count++];
    d1_place_name(operation->place, &record->name);
    d1_place_via(operation->place, record->via);
    record->value = *value;
    d1_target_asked(target_of(operation, value), &record->asked);
    memcpy(record->owner, operation->owner->text, operation->owner->length + 1U);
    record->created_ms = youngest_ms(operation->place, now_ms) + (int64_t)operation->puts;
    record->expires_ms = now_ms + lease_ms;
    if (lease_ms == D1_LEASE_DEFAULT) {
        record->expires_ms = now_ms + default_lease_ms(operation);
    } else if (lease_ms == D1_LEASE_NONE) {
        record->expires_ms = 0;
    }
    operation->puts++;
    add_change(operation,
               (struct d1_store_change){.op = D1_STORE_PUT_CHALLENGE, .challenge = record});
    return record;
}

static int plan_present(struct d1_operation *operation) {
    struct d1_solver *solver = operation->solver;
    struct d1_place *place = operation->place;
    struct d1_solver_request *request = operation->request;
    size_t giving_way = 0;
    const struct d1_lease *held = d1_lease_find(place, &request->value, operation->owner);
    request->repeated = held != NULL;
    if (!request->repeated) {
        if (solver->index.leases >= D1_CHALLENGES_MAX) {
            return D1_ELIMIT;
        }
        int err = count_giving_way(operation, &giving_way);
        if (err == 0) {
            err = check_quota(operation, 1, giving_way);
        }
        if (err != 0) {
            return err;
        }
    }
    if (held == NULL || d1_lease_target(held) != operation->target) {
        int err = d1_lease_make(&solver->index, &request->value, operation->owner,
                                operation->target, &operation->made);
        if (err != 0) {
            return err;
        }
    }
    int err = make_room(operation, 1 + giving_way);
    if (err != 0) {
        return err;
    }
    request->expires_ms = add_put(operation, &request->value, request->lease_ms)->expires_ms;
    operation->fresh = request->repeated ? 0 : 1;
    for (const struct d1_lease *lease = place->leases; giving_way > 0; lease = lease->next) {
        if (lease->owner == operation->owner) {
            add_removal(operation, lease);
            giving_way--;
        }
    }
    return D1_OK;
}

static bool is_to_clean(const struct d1_operation *operation, const struct d1_lease *lease) {
    bool own = lease->owner == operation->owner;
    if (operation->request->every_value) {
        return own;
    }
    return (operation->admin || own) && d1_lease_same_value(lease, &operation->request->value);
}

static bool has_ended(const struct d1_operation *operation, const struct d1_lease *lease) {
    return lease->ended ||
           (lease->deadline.when_ms != 0 &&
            lease->deadline.when_ms <= d1_clock_wall_ms(operation->solver->options.clock));
}

static int plan_removals(struct d1_operation *operation,
                         bool (*wanted)(const struct d1_operation *operation,
                                        const struct d1_lease *lease)) {
    size_t count = 0;
    size_t kept = 0;
    for (const struct d1_lease *lease = operation->place->leases; lease; lease = lease->next) {
        if (wanted(operation, lease)) {
            count++;
        } else {
            kept++;
        }
    }
    if (count == 0) {
        return NOTHING_TO_WRITE;
    }
    int err = make_room(operation, count);
    if (err != 0) {
        return err;
    }
    for (const struct d1_lease *lease = operation->place->leases; lease; lease = lease->next) {
        if (wanted(operation, lease)) {
            add_removal(operation, lease);
        }
    }
    return kept == 0 ? add_known(operation) : D1_OK;
}

/* Remove ended leases; where none was, forget the name when it has been known long enough. */
static int plan_expiry(struct d1_operation *operation) {
    int err = plan_removals(operation, has_ended);
    const struct d1_known *known = operation->place->known;
    if (err != NOTHING_TO_WRITE || known == NULL ||
        known->deadline.when_ms > d1_clock_wall_ms(operation->solver->options.clock)) {
        return err;
    }
    err = make_room(operation, 0);
    if (err != 0) {
        return err;
    }
    d1_place_name(operation->place, &operation->known_record.name);
    operation->known_record.until_ms = known->deadline.when_ms;
    add_change(operation, (struct d1_store_change){.op = D1_STORE_REMOVE_KNOWN,
                                                   .known = &operation->known_record});
    return D1_OK;
}

/* What a part's changes make of the values at its name. */

/* Whether the value is gone after the change that comes last and concerns it. */
static bool is_dropped(const struct d1_operation *part, const struct d1_lease *lease) {
    bool own = lease->owner == part->owner;
    for (size_t i = d1_transaction_changes(part); i > 0; i--) {
        const struct d1_solver_change *change = d1_transaction_change(part, i - 1);
        bool same = change != NULL && change->kind != D1_SOLVER_CLEAR &&
                    d1_lease_same_value(lease, &change->value);
        if (same && change->kind == D1_SOLVER_REMOVE && (own || part->admin)) {
            return true;
        }
        if (same && change->kind == D1_SOLVER_ADD && own) {
            return false;
        }
        if (change != NULL && change->kind == D1_SOLVER_CLEAR && own) {
            return true;
        }
    }
    return false;
}

/* Whether this change adds a value that is still there after all later ones, and is the last to. */
static bool is_added(const struct d1_operation *part, size_t index) {
    const struct d1_solver_change *added = d1_transaction_change(part, index);
    if (added == NULL || added->kind != D1_SOLVER_ADD) {
        return false;
    }
    for (size_t i = index + 1; i < d1_transaction_changes(part); i++) {
        const struct d1_solver_change *change = d1_transaction_change(part, i);
        if (change != NULL && (change->kind == D1_SOLVER_CLEAR ||
                               d1_txt_value_equal(&change->value, &added->value))) {
            return false;
        }
    }
    return true;
}

/* Octets of the distinct values that stay. */
static size_t staying_bytes(const struct d1_operation *part) {
    size_t bytes = 0;
    const struct d1_lease *first = part->place->leases;
    for (const struct d1_lease *lease = first; lease != NULL; lease = lease->next) {
        const struct d1_lease *earlier = first;
        while (earlier != lease && !(earlier->length == lease->length &&
                                     memcmp(earlier->octets, lease->octets, lease->length) == 0 &&
                                     !is_dropped(part, earlier))) {
            earlier = earlier->next;
        }
        bytes += earlier == lease && !is_dropped(part, lease) ? lease->length + 1U : 0;
    }
    return bytes;
}

static bool stays(const struct d1_operation *part, const struct d1_txt_value *value) {
    const struct d1_lease *lease = part->place->leases;
    while (lease != NULL && !(d1_lease_same_value(lease, value) && !is_dropped(part, lease))) {
        lease = lease->next;
    }
    return lease != NULL;
}

/* How much is written: values added (of those, how many make a new lease) and dropped. */
struct part_size {
    size_t added;
    size_t fresh;
    size_t dropped;
    size_t own_dropped;
};

static int measure_part(const struct d1_operation *part, struct part_size *ret_size) {
    struct part_size size = {0};
    size_t bytes = staying_bytes(part);
    for (size_t i = 0; i < d1_transaction_changes(part); i++) {
        if (is_added(part, i)) {
            const struct d1_txt_value *value = &d1_transaction_change(part, i)->value;
            size.added++;
            size.fresh += d1_lease_find(part->place, value, part->owner) == NULL;
            bytes += stays(part, value) ? 0 : value->length + 1U;
        }
    }
    for (const struct d1_lease *lease = part->place->leases; lease; lease = lease->next) {
        bool dropped = is_dropped(part, lease);
        size.dropped += dropped;
        size.own_dropped += dropped && lease->owner == part->owner;
    }
    *ret_size = size;
    if (size.added > 0 && bytes > D1_OWNER_VALUES_BYTES_MAX) {
        return D1_EVALUES;
    }
    int err = check_quota(part, size.fresh, size.own_dropped);
    if (err != D1_OK) {
        return err;
    }
    return part->solver->index.leases + size.fresh > D1_CHALLENGES_MAX ? D1_ELIMIT : D1_OK;
}

/* Put the values that make a new lease, or the others. */
static int add_puts(struct d1_operation *part, bool fresh) {
    for (size_t i = 0; i < d1_transaction_changes(part); i++) {
        if (!is_added(part, i)) {
            continue;
        }
        const struct d1_txt_value *value = &d1_transaction_change(part, i)->value;
        if ((d1_lease_find(part->place, value, part->owner) == NULL) != fresh) {
            continue;
        }
        add_put(part, value, D1_LEASE_DEFAULT);
        struct d1_lease *lease = NULL;
        if (fresh && d1_lease_make(&part->solver->index, value, part->owner, NULL, &lease) != 0) {
            return -ENOMEM;
        }
        if (fresh) {
            lease->next = part->made;
            part->made = lease;
            part->fresh++;
        }
    }
    return D1_OK;
}

static int plan_part(struct d1_operation *part) {
    struct part_size size;
    int err = measure_part(part, &size);
    if (err != 0 || size.added + size.dropped == 0) {
        return err != 0 ? err : NOTHING_TO_WRITE;
    }
    err = make_room(part, size.added + size.dropped);
    err = err != 0 ? err : add_puts(part, true);
    err = err != 0 ? err : add_puts(part, false);
    if (err != 0) {
        return err;
    }
    size_t kept = size.added;
    for (const struct d1_lease *lease = part->place->leases; lease; lease = lease->next) {
        if (is_dropped(part, lease)) {
            add_removal(part, lease);
        } else {
            kept++;
        }
    }
    return kept == 0 ? add_known(part) : D1_OK;
}

int d1_operation_plan(struct d1_operation *operation) {
    assert(operation->place != NULL && operation->write.count == 0);
    switch (operation->kind) {
    case D1_OPERATION_PRESENT:
        return plan_present(operation);
    case D1_OPERATION_CLEANUP:
        return plan_removals(operation, is_to_clean);
    case D1_OPERATION_EXPIRE:
        return plan_expiry(operation);
    case D1_OPERATION_PART:
        return plan_part(operation);
    }
    return D1_EINTERNAL;
}
