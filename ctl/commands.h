/*
 * The commands of dns01ctl: one table for parsing, help and running.
 *
 * Threads: one.
 * Memory: replies are freed by who asked for them.
 */
#ifndef D1_CTL_COMMANDS_H
#define D1_CTL_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "ctl/client.h"

struct d1_ctl_arguments;

/* With what a command runs; tests give a client of their own. */
struct d1_ctl_context {
    const struct d1_ctl_arguments *arguments;
    struct d1_ctl_client *client; /* NULL for a command that needs none. */
    FILE *out;
    FILE *err;
    unsigned poll_ms;   /* trace --follow: time between requests. */
    unsigned polls_max; /* 0: it goes on until interrupted. */
};

/* Options that only some commands take. */
enum d1_ctl_takes {
    D1_CTL_LEASE = 1,
    D1_CTL_FOLLOW = 2,
    D1_CTL_RIGHTS = 4,     /* --name, --names, --owner-name, --verbs, --quota. */
    D1_CTL_NO_TSIG = 8,    /* --no-tsig */
    D1_CTL_ALGORITHM = 16, /* --algorithm */
    D1_CTL_IMPORT = 32,    /* --config, --dry-run */
};

struct d1_ctl_command {
    const char *name;
    const char *usage; /* What stands after the name. */
    const char *summary;
    size_t operands;
    size_t optional; /* That many of them may be missing. */
    unsigned takes;  /* enum d1_ctl_takes */
    bool available;  /* In this version. */
    bool local;      /* Needs no server: context->client is NULL. */

    /* Returns the exit status: 0, or 1 after an error was told on context->err. */
    int (*run)(struct d1_ctl_context *context);
};

/* Sends; tells what went wrong on context->err. Returns whether there is a reply. */
bool d1_ctl_ask(struct d1_ctl_context *context, const struct d1_ctl_request *request,
                json_t **ret_reply);

/*
 * Present and CleanUp, as a command of that name does it. Return whether there is a reply; else it
 * was told on context->err why.
 */
bool d1_ctl_present(struct d1_ctl_context *context, const char *name, const char *value,
                    json_t **ret_reply);
bool d1_ctl_cleanup(struct d1_ctl_context *context, const char *name, const char *value,
                    json_t **ret_reply);

/* The table; ends with a NULL name. */
const struct d1_ctl_command *d1_ctl_commands(void);

/* NULL when there is none of that name. */
const struct d1_ctl_command *d1_ctl_command_find(const char *name);

#endif /* D1_CTL_COMMANDS_H */
