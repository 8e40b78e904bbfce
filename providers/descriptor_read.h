/*
 * Reading of descriptors by tables: each key of an object is declared once, with what it may hold
 * and where it goes. Used by providers/descriptor.c only.
 *
 * Threads: one reading belongs to one thread.
 * Memory: what is read borrows from the descriptor's JSON.
 * Limits: D1_DESCRIPTOR_STEPS_MAX.
 */
#ifndef D1_PROVIDERS_DESCRIPTOR_READ_H
#define D1_PROVIDERS_DESCRIPTOR_READ_H

#include <stddef.h>

#include "providers/descriptor.h"

struct d1_error;

enum d1_field_kind {
    D1_FIELD_ANY,      /* Passed over here. */
    D1_FIELD_JSON,     /* const json_t *: any JSON, no template. */
    D1_FIELD_WORD,     /* const char *: a text that is no template. */
    D1_FIELD_TEXT,     /* const char *: a template. */
    D1_FIELD_IF,       /* const char *: names of variables, with ! before or not. */
    D1_FIELD_REGEX,    /* const char *: an extended regular expression. */
    D1_FIELD_POINTER,  /* const char *: a pointer, whose segments may hold variables. */
    D1_FIELD_POINTERS, /* const json_t *: a pointer or a list of them. */
    D1_FIELD_NAMED,    /* const json_t *: an object of names to pointers. */
    D1_FIELD_WORDS,    /* const json_t *: an object of names to words. */
    D1_FIELD_OBJECT,   /* const json_t *: an object of templates. */
    D1_FIELD_TEMPLATE, /* const json_t *: any JSON of templates. */
    D1_FIELD_PARTS,    /* const json_t *: a template, or a list of them and of $each. */
    D1_FIELD_WANTED,   /* const json_t *: an object of pointers to wanted texts. */
    D1_FIELD_SIGN,     /* const json_t *: an object of signatures. */
    D1_FIELD_BOOL,     /* bool */
    D1_FIELD_NOT,      /* bool, the other way round */
    D1_FIELD_NUMBER,   /* int64_t */
    D1_FIELD_CHOICE,   /* enum, the index of the word in `choices` */
    D1_FIELD_MATCH,    /* struct d1_match */
    D1_FIELD_CALL,     /* struct d1_call */
    D1_FIELD_STEPS,    /* struct d1_steps: one step or a list of them */
    D1_FIELD_THEN,     /* struct d1_call: what follows it */
    D1_FIELD_PAGING,   /* struct d1_paging */
};

struct d1_field {
    const char *name;
    enum d1_field_kind kind;
    size_t offset;
    const char *const *choices;
};

/* A table and the object it fills. */
struct d1_fields {
    const struct d1_field *table;
    size_t count;
    void *base;
};

struct d1_reading {
    struct d1_descriptor *descriptor;
    struct d1_error *error;
    char path[200]; /* Of what is being read: "create.json". */
};

/* Set the error to "PATH: text". Returns D1_ECONFIG. */
int d1_reading_fault(struct d1_reading *reading, const char *format, ...) D1_PRINTF(2, 3);

/* Go down to `key`; the length to go back to. */
size_t d1_reading_enter(struct d1_reading *reading, const char *key);
void d1_reading_leave(struct d1_reading *reading, size_t length);

/* Read an object's keys into those of the groups; any other key is a fault. */
int d1_reading_object(struct d1_reading *reading, const json_t *json,
                      const struct d1_fields *groups, size_t group_count);

/* Read one step, and what else may stand beside its keys (`more`, may be NULL). */
int d1_reading_call(struct d1_reading *reading, const json_t *json, struct d1_call *ret_call,
                    const struct d1_fields *more);

int d1_reading_match(struct d1_reading *reading, const json_t *json, struct d1_match *ret_match);

/* Check a template (or all texts of JSON). */
int d1_reading_template(struct d1_reading *reading, const json_t *json);

/* The keys of a list in a reply, for d1_reading_call(). */
extern const struct d1_field d1_listing_fields[];
extern const size_t d1_listing_field_count;

#endif /* D1_PROVIDERS_DESCRIPTOR_READ_H */
