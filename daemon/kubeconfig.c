#include "daemon/kubeconfig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/file.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/text.h"
#include "daemon/document.h"
#include "webhook/kubernetes/access.h"
#include "webhook/kubernetes/names.h"

#define POD_FILES "/var/run/secrets/kubernetes.io/serviceaccount/"

static void take_first_fault(void *arg, unsigned line, const char *path, const char *text) {
    struct d1_error *error = arg;
    if (error->text[0] == '\0') {
        d1_error_set(error, D1_ECONFIG, "line %u: %s%s%s", line, path, path[0] != '\0' ? ": " : "",
                     text);
    }
}

/* The map at `key` of the entry of a list with that name; NULL when there is none. */
static const struct d1_node *find_named(const struct d1_node *root, const char *list,
                                        const char *name, const char *key) {
    const struct d1_node *entries = d1_node_find(root, list);
    if (entries == NULL || entries->kind != D1_NODE_LIST || name == NULL) {
        return NULL;
    }
    for (const struct d1_node *entry = entries->first; entry != NULL; entry = entry->next) {
        const struct d1_node *is = entry->kind == D1_NODE_MAP ? d1_node_find(entry, "name") : NULL;
        if (is != NULL && is->kind == D1_NODE_TEXT && strcmp(is->text, name) == 0) {
            const struct d1_node *map = d1_node_find(entry, key);
            return map != NULL && map->kind == D1_NODE_MAP ? map : NULL;
        }
    }
    return NULL;
}

/* A text that is there and not empty, or NULL. */
static const char *text_of(const struct d1_node *map, const char *key) {
    const struct d1_node *node = map != NULL ? d1_node_find(map, key) : NULL;
    return node != NULL && node->kind == D1_NODE_TEXT && node->text[0] != '\0' ? node->text : NULL;
}

static int copy(const char *text, char **ret_copy) {
    if (text != NULL) {
        *ret_copy = d1_strdup(text);
    }
    return text == NULL || *ret_copy != NULL ? D1_OK : -ENOMEM;
}

/* Paths are relative to the kubeconfig. */
static int copy_path(const char *path, const char *beside, char **ret_copy) {
    const char *slash = strrchr(beside, '/');
    if (path == NULL || path[0] == '/' || slash == NULL) {
        return copy(path, ret_copy);
    }
    struct d1_bytes whole;
    d1_bytes_init(&whole, D1_PATH_MAX);
    int err = d1_bytes_printf(&whole, "%.*s/%s", (int)(slash - beside), beside, path);
    if (err != D1_OK) {
        d1_bytes_close(&whole);
        return err;
    }
    *ret_copy = (char *)whole.data;
    return D1_OK;
}

/* KEY-data in base64, as the text it is. */
static int copy_data(const char *data, const char *key, char **ret_copy, struct d1_error *error) {
    if (data == NULL) {
        return D1_OK;
    }
    size_t length = strlen(data);
    char *text = d1_calloc(length + 1, 1);
    if (text == NULL) {
        return -ENOMEM;
    }
    size_t used = 0;
    int err = d1_base64_decode(data, length, text, length, &used);
    *ret_copy = text;
    return err == D1_OK && strlen(text) == used
               ? D1_OK
               : d1_error_set(error, D1_ECONFIG, "%s is not base64 of PEM", key);
}

static int take_cluster(const struct d1_node *cluster, const char *path,
                        struct d1_kube_access *access, struct d1_error *error) {
    const char *server = text_of(cluster, "server");
    const char *insecure = text_of(cluster, "insecure-skip-tls-verify");
    if (server == NULL || strncmp(server, "https://", 8) != 0) {
        return d1_error_set(error, D1_ECONFIG,
                            "the cluster's server is not an https URL, expected https://HOST:PORT");
    }
    if (insecure != NULL && strcmp(insecure, "true") == 0) {
        return d1_error_set(error, D1_ECONFIG,
                            "insecure-skip-tls-verify is not taken, expected "
                            "certificate-authority or certificate-authority-data");
    }
    if (text_of(cluster, "tls-server-name") != NULL) {
        return d1_error_set(error, D1_ECONFIG,
                            "tls-server-name is not taken, expected a server URL with the name "
                            "that the certificate has");
    }
    size_t length = strlen(server);
    access->server = d1_strndup(server, length - (server[length - 1] == '/' ? 1 : 0));
    int err = access->server != NULL ? D1_OK : -ENOMEM;
    err = err != D1_OK ? err : copy(text_of(cluster, "proxy-url"), &access->proxy);
    err = err != D1_OK
              ? err
              : copy_path(text_of(cluster, "certificate-authority"), path, &access->ca_file);
    return err != D1_OK ? err
                        : copy_data(text_of(cluster, "certificate-authority-data"),
                                    "certificate-authority-data", &access->ca, error);
}

