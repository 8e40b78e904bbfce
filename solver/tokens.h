/*
 * Tokens: who may ask, by secret or signature. Some are configured (solver/credential.h); others are
 * made, rotated and removed at run time and kept in the store. A configured one hides one of the
 * store with the same name, which then has no rights.
 *
 * A token made at run time has two secrets that can be told from neither side: its own, of which
 * only the SHA-256 is kept, and, unless that is not wanted, a TSIG key of the token's name, made of
 * the first by SHA-256, which must be kept as it is. Removal ends its rights at once; its values
 * stay until their lease ends, and belong to a token of the same name that is made later.
 *
 * Threads: control loop only. Callback law as in store.h.
 * Memory: a change is the caller's and stays untouched by him until its `done`.
 * Limits: D1_TOKENS_MAX tokens and keys made at run time, D1_TOKEN_PATTERNS_MAX patterns each.
 */
#ifndef D1_SOLVER_TOKENS_H
#define D1_SOLVER_TOKENS_H

#include "solver/solver.h"

struct d1_tsig_key;

#define D1_TOKEN_SECRET_BYTES      32
#define D1_TOKEN_SECRET_TEXT_BYTES D1_BASE64_BYTES(D1_TOKEN_SECRET_BYTES) /* As base64url. */

/* ---- Who asks; configured ones first. Results are borrowed until the loop goes on. ---- */

/* By secret alone (Bearer), NULL when there is none. */
const struct d1_credential *d1_solver_token_by_digest(const struct d1_solver *solver,
                                                      const uint8_t digest[D1_SHA256_BYTES]);

/* By name and secret (Basic), NULL for an unknown name and for a wrong secret alike. */
const struct d1_credential *d1_solver_token_by_name(const struct d1_solver *solver,
                                                    const char *name,
                                                    const uint8_t digest[D1_SHA256_BYTES]);

/* By the name of the TSIG key that signed (text without the final dot), NULL when there is none. */
const struct d1_credential *d1_solver_token_by_key(const struct d1_solver *solver,
                                                   const char *name);

/* ---- Lists ---- */

/* A token, or a TSIG key that is none's. */
struct d1_token_view {
    bool is_key;
    const char *name;
    const struct d1_credential *credential;
    bool configured;    /* By the file, else made at run time. */
    bool hidden;        /* A configured one has its name: it has no rights. */
    int64_t created_ms; /* 0: configured. */
};

/* Call visit with each of them, in no order. */
void d1_solver_each_token(const struct d1_solver *solver,
                          void (*visit)(const struct d1_token_view *view, void *arg), void *arg);

/* Call visit with every TSIG key made at run time, those of tokens too. */
void d1_solver_each_tsig(const struct d1_solver *solver,
                         void (*visit)(struct d1_tsig_key *key, void *arg), void *arg);

/* Have `changed` called when one of these has come, gone, or has another secret. */
void d1_solver_watch_tsig(struct d1_solver *solver, void (*changed)(void *arg), void *arg);

/* ---- Changes ---- */

enum d1_token_verb { D1_TOKEN_NEW, D1_TOKEN_ROTATE, D1_TOKEN_REMOVE };

struct d1_solver_token_change {
    enum d1_token_verb verb;
    bool is_key;                      /* A TSIG key of its own, else a token. */
    char name[D1_TOKEN_NAME_MAX + 1]; /* NEW: is made canonical: lower case, no final dot. */

    /* NEW: lists with one blank between the entries. */
    const char *names;     /* NULL: of a token, its own name. */
    const char *owners;    /* NULL: none. */
    const char *verbs;     /* NULL: D1_VERBS_DEFAULT. */
    const char *algorithm; /* Of the TSIG key; NULL: hmac-sha256; "": a token without one. */
    int64_t lease_ms;      /* 0: leases.default. */
    uint32_t quota;        /* 0: none. */

    void (*done)(struct d1_solver_token_change *change, int err);

    /* Results, for done: the only time that secrets are shown; wipe them. */
    struct d1_token_view view; /* NEW, ROTATE: as it is now; borrowed until the loop goes on. */
    char secret[D1_TOKEN_SECRET_TEXT_BYTES];           /* "": none. */
    char key[D1_BASE64_BYTES(D1_TOKEN_KEY_BYTES_MAX)]; /* The TSIG secret in base64; "": none. */
    struct d1_error error; /* What is wrong, also of an error at once. */

    void *state; /* The solver's own. */
};

/*
 * Start it. Returns 0, D1_EEXIST (NEW: the name is taken; else: it is configured), D1_ENOTFOUND,
 * D1_ENOTYET (another change of it is under way), D1_ENAME, D1_EPARSE, D1_ELEASE, D1_ELIMIT,
 * D1_ESTOPPING or -errno. What fails later has changed nothing.
 */
int d1_solver_change_token(struct d1_solver *solver, struct d1_solver_token_change *change);

#endif /* D1_SOLVER_TOKENS_H */
