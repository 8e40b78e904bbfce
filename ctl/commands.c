#include "ctl/commands.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/limits.h"
#include "ctl/accounts.h"
#include "ctl/arguments.h"
#include "ctl/hookpaste.h"
#include "ctl/import/import.h"
#include "ctl/print.h"
#include "ctl/providers.h"
#include "ctl/tokens.h"

/* A name or value in percent escapes: each octet may take three. */
#define ESCAPED_BYTES (3 * D1_NAME_TEXT_MAX + 4)

bool d1_ctl_ask(struct d1_ctl_context *context, const struct d1_ctl_request *request,
                json_t **ret_reply) {
    struct d1_error error = {.code = D1_OK};
    if (context->client->send(context->client, request, ret_reply, &error) == D1_OK) {
        return true;
    }
    fputs("dns01ctl: ", context->err);
    d1_ctl_print_text(context->err, error.text, 0);
    fputc('\n', context->err);
    return false;
}

static bool fits(struct d1_ctl_context *context, const char *text, const char *what, size_t max) {
    if (strlen(text) <= max) {
        return true;
    }
    fprintf(context->err, "dns01ctl: the %s is longer than %zu octets\n", what, max);
    return false;
}

static bool name_fits(struct d1_ctl_context *context, const char *name) {
    return fits(context, name, "name", D1_NAME_TEXT_MAX - 1);
}

static bool challenge_fits(struct d1_ctl_context *context, const char *name, const char *value) {
    return name_fits(context, name) && fits(context, value, "value", D1_TXT_STRING_MAX);
}

/* The body {"name", "value", "lease"?}; false without memory or when they are no UTF-8. */
static bool pack_challenge(struct d1_ctl_context *context, const char *name, const char *value,
                           char *body, size_t size) {
    json_t *object = json_pack("{s:s, s:s, s:s*}", "name", name, "value", value, "lease",
                               context->arguments->lease);
    size_t length = object != NULL ? json_dumpb(object, body, size - 1, JSON_COMPACT) : 0;
    json_decref(object);
    if (length == 0 || length > size - 1) {
        fputs("dns01ctl: name, value and lease must be UTF-8 text of a sensible length\n",
              context->err);
        return false;
    }
    body[length] = '\0';
    return true;
}

bool d1_ctl_present(struct d1_ctl_context *context, const char *name, const char *value,
                    json_t **ret_reply) {
    char body[4 * D1_NAME_TEXT_MAX];
    return challenge_fits(context, name, value) &&
           pack_challenge(context, name, value, body, sizeof(body)) &&
           d1_ctl_ask(context, &(struct d1_ctl_request){"POST", "/v1/challenges", body}, ret_reply);
}

bool d1_ctl_cleanup(struct d1_ctl_context *context, const char *name, const char *value,
                    json_t **ret_reply) {
    char escaped_name[ESCAPED_BYTES];
    char escaped_value[ESCAPED_BYTES];
    char path[2 * ESCAPED_BYTES + 64];
    if (!challenge_fits(context, name, value)) {
        return false;
    }
    d1_ctl_escape(name, escaped_name, sizeof(escaped_name));
    d1_ctl_escape(value, escaped_value, sizeof(escaped_value));
    snprintf(path, sizeof(path), "/v1/challenges?name=%s&value=%s", escaped_name, escaped_value);
    return d1_ctl_ask(context, &(struct d1_ctl_request){"DELETE", path, NULL}, ret_reply);
}

static int run_present(struct d1_ctl_context *context) {
    const char *const *operands = context->arguments->operands;
    json_t *reply = NULL;
    if (!d1_ctl_present(context, operands[0], operands[1], &reply)) {
        return 1;
    }
    if (context->arguments->json) {
        d1_ctl_print_json(context->out, reply);
    } else {
        static const struct d1_ctl_column columns[] = {{"NAME", "name"},
                                                       {"VALUE", "value"},
                                                       {"OWNER", "owner"},
                                                       {"EXPIRES", "expires"},
                                                       {"FOLLOWED TO", "followed_to"}};
        bool followed = json_object_get(reply, "followed_to") != NULL;
        json_t *rows = json_pack("[O]", reply);
        d1_ctl_print_table(context->out, rows, columns,
                           D1_ARRAY_LENGTH(columns) - (followed ? 0 : 1));
        json_decref(rows);
    }
    json_decref(reply);
    return 0;
}

static int run_cleanup(struct d1_ctl_context *context) {
    const char *const *operands = context->arguments->operands;
    json_t *reply = NULL;
    if (!d1_ctl_cleanup(context, operands[0], operands[1], &reply)) {
        return 1;
    }
    if (context->arguments->json) {
        d1_ctl_print_json(context->out, reply);
    } else {
        fputs("removed\n", context->out);
    }
    json_decref(reply);
    return 0;
}

