/*
 * Events are kept in the size they have, in one list per name; names in a map, and in a list by
 * last touch.
 *
 * When a name's list is full, events of earlier challenges give way first (those before the newest
 * `presented`); within one challenge `asked` are only counted, so that a flood of questions cannot
 * push out when the value was presented and removed.
 */
#include "solver/timeline.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/mem.h"
#include "solver/map.h"

#define KEPT_FOR_LIFE 16 /* Of a name's events, those that `asked` never take. */

struct entry {
    struct entry *next;
    struct entry *previous;
    int64_t time_ms;
    uint64_t revision;
    uint16_t type;
    uint16_t port; /* As in sockaddr_in. */
    uint8_t kind;
    uint8_t rcode;
    uint8_t answers;
    uint8_t family;
    bool tcp;
    bool truncated;
    uint8_t value_length;
    uint8_t owner_length;
    uint8_t door_length;
    uint8_t asked_length;
    uint8_t target_length;
    uint8_t octets[]; /* Value, owner, door, asked, target; or an address of 4 or 16 octets. */
};

struct story {
    struct d1_map_node node;
    struct story *newer; /* By last touch. */
    struct story *older;
    struct entry *first; /* Oldest event. */
    struct entry *last;
    uint64_t asked_unkept; /* `asked` that are not kept. */
    uint32_t count;
    uint32_t earlier; /* Events before the newest `presented`. */
    uint8_t length;
    uint8_t octets[];
};

struct d1_timeline {
    struct d1_map stories;
    struct story *newest;
    struct story *oldest;
};

static const char *const event_names[] = {
    [D1_EVENT_PRESENTED] = "presented", [D1_EVENT_FOLLOWED] = "followed",
    [D1_EVENT_COMMITTED] = "committed", [D1_EVENT_LIVE] = "live",
    [D1_EVENT_ASKED] = "asked",         [D1_EVENT_REMOVED] = "removed",
    [D1_EVENT_EXPIRED] = "expired",     [D1_EVENT_PROVIDER] = "provider",
};

const char *d1_event_name(enum d1_event_kind kind) {
    return event_names[kind];
}

static const void *story_key(struct d1_map_node *node, size_t *ret_length) {
    const struct story *story = D1_CONTAINER_OF(node, struct story, node);
    *ret_length = story->length;
    return story->octets;
}

int d1_timeline_create(struct d1_timeline **ret_timeline) {
    struct d1_timeline *timeline = d1_calloc(1, sizeof(*timeline));
    if (timeline == NULL) {
        return -ENOMEM;
    }
    int err = d1_map_init(&timeline->stories, story_key);
    if (err != 0) {
        d1_timeline_destroy(timeline);
        return err;
    }
    *ret_timeline = timeline;
    return D1_OK;
}

static void free_story(struct d1_map_node *node) {
    struct story *story = D1_CONTAINER_OF(node, struct story, node);
    while (story->first != NULL) {
        struct entry *entry = story->first;
        story->first = entry->next;
        d1_free(entry);
    }
    d1_free(story);
}

void d1_timeline_destroy(struct d1_timeline *timeline) {
    if (timeline == NULL) {
        return;
    }
    d1_map_close(&timeline->stories, free_story);
    d1_free(timeline);
}

static void take_out(struct d1_timeline *timeline, struct story *story) {
    *(story->newer != NULL ? &story->newer->older : &timeline->newest) = story->older;
    *(story->older != NULL ? &story->older->newer : &timeline->oldest) = story->newer;
}

static void put_first(struct d1_timeline *timeline, struct story *story) {
    story->newer = NULL;
    story->older = timeline->newest;
    *(story->older != NULL ? &story->older->newer : &timeline->oldest) = story;
    timeline->newest = story;
}

