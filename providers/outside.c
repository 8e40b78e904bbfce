/*
 * A spot is one name at one account; each of its entries is one value there, on its way from wanted
 * to written (in the journal) to confirmed (at the provider), and back: removed at the provider, then
 * from the journal, then forgotten. An entry does one thing at a time; drive() looks what is next
 * for each, and when nothing is under way any more, the publications that wait are done.
 *
 * A spot can be wanted in two ways at once: by a route, and by requests that name the account.
 */
#include "providers/outside.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/mem.h"
#include "solver/map.h"
#include "store/store.h"

#define WAYS      2
#define BY_ROUTE  0
#define BY_NAMING 1
#define BIT(way)  (1U << (way))

enum doing { NOTHING, WRITING, PRESENTING, CONFIRMING, CLEANING, FORGETTING };

struct spot;

struct entry {
    struct entry *next;
    struct spot *spot;
    struct d1_placement record;
    char value[D1_TXT_STRING_MAX + 1];
    enum doing doing;
    unsigned wanted; /* BIT(way) of those who want it. */
    bool written;
    int err; /* Of the last attempt; 0: none failed. */
    char why[D1_PROVIDER_TEXT_MAX];
    int64_t retry_us; /* Monotonic: when a removal that failed is tried again. */
    int64_t wait_ms;
    struct d1_host_job job;
    struct d1_store_change change;
    struct d1_store_write write;
};

struct spot {
    struct d1_map_node node;
    struct d1_outside *outside;
    struct entry *entries;
    struct d1_publication *publication[WAYS];
    unsigned holds;
    int64_t count[D1_PLACEMENT_STATES]; /* Of its entries, as they were counted last. */
    struct d1_name name;
    char fqdn[D1_NAME_TEXT_MAX];
    size_t key_length;
    char key[D1_NAME_OCTETS_MAX + D1_VIA_TEXT_MAX + 1]; /* The account's name, and the name. */
    char account[D1_VIA_TEXT_MAX + 1];
};

struct brought {
    struct brought *next;
    char name[D1_VIA_TEXT_MAX + 1];
};

struct d1_outside {
    struct d1_publisher base;
    struct d1_outside_options options;
    struct d1_map spots;
    json_t *accounts; /* Configured ones, by name. */
    struct d1_outside_route *routes;
    size_t route_count;
    struct brought *brought; /* Latest first. */
    size_t brought_count;
    uv_timer_t timer;
    _Atomic int64_t count[D1_PLACEMENT_STATES];
    bool destroyed;
};

static void drive(struct spot *spot);
static void settle(struct spot *spot);

static int64_t now_us(const struct d1_outside *outside) {
    return d1_clock_mono_us(outside->options.clock);
}

/* ---- Spots and entries ---- */

static const void *spot_key(struct d1_map_node *node, size_t *ret_length) {
    const struct spot *spot = D1_CONTAINER_OF(node, struct spot, node);
    *ret_length = spot->key_length;
    return spot->key;
}

static size_t make_key(char *key, const char *account, const struct d1_name *name) {
    size_t length = strlen(account) + 1;
    memcpy(key, account, length);
    memcpy(key + length, name->octets, name->length);
    return length + name->length;
}

static struct spot *find_spot(const struct d1_outside *outside, const char *account,
                              const struct d1_name *name) {
    char key[D1_NAME_OCTETS_MAX + D1_VIA_TEXT_MAX + 1];
    size_t length = make_key(key, account, name);
    struct d1_map_node *node = d1_map_find(&outside->spots, key, length);
    return node != NULL ? D1_CONTAINER_OF(node, struct spot, node) : NULL;
}

static struct spot *get_spot(struct d1_outside *outside, const char *account,
                             const struct d1_name *name) {
    struct spot *spot = find_spot(outside, account, name);
    if (spot != NULL) {
        return spot;
    }
    spot = d1_calloc(1, sizeof(*spot));
    if (spot == NULL) {
        return NULL;
    }
    spot->outside = outside;
    d1_name_copy(&spot->name, name);
    d1_name_to_text(name, spot->fqdn);
    snprintf(spot->account, sizeof(spot->account), "%s", account);
    spot->key_length = make_key(spot->key, account, name);
    d1_map_put(&outside->spots, &spot->node);
    return spot;
}

