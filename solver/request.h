/*
 * Requests: what is asked of the solver, one Present or CleanUp at a time or several changes as one.
 *
 * Threads: control loop only. Callback law as in store/store.h.
 * Memory: a request is the caller's and stays untouched by him until its `done`.
 * Limits: as solver/solver.h; D1_FOLLOWS_MAX chains of CNAMEs and D1_FOLLOWERS_MAX requests that
 *   wait for them (then D1_ELIMIT).
 */
#ifndef D1_SOLVER_REQUEST_H
#define D1_SOLVER_REQUEST_H

#include "dns/follow.h"
#include "solver/credential.h"
#include "store/challenge.h"

struct d1_solver;

/* Through which door a request came; labels metrics and the timeline. */
enum d1_door {
    D1_DOOR_ACMEDNS,
    D1_DOOR_HTTPREQ,
    D1_DOOR_API,
    D1_DOOR_SOCKET,
    D1_DOOR_UPDATE, /* RFC 2136. */
    D1_DOOR_KUBERNETES,
    D1_DOOR_COUNT,
};

const char *d1_door_name(enum d1_door door);

#define D1_LEASE_DEFAULT 0  /* leases.default */
#define D1_LEASE_NONE    -1 /* No end; needs admin. */
enum d1_solver_verb { D1_SOLVER_PRESENT, D1_SOLVER_CLEANUP };

/* One Present or CleanUp. */
struct d1_solver_request {
    enum d1_solver_verb verb;
    enum d1_door door;
    struct d1_credential caller; /* What it points at must live until submit has returned. */
    struct d1_name name;         /* Owner name asked for. */
    struct d1_txt_value value;
    const char *via;       /* Provider account that is to hold it; NULL: where the name belongs. */
    int64_t lease_ms;      /* Or D1_LEASE_DEFAULT, D1_LEASE_NONE. */
    bool oldest_gives_way; /* /update: room is made by dropping this owner's oldest value. */
    bool every_value;      /* CleanUp of all the caller holds at the name; `value` is not read. */
    void (*done)(struct d1_solver_request *request, int err);

    /* Results, for done. */
    bool repeated;      /* The same owner held this value already. */
    int64_t expires_ms; /* Unix time; 0: never. */
    bool was_followed;  /* CNAMEs were looked at: `followed` says what came of it. */
    struct d1_followed followed;
    const char
        *why; /* Of D1_EPROVIDER: the provider's story; else NULL. Borrowed until done ends. */

    void *state; /* The solver's own. */
};

/*
 * What an outcome other than 0 of a request means, in words, beginning with its name; the same for
 * the same cause.
 */
void d1_solver_explain(const struct d1_solver_request *request, int err,
                       char ret_text[D1_FOLLOW_TEXT_BYTES]);

/* Start it. Returns 0, or an error at once (then `done` is never called). */
int d1_solver_submit(struct d1_solver *solver, struct d1_solver_request *request);

enum d1_solver_change_kind {
    D1_SOLVER_ADD,    /* As Present, with the default lease. */
    D1_SOLVER_REMOVE, /* As CleanUp. */
    D1_SOLVER_CLEAR,  /* CleanUp of every value the caller owns at the name; `value` is unused. */
};

struct d1_solver_change {
    enum d1_solver_change_kind kind;
    struct d1_name name;
    struct d1_txt_value value;
};

/*
 * Several changes, in order, at one name or several: all of them are committed by one write, or
 * none. Rights and publishers are checked for all first. It waits for what is under way at its
 * names, and what comes after waits for it.
 */
struct d1_solver_transaction {
    enum d1_door door;
    struct d1_credential caller; /* As in d1_solver_request. */
    size_t count;                /* At least 1. */
    const struct d1_solver_change *changes;

    /*
     * NULL is allowed. Called once, when all earlier requests for its names are committed and
     * published, right before what is to be written is decided: an error ends it.
     */
    int (*check)(struct d1_solver_transaction *transaction);
    void (*done)(struct d1_solver_transaction *transaction, int err);

    void *state; /* The solver's own. */
};

/* Start it. Returns as d1_solver_submit(). */
int d1_solver_transact(struct d1_solver *solver, struct d1_solver_transaction *transaction);

#endif /* D1_SOLVER_REQUEST_H */
