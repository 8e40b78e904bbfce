/*
 * Patterns are kept as one sorted array, each as a kind and the name behind the wildcard. A name is
 * matched by looking itself, its parent and its ancestors up: the cost does not depend on how many
 * patterns there are.
 */
#include "solver/rights.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

#define CHALLENGE_LABEL "_acme-challenge"

enum pattern_list { LIST_NAMES, LIST_OWNERS };
enum pattern_kind { PATTERN_EXACT, PATTERN_ONE, PATTERN_MORE };

struct pattern {
    uint8_t list;
    uint8_t kind;
    uint8_t length;
    uint8_t *octets; /* Owned. The name behind the wildcard; the root for `*` and `**`. */
};

struct d1_rights {
    _Atomic unsigned references; /* Besides the one that create gave. */
    unsigned verbs;
    size_t count;
    struct pattern patterns[];
};

const char *const d1_verb_names[] = {"present", "cleanup", "read", "register", "admin", NULL};

unsigned d1_verb_find(const char *name, size_t length) {
    for (unsigned i = 0; d1_verb_names[i] != NULL; i++) {
        if (strlen(d1_verb_names[i]) == length && memcmp(d1_verb_names[i], name, length) == 0) {
            return 1U << i;
        }
    }
    return 0;
}

static int compare_patterns(const void *left, const void *right) {
    const struct pattern *a = left;
    const struct pattern *b = right;
    if (a->list != b->list) {
        return a->list < b->list ? -1 : 1;
    }
    if (a->kind != b->kind) {
        return a->kind < b->kind ? -1 : 1;
    }
    if (a->length != b->length) {
        return a->length < b->length ? -1 : 1;
    }
    return memcmp(a->octets, b->octets, a->length);
}

/* Cut the wildcard off the text. Returns its kind. */
static enum pattern_kind cut_wildcard(const char **text) {
    size_t stars = strspn(*text, "*");
    if (stars == 0 || stars > 2 || ((*text)[stars] != '.' && (*text)[stars] != '\0')) {
        return PATTERN_EXACT;
    }
    *text += stars + ((*text)[stars] == '.' ? 1U : 0U);
    return stars == 1 ? PATTERN_ONE : PATTERN_MORE;
}

/* A `*` that is no escaped octet: it would look like a wildcard and be none. */
static bool has_star(const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '\\' && text[1] != '\0') {
            text++;
        } else if (*text == '*') {
            return true;
        }
    }
    return false;
}

static int read_pattern(const char *text, struct pattern *ret_pattern) {
    struct d1_name name;
    enum pattern_kind kind = cut_wildcard(&text);
    if (has_star(text)) {
        return D1_ENAME;
    }
    if (kind != PATTERN_EXACT && text[0] == '\0') {
        text = ".";
    }
    int err = d1_name_from_text(text, &name);
    if (err != 0) {
        return err;
    }
    ret_pattern->octets = d1_memdup(name.octets, name.length);
    if (ret_pattern->octets == NULL) {
        return -ENOMEM;
    }
    ret_pattern->kind = (uint8_t)kind;
    ret_pattern->length = name.length;
    return D1_OK;
}

static int add_patterns(struct d1_rights *rights, enum pattern_list list, const char *const *texts,
                        size_t count, struct d1_error *error) {
    for (size_t i = 0; i < count; i++) {
        struct pattern *pattern = &rights->patterns[rights->count];
        pattern->list = (uint8_t)list;
        int err = read_pattern(texts[i], pattern);
        if (err == -ENOMEM) {
            return d1_error_set(error, err, "out of memory");
        }
        if (err != 0) {
            return d1_error_set(error, err,
                                "'%.255s' is no pattern; expected a domain name, '*.' or '**.' and "
                                "a domain name, '*' or '**'",
                                texts[i]);
        }
        rights->count++;
    }
    return D1_OK;
}

int d1_rights_create(const char *const *names, size_t names_count, const char *const *owners,
                     size_t owners_count, unsigned verbs, struct d1_rights **ret_rights,
                     struct d1_error *error) {
    if (names_count > D1_RIGHTS_PATTERNS_MAX ||
        owners_count > D1_RIGHTS_PATTERNS_MAX - names_count) {
        return d1_error_set(error, D1_ELIMIT, "more than %d patterns", D1_RIGHTS_PATTERNS_MAX);
    }
    size_t bytes = sizeof(struct d1_rights) + (names_count + owners_count) * sizeof(struct pattern);
    struct d1_rights *rights = d1_calloc(1, bytes);
    if (rights == NULL) {
        return d1_error_set(error, -ENOMEM, "out of memory");
    }
    rights->verbs = verbs;
    int err = add_patterns(rights, LIST_NAMES, names, names_count, error);
    if (err == 0) {
        err = add_patterns(rights, LIST_OWNERS, owners, owners_count, error);
    }
    if (err != 0) {
        d1_rights_destroy(rights);
        return err;
    }
    if (rights->count > 1) {
        qsort(rights->patterns, rights->count, sizeof(struct pattern), compare_patterns);
    }
    *ret_rights = rights;
    return D1_OK;
}

