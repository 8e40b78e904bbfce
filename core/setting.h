/*
 * Settings: each declared once, with its type, bounds, default and help. The same table checks a
 * document, fills in defaults, and prints them; the manual is held against it by a lint test.
 *
 * Threads: pure functions over the caller's tree.
 * Memory: tables are static; checking adds default nodes to the tree.
 * Limits: as the tree's.
 */
#ifndef D1_CORE_SETTING_H
#define D1_CORE_SETTING_H

#include <stdint.h>

#include "core/err.h"
#include "core/node.h"

struct d1_bytes;

enum d1_setting_type {
    D1_SETTING_BOOL,
    D1_SETTING_NUMBER,   /* min..max */
    D1_SETTING_DURATION, /* "30s", "10m", "24h", "7d"; min..max in milliseconds. */
    D1_SETTING_RATE,     /* "30/h", "60/m", "0": off. Count within min..max. */
    D1_SETTING_CHOICE,   /* One of `choices`. */
    D1_SETTING_TEXT,     /* Any text, further checked by `check`. */
    D1_SETTING_LIST,     /* Of what `fields[0]` describes. */
    D1_SETTING_MAP,      /* With the keys of `fields`, and no others. */
    D1_SETTING_NAMED,    /* A map with keys of the user's choice to what `fields[0]` describes. */
    D1_SETTING_OPEN,     /* A map that its reader checks. */
};

enum d1_setting_flag {
    D1_SETTING_REQUIRED = 1,
    D1_SETTING_NOT_BUILT = 2, /* Of the contract, but refused: "not available in this version". */
    D1_SETTING_OFF = 8,       /* MAP: what it is about is off where it is absent. */
    D1_SETTING_EMPTY = 4,     /* TEXT: may be empty, which is what its default is. */
};

struct d1_setting {
    const char *name; /* kebab-case; NULL ends a table of fields. */
    enum d1_setting_type type;
    unsigned flags;
    const char *fallback;             /* Scalars: the default as text; NULL: none. */
    const char *const *fallback_list; /* LIST of TEXT: the default, ends with NULL. */
    int64_t min;
    int64_t max;
    const char *const *choices; /* Ends with NULL. */
    const char *const *later;   /* CHOICE: those of the contract that are not built; or NULL. */
    const struct d1_setting *fields;
    int (*check)(const char *text,
                 struct d1_error *error); /* TEXT; the story says what was expected. */
    const char *help;                     /* One line. */
};

/* Called for each fault, in the order of the document. `line` may be 0 where no line is to blame. */
typedef void (*d1_setting_fault_fn)(void *arg, unsigned line, const char *path, const char *text);

/*
 * Check the map `root` against the table and fill in what is missing, so that afterwards every
 * setting of every map exists (as a node with line 0 where it is a default; a NAMED or LIST may be
 * empty). Returns 0, D1_ECONFIG (faults were reported) or -ENOMEM.
 */
int d1_setting_check(const struct d1_setting *table, struct d1_node *root,
                     d1_setting_fault_fn on_fault, void *arg);

/* Values of checked nodes. */
bool d1_setting_bool(const struct d1_node *node);
int64_t d1_setting_number(const struct d1_node *node);
int64_t d1_setting_duration_ms(const struct d1_node *node);

/* A rate as a count per `*ret_unit_ms` milliseconds (0 counts: off). */
int64_t d1_setting_rate(const struct d1_node *node, int64_t *ret_unit_ms);

/* Which of the table's choices, from 0. */
unsigned d1_setting_choice(const struct d1_node *node, const char *const *choices);

/* Append all settings with their defaults as YAML, each with its help as a comment. */
int d1_setting_print(const struct d1_setting *table, struct d1_bytes *out);

#endif /* D1_CORE_SETTING_H */
