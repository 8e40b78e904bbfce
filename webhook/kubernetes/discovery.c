/*
 * The documents of reference: kube-apiserver 1.20 and 1.36 accept them (tests/integration/
 * test_kubernetes.py asks for them as it does).
 */
#include "webhook/kubernetes/discovery.h"

#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/limits.h"
#include "webhook/kubernetes/settings.h"

#define JSON       "application/json"
#define VERSION    "v1alpha1"
#define KIND_GROUP "webhook.acme.cert-manager.io"
#define AGGREGATED "as=APIGroupDiscoveryList"

#define OPENAPI_INFO "\"info\":{\"title\":\"dns01d\",\"version\":\"v0\"},\"paths\":{}}"

/* Whether this is the first name of its group. */
static bool opens_group(const struct d1_kube_settings *settings, size_t at) {
    const char *group = d1_kube_settings_name(settings, at)->group;
    for (size_t i = 0; i < at; i++) {
        if (strcmp(d1_kube_settings_name(settings, i)->group, group) == 0) {
            return false;
        }
    }
    return true;
}

static bool has_group(const struct d1_kube_settings *settings, const char *group, size_t length) {
    for (size_t i = 0; i < d1_kube_settings_names(settings); i++) {
        const char *name = d1_kube_settings_name(settings, i)->group;
        if (strlen(name) == length && memcmp(name, group, length) == 0) {
            return true;
        }
    }
    return false;
}

/* Call add for each solver of a group, with commas between. */
static void add_solvers(const struct d1_kube_settings *settings, const char *group, size_t length,
                        void (*add)(struct d1_bytes *body, const char *solver),
                        struct d1_bytes *body) {
    bool more = false;
    for (size_t i = 0; i < d1_kube_settings_names(settings); i++) {
        const struct d1_kube_name *name = d1_kube_settings_name(settings, i);
        if (strlen(name->group) == length && memcmp(name->group, group, length) == 0) {
            d1_bytes_add_text(body, more ? "," : "");
            add(body, name->solver);
            more = true;
        }
    }
}

static void add_resource(struct d1_bytes *body, const char *solver) {
    d1_bytes_printf(body,
                    "{\"name\":\"%s\",\"singularName\":\"ChallengePayload\",\"namespaced\":false,"
                    "\"group\":\"" KIND_GROUP "\",\"version\":\"" VERSION
                    "\",\"kind\":\"ChallengePayload\",\"verbs\":[\"create\"]}",
                    solver);
}

static void add_aggregated_resource(struct d1_bytes *body, const char *solver) {
    d1_bytes_printf(body,
                    "{\"resource\":\"%s\",\"responseKind\":{\"group\":\"" KIND_GROUP
                    "\",\"version\":\"" VERSION "\",\"kind\":\"ChallengePayload\"},"
                    "\"scope\":\"Cluster\",\"singularResource\":\"ChallengePayload\","
                    "\"verbs\":[\"create\"]}",
                    solver);
}

static void add_resources(const struct d1_kube_settings *settings, const char *group, size_t length,
                          struct d1_bytes *body) {
    d1_bytes_printf(body,
                    "{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":"
                    "\"%.*s/" VERSION "\",\"resources\":[",
                    (int)length, group);
    add_solvers(settings, group, length, add_resource, body);
    d1_bytes_add_text(body, "]}");
}

/* The inside of an APIGroup. */
static void add_group(struct d1_bytes *body, const char *group, size_t length) {
    d1_bytes_printf(body,
                    "\"name\":\"%.*s\",\"versions\":[{\"groupVersion\":\"%.*s/" VERSION
                    "\",\"version\":\"" VERSION "\"}],\"preferredVersion\":{\"groupVersion\":"
                    "\"%.*s/" VERSION "\",\"version\":\"" VERSION "\"}}",
                    (int)length, group, (int)length, group, (int)length, group);
}

