/*
 * All types of provider this program knows: those described by the packaged descriptors, those
 * written in C, and those of the folders that the user has named.
 *
 * Threads: a table belongs to one thread.
 * Memory: the table owns the descriptors; a type that was found stands until the table is destroyed.
 * Limits: D1_BUILTIN_TYPES_MAX types of folders.
 */
#ifndef D1_PROVIDERS_BUILTIN_H
#define D1_PROVIDERS_BUILTIN_H

#include <stddef.h>

#include "core/attr.h"
#include "providers/provider.h"

#define D1_BUILTIN_TYPES_MAX 1024

struct d1_error;
struct d1_builtin;

/* A packaged descriptor. The table of them is made from providers/descriptors/ at build time. */
struct d1_builtin_text {
    const char *type;
    const char *title;
    const char *text;
    size_t length;
};
extern const struct d1_builtin_text d1_builtin_texts[];
extern const size_t d1_builtin_text_count;

/* Make the table of packaged types. No descriptor is read before it is asked for. */
int d1_builtin_create(struct d1_builtin **ret_builtin) D1_MUST_CHECK;
void d1_builtin_destroy(struct d1_builtin *builtin);

typedef void (*d1_builtin_fault_fn)(void *arg, const char *file, unsigned line, const char *text);

/*
 * Read all *.json of a folder as descriptors; a type of a folder goes before a packaged one of the
 * same name. Each fault is told, with its file and line. Returns 0, D1_ECONFIG (faults were told),
 * -errno of the folder, or -ENOMEM.
 */
int d1_builtin_load(struct d1_builtin *builtin, const char *folder, d1_builtin_fault_fn on_fault,
                    void *arg) D1_MUST_CHECK;

/*
 * The type of that name. Returns 0, D1_ENOTFOUND, or an error that says what is wrong with its
 * descriptor.
 */
int d1_builtin_find(struct d1_builtin *builtin, const char *type,
                    const struct d1_provider **ret_provider, struct d1_error *error) D1_MUST_CHECK;

/* How many types there are, and the name of each, in alphabetical order. */
size_t d1_builtin_count(const struct d1_builtin *builtin);
const char *d1_builtin_type(const struct d1_builtin *builtin, size_t index);

#endif /* D1_PROVIDERS_BUILTIN_H */
