#include "providers/builtin.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "providers/descriptor.h"
#include "providers/written.h"

#define TYPE_BYTES 64

/* Types that are written in C. */
static const struct d1_provider *const written[] = {&d1_provider_exec, &d1_provider_rfc2136};

struct type {
    char name[TYPE_BYTES];
    const struct d1_builtin_text *packaged; /* Or NULL. */
    const struct d1_provider *written;      /* Or NULL. */
    char *text;                             /* Of a folder: owned; or NULL. */
    size_t length;
    struct d1_descriptor *descriptor; /* Owned; NULL until it is asked for. */
};

struct d1_builtin {
    struct type *types; /* Sorted by name. */
    size_t count;
};

static int by_name(const void *a, const void *b) {
    const struct type *left = a;
    const struct type *right = b;
    return strcmp(left->name, right->name);
}

static void sort(struct d1_builtin *builtin) {
    qsort(builtin->types, builtin->count, sizeof(*builtin->types), by_name);
}

static struct type *find(const struct d1_builtin *builtin, const char *name) {
    struct type key;
    if (strlen(name) >= sizeof(key.name)) {
        return NULL;
    }
    snprintf(key.name, sizeof(key.name), "%s", name);
    return bsearch(&key, builtin->types, builtin->count, sizeof(key), by_name);
}

int d1_builtin_create(struct d1_builtin **ret_builtin) {
    struct d1_builtin *builtin = d1_calloc(1, sizeof(*builtin));
    size_t count = d1_builtin_text_count + D1_ARRAY_LENGTH(written) + D1_BUILTIN_TYPES_MAX;
    if (builtin == NULL) {
        return -ENOMEM;
    }
    builtin->types = d1_calloc(count, sizeof(*builtin->types));
    if (builtin->types == NULL) {
        d1_free(builtin);
        return -ENOMEM;
    }
    for (size_t i = 0; i < d1_builtin_text_count; i++) {
        struct type *type = &builtin->types[builtin->count++];
        snprintf(type->name, sizeof(type->name), "%s", d1_builtin_texts[i].type);
        type->packaged = &d1_builtin_texts[i];
    }
    for (size_t i = 0; i < D1_ARRAY_LENGTH(written) && written[i] != NULL; i++) {
        struct type *type = &builtin->types[builtin->count++];
        snprintf(type->name, sizeof(type->name), "%s", written[i]->type);
        type->written = written[i];
    }
    sort(builtin);
    *ret_builtin = builtin;
    return 0;
}

static void close_type(struct type *type) {
    d1_descriptor_destroy(type->descriptor);
    d1_free(type->text);
    type->descriptor = NULL;
    type->text = NULL;
}

void d1_builtin_destroy(struct d1_builtin *builtin) {
    if (builtin == NULL) {
        return;
    }
    for (size_t i = 0; i < builtin->count; i++) {
        close_type(&builtin->types[i]);
    }
    d1_free(builtin->types);
    d1_free(builtin);
}

static void text_of(const struct type *type, const char **ret_text, size_t *ret_length) {
    *ret_text = type->text != NULL ? type->text : type->packaged->text;
    *ret_length = type->text != NULL ? type->length : type->packaged->length;
}

/* Make the descriptors of a chain of `extends`, the last one first. */
static int make(struct d1_builtin *builtin, struct type *type, struct d1_error *error) {
    struct type *chain[D1_DESCRIPTOR_EXTENDS_MAX + 1];
    size_t count = 0;
    const char *text;
    size_t length;
    while (type->descriptor == NULL) {
        char under[TYPE_BYTES];
        if (count == D1_ARRAY_LENGTH(chain)) {
            return d1_error_set(error, D1_ECONFIG, "extends: the chain is too long");
        }
        chain[count++] = type;
        text_of(type, &text, &length);
        int status = d1_descriptor_extends(text, length, under, sizeof(under), error);
        if (status != 0 || under[0] == '\0') {
            type = NULL;
            if (status != 0) {
                return status;
            }
            break;
        }
        type = find(builtin, under);
        if (type == NULL || type->written != NULL) {
            return d1_error_set(error, D1_ECONFIG, "extends: there is no descriptor of type %s",
                                under);
        }
    }
    const struct d1_descriptor *below = type != NULL ? type->descriptor : NULL;
    for (size_t i = count; i > 0; i--) {
        text_of(chain[i - 1], &text, &length);
        int status = d1_descriptor_create(text, length, below, &chain[i - 1]->descriptor, error);
        if (status != 0) {
            return status;
        }
        below = chain[i - 1]->descriptor;
    }
    return 0;
}

int d1_builtin_find(struct d1_builtin *builtin, const char *name,
                    const struct d1_provider **ret_provider, struct d1_error *error) {
    struct type *type = find(builtin, name);
    if (type == NULL) {
        return d1_error_set(error, D1_ENOTFOUND, "there is no provider of type %.64s", name);
    }
    if (type->written != NULL) {
        *ret_provider = type->written;
        return 0;
    }
    if (type->descriptor == NULL) {
        int status = make(builtin, type, error);
        if (status != 0) {
            d1_error_prefix(error, "%s", type->name);
            return status;
        }
    }
    *ret_provider = &type->descriptor->provider;
    return 0;
}

size_t d1_builtin_count(const struct d1_builtin *builtin) {
    return builtin->count;
}

