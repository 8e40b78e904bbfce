#include "webhook/kubernetes/settings.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "solver/rights.h"

struct grant {
    size_t namespaces_count;
    char **namespaces;
    size_t providers_count;
    char **providers;
    struct d1_rights *rights;
};

struct d1_kube_settings {
    _Atomic unsigned references;
    size_t names_count;
    struct d1_kube_name *names; /* Texts owned. */
    size_t grants_count;
    struct grant *grants;
    struct d1_rights *any;
    int64_t lease_ms;
};

static void free_texts(char **texts, size_t count) {
    for (size_t i = 0; texts != NULL && i < count; i++) {
        d1_free(texts[i]);
    }
    d1_free(texts);
}

static int copy_texts(const char *const *from, size_t count, char ***ret_texts, size_t *ret_count) {
    char **texts = d1_calloc(count + 1, sizeof(*texts));
    for (size_t i = 0; texts != NULL && i < count; i++) {
        texts[i] = d1_strdup(from[i]);
        if (texts[i] == NULL) {
            free_texts(texts, i);
            return -ENOMEM;
        }
    }
    *ret_texts = texts;
    *ret_count = count;
    return texts != NULL ? D1_OK : -ENOMEM;
}

static int copy_name(const struct d1_kube_name *from, struct d1_kube_name *to) {
    to->group = d1_strdup(from->group);
    to->solver = d1_strdup(from->solver);
    to->alias = from->alias != NULL ? d1_strdup(from->alias) : NULL;
    bool fine =
        to->group != NULL && to->solver != NULL && (to->alias != NULL) == (from->alias != NULL);
    return fine ? D1_OK : -ENOMEM;
}

static int copy_grant(const struct d1_kube_grant *from, struct grant *to) {
    int err = copy_texts(from->namespaces, from->namespaces_count, &to->namespaces,
                         &to->namespaces_count);
    return err != D1_OK ? err
                        : copy_texts(from->providers, from->providers_count, &to->providers,
                                     &to->providers_count);
}

/* Every name, but no more: a value belongs to its namespace, and admin could remove others'. */
static int make_any(struct d1_rights **ret_rights) {
    static const char *const all[] = {"**"};
    return d1_rights_create(all, 1, all, 1, D1_VERB_PRESENT | D1_VERB_CLEANUP, ret_rights, NULL);
}

int d1_kube_settings_create(const struct d1_kube_settings_options *options,
                            struct d1_kube_settings **ret_settings) {
    struct d1_kube_settings *settings = d1_calloc(1, sizeof(*settings));
    if (settings == NULL) {
        return -ENOMEM;
    }
    atomic_init(&settings->references, 1);
    settings->lease_ms = options->lease_ms;
    settings->names = d1_calloc(options->names_count + 1, sizeof(*settings->names));
    settings->grants = d1_calloc(options->grants_count + 1, sizeof(*settings->grants));
    int err = settings->names != NULL && settings->grants != NULL ? D1_OK : -ENOMEM;
    err = err != D1_OK ? err : make_any(&settings->any);
    for (size_t i = 0; err == D1_OK && i < options->names_count; i++) {
        settings->names_count++;
        err = copy_name(&options->names[i], &settings->names[i]);
    }
    for (size_t i = 0; err == D1_OK && i < options->grants_count; i++) {
        settings->grants_count++;
        err = copy_grant(&options->grants[i], &settings->grants[i]);
    }
    if (err != D1_OK) {
        d1_kube_settings_drop(settings);
        return err;
    }
    for (size_t i = 0; i < options->grants_count; i++) {
        settings->grants[i].rights = options->grants[i].rights;
    }
    *ret_settings = settings;
    return D1_OK;
}

struct d1_kube_settings *d1_kube_settings_hold(struct d1_kube_settings *settings) {
    atomic_fetch_add_explicit(&settings->references, 1, memory_order_relaxed);
    return settings;
}

void d1_kube_settings_drop(struct d1_kube_settings *settings) {
    if (settings == NULL ||
        atomic_fetch_sub_explicit(&settings->references, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; i < settings->names_count; i++) {
        d1_free((void *)(uintptr_t)settings->names[i].group);
        d1_free((void *)(uintptr_t)settings->names[i].solver);
        d1_free((void *)(uintptr_t)settings->names[i].alias);
    }
    for (size_t i = 0; i < settings->grants_count; i++) {
        free_texts(settings->grants[i].namespaces, settings->grants[i].namespaces_count);
        free_texts(settings->grants[i].providers, settings->grants[i].providers_count);
        d1_rights_destroy(settings->grants[i].rights);
    }
    d1_rights_destroy(settings->any);
    d1_free(settings->names);
    d1_free(settings->grants);
    d1_free(settings);
}

size_t d1_kube_settings_names(const struct d1_kube_settings *settings) {
    return settings->names_count;
}

const struct d1_kube_name *d1_kube_settings_name(const struct d1_kube_settings *settings,
                                                 size_t i) {
    return &settings->names[i];
}

int64_t d1_kube_settings_lease_ms(const struct d1_kube_settings *settings) {
    return settings->lease_ms;
}

bool d1_kube_settings_has_policy(const struct d1_kube_settings *settings) {
    return settings->grants_count > 0;
}

static bool holds(char *const *texts, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(texts[i], text) == 0) {
            return true;
        }
    }
    return false;
}

const struct d1_rights *d1_kube_settings_grant(const struct d1_kube_settings *settings,
                                               const char *name_space, bool ambient,
                                               const struct d1_name *owner, const char *account) {
    if (settings->grants_count == 0) {
        return ambient ? settings->any : NULL;
    }
    for (size_t i = 0; i < settings->grants_count; i++) {
        const struct grant *grant = &settings->grants[i];
        bool here = holds(grant->namespaces, grant->namespaces_count, name_space) ||
                    holds(grant->namespaces, grant->namespaces_count, "*");
        bool with = account == NULL || holds(grant->providers, grant->providers_count, account);
        if (here && with && d1_rights_allow(grant->rights, D1_VERB_PRESENT, owner)) {
            return grant->rights;
        }
    }
    return NULL;
}

const struct d1_rights *d1_kube_settings_any(const struct d1_kube_settings *settings) {
    return settings->any;
}
