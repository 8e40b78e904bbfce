/*
 * Sealed accounts: what ACME clients keep with us, by token and domain. Only kept here: who seals
 * and opens them is in webhook/.
 *
 * Threads: control loop only. Callback law as in store.h.
 * Memory: the solver copies what it keeps.
 * Limits: D1_SEALED_PER_TOKEN for one token, D1_SEALED_MAX in all, D1_SEALED_BYTES_MAX octets each.
 */
#ifndef D1_SOLVER_SEALED_H
#define D1_SOLVER_SEALED_H

#include "solver/solver.h"

/* Returns 0, or D1_ENOTFOUND. The box is borrowed until the loop goes on. */
int d1_sealed_find(const struct d1_solver *solver, const char *token, const char *domain,
                   struct d1_sealed_account *ret_sealed);

/* Call visit with each one of that token, in no order. */
void d1_sealed_each(const struct d1_solver *solver, const char *token,
                    void (*visit)(const struct d1_sealed_account *sealed, void *arg), void *arg);

/* One change: put it, or remove it. */
struct d1_sealed_write {
    struct d1_sealed_account account; /* What it points at must live until `done`. */
    bool removes;
    void (*done)(struct d1_sealed_write *write, int err);

    struct d1_solver *solver; /* The solver's own, as all that follows. */
    struct d1_store_change change;
    struct d1_store_write write;
};

/* Start it. Returns 0, D1_ELIMIT, D1_ESTOPPING; a removal of what is not there succeeds. */
int d1_sealed_submit(struct d1_solver *solver, struct d1_sealed_write *write);

#endif /* D1_SOLVER_SEALED_H */
