/*
 * Happy path: a thread of libuv's pool reads and checks the file whole and builds the new zones,
 * which nobody sees yet; back on the control loop the solver publishes every challenge into them;
 * one pointer is swapped; then rights, leases and the doors' settings follow. Queries are answered
 * from the old data until the swap, and the loop never waits for a file.
 * Failures: any fault before the swap leaves everything as it was. Who asks while a reload is under
 * way is answered by another one after it, as the file may have changed meanwhile.
 */
#include "daemon/reload.h"
#include "daemon/providing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "daemon/webhook.h"
#include "daemon/wiring.h"
#include "http/tls.h"
#include "providers/outside.h"

#define FAULTS_BYTES_MAX 65536

/* What a reload throws away once no worker reads it any more. */
struct retired {
    struct d1_epoch_item item; /* First: release casts an item to it. */
    struct d1_served *served;
};

/* One reading of the file. */
struct reading {
    uv_work_t work;
    struct d1_daemon *daemon;
    struct d1_reload *askers; /* Told when it ends. */
    /* Made in the pool. */
    struct d1_config *config;
    struct d1_served *served;
    struct retired *retired;
    struct d1_bytes faults; /* One line each. */
    unsigned faults_count;
    struct d1_bytes warnings; /* As faults. */
    int err;
    struct d1_error error;
};

static void release_retired(struct d1_epoch_item *item) {
    struct retired *retired = (struct retired *)(void *)item;
    d1_served_destroy(retired->served);
    d1_free(retired);
}

static void on_fault_line(void *arg, const char *text) {
    struct reading *reading = arg;
    if (reading->faults_count == 0) {
        d1_error_set(&reading->error, D1_ECONFIG, "%s", text);
    }
    reading->faults_count++;
    d1_bytes_printf(&reading->faults, "%s\n", text);
}

static void on_warning_line(void *arg, const char *text) {
    struct reading *reading = arg;
    d1_bytes_printf(&reading->warnings, "%s\n", text);
}

/* In the pool: everything that reads files. Touches nothing of the daemon that may change. */
static void read_file(uv_work_t *work) {
    struct reading *reading = D1_CONTAINER_OF(work, struct reading, work);
    const char *path = reading->daemon->config_path;
    struct d1_config_faults faults = {
        .line = on_fault_line,
        .warning = on_warning_line,
        .arg = reading,
        .file = path != NULL ? path : "built-in",
    };
    reading->err = d1_config_read(path, &faults, &reading->config);
    if (reading->err == D1_OK) {
        reading->err = d1_served_create(NULL, reading->config->zones, reading->config->served_count,
                                        &reading->served, &reading->error);
        if (reading->err != D1_OK && reading->err != -ENOMEM) {
            reading->err = D1_ECONFIG; /* Whatever is wrong with a zone, in one word. */
        }
    }
    if (reading->err == D1_OK) {
        reading->retired = d1_calloc(1, sizeof(*reading->retired));
        reading->err = reading->retired == NULL ? -ENOMEM : D1_OK;
    }
}

static void log_faults(struct d1_daemon *daemon, struct reading *reading) {
    const char *line = d1_bytes_text(&reading->faults);
    while (line != NULL && *line != '\0') {
        char fault[2048];
        size_t length = strcspn(line, "\n");
        snprintf(fault, sizeof(fault), "%.*s", (int)length, line);
        d1_log(daemon->log, ERROR, "configuration_fault", D1_LOG_S("fault", fault));
        line += length + 1;
    }
    line = d1_bytes_text(&reading->warnings);
    while (line != NULL && *line != '\0') {
        char warning[2048];
        size_t length = strcspn(line, "\n");
        snprintf(warning, sizeof(warning), "%.*s", (int)length, line);
        d1_log(daemon->log, WARN, "configuration_warning", D1_LOG_S("warning", warning));
        line += length + 1;
    }
}

/* Swap the new zones in; the old ones go when no worker reads them any more. */
static int swap_served(struct d1_daemon *daemon, struct reading *reading) {
    d1_table_adopt(reading->served->table, daemon->epoch);
    d1_served_publisher_target(daemon->publisher, reading->served);
    int err = d1_solver_republish(daemon->solver);
    d1_served_publisher_target(daemon->publisher, NULL);
    if (err != D1_OK) {
        return d1_error_set(&reading->error, err, "cannot publish the challenges: %s",
                            d1_err_text(err));
    }
    reading->retired->served =
        atomic_exchange_explicit(&daemon->current.served, reading->served, memory_order_acq_rel);
    d1_epoch_retire(daemon->epoch, &reading->retired->item, release_retired);
    reading->served = NULL;
    reading->retired = NULL;
    return D1_OK;
}

