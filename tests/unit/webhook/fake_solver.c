#include "tests/unit/webhook/fake_solver.h"

#include <stdio.h>
#include <string.h>

const struct d1_credentials *d1_solver_credentials(const struct d1_solver *solver) {
    return solver->credentials;
}

int d1_solver_submit(struct d1_solver *solver, struct d1_solver_request *request) {
    solver->submitted++;
    solver->last = *request;
    snprintf(solver->last_owner, sizeof(solver->last_owner), "%s", request->caller.owner);
    unsigned verb = request->verb == D1_SOLVER_PRESENT ? D1_VERB_PRESENT : D1_VERB_CLEANUP;
    solver->last_allowed = d1_rights_allow(request->caller.rights, verb, &request->name);
    if (solver->submit_err != D1_OK) {
        return solver->submit_err;
    }
    if (!solver->last_allowed) {
        return D1_EFORBIDDEN;
    }
    solver->pending = request;
    return D1_OK;
}

int d1_solver_register(struct d1_solver *solver, struct d1_solver_register *request) {
    solver->registered++;
    snprintf(solver->last_allowfrom, sizeof(solver->last_allowfrom), "%s", request->allowfrom);
    if (solver->submit_err != D1_OK) {
        return solver->submit_err;
    }
    solver->pending_register = request;
    return D1_OK;
}

int d1_solver_account(const struct d1_solver *solver, const char *username,
                      const uint8_t key_digest[D1_SHA256_BYTES], struct d1_account *ret_account) {
    if (strcmp(solver->account.username, username) != 0 ||
        memcmp(solver->account.key_digest, key_digest, D1_SHA256_BYTES) != 0) {
        return D1_EUNAUTHORIZED;
    }
    *ret_account = solver->account;
    return D1_OK;
}

void d1_solver_each(const struct d1_solver *solver, const struct d1_rights *rights,
                    void (*visit)(const struct d1_challenge_view *view, void *arg), void *arg) {
    for (size_t i = 0; i < solver->challenges_count; i++) {
        const struct d1_challenge *challenge = &solver->challenges[i];
        if (d1_rights_allow(rights, D1_VERB_READ, &challenge->name)) {
            visit(&(struct d1_challenge_view){challenge, solver->live[i]}, arg);
        }
    }
}

int d1_solver_find_account(const struct d1_solver *solver, const char *username,
                           struct d1_account *ret_account) {
    if (username[0] == '\0' || strcmp(solver->account.username, username) != 0) {
        return D1_ENOTFOUND;
    }
    *ret_account = solver->account;
    return D1_OK;
}

void d1_solver_each_account(const struct d1_solver *solver,
                            void (*visit)(const char *username, void *arg), void *arg) {
    if (solver->account.username[0] != '\0') {
        visit(solver->account.username, arg);
    }
}

int d1_solver_change_account(struct d1_solver *solver, struct d1_solver_account_change *change) {
    struct d1_account account;
    int err = d1_solver_find_account(solver, change->username, &account);
    if (err != D1_OK || solver->submit_err != D1_OK) {
        return err != D1_OK ? err : solver->submit_err;
    }
    solver->last_change = change->verb;
    snprintf(solver->last_allowfrom, sizeof(solver->last_allowfrom), "%s", change->allowfrom);
    solver->pending_change = change;
    return D1_OK;
}

bool fake_solver_complete(struct d1_solver *solver) {
    struct d1_solver_request *request = solver->pending;
    struct d1_solver_register *registering = solver->pending_register;
    struct d1_solver_account_change *change = solver->pending_change;
    solver->pending = NULL;
    solver->pending_change = NULL;
    solver->pending_register = NULL;
    if (request != NULL) {
        request->repeated = solver->repeated;
        request->expires_ms = solver->expires_ms;
        request->done(request, solver->done_err);
    }
    if (registering != NULL) {
        registering->account = solver->account;
        snprintf(registering->key, sizeof(registering->key), "%s",
                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123");
        registering->done(registering, solver->done_err);
    }
    if (change != NULL) {
        change->account = solver->account;
        change->account.allowfrom = solver->last_allowfrom;
        snprintf(change->key, sizeof(change->key), "%s",
                 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123");
        change->done(change, solver->done_err);
    }
    return request != NULL || registering != NULL || change != NULL;
}
