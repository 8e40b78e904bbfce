#include "tests/unit/webhook/fake_solver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const struct d1_credentials *d1_solver_credentials(const struct d1_solver *solver) {
    return solver->credentials;
}

const struct d1_credential *d1_solver_token_by_digest(const struct d1_solver *solver,
                                                      const uint8_t digest[D1_SHA256_BYTES]) {
    return d1_credentials_by_digest(solver->credentials, digest);
}

const struct d1_credential *d1_solver_token_by_name(const struct d1_solver *solver,
                                                    const char *name,
                                                    const uint8_t digest[D1_SHA256_BYTES]) {
    return d1_credentials_by_name(solver->credentials, name, digest);
}

struct visitor {
    void (*visit)(const struct d1_token_view *view, void *arg);
    void *arg;
};

static void visit_credential(const struct d1_credential *credential, void *arg) {
    const struct visitor *visitor = arg;
    const struct d1_token_view view = {.name = strchr(credential->owner, ':') + 1,
                                       .is_key = strncmp(credential->owner, "tsig:", 5) == 0,
                                       .credential = credential,
                                       .configured = true};
    visitor->visit(&view, visitor->arg);
}

void d1_solver_each_token(const struct d1_solver *solver,
                          void (*visit)(const struct d1_token_view *view, void *arg), void *arg) {
    struct visitor visitor = {visit, arg};
    d1_credentials_each(solver->credentials, visit_credential, &visitor);
}

int d1_solver_change_token(struct d1_solver *solver, struct d1_solver_token_change *change) {
    const char *const lists[] = {change->names, change->owners, change->verbs};
    for (size_t i = 0; i < 3; i++) {
        snprintf(solver->last_lists[i], sizeof(solver->last_lists[i]), "%s",
                 lists[i] != NULL ? lists[i] : "-");
    }
    solver->last_token = *change;
    if (solver->submit_err != D1_OK) {
        return d1_error_set(&change->error, solver->submit_err, "%s",
                            solver->token_story != NULL ? solver->token_story : "refused");
    }
    solver->pending_token = change;
    return D1_OK;
}

static void complete_token(struct d1_solver *solver, struct d1_solver_token_change *change) {
    static struct d1_credential credential = {.owner = "token:host1.example.test",
                                              .lease_ms = 604800000,
                                              .quota = 5,
                                              .algorithm = "hmac-sha256"};
    struct d1_rights *rights = NULL;
    const char *const names[] = {"host1.example.test"};
    if (d1_rights_create(names, 1, NULL, 0, D1_VERB_PRESENT, &rights, NULL) != D1_OK) {
        change->done(change, -ENOMEM);
        return;
    }
    credential.rights = rights;
    change->view = (struct d1_token_view){.name = "host1.example.test",
                                          .is_key = change->is_key,
                                          .credential = &credential,
                                          .created_ms = 1795312921456};
    if (change->verb != D1_TOKEN_REMOVE) {
        snprintf(change->secret, sizeof(change->secret), "%s", "a-secret");
        snprintf(change->key, sizeof(change->key), "%s", "a+key/==");
    }
    change->done(change, solver->done_err);
    d1_rights_destroy(rights);
}

