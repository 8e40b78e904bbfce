/*
 * acme-dns accounts in memory: about 150 octets each with the name they own.
 *
 * Happy path of a registration: username, subdomain and key are drawn, the account joins the table
 * as one that is not committed yet (nobody can log in), is written, and counts when the store has
 * shown it to the watcher. Failure: it leaves the table again.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/text.h"
#include "solver/state.h"

#define USERNAME_BYTES 16 /* A UUID in binary. */
#define KEY_BYTES      30 /* 40 characters of base64url. */

struct account {
    struct d1_map_node node;
    struct d1_place *place;
    char *allowfrom; /* Owned; NULL: everybody. */
    int64_t created_ms;
    uint8_t username[USERNAME_BYTES];
    uint8_t key_digest[D1_SHA256_BYTES];
    bool committed;
};

struct d1_registration {
    struct d1_solver *solver;
    struct d1_solver_register *request;
    struct account *account;
    struct d1_store_change change;
    struct d1_store_write write;
};

static const void *username_of(struct d1_map_node *node, size_t *ret_length) {
    const struct account *account = D1_CONTAINER_OF(node, struct account, node);
    *ret_length = USERNAME_BYTES;
    return account->username;
}

static void free_account(struct account *account) {
    d1_wipe(account->key_digest, sizeof(account->key_digest));
    d1_free(account->allowfrom);
    d1_free(account);
}

static void free_node(struct d1_map_node *node) {
    free_account(D1_CONTAINER_OF(node, struct account, node));
}

int d1_accounts_init(struct d1_solver *solver) {
    return d1_map_init(&solver->accounts, username_of);
}

void d1_accounts_close(struct d1_solver *solver) {
    d1_map_close(&solver->accounts, free_node);
}

static unsigned hex_digit(char digit) {
    return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)(digit - 'a' + 10);
}

/* Only the plain lower-case form. Returns 0 or D1_EPARSE. */
static int read_username(const char *text, uint8_t ret_username[USERNAME_BYTES]) {
    char plain[D1_UUID_TEXT_BYTES];
    size_t length = strlen(text);
    if (length != D1_UUID_TEXT_BYTES - 1 || d1_uuid_parse(text, length, plain) != 0 ||
        memcmp(plain, text, length) != 0) {
        return D1_EPARSE;
    }
    size_t at = 0;
    for (size_t i = 0; i < USERNAME_BYTES; i++) {
        at += plain[at] == '-' ? 1 : 0;
        ret_username[i] = (uint8_t)(hex_digit(plain[at]) << 4 | hex_digit(plain[at + 1]));
        at += 2;
    }
    return D1_OK;
}

static struct account *find_account(const struct d1_solver *solver,
                                    const uint8_t username[USERNAME_BYTES]) {
    struct d1_map_node *node = d1_map_find(&solver->accounts, username, USERNAME_BYTES);
    return node != NULL ? D1_CONTAINER_OF(node, struct account, node) : NULL;
}

/* Make an account that is not committed, and its place. Returns 0, D1_EPARSE or -ENOMEM. */
static int add_account(struct d1_solver *solver, const struct d1_account *record,
                       struct account **ret_account) {
    uint8_t username[USERNAME_BYTES];
    if (read_username(record->username, username) != 0) {
        return D1_EPARSE;
    }
    struct account *account = d1_calloc(1, sizeof(*account));
    if (account == NULL) {
        return -ENOMEM;
    }
    if (record->allowfrom != NULL && record->allowfrom[0] != '\0') {
        account->allowfrom = d1_strdup(record->allowfrom);
    }
    bool missing = account->allowfrom == NULL && record->allowfrom != NULL && record->allowfrom[0];
    if (missing || d1_index_place(&solver->index, &record->name, &account->place) != 0) {
        free_account(account);
        return -ENOMEM;
    }
    memcpy(account->username, username, USERNAME_BYTES);
    memcpy(account->key_digest, record->key_digest, D1_SHA256_BYTES);
    account->created_ms = record->created_ms;
    account->place->accounts++;
    d1_map_put(&solver->accounts, &account->node);
    *ret_account = account;
    return D1_OK;
}

static void drop_account(struct d1_solver *solver, struct account *account) {
    struct d1_place *place = account->place;
    d1_map_remove(&solver->accounts, &account->node);
    free_account(account);
    place->accounts--;
    d1_place_tell_known(solver, place);
    d1_index_release(&solver->index, place);
}

/* The store shows an account that is committed. */
int d1_accounts_put(struct d1_solver *solver, const struct d1_account *record) {
    uint8_t username[USERNAME_BYTES];
    if (read_username(record->username, username) != 0) {
        return D1_ECORRUPT;
    }
    struct account *account = find_account(solver, username);
    if (account != NULL && account->committed) { /* Replaced: not by us, so it may fail. */
        struct account *old = account;
        account = NULL;
        d1_map_remove(&solver->accounts, &old->node);
        int err = add_account(solver, record, &account);
        if (err != 0) {
            d1_map_put(&solver->accounts, &old->node);
            return err;
        }
        d1_map_put(&solver->accounts, &old->node);
        drop_account(solver, old);
    }
    if (account == NULL) {
        int err = add_account(solver, record, &account);
        if (err != 0) {
            return err;
        }
    }
    account->committed = true;
    d1_place_tell_known(solver, account->place);
    return D1_OK;
}

