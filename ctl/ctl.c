#include "ctl/ctl.h"

#include <stdlib.h>

#include "core/err.h"
#include "ctl/arguments.h"
#include "ctl/commands.h"
#include "ctl/hook.h"
#include "ctl/hookrun.h"
#include "ctl/tokens.h"

#define POLL_MS 1000 /* trace --follow; the server has no stream of events yet. */

enum { STATUS_OK, STATUS_FAILED, STATUS_USAGE };

static void print_help(FILE *out) {
    fputs("usage: dns01ctl [--socket PATH | --url URL --token-file FILE] [--json] COMMAND\n\n",
          out);
    for (const struct d1_ctl_command *c = d1_ctl_commands(); c->name != NULL; c++) {
        if (c->available) {
            char call[64];
            snprintf(call, sizeof(call), "%s %s", c->name, c->usage);
            fprintf(out, "  %-32s %s\n", call, c->summary);
        }
    }
    fputs(
        "\n"
        "  --socket PATH      control socket; else control.sock in $STATE_DIRECTORY or\n"
        "                     ./dns01d-state, else /var/lib/dns01d/control.sock\n"
        "  --url URL          the HTTP API instead, with --token-file FILE\n"
        "  --client-cert FILE PEM file with a certificate and its key, where the API asks for one\n"
        "                     Without options, DNS01CTL_SOCKET, or DNS01CTL_URL and\n"
        "                     DNS01CTL_TOKEN_FILE, and DNS01CTL_CLIENT_CERT, from the\n"
        "                     environment.\n"
        "  --json             one line of JSON, for machines\n"
        "  --help, --version  of dns01ctl; --help after a command explains it\n"
        "\n"
        "Exit status: 0, 1 (failed), 2 (usage).\n",
        out);
}

static void print_command_help(FILE *out, const struct d1_ctl_command *command) {
    fprintf(out, "usage: dns01ctl %s%s%s\n\n%s\n", command->name,
            command->usage[0] != '\0' ? " " : "", command->usage, command->summary);
    if ((command->takes & D1_CTL_RIGHTS) != 0) {
        d1_ctl_tokens_help(out, command->takes);
    } else if ((command->takes & D1_CTL_LEASE) != 0) {
        fputs("\n  --lease D          how long it stays unless cleaned up: 30s, 10m, 24h, 7d, or "
              "none\n",
              out);
    }
    if ((command->takes & D1_CTL_FOLLOW) != 0) {
        fputs("\n  --follow           go on showing what happens, until interrupted\n", out);
    }
    if ((command->takes & D1_CTL_IMPORT) != 0) {
        fputs(
            "\n  FILE               acme-dns: its SQLite file, a plain dump of its PostgreSQL, or\n"
            "                     `records` (and `txt`) as CSV; goacmedns: the client's JSON file\n"
            "  --dry-run          compare with the server and report; change nothing\n"
            "  --config FILE      print acme-dns' config.cfg as configuration of dns01d; with\n"
            "                     this, FILE may be missing\n",
            out);
    }
    if (!command->available) {
        fputs("\nnot available in this version\n", out);
    }
}

/* Runs a command, or a hook call where that is given. */
static int run_connected(struct d1_ctl_context *context, struct d1_ctl_arguments *arguments,
                         const struct d1_hook_call *call) {
    const struct d1_ctl_environment environment = {.socket = getenv("DNS01CTL_SOCKET"),
                                                   .url = getenv("DNS01CTL_URL"),
                                                   .token_file = getenv("DNS01CTL_TOKEN_FILE"),
                                                   .client_cert = getenv("DNS01CTL_CLIENT_CERT")};
    struct d1_error error = {.code = D1_OK};
    if (d1_ctl_complete(arguments, &environment, &error) != D1_OK) {
        fprintf(context->err, "dns01ctl: %s\n", error.text);
        return STATUS_USAGE;
    }
    if (d1_ctl_client_create(arguments, &context->client, &error) != D1_OK) {
        fprintf(context->err, "dns01ctl: %s\n", error.text);
        return STATUS_FAILED;
    }
    int status = call != NULL ? d1_hook_run(context, call) : arguments->command->run(context);
    d1_ctl_client_destroy(context->client);
    return status;
}

static int run(struct d1_ctl_arguments *arguments, const struct d1_hook_call *call, FILE *out,
               FILE *err) {
    struct d1_ctl_context context = {
        .arguments = arguments, .out = out, .err = err, .poll_ms = POLL_MS};
    const struct d1_ctl_command *command = arguments->command;
    int status;
    if (call != NULL && call->count == 0) {
        status = d1_hook_run(&context, call);
    } else if (call != NULL || (command->available && !command->local)) {
        status = run_connected(&context, arguments, call);
    } else if (command->available) {
        status = command->run(&context);
    } else {
        fprintf(err, "dns01ctl: %s: not available in this version\n", command->name);
        status = STATUS_FAILED;
    }
    if (fflush(out) != 0 || ferror(out)) {
        fputs("dns01ctl: cannot write the output\n", err);
        return STATUS_FAILED;
    }
    return status;
}

/* Returns 0 when these are the arguments of an ACME client's hook; see d1_hook_recognise(). */
static int parse_hook(int argc, const char *const *argv,
                      const struct d1_hook_environment *environment,
                      struct d1_ctl_arguments *ret_arguments, struct d1_hook_call *ret_call,
                      struct d1_error *error) {
    int word;
    if (d1_ctl_parse_options(argc, argv, &word, ret_arguments, error) != D1_OK ||
        ret_arguments->help || ret_arguments->version) {
        return D1_ENOTFOUND; /* Told of, or done, as for a command. */
    }
    return d1_hook_recognise((size_t)(argc - word), argv + word, environment, ret_call, error);
}

int d1_ctl_main(int argc, const char *const *argv, FILE *out, FILE *err) {
    const struct d1_hook_environment environment = {.domain = getenv("CERTBOT_DOMAIN"),
                                                    .validation = getenv("CERTBOT_VALIDATION"),
                                                    .token = getenv("CERTBOT_TOKEN"),
                                                    .auth_output = getenv("CERTBOT_AUTH_OUTPUT")};
    struct d1_ctl_arguments arguments;
    struct d1_hook_call call;
    struct d1_error error = {.code = D1_OK};
    int result = parse_hook(argc, argv, &environment, &arguments, &call, &error);
    if (result == D1_OK) {
        return run(&arguments, &call, out, err);
    }
    if (result == D1_ENOTFOUND) {
        result = d1_ctl_parse(argc, argv, &arguments, &error);
    }
    if (result != D1_OK) {
        fprintf(err, "dns01ctl: %s; see dns01ctl --help\n", error.text);
        return STATUS_USAGE;
    }
    if (arguments.version) {
        fputs("dns01ctl " D1_VERSION "\n", out);
    } else if (arguments.help && arguments.command != NULL) {
        print_command_help(out, arguments.command);
    } else if (arguments.help) {
        print_help(out);
    } else {
        return run(&arguments, NULL, out, err);
    }
    return STATUS_OK;
}