static int take_user(const struct d1_node *user, const char *path, struct d1_kube_access *access,
                     struct d1_error *error) {
    static const char *const refused[] = {"exec", "auth-provider", "username", "as"};
    for (size_t i = 0; user != NULL && i < D1_ARRAY_LENGTH(refused); i++) {
        if (d1_node_find(user, refused[i]) != NULL) {
            return d1_error_set(error, D1_ECONFIG,
                                "the user's %s is not taken, expected token, tokenFile or "
                                "client-certificate and client-key",
                                refused[i]);
        }
    }
    int err = copy(text_of(user, "token"), &access->token);
    err = err != D1_OK ? err : copy_path(text_of(user, "tokenFile"), path, &access->token_file);
    err = err != D1_OK
              ? err
              : copy_path(text_of(user, "client-certificate"), path, &access->certificate_file);
    err = err != D1_OK ? err : copy_path(text_of(user, "client-key"), path, &access->key_file);
    err = err != D1_OK ? err
                       : copy_data(text_of(user, "client-certificate-data"),
                                   "client-certificate-data", &access->certificate, error);
    err = err != D1_OK
              ? err
              : copy_data(text_of(user, "client-key-data"), "client-key-data", &access->key, error);
    if (err == D1_OK && access->token_file != NULL) {
        d1_free(access->token); /* The file wins, as for kubectl. */
        access->token = NULL;
    }
    return err;
}

static int take_root(const struct d1_node *root, const char *path, struct d1_kube_access *access,
                     struct d1_error *error) {
    const char *current = text_of(root, "current-context");
    const struct d1_node *context = find_named(root, "contexts", current, "context");
    if (context == NULL) {
        return d1_error_set(error, D1_ECONFIG,
                            "current-context names none of its contexts, expected one of them");
    }
    const struct d1_node *cluster =
        find_named(root, "clusters", text_of(context, "cluster"), "cluster");
    const struct d1_node *user = find_named(root, "users", text_of(context, "user"), "user");
    if (cluster == NULL) {
        return d1_error_set(error, D1_ECONFIG, "the current context's cluster is not there");
    }
    int err = take_cluster(cluster, path, access, error);
    err = err != D1_OK ? err : take_user(user, path, access, error);
    return err != D1_OK ? err : copy(text_of(context, "namespace"), &access->namespace);
}

int d1_kubeconfig_read(const char *path, struct d1_kube_access *access, struct d1_error *error) {
    char *text = NULL;
    size_t length = 0;
    int err = d1_file_read(path, D1_KUBE_CONFIG_BYTES_MAX, &text, &length, error);
    if (err != D1_OK) {
        return err == -ENOMEM ? err : D1_ECONFIG;
    }
    struct d1_node *root = NULL;
    struct d1_error story = {0};
    err = d1_document_read(text, length, take_first_fault, &story, &root);
    if (err == D1_OK && root->kind != D1_NODE_MAP) {
        err = d1_error_set(&story, D1_ECONFIG, "is not a map, expected a kubeconfig");
    }
    err = err != D1_OK ? err : take_root(root, path, access, &story);
    d1_node_destroy(root);
    d1_wipe(text, length);
    d1_free(text);
    return err == D1_ECONFIG ? d1_error_set(error, err, "%s: %s", path, story.text) : err;
}

int d1_kubeconfig_pod(struct d1_kube_access *access, struct d1_error *error) {
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    if (host == NULL || port == NULL || host[0] == '\0' || port[0] == '\0') {
        return d1_error_set(
            error, D1_ECONFIG,
            "webhook.kubeconfig is empty and this is no pod (KUBERNETES_SERVICE_HOST "
            "is not set), expected the path of a kubeconfig");
    }
    bool six = strchr(host, ':') != NULL;
    struct d1_bytes server;
    d1_bytes_init(&server, D1_PATH_MAX);
    int err =
        d1_bytes_printf(&server, "https://%s%s%s:%s", six ? "[" : "", host, six ? "]" : "", port);
    access->server = (char *)server.data;
    err = err != D1_OK ? err : copy(POD_FILES "ca.crt", &access->ca_file);
    err = err != D1_OK ? err : copy(POD_FILES "token", &access->token_file);
    if (err != D1_OK) {
        return d1_error_set(error, -ENOMEM, "out of memory");
    }
    size_t length = 0;
    struct d1_error story = {0};
    if (d1_file_read(POD_FILES "namespace", D1_KUBE_NAME_MAX, &access->namespace, &length,
                     &story) != D1_OK) {
        access->namespace = NULL; /* Not all pods are told. */
    }
    return D1_OK;
}