static void recount(struct spot *spot) {
    int64_t count[D1_PLACEMENT_STATES] = {0};
    for (const struct entry *entry = spot->entries; entry != NULL; entry = entry->next) {
        if (entry->written) {
            count[entry->wanted == 0        ? D1_PLACEMENT_LEFTOVER
                  : entry->record.confirmed ? D1_PLACEMENT_PLACED
                                            : D1_PLACEMENT_PENDING]++;
        }
    }
    for (unsigned i = 0; i < D1_PLACEMENT_STATES; i++) {
        atomic_fetch_add_explicit(&spot->outside->count[i], count[i] - spot->count[i],
                                  memory_order_relaxed);
        spot->count[i] = count[i];
    }
}

static void release_spot(struct spot *spot) {
    recount(spot);
    if (spot->holds > 0 || spot->entries != NULL || spot->publication[BY_ROUTE] != NULL ||
        spot->publication[BY_NAMING] != NULL) {
        return;
    }
    d1_map_remove(&spot->outside->spots, &spot->node);
    d1_free(spot);
}

static struct entry *find_entry(const struct spot *spot, const struct d1_txt_value *value) {
    struct entry *entry = spot->entries;
    while (entry != NULL && !d1_txt_value_equal(&entry->record.value, value)) {
        entry = entry->next;
    }
    return entry;
}

static struct entry *get_entry(struct spot *spot, const struct d1_txt_value *value) {
    struct entry *entry = find_entry(spot, value);
    if (entry != NULL) {
        return entry;
    }
    entry = d1_calloc(1, sizeof(*entry));
    if (entry == NULL) {
        return NULL;
    }
    entry->spot = spot;
    entry->record.value = *value;
    memcpy(entry->value, value->octets, value->length);
    memcpy(entry->record.via, spot->account, sizeof(spot->account));
    d1_name_copy(&entry->record.name, &spot->name);
    entry->record.created_ms = d1_clock_wall_ms(spot->outside->options.clock);
    entry->next = spot->entries;
    spot->entries = entry;
    return entry;
}

static void free_entry(struct entry *entry) {
    struct entry **at = &entry->spot->entries;
    while (*at != entry) {
        at = &(*at)->next;
    }
    *at = entry->next;
    d1_free(entry);
}

/* ---- What an entry does ---- */

static void set_failed(struct entry *entry, int err, const char *why) {
    struct d1_outside *outside = entry->spot->outside;
    entry->err = err;
    snprintf(entry->why, sizeof(entry->why), "%s", why);
    int64_t wait_ms = entry->wait_ms > 0 ? entry->wait_ms * 2 : D1_OUTSIDE_RETRY_MS;
    entry->wait_ms = wait_ms < D1_OUTSIDE_RETRY_MAX_MS ? wait_ms : D1_OUTSIDE_RETRY_MAX_MS;
    entry->retry_us = now_us(outside) + entry->wait_ms * 1000;
}

static void clear_failure(struct entry *entry) {
    entry->err = 0;
    entry->retry_us = 0;
}

/* What it did has ended; err 0: well. */
static void end_doing(struct entry *entry, int err, const char *why) {
    struct spot *spot = entry->spot;
    enum doing done = entry->doing;
    entry->doing = NOTHING;
    if (err != 0) {
        set_failed(entry, err, why);
    } else {
        entry->wait_ms = 0;
        clear_failure(entry);
    }
    if (err == 0 && done == WRITING) {
        entry->written = true;
    } else if (err == 0 && done == FORGETTING) {
        entry->written = false;
        entry->record.confirmed = false;
    } else if (err != 0 && done == CONFIRMING) {
        entry->record.confirmed = false;
    }
    drive(spot);
}

static void on_written(struct d1_store_write *write, int err, uint64_t revision) {
    struct entry *entry = D1_CONTAINER_OF(write, struct entry, write);
    (void)revision;
    end_doing(entry, err, d1_err_text(err));
}

static void write_journal(struct entry *entry, enum doing doing, enum d1_store_op op) {
    entry->doing = doing;
    entry->change = (struct d1_store_change){.op = op, .placement = &entry->record};
    entry->write =
        (struct d1_store_write){.changes = &entry->change, .count = 1, .done = on_written};
    int err = d1_store_write(entry->spot->outside->options.store, &entry->write);
    if (err != 0) {
        entry->doing = NOTHING;
        set_failed(entry, err, d1_err_text(err));
    }
}

