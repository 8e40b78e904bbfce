#include "ctl/ctl.h"

#include "core/err.h"
#include "ctl/arguments.h"
#include "ctl/commands.h"

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
    fputs("\n"
          "  --socket PATH      control socket; else control.sock in $STATE_DIRECTORY or\n"
          "                     ./dns01d-state, else /var/lib/dns01d/control.sock\n"
          "  --url URL          the HTTP API instead, with --token-file FILE\n"
          "  --json             one line of JSON, for machines\n"
          "  --help, --version  of dns01ctl; --help after a command explains it\n"
          "\n"
          "Exit status: 0, 1 (failed), 2 (usage).\n",
          out);
}

static void print_command_help(FILE *out, const struct d1_ctl_command *command) {
    fprintf(out, "usage: dns01ctl %s%s%s\n\n%s\n", command->name,
            command->usage[0] != '\0' ? " " : "", command->usage, command->summary);
    if (command->takes_lease) {
        fputs("\n  --lease D          how long it stays unless cleaned up: 30s, 10m, 24h, 7d, or "
              "none\n",
              out);
    }
    if (command->takes_follow) {
        fputs("\n  --follow           go on showing what happens, until interrupted\n", out);
    }
    if (!command->available) {
        fputs("\nnot available in this version\n", out);
    }
}

static int run(const struct d1_ctl_arguments *arguments, FILE *out, FILE *err) {
    struct d1_error error = {.code = D1_OK};
    struct d1_ctl_context context = {
        .arguments = arguments, .out = out, .err = err, .poll_ms = POLL_MS};
    if (!arguments->command->available) {
        fprintf(err, "dns01ctl: %s: not available in this version\n", arguments->command->name);
        return STATUS_FAILED;
    }
    if (d1_ctl_client_create(arguments, &context.client, &error) != D1_OK) {
        fprintf(err, "dns01ctl: %s\n", error.text);
        return STATUS_FAILED;
    }
    int status = arguments->command->run(&context);
    d1_ctl_client_destroy(context.client);
    if (fflush(out) != 0 || ferror(out)) {
        fputs("dns01ctl: cannot write the output\n", err);
        return STATUS_FAILED;
    }
    return status;
}

int d1_ctl_main(int argc, const char *const *argv, FILE *out, FILE *err) {
    struct d1_ctl_arguments arguments;
    struct d1_error error = {.code = D1_OK};
    if (d1_ctl_parse(argc, argv, &arguments, &error) != D1_OK) {
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
        return run(&arguments, out, err);
    }
    return STATUS_OK;
}
