/*
 * Rights of a credential: which names it may present and clean up, and which verbs it has. The
 * authorisation table of docs/authorisation.md, and nothing else, is decided here.
 *
 * Threads: immutable after create; may be read by any thread.
 * Memory: create copies everything.
 * Limits: D1_RIGHTS_PATTERNS_MAX patterns.
 */
#ifndef D1_SOLVER_RIGHTS_H
#define D1_SOLVER_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"
#include "dns/name.h"

enum d1_verb {
    D1_VERB_PRESENT = 1,
    D1_VERB_CLEANUP = 2,
    D1_VERB_READ = 4, /* Only of names one has a right to. */
    D1_VERB_REGISTER = 8,
    D1_VERB_ADMIN = 16, /* Everything. */
};

#define D1_VERBS_DEFAULT (D1_VERB_PRESENT | D1_VERB_CLEANUP | D1_VERB_READ)

/* "present", "cleanup" ...: names of the verbs, from the lowest bit up; ends with NULL. */
extern const char *const d1_verb_names[];

/* The verb of that name (`length` octets); 0: there is none. */
unsigned d1_verb_find(const char *name, size_t length);

struct d1_rights;

/*
 * `names` are patterns of validated names (what stands in the certificate), `owners` patterns of
 * owner names (where the TXT stands). In a pattern a first label `*` is exactly one label, `**` one
 * or more; without it the name itself. Returns 0, D1_ENAME (which pattern: *error), D1_ELIMIT or
 * -ENOMEM.
 */
int d1_rights_create(const char *const *names, size_t names_count, const char *const *owners,
                     size_t owners_count, unsigned verbs, struct d1_rights **ret_rights,
                     struct d1_error *error);

/* Drop one reference; the last one frees them. NULL is allowed. */
void d1_rights_destroy(struct d1_rights *rights);

/*
 * One more reference on rights that somebody else destroys, for who needs them longer. From any
 * thread. Returns the same rights, to be destroyed.
 */
struct d1_rights *d1_rights_hold(const struct d1_rights *rights);

/* The rights of an acme-dns account: owner of exactly that name. Returns 0 or -ENOMEM. */
int d1_rights_create_owner(const struct d1_name *owner, struct d1_rights **ret_rights);

/* The verbs as given; D1_VERB_ADMIN does not show the others. */
unsigned d1_rights_verbs(const struct d1_rights *rights);

/* Call visit with each pattern as text, those of `names` first, in an order of their own. */
void d1_rights_each_pattern(const struct d1_rights *rights,
                            void (*visit)(bool is_owner, const char *pattern, void *arg),
                            void *arg);

/* Whether all of these verbs are held (admin holds all). */
bool d1_rights_verb(const struct d1_rights *rights, unsigned verbs);

/*
 * Whether the verb is held for this asked owner name: an `owners` pattern matches it, or it begins
 * with `_acme-challenge` and a `names` pattern matches the rest.
 */
bool d1_rights_allow(const struct d1_rights *rights, unsigned verb, const struct d1_name *owner);

/*
 * Call visit with each owner name that an exact pattern names (`_acme-challenge.NAME` for `names`):
 * such names are known (contract).
 */
void d1_rights_each_exact(const struct d1_rights *rights,
                          void (*visit)(const struct d1_name *owner, void *arg), void *arg);

#endif /* D1_SOLVER_RIGHTS_H */
