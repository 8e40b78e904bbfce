/*
 * Index: the committed challenges in memory, by owner name, with the deadlines of what ends.
 * Internal to solver/.
 *
 * Everything that may need memory happens in a `make`, before a write is submitted; what follows a
 * commit (add, renew, remove, know) cannot fail.
 *
 * Threads: control loop only.
 * Memory: a lease of an ACME digest at a name of its own costs about 195 octets (place 40 + name,
 *   lease 56 + value, two pointers); names, values and owners are kept as long as they are, and an
 *   owner's text once for all its leases.
 */
#ifndef D1_SOLVER_INDEX_H
#define D1_SOLVER_INDEX_H

#include "solver/map.h"
#include "store/challenge.h"

struct d1_place;
struct d1_work;

#define D1_DEADLINE_OUT UINT32_MAX /* `at` of a deadline that is not in the heap. */

struct d1_deadline {
    int64_t when_ms; /* Unix time; 0: never. */
    uint32_t at;     /* Where it stands in the heap. */
    bool known;      /* It is in a struct d1_known, not in a struct d1_lease. */
};

/* Whose values: "token:lego". One object for all leases of that owner. */
struct d1_owner {
    struct d1_map_node node;
    uint32_t references;
    uint32_t leases; /* Of its, made or added. */
    uint8_t length;
    char text[];
};

/* A name that was asked for, while a lease or an operation stands where its CNAMEs led. */
struct d1_alias {
    struct d1_map_node node;
    struct d1_target *targets; /* At least one. */
    uint8_t length;
    uint8_t octets[];
};

/* One of the names that the CNAMEs of an alias led to. */
struct d1_target {
    struct d1_alias *alias;
    struct d1_target *next; /* Of the same alias. */
    uint32_t references;
    uint8_t length;
    uint8_t octets[];
};

/* One value at one place, held by one owner. */
struct d1_lease {
    struct d1_deadline deadline;
    uint8_t length;
    bool live;              /* Published. */
    bool ended;             /* It has ended, whatever its deadline says: removed, never shown. */
    bool followed;          /* CNAMEs led here: a struct d1_target pointer is behind the value. */
    uint32_t held_since_s;  /* Monotonic time of the last commit, for clocks that were set back. */
    struct d1_lease *next;  /* At the same place, older first. */
    struct d1_place *place; /* NULL until added. */
    struct d1_owner *owner; /* One reference. */
    int64_t created_ms;
    uint8_t octets[];
};

/* The name was used lately: it stays NODATA until the deadline. */
struct d1_known {
    struct d1_deadline deadline;
    struct d1_place *place;
};

/* One owner name. It exists while anything below says so. */
struct d1_place {
    struct d1_map_node node;
    struct d1_lease *leases;
    struct d1_known *known;
    struct d1_work *work; /* While something is under way here. */
    uint32_t accounts;    /* Accounts that own the name, and entries of tokens made at run time. */
    bool entry : 1;       /* An exact entry of a credential. */
    bool told_known : 1;  /* What the publisher was told last. */
    bool published : 1;   /* The publisher shows what is committed. */
    uint8_t via_length;   /* Of the provider account's name, which stands behind the octets. */
    uint8_t length;
    uint8_t octets[];
};

struct d1_index {
    struct d1_map places;
    struct d1_map owners;
    struct d1_map aliases;
    struct d1_deadline **heap; /* Earliest first. */
    size_t heap_count;
    size_t heap_capacity; /* At least `timed`, so that a push never needs memory. */
    size_t timed;         /* Leases and known names that exist, in the heap or not. */
    size_t leases;        /* Added. */
};

int d1_index_init(struct d1_index *index);

/* Free all of it. No place may have work. */
void d1_index_close(struct d1_index *index);

/* A place of the name itself, or one by way of a provider account. `via`: "" for the name itself. */
struct d1_place *d1_index_find(const struct d1_index *index, const struct d1_name *name);
struct d1_place *d1_index_find_via(const struct d1_index *index, const struct d1_name *name,
                                   const char *via);

/* Find or make. Returns 0 or -ENOMEM. A place nobody needs goes with d1_index_release(). */
int d1_index_place(struct d1_index *index, const struct d1_name *name, struct d1_place **ret_place);
int d1_index_place_via(struct d1_index *index, const struct d1_name *name, const char *via,
                       struct d1_place **ret_place);
