/*
 * Templates of descriptors: text with `{variable|filter:argument|...}` in it, and JSON whose texts
 * are such templates. docs/descriptors.md lists variables, filters and the forms of JSON.
 *
 * A `{` that no name follows is itself, so that JSON and regular expressions need no escaping.
 *
 * Threads: pure functions over the caller's variables.
 * Memory: results are the caller's; variables are borrowed.
 * Limits: the D1_TEMPLATE_*_MAX below; what would be larger is D1_ETOOLARGE.
 */
#ifndef D1_PROVIDERS_TEMPLATE_H
#define D1_PROVIDERS_TEMPLATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/buf.h"

#define D1_TEMPLATE_NAME_MAX      63
#define D1_TEMPLATE_ARGUMENT_MAX  127
#define D1_TEMPLATE_ARGUMENTS_MAX 2
#define D1_TEMPLATE_FILTERS_MAX   6
#define D1_TEMPLATE_VALUE_MAX     1048576 /* Octets of one expanded text. */
#define D1_TEMPLATE_DEPTH_MAX     16      /* Of JSON. */
#define D1_TEMPLATE_EACH_MAX      4096    /* Elements of one $each. */

/* What happens to each variable (not to the text around it). */
enum d1_template_escape {
    D1_TEMPLATE_PLAIN,
    D1_TEMPLATE_PATH,    /* Percent-encoded but for what a path segment may hold. */
    D1_TEMPLATE_XML,     /* & < > " ' as entities. */
    D1_TEMPLATE_POINTER, /* ~ and / as RFC 6901, 3 says. */
};

/* Where variables come from. */
struct d1_template {
    /* Append the variable's octets. Returns 0, D1_ENOTFOUND (no such variable) or an error. */
    int (*find)(void *arg, const char *name, struct d1_bytes *out);
    /* The variable as JSON, borrowed; NULL: there is none. May be NULL. */
    json_t *(*find_json)(void *arg, const char *name);
    void *arg;
    json_t *it; /* The element of the $each that is being expanded: variables `it.*`. */
    char missing[D1_TEMPLATE_NAME_MAX + 1]; /* After D1_ENOTFOUND: which one. */
};

/* Append the expanded text. */
int d1_template_text(struct d1_template *vars, const char *text, enum d1_template_escape escape,
                     struct d1_bytes *out) D1_MUST_CHECK;

/*
 * Append the expanded parts: a text, or a list of texts and of {"$each": NAME, "item": TEXT}, which
 * is TEXT for each element of that list.
 */
int d1_template_parts(struct d1_template *vars, const json_t *parts, enum d1_template_escape escape,
                      struct d1_bytes *out) D1_MUST_CHECK;

/*
 * Expand a JSON template into a new value. A member of an object whose text needs a `cfg.` variable
 * that is not set is left out.
 */
int d1_template_json(struct d1_template *vars, const json_t *json, json_t **ret_json) D1_MUST_CHECK;

/* What can be wrong with a template; `text` is for people. */
struct d1_template_fault {
    char text[200];
};

typedef bool (*d1_template_known_fn)(void *arg, const char *name);

/* Check a text (and that each variable is known). Returns 0 or D1_EPARSE and the fault. */
int d1_template_check(const char *text, d1_template_known_fn known, void *arg,
                      struct d1_template_fault *ret_fault) D1_MUST_CHECK;

/* The same for all texts and keys of a JSON template. */
int d1_template_check_json(const json_t *json, d1_template_known_fn known, void *arg,
                           struct d1_template_fault *ret_fault) D1_MUST_CHECK;

/* Append the value as compact JSON text. Returns 0 or an error. */
int d1_template_dump(const json_t *json, struct d1_bytes *out) D1_MUST_CHECK;

/* Percent-encode all but the unreserved (RFC 3986, 2.3) and the octets of `also`. */
int d1_template_percent(const void *octets, size_t length, const char *also,
                        struct d1_bytes *out) D1_MUST_CHECK;

#endif /* D1_PROVIDERS_TEMPLATE_H */
