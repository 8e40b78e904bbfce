#include "daemon/webhook.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/mem.h"
#include "daemon/kubeconfig.h"
#include "daemon/wiring.h"
#include "http/certwatch.h"
#include "http/tls.h"
#include "webhook/kubernetes/names.h"
#include "webhook/kubernetes/settings.h"

#define LOOK_MS 5000 /* How often the certificate's files are looked at. */

static int listen_all(struct d1_daemon *daemon, struct d1_error *error) {
    const struct d1_texts *addresses = &daemon->config->webhook_listen;
    char *text = daemon->webhook_text;
    size_t size = sizeof(daemon->webhook_text);
    size_t length = 0;
    for (size_t i = 0; i < addresses->count; i++) {
        uint16_t port = 0;
        int err = d1_kube_listen(daemon->kube, addresses->item[i], &port, error);
        if (err != D1_OK) {
            d1_error_prefix(error, "webhook.listen");
            return err;
        }
        const char *colon = strrchr(addresses->item[i], ':');
        assert(colon != NULL && length < size);
        int more = snprintf(text + length, size - length, "%s%.*s:%u", i > 0 ? "," : "",
                            (int)(colon - addresses->item[i]), addresses->item[i], port);
        length += (size_t)more < size - length ? (size_t)more : 0;
    }
    return D1_OK;
}

static void on_files_changed(void *arg, const char *fault) {
    struct d1_daemon *daemon = arg;
    if (fault == NULL) {
        d1_log(daemon->log, INFO, "certificate_changed",
               D1_LOG_S("file", daemon->config->webhook_certificate));
    } else {
        d1_log(daemon->log, ERROR, "certificate_refused", D1_LOG_S("reason", fault));
    }
}

static int make_tls(struct d1_daemon *daemon) {
    struct d1_config *config = daemon->config;
    int err = d1_tls_create(config->webhook_tls, &daemon->webhook_tls);
    config->webhook_tls = NULL;
    if (err != D1_OK) {
        return err;
    }
    if (config->webhook_mode != D1_KUBE_SERVING_FILES) {
        return D1_OK;
    }
    struct d1_certwatch_options options = {
        .loop = daemon->loop,
        .tls = daemon->webhook_tls,
        .certificate = config->webhook_certificate,
        .key = config->webhook_key,
        .period_ms = LOOK_MS,
        .asks_client = true,
        .on_change = on_files_changed,
        .arg = daemon,
    };
    return d1_certwatch_create(&options, &daemon->webhook_files);
}

static const char *text_of(const struct d1_config *config, const char *path) {
    return d1_node_path(config->root, path)->text;
}

/* Copies, as a reload frees the configuration they stand in. */
static int make_serving(struct d1_daemon *daemon, struct d1_kube_serving_options *serving,
                        struct d1_error *error) {
    const struct d1_config *config = daemon->config;
    serving->mode = (enum d1_kube_serving_mode)config->webhook_mode;
    if (serving->mode == D1_KUBE_SERVING_FILES) {
        return D1_OK;
    }
    const char *name_space = text_of(config, "webhook.tls.namespace");
    if (name_space[0] == '\0') {
        name_space = daemon->access.namespace;
    }
    if (name_space == NULL || !d1_kube_is_label(name_space)) {
        return d1_error_set(
            error, D1_ECONFIG,
            "webhook.tls.namespace is empty and the kubeconfig names none, expected "
            "the namespace of the webhook's Service");
    }
    int err = D1_OK;
    const char *const from[] = {text_of(config, "webhook.tls.service"), name_space,
                                text_of(config, "webhook.tls.signer"),
                                text_of(config, "webhook.tls.secret"), config->state_dir};
    const char **const to[] = {&serving->service, &serving->name_space, &serving->signer,
                               &serving->secret, &serving->state_dir};
    for (size_t i = 0; err == D1_OK && i < D1_ARRAY_LENGTH(from); i++) {
        daemon->serving_texts[i] = d1_strdup(from[i]);
        *to[i] = daemon->serving_texts[i];
        err = daemon->serving_texts[i] != NULL ? D1_OK : -ENOMEM;
    }
    return err;
}

static int make(struct d1_daemon *daemon, struct d1_error *error) {
    struct d1_kube_options options = {
        .loop = daemon->loop,
        .front = daemon->front,
        .clock = daemon->clock,
        .log = daemon->log,
        .solver = daemon->solver,
        .metrics = daemon->metrics,
        .tls = daemon->webhook_tls,
        .access = &daemon->access,
    };
    int err = make_serving(daemon, &options.serving, error);
    err = err != D1_OK ? err : d1_kube_create(&options, &daemon->kube);
    if (err == D1_OK) {
        d1_kube_configure(daemon->kube, daemon->config->webhook_settings);
        daemon->config->webhook_settings = NULL;
        err = d1_kube_start(daemon->kube);
    }
    return err;
}

int d1_daemon_make_webhook(struct d1_daemon *daemon, struct d1_error *error) {
    const struct d1_config *config = daemon->config;
    if (config->webhook_listen.count == 0) {
        return D1_OK;
    }
    int err = config->webhook_kubeconfig[0] != '\0'
                  ? d1_kubeconfig_read(config->webhook_kubeconfig, &daemon->access, error)
                  : d1_kubeconfig_pod(&daemon->access, error);
    if (err != D1_OK) {
        return err;
    }
    err = make_tls(daemon);
    err = err != D1_OK ? err : make(daemon, error);
    if (err == D1_ECONFIG) {
        return err;
    }
    if (err != D1_OK) {
        return d1_error_set(error, err, "cannot start the webhook: %s", d1_err_text(err));
    }
    return listen_all(daemon, error);
}

void d1_daemon_reload_webhook(struct d1_daemon *daemon, struct d1_config *fresh) {
    if (daemon->kube == NULL) {
        return;
    }
    d1_kube_configure(daemon->kube, fresh->webhook_settings);
    fresh->webhook_settings = NULL;
    if (daemon->webhook_files == NULL) {
        return;
    }
    d1_tls_replace(daemon->webhook_tls, fresh->webhook_tls);
    fresh->webhook_tls = NULL;
    if (d1_certwatch_set(daemon->webhook_files, fresh->webhook_certificate, fresh->webhook_key) !=
        D1_OK) {
        d1_log(daemon->log, ERROR, "certificate_refused",
               D1_LOG_S("reason", "no memory to watch the new files; reload again"));
    }
}

unsigned d1_daemon_stop_webhook(struct d1_daemon *daemon, uint64_t grace_ms,
                                void (*stopped)(void *arg)) {
    unsigned count = 0;
    if (daemon->webhook_files != NULL) {
        d1_certwatch_close(daemon->webhook_files, stopped, daemon);
        daemon->webhook_files = NULL;
        count++;
    }
    if (daemon->kube != NULL) {
        d1_kube_stop(daemon->kube, grace_ms, stopped, daemon);
        count++;
    }
    return count;
}

void d1_daemon_drop_webhook(struct d1_daemon *daemon) {
    d1_kube_destroy(daemon->kube);
    daemon->kube = NULL;
    d1_tls_destroy(daemon->webhook_tls);
    d1_kube_access_close(&daemon->access);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(daemon->serving_texts); i++) {
        d1_free(daemon->serving_texts[i]);
    }
}