static void on_job(struct d1_host_job *job) {
    struct entry *entry = D1_CONTAINER_OF(job, struct entry, job);
    int err = job->err;
    const char *why = job->text;
    const struct d1_outside_options *options = &entry->spot->outside->options;
    if (options->ended != NULL) {
        options->ended(job, options->arg);
    }
    if (err == D1_ENOTFOUND) {
        err = D1_EPROVIDER;
        why = "its provider account is not known here (any more)";
    }
    if (err != 0) {
        end_doing(entry, err, why);
        return;
    }
    if (entry->doing == PRESENTING) {
        entry->record.confirmed = true;
        write_journal(entry, CONFIRMING, D1_STORE_PUT_PLACEMENT);
    } else {
        write_journal(entry, FORGETTING, D1_STORE_REMOVE_PLACEMENT);
    }
    if (entry->doing == NOTHING) {
        entry->record.confirmed = false;
        drive(entry->spot);
    }
}

static void on_progress(struct d1_host_job *job, const char *step, const char *text) {
    const struct entry *entry = D1_CONTAINER_OF(job, struct entry, job);
    const struct spot *spot = entry->spot;
    char line[D1_PROVIDER_TEXT_MAX];
    snprintf(line, sizeof(line), "%.64s: %.400s", step, text);
    if (spot->outside->options.progress != NULL) {
        spot->outside->options.progress(&spot->name, spot->account, line,
                                        spot->outside->options.arg);
    }
}

static void submit_job(struct entry *entry, enum doing doing) {
    entry->doing = doing;
    entry->job = (struct d1_host_job){
        .account = entry->spot->account,
        .verb = doing == PRESENTING ? D1_PROVIDER_PRESENT : D1_PROVIDER_CLEANUP,
        .fqdn = entry->spot->fqdn,
        .value = entry->value,
        .progress = on_progress,
        .done = on_job,
    };
    int err = d1_link_submit(entry->spot->outside->options.link, &entry->job);
    if (err != 0) {
        entry->doing = NOTHING;
        set_failed(entry, err, d1_err_text(err));
    }
}

/* Begin what is next for an entry that does nothing. */
static void advance(struct entry *entry) {
    if (entry->err != 0) {
        return; /* Until it is asked for again, or its time has come. */
    }
    if (entry->wanted != 0 && !entry->written) {
        write_journal(entry, WRITING, D1_STORE_PUT_PLACEMENT);
    } else if (entry->wanted != 0 && !entry->record.confirmed) {
        submit_job(entry, PRESENTING);
    } else if (entry->wanted == 0 && entry->written) {
        submit_job(entry, CLEANING);
    }
}

static bool is_busy(const struct spot *spot) {
    const struct entry *entry = spot->entries;
    while (entry != NULL && entry->doing == NOTHING) {
        entry = entry->next;
    }
    return entry != NULL;
}

static void advance_all(struct spot *spot) {
    struct entry *next = NULL;
    for (struct entry *entry = spot->entries; entry != NULL; entry = next) {
        next = entry->next;
        if (entry->doing != NOTHING) {
            continue;
        }
        if (entry->wanted == 0 && !entry->written) {
            free_entry(entry);
        } else {
            advance(entry);
        }
    }
}

static void drive(struct spot *spot) {
    if (spot->holds > 0) {
        return; /* Who holds it looks when it lets go. */
    }
    advance_all(spot);
    if (is_busy(spot)) {
        recount(spot);
    } else {
        settle(spot);
    }
}

/* ---- Publications ---- */

/* The outcome for those who want it that way, and why. */
static int outcome(const struct spot *spot, unsigned way, const char **ret_why) {
    for (const struct entry *entry = spot->entries; entry != NULL; entry = entry->next) {
        if (entry->err != 0 && (entry->wanted == 0 || (entry->wanted & BIT(way)) != 0)) {
            *ret_why = entry->why;
            return entry->err;
        }
    }
    return D1_OK;
}

static void on_retry(uv_timer_t *timer);

/* Have the timer fire when the first removal that failed is to be tried again. */
static void set_timer(struct d1_outside *outside, const struct spot *spot) {
    for (const struct entry *entry = spot->entries; entry != NULL; entry = entry->next) {
        if (entry->err == 0 || entry->wanted != 0) {
            continue;
        }
        int64_t left_us = entry->retry_us - now_us(outside);
        uint64_t left_ms = left_us > 0 ? (uint64_t)left_us / 1000 + 1 : 0;
        if (!uv_is_active((uv_handle_t *)&outside->timer) ||
            uv_timer_get_due_in(&outside->timer) > left_ms) {
            uv_timer_start(&outside->timer, on_retry, left_ms, 0);
        }
    }
}

