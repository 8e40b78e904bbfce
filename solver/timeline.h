/*
 * Timeline: what happened to the challenges of a name, kept for a while: presented, committed,
 * live, asked (from where, over what, with what answer), removed, expired; and followed (from the
 * name that was asked for to the one where the value stands), which both names have.
 *
 * Threads: control loop only.
 * Memory: bounded: D1_TIMELINE_EVENTS_MAX events per name, of D1_TIMELINE_NAMES_MAX names; the
 *   least recently touched name gives way. Further `asked` events of a name are only counted.
 */
#ifndef D1_SOLVER_TIMELINE_H
#define D1_SOLVER_TIMELINE_H

#include <netinet/in.h>

#include "store/challenge.h"

enum d1_event_kind {
    D1_EVENT_PRESENTED,
    D1_EVENT_FOLLOWED,
    D1_EVENT_COMMITTED,
    D1_EVENT_LIVE,
    D1_EVENT_ASKED,
    D1_EVENT_REMOVED,
    D1_EVENT_EXPIRED,
    D1_EVENT_PROVIDER, /* A step at the provider that holds the name. */
};

struct d1_event {
    enum d1_event_kind kind;
    int64_t time_ms; /* Unix time. */
    union {
        struct {                               /* All kinds but asked. */
            struct d1_txt_value value;         /* provider: what was asked for, what came of it. */
            char owner[D1_OWNER_TEXT_MAX + 1]; /* provider: the account. */
            char door[16];         /* presented, removed: "acme-dns", "httpreq", "api", "socket". */
            uint64_t revision;     /* committed. */
            struct d1_name asked;  /* followed: from this name ... */
            struct d1_name target; /* ... to this one. */
        };
        struct { /* asked. */
            struct sockaddr_storage from;
            uint16_t type; /* QTYPE. */
            uint8_t rcode;
            uint8_t answers; /* ANCOUNT. */
            bool tcp;
            bool truncated;
        };
    };
};

struct d1_timeline;

int d1_timeline_create(struct d1_timeline **ret_timeline);
void d1_timeline_destroy(struct d1_timeline *timeline);

/* Note an event of a name. Without memory it is lost, silently. */
void d1_timeline_add(struct d1_timeline *timeline, const struct d1_name *name,
                     const struct d1_event *event);

/*
 * Call visit with each event of the name, oldest first. Returns how many `asked` were counted but
 * not kept.
 */
uint64_t d1_timeline_each(const struct d1_timeline *timeline, const struct d1_name *name,
                          void (*visit)(const struct d1_event *event, void *arg), void *arg);

/* "presented", "committed" ... */
const char *d1_event_name(enum d1_event_kind kind);

#endif /* D1_SOLVER_TIMELINE_H */