static int take(struct d1_daemon *daemon, struct reading *reading) {
    struct d1_config *fresh = reading->config;
    const char *fixed = d1_config_needs_restart(daemon->config, fresh);
    if (fixed != NULL) {
        return d1_error_set(&reading->error, D1_ECONFIG,
                            "%s changed, which needs a restart; nothing of the new configuration "
                            "was taken",
                            fixed);
    }
    struct d1_options *options = NULL;
    int err = d1_daemon_make_options(daemon, fresh, &options);
    if (err == D1_OK) {
        err = d1_frontend_configure(daemon->frontend, &fresh->frontend);
    }
    if (err == D1_OK) {
        err = d1_resolver_configure(daemon->resolver, &fresh->resolver, &reading->error);
    }
    if (err == D1_OK) {
        err = swap_served(daemon, reading);
    }
    if (err != D1_OK) {
        d1_options_destroy(options);
        d1_frontend_configure(daemon->frontend, &daemon->config->frontend);
        d1_resolver_configure(daemon->resolver, &daemon->config->resolver, NULL);
        return err;
    }
    d1_options_swap(&daemon->answering, daemon->epoch, options);
    d1_solver_configure(daemon->solver, &fresh->solver, fresh->credentials);
    fresh->credentials = NULL;
    bool moved = d1_outside_routes_differ(daemon->outside, fresh->accounts.route,
                                          fresh->accounts.route_count);
    if (d1_providing_configure(daemon, fresh) != D1_OK) {
        d1_log(daemon->log, ERROR, "providers_not_reloaded", D1_LOG_S("reason", "no memory"));
    }
    if (moved) {
        (void)d1_solver_republish(daemon->solver); /* What fails it repeats by itself. */
    }
    if (daemon->dnsd != NULL) {
        d1_keys_destroy(daemon->configured_keys);
        daemon->configured_keys = fresh->keys;
        fresh->keys = NULL;
        d1_daemon_swap_keys(daemon);
    }
    d1_daemon_reload_webhook(daemon, fresh);
    if (fresh->api_tls != NULL) {
        d1_tls_replace(daemon->api_tls, fresh->api_tls);
        fresh->api_tls = NULL;
    }
    atomic_store(&daemon->log->level, fresh->log_level);
    atomic_store(&daemon->log->format, fresh->log_format);
    d1_config_destroy(daemon->config);
    daemon->config = fresh;
    reading->config = NULL;
    return D1_OK;
}

static void tell(struct d1_daemon *daemon, struct reading *reading) {
    log_faults(daemon, reading);
    if (reading->err == D1_OK) {
        d1_log(daemon->log, INFO, "reloaded", D1_LOG_I("zones", daemon->config->zones_count));
    } else {
        if (reading->error.text[0] == '\0') {
            d1_error_set(&reading->error, reading->err, "%s", d1_err_text(reading->err));
        }
        if (reading->faults_count > 1) {
            d1_error_prefix(&reading->error, "%u faults, first", reading->faults_count);
        }
        d1_log(daemon->log, ERROR, "reload_refused", D1_LOG_S("reason", reading->error.text));
    }
    while (reading->askers != NULL) {
        struct d1_reload *asker = reading->askers;
        reading->askers = asker->next;
        asker->done(asker, reading->err, reading->error.text);
    }
}

static void begin(struct d1_daemon *daemon, struct d1_reload *askers);

/* Back on the control loop. */
static void on_read(uv_work_t *work, int status) {
    struct reading *reading = D1_CONTAINER_OF(work, struct reading, work);
    struct d1_daemon *daemon = reading->daemon;
    if (status != 0) {
        reading->err = D1_ECANCELED;
    } else if (atomic_load(&daemon->stopping)) {
        reading->err = D1_ESTOPPING;
    } else if (reading->err == D1_OK) {
        reading->err = take(daemon, reading);
    }
    daemon->reload_under_way = false;
    tell(daemon, reading);
    d1_served_destroy(reading->served);
    d1_config_destroy(reading->config);
    d1_free(reading->retired);
    d1_bytes_close(&reading->faults);
    d1_bytes_close(&reading->warnings);
    d1_free(reading);
    if (daemon->reload_again) {
        struct d1_reload *askers = daemon->reload_askers;
        daemon->reload_askers = NULL;
        daemon->reload_again = false;
        begin(daemon, askers);
    }
}

/* No memory for a reading: the askers are told from the loop, by their own messages' place. */
static void refuse(struct d1_daemon *daemon, struct d1_reload *askers, int err) {
    d1_log(daemon->log, ERROR, "reload_refused", D1_LOG_S("reason", d1_err_text(err)));
    while (askers != NULL) {
        struct d1_reload *asker = askers;
        askers = asker->next;
        asker->done(asker, err, d1_err_text(err));
    }
}

static void begin(struct d1_daemon *daemon, struct d1_reload *askers) {
    struct reading *reading = d1_calloc(1, sizeof(*reading));
    if (reading == NULL) {
        refuse(daemon, askers, -ENOMEM);
        return;
    }
    reading->daemon = daemon;
    reading->askers = askers;
    d1_bytes_init(&reading->faults, FAULTS_BYTES_MAX);
    d1_bytes_init(&reading->warnings, FAULTS_BYTES_MAX);
    daemon->reload_under_way = true;
    int err = uv_queue_work(d1_loop_uv(daemon->loop), &reading->work, read_file, on_read);
    if (err != 0) {
        daemon->reload_under_way = false;
        d1_free(reading);
        refuse(daemon, askers, err);
    }
}

void d1_daemon_reload(struct d1_daemon *daemon, struct d1_reload *asker) {
    d1_loop_assert(daemon->loop);
    if (asker != NULL) {
        asker->next = NULL;
    }
    if (!daemon->reload_under_way) {
        begin(daemon, asker);
        return;
    }
    daemon->reload_again = true;
    if (asker != NULL) {
        asker->next = daemon->reload_askers;
        daemon->reload_askers = asker;
    }
}