/* Nothing is under way: those who wait are told. */
static void settle(struct spot *spot) {
    spot->holds++;
    for (unsigned way = 0; way < WAYS; way++) {
        struct d1_publication *publication = spot->publication[way];
        if (publication != NULL) {
            spot->publication[way] = NULL;
            int err = outcome(spot, way, &publication->why);
            publication->done(publication, err); /* It may publish again. */
        }
    }
    spot->holds--;
    if (spot->publication[BY_ROUTE] != NULL || spot->publication[BY_NAMING] != NULL) {
        drive(spot);
        return;
    }
    set_timer(spot->outside, spot);
    release_spot(spot);
}

static bool is_printable(const struct d1_txt_value *value) {
    for (size_t i = 0; i < value->length; i++) {
        if (value->octets[i] < 0x20 || value->octets[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

/* Without memory nothing is wanted differently; entries that nothing wants go with advance_all(). */
static int want(struct spot *spot, unsigned way, const struct d1_txt_value *const *values,
                size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (get_entry(spot, values[i]) == NULL) {
            return -ENOMEM;
        }
    }
    for (struct entry *entry = spot->entries; entry != NULL; entry = entry->next) {
        entry->wanted &= ~BIT(way);
        clear_failure(entry);
    }
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = find_entry(spot, values[i]);
        assert(entry != NULL);
        entry->wanted |= BIT(way);
    }
    return D1_OK;
}

static const struct d1_outside_route *find_route(const struct d1_outside *outside,
                                                 const struct d1_name *name) {
    const struct d1_outside_route *best = NULL;
    for (size_t i = 0; i < outside->route_count; i++) {
        const struct d1_outside_route *route = &outside->routes[i];
        if (d1_name_is_under(name, &route->under) &&
            (best == NULL || route->under.length > best->under.length)) {
            best = route;
        }
    }
    return best;
}

static const char *account_of(const struct d1_outside *outside, const struct d1_name *name,
                              const char *via) {
    if (via[0] != '\0') {
        return d1_outside_has(outside, via) ? via : NULL;
    }
    const struct d1_outside_route *route = find_route(outside, name);
    return route != NULL ? route->account : NULL;
}

static int serves(struct d1_publisher *base, const struct d1_name *name, const char *via) {
    struct d1_outside *outside = D1_CONTAINER_OF(base, struct d1_outside, base);
    return account_of(outside, name, via) != NULL ? D1_OK : D1_ENOTSERVED;
}

static int publish(struct d1_publisher *base, const struct d1_name *name, const char *via,
                   const struct d1_txt_value *const *values, size_t count,
                   struct d1_publication *publication) {
    struct d1_outside *outside = D1_CONTAINER_OF(base, struct d1_outside, base);
    const char *account = account_of(outside, name, via);
    unsigned way = via[0] != '\0' ? BY_NAMING : BY_ROUTE;
    if (account == NULL) {
        return D1_ENOTSERVED;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_printable(values[i])) {
            publication->why = "providers take printable ASCII only";
            return D1_EPROVIDER;
        }
    }
    struct spot *spot = get_spot(outside, account, name);
    if (spot == NULL) {
        return -ENOMEM;
    }
    assert(spot->publication[way] == NULL);
    int err = want(spot, way, values, count);
    if (err == 0 && spot->holds > 0) { /* Called from `done`: who settles drives it then. */
        spot->publication[way] = publication;
        return D1_PUBLISH_LATER;
    }
    if (spot->holds > 0) {
        return err;
    }
    spot->holds++;
    advance_all(spot);
    spot->holds--;
    if (err == 0 && is_busy(spot)) {
        recount(spot);
        spot->publication[way] = publication;
        return D1_PUBLISH_LATER;
    }
    err = err != 0 ? err : outcome(spot, way, &publication->why);
    set_timer(outside, spot);
    release_spot(spot); /* Not while something is under way: its entries are there. */
    return err;
}

/* Names here are answered elsewhere. */
static int know(struct d1_publisher *base, const struct d1_name *name, bool known) {
    (void)base;
    (void)name;
    (void)known;
    return D1_OK;
}

static int placed(struct d1_publisher *base, const struct d1_placement *placement) {
    struct d1_outside *outside = D1_CONTAINER_OF(base, struct d1_outside, base);
    struct spot *spot = get_spot(outside, placement->via, &placement->name);
    struct entry *entry = spot != NULL ? get_entry(spot, &placement->value) : NULL;
    if (entry == NULL) {
        return -ENOMEM;
    }
    entry->record = *placement;
    entry->written = true;
    recount(spot);
    return D1_OK;
}

/* ---- Accounts ---- */

static void drive_node(struct d1_map_node *node, void *arg) {
    struct spot *spot = D1_CONTAINER_OF(node, struct spot, node);
    (void)arg;
    drive(spot);
}

/* What failed and is due is tried again. */
static void retry_due(struct d1_map_node *node, void *arg) {
    struct spot *spot = D1_CONTAINER_OF(node, struct spot, node);
    const int64_t *now = arg;
    for (struct entry *entry = spot->entries; entry != NULL; entry = entry->next) {
        if (entry->err != 0 && entry->wanted == 0 && entry->retry_us <= *now) {
            clear_failure(entry);
        }
    }
    drive(spot);
}

/* Whatever failed is tried at once; what routes no longer lead to the account is not wanted. */
static void look_again(struct d1_map_node *node, void *arg) {
    struct spot *spot = D1_CONTAINER_OF(node, struct spot, node);
    const struct d1_outside *outside = arg;
    const struct d1_outside_route *route = find_route(outside, &spot->name);
    bool routed = route != NULL && strcmp(route->account, spot->account) == 0;
    for (struct entry *entry = spot->entries; entry != NULL; entry = entry->next) {
        entry->wanted &= routed ? ~0U : ~BIT(BY_ROUTE);
        if (entry->wanted == 0) {
            clear_failure(entry);
        }
    }
    drive(spot);
}

static void on_retry(uv_timer_t *timer) {
    struct d1_outside *outside = timer->data;
    int64_t now = now_us(outside);
    d1_map_each(&outside->spots, retry_due, &now);
}

bool d1_outside_has(const struct d1_outside *outside, const char *account) {
    const struct brought *brought = outside->brought;
    while (brought != NULL && strcmp(brought->name, account) != 0) {
        brought = brought->next;
    }
    return brought != NULL || json_object_get(outside->accounts, account) != NULL;
}

void d1_outside_each(const struct d1_outside *outside,
                     void (*visit)(const char *name, const char *type, void *arg), void *arg) {
    const char *name;
    json_t *account;
    json_object_foreach(outside->accounts, name, account) {
        const char *type = json_string_value(json_object_get(account, "type"));
        visit(name, type != NULL ? type : "", arg);
    }
}

int64_t d1_outside_count(const struct d1_outside *outside, enum d1_placement_state state) {
    return atomic_load_explicit(&outside->count[state], memory_order_relaxed);
}

static void drop_missing(struct d1_outside *outside, const json_t *accounts) {
    const char *name;
    json_t *account;
    json_object_foreach(outside->accounts, name, account) {
        if (json_object_get(accounts, name) == NULL) {
            d1_link_drop_account(outside->options.link, name);
        }
    }
}

static int copy_routes(const struct d1_outside_route *routes, size_t count,
                       struct d1_outside_route **ret_routes) {
    struct d1_outside_route *copy = d1_calloc(count + 1, sizeof(*copy));
    if (copy == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        d1_name_copy(&copy[i].under, &routes[i].under);
        copy[i].account = d1_strdup(routes[i].account);
        if (copy[i].account == NULL) {
            while (i-- > 0) {
                d1_free((void *)(uintptr_t)copy[i].account);
            }
            d1_free(copy);
            return -ENOMEM;
        }
    }
    *ret_routes = copy;
    return D1_OK;
}

bool d1_outside_routes_differ(const struct d1_outside *outside,
                              const struct d1_outside_route *routes, size_t route_count) {
    bool differ = route_count != outside->route_count;
    for (size_t i = 0; !differ && i < route_count; i++) {
        differ = !d1_name_equal(&routes[i].under, &outside->routes[i].under) ||
                 strcmp(routes[i].account, outside->routes[i].account) != 0;
    }
    return differ;
}

static void free_routes(struct d1_outside *outside) {
    for (size_t i = 0; i < outside->route_count; i++) {
        d1_free((void *)(uintptr_t)outside->routes[i].account);
    }
    d1_free(outside->routes);
    outside->routes = NULL;
    outside->route_count = 0;
}

/* All references are taken, whatever comes of it. */
static json_t *by_name(json_t *const *accounts, size_t count) {
    json_t *all = json_object();
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_object_get(accounts[i], "name"));
        if (all == NULL || name == NULL) {
            json_decref(accounts[i]);
        } else if (json_object_set_new(all, name, accounts[i]) != 0) {
            json_decref(all);
            all = NULL;
        }
    }
    return all;
}