const char *d1_builtin_type(const struct d1_builtin *builtin, size_t index) {
    return builtin->types[index].name;
}

/* Read a file of at most D1_DESCRIPTOR_BYTES_MAX octets into an allocation. */
static int read_file(const char *path, char **ret_text, size_t *ret_length) {
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return -errno;
    }
    char *text = d1_malloc(D1_DESCRIPTOR_BYTES_MAX + 1);
    size_t length = text != NULL ? fread(text, 1, D1_DESCRIPTOR_BYTES_MAX + 1, file) : 0;
    int status = text == NULL                       ? -ENOMEM
                 : ferror(file)                     ? -EIO
                 : length > D1_DESCRIPTOR_BYTES_MAX ? D1_ETOOLARGE
                                                    : 0;
    fclose(file);
    if (status != 0) {
        d1_free(text);
        return status;
    }
    *ret_text = text;
    *ret_length = length;
    return 0;
}

/*
 * The line a fault speaks of: that of the keys of its path ("create.json: ..."), each looked for
 * behind the one before; or the line it names itself.
 */
static unsigned line_of(const char *text, size_t length, const char *fault) {
    unsigned line = 0;
    if (sscanf(fault, "line %u:", &line) == 1) {
        return line;
    }
    const char *at = text;
    const char *end = text + length;
    size_t path = strcspn(fault, ":");
    while (path > 0) {
        size_t key = strcspn(fault, ".:");
        char quoted[TYPE_BYTES + 8];
        snprintf(quoted, sizeof(quoted), "\"%.*s\"", (int)(key < TYPE_BYTES ? key : TYPE_BYTES),
                 fault);
        const char *found = memmem(at, (size_t)(end - at), quoted, strlen(quoted));
        if (found == NULL) {
            break;
        }
        at = found;
        fault += key + (fault[key] == '.');
        path = fault[-1] == '.' ? strcspn(fault, ":") : 0;
    }
    line = 1;
    for (const char *c = text; c < at; c++) {
        line += *c == '\n';
    }
    return line;
}

/* The text's own type, into `ret_type`. */
static int type_of(const char *text, size_t length, char ret_type[TYPE_BYTES]) {
    json_t *root = json_loadb(text, length, 0, NULL);
    const char *type = json_string_value(json_object_get(root, "type"));
    int status = type == NULL || strlen(type) >= TYPE_BYTES ? D1_ECONFIG : 0;
    snprintf(ret_type, TYPE_BYTES, "%s", type != NULL ? type : "");
    json_decref(root);
    return status;
}

/* Put a text into the table. Takes it. */
static int put(struct d1_builtin *builtin, char *text, size_t length, char ret_type[TYPE_BYTES]) {
    type_of(text, length, ret_type);
    struct type *type = find(builtin, ret_type);
    if (type == NULL) {
        size_t own = d1_builtin_text_count + D1_ARRAY_LENGTH(written);
        if (builtin->count >= own + D1_BUILTIN_TYPES_MAX - 1) {
            d1_free(text);
            return D1_ELIMIT;
        }
        type = &builtin->types[builtin->count++];
        snprintf(type->name, sizeof(type->name), "%s", ret_type);
    }
    close_type(type);
    type->written = NULL;
    type->text = text;
    type->length = length;
    sort(builtin);
    return 0;
}

/* What is wrong with a descriptor is told where its text is. */
static int check(struct d1_builtin *builtin, const char *path, const char *name,
                 d1_builtin_fault_fn on_fault, void *arg) {
    struct type *type = find(builtin, name);
    struct d1_error error = {.text = ""};
    int status = make(builtin, type, &error);
    if (status == D1_ECONFIG) {
        on_fault(arg, path, line_of(type->text, type->length, error.text), error.text);
    }
    return status;
}

static int is_descriptor(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 5 &&
           strcmp(entry->d_name + length - 5, ".json") == 0;
}

struct loaded {
    char path[D1_PATH_MAX];
    char type[TYPE_BYTES];
};

/* Read the files first, so that one may extend another, whatever their order; then check each. */
static int load(struct d1_builtin *builtin, const char *folder, struct dirent **entries, int count,
                struct loaded *loaded) {
    int status = 0;
    for (int i = 0; i < count && status == 0; i++) {
        char *text = NULL;
        size_t length = 0;
        snprintf(loaded[i].path, sizeof(loaded[i].path), "%s/%s", folder, entries[i]->d_name);
        status = read_file(loaded[i].path, &text, &length);
        status = status == 0 ? put(builtin, text, length, loaded[i].type) : status;
    }
    return status;
}

int d1_builtin_load(struct d1_builtin *builtin, const char *folder, d1_builtin_fault_fn on_fault,
                    void *arg) {
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_descriptor, alphasort);
    if (count < 0) {
        return -errno;
    }
    struct loaded *loaded = d1_calloc((size_t)count + 1, sizeof(*loaded));
    int status = loaded == NULL ? -ENOMEM : load(builtin, folder, entries, count, loaded);
    int worst = status;
    for (int i = 0; i < count && status == 0; i++) {
        int one = check(builtin, loaded[i].path, loaded[i].type, on_fault, arg);
        worst = one != 0 ? one : worst;
    }
    for (int i = 0; i < count; i++) {
        /* scandir() allocates with malloc(). */
        (free)(entries[i]);
    }
    (free)(entries);
    d1_free(loaded);
    return worst;
}
