#include "daemon/webhookconfig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "daemon/config.h"
#include "daemon/kubeconfig.h"
#include "http/certificate.h"
#include "http/tls.h"
#include "webhook/kubernetes/access.h"
#include "webhook/kubernetes/alias.h"
#include "webhook/kubernetes/serving.h"
#include "webhook/kubernetes/settings.h"

/* Where faults go, and what they are about. */
struct reading {
    d1_setting_fault_fn on_fault;
    void *arg;
    const struct d1_node *webhook;
};

static void fault(const struct reading *reading, const struct d1_node *node, const char *path,
                  const char *text) {
    unsigned line = node->line > 0 ? node->line : reading->webhook->line;
    reading->on_fault(reading->arg, line, path, text);
}

static const char *text_of(const struct reading *reading, const char *path) {
    return d1_node_path(reading->webhook, path)->text;
}

/* Where the webhook gets its certificate by itself. */
static void check_mode(const struct reading *reading, unsigned mode) {
    const struct d1_node *certificate = d1_node_path(reading->webhook, "tls.certificate");
    const struct d1_node *signer = d1_node_path(reading->webhook, "tls.signer");
    if (certificate->text[0] != '\0' || text_of(reading, "tls.key")[0] != '\0') {
        fault(reading, certificate, "webhook.tls.certificate",
              "is given, but mode is not files; expected mode: files, or neither certificate nor "
              "key");
    }
    if (mode == D1_KUBE_SERVING_CSR && signer->text[0] == '\0') {
        fault(reading, signer, "webhook.tls.signer",
              "is empty, expected the signer's name like example.com/serving");
    }
}

static int read_certificate(const struct reading *reading, struct d1_config *config) {
    const struct d1_node *certificate = d1_node_path(reading->webhook, "tls.certificate");
    const struct d1_node *key = d1_node_path(reading->webhook, "tls.key");
    config->webhook_mode =
        d1_setting_choice(d1_node_path(reading->webhook, "tls.mode"), d1_webhook_tls_modes);
    if (config->webhook_mode != D1_KUBE_SERVING_FILES) {
        check_mode(reading, config->webhook_mode);
        return D1_OK;
    }
    config->webhook_certificate = certificate->text;
    config->webhook_key = key->text;
    if (certificate->text[0] == '\0' || key->text[0] == '\0') {
        bool has = certificate->text[0] != '\0';
        fault(reading, has ? key : certificate, has ? "webhook.tls.key" : "webhook.tls.certificate",
              "is empty, expected the file of the serving certificate and that of its key: "
              "kube-apiserver speaks HTTPS only");
        return D1_OK;
    }
    struct d1_certificate_fault story = {.key = false};
    int err = d1_certificate_read(certificate->text, key->text, &config->webhook_tls, &story);
    if (err == D1_ECONFIG) {
        fault(reading, story.key ? key : certificate,
              story.key ? "webhook.tls.key" : "webhook.tls.certificate", story.error.text);
        return D1_OK;
    }
    if (err == D1_OK) {
        d1_tls_context_ask_client(config->webhook_tls);
    }
    return err;
}

/* Only looked at here: the webhook reads it when it starts. */
static int check_kubeconfig(const struct reading *reading, struct d1_config *config) {
    const struct d1_node *path = d1_node_find(reading->webhook, "kubeconfig");
    config->webhook_kubeconfig = path->text;
    if (path->text[0] == '\0') {
        return D1_OK;
    }
    struct d1_kube_access access = {.server = NULL};
    struct d1_error error = {0};
    int err = d1_kubeconfig_read(path->text, &access, &error);
    d1_kube_access_close(&access);
    if (err != D1_OK && err != -ENOMEM) {
        fault(reading, path, "webhook.kubeconfig", error.text);
    }
    return err == -ENOMEM ? err : D1_OK;
}

/* ---- Names ---- */

static void check_repeats(const struct reading *reading, const struct d1_kube_name *names,
                          size_t count, const struct d1_node *entry) {
    const struct d1_kube_name *last = &names[count - 1];
    for (size_t i = 0; i + 1 < count; i++) {
        if (strcmp(names[i].group, last->group) == 0 &&
            strcmp(names[i].solver, last->solver) == 0) {
            char path[64];
            snprintf(path, sizeof(path), "webhook.also-serve[%zu]", count - 2);
            fault(reading, entry, path, "is served already, expected another group or solver");
        }
    }
}

static int read_names(const struct reading *reading, struct d1_kube_settings_options *options) {
    const struct d1_node *also = d1_node_find(reading->webhook, "also-serve");
    if (also->count >= D1_KUBE_NAMES_MAX) {
        fault(reading, also, "webhook.also-serve", "has too many entries");
        return D1_OK;
    }
    struct d1_kube_name *names = d1_calloc(also->count + 1, sizeof(*names));
    if (names == NULL) {
        return -ENOMEM;
    }
    names[0] = (struct d1_kube_name){text_of(reading, "group"), text_of(reading, "solver"), NULL};
    options->names = names;
    options->names_count = 1;
    for (const struct d1_node *entry = also->first; entry != NULL; entry = entry->next) {
        const struct d1_node *group = d1_node_find(entry, "group");
        const struct d1_node *solver = d1_node_find(entry, "solver");
        const char *alias = d1_node_find(entry, "config")->text;
        bool ours = strcmp(alias, d1_alias_names[0]) == 0;
        names[options->names_count++] =
            (struct d1_kube_name){group->text, solver->text, ours ? NULL : alias};
        check_repeats(reading, names, options->names_count, entry);
    }
    return D1_OK;
}