int d1_outside_configure(struct d1_outside *outside, json_t *const *accounts, size_t account_count,
                         const struct d1_outside_route *routes, size_t route_count) {
    struct d1_outside_route *copy = NULL;
    json_t *all = by_name(accounts, account_count);
    int err = all == NULL ? -ENOMEM : copy_routes(routes, route_count, &copy);
    if (err != 0) {
        json_decref(all);
        return err;
    }
    drop_missing(outside, all);
    json_decref(outside->accounts);
    outside->accounts = all;
    free_routes(outside);
    outside->routes = copy;
    outside->route_count = route_count;
    const char *name;
    json_t *account;
    json_object_foreach(all, name, account) {
        if (d1_link_put_account(outside->options.link, json_incref(account)) != 0) {
            err = -ENOMEM;
        }
    }
    d1_map_each(&outside->spots, look_again, outside);
    return err;
}

static void drop_oldest(struct d1_outside *outside) {
    struct brought **last = &outside->brought;
    while ((*last)->next != NULL) {
        last = &(*last)->next;
    }
    d1_link_drop_account(outside->options.link, (*last)->name);
    d1_free(*last);
    *last = NULL;
    outside->brought_count--;
}

int d1_outside_bring(struct d1_outside *outside, json_t *account) {
    const char *name = json_string_value(json_object_get(account, "name"));
    if (name == NULL || strlen(name) > D1_VIA_TEXT_MAX) {
        json_decref(account);
        return D1_ECONFIG;
    }
    struct brought **at = &outside->brought;
    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    struct brought *brought = *at;
    if (brought != NULL) { /* The name says that nothing has changed. */
        *at = brought->next;
        json_decref(account);
    } else {
        brought = d1_calloc(1, sizeof(*brought));
        if (brought == NULL) {
            json_decref(account);
            return -ENOMEM;
        }
        snprintf(brought->name, sizeof(brought->name), "%s", name);
        int err = d1_link_put_account(outside->options.link, account);
        if (err != 0) {
            d1_free(brought);
            return err;
        }
        outside->brought_count++;
        d1_map_each(&outside->spots, look_again, outside);
    }
    brought->next = outside->brought;
    outside->brought = brought;
    if (outside->brought_count > D1_OUTSIDE_BROUGHT_MAX) {
        drop_oldest(outside);
    }
    return D1_OK;
}

