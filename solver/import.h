/*
 * Import: accounts of an acme-dns, with their keys (or the hashes of them) and their values.
 *
 * Happy path: d1_solver_import_check() says that the account is new, d1_solver_import() writes it
 * with its values, all of it or nothing; when it is durable the values are published, and `done` is
 * called. An account that exists already with the same name stays as it is, so a second import
 * changes nothing, whatever its owner or an administrator did meanwhile.
 *
 * Threads: control loop only. Callback law as in store.h.
 * Memory: an import is the caller's and stays untouched by him until its `done`.
 * Limits: D1_IMPORT_VALUES_MAX values of an account, D1_ACCOUNTS_MAX accounts.
 */
#ifndef D1_SOLVER_IMPORT_H
#define D1_SOLVER_IMPORT_H

#include "solver/solver.h"

struct d1_import_value {
    struct d1_txt_value value;
    int64_t updated_ms; /* Unix time: its lease begins then. */
};

struct d1_solver_import {
    struct d1_account account; /* Checked; created_ms is set here. */
    size_t values_count;
    struct d1_import_value values[D1_IMPORT_VALUES_MAX];
    void (*done)(struct d1_solver_import *import, int err);

    size_t values_live; /* Result: those whose lease has not ended. */
    void *state;        /* The solver's own. */
};

/*
 * Whether the account can be imported: 0 and *ret_unchanged (it is there, with this name), or
 * D1_EPARSE (its username is no UUID), D1_EEXIST (there with another name, or the name is another
 * account's), D1_ENOTSERVED, D1_ESTATIC, D1_ELIMIT. Also counts what values_live would be.
 */
int d1_solver_import_check(struct d1_solver *solver, struct d1_solver_import *import,
                           bool *ret_unchanged);

/* Import what the check allowed, and is new. Returns 0 or an error; then `done` is never called. */
int d1_solver_import(struct d1_solver *solver, struct d1_solver_import *import);

/* The name of an account under the account zone. Returns 0, D1_ENOTSERVED (no such zone), D1_ENAME. */
int d1_solver_account_name(const struct d1_solver *solver, const char *subdomain,
                           struct d1_name *ret_name);

#endif /* D1_SOLVER_IMPORT_H */
