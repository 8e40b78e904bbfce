#include "daemon/providing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/issuers.h"
#include "daemon/providerstate.h"
#include "daemon/wiring.h"
#include "providers/link.h"
#include "providers/outside.h"

static void on_started(int pid, void *arg) {
    struct d1_daemon *daemon = arg;
    d1_log(daemon->log, INFO, "provider_process_started", D1_LOG_I("pid", pid));
}

static void on_ended(int64_t status, int signal, void *arg) {
    struct d1_daemon *daemon = arg;
    if (atomic_load(&daemon->stopping)) {
        d1_log(daemon->log, DEBUG, "provider_process_ended", D1_LOG_I("status", status));
    } else {
        d1_log(daemon->log, ERROR, "provider_process_ended", D1_LOG_I("status", status),
               D1_LOG_I("signal", signal));
    }
}

static void on_account(const char *name, int err, const char *text, void *arg) {
    struct d1_daemon *daemon = arg;
    d1_provider_states_refused(daemon->provider_states, name, err, text);
    if (err != D1_OK) {
        d1_log(daemon->log, ERROR, "provider_account_refused", D1_LOG_S("account", name),
               D1_LOG_S("reason", text[0] != '\0' ? text : d1_err_text(err)));
    }
}

static void on_progress(const struct d1_name *name, const char *account, const char *text,
                        void *arg) {
    struct d1_daemon *daemon = arg;
    d1_provider_states_step(daemon->provider_states, name, account, text);
    struct d1_event event = {.kind = D1_EVENT_PROVIDER, .time_ms = d1_clock_wall_ms(daemon->clock)};
    size_t length = strlen(text);
    snprintf(event.owner, sizeof(event.owner), "%s", account);
    if (d1_txt_value_set(&event.value, text,
                         length < D1_TXT_STRING_MAX ? length : D1_TXT_STRING_MAX) == D1_OK) {
        d1_timeline_add(daemon->timeline, name, &event);
    }
}

static void on_job_ended(const struct d1_host_job *job, void *arg) {
    struct d1_daemon *daemon = arg;
    d1_provider_states_ended(daemon->provider_states, job);
}

static void on_asked(const char *type, int32_t status, void *arg) {
    struct d1_daemon *daemon = arg;
    d1_provider_states_asked(daemon->provider_states, type, status);
}

int d1_providing_create(struct d1_daemon *daemon, struct d1_error *error) {
    struct d1_link_options link = {
        .loop = daemon->loop,
        .started = on_started,
        .ended = on_ended,
        .account = on_account,
        .asked = on_asked,
        .arg = daemon,
    };
    int err = d1_link_create(&link, &daemon->link);
    struct d1_outside_options outside = {
        .loop = daemon->loop,
        .clock = daemon->clock,
        .store = daemon->store,
        .link = daemon->link,
        .progress = on_progress,
        .ended = on_job_ended,
        .arg = daemon,
    };
    err = err != D1_OK ? err : d1_outside_create(&outside, &daemon->outside);
    err = err != D1_OK ? err
                       : d1_provider_states_create(daemon->clock, daemon->solver, daemon->outside,
                                                   &daemon->provider_states);
    err = err != D1_OK ? err : d1_provider_states_measure(daemon->provider_states, daemon->metrics);
    err = err != D1_OK ? err : d1_issuers_create(daemon->outside, &daemon->issuers);
    err = err != D1_OK ? err : d1_providing_configure(daemon, daemon->config);
    if (err != D1_OK) {
        return d1_error_set(error, err, "cannot start: %s", d1_err_text(err));
    }
    d1_solver_add_publisher(daemon->solver, d1_outside_publisher(daemon->outside));
    d1_solver_set_provider_source(daemon->solver, d1_issuers_source(daemon->issuers));
    return D1_OK;
}

static json_t *list_of(const char *const *texts, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < count; i++) {
        if (json_array_append_new(list, json_string(texts[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *resolver_message(const struct d1_config *config) {
    return json_pack("{s:o, s:s}", "servers",
                     list_of(config->resolver.servers, config->resolver.servers_count),
                     "trust-anchor-file", config->resolver.trust_anchor_file);
}

static int configure_issuers(struct d1_daemon *daemon, const struct d1_config *config) {
    json_t *networks = list_of(config->webhook_networks.item, config->webhook_networks.count);
    int err = networks == NULL
                  ? -ENOMEM
                  : d1_issuers_configure(daemon->issuers, config->accounts.folders, networks);
    json_decref(networks);
    return err;
}

int d1_providing_configure(struct d1_daemon *daemon, struct d1_config *config) {
    struct d1_provider_accounts *accounts = &config->accounts;
    int err = configure_issuers(daemon, config);
    err = err != D1_OK ? err : d1_link_set_resolver(daemon->link, resolver_message(config));
    err = err != D1_OK ? err : d1_link_set_folders(daemon->link, json_incref(accounts->folders));
    if (err != D1_OK) {
        return err;
    }
    size_t count = accounts->count;
    accounts->count = 0; /* Their references are taken. */
    return d1_outside_configure(daemon->outside, accounts->account, count, accounts->route,
                                accounts->route_count);
}

void d1_providing_start(struct d1_daemon *daemon) {
    d1_outside_start(daemon->outside);
}

void d1_providing_close(struct d1_daemon *daemon) {
    d1_issuers_destroy(daemon->issuers);
    daemon->issuers = NULL;
    d1_outside_destroy(daemon->outside);
    daemon->outside = NULL;
    if (daemon->link != NULL) {
        d1_link_close(daemon->link, NULL, NULL);
        daemon->link = NULL;
    }
}
