#include "solver/import.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "solver/state.h"

struct importing {
    struct d1_solver *solver;
    struct d1_solver_import *import;
    struct d1_store_write write;
    struct d1_challenge challenges[D1_IMPORT_VALUES_MAX];
    struct d1_store_change changes[1 + D1_IMPORT_VALUES_MAX];
};

/* When a value's lease ends; a clock that was ahead does not make it longer. */
static int64_t ends_ms(const struct d1_solver *solver, const struct d1_import_value *value,
                       int64_t now_ms) {
    int64_t began_ms = value->updated_ms < now_ms ? value->updated_ms : now_ms;
    return began_ms + solver->settings.lease_default_ms;
}

static bool is_repeat(const struct d1_solver_import *import, size_t i) {
    size_t k = 0;
    while (k < i && !d1_txt_value_equal(&import->values[k].value, &import->values[i].value)) {
        k++;
    }
    return k < i;
}

int d1_solver_account_name(const struct d1_solver *solver, const char *subdomain,
                           struct d1_name *ret_name) {
    if (!solver->settings.account_zone_set) {
        return D1_ENOTSERVED;
    }
    return d1_name_prepend(subdomain, strlen(subdomain), &solver->settings.account_zone, ret_name);
}

int d1_solver_import_check(struct d1_solver *solver, struct d1_solver_import *import,
                           bool *ret_unchanged) {
    const struct d1_account *account = &import->account;
    char plain[D1_UUID_TEXT_BYTES];
    struct d1_account held;
    struct d1_publisher *publisher = NULL;
    int64_t now_ms = d1_clock_wall_ms(solver->options.clock);
    if (d1_uuid_parse(account->username, strlen(account->username), plain) != D1_OK ||
        strcmp(plain, account->username) != 0) {
        return D1_EPARSE;
    }
    if (d1_solver_find_account(solver, account->username, &held) == D1_OK) {
        *ret_unchanged = d1_name_equal(&held.name, &account->name);
        return *ret_unchanged ? D1_OK : D1_EEXIST;
    }
    const struct d1_place *place = d1_index_find(&solver->index, &account->name);
    if (d1_accounts_reserved(solver, account->username) || (place != NULL && place->accounts > 0)) {
        return D1_EEXIST;
    }
    int err = d1_solver_find_publisher(solver, &account->name, "", &publisher);
    if (err == D1_OK && solver->accounts.count >= D1_ACCOUNTS_MAX) {
        err = D1_ELIMIT;
    }
    if (err != D1_OK) {
        return err;
    }
    import->values_live = 0;
    for (size_t i = 0; i < import->values_count; i++) {
        bool lives = ends_ms(solver, &import->values[i], now_ms) > now_ms;
        import->values_live += lives && !is_repeat(import, i) ? 1 : 0;
    }
    *ret_unchanged = false;
    return D1_OK;
}

static void on_written(struct d1_store_write *write, int err, uint64_t revision) {
    (void)revision;
    struct importing *importing = D1_CONTAINER_OF(write, struct importing, write);
    struct d1_solver *solver = importing->solver;
    struct d1_solver_import *import = importing->import;
    solver->writes--;
    if (err != D1_OK) {
        d1_accounts_unreserve(solver, &import->account);
    } else if (import->values_live > 0) {
        struct d1_place *place = d1_index_find(&solver->index, &import->account.name);
        if (place != NULL) { /* One that cannot be shown now is marked to be tried again. */
            (void)d1_place_show(solver, place);
        }
        d1_solver_wake_for_leases(solver);
    }
    import->state = NULL;
    d1_free(importing);
    import->done(import, err);
}

/* The account, then its values that still live. */
static size_t list_changes(struct importing *importing, int64_t now_ms) {
    const struct d1_solver_import *import = importing->import;
    const struct d1_account *account = &import->account;
    size_t count = 0;
    importing->changes[0] =
        (struct d1_store_change){.op = D1_STORE_PUT_ACCOUNT, .account = account};
    for (size_t i = 0; i < import->values_count; i++) {
        const struct d1_import_value *value = &import->values[i];
        int64_t expires_ms = ends_ms(importing->solver, value, now_ms);
        if (expires_ms <= now_ms || is_repeat(import, i)) {
            continue;
        }
        struct d1_challenge *challenge = &importing->challenges[count++];
        d1_name_copy(&challenge->name, &account->name);
        challenge->value = value->value;
        snprintf(challenge->owner, sizeof(challenge->owner), "account:%s", account->username);
        challenge->created_ms = expires_ms - importing->solver->settings.lease_default_ms;
        challenge->expires_ms = expires_ms;
        importing->changes[count] =
            (struct d1_store_change){.op = D1_STORE_PUT_CHALLENGE, .challenge = challenge};
    }
    return 1 + count;
}

int d1_solver_import(struct d1_solver *solver, struct d1_solver_import *import) {
    if (solver->destroyed) {
        return D1_ESTOPPING;
    }
    struct importing *importing = d1_calloc(1, sizeof(*importing));
    if (importing == NULL) {
        return -ENOMEM;
    }
    importing->solver = solver;
    importing->import = import;
    import->state = importing;
    import->account.created_ms = d1_clock_wall_ms(solver->options.clock);
    int err = d1_accounts_reserve(solver, &import->account);
    if (err == D1_OK) {
        size_t count = list_changes(importing, import->account.created_ms);
        import->values_live = count - 1;
        importing->write = (struct d1_store_write){
            .changes = importing->changes, .count = count, .done = on_written};
        err = d1_store_write(solver->options.store, &importing->write);
        if (err != D1_OK) {
            d1_accounts_unreserve(solver, &import->account);
        }
    }
    if (err != D1_OK) {
        import->state = NULL;
        d1_free(importing);
        return err;
    }
    solver->writes++;
    return D1_OK;
}