/* The story of that name, touched now; NULL without memory. */
static struct story *touch(struct d1_timeline *timeline, const struct d1_name *name) {
    struct story *story = NULL;
    struct d1_map_node *node = d1_map_find(&timeline->stories, name->octets, name->length);
    if (node != NULL) {
        story = D1_CONTAINER_OF(node, struct story, node);
        take_out(timeline, story);
        put_first(timeline, story);
        return story;
    }
    story = d1_calloc(1, sizeof(*story) + name->length);
    if (story == NULL) {
        return NULL;
    }
    if (timeline->stories.count >= D1_TIMELINE_NAMES_MAX) {
        struct story *oldest = timeline->oldest;
        take_out(timeline, oldest);
        d1_map_remove(&timeline->stories, &oldest->node);
        free_story(&oldest->node);
    }
    story->length = name->length;
    memcpy(story->octets, name->octets, name->length);
    d1_map_put(&timeline->stories, &story->node);
    put_first(timeline, story);
    return story;
}

static struct entry *make_asked(const struct d1_event *event) {
    struct entry *entry = d1_calloc(1, sizeof(*entry) + sizeof(struct in6_addr));
    if (entry == NULL) {
        return NULL;
    }
    if (event->from.ss_family == AF_INET) {
        struct sockaddr_in from;
        memcpy(&from, &event->from, sizeof(from));
        entry->port = from.sin_port;
        memcpy(entry->octets, &from.sin_addr, sizeof(from.sin_addr));
    } else if (event->from.ss_family == AF_INET6) {
        struct sockaddr_in6 from;
        memcpy(&from, &event->from, sizeof(from));
        entry->port = from.sin6_port;
        memcpy(entry->octets, &from.sin6_addr, sizeof(from.sin6_addr));
    }
    entry->family = (uint8_t)event->from.ss_family;
    entry->type = event->type;
    entry->rcode = event->rcode;
    entry->answers = event->answers;
    entry->tcp = event->tcp;
    entry->truncated = event->truncated;
    return entry;
}

static struct entry *make_entry(const struct d1_event *event) {
    if (event->kind == D1_EVENT_ASKED) {
        return make_asked(event);
    }
    size_t owner = strnlen(event->owner, sizeof(event->owner) - 1);
    size_t door = strnlen(event->door, sizeof(event->door) - 1);
    bool followed = event->kind == D1_EVENT_FOLLOWED;
    size_t names = followed ? (size_t)event->asked.length + event->target.length : 0;
    struct entry *entry = d1_calloc(1, sizeof(*entry) + event->value.length + owner + door + names);
    if (entry == NULL) {
        return NULL;
    }
    entry->revision = event->revision;
    entry->value_length = event->value.length;
    entry->owner_length = (uint8_t)owner;
    entry->door_length = (uint8_t)door;
    memcpy(entry->octets, event->value.octets, event->value.length);
    memcpy(entry->octets + event->value.length, event->owner, owner);
    memcpy(entry->octets + event->value.length + owner, event->door, door);
    if (followed) {
        uint8_t *at = entry->octets + event->value.length + owner + door;
        entry->asked_length = event->asked.length;
        entry->target_length = event->target.length;
        memcpy(at, event->asked.octets, event->asked.length);
        memcpy(at + event->asked.length, event->target.octets, event->target.length);
    }
    return entry;
}

static void drop_oldest(struct story *story) {
    struct entry *entry = story->first;
    story->first = entry->next;
    *(story->first != NULL ? &story->first->previous : &story->last) = NULL;
    story->count--;
    story->earlier -= story->earlier > 0;
    story->asked_unkept += entry->kind == D1_EVENT_ASKED;
    d1_free(entry);
}

/* Room for one more. False: it is only counted. */
static bool make_room(struct story *story, enum d1_event_kind kind) {
    if (kind == D1_EVENT_ASKED) {
        while (story->count >= D1_TIMELINE_EVENTS_MAX - KEPT_FOR_LIFE && story->earlier > 0) {
            drop_oldest(story);
        }
        return story->count < D1_TIMELINE_EVENTS_MAX - KEPT_FOR_LIFE;
    }
    if (story->count >= D1_TIMELINE_EVENTS_MAX) {
        drop_oldest(story);
    }
    return true;
}

