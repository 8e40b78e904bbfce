#include "ctl/arguments.h"

#include <string.h>

#include "core/attr.h"
#include "core/err.h"
#include "ctl/commands.h"

struct option {
    const char *name;
    size_t text_at; /* Offset of a `const char *`, when the option takes a value. */
    size_t flag_at; /* Else of a `bool`. */
    bool takes_value;
    unsigned of; /* enum d1_ctl_takes: of commands that take it; 0: of all. */
};

#define TEXT(name, member, of) \
    { name, offsetof(struct d1_ctl_arguments, member), 0, true, of }
#define FLAG(name, member, of) \
    { name, 0, offsetof(struct d1_ctl_arguments, member), false, of }

static const struct option options[] = {
    TEXT("--socket", socket, 0),
    TEXT("--url", url, 0),
    TEXT("--token-file", token_file, 0),
    TEXT("--client-cert", client_cert, 0),
    FLAG("--json", json, 0),
    FLAG("--help", help, 0),
    FLAG("-h", help, 0),
    FLAG("--version", version, 0),
    TEXT("--lease", lease, D1_CTL_LEASE),
    FLAG("--follow", follow, D1_CTL_FOLLOW),
    TEXT("--name", name, D1_CTL_RIGHTS),
    TEXT("--names", names, D1_CTL_RIGHTS),
    TEXT("--owner-name", owner_name, D1_CTL_RIGHTS),
    TEXT("--verbs", verbs, D1_CTL_RIGHTS),
    TEXT("--quota", quota, D1_CTL_RIGHTS),
    FLAG("--no-tsig", no_tsig, D1_CTL_NO_TSIG),
    TEXT("--algorithm", algorithm, D1_CTL_ALGORITHM),
    TEXT("--config", config, D1_CTL_IMPORT),
    FLAG("--dry-run", dry_run, D1_CTL_IMPORT),
};

/* The option an argument names, alone or as --name=value. */
static const struct option *find_option(const char *argument, const char **ret_value) {
    *ret_value = NULL;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(options); i++) {
        size_t length = strlen(options[i].name);
        if (strncmp(argument, options[i].name, length) != 0) {
            continue;
        }
        if (argument[length] == '\0') {
            return &options[i];
        }
        if (argument[length] == '=' && options[i].takes_value) {
            *ret_value = argument + length + 1;
            return &options[i];
        }
    }
    return NULL;
}

static int set_option(const struct option *option, const char *value,
                      struct d1_ctl_arguments *arguments, struct d1_error *error) {
    char *base = (char *)arguments;
    if (!option->takes_value) {
        *(bool *)(void *)(base + option->flag_at) = true;
        return D1_OK;
    }
    const char **text = (const char **)(void *)(base + option->text_at);
    if (value == NULL || value[0] == '\0') {
        return d1_error_set(error, D1_EPARSE, "%s needs a value", option->name);
    }
    if (*text != NULL) {
        return d1_error_set(error, D1_EPARSE, "%s is given twice", option->name);
    }
    *text = value;
    return D1_OK;
}

static bool is_set(const struct option *option, const struct d1_ctl_arguments *arguments) {
    const char *base = (const char *)arguments;
    return option->takes_value
               ? *(const char *const *)(const void *)(base + option->text_at) != NULL
               : *(const bool *)(const void *)(base + option->flag_at);
}

static int add_word(const char *word, struct d1_ctl_arguments *arguments, struct d1_error *error) {
    const struct d1_ctl_command *command = arguments->command;
    bool room = command != NULL && arguments->operands_count < command->operands;
    if (word[0] == '-' && word[1] != '\0' && !room) {
        return d1_error_set(error, D1_EPARSE, "unknown option %s", word);
    }
    if (command == NULL) {
        arguments->command = d1_ctl_command_find(word);
        return arguments->command != NULL
                   ? D1_OK
                   : d1_error_set(error, D1_EPARSE, "unknown command %s", word);
    }
    if (!command->available) {
        return D1_OK; /* Whatever they are: it will say that it is not available. */
    }
    if (!room) {
        return d1_error_set(error, D1_EPARSE, "%s: too many arguments, at %s", command->name, word);
    }
    arguments->operands[arguments->operands_count++] = word;
    return D1_OK;
}

