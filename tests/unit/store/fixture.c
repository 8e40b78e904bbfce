#include "tests/unit/store/fixture.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/attr.h"
#include "core/clock.h"
#include "core/mem.h"

#define DIARY_BYTES_MAX 1048576

static int probe_open(const struct d1_store_backend *backend,
                      const struct d1_store_options *options, void **ret_state,
                      uint64_t *ret_revision, struct d1_error *error) {
    struct fixture *fixture = ((const struct probe *)(const void *)backend)->fixture;
    struct probe *probe = &fixture->probe;
    int err = probe->real->open(probe->real, options, &probe->state, ret_revision, error);
    if (err == D1_OK) {
        *ret_state = probe;
    }
    return err;
}

static int probe_load(void *state, void (*changed)(const struct d1_store_change *, void *),
                      void *arg, struct d1_error *error) {
    struct probe *probe = state;
    return probe->real->load(probe->state, changed, arg, error);
}

static int probe_commit(void *state, struct d1_store_write *first, struct d1_error *error) {
    struct probe *probe = state;
    probe->commits++;
    if (probe->gated) {
        uv_sem_post(&probe->entered);
        uv_sem_wait(&probe->release);
    }
    if (probe->fail != 0) {
        return d1_error_set(error, probe->fail, "the probe says no");
    }
    return probe->real->commit(probe->state, first, error);
}

static void probe_tidy(void *state) {
    struct probe *probe = state;
    if (probe->real->tidy != NULL) {
        probe->real->tidy(probe->state);
    }
}

static void probe_close(void *state) {
    struct probe *probe = state;
    probe->real->close(probe->state);
}

static void note_token(struct fixture *fixture, const char *verb, const struct d1_token *token) {
    d1_bytes_printf(
        &fixture->diary, "%s token %s %s %02x..%02x %s %zu '%s' '%s' '%s' %" PRId64 " %u %" PRId64,
        verb, token->owner, token->has_digest ? "digest" : "none", token->digest[0],
        token->digest[D1_SHA256_BYTES - 1], token->algorithm, token->key_length, token->names,
        token->owners, token->verbs, token->lease_ms, token->quota, token->created_ms);
}

static void note_change(struct fixture *fixture, const struct d1_store_change *change) {
    char name[D1_NAME_TEXT_MAX];
    const struct d1_challenge *challenge = change->challenge;
    switch (change->op) {
    case D1_STORE_PUT_CHALLENGE:
    case D1_STORE_REMOVE_CHALLENGE:
        d1_name_to_text(&challenge->name, name);
        d1_bytes_printf(&fixture->diary, "%s %s '%.*s' %s %" PRId64 "-%" PRId64,
                        change->op == D1_STORE_PUT_CHALLENGE ? "put" : "remove", name,
                        challenge->value.length, (const char *)challenge->value.octets,
                        challenge->owner, challenge->created_ms, challenge->expires_ms);
        if (challenge->asked.length > 0) {
            d1_name_to_text(&challenge->asked, name);
            d1_bytes_printf(&fixture->diary, " asked %s", name);
        }
        return;
    case D1_STORE_PUT_ACCOUNT:
    case D1_STORE_REMOVE_ACCOUNT:
        d1_name_to_text(&change->account->name, name);
        d1_bytes_printf(&fixture->diary, "%s account %s %s %02x..%02x '%s' %" PRId64 "%s%s",
                        change->op == D1_STORE_PUT_ACCOUNT ? "put" : "remove",
                        change->account->username, name, change->account->key_digest[0],
                        change->account->key_digest[D1_SHA256_BYTES - 1],
                        change->account->allowfrom, change->account->created_ms,
                        change->account->bcrypt != NULL ? " " : "",
                        change->account->bcrypt != NULL ? change->account->bcrypt : "");
        return;
    case D1_STORE_PUT_PLACEMENT:
    case D1_STORE_REMOVE_PLACEMENT:
        d1_name_to_text(&change->placement->name, name);
        d1_bytes_printf(
            &fixture->diary, "%s placement %s %s '%.*s'%s %" PRId64,
            change->op == D1_STORE_PUT_PLACEMENT ? "put" : "remove", change->placement->via, name,
            change->placement->value.length, (const char *)change->placement->value.octets,
            change->placement->confirmed ? " confirmed" : "", change->placement->created_ms);
        return;
    case D1_STORE_PUT_SEALED:
    case D1_STORE_REMOVE_SEALED:
        d1_bytes_printf(&fixture->diary, "%s sealed %s %s '%.*s'",
                        change->op == D1_STORE_PUT_SEALED ? "put" : "remove", change->sealed->token,
                        change->sealed->domain, (int)change->sealed->length,
                        (const char *)change->sealed->box);
        return;
    case D1_STORE_PUT_TOKEN:
    case D1_STORE_REMOVE_TOKEN:
        note_token(fixture, change->op == D1_STORE_PUT_TOKEN ? "put" : "remove", change->token);
        return;
    case D1_STORE_PUT_KNOWN:
    case D1_STORE_REMOVE_KNOWN:
        d1_name_to_text(&change->known->name, name);
        d1_bytes_printf(&fixture->diary, "%s known %s %" PRId64,
                        change->op == D1_STORE_PUT_KNOWN ? "put" : "remove", name,
                        change->known->until_ms);
        return;
    }
    fail_msg("unknown change %d", (int)change->op);
}

