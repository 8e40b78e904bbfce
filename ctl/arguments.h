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

#include "core/attr.h"

struct d1_ctl_command;
struct d1_error;

#define D1_CTL_OPERANDS_MAX 3

struct d1_ctl_arguments {
    const char *socket;      /* NULL: the default ones. */
    const char *url;         /* NULL: the control socket. */
    const char *token_file;  /* Goes with url. */
    const char *client_cert; /* NULL: none is shown. */
    const char *lease;       /* NULL: the server's default. */
    const char *config;      /* acme-dns' config.cfg, for import. */
    bool dry_run;
    const char *name; /* Of a token or TSIG key, as all that follows. */
    const char *names;
    const char *owner_name;
    const char *verbs;
    const char *quota;
    const char *algorithm;
    bool no_tsig;
    bool json;
    bool follow;
    bool help;
    bool version;
    const struct d1_ctl_command *command; /* NULL only with help or version. */
    const char *operands[D1_CTL_OPERANDS_MAX];
    size_t operands_count;
};

/* Where the server is, for those who cannot give options; NULL where it is not set. */
struct d1_ctl_environment {
    const char *socket;      /* DNS01CTL_SOCKET */
    const char *url;         /* DNS01CTL_URL */
    const char *token_file;  /* DNS01CTL_TOKEN_FILE */
    const char *client_cert; /* DNS01CTL_CLIENT_CERT */
};

/* Returns 0, or D1_EPARSE with what is wrong in *error. */
int d1_ctl_parse(int argc, const char *const *argv, struct d1_ctl_arguments *ret_arguments,
                 struct d1_error *error);

/*
 * Only the options before the first word, which is argv[*ret_word] (argc when there is none): no
 * command is needed. Returns as d1_ctl_parse().
 */
int d1_ctl_parse_options(int argc, const char *const *argv, int *ret_word,
                         struct d1_ctl_arguments *ret_arguments,
                         struct d1_error *error) D1_MUST_CHECK;

/*
 * Where no option says where the server is, the environment does. Returns 0, or D1_EPARSE when what
 * it says makes no sense.
 */
int d1_ctl_complete(struct d1_ctl_arguments *arguments,
                    const struct d1_ctl_environment *environment,
                    struct d1_error *error) D1_MUST_CHECK;

#endif /* D1_CTL_ARGUMENTS_H */
