#include "solver/index.h"

#include <assert.h>
#include <errno.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/mem.h"

#define HEAP_AT_FIRST 64

static const void *place_key(struct d1_map_node *node, size_t *ret_length) {
    const struct d1_place *place = D1_CONTAINER_OF(node, struct d1_place, node);
    *ret_length = (size_t)place->length + place->via_length;
    return place->octets;
}

static const void *owner_key(struct d1_map_node *node, size_t *ret_length) {
    const struct d1_owner *owner = D1_CONTAINER_OF(node, struct d1_owner, node);
    *ret_length = owner->length;
    return owner->text;
}

int d1_index_init(struct d1_index *index) {
    *index = (struct d1_index){.heap_count = 0};
    int err = d1_map_init(&index->places, place_key);
    if (err == 0) {
        err = d1_map_init(&index->owners, owner_key);
    }
    if (err == 0) {
        err = d1_aliases_init(index);
    }
    if (err != 0) {
        d1_index_close(index);
    }
    return err;
}

static void free_place(struct d1_map_node *node) {
    struct d1_place *place = D1_CONTAINER_OF(node, struct d1_place, node);
    assert(place->work == NULL);
    while (place->leases != NULL) {
        struct d1_lease *lease = place->leases;
        place->leases = lease->next;
        d1_free(lease);
    }
    d1_free(place->known);
    d1_free(place);
}

static void free_owner(struct d1_map_node *node) {
    d1_free(D1_CONTAINER_OF(node, struct d1_owner, node));
}

void d1_index_close(struct d1_index *index) {
    d1_map_close(&index->places, free_place);
    d1_map_close(&index->owners, free_owner);
    d1_aliases_close(index);
    d1_free(index->heap);
    index->heap = NULL;
    index->heap_count = 0;
}

struct d1_place *d1_index_find(const struct d1_index *index, const struct d1_name *name) {
    struct d1_map_node *node = d1_map_find(&index->places, name->octets, name->length);
    return node != NULL ? D1_CONTAINER_OF(node, struct d1_place, node) : NULL;
}

struct d1_place *d1_index_find_via(const struct d1_index *index, const struct d1_name *name,
                                   const char *via) {
    uint8_t key[D1_NAME_OCTETS_MAX + D1_VIA_TEXT_MAX];
    size_t via_length = strlen(via);
    assert(via_length <= D1_VIA_TEXT_MAX);
    memcpy(key, name->octets, name->length);
    memcpy(key + name->length, via, via_length);
    struct d1_map_node *node = d1_map_find(&index->places, key, name->length + via_length);
    return node != NULL ? D1_CONTAINER_OF(node, struct d1_place, node) : NULL;
}

int d1_index_place(struct d1_index *index, const struct d1_name *name,
                   struct d1_place **ret_place) {
    return d1_index_place_via(index, name, "", ret_place);
}

int d1_index_place_via(struct d1_index *index, const struct d1_name *name, const char *via,
                       struct d1_place **ret_place) {
    struct d1_place *place = d1_index_find_via(index, name, via);
    if (place == NULL) {
        size_t via_length = strlen(via);
        place = d1_calloc(1, sizeof(*place) + name->length + via_length);
        if (place == NULL) {
            return -ENOMEM;
        }
        place->published = true; /* Nothing is committed, nothing is shown. */
        place->length = name->length;
        place->via_length = (uint8_t)via_length;
        memcpy(place->octets, name->octets, name->length);
        memcpy(place->octets + name->length, via, via_length);
        d1_map_put(&index->places, &place->node);
    }
    *ret_place = place;
    return D1_OK;
}

bool d1_place_known(const struct d1_place *place) {
    return place->leases != NULL || place->known != NULL || place->accounts > 0 || place->entry;
}

void d1_index_release(struct d1_index *index, struct d1_place *place) {
    if (d1_place_known(place) || place->work != NULL || place->told_known) {
        return;
    }
    d1_map_remove(&index->places, &place->node);
    d1_free(place);
}

void d1_place_name(const struct d1_place *place, struct d1_name *ret_name) {
    ret_name->length = place->length;
    memcpy(ret_name->octets, place->octets, place->length);
}