int d1_solver_bring(struct d1_solver *solver, const struct d1_provider_brought *brought,
                    char ret_via[D1_VIA_TEXT_MAX + 1], struct d1_error *error) {
    (void)solver;
    if (strcmp(brought->type, "nonesuch") == 0) {
        return d1_error_set(error, D1_ECONFIG, "there is no such provider");
    }
    snprintf(ret_via, D1_VIA_TEXT_MAX + 1, "~%.16s", brought->type);
    return D1_OK;
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

bool d1_solver_login_helps(const struct d1_solver *solver) {
    return solver->hashes_left;
}

int d1_solver_login(struct d1_solver *solver, struct d1_solver_login *login) {
    solver->logins++;
    if (solver->login_err != D1_OK) {
        return solver->login_err;
    }
    solver->pending_login = login;
    return D1_OK;
}

int d1_solver_account_name(const struct d1_solver *solver, const char *subdomain,
                           struct d1_name *ret_name) {
    (void)solver;
    struct d1_name zone;
    int err = d1_name_from_text("auth.example.test", &zone);
    return err != D1_OK ? err : d1_name_prepend(subdomain, strlen(subdomain), &zone, ret_name);
}

int d1_solver_import_check(struct d1_solver *solver, struct d1_solver_import *import,
                           bool *ret_unchanged) {
    *ret_unchanged = strcmp(solver->account.username, import->account.username) == 0;
    import->values_live = import->values_count;
    return solver->check_err;
}

int d1_solver_import(struct d1_solver *solver, struct d1_solver_import *import) {
    if (solver->submit_err != D1_OK) {
        return solver->submit_err;
    }
    solver->last_import = *import;
    snprintf(solver->last_allowfrom, sizeof(solver->last_allowfrom), "%s",
             import->account.allowfrom);
    snprintf(solver->last_bcrypt, sizeof(solver->last_bcrypt), "%s",
             import->account.bcrypt != NULL ? import->account.bcrypt : "");
    if (solver->pending_imports == FAKE_IMPORTS_MAX) {
        return D1_ELIMIT;
    }
    solver->pending_import[solver->pending_imports++] = import;
    return D1_OK;
}

int d1_sealed_find(const struct d1_solver *solver, const char *token, const char *domain,
                   struct d1_sealed_account *ret_sealed) {
    if (strcmp(solver->sealed_token, token) != 0 || strcmp(solver->sealed_domain, domain) != 0) {
        return D1_ENOTFOUND;
    }
    *ret_sealed = (struct d1_sealed_account){.token = solver->sealed_token,
                                             .domain = solver->sealed_domain,
                                             .box = solver->sealed_box,
                                             .length = solver->sealed_length};
    return D1_OK;
}

void d1_sealed_each(const struct d1_solver *solver, const char *token,
                    void (*visit)(const struct d1_sealed_account *sealed, void *arg), void *arg) {
    struct d1_sealed_account sealed;
    if (d1_sealed_find(solver, token, solver->sealed_domain, &sealed) == D1_OK) {
        visit(&sealed, arg);
    }
}

int d1_sealed_submit(struct d1_solver *solver, struct d1_sealed_write *write) {
    if (solver->submit_err != D1_OK) {
        return solver->submit_err;
    }
    solver->pending_sealed = write;
    return D1_OK;
}

static void complete_sealed(struct d1_solver *solver, struct d1_sealed_write *write) {
    const struct d1_sealed_account *account = &write->account;
    if (solver->done_err == D1_OK) {
        solver->sealed_length = write->removes ? 0 : account->length;
        snprintf(solver->sealed_token, sizeof(solver->sealed_token), "%s",
                 write->removes ? "" : account->token);
        snprintf(solver->sealed_domain, sizeof(solver->sealed_domain), "%s",
                 write->removes ? "" : account->domain);
        memcpy(solver->sealed_box, account->box, solver->sealed_length);
    }
    write->done(write, solver->done_err);
}

bool fake_solver_complete(struct d1_solver *solver) {
    struct d1_solver_login *login = solver->pending_login;
    solver->pending_login = NULL;
    if (login != NULL) {
        login->account = solver->account;
        /* It may submit a request, which is due too. */
        login->done(login, solver->login_done_err);
    }
    struct d1_solver_request *request = solver->pending;
    struct d1_solver_register *registering = solver->pending_register;
    struct d1_solver_account_change *change = solver->pending_change;
    struct d1_solver_token_change *token = solver->pending_token;
    solver->pending = NULL;
    solver->pending_token = NULL;
    solver->pending_change = NULL;
    solver->pending_register = NULL;
    if (request != NULL) {
        request->repeated = solver->repeated;
        request->expires_ms = solver->expires_ms;
        request->was_followed = solver->was_followed;
        request->followed = solver->followed;
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
    if (token != NULL) {
        complete_token(solver, token);
    }
    struct d1_sealed_write *sealed = solver->pending_sealed;
    solver->pending_sealed = NULL;
    if (sealed != NULL) {
        complete_sealed(solver, sealed);
    }
    size_t imports = solver->pending_imports;
    solver->pending_imports = 0;
    for (size_t i = 0; i < imports; i++) {
        solver->pending_import[i]->done(solver->pending_import[i], solver->done_err);
    }
    return token != NULL || request != NULL || registering != NULL || change != NULL ||
           login != NULL || sealed != NULL || imports > 0;
}