static void on_changed(struct d1_store_watcher *watcher, const struct d1_store_change *change,
                       uint64_t revision) {
    struct fixture *fixture = D1_CONTAINER_OF(watcher, struct fixture, watcher);
    note_change(fixture, change);
    d1_bytes_printf(&fixture->diary, " @%" PRIu64 "\n", revision);
}

static void on_loaded(const struct d1_store_change *change, void *arg) {
    struct fixture *fixture = arg;
    note_change(fixture, change);
    d1_bytes_add_text(&fixture->diary, "\n");
}

int fixture_load(struct fixture *fixture) {
    return d1_store_load(fixture->store, on_loaded, fixture, &fixture->error);
}

int fixture_try_open(struct fixture *fixture, struct d1_store **ret_store) {
    const struct d1_store_options options = {
        .state_dir = fixture->dir,
        .loop = fixture->loop,
        .clock = d1_clock_system(),
        .metrics = fixture->metrics,
        .metrics_block = fixture->block,
    };
    fixture->error.text[0] = '\0';
    return d1_store_open_backend(&fixture->probe.backend, &options, ret_store, &fixture->error);
}

void fixture_open(struct fixture *fixture) {
    assert_null(fixture->store);
    int err = fixture_try_open(fixture, &fixture->store);
    if (err != D1_OK) {
        fail_msg("open: %s", fixture->error.text);
    }
    fixture->watcher.changed = on_changed;
    d1_store_watch(fixture->store, &fixture->watcher);
}

void fixture_turn_until(struct fixture *fixture, const bool *flag) {
    while (!*flag) {
        uv_run(d1_loop_uv(fixture->loop), UV_RUN_ONCE);
    }
}

static void on_closed(void *arg) {
    struct fixture *fixture = arg;
    fixture->store = NULL;
    fixture->closed = true;
}

void fixture_close(struct fixture *fixture) {
    fixture->closed = false;
    d1_store_close(fixture->store, on_closed, fixture);
    assert_false(fixture->closed);
    fixture_turn_until(fixture, &fixture->closed);
}

