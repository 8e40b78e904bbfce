/*
 * Follow: from an owner name along its CNAMEs to the first name that somebody takes.
 *
 * Each step asks for the CNAME of one name only. The end of a chain is usually a name of ours: it
 * is never asked for through the resolvers before its value is there, because they would remember
 * that it was not.
 *
 * Threads: the resolver's loop. Callback law as in dns/resolve.h.
 * Memory: a follow is the caller's and stays untouched by him until its `done`.
 * Limits: D1_FOLLOW_LINKS_MAX CNAMEs, `limit_ms` altogether.
 */
#ifndef D1_DNS_FOLLOW_H
#define D1_DNS_FOLLOW_H

#include "dns/resolve.h"

enum d1_follow_end {
    D1_FOLLOW_FOUND,     /* `takes` said yes to the name. */
    D1_FOLLOW_NO_CNAME,  /* The name exists and has no CNAME. */
    D1_FOLLOW_NO_NAME,   /* The name does not exist. */
    D1_FOLLOW_LOOP,      /* The name leads to one that was met before. */
    D1_FOLLOW_TOO_LONG,  /* D1_FOLLOW_LINKS_MAX CNAMEs, and the name has one more. */
    D1_FOLLOW_MALFORMED, /* The name has several CNAMEs, or one that is no name. */
    D1_FOLLOW_BOGUS,     /* DNSSEC validation of the name's CNAME failed. */
    D1_FOLLOW_FAILED,    /* The resolvers failed at the name: `rcode`. */
    D1_FOLLOW_TIMEOUT,
    D1_FOLLOW_NOT_ASKED, /* The question for the name could not be asked: `err`. */
    D1_FOLLOW_CANCELED,
};

/* How it ended. */
struct d1_followed {
    enum d1_follow_end end;
    uint8_t rcode;
    uint8_t links;       /* CNAMEs followed. */
    int err;             /* D1_FOLLOW_NOT_ASKED: what `ask` returned. */
    struct d1_name name; /* The last one reached; the asked one where links is 0. */
};

struct d1_follow {
    /* Whether the chain ends at this name. Called on the loop for each target of a CNAME. */
    bool (*takes)(struct d1_follow *follow, const struct d1_name *name);
    void (*done)(struct d1_follow *follow);

    struct d1_followed result; /* For done. */

    /* Its own. */
    struct d1_resolver *resolver;
    struct d1_resolve_query query;
    int64_t until_us;
    struct d1_name seen[D1_FOLLOW_LINKS_MAX];
};

/*
 * Start with the CNAME of `name`; `takes` and `done` are set. Returns 0 or what `ask` returns.
 */
int d1_follow_start(struct d1_follow *follow, struct d1_resolver *resolver,
                    const struct d1_name *name, uint32_t limit_ms);

/* Its `done` is called soon, from the loop, with D1_FOLLOW_CANCELED. */
void d1_follow_cancel(struct d1_follow *follow);

#define D1_FOLLOW_TEXT_BYTES (2 * D1_NAME_TEXT_MAX + 192)

/* In words, the same for the same cause: what was found instead of a name somebody takes. */
void d1_follow_explain(const struct d1_followed *followed, const struct d1_name *asked,
                       char ret_text[D1_FOLLOW_TEXT_BYTES]);

#endif /* D1_DNS_FOLLOW_H */