static int run_list(struct d1_ctl_context *context) {
    static const struct d1_ctl_column columns[] = {
        {"NAME", "name"}, {"VALUE", "value"}, {"OWNER", "owner"}, {"EXPIRES", "expires"}};
    json_t *reply = NULL;
    if (!d1_ctl_ask(context, &(struct d1_ctl_request){"GET", "/v1/challenges", NULL}, &reply)) {
        return 1;
    }
    if (context->arguments->json) {
        d1_ctl_print_json(context->out, reply);
    } else {
        d1_ctl_print_table(context->out, json_object_get(reply, "challenges"), columns,
                           D1_ARRAY_LENGTH(columns));
        if (json_is_true(json_object_get(reply, "truncated"))) {
            fputs("dns01ctl: there are more; the server lists no more at once\n", context->err);
        }
    }
    json_decref(reply);
    return 0;
}

/* The fields of an event but time and event, as "key=value key=value". */
static void print_event(FILE *out, json_t *event) {
    const char *key;
    json_t *value;
    d1_ctl_print_text(out, d1_ctl_text_of(event, "time"), 26);
    d1_ctl_print_text(out, d1_ctl_text_of(event, "event"), 10);
    json_object_foreach(event, key, value) {
        if (strcmp(key, "time") == 0 || strcmp(key, "event") == 0) {
            continue;
        }
        fputc(' ', out);
        d1_ctl_print_text(out, key, 0);
        fputc('=', out);
        if (json_is_string(value)) {
            d1_ctl_print_text(out, json_string_value(value), 0);
        } else {
            json_dumpf(value, out, JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
        }
    }
    fputc('\n', out);
}

/* Where the events begin that follow those seen last time; old ones may have been forgotten. */
static size_t first_new(const json_t *events, size_t seen, const json_t *last) {
    size_t count = json_array_size(events);
    if (last == NULL) {
        return 0;
    }
    if (seen > 0 && seen <= count && json_equal(json_array_get(events, seen - 1), last)) {
        return seen;
    }
    for (size_t i = count; i > 0; i--) {
        if (json_equal(json_array_get(events, i - 1), last)) {
            return i;
        }
    }
    return 0;
}

static void print_events(struct d1_ctl_context *context, const json_t *events, size_t from) {
    for (size_t i = from; i < json_array_size(events); i++) {
        if (context->arguments->json) {
            d1_ctl_print_json(context->out, json_array_get(events, i));
        } else {
            print_event(context->out, json_array_get(events, i));
        }
    }
    fflush(context->out);
}

static void wait_ms(unsigned ms) {
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* Polls: the server has no stream of events yet. With --json one event a line. */
static int follow(struct d1_ctl_context *context, const char *path) {
    json_t *last = NULL;
    size_t seen = 0;
    int status = 0;
    for (unsigned polls = 1; status == 0; polls++) {
        json_t *reply = NULL;
        if (!d1_ctl_ask(context, &(struct d1_ctl_request){"GET", path, NULL}, &reply)) {
            status = 1;
            continue;
        }
        json_t *events = json_object_get(reply, "events");
        print_events(context, events, first_new(events, seen, last));
        seen = json_array_size(events);
        json_decref(last);
        last = seen > 0 ? json_incref(json_array_get(events, seen - 1)) : NULL;
        json_decref(reply);
        if (ferror(context->out) || polls == context->polls_max) {
            break;
        }
        wait_ms(context->poll_ms);
    }
    json_decref(last);
    return status;
}

static int run_trace(struct d1_ctl_context *context) {
    char name[ESCAPED_BYTES];
    char path[ESCAPED_BYTES + 64];
    json_t *reply = NULL;
    if (!name_fits(context, context->arguments->operands[0])) {
        return 1;
    }
    d1_ctl_escape(context->arguments->operands[0], name, sizeof(name));
    snprintf(path, sizeof(path), "/v1/challenges/%s/timeline", name);
    if (context->arguments->follow) {
        return follow(context, path);
    }
    if (!d1_ctl_ask(context, &(struct d1_ctl_request){"GET", path, NULL}, &reply)) {
        return 1;
    }
    if (context->arguments->json) {
        d1_ctl_print_json(context->out, reply);
        json_decref(reply);
        return 0;
    }
    print_events(context, json_object_get(reply, "events"), 0);
    if (json_array_size(json_object_get(reply, "events")) == 0) {
        fputs("dns01ctl: nothing is known of this name\n", context->err);
    }
    json_int_t more = json_integer_value(json_object_get(reply, "asked_not_listed"));
    if (more > 0) {
        fprintf(context->out, "and asked %lld more times\n", (long long)more);
    }
    json_decref(reply);
    return 0;
}

static int run_register(struct d1_ctl_context *context) {
    json_t *reply = NULL;
    if (!d1_ctl_ask(context, &(struct d1_ctl_request){"POST", "/register", NULL}, &reply)) {
        return 1;
    }
    if (context->arguments->json) {
        d1_ctl_print_json(context->out, reply);
    } else {
        static const char *const keys[] = {"username", "password", "fulldomain", "subdomain"};
        for (size_t i = 0; i < D1_ARRAY_LENGTH(keys); i++) {
            d1_ctl_print_text(context->out, keys[i], 12);
            d1_ctl_print_text(context->out, d1_ctl_text_of(reply, keys[i]), 0);
            fputc('\n', context->out);
        }
        fputs("\nThe password is shown only now. In the zone of the name to be certified:\n"
              "_acme-challenge CNAME ",
              context->out);
        d1_ctl_print_text(context->out, d1_ctl_text_of(reply, "fulldomain"), 0);
        fputs(".\n", context->out);
    }
    json_decref(reply);
    return 0;
}

static int run_reload(struct d1_ctl_context *context) {
    json_t *reply = NULL;
    if (!d1_ctl_ask(context, &(struct d1_ctl_request){"POST", "/v1/reload", NULL}, &reply)) {
        return 1;
    }
    if (context->arguments->json) {
        d1_ctl_print_json(context->out, reply);
    } else {
        fputs("reloaded\n", context->out);
    }
    json_decref(reply);
    return 0;
}

static int run_hook(struct d1_ctl_context *context) {
    const char *client = context->arguments->operands[0];
    if (context->arguments->operands_count == 0) {
        d1_hook_list(context->out);
        return 0;
    }
    if (d1_hook_paste(context->out, client) != D1_OK) {
        fputs("dns01ctl: there are no lines for ", context->err);
        d1_ctl_print_text(context->err, client, 0);
        fputs("; `dns01ctl hook` lists the clients\n", context->err);
        return 1;
    }
    return 0;
}

#define LATER(name, usage, summary) \
    { (name), (usage), (summary), 0, 0, 0, false, false, NULL }

static const struct d1_ctl_command commands[] = {
    {"present", "NAME VALUE [--lease D]",
     "put a TXT value at an owner name, and wait until it is live", 2, 0, D1_CTL_LEASE, true, false,
     run_present},
    {"cleanup", "NAME VALUE", "remove exactly that value", 2, 0, 0, true, false, run_cleanup},
    {"list", "", "show the live challenges", 0, 0, 0, true, false, run_list},
    {"trace", "NAME [--follow]", "show what happened at an owner name", 1, 0, D1_CTL_FOLLOW, true,
     false, run_trace},
    {"register", "", "make an acme-dns account", 0, 0, 0, true, false, run_register},
    {"accounts", D1_CTL_ACCOUNTS_USAGE, "the acme-dns accounts: show and change them", 3, 3, 0,
     true, false, d1_ctl_accounts},
    {"token", D1_CTL_TOKENS_USAGE, "tokens for the HTTP doors and TSIG: show, make, rotate, remove",
     2, 2, D1_CTL_LEASE | D1_CTL_RIGHTS | D1_CTL_NO_TSIG, true, false, d1_ctl_token},
    {"tsig", D1_CTL_TOKENS_USAGE, "TSIG keys for UPDATE: show, make, rotate, remove", 2, 2,
     D1_CTL_LEASE | D1_CTL_RIGHTS | D1_CTL_ALGORITHM, true, false, d1_ctl_tsig},
    {"import", D1_CTL_IMPORT_USAGE, "take over the accounts of an acme-dns, or of a goacmedns file",
     3, 2, D1_CTL_IMPORT, true, false, d1_ctl_import},
    {"reload", "", "let the server read its configuration again", 0, 0, 0, true, false, run_reload},
    {"hook", "[CLIENT]", "print what makes an ACME client call dns01ctl, or list the clients", 1, 1,
     0, true, true, run_hook},
    {"providers", "[TYPE]", "the DNS providers this version knows, or the settings of one", 1, 1, 0,
     true, true, d1_ctl_providers},
    {"provider-test", "ACCOUNT DOMAIN", "try an account: write a value, look for it, remove it", 2,
     0, 0, true, false, d1_ctl_provider_test},
    LATER("doctor", "DOMAIN", "check delegation and CA rules"),
    LATER("backup", "FILE", "copy the store"),
    LATER("restore", "FILE", "bring a copy back"),
    LATER("zone", "ds NAME", "show a zone's DS records"),
    {.name = NULL},
};

const struct d1_ctl_command *d1_ctl_commands(void) {
    return commands;
}

const struct d1_ctl_command *d1_ctl_command_find(const char *name) {
    for (const struct d1_ctl_command *command = commands; command->name != NULL; command++) {
        if (strcmp(command->name, name) == 0) {
            return command;
        }
    }
    return NULL;
}