int fixture_setup(void **state) {
    const struct d1_store_backend *real = *(const struct d1_store_backend *const *)*state;
    int64_t live_before = d1_mem_live();
    struct fixture *fixture = d1_calloc(1, sizeof(*fixture));
    assert_non_null(fixture);
    fixture->live_before = live_before;
    fixture->probe.fixture = fixture;
    fixture->probe.real = real;
    fixture->probe.backend = (struct d1_store_backend){
        .name = "probe",
        .threaded = real->threaded,
        .open = probe_open,
        .load = probe_load,
        .commit = probe_commit,
        .tidy = probe_tidy,
        .close = probe_close,
    };
    assert_int_equal(uv_sem_init(&fixture->probe.entered, 0), 0);
    assert_int_equal(uv_sem_init(&fixture->probe.release, 0), 0);
    d1_bytes_init(&fixture->diary, DIARY_BYTES_MAX);
    assert_int_equal(d1_loop_create("test", &fixture->loop), D1_OK);
    assert_int_equal(d1_metrics_create(&fixture->metrics), D1_OK);
    assert_int_equal(d1_metrics_block(fixture->metrics, &fixture->block), D1_OK);
    snprintf(fixture->parent, sizeof(fixture->parent), "/tmp/d1-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->parent));
    snprintf(fixture->dir, sizeof(fixture->dir), "%s/state", fixture->parent);
    *state = fixture;
    fixture_open(fixture);
    return 0;
}

/* One level of plain files. */
static void remove_directory(const char *path) {
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    rmdir(path);
}

int fixture_teardown(void **state) {
    struct fixture *fixture = *state;
    if (fixture->store != NULL) {
        fixture_close(fixture);
    }
    remove_directory(fixture->dir);
    remove_directory(fixture->parent);
    d1_metrics_destroy(fixture->metrics);
    d1_loop_destroy(fixture->loop);
    d1_bytes_close(&fixture->diary);
    uv_sem_destroy(&fixture->probe.entered);
    uv_sem_destroy(&fixture->probe.release);
    int64_t live_before = fixture->live_before;
    d1_free(fixture);
    return d1_mem_live() == live_before ? 0 : -1;
}

void assert_diary(struct fixture *fixture, const char *expected) {
    assert_false(fixture->diary.failed);
    assert_string_equal(d1_bytes_text(&fixture->diary), expected);
    d1_bytes_clear(&fixture->diary);
}

void sample_challenge(struct sample *sample, const char *label, enum d1_store_op op,
                      const char *name, const char *value) {
    memset(sample, 0, sizeof(*sample));
    sample->label = label;
    assert_int_equal(d1_name_from_text(name, &sample->challenge.name), D1_OK);
    assert_int_equal(d1_txt_value_set(&sample->challenge.value, value, strlen(value)), D1_OK);
    snprintf(sample->challenge.owner, sizeof(sample->challenge.owner), "token:lego");
    sample->challenge.created_ms = 1000;
    sample->challenge.expires_ms = 2000;
    sample->changes[0] = (struct d1_store_change){.op = op, .challenge = &sample->challenge};
    sample->write.count = 1;
}

void sample_account(struct sample *sample, const char *label, enum d1_store_op op,
                    const char *username, const char *name) {
    memset(sample, 0, sizeof(*sample));
    sample->label = label;
    snprintf(sample->account.username, sizeof(sample->account.username), "%s", username);
    assert_int_equal(d1_name_from_text(name, &sample->account.name), D1_OK);
    for (uint8_t i = 0; i < D1_SHA256_BYTES; i++) {
        sample->account.key_digest[i] = i;
    }
    sample->account.allowfrom = "192.0.2.0/24 2001:db8::/32";
    sample->account.created_ms = 1000;
    sample->changes[0] = (struct d1_store_change){.op = op, .account = &sample->account};
    sample->write.count = 1;
}

void sample_token(struct sample *sample, const char *label, enum d1_store_op op,
                  const char *owner) {
    memset(sample, 0, sizeof(*sample));
    sample->label = label;
    struct d1_token *token = &sample->token;
    snprintf(token->owner, sizeof(token->owner), "%s", owner);
    token->has_digest = strncmp(owner, "token:", 6) == 0;
    for (uint8_t i = 0; token->has_digest && i < D1_SHA256_BYTES; i++) {
        token->digest[i] = (uint8_t)(i + (uint8_t)owner[6]);
    }
    token->algorithm = "hmac-sha256";
    token->key_length = 32;
    memset(token->key, 7, token->key_length);
    token->names = "host1.example.test **.a.test";
    token->owners = "x.auth.test";
    token->verbs = "present cleanup";
    token->lease_ms = 604800000;
    token->quota = 5;
    token->created_ms = 1000;
    sample->changes[0] = (struct d1_store_change){.op = op, .token = token};
    sample->write.count = 1;
}

void sample_known(struct sample *sample, const char *label, enum d1_store_op op, const char *name,
                  int64_t until_ms) {
    memset(sample, 0, sizeof(*sample));
    sample->label = label;
    assert_int_equal(d1_name_from_text(name, &sample->known.name), D1_OK);
    sample->known.until_ms = until_ms;
    sample->changes[0] = (struct d1_store_change){.op = op, .known = &sample->known};
    sample->write.count = 1;
}

void sample_sealed(struct sample *sample, const char *label, enum d1_store_op op,
                   const char *domain, const char *box) {
    memset(sample, 0, sizeof(*sample));
    sample->label = label;
    sample->sealed = (struct d1_sealed_account){
        .token = "lego", .domain = domain, .box = (const uint8_t *)box, .length = strlen(box)};
    sample->changes[0] = (struct d1_store_change){.op = op, .sealed = &sample->sealed};
    sample->write.count = 1;
}

static void on_done(struct d1_store_write *write, int err, uint64_t revision) {
    struct sample *sample = D1_CONTAINER_OF(write, struct sample, write);
    assert_false(sample->done);
    sample->done = true;
    sample->err = err;
    if (sample->label != NULL) {
        d1_bytes_printf(&sample->fixture->diary, "%s done %s @%" PRIu64 "\n", sample->label,
                        d1_err_code(err), revision);
    }
    if (sample->then != NULL) {
        sample->then(sample);
    }
}

int sample_submit(struct fixture *fixture, struct sample *sample) {
    sample->fixture = fixture;
    sample->done = false;
    sample->write.changes = sample->changes;
    sample->write.done = on_done;
    return d1_store_write(fixture->store, &sample->write);
}

int sample_write(struct fixture *fixture, struct sample *sample) {
    assert_int_equal(sample_submit(fixture, sample), D1_OK);
    fixture_turn_until(fixture, &sample->done);
    return sample->err;
}
