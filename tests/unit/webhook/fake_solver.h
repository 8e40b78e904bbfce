/*
 * A solver for tests of the front doors: answers what it is told to, and remembers what was asked.
 * Rights, credentials and timeline are the real ones.
 */
#ifndef D1_TESTS_WEBHOOK_FAKE_SOLVER_H
#define D1_TESTS_WEBHOOK_FAKE_SOLVER_H

#include "solver/import.h"
#include "solver/login.h"
#include "solver/provider.h"
#include "solver/sealed.h"
#include "solver/tokens.h"

#define FAKE_CHALLENGES_MAX 8
#define FAKE_IMPORTS_MAX    8

struct d1_solver {
    struct d1_credentials *credentials;

    /* What it answers. */
    int submit_err; /* Returned at once. */
    int done_err;   /* Given to `done`. */
    bool repeated;  /* Of a Present. */
    int64_t expires_ms;
    bool was_followed;
    struct d1_followed followed;
    struct d1_account account; /* The only one; username "" when there is none. */
    struct d1_challenge challenges[FAKE_CHALLENGES_MAX];
    bool live[FAKE_CHALLENGES_MAX];
    size_t challenges_count;

    bool hashes_left;   /* Imported accounts that never logged in. */
    int login_err;      /* Returned at once. */
    int login_done_err; /* Given to `done`. */
    int check_err;      /* Of each import. */

    /* What was asked. */
    unsigned submitted;
    unsigned registered;
    struct d1_solver_request last;
    char last_owner[D1_OWNER_TEXT_MAX + 1];
    bool last_allowed; /* Whether the caller's rights allow it. */
    char last_allowfrom[4096];

    struct d1_solver_request *pending;
    struct d1_solver_register *pending_register;
    struct d1_solver_account_change *pending_change;
    struct d1_solver_login *pending_login;
    struct d1_solver_import *pending_import[FAKE_IMPORTS_MAX];
    size_t pending_imports;
    struct d1_sealed_write *pending_sealed;
    char sealed_token[D1_TOKEN_NAME_MAX + 1]; /* The only box, "" when there is none. */
    char sealed_domain[D1_NAME_TEXT_MAX];
    uint8_t sealed_box[D1_SEALED_BYTES_MAX];
    size_t sealed_length;
    unsigned logins;
    struct d1_solver_import last_import;
    char last_bcrypt[D1_BCRYPT_TEXT_BYTES];
    enum d1_account_verb last_change;
    struct d1_solver_token_change *pending_token;
    struct d1_solver_token_change last_token; /* Its texts are in the next. */
    char last_lists[3][256];                  /* names, owners, verbs; "-": not given. */
    const char *token_story;                  /* Told with submit_err. */
};

/* Call the `done` that is due, if any. Returns whether there was one. */
bool fake_solver_complete(struct d1_solver *solver);

#endif /* D1_TESTS_WEBHOOK_FAKE_SOLVER_H */