/*
 * `asked` come from the workers a little late: each goes where its time says. Everything else is
 * told as it happens, and goes to the end.
 */
static void insert(struct story *story, struct entry *entry) {
    struct entry *previous = story->last;
    if (entry->kind == D1_EVENT_ASKED) {
        uint32_t before = story->count;
        while (previous != NULL && previous->time_ms > entry->time_ms) {
            previous = previous->previous;
            before--;
        }
        story->earlier += before < story->count && before <= story->earlier;
    } else if (entry->kind == D1_EVENT_PRESENTED) {
        story->earlier = story->count;
    }
    entry->previous = previous;
    entry->next = previous != NULL ? previous->next : story->first;
    *(previous != NULL ? &previous->next : &story->first) = entry;
    *(entry->next != NULL ? &entry->next->previous : &story->last) = entry;
    story->count++;
}

void d1_timeline_add(struct d1_timeline *timeline, const struct d1_name *name,
                     const struct d1_event *event) {
    struct story *story = touch(timeline, name);
    if (story == NULL) {
        return;
    }
    if (!make_room(story, event->kind)) {
        story->asked_unkept++;
        return;
    }
    struct entry *entry = make_entry(event);
    if (entry == NULL) {
        return;
    }
    entry->kind = (uint8_t)event->kind;
    entry->time_ms = event->time_ms;
    insert(story, entry);
}

static void restore_asked(const struct entry *entry, struct d1_event *event) {
    if (entry->family == AF_INET) {
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = entry->port};
        memcpy(&from.sin_addr, entry->octets, sizeof(from.sin_addr));
        memcpy(&event->from, &from, sizeof(from));
    } else if (entry->family == AF_INET6) {
        struct sockaddr_in6 from = {.sin6_family = AF_INET6, .sin6_port = entry->port};
        memcpy(&from.sin6_addr, entry->octets, sizeof(from.sin6_addr));
        memcpy(&event->from, &from, sizeof(from));
    }
    event->type = entry->type;
    event->rcode = entry->rcode;
    event->answers = entry->answers;
    event->tcp = entry->tcp;
    event->truncated = entry->truncated;
}

static void restore(const struct entry *entry, struct d1_event *event) {
    memset(event, 0, sizeof(*event));
    event->kind = (enum d1_event_kind)entry->kind;
    event->time_ms = entry->time_ms;
    if (event->kind == D1_EVENT_ASKED) {
        restore_asked(entry, event);
        return;
    }
    const uint8_t *at = entry->octets;
    event->revision = entry->revision;
    event->value.length = entry->value_length;
    memcpy(event->value.octets, at, entry->value_length);
    memcpy(event->owner, at + entry->value_length, entry->owner_length);
    at += entry->value_length + entry->owner_length;
    memcpy(event->door, at, entry->door_length);
    at += entry->door_length;
    event->asked.length = entry->asked_length;
    memcpy(event->asked.octets, at, entry->asked_length);
    event->target.length = entry->target_length;
    memcpy(event->target.octets, at + entry->asked_length, entry->target_length);
}

uint64_t d1_timeline_each(const struct d1_timeline *timeline, const struct d1_name *name,
                          void (*visit)(const struct d1_event *event, void *arg), void *arg) {
    struct d1_map_node *node = d1_map_find(&timeline->stories, name->octets, name->length);
    if (node == NULL) {
        return 0;
    }
    const struct story *story = D1_CONTAINER_OF(node, struct story, node);
    for (const struct entry *entry = story->first; entry != NULL; entry = entry->next) {
        struct d1_event event;
        restore(entry, &event);
        visit(&event, arg);
    }
    return story->asked_unkept;
}