static int check_server(const struct d1_ctl_arguments *arguments, struct d1_error *error) {
    if (arguments->url != NULL && arguments->socket != NULL) {
        return d1_error_set(error, D1_EPARSE, "--socket and --url exclude each other");
    }
    if ((arguments->url != NULL) != (arguments->token_file != NULL)) {
        return d1_error_set(error, D1_EPARSE, "--url and --token-file go together");
    }
    return D1_OK;
}

static int check(const struct d1_ctl_arguments *arguments, struct d1_error *error) {
    const struct d1_ctl_command *command = arguments->command;
    if (arguments->help || arguments->version) {
        return D1_OK;
    }
    if (command == NULL) {
        return d1_error_set(error, D1_EPARSE, "a command is missing");
    }
    if (!command->available) {
        return D1_OK;
    }
    if (arguments->operands_count < command->operands - command->optional) {
        return d1_error_set(error, D1_EPARSE, "usage: dns01ctl %s%s%s", command->name,
                            command->usage[0] != '\0' ? " " : "", command->usage);
    }
    for (size_t i = 0; i < D1_ARRAY_LENGTH(options); i++) {
        const struct option *option = &options[i];
        if (option->of != 0 && (command->takes & option->of) == 0 && is_set(option, arguments)) {
            return d1_error_set(error, D1_EPARSE, "%s takes no %s", command->name, option->name);
        }
    }
    return check_server(arguments, error);
}

int d1_ctl_parse(int argc, const char *const *argv, struct d1_ctl_arguments *ret_arguments,
                 struct d1_error *error) {
    struct d1_ctl_arguments arguments = {.socket = NULL};
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        const char *value;
        const struct option *option = only_words ? NULL : find_option(argv[i], &value);
        int err;
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
            continue;
        }
        if (option != NULL) {
            if (option->takes_value && value == NULL && i + 1 < argc) {
                value = argv[++i];
            }
            err = set_option(option, value, &arguments, error);
        } else {
            err = add_word(argv[i], &arguments, error);
        }
        if (err != D1_OK) {
            return err;
        }
    }
    int err = check(&arguments, error);
    if (err == D1_OK) {
        *ret_arguments = arguments;
    }
    return err;
}

int d1_ctl_parse_options(int argc, const char *const *argv, int *ret_word,
                         struct d1_ctl_arguments *ret_arguments, struct d1_error *error) {
    struct d1_ctl_arguments arguments = {.socket = NULL};
    int word = 1;
    for (; word < argc; word++) {
        const char *value;
        const struct option *option = find_option(argv[word], &value);
        if (option == NULL) {
            break;
        }
        if (option->takes_value && value == NULL && word + 1 < argc) {
            value = argv[++word];
        }
        int err = set_option(option, value, &arguments, error);
        if (err != D1_OK) {
            return err;
        }
    }
    int err = check_server(&arguments, error);
    if (err == D1_OK) {
        *ret_word = word;
        *ret_arguments = arguments;
    }
    return err;
}

static const char *set_or_null(const char *text) {
    return text != NULL && text[0] != '\0' ? text : NULL;
}

int d1_ctl_complete(struct d1_ctl_arguments *arguments,
                    const struct d1_ctl_environment *environment, struct d1_error *error) {
    const char *socket = set_or_null(environment->socket);
    const char *url = set_or_null(environment->url);
    const char *token_file = set_or_null(environment->token_file);
    if (arguments->client_cert == NULL) {
        arguments->client_cert = set_or_null(environment->client_cert);
    }
    if (arguments->socket != NULL || arguments->url != NULL) {
        return D1_OK;
    }
    if (url != NULL && socket != NULL) {
        return d1_error_set(error, D1_EPARSE,
                            "DNS01CTL_SOCKET and DNS01CTL_URL exclude each other");
    }
    if ((url != NULL) != (token_file != NULL)) {
        return d1_error_set(error, D1_EPARSE, "DNS01CTL_URL and DNS01CTL_TOKEN_FILE go together");
    }
    arguments->socket = socket;
    arguments->url = url;
    arguments->token_file = token_file;
    return D1_OK;
}
