#include "webhook/kubernetes/proxy.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "http/authority.h"
#include "http/server.h"
#include "webhook/json.h"

#define AUTHENTICATED   "system:authenticated"
#define UNAUTHENTICATED "system:unauthenticated"
#define ANONYMOUS       "system:anonymous"

struct list {
    size_t count;
    char *item[D1_KUBE_HEADERS_MAX];
};

struct d1_kube_proxy {
    struct d1_tls_authority *authority;
    struct list names; /* Empty: any that the authority vouches for. */
    struct list user_headers;
    struct list group_headers;
    struct list extra_prefixes;
    struct list uid_headers;
};

/* ---- The ConfigMap ---- */

static int add_item(struct list *list, const json_t *item, bool lower) {
    char *text = d1_strdup(json_string_value(item));
    if (text == NULL) {
        return -ENOMEM;
    }
    for (char *at = text; lower && *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    list->item[list->count++] = text;
    return D1_OK;
}

/* A JSON array of texts in a text; an absent one is empty. */
static int read_list(const json_t *data, const char *key, bool lower, struct list *list,
                     struct d1_error *error) {
    const json_t *text = json_object_get(data, key);
    if (text == NULL) {
        return D1_OK;
    }
    json_t *array = NULL;
    int err = json_is_string(text)
                  ? d1_json_read(json_string_value(text), json_string_length(text), &array, NULL)
                  : D1_EPARSE;
    bool fine =
        err == D1_OK && json_is_array(array) && json_array_size(array) <= D1_KUBE_HEADERS_MAX;
    for (size_t i = 0; fine && i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        fine = json_is_string(item) && json_string_length(item) > 0;
        err = fine ? add_item(list, item, lower) : err;
        fine = fine && err == D1_OK;
    }
    json_decref(array);
    if (fine || err == -ENOMEM) {
        return err;
    }
    return d1_error_set(error, D1_ECONFIG, "%s is not a list of texts", key);
}

static int read_authority(const json_t *data, const char *key,
                          struct d1_tls_authority **ret_authority, struct d1_error *error) {
    const json_t *pem = json_object_get(data, key);
    if (!json_is_string(pem)) {
        return d1_error_set(error, D1_ECONFIG,
                            "%s is missing: this cluster has no front proxy (see the flag "
                            "--requestheader-client-ca-file of kube-apiserver)",
                            key);
    }
    int err = d1_tls_authority_create(json_string_value(pem), json_string_length(pem),
                                      ret_authority, error);
    if (err == D1_ECONFIG) {
        d1_error_prefix(error, "%s", key);
    }
    return err;
}

/* With no names, everybody whom the authority vouches for is the front proxy. */
static int check_names(const struct d1_kube_proxy *proxy, const json_t *data,
                       struct d1_error *error) {
    struct d1_tls_authority *users = NULL;
    if (proxy->names.count > 0 || json_object_get(data, "client-ca-file") == NULL) {
        return D1_OK;
    }
    int err = read_authority(data, "client-ca-file", &users, error);
    if (err == D1_OK && d1_tls_authority_shares(proxy->authority, users)) {
        err = d1_error_set(error, D1_ECONFIG,
                           "requestheader-allowed-names is empty and users' certificates have the "
                           "same authority, so that any user could pose as the front proxy; set "
                           "--requestheader-allowed-names on kube-apiserver");
    }
    d1_tls_authority_destroy(users);
    return err;
}

int d1_kube_proxy_read(const json_t *data, struct d1_kube_proxy **ret_proxy,
                       struct d1_error *error) {
    struct d1_kube_proxy *proxy = d1_calloc(1, sizeof(*proxy));
    if (proxy == NULL) {
        return -ENOMEM;
    }
    const struct {
        const char *key;
        bool lower;
        struct list *list;
    } lists[] = {
        {"requestheader-allowed-names", false, &proxy->names},
        {"requestheader-username-headers", true, &proxy->user_headers},
        {"requestheader-group-headers", true, &proxy->group_headers},
        {"requestheader-extra-headers-prefix", true, &proxy->extra_prefixes},
        {"requestheader-uid-headers", true, &proxy->uid_headers},
    };
    int err = read_authority(data, "requestheader-client-ca-file", &proxy->authority, error);
    for (size_t i = 0; err == D1_OK && i < D1_ARRAY_LENGTH(lists); i++) {
        err = read_list(data, lists[i].key, lists[i].lower, lists[i].list, error);
    }
    if (err == D1_OK && proxy->user_headers.count == 0) {
        err = d1_error_set(error, D1_ECONFIG, "requestheader-username-headers is missing");
    }
    err = err != D1_OK ? err : check_names(proxy, data, error);
    if (err != D1_OK) {
        d1_kube_proxy_destroy(proxy);
        return err;
    }
    *ret_proxy = proxy;
    return D1_OK;
}

static void free_list(struct list *list) {
    for (size_t i = 0; i < list->count; i++) {
        d1_free(list->item[i]);
    }
}

void d1_kube_proxy_destroy(struct d1_kube_proxy *proxy) {
    if (proxy != NULL) {
        d1_tls_authority_destroy(proxy->authority);
        free_list(&proxy->names);
        free_list(&proxy->user_headers);
        free_list(&proxy->group_headers);
        free_list(&proxy->extra_prefixes);
        free_list(&proxy->uid_headers);
        d1_free(proxy);
    }
}

/* ---- Who asks ---- */

static bool holds(const struct list *list, const char *text) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->item[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* The first of these fields that is not empty, or NULL. */
static const char *find_value(const struct d1_http_request *request, const struct list *names) {
    for (size_t i = 0; i < names->count; i++) {
        const char *value = d1_http_header_find(request, names->item[i]);
        if (value != NULL && value[0] != '\0') {
            return value;
        }
    }
    return NULL;
}

static int append(json_t *array, const char *text) {
    return json_array_append_new(array, json_string(text)) == 0 ? D1_OK : D1_EUNAUTHORIZED;
}

static int add_groups(const struct d1_kube_proxy *proxy, const struct d1_http_request *request,
                      const char *user, json_t *groups) {
    bool known = strcmp(user, ANONYMOUS) == 0;
    for (size_t i = 0; i < request->headers_count; i++) {
        const struct d1_http_header *header = &request->headers[i];
        if (!holds(&proxy->group_headers, header->name)) {
            continue;
        }
        known = known || strcmp(header->value, AUTHENTICATED) == 0 ||
                strcmp(header->value, UNAUTHENTICATED) == 0;
        if (append(groups, header->value) != D1_OK) {
            return D1_EUNAUTHORIZED;
        }
    }
    return known ? D1_OK : append(groups, AUTHENTICATED);
}

/* "x-remote-extra-a%2fb: v" is {"a/b": ["v"]}. */
static int add_extra(const struct d1_http_header *header, const char *prefix, json_t *extra) {
    char key[D1_KUBE_NAME_MAX + 1];
    const char *rest = header->name + strlen(prefix);
    if (d1_http_unescape(rest, strlen(rest), key, sizeof(key)) != D1_OK) {
        return D1_EUNAUTHORIZED;
    }
    for (char *at = key; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    json_t *values = json_object_get(extra, key);
    if (values == NULL) {
        values = json_array();
        if (json_object_set_new(extra, key, values) != 0) {
            return D1_EUNAUTHORIZED;
        }
    }
    return append(values, header->value);
}

static int add_extras(const struct d1_kube_proxy *proxy, const struct d1_http_request *request,
                      json_t *extra) {
    int err = D1_OK;
    for (size_t i = 0; err == D1_OK && i < request->headers_count; i++) {
        const struct d1_http_header *header = &request->headers[i];
        for (size_t p = 0; p < proxy->extra_prefixes.count; p++) {
            const char *prefix = proxy->extra_prefixes.item[p];
            if (strncmp(header->name, prefix, strlen(prefix)) == 0) {
                err = add_extra(header, prefix, extra);
                break;
            }
        }
    }
    return err;
}

static int read_user(const struct d1_kube_proxy *proxy, const struct d1_http_request *request,
                     const char *name, json_t *user) {
    json_t *groups = json_array();
    json_t *extra = json_object();
    const char *uid = find_value(request, &proxy->uid_headers);
    if (json_object_set_new(user, "user", json_string(name)) != 0 ||
        json_object_set(user, "groups", groups) != 0 ||
        (uid != NULL && json_object_set_new(user, "uid", json_string(uid)) != 0)) {
        json_decref(groups);
        json_decref(extra);
        return D1_EUNAUTHORIZED;
    }
    int err = add_groups(proxy, request, name, groups);
    err = err != D1_OK ? err : add_extras(proxy, request, extra);
    if (err == D1_OK && json_object_size(extra) > 0) {
        err = json_object_set(user, "extra", extra) == 0 ? D1_OK : -ENOMEM;
    }
    json_decref(groups);
    json_decref(extra);
    return err;
}

int d1_kube_proxy_identify(const struct d1_kube_proxy *proxy, const struct d1_http_request *request,
                           int64_t wall_ms, json_t **ret_user) {
    char name[D1_TLS_NAME_MAX + 1];
    if (request->peer.tls == NULL ||
        d1_tls_authority_check(proxy->authority, request->peer.tls, wall_ms, name) != D1_OK ||
        (proxy->names.count > 0 && !holds(&proxy->names, name))) {
        return D1_EUNAUTHORIZED;
    }
    const char *user_name = find_value(request, &proxy->user_headers);
    if (user_name == NULL || strlen(user_name) > D1_KUBE_USER_MAX) {
        return D1_EUNAUTHORIZED;
    }
    json_t *user = json_object();
    if (user == NULL) {
        return -ENOMEM;
    }
    int err = read_user(proxy, request, user_name, user);
    if (err != D1_OK) {
        json_decref(user);
        return err;
    }
    *ret_user = user;
    return D1_OK;
}
