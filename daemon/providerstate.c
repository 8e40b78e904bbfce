/*
 * Happy path of a test: a value is presented by way of the account; when it is there, it is removed;
 * done. Steps at the provider are noted as they are told.
 * Failures: a Present that takes longer than present.limit is repeated, which joins the job; one that
 * fails is followed by the removal all the same, as the value may be there. The test failed then.
 */
#include "daemon/providerstate.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/metrics.h"
#include "core/text.h"
#include "providers/builtin.h"
#include "providers/outside.h"
#include "solver/rights.h"
#include "solver/solver.h"
#include "webhook/json.h"
#include "webhook/providers.h"

#define STATUSES    6
#define LABEL_BYTES 112
#define LEASE_MS    600000 /* Of a test's value, should nothing remove it. */
#define REPEATS_MAX 40     /* Presents that joined: present.limit each. */

static const char *const status_names[STATUSES] = {"2xx", "3xx", "4xx", "429", "5xx", "none"};

enum phase { NO_TEST, PRESENTING, REMOVING, DONE, FAILED };

static const char *const phase_names[] = {"", "presenting", "removing", "done", "failed"};

struct step {
    int64_t time_ms;
    char text[D1_PROVIDER_TEXT_MAX];
};

struct test {
    struct d1_provider_states *states;
    enum phase phase;
    struct d1_solver_request request;
    unsigned repeats;
    size_t count;
    struct step step[D1_PROVIDER_STEPS_SHOWN];
    char detail[D1_FOLLOW_TEXT_BYTES];
};

struct state {
    struct state *next;
    char account[D1_VIA_TEXT_MAX + 1];
    bool refused; /* The account's settings. */
    bool ended;   /* A job of it has. */
    int err;      /* How the last one did. */
    uint32_t kind;
    int64_t ended_ms;
    uint64_t good;
    uint64_t bad;
    char text[D1_PROVIDER_TEXT_MAX];
    struct test *test; /* NULL: none was begun. */
};

struct d1_provider_states {
    struct d1_provider_view view;
    const struct d1_clock *clock;
    struct d1_solver *solver;
    struct d1_outside *outside;
    struct d1_rights *rights;
    struct state *first; /* Latest first. */
    size_t count;
    size_t type_count;
    char (*types)[64];
    char (*labels)[LABEL_BYTES];
    const char **label_at;
    _Atomic uint64_t *asked;
};

/* ---- States ---- */

static struct state *find(const struct d1_provider_states *states, const char *account) {
    struct state *state = states->first;
    while (state != NULL && strcmp(state->account, account) != 0) {
        state = state->next;
    }
    return state;
}

static bool is_under_way(const struct state *state) {
    return state->test != NULL &&
           (state->test->phase == PRESENTING || state->test->phase == REMOVING);
}

static void free_state(struct d1_provider_states *states, struct state **at) {
    struct state *state = *at;
    *at = state->next;
    states->count--;
    d1_free(state->test);
    d1_free(state);
}

/* Forget the oldest that has no test under way. */
static void forget_oldest(struct d1_provider_states *states) {
    struct state **oldest = NULL;
    for (struct state **at = &states->first; *at != NULL; at = &(*at)->next) {
        oldest = is_under_way(*at) ? oldest : at;
    }
    if (oldest != NULL) {
        free_state(states, oldest);
    }
}

static struct state *get(struct d1_provider_states *states, const char *account) {
    struct state *state = find(states, account);
    if (state != NULL) {
        return state;
    }
    if (states->count >= D1_PROVIDER_STATES_MAX) {
        forget_oldest(states);
    }
    state = d1_calloc(1, sizeof(*state));
    if (state != NULL) {
        snprintf(state->account, sizeof(state->account), "%s", account);
        state->next = states->first;
        states->first = state;
        states->count++;
    }
    return state;
}

void d1_provider_states_ended(struct d1_provider_states *states, const struct d1_host_job *job) {
    struct state *state = get(states, job->account);
    if (state == NULL) {
        return;
    }
    state->ended = true;
    state->err = job->err;
    state->kind = job->kind;
    state->ended_ms = d1_clock_wall_ms(states->clock);
    state->good += job->err == D1_OK;
    state->bad += job->err != D1_OK;
    snprintf(state->text, sizeof(state->text), "%s", job->text);
}