/* ---- Policy ---- */

static int read_rights(const struct d1_node *entry, struct d1_rights **ret_rights,
                       struct d1_error *error) {
    struct d1_texts names = {0};
    struct d1_texts owners = {0};
    int err = d1_config_take_texts(d1_node_find(entry, "names"), &names);
    err = err != D1_OK ? err : d1_config_take_texts(d1_node_find(entry, "owners"), &owners);
    err = err != D1_OK ? err
                       : d1_rights_create(names.item, names.count, owners.item, owners.count,
                                          D1_VERB_PRESENT | D1_VERB_CLEANUP, ret_rights, error);
    d1_free(names.item);
    d1_free(owners.item);
    return err;
}

static int read_grant(const struct reading *reading, const struct d1_node *entry, size_t index,
                      struct d1_kube_grant *grant) {
    struct d1_texts namespaces = {0};
    struct d1_texts providers = {0};
    struct d1_error error = {0};
    int err = d1_config_take_texts(d1_node_find(entry, "namespaces"), &namespaces);
    grant->namespaces = namespaces.item;
    grant->namespaces_count = namespaces.count;
    err = err != D1_OK ? err : d1_config_take_texts(d1_node_find(entry, "providers"), &providers);
    grant->providers = providers.item;
    grant->providers_count = providers.count;
    err = err != D1_OK ? err : read_rights(entry, &grant->rights, &error);
    if (err != D1_OK && err != -ENOMEM) {
        char path[64];
        snprintf(path, sizeof(path), "webhook.policy[%zu]", index);
        fault(reading, entry, path, error.text[0] != '\0' ? error.text : d1_err_text(err));
        return D1_OK;
    }
    if (err == D1_OK && grant->namespaces_count == 0) {
        char path[64];
        snprintf(path, sizeof(path), "webhook.policy[%zu].namespaces", index);
        fault(reading, entry, path, "is empty, expected namespaces of Issuers, or \"*\"");
    }
    return err;
}

static int read_policy(const struct reading *reading, struct d1_kube_settings_options *options) {
    const struct d1_node *list = d1_node_find(reading->webhook, "policy");
    if (list->count > D1_KUBE_POLICY_MAX) {
        fault(reading, list, "webhook.policy", "has too many entries");
        return D1_OK;
    }
    struct d1_kube_grant *grants = d1_calloc(list->count + 1, sizeof(*grants));
    if (grants == NULL) {
        return -ENOMEM;
    }
    options->grants = grants;
    for (const struct d1_node *entry = list->first; entry != NULL; entry = entry->next) {
        size_t index = options->grants_count++;
        int err = read_grant(reading, entry, index, &grants[index]);
        if (err != D1_OK) {
            return err;
        }
    }
    return D1_OK;
}

/* ---- All ---- */

static void free_options(struct d1_kube_settings_options *options, bool rights_too) {
    for (size_t i = 0; i < options->grants_count; i++) {
        const struct d1_kube_grant *grant = &options->grants[i];
        d1_free((void *)(uintptr_t)grant->namespaces);
        d1_free((void *)(uintptr_t)grant->providers);
        if (rights_too) {
            d1_rights_destroy(grant->rights);
        }
    }
    d1_free((void *)(uintptr_t)options->grants);
    d1_free((void *)(uintptr_t)options->names);
}

/* The default gives way to a shorter maximum; what was written must fit. */
static int64_t read_lease(const struct reading *reading, const struct d1_node *root) {
    const struct d1_node *lease = d1_node_path(root, "leases.kubernetes");
    int64_t lease_ms = d1_setting_duration_ms(lease);
    int64_t maximum_ms = d1_setting_duration_ms(d1_node_path(root, "leases.maximum"));
    if (lease_ms > maximum_ms && lease->line > 0) {
        fault(reading, lease, "leases.kubernetes", "is longer than leases.maximum");
    }
    return lease_ms < maximum_ms ? lease_ms : maximum_ms;
}

int d1_webhookconfig_read(const struct d1_node *root, d1_setting_fault_fn on_fault, void *arg,
                          struct d1_config *config) {
    struct reading reading = {on_fault, arg, d1_node_find(root, "webhook")};
    config->webhook_kubeconfig = "";
    const struct d1_node *listen = d1_node_find(reading.webhook, "listen");
    if (reading.webhook->line == 0 || listen->count == 0) {
        return D1_OK;
    }
    struct d1_kube_settings_options options = {.lease_ms = read_lease(&reading, root)};
    int err = d1_config_take_texts(listen, &config->webhook_listen);
    err = err != D1_OK ? err
                       : d1_config_take_texts(d1_node_find(reading.webhook, "allow-networks"),
                                              &config->webhook_networks);
    err = err != D1_OK ? err : check_kubeconfig(&reading, config);
    err = err != D1_OK ? err : read_names(&reading, &options);
    err = err != D1_OK ? err : read_policy(&reading, &options);
    err = err != D1_OK ? err : read_certificate(&reading, config);
    err = err != D1_OK ? err : d1_kube_settings_create(&options, &config->webhook_settings);
    free_options(&options, err != D1_OK);
    return err;
}

void d1_webhookconfig_close(struct d1_config *config) {
    d1_free(config->webhook_listen.item);
    d1_free(config->webhook_networks.item);
    d1_tls_context_destroy(config->webhook_tls);
    d1_kube_settings_drop(config->webhook_settings);
}