void d1_place_via(const struct d1_place *place, char ret_via[D1_VIA_TEXT_MAX + 1]) {
    memcpy(ret_via, place->octets + place->length, place->via_length);
    ret_via[place->via_length] = '\0';
}

int d1_index_owner(struct d1_index *index, const char *text, struct d1_owner **ret_owner) {
    size_t length = strlen(text);
    assert(length <= D1_OWNER_TEXT_MAX);
    struct d1_owner *owner = NULL;
    struct d1_map_node *node = d1_map_find(&index->owners, text, length);
    if (node != NULL) {
        owner = D1_CONTAINER_OF(node, struct d1_owner, node);
    } else {
        owner = d1_calloc(1, sizeof(*owner) + length);
        if (owner == NULL) {
            return -ENOMEM;
        }
        owner->length = (uint8_t)length;
        memcpy(owner->text, text, length);
        d1_map_put(&index->owners, &owner->node);
    }
    owner->references++;
    *ret_owner = owner;
    return D1_OK;
}

void d1_index_owner_drop(struct d1_index *index, struct d1_owner *owner) {
    if (owner == NULL || --owner->references > 0) {
        return;
    }
    d1_map_remove(&index->owners, &owner->node);
    d1_free(owner);
}

/* Room in the heap for one more. Doubling copies pointers only: milliseconds at a million. */
static int reserve_deadline(struct d1_index *index) {
    if (index->timed == index->heap_capacity) {
        size_t capacity = index->heap_capacity > 0 ? index->heap_capacity * 2 : HEAP_AT_FIRST;
        struct d1_deadline **heap = d1_realloc(index->heap, capacity, sizeof(struct d1_deadline *));
        if (heap == NULL) {
            return -ENOMEM;
        }
        index->heap = heap;
        index->heap_capacity = capacity;
    }
    index->timed++;
    return D1_OK;
}

int d1_lease_make(struct d1_index *index, const struct d1_txt_value *value, struct d1_owner *owner,
                  struct d1_target *target, struct d1_lease **ret_lease) {
    size_t behind = target != NULL ? sizeof(struct d1_target *) : 0;
    struct d1_lease *lease = d1_calloc(1, sizeof(*lease) + value->length + behind);
    if (lease == NULL || reserve_deadline(index) != 0) {
        d1_free(lease);
        return -ENOMEM;
    }
    lease->deadline.at = D1_DEADLINE_OUT;
    lease->owner = owner;
    owner->references++;
    owner->leases++;
    lease->length = value->length;
    memcpy(lease->octets, value->octets, value->length);
    if (target != NULL) {
        target->references++;
        lease->followed = true;
        memcpy(lease->octets + value->length, &target, sizeof(struct d1_target *));
    }
    *ret_lease = lease;
    return D1_OK;
}

struct d1_target *d1_lease_target(const struct d1_lease *lease) {
    struct d1_target *target = NULL;
    if (lease->followed) {
        memcpy(&target, lease->octets + lease->length, sizeof(struct d1_target *));
    }
    return target;
}

void d1_lease_free(struct d1_index *index, struct d1_lease *lease) {
    if (lease == NULL) {
        return;
    }
    d1_deadline_clear(index, &lease->deadline);
    lease->owner->leases--;
    d1_index_owner_drop(index, lease->owner);
    d1_target_drop(index, d1_lease_target(lease));
    index->timed--;
    d1_free(lease);
}

bool d1_lease_same_value(const struct d1_lease *lease, const struct d1_txt_value *value) {
    return lease->length == value->length &&
           memcmp(lease->octets, value->octets, value->length) == 0;
}

struct d1_lease *d1_lease_find(const struct d1_place *place, const struct d1_txt_value *value,
                               const struct d1_owner *owner) {
    struct d1_lease *lease = place->leases;
    while (lease != NULL && !(lease->owner == owner && d1_lease_same_value(lease, value))) {
        lease = lease->next;
    }
    return lease;
}

static void link_lease(struct d1_lease *lease) {
    struct d1_lease **link = &lease->place->leases;
    while (*link != NULL && (*link)->created_ms <= lease->created_ms) {
        link = &(*link)->next;
    }
    lease->next = *link;
    *link = lease;
}