void d1_provider_states_refused(struct d1_provider_states *states, const char *account, int err,
                                const char *text) {
    struct state *state = get(states, account);
    if (state != NULL) {
        state->refused = err != D1_OK;
        if (state->refused || !state->ended) {
            snprintf(state->text, sizeof(state->text), "%s", text);
        }
    }
}

/* ---- GET /v1/providers ---- */

static const char *word_of(const struct state *state) {
    if (state == NULL || (!state->refused && !state->ended)) {
        return "unused";
    }
    if (state->refused) {
        return "refused";
    }
    if (state->err == D1_OK) {
        return "ok";
    }
    return state->kind == D1_FAIL_UNREACHABLE ? "unreachable" : "failing";
}

struct listing {
    const struct d1_provider_states *states;
    struct d1_bytes *body;
    bool more;
};

static void list_one(const char *name, const char *type, void *arg) {
    struct listing *listing = arg;
    struct d1_bytes *body = listing->body;
    const struct state *state = find(listing->states, name);
    d1_bytes_add_text(body, listing->more ? ",{\"account\":" : "{\"account\":");
    d1_json_add_text(body, name);
    d1_bytes_add_text(body, ",\"type\":");
    d1_json_add_text(body, type);
    d1_bytes_printf(body,
                    ",\"state\":\"%s\",\"done\":%llu,\"failed\":%llu,\"last\":", word_of(state),
                    state != NULL ? (unsigned long long)state->good : 0,
                    state != NULL ? (unsigned long long)state->bad : 0);
    d1_json_add_time(body, state != NULL ? state->ended_ms : 0);
    if (state != NULL && state->text[0] != '\0') {
        d1_bytes_add_text(body, ",\"error\":");
        d1_json_add_text(body, state->text);
    }
    d1_bytes_add_text(body, "}");
    listing->more = true;
}

static void list(void *arg, struct d1_bytes *body) {
    const struct d1_provider_states *states = arg;
    struct listing listing = {.states = states, .body = body};
    d1_bytes_add_text(body, "[");
    d1_outside_each(states->outside, list_one, &listing);
    d1_bytes_add_text(body, "]");
}

/* ---- Tests ---- */

static void note(struct test *test, const char *text) {
    if (test->count < D1_PROVIDER_STEPS_SHOWN) {
        struct step *step = &test->step[test->count++];
        step->time_ms = d1_clock_wall_ms(test->states->clock);
        snprintf(step->text, sizeof(step->text), "%s", text);
    }
}

void d1_provider_states_step(struct d1_provider_states *states, const struct d1_name *name,
                             const char *account, const char *text) {
    struct state *state = find(states, account);
    if (state != NULL && is_under_way(state) && d1_name_equal(&state->test->request.name, name)) {
        note(state->test, text);
    }
}

static void submit(struct test *test, enum d1_solver_verb verb);

static void on_presented(struct test *test, int err) {
    if (err == D1_ENOTYET && ++test->repeats < REPEATS_MAX) {
        submit(test, D1_SOLVER_PRESENT);
        return;
    }
    if (err == D1_OK) {
        note(test, "present: the value is there");
    } else {
        d1_solver_explain(&test->request, err, test->detail);
        note(test, "present: failed; what may be there is removed");
    }
    test->phase = REMOVING;
    submit(test, D1_SOLVER_CLEANUP);
}

static void on_removed(struct test *test, int err) {
    if (err == D1_OK) {
        note(test, "cleanup: the value is removed");
    } else if (test->detail[0] == '\0') {
        d1_solver_explain(&test->request, err, test->detail);
    }
    test->phase = err == D1_OK && test->detail[0] == '\0' ? DONE : FAILED;
}

static void on_done(struct d1_solver_request *request, int err) {
    struct test *test = D1_CONTAINER_OF(request, struct test, request);
    if (err == D1_ECANCELED || err == D1_ESTOPPING) {
        test->phase = FAILED;
        return;
    }
    if (test->phase == PRESENTING) {
        on_presented(test, err);
    } else {
        on_removed(test, err);
    }
}

