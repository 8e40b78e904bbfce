/*
 * Happy path: the account's hash is copied and waits its turn; crypt_rn() runs on libuv's pool; back
 * on the loop a match is written as the account's new digest (D1_ACCOUNT_ADOPT); then `done`.
 * Failures: no match, no such account (a hash that nothing matches is checked instead), or the
 * account changed meanwhile: D1_EUNAUTHORIZED. A digest that cannot be written does not fail the
 * login: the hash stays, and the next one tries again.
 */
#include "solver/login.h"

#include <assert.h>
#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/hash.h"
#include "core/loop.h"
#include "core/mem.h"
#include "solver/state.h"

struct d1_login_job {
    struct d1_login_job *next;
    uv_work_t work;
    struct d1_solver *solver;
    struct d1_solver_login *login; /* NULL: canceled. */
    bool stranger;
    bool matches;
    char hash[D1_BCRYPT_TEXT_BYTES];
    char key[D1_ACCOUNT_KEY_LENGTH + 1];
    struct d1_solver_account_change change;
};

/* acme-dns' cost, and the hash of no key anybody knows. */
static const char stranger_hash[] = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhW.";

static void free_job(struct d1_login_job *job) {
    d1_wipe(job, sizeof(*job));
    d1_free(job);
}

/* On a thread of the pool; touches nothing but the job. */
static void check(uv_work_t *work) {
    struct d1_login_job *job = D1_CONTAINER_OF(work, struct d1_login_job, work);
    struct crypt_data *data = d1_calloc(1, sizeof(*data));
    if (data == NULL) {
        return;
    }
    /* Not crypt_r(): sanitizers put their own in its place, which then finds no libcrypt. */
    const char *made = crypt_rn(job->key, job->hash, data, (int)sizeof(*data));
    job->matches = made != NULL && strlen(made) == sizeof(job->hash) - 1 &&
                   d1_equal_secret(made, job->hash, sizeof(job->hash) - 1);
    d1_wipe(data, sizeof(*data));
    d1_free(data);
}

static void end(struct d1_login_job *job, int err) {
    struct d1_solver_login *login = job->login;
    free_job(job);
    if (login != NULL) {
        login->state = NULL;
        login->done(login, err);
    }
}

/* By digest, which is what counts once the hash was replaced, by this login or another one. */
static int find_by_digest(const struct d1_login_job *job) {
    struct d1_solver_login *login = job->login;
    return d1_solver_account(job->solver, login->username, login->key_digest, &login->account);
}

/* Whether the account still has the hash that was checked. */
static bool is_unchanged(const struct d1_login_job *job) {
    const char *hash = d1_accounts_bcrypt(job->solver, job->login->username);
    return hash != NULL && strcmp(hash, job->hash) == 0;
}

/* The key was right: let it in, whatever became of the write. */
static void let_in(struct d1_login_job *job) {
    int err = find_by_digest(job);
    if (err != D1_OK && is_unchanged(job)) {
        err = d1_solver_find_account(job->solver, job->login->username, &job->login->account);
    }
    end(job, err);
}

static void on_adopted(struct d1_solver_account_change *change, int err) {
    (void)err;
    let_in(D1_CONTAINER_OF(change, struct d1_login_job, change));
}

static void adopt(struct d1_login_job *job) {
    job->change = (struct d1_solver_account_change){
        .verb = D1_ACCOUNT_ADOPT, .door = D1_DOOR_ACMEDNS, .done = on_adopted};
    snprintf(job->change.username, sizeof(job->change.username), "%s", job->login->username);
    memcpy(job->change.key_digest, job->login->key_digest, D1_SHA256_BYTES);
    if (d1_solver_change_account(job->solver, &job->change) != D1_OK) {
        let_in(job);
    }
}

static void start_next(struct d1_solver *solver);

static void on_checked(uv_work_t *work, int status) {
    struct d1_login_job *job = D1_CONTAINER_OF(work, struct d1_login_job, work);
    struct d1_solver *solver = job->solver;
    bool destroyed = solver->destroyed;
    solver->logins.running--;
    if (destroyed) {
        end(job, D1_ECANCELED);
        d1_solver_drop_handle(solver);
        return;
    }
    start_next(solver);
    if (status == 0 && job->matches && !job->stranger && is_unchanged(job)) {
        adopt(job);
    } else {
        end(job, find_by_digest(job));
    }
    d1_solver_drop_handle(solver);
}

static struct d1_login_job *take_first(struct d1_logins *logins) {
    struct d1_login_job *job = logins->first;
    if (job != NULL) {
        logins->first = job->next;
        logins->waiting--;
        logins->waiting_strangers -= job->stranger ? 1 : 0;
    }
    return job;
}

static void start_next(struct d1_solver *solver) {
    struct d1_logins *logins = &solver->logins;
    while (logins->running < D1_LOGINS_RUNNING_MAX && logins->first != NULL) {
        struct d1_login_job *job = take_first(logins);
        int err = uv_queue_work(d1_loop_uv(solver->options.loop), &job->work, check, on_checked);
        assert(err == 0); /* It fails without a function only. */
        (void)err;
        logins->running++;
        solver->handles++;
    }
}

bool d1_solver_login_helps(const struct d1_solver *solver) {
    return solver->imported > 0;
}

int d1_solver_login(struct d1_solver *solver, struct d1_solver_login *login) {
    struct d1_logins *logins = &solver->logins;
    const char *hash = d1_accounts_bcrypt(solver, login->username);
    bool stranger = hash == NULL;
    if (solver->destroyed) {
        return D1_ESTOPPING;
    }
    if (logins->waiting >= D1_LOGINS_WAITING_MAX ||
        (stranger && logins->waiting_strangers >= D1_LOGINS_WAITING_MAX / 2)) {
        return D1_ELIMIT;
    }
    struct d1_login_job *job = d1_calloc(1, sizeof(*job));
    if (job == NULL) {
        return -ENOMEM;
    }
    job->solver = solver;
    job->login = login;
    job->stranger = stranger;
    snprintf(job->hash, sizeof(job->hash), "%s", stranger ? stranger_hash : hash);
    snprintf(job->key, sizeof(job->key), "%s", login->key);
    login->state = job;
    if (logins->first == NULL) {
        logins->last = &logins->first;
    }
    *logins->last = job;
    logins->last = &job->next;
    logins->waiting++;
    logins->waiting_strangers += stranger ? 1 : 0;
    start_next(solver);
    return D1_OK;
}

void d1_logins_cancel(struct d1_solver *solver) {
    for (struct d1_login_job *job = take_first(&solver->logins); job != NULL;
         job = take_first(&solver->logins)) {
        end(job, D1_ECANCELED);
    }
}