void d1_index_release(struct d1_index *index, struct d1_place *place);

/* Whether the name is known: NODATA, never NXDOMAIN, without a value. */
bool d1_place_known(const struct d1_place *place);
void d1_place_name(const struct d1_place *place, struct d1_name *ret_name);
/* "" for the name itself. */
void d1_place_via(const struct d1_place *place, char ret_via[D1_VIA_TEXT_MAX + 1]);

/* A reference on the owner of that text; give it back with drop. Returns 0 or -ENOMEM. */
int d1_index_owner(struct d1_index *index, const char *text, struct d1_owner **ret_owner);
void d1_index_owner_drop(struct d1_index *index, struct d1_owner *owner);

/* alias.c */
int d1_aliases_init(struct d1_index *index);
void d1_aliases_close(struct d1_index *index);
struct d1_alias *d1_alias_find(const struct d1_index *index, const struct d1_name *asked);

/*
 * A reference on the target `name` of the alias `asked`, made where there is none; give it back with
 * drop (NULL is allowed). Returns 0 or -ENOMEM.
 */
int d1_target_hold(struct d1_index *index, const struct d1_name *asked, const struct d1_name *name,
                   struct d1_target **ret_target);
void d1_target_drop(struct d1_index *index, struct d1_target *target);
void d1_target_name(const struct d1_target *target, struct d1_name *ret_name);
/* The asked name; of length 0 for NULL. */
void d1_target_asked(const struct d1_target *target, struct d1_name *ret_name);

/*
 * A lease that is not at its place yet; add it or free it. `target` (NULL: the place itself was
 * asked for) gets a reference of the lease's own. Returns 0 or -ENOMEM.
 */
int d1_lease_make(struct d1_index *index, const struct d1_txt_value *value, struct d1_owner *owner,
                  struct d1_target *target, struct d1_lease **ret_lease);
struct d1_target *d1_lease_target(const struct d1_lease *lease);
void d1_lease_free(struct d1_index *index, struct d1_lease *lease);

struct d1_lease *d1_lease_find(const struct d1_place *place, const struct d1_txt_value *value,
                               const struct d1_owner *owner);
void d1_lease_add(struct d1_index *index, struct d1_place *place, struct d1_lease *lease,
                  int64_t created_ms, int64_t expires_ms);
void d1_lease_renew(struct d1_index *index, struct d1_lease *lease, int64_t created_ms,
                    int64_t expires_ms);
/* Put `fresh` (made, of the same value and owner) in its place, as live as it was, and free it. */
void d1_lease_replace(struct d1_index *index, struct d1_lease *lease, struct d1_lease *fresh);
/* Take it from its place and free it. */
void d1_lease_remove(struct d1_index *index, struct d1_lease *lease);

bool d1_lease_same_value(const struct d1_lease *lease, const struct d1_txt_value *value);

/* Whether an earlier lease of the place holds the same value: it is served once. */
bool d1_lease_is_repeat(const struct d1_lease *lease);

/* Whether another owner holds the same value at the place. */
bool d1_lease_is_shared(const struct d1_lease *lease);

/* The lease as a record of the store. */
void d1_lease_record(const struct d1_lease *lease, struct d1_challenge *ret_record);

/* The same for known names: made, then set at a place (which owns it) or freed. */
int d1_known_make(struct d1_index *index, struct d1_known **ret_known);
void d1_known_free(struct d1_index *index, struct d1_known *known);
void d1_known_set(struct d1_index *index, struct d1_place *place, struct d1_known *known,
                  int64_t until_ms);
void d1_known_remove(struct d1_index *index, struct d1_place *place);

/* Earliest deadline, or NULL. */
struct d1_deadline *d1_deadline_first(const struct d1_index *index);
/* In the heap as when_ms says (0: not in it); call after each change. */
void d1_deadline_set(struct d1_index *index, struct d1_deadline *deadline);
void d1_deadline_clear(struct d1_index *index, struct d1_deadline *deadline);
struct d1_place *d1_deadline_place(struct d1_deadline *deadline);

#endif /* D1_SOLVER_INDEX_H */