static void add_groups(const struct d1_kube_settings *settings, struct d1_bytes *body) {
    bool more = false;
    d1_bytes_add_text(body, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");
    for (size_t i = 0; i < d1_kube_settings_names(settings); i++) {
        const char *group = d1_kube_settings_name(settings, i)->group;
        if (opens_group(settings, i)) {
            d1_bytes_add_text(body, more ? ",{" : "{");
            add_group(body, group, strlen(group));
            more = true;
        }
    }
    d1_bytes_add_text(body, "]}");
}

static void add_aggregated(const struct d1_kube_settings *settings, const char *version,
                           struct d1_bytes *body) {
    bool more = false;
    d1_bytes_printf(body,
                    "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/%s\","
                    "\"metadata\":{},\"items\":[",
                    version);
    for (size_t i = 0; i < d1_kube_settings_names(settings); i++) {
        const char *group = d1_kube_settings_name(settings, i)->group;
        if (opens_group(settings, i)) {
            d1_bytes_printf(body,
                            "%s{\"metadata\":{\"name\":\"%s\"},\"versions\":[{\"version\":"
                            "\"" VERSION "\",\"resources\":[",
                            more ? "," : "", group);
            add_solvers(settings, group, strlen(group), add_aggregated_resource, body);
            d1_bytes_add_text(body, "],\"freshness\":\"Current\"}]}");
            more = true;
        }
    }
    d1_bytes_add_text(body, "]}");
}

/* Whether one of the media types that are accepted is that version of the aggregated list. */
static bool accepts(const char *accept, const char *version) {
    while (accept != NULL && *accept != '\0') {
        size_t length = strcspn(accept, ",");
        char type[256];
        if (length < sizeof(type)) {
            snprintf(type, sizeof(type), "%.*s;", (int)length, accept);
            if (strstr(type, AGGREGATED) != NULL && strstr(type, version) != NULL) {
                return true;
            }
        }
        accept += length + (accept[length] == ',' ? 1 : 0);
    }
    return false;
}

static const char *add_all_groups(const struct d1_kube_settings *settings, const char *accept,
                                  struct d1_bytes *body) {
    if (accepts(accept, "v=v2;")) {
        add_aggregated(settings, "v2", body);
        return JSON ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    }
    if (accepts(accept, "v=v2beta1;")) {
        add_aggregated(settings, "v2beta1", body);
        return JSON ";g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
    }
    add_groups(settings, body);
    return JSON;
}

static void add_openapi_index(const struct d1_kube_settings *settings, struct d1_bytes *body) {
    bool more = false;
    d1_bytes_add_text(body, "{\"paths\":{");
    for (size_t i = 0; i < d1_kube_settings_names(settings); i++) {
        const char *group = d1_kube_settings_name(settings, i)->group;
        if (opens_group(settings, i)) {
            d1_bytes_printf(body,
                            "%s\"apis/%s/" VERSION "\":{\"serverRelativeURL\":"
                            "\"/openapi/v3/apis/%s/" VERSION "?hash=1\"}",
                            more ? "," : "", group, group);
            more = true;
        }
    }
    d1_bytes_add_text(body, "}}");
}

/* The group of "PREFIX/GROUP" or "PREFIX/GROUP/v1alpha1"; NULL when it is none of ours. */
static const char *group_of(const struct d1_kube_settings *settings, const char *path,
                            const char *prefix, const char *rest, size_t *ret_length) {
    size_t skip = strlen(prefix);
    if (strncmp(path, prefix, skip) != 0) {
        return NULL;
    }
    const char *group = path + skip;
    *ret_length = strcspn(group, "/");
    return strcmp(group + *ret_length, rest) == 0 && has_group(settings, group, *ret_length) ? group
                                                                                             : NULL;
}

const char *d1_kube_discovery(const struct d1_kube_settings *settings, const char *path,
                              const char *accept, struct d1_bytes *body) {
    size_t length = 0;
    const char *group;
    if (strcmp(path, "/apis") == 0 || strcmp(path, "/apis/") == 0) {
        return add_all_groups(settings, accept, body);
    }
    if (strcmp(path, "/version") == 0) {
        d1_bytes_add_text(body, "{\"major\":\"1\",\"minor\":\"1\",\"gitVersion\":\"v" D1_VERSION
                                "\",\"platform\":\"linux\"}");
        return JSON;
    }
    if (strcmp(path, "/openapi/v2") == 0) {
        d1_bytes_add_text(body, "{\"swagger\":\"2.0\"," OPENAPI_INFO);
        return JSON;
    }
    if (strcmp(path, "/openapi/v3") == 0) {
        add_openapi_index(settings, body);
        return JSON;
    }
    if (group_of(settings, path, "/openapi/v3/apis/", "/" VERSION, &length) != NULL) {
        d1_bytes_add_text(body, "{\"openapi\":\"3.0.0\"," OPENAPI_INFO);
        return JSON;
    }
    group = group_of(settings, path, "/apis/", "/" VERSION, &length);
    if (group != NULL) {
        add_resources(settings, group, length, body);
        return JSON;
    }
    group = group_of(settings, path, "/apis/", "", &length);
    if (group != NULL) {
        d1_bytes_add_text(body, "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",");
        add_group(body, group, length);
        return JSON;
    }
    return NULL;
}

const struct d1_kube_name *d1_kube_find(const struct d1_kube_settings *settings, const char *path) {
    char wanted[sizeof("/apis//" VERSION "/") + 2 * D1_KUBE_NAME_MAX];
    for (size_t i = 0; i < d1_kube_settings_names(settings); i++) {
        const struct d1_kube_name *name = d1_kube_settings_name(settings, i);
        snprintf(wanted, sizeof(wanted), "/apis/%s/" VERSION "/%s", name->group, name->solver);
        if (strcmp(wanted, path) == 0) {
            return name;
        }
    }
    return NULL;
}