static void submit(struct test *test, enum d1_solver_verb verb) {
    struct d1_provider_states *states = test->states;
    struct d1_solver_request *request = &test->request;
    request->verb = verb;
    request->door = D1_DOOR_API;
    request->caller = (struct d1_credential){.owner = "provider-test", .rights = states->rights};
    request->lease_ms = LEASE_MS;
    request->done = on_done;
    int err = d1_solver_submit(states->solver, request);
    if (err != D1_OK) {
        d1_solver_explain(request, err, test->detail);
        test->phase = FAILED;
    }
}

/* A value that nobody else presents. */
static int make_value(struct d1_txt_value *value) {
    uint8_t random[16];
    char text[D1_BASE64_BYTES(D1_SHA256_BYTES)];
    int err = d1_random(random, sizeof(random));
    err = err != D1_OK ? err : d1_sha256_base64url(random, sizeof(random), text);
    return err != D1_OK ? err : d1_txt_value_set(value, text, strlen(text));
}

static int begin(void *arg, const char *account, const struct d1_name *domain) {
    struct d1_provider_states *states = arg;
    char text[D1_NAME_TEXT_MAX + 32];
    struct d1_name name;
    if (!d1_outside_has(states->outside, account)) {
        return D1_ENOTFOUND;
    }
    struct state *state = get(states, account);
    struct test *test = d1_calloc(1, sizeof(*test));
    if (state == NULL || test == NULL || is_under_way(state)) {
        d1_free(test);
        return state != NULL && is_under_way(state) ? D1_EEXIST : -ENOMEM;
    }
    size_t length = (size_t)snprintf(text, sizeof(text), "_acme-challenge.");
    d1_name_to_text(domain, text + length);
    int err = d1_name_from_text(text, &name);
    err = err != D1_OK ? err : make_value(&test->request.value);
    if (err != D1_OK) {
        d1_free(test);
        return err;
    }
    d1_free(state->test);
    state->test = test;
    test->states = states;
    test->phase = PRESENTING;
    d1_name_copy(&test->request.name, &name);
    test->request.via = state->account;
    submit(test, D1_SOLVER_PRESENT);
    return D1_OK;
}

static int show(void *arg, const char *account, struct d1_bytes *body) {
    const struct d1_provider_states *states = arg;
    const struct state *state = find(states, account);
    if (state == NULL || state->test == NULL) {
        return D1_ENOTFOUND;
    }
    const struct test *test = state->test;
    char name[D1_NAME_TEXT_MAX];
    d1_name_to_text(&test->request.name, name);
    d1_bytes_add_text(body, "{\"account\":");
    d1_json_add_text(body, account);
    d1_bytes_add_text(body, ",\"name\":");
    d1_json_add_text(body, name);
    d1_bytes_add_text(body, ",\"value\":");
    d1_json_add(body, test->request.value.octets, test->request.value.length);
    d1_bytes_printf(body, ",\"state\":\"%s\",\"steps\":[", phase_names[test->phase]);
    for (size_t i = 0; i < test->count; i++) {
        d1_bytes_add_text(body, i > 0 ? ",{\"time\":" : "{\"time\":");
        d1_json_add_time(body, test->step[i].time_ms);
        d1_bytes_add_text(body, ",\"step\":");
        d1_json_add_text(body, test->step[i].text);
        d1_bytes_add_text(body, "}");
    }
    d1_bytes_add_text(body, "]");
    if (test->phase == FAILED) {
        d1_bytes_add_text(body, ",\"detail\":");
        d1_json_add_text(body, test->detail[0] != '\0' ? test->detail : "dns01d is stopping");
    }
    d1_bytes_add_text(body, "}");
    return D1_OK;
}

/* ---- Metrics ---- */

static size_t status_index(int32_t status) {
    if (status < 0) {
        return 5;
    }
    return status == 429 ? 3 : status >= 500 ? 4 : status >= 400 ? 2 : status >= 300 ? 1 : 0;
}

void d1_provider_states_asked(struct d1_provider_states *states, const char *type, int32_t status) {
    size_t i = 0;
    if (states->asked == NULL) {
        return;
    }
    while (i + 1 < states->type_count && strcmp(states->types[i], type) != 0) {
        i++; /* The last one is for all others: those of folders. */
    }
    atomic_fetch_add_explicit(&states->asked[i * STATUSES + status_index(status)], 1,
                              memory_order_relaxed);
}

static int64_t read_asked(void *arg, size_t series) {
    const struct d1_provider_states *states = arg;
    return (int64_t)atomic_load_explicit(&states->asked[series], memory_order_relaxed);
}