static void unlink_lease(struct d1_lease *lease) {
    struct d1_lease **link = &lease->place->leases;
    while (*link != lease) {
        link = &(*link)->next;
    }
    *link = lease->next;
}

void d1_lease_add(struct d1_index *index, struct d1_place *place, struct d1_lease *lease,
                  int64_t created_ms, int64_t expires_ms) {
    assert(lease->place == NULL);
    lease->place = place;
    lease->created_ms = created_ms;
    lease->deadline.when_ms = expires_ms;
    link_lease(lease);
    d1_deadline_set(index, &lease->deadline);
    index->leases++;
}

void d1_lease_renew(struct d1_index *index, struct d1_lease *lease, int64_t created_ms,
                    int64_t expires_ms) {
    unlink_lease(lease);
    lease->created_ms = created_ms;
    link_lease(lease);
    d1_deadline_clear(index, &lease->deadline);
    lease->deadline.when_ms = expires_ms;
    d1_deadline_set(index, &lease->deadline);
}

void d1_lease_remove(struct d1_index *index, struct d1_lease *lease) {
    unlink_lease(lease);
    index->leases--;
    d1_lease_free(index, lease);
}

void d1_lease_replace(struct d1_index *index, struct d1_lease *lease, struct d1_lease *fresh) {
    struct d1_place *place = lease->place;
    fresh->live = lease->live;
    fresh->ended = lease->ended;
    fresh->held_since_s = lease->held_since_s;
    d1_lease_add(index, place, fresh, lease->created_ms, lease->deadline.when_ms);
    d1_lease_remove(index, lease);
}

static bool same_value(const struct d1_lease *a, const struct d1_lease *b) {
    return a->length == b->length && memcmp(a->octets, b->octets, a->length) == 0;
}

bool d1_lease_is_repeat(const struct d1_lease *lease) {
    const struct d1_lease *other = lease->place->leases;
    while (other != lease && !same_value(other, lease)) {
        other = other->next;
    }
    return other != lease;
}

bool d1_lease_is_shared(const struct d1_lease *lease) {
    const struct d1_lease *other = lease->place->leases;
    while (other != NULL && (other == lease || !same_value(other, lease))) {
        other = other->next;
    }
    return other != NULL;
}

void d1_lease_record(const struct d1_lease *lease, struct d1_challenge *ret_record) {
    d1_place_name(lease->place, &ret_record->name);
    d1_place_via(lease->place, ret_record->via);
    ret_record->value.length = lease->length;
    memcpy(ret_record->value.octets, lease->octets, lease->length);
    memcpy(ret_record->owner, lease->owner->text, lease->owner->length);
    ret_record->owner[lease->owner->length] = '\0';
    d1_target_asked(d1_lease_target(lease), &ret_record->asked);
    ret_record->created_ms = lease->created_ms;
    ret_record->expires_ms = lease->deadline.when_ms;
}

int d1_known_make(struct d1_index *index, struct d1_known **ret_known) {
    struct d1_known *known = d1_calloc(1, sizeof(*known));
    if (known == NULL || reserve_deadline(index) != 0) {
        d1_free(known);
        return -ENOMEM;
    }
    known->deadline.at = D1_DEADLINE_OUT;
    known->deadline.known = true;
    *ret_known = known;
    return D1_OK;
}

void d1_known_free(struct d1_index *index, struct d1_known *known) {
    if (known == NULL) {
        return;
    }
    d1_deadline_clear(index, &known->deadline);
    index->timed--;
    d1_free(known);
}

void d1_known_set(struct d1_index *index, struct d1_place *place, struct d1_known *known,
                  int64_t until_ms) {
    assert(place->known == NULL || place->known == known);
    place->known = known;
    known->place = place;
    d1_deadline_clear(index, &known->deadline);
    known->deadline.when_ms = until_ms;
    d1_deadline_set(index, &known->deadline);
}

void d1_known_remove(struct d1_index *index, struct d1_place *place) {
    d1_known_free(index, place->known);
    place->known = NULL;
}