/* ---- The whole ---- */

int d1_outside_create(const struct d1_outside_options *options, struct d1_outside **ret_outside) {
    struct d1_outside *outside = d1_calloc(1, sizeof(*outside));
    if (outside == NULL) {
        return -ENOMEM;
    }
    outside->options = *options;
    outside->accounts = json_object();
    int err = outside->accounts == NULL ? -ENOMEM : d1_map_init(&outside->spots, spot_key);
    if (err != 0) {
        json_decref(outside->accounts);
        d1_free(outside);
        return err;
    }
    outside->base =
        (struct d1_publisher){.serves = serves, .publish = publish, .know = know, .placed = placed};
    uv_timer_init(d1_loop_uv(options->loop), &outside->timer);
    outside->timer.data = outside;
    *ret_outside = outside;
    return D1_OK;
}

struct d1_publisher *d1_outside_publisher(struct d1_outside *outside) {
    return &outside->base;
}

void d1_outside_start(struct d1_outside *outside) {
    d1_map_each(&outside->spots, drive_node, NULL);
}

static void free_spot(struct d1_map_node *node) {
    struct spot *spot = D1_CONTAINER_OF(node, struct spot, node);
    while (spot->entries != NULL) {
        struct entry *entry = spot->entries;
        if (entry->doing == PRESENTING || entry->doing == CLEANING) {
            d1_link_cancel(spot->outside->options.link, &entry->job);
        }
        free_entry(entry);
    }
    d1_free(spot);
}

static void on_timer_closed(uv_handle_t *timer) {
    d1_free(timer->data);
}

void d1_outside_destroy(struct d1_outside *outside) {
    if (outside == NULL) {
        return;
    }
    d1_map_close(&outside->spots, free_spot);
    free_routes(outside);
    json_decref(outside->accounts);
    while (outside->brought != NULL) {
        struct brought *brought = outside->brought;
        outside->brought = brought->next;
        d1_free(brought);
    }
    uv_close((uv_handle_t *)&outside->timer, on_timer_closed);
}
