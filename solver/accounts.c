/*
 * acme-dns accounts in memory: about 150 octets each with the name they own.
 *
 * Happy path of a registration: username, subdomain and key are drawn, the account joins the table
 * as one that is not committed yet (nobody can log in), is written, and counts when the store has
 * shown it to the watcher. Failure: it leaves the table again.
 *
 * Happy path of a change: what it needs is made, the new record (or the removal) is written, and
 * the watcher takes it over, which cannot fail. A removal first closes the account, so that nobody
 * logs in any more, and cleans up its values behind whatever is under way at its name. Failure: it
 * is as it was.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/text.h"
#include "solver/state.h"

#define USERNAME_BYTES 16 /* A UUID in binary. */
#define KEY_BYTES      30 /* 40 characters of base64url. */
#define KEY_TEXT_BYTES (KEY_BYTES / 3 * 4 + 1)

struct account {
    struct d1_map_node node;
    struct d1_place *place;
    char *allowfrom; /* Owned; NULL: everybody. */
    char *bcrypt;    /* Owned; NULL: key_digest counts. */
    int64_t created_ms;
    uint8_t username[USERNAME_BYTES];
    uint8_t key_digest[D1_SHA256_BYTES];
    bool committed;
    bool changing;     /* A change is under way. */
    bool closing;      /* ... which removes it: nobody logs in. */
    bool has_prepared; /* The change replaces allowfrom ... */
    char *prepared;    /* ... by this; owned. */
};

