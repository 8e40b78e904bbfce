/*
 * Happy path: the file is read and checked whole; new zones are built beside the old; the solver
 * publishes every challenge into them; one pointer is swapped; then rights, leases and the doors'
 * settings follow. Queries are answered from the old data until the swap.
 * Failures: any fault before the swap leaves everything as it was.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "daemon/wiring.h"

/* What a reload throws away once no worker reads it any more. */
struct retired {
    struct d1_epoch_item item; /* First: release casts an item to it. */
    struct d1_served *served;
};

static void release_retired(struct d1_epoch_item *item) {
    struct retired *retired = (struct retired *)(void *)item;
    d1_served_destroy(retired->served);
    d1_free(retired);
}

struct first_fault {
    struct d1_log *log;
    char text[400];
};

static void on_fault_line(void *arg, const char *text) {
    struct first_fault *first = arg;
    d1_log(first->log, ERROR, "configuration_fault", D1_LOG_S("fault", text));
    if (first->text[0] == '\0') {
        snprintf(first->text, sizeof(first->text), "%s", text);
    }
}

static int swap_served(struct d1_daemon *daemon, const struct d1_config *fresh,
                       struct d1_error *error) {
    struct retired *retired = d1_calloc(1, sizeof(*retired));
    if (retired == NULL) {
        return d1_error_set(error, -ENOMEM, "no memory");
    }
    struct d1_served *served = NULL;
    int err = d1_served_create(daemon->epoch, fresh->zones, fresh->zones_count, &served, error);
    if (err != D1_OK) {
        d1_free(retired);
        return err;
    }
    d1_served_publisher_target(daemon->publisher, served);
    err = d1_solver_republish(daemon->solver);
    d1_served_publisher_target(daemon->publisher, NULL);
    if (err != D1_OK) {
        d1_served_destroy(served);
        d1_free(retired);
        return d1_error_set(error, err, "cannot publish the challenges: %s", d1_err_text(err));
    }
    retired->served =
        atomic_exchange_explicit(&daemon->current.served, served, memory_order_acq_rel);
    d1_epoch_retire(daemon->epoch, &retired->item, release_retired);
    return D1_OK;
}

static int take(struct d1_daemon *daemon, struct d1_config *fresh, struct d1_error *error) {
    const char *fixed = d1_config_needs_restart(daemon->config, fresh);
    if (fixed != NULL) {
        return d1_error_set(error, D1_ECONFIG,
                            "%s changed, which needs a restart; nothing of the "
                            "new configuration was taken",
                            fixed);
    }
    int err = d1_frontend_configure(daemon->frontend, &fresh->frontend);
    if (err == D1_OK) {
        err = swap_served(daemon, fresh, error);
    }
    if (err != D1_OK) {
        d1_frontend_configure(daemon->frontend, &daemon->config->frontend);
        return err;
    }
    d1_solver_configure(daemon->solver, &fresh->solver, fresh->credentials);
    fresh->credentials = NULL;
    atomic_store(&daemon->log->level, fresh->log_level);
    atomic_store(&daemon->log->format, fresh->log_format);
    d1_config_destroy(daemon->config);
    daemon->config = fresh;
    return D1_OK;
}

int d1_daemon_reload(struct d1_daemon *daemon, struct d1_error *error) {
    d1_loop_assert(daemon->loop);
    struct first_fault first = {.log = daemon->log};
    struct d1_config_faults faults = {
        .line = on_fault_line,
        .arg = &first,
        .file = daemon->config_path != NULL ? daemon->config_path : "built-in",
    };
    struct d1_config *fresh = NULL;
    int err = d1_config_read(daemon->config_path, &faults, &fresh);
    if (err != D1_OK) {
        d1_error_set(error, err, "%s%s", faults.count > 1 ? "several faults, first: " : "",
                     first.text[0] != '\0' ? first.text : d1_err_text(err));
    } else {
        err = take(daemon, fresh, error);
        if (err != D1_OK) {
            d1_config_destroy(fresh);
        }
    }
    if (err == D1_OK) {
        d1_log(daemon->log, INFO, "reloaded", D1_LOG_I("zones", daemon->config->zones_count));
    } else {
        d1_log(daemon->log, ERROR, "reload_refused",
               D1_LOG_S("reason", error != NULL ? error->text : d1_err_text(err)));
    }
    return err;
}
