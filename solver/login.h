/*
 * Logins that take long: the key of an imported account is checked against acme-dns' bcrypt hash,
 * off the loop, a few at a time. A key that matches takes the place of the hash, durably, so each
 * account pays for this once.
 *
 * As long as imported hashes are left, whoever fails d1_solver_account() comes here: a user that
 * does not exist, or a key that is wrong, costs the same check as an imported account's.
 *
 * Threads: control loop only. Callback law as in store.h.
 * Memory: a login is the caller's and stays untouched by him until its `done`.
 * Limits: D1_LOGINS_RUNNING_MAX checks run, D1_LOGINS_WAITING_MAX wait.
 */
#ifndef D1_SOLVER_LOGIN_H
#define D1_SOLVER_LOGIN_H

#include "solver/solver.h"

struct d1_solver_login {
    const char *username; /* Plain lower-case UUID. */
    const char *key;
    const uint8_t *key_digest; /* As for d1_solver_account(). */
    void (*done)(struct d1_solver_login *login, int err);

    /* Result, for done: as d1_solver_account() gives it. */
    struct d1_account account;

    void *state; /* The solver's own. */
};

/* Whether one that d1_solver_account() refused may still be right. */
bool d1_solver_login_helps(const struct d1_solver *solver);

/*
 * Start the check. Returns 0, D1_ELIMIT (too many wait), D1_ESTOPPING or -ENOMEM. `done` gets 0 or
 * D1_EUNAUTHORIZED; D1_ECANCELED when the solver is destroyed.
 */
int d1_solver_login(struct d1_solver *solver, struct d1_solver_login *login);

#endif /* D1_SOLVER_LOGIN_H */