/* A change on its way. */
struct change {
    struct d1_solver *solver;
    struct d1_solver_account_change *request;
    struct d1_rights *rights; /* DELETE: of the account, for its own values. */
    char owner[D1_OWNER_TEXT_MAX + 1];
    struct d1_solver_request cleaning;
    struct d1_account record;
    struct d1_store_change change;
    struct d1_store_write write;
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

static void forget_bcrypt(struct account *account) {
    if (account->bcrypt != NULL) {
        d1_wipe(account->bcrypt, strlen(account->bcrypt));
    }
    d1_free(account->bcrypt);
    account->bcrypt = NULL;
}

static void free_account(struct account *account) {
    d1_wipe(account->key_digest, sizeof(account->key_digest));
    d1_free(account->allowfrom);
    d1_free(account->prepared);
    forget_bcrypt(account);
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
    if (record->bcrypt != NULL) {
        account->bcrypt = d1_strdup(record->bcrypt);
    }
    bool missing = (account->allowfrom == NULL && record->allowfrom && record->allowfrom[0]) ||
                   (account->bcrypt == NULL && record->bcrypt != NULL);
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
    solver->imported -= account->committed && account->bcrypt != NULL ? 1 : 0;
    d1_map_remove(&solver->accounts, &account->node);
    free_account(account);
    place->accounts--;
    d1_place_tell_known(solver, place);
    d1_index_release(&solver->index, place);
}

/* Our own change of an account: what it needs was made before. */
static void take_change(struct d1_solver *solver, struct account *account,
                        const struct d1_account *record) {
    memcpy(account->key_digest, record->key_digest, D1_SHA256_BYTES);
    if (account->bcrypt != NULL && record->bcrypt == NULL) {
        forget_bcrypt(account);
        solver->imported--;
    }
    if (account->has_prepared) {
        d1_free(account->allowfrom);
        account->allowfrom = account->prepared;
        account->prepared = NULL;
        account->has_prepared = false;
    }
}

/* The store shows an account that is committed. */
int d1_accounts_put(struct d1_solver *solver, const struct d1_account *record) {
    uint8_t username[USERNAME_BYTES];
    if (read_username(record->username, username) != 0) {
        return D1_ECORRUPT;
    }
    struct account *account = find_account(solver, username);
    if (account != NULL && account->changing) {
        take_change(solver, account, record);
        return D1_OK;
    }
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
    solver->imported += !account->committed && account->bcrypt != NULL ? 1 : 0;
    account->committed = true;
    d1_place_tell_known(solver, account->place);
    return D1_OK;
}

int d1_accounts_reserve(struct d1_solver *solver, const struct d1_account *record) {
    struct account *account = NULL;
    return solver->accounts.count >= D1_ACCOUNTS_MAX ? D1_ELIMIT
                                                     : add_account(solver, record, &account);
}

void d1_accounts_unreserve(struct d1_solver *solver, const struct d1_account *record) {
    d1_accounts_remove(solver, record);
}

bool d1_accounts_reserved(const struct d1_solver *solver, const char *username) {
    uint8_t wanted[USERNAME_BYTES];
    return read_username(username, wanted) == 0 && find_account(solver, wanted) != NULL;
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

static int draw_key(char ret_key[KEY_TEXT_BYTES], uint8_t ret_digest[D1_SHA256_BYTES]) {
    uint8_t key[KEY_BYTES];
    int err = d1_random(key, sizeof(key));
    if (err != 0) {
        return err;
    }
    size_t length = d1_base64url_encode(key, sizeof(key), ret_key, KEY_TEXT_BYTES);
    d1_wipe(key, sizeof(key));
    return d1_sha256(D1_ACCOUNT_DIGEST_DOMAIN, ret_key, length, ret_digest);
}

/* Draw username, subdomain and key. */
static int draw(struct d1_solver *solver, struct d1_solver_register *request) {
    struct d1_account *account = &request->account;
    char subdomain[D1_UUID_TEXT_BYTES];
    static_assert(sizeof(request->key) == KEY_TEXT_BYTES, "30 octets make 40 characters");
    int err = d1_uuid_make(account->username);
    if (err == 0) {
        err = d1_uuid_make(subdomain);
    }
    if (err == 0) {
        err = draw_key(request->key, account->key_digest);
    }
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
    int err = d1_solver_find_publisher(solver, &record->name, "", &publisher);
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
    size_t max = solver->settings.accounts_max;
    if ((max > 0 && solver->accounts.count >= max) || solver->accounts.count >= D1_ACCOUNTS_MAX) {
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

static void show_account(const struct account *account, const char *username,
                         struct d1_account *ret_account) {
    memcpy(ret_account->username, username, D1_UUID_TEXT_BYTES);
    memcpy(ret_account->key_digest, account->key_digest, D1_SHA256_BYTES);
    d1_place_name(account->place, &ret_account->name);
    ret_account->created_ms = account->created_ms;
    ret_account->allowfrom = account->allowfrom != NULL ? account->allowfrom : "";
    ret_account->bcrypt = account->bcrypt;
}

int d1_solver_account(const struct d1_solver *solver, const char *username,
                      const uint8_t key_digest[D1_SHA256_BYTES], struct d1_account *ret_account) {
    static const uint8_t nobody[D1_SHA256_BYTES];
    uint8_t wanted[USERNAME_BYTES] = {0};
    bool readable = read_username(username, wanted) == 0;
    const struct account *account = find_account(solver, wanted);
    bool exists = readable && account != NULL && account->committed && !account->closing &&
                  account->bcrypt == NULL;
    bool equal =
        d1_equal_secret(exists ? account->key_digest : nobody, key_digest, D1_SHA256_BYTES);
    if (!exists || !equal) {
        return D1_EUNAUTHORIZED;
    }
    show_account(account, username, ret_account);
    return D1_OK;
}

static struct account *find_committed(const struct d1_solver *solver, const char *username) {
    uint8_t wanted[USERNAME_BYTES];
    struct account *account =
        read_username(username, wanted) == 0 ? find_account(solver, wanted) : NULL;
    return account != NULL && account->committed ? account : NULL;
}

const char *d1_accounts_bcrypt(const struct d1_solver *solver, const char *username) {
    const struct account *account = find_committed(solver, username);
    return account != NULL && !account->closing ? account->bcrypt : NULL;
}

int d1_solver_find_account(const struct d1_solver *solver, const char *username,
                           struct d1_account *ret_account) {
    const struct account *account = find_committed(solver, username);
    if (account == NULL) {
        return D1_ENOTFOUND;
    }
    show_account(account, username, ret_account);
    return D1_OK;
}

struct visitor {
    void (*visit)(const char *username, void *arg);
    void *arg;
};

static void visit_account(struct d1_map_node *node, void *arg) {
    const struct visitor *visitor = arg;
    const struct account *account = D1_CONTAINER_OF(node, struct account, node);
    char hex[2 * USERNAME_BYTES + 1];
    char username[D1_UUID_TEXT_BYTES];
    if (account->committed) {
        d1_hex_encode(account->username, USERNAME_BYTES, hex);
        snprintf(username, sizeof(username), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
                 hex + 16, hex + 20);
        visitor->visit(username, visitor->arg);
    }
}

void d1_solver_each_account(const struct d1_solver *solver,
                            void (*visit)(const char *username, void *arg), void *arg) {
    struct visitor visitor = {visit, arg};
    d1_map_each(&solver->accounts, visit_account, &visitor);
}

/* ---- Changes ---- */

/* It is over; an account that is still there may be changed again. */
static void end_change(struct change *change, int err) {
    struct d1_solver_account_change *request = change->request;
    struct account *account = find_committed(change->solver, request->username);
    if (account != NULL) {
        account->changing = false;
        account->closing = false;
        account->has_prepared = false;
        d1_free(account->prepared);
        account->prepared = NULL;
    }
    if (err == D1_OK && account != NULL) {
        show_account(account, request->username, &request->account);
    } else {
        d1_wipe(request->key, sizeof(request->key));
    }
    d1_rights_destroy(change->rights);
    d1_wipe(change, sizeof(*change));
    d1_free(change);
    request->state = NULL;
}

static void on_changed(struct d1_store_write *write, int err, uint64_t revision) {
    (void)revision;
    struct change *change = D1_CONTAINER_OF(write, struct change, write);
    struct d1_solver_account_change *request = change->request;
    change->solver->writes--;
    end_change(change, err);
    request->done(request, err);
}

static int write_change(struct change *change) {
    bool removes = change->request->verb == D1_ACCOUNT_DELETE;
    change->change = (struct d1_store_change){
        .op = removes ? D1_STORE_REMOVE_ACCOUNT : D1_STORE_PUT_ACCOUNT, .account = &change->record};
    change->write =
        (struct d1_store_write){.changes = &change->change, .count = 1, .done = on_changed};
    int err = d1_store_write(change->solver->options.store, &change->write);
    change->solver->writes += err == D1_OK ? 1 : 0;
    return err;
}

/* The values are gone; one that is shown a little longer will be withdrawn by itself. */
static void on_values_removed(struct d1_solver_request *cleaning, int err) {
    struct change *change = D1_CONTAINER_OF(cleaning, struct change, cleaning);
    struct d1_solver_account_change *request = change->request;
    if (err == D1_OK || err == D1_ENOTYET) {
        err = write_change(change);
    }
    if (err != D1_OK) {
        end_change(change, err);
        request->done(request, err);
    }
}

static int begin_removal(struct change *change, struct account *account) {
    struct d1_account *record = &change->record;
    snprintf(change->owner, sizeof(change->owner), "account:%s", record->username);
    int err = d1_rights_create_owner(&record->name, &change->rights);
    if (err != D1_OK) {
        return err;
    }
    change->cleaning = (struct d1_solver_request){
        .verb = D1_SOLVER_CLEANUP,
        .door = change->request->door,
        .caller = {.owner = change->owner, .rights = change->rights},
        .every_value = true,
        .done = on_values_removed,
    };
    d1_name_copy(&change->cleaning.name, &record->name);
    account->closing = true;
    return d1_solver_submit(change->solver, &change->cleaning);
}

static int begin_change(struct change *change, struct account *account) {
    struct d1_solver_account_change *request = change->request;
    show_account(account, request->username, &change->record);
    request->account = change->record;
    request->account.allowfrom = "";
    switch (request->verb) {
    case D1_ACCOUNT_DELETE:
        return begin_removal(change, account);
    case D1_ACCOUNT_ROTATE: {
        int err = draw_key(request->key, change->record.key_digest);
        change->record.bcrypt = NULL;
        return err != D1_OK ? err : write_change(change);
    }
    case D1_ACCOUNT_ADOPT:
        memcpy(change->record.key_digest, request->key_digest, D1_SHA256_BYTES);
        change->record.bcrypt = NULL;
        return write_change(change);
    case D1_ACCOUNT_ALLOWFROM:
        account->prepared = request->allowfrom[0] != '\0' ? d1_strdup(request->allowfrom) : NULL;
        if (account->prepared == NULL && request->allowfrom[0] != '\0') {
            return -ENOMEM;
        }
        account->has_prepared = true;
        change->record.allowfrom = request->allowfrom;
        return write_change(change);
    }
    return D1_EINTERNAL;
}

int d1_solver_change_account(struct d1_solver *solver, struct d1_solver_account_change *request) {
    if (solver->destroyed) {
        return D1_ESTOPPING;
    }
    struct account *account = find_committed(solver, request->username);
    if (account == NULL || account->changing) {
        return account == NULL ? D1_ENOTFOUND : D1_ENOTYET;
    }
    struct change *change = d1_calloc(1, sizeof(*change));
    if (change == NULL) {
        return -ENOMEM;
    }
    change->solver = solver;
    change->request = request;
    request->state = change;
    request->key[0] = '\0';
    account->changing = true;
    int err = begin_change(change, account);
    if (err != D1_OK) {
        end_change(change, err);
    }
    return err;
}