static int64_t read_placements(void *arg, size_t series) {
    const struct d1_provider_states *states = arg;
    return d1_outside_count(states->outside, (enum d1_placement_state)series);
}

static int make_labels(struct d1_provider_states *states) {
    struct d1_builtin *builtin = NULL;
    int err = d1_builtin_create(&builtin);
    if (err != D1_OK) {
        return err;
    }
    size_t types = d1_builtin_count(builtin) + 1;
    states->types = d1_calloc(types, sizeof(*states->types));
    states->labels = d1_calloc(types * STATUSES, sizeof(*states->labels));
    states->label_at = d1_calloc(types * STATUSES, sizeof(*states->label_at));
    states->asked = d1_calloc(types * STATUSES, sizeof(*states->asked));
    if (states->types == NULL || states->labels == NULL || states->label_at == NULL ||
        states->asked == NULL) {
        d1_builtin_destroy(builtin);
        return -ENOMEM;
    }
    states->type_count = types;
    for (size_t i = 0; i < types; i++) {
        snprintf(states->types[i], sizeof(states->types[i]), "%s",
                 i + 1 < types ? d1_builtin_type(builtin, i) : "other");
        for (size_t j = 0; j < STATUSES; j++) {
            size_t at = i * STATUSES + j;
            snprintf(states->labels[at], LABEL_BYTES, "provider=\"%s\",status=\"%s\"",
                     states->types[i], status_names[j]);
            states->label_at[at] = states->labels[at];
        }
    }
    d1_builtin_destroy(builtin);
    return D1_OK;
}

int d1_provider_states_measure(struct d1_provider_states *states, struct d1_metrics *metrics) {
    static const char *const placement_labels[D1_PLACEMENT_STATES] = {
        [D1_PLACEMENT_PENDING] = "state=\"pending\"",
        [D1_PLACEMENT_PLACED] = "state=\"placed\"",
        [D1_PLACEMENT_LEFTOVER] = "state=\"leftover\"",
    };
    uint32_t first;
    int err = make_labels(states);
    struct d1_metric_family asked = {
        .name = "dns01d_provider_requests_total",
        .help = "HTTP requests to providers' APIs that have ended.",
        .type = D1_METRIC_COUNTER,
        .series = states->type_count * STATUSES,
        .labels = states->label_at,
        .read = read_asked,
        .arg = states,
        .sparse = true,
    };
    struct d1_metric_family placements = {
        .name = "dns01d_placements",
        .help = "Values at providers that the journal knows.",
        .type = D1_METRIC_GAUGE,
        .series = D1_PLACEMENT_STATES,
        .labels = placement_labels,
        .read = read_placements,
        .arg = states,
    };
    err = err != D1_OK ? err : d1_metrics_family(metrics, &asked, &first);
    return err != D1_OK ? err : d1_metrics_family(metrics, &placements, &first);
}

/* ---- The whole ---- */

int d1_provider_states_create(const struct d1_clock *clock, struct d1_solver *solver,
                              struct d1_outside *outside, struct d1_provider_states **ret_states) {
    static const char *const all[] = {"**"};
    struct d1_provider_states *states = d1_calloc(1, sizeof(*states));
    if (states == NULL) {
        return -ENOMEM;
    }
    int err =
        d1_rights_create(all, 1, all, 1, D1_VERB_PRESENT | D1_VERB_CLEANUP, &states->rights, NULL);
    if (err != D1_OK) {
        d1_free(states);
        return err;
    }
    states->clock = clock;
    states->solver = solver;
    states->outside = outside;
    states->view =
        (struct d1_provider_view){.list = list, .test = begin, .show_test = show, .arg = states};
    *ret_states = states;
    return D1_OK;
}

void d1_provider_states_destroy(struct d1_provider_states *states) {
    if (states == NULL) {
        return;
    }
    while (states->first != NULL) {
        free_state(states, &states->first);
    }
    d1_rights_destroy(states->rights);
    d1_free(states->types);
    d1_free(states->labels);
    d1_free(states->label_at);
    d1_free(states->asked);
    d1_free(states);
}

const struct d1_provider_view *d1_provider_states_view(struct d1_provider_states *states) {
    return &states->view;
}