void d1_accounts_remove(struct d1_solver *solver, const struct d1_account *record) {
    uint8_t username[USERNAME_BYTES];
    struct account *account =
        read_username(record->username, username) == 0 ? find_account(solver, username) : NULL;
    if (account != NULL) {
        drop_account(solver, account);
    }
}

static void on_registered(struct d1_store_write *write, int err, uint64_t revision) {
    (void)revision;
    struct d1_registration *registration = D1_CONTAINER_OF(write, struct d1_registration, write);
    struct d1_solver_register *request = registration->request;
    registration->solver->writes--;
    if (err != 0) {
        drop_account(registration->solver, registration->account);
    }
    d1_free(registration);
    request->state = NULL;
    request->done(request, err);
}

/* Draw username, subdomain and key. */
static int draw(struct d1_solver *solver, struct d1_solver_register *request) {
    struct d1_account *account = &request->account;
    uint8_t key[KEY_BYTES];
    char subdomain[D1_UUID_TEXT_BYTES];
    static_assert(sizeof(request->key) == KEY_BYTES / 3 * 4 + 1, "30 octets make 40 characters");
    int err = d1_uuid_make(account->username);
    if (err == 0) {
        err = d1_uuid_make(subdomain);
    }
    if (err == 0) {
        err = d1_random(key, sizeof(key));
    }
    if (err != 0) {
        return err;
    }
    size_t length = d1_base64url_encode(key, sizeof(key), request->key, sizeof(request->key));
    d1_wipe(key, sizeof(key));
    err = d1_sha256(D1_ACCOUNT_DIGEST_DOMAIN, request->key, length, account->key_digest);
    if (err != 0) {
        return err;
    }
    account->allowfrom = request->allowfrom;
    account->created_ms = d1_clock_wall_ms(solver->options.clock);
    return d1_name_prepend(subdomain, D1_UUID_TEXT_BYTES - 1, &solver->settings.account_zone,
                           &account->name);
}

static int begin(struct d1_registration *registration) {
    struct d1_solver *solver = registration->solver;
    const struct d1_account *record = &registration->request->account;
    struct d1_publisher *publisher = NULL;
    int err = d1_solver_find_publisher(solver, &record->name, &publisher);
    if (err == 0) {
        err = add_account(solver, record, &registration->account);
    }
    if (err != 0) {
        return err;
    }
    registration->change = (struct d1_store_change){.op = D1_STORE_PUT_ACCOUNT, .account = record};
    registration->write.changes = &registration->change;
    registration->write.count = 1;
    registration->write.done = on_registered;
    err = d1_store_write(solver->options.store, &registration->write);
    if (err != 0) {
        drop_account(solver, registration->account);
        return err;
    }
    solver->writes++;
    return D1_OK;
}

int d1_solver_register(struct d1_solver *solver, struct d1_solver_register *request) {
    if (solver->destroyed) {
        return D1_ESTOPPING;
    }
    if (!solver->settings.account_zone_set) {
        return D1_ENOTSERVED;
    }
    if (solver->accounts.count >= D1_ACCOUNTS_MAX) {
        return D1_ELIMIT;
    }
    int err = draw(solver, request);
    struct d1_registration *registration = err == 0 ? d1_calloc(1, sizeof(*registration)) : NULL;
    if (err == 0 && registration == NULL) {
        err = -ENOMEM;
    }
    if (err == 0) {
        registration->solver = solver;
        registration->request = request;
        request->state = registration;
        err = begin(registration);
    }
    if (err != 0) {
        request->state = NULL;
        d1_wipe(request->key, sizeof(request->key));
        d1_free(registration);
    }
    return err;
}

int d1_solver_account(const struct d1_solver *solver, const char *username,
                      const uint8_t key_digest[D1_SHA256_BYTES], struct d1_account *ret_account) {
    static const uint8_t nobody[D1_SHA256_BYTES];
    uint8_t wanted[USERNAME_BYTES] = {0};
    bool readable = read_username(username, wanted) == 0;
    const struct account *account = find_account(solver, wanted);
    bool exists = readable && account != NULL && account->committed;
    bool equal =
        d1_equal_secret(exists ? account->key_digest : nobody, key_digest, D1_SHA256_BYTES);
    if (!exists || !equal) {
        return D1_EUNAUTHORIZED;
    }
    memcpy(ret_account->username, username, D1_UUID_TEXT_BYTES);
    memcpy(ret_account->key_digest, account->key_digest, D1_SHA256_BYTES);
    d1_place_name(account->place, &ret_account->name);
    ret_account->created_ms = account->created_ms;
    ret_account->allowfrom = account->allowfrom != NULL ? account->allowfrom : "";
    return D1_OK;
}
