/*
 * Arguments of dns01ctl, read without side effects.
 *
 * An argument is an option only when it is one of the known ones, so that a TXT value may begin
 * with '-'. Options may stand before and after the command; after "--" there are none.
 *
 * Threads: pure functions.
 * Memory: the result borrows argv.
 */
#ifndef D1_CTL_ARGUMENTS_H
#define D1_CTL_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

struct d1_ctl_command;
struct d1_error;

#define D1_CTL_OPERANDS_MAX 2

struct d1_ctl_arguments {
    const char *socket;     /* NULL: the default ones. */
    const char *url;        /* NULL: the control socket. */
    const char *token_file; /* Goes with url. */
    const char *lease;      /* NULL: the server's default. */
    bool json;
    bool follow;
    bool help;
    bool version;
    const struct d1_ctl_command *command; /* NULL only with help or version. */
    const char *operands[D1_CTL_OPERANDS_MAX];
    size_t operands_count;
};

/* Returns 0, or D1_EPARSE with what is wrong in *error. */
int d1_ctl_parse(int argc, const char *const *argv, struct d1_ctl_arguments *ret_arguments,
                 struct d1_error *error);

#endif /* D1_CTL_ARGUMENTS_H */