void d1_rights_destroy(struct d1_rights *rights) {
    if (rights == NULL ||
        atomic_fetch_sub_explicit(&rights->references, 1, memory_order_acq_rel) > 0) {
        return;
    }
    for (size_t i = 0; i < rights->count; i++) {
        d1_free(rights->patterns[i].octets);
    }
    d1_free(rights);
}

struct d1_rights *d1_rights_hold(const struct d1_rights *rights) {
    struct d1_rights *held = (struct d1_rights *)(uintptr_t)rights;
    atomic_fetch_add_explicit(&held->references, 1, memory_order_relaxed);
    return held;
}

int d1_rights_create_owner(const struct d1_name *owner, struct d1_rights **ret_rights) {
    struct d1_rights *rights = d1_calloc(1, sizeof(*rights) + sizeof(struct pattern));
    uint8_t *octets = d1_memdup(owner->octets, owner->length);
    if (rights == NULL || octets == NULL) {
        d1_free(rights);
        d1_free(octets);
        return -ENOMEM;
    }
    rights->verbs = D1_VERBS_DEFAULT;
    rights->count = 1;
    rights->patterns[0] = (struct pattern){LIST_OWNERS, PATTERN_EXACT, owner->length, octets};
    *ret_rights = rights;
    return D1_OK;
}

unsigned d1_rights_verbs(const struct d1_rights *rights) {
    return rights->verbs;
}

void d1_rights_each_pattern(const struct d1_rights *rights,
                            void (*visit)(bool is_owner, const char *pattern, void *arg),
                            void *arg) {
    static const char *const stars[] = {
        [PATTERN_EXACT] = "", [PATTERN_ONE] = "*", [PATTERN_MORE] = "**"};
    for (size_t i = 0; i < rights->count; i++) {
        const struct pattern *pattern = &rights->patterns[i];
        struct d1_name name = {.length = pattern->length};
        memcpy(name.octets, pattern->octets, pattern->length);
        char text[D1_NAME_TEXT_MAX];
        char whole[D1_NAME_TEXT_MAX + 4];
        bool bare = pattern->kind != PATTERN_EXACT && pattern->length == 1;
        d1_name_to_text(&name, text);
        snprintf(whole, sizeof(whole), "%s%s%s", stars[pattern->kind],
                 bare || pattern->kind == PATTERN_EXACT ? "" : ".", bare ? "" : text);
        visit(pattern->list == LIST_OWNERS, whole, arg);
    }
}

bool d1_rights_verb(const struct d1_rights *rights, unsigned verbs) {
    return (rights->verbs & D1_VERB_ADMIN) != 0 || (rights->verbs & verbs) == verbs;
}

static bool holds(const struct d1_rights *rights, enum pattern_list list, enum pattern_kind kind,
                  const struct d1_name *name) {
    uint8_t octets[D1_NAME_OCTETS_MAX]; /* A pattern to compare with points to writable octets. */
    memcpy(octets, name->octets, name->length);
    struct pattern wanted = {(uint8_t)list, (uint8_t)kind, name->length, octets};
    return bsearch(&wanted, rights->patterns, rights->count, sizeof(wanted), compare_patterns) !=
           NULL;
}

static bool matches(const struct d1_rights *rights, enum pattern_list list,
                    const struct d1_name *name) {
    if (holds(rights, list, PATTERN_EXACT, name)) {
        return true;
    }
    struct d1_name parent;
    if (!d1_name_parent(name, &parent)) {
        return false;
    }
    if (holds(rights, list, PATTERN_ONE, &parent)) {
        return true;
    }
    do {
        if (holds(rights, list, PATTERN_MORE, &parent)) {
            return true;
        }
    } while (d1_name_parent(&parent, &parent));
    return false;
}

bool d1_rights_allow(const struct d1_rights *rights, unsigned verb, const struct d1_name *owner) {
    if (!d1_rights_verb(rights, verb)) {
        return false;
    }
    if ((rights->verbs & D1_VERB_ADMIN) != 0 || matches(rights, LIST_OWNERS, owner)) {
        return true;
    }
    struct d1_name validated;
    return d1_name_first_label_is(owner, CHALLENGE_LABEL) && d1_name_parent(owner, &validated) &&
           matches(rights, LIST_NAMES, &validated);
}

void d1_rights_each_exact(const struct d1_rights *rights,
                          void (*visit)(const struct d1_name *owner, void *arg), void *arg) {
    for (size_t i = 0; i < rights->count; i++) {
        const struct pattern *pattern = &rights->patterns[i];
        if (pattern->kind != PATTERN_EXACT) {
            continue;
        }
        struct d1_name name = {.length = pattern->length};
        memcpy(name.octets, pattern->octets, pattern->length);
        if (pattern->list == LIST_OWNERS) {
            visit(&name, arg);
            continue;
        }
        struct d1_name owner;
        if (d1_name_prepend(CHALLENGE_LABEL, sizeof(CHALLENGE_LABEL) - 1, &name, &owner) == 0) {
            visit(&owner, arg);
        }
    }
}
