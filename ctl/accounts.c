#include "ctl/accounts.h"

#include <string.h>

#include "core/attr.h"
#include "core/limits.h"
#include "core/text.h"
#include "ctl/arguments.h"
#include "ctl/commands.h"
#include "ctl/print.h"

#define STATUS_USAGE 2

/* Networks as the table shows them: blanks between. Returns a new reference, or NULL. */
static json_t *row_of(const json_t *account) {
    char networks[D1_ALLOWFROM_MAX * 64] = "";
    size_t used = 0;
    size_t i;
    const json_t *range;
    json_array_foreach(json_object_get(account, "allowfrom"), i, range) {
        int wrote = snprintf(networks + used, sizeof(networks) - used, "%s%s", i > 0 ? " " : "",
                             json_is_string(range) ? json_string_value(range) : "?");
        used += (size_t)wrote < sizeof(networks) - used ? (size_t)wrote : 0;
    }
    return json_pack("{s:s, s:s, s:s, s:s}", "username", d1_ctl_text_of(account, "username"),
                     "fulldomain", d1_ctl_text_of(account, "fulldomain"), "created",
                     d1_ctl_text_of(account, "created"), "allowfrom",
                     used > 0 ? networks : "everybody");
}

static void print_accounts(struct d1_ctl_context *context, const json_t *accounts) {
    static const struct d1_ctl_column columns[] = {{"USERNAME", "username"},
                                                   {"NAME", "fulldomain"},
                                                   {"CREATED", "created"},
                                                   {"ALLOWED FROM", "allowfrom"}};
    json_t *rows = json_array();
    size_t i;
    const json_t *account;
    json_array_foreach(accounts, i, account) {
        json_array_append_new(rows, row_of(account));
    }
    d1_ctl_print_table(context->out, rows, columns, D1_ARRAY_LENGTH(columns));
    json_decref(rows);
}

/* Page by page, as the server gives them. Returns all of them, or NULL after an error was told. */
static json_t *fetch_all(struct d1_ctl_context *context) {
    json_t *all = json_array();
    char path[64 + D1_UUID_TEXT_BYTES] = "/v1/accounts";
    for (bool more = true; more;) {
        json_t *reply = NULL;
        if (!d1_ctl_ask(context, &(struct d1_ctl_request){"GET", path, NULL}, &reply)) {
            json_decref(all);
            return NULL;
        }
        const json_t *page = json_object_get(reply, "accounts");
        size_t count = json_array_size(page);
        json_array_extend(all, (json_t *)(uintptr_t)page);
        more = count > 0 && json_is_true(json_object_get(reply, "truncated"));
        if (more) {
            snprintf(path, sizeof(path), "/v1/accounts?after=%s",
                     d1_ctl_text_of(json_array_get(page, count - 1), "username"));
        }
        json_decref(reply);
    }
    return all;
}

static int list(struct d1_ctl_context *context) {
    json_t *all = fetch_all(context);
    if (all == NULL) {
        return 1;
    }
    if (context->arguments->json) {
        json_t *reply = json_pack("{s:O}", "accounts", all);
        d1_ctl_print_json(context->out, reply);
        json_decref(reply);
    } else {
        print_accounts(context, all);
    }
    json_decref(all);
    return 0;
}

/* {"allowfrom": [...]} of networks with commas between; false when it is too long. */
static bool pack_networks(const char *networks, char *body, size_t size) {
    json_t *list = json_array();
    while (*networks != '\0') {
        size_t length = strcspn(networks, ",");
        json_array_append_new(list, json_stringn(networks, length));
        networks += length + (networks[length] == ',' ? 1 : 0);
    }
    json_t *object = json_pack("{s:o}", "allowfrom", list);
    size_t length = object != NULL ? json_dumpb(object, body, size - 1, JSON_COMPACT) : size;
    json_decref(object);
    if (length > size - 1) {
        return false;
    }
    body[length] = '\0';
    return true;
}

/* Sends the change, shows what comes back. */
static int change(struct d1_ctl_context *context, const char *method, const char *path,
                  const char *body) {
    json_t *reply = NULL;
    if (!d1_ctl_ask(context, &(struct d1_ctl_request){method, path, body}, &reply)) {
        return 1;
    }
    if (context->arguments->json) {
        d1_ctl_print_json(context->out, reply);
    } else if (json_object_get(reply, "password") != NULL) {
        fputs("password    ", context->out);
        d1_ctl_print_text(context->out, d1_ctl_text_of(reply, "password"), 0);
        fputs("\n\nThe password is shown only now; the old one is not valid any more.\n",
              context->out);
    } else if (json_object_get(reply, "deleted") != NULL) {
        fputs("deleted, with its values\n", context->out);
    } else {
        json_t *accounts = json_pack("[O]", reply);
        print_accounts(context, accounts);
        json_decref(accounts);
    }
    json_decref(reply);
    return 0;
}

int d1_ctl_accounts(struct d1_ctl_context *context) {
    const struct d1_ctl_arguments *arguments = context->arguments;
    const char *action = arguments->operands_count > 0 ? arguments->operands[0] : "list";
    size_t more = arguments->operands_count > 0 ? arguments->operands_count - 1 : 0;
    if (strcmp(action, "list") == 0 && more == 0) {
        return list(context);
    }
    char username[D1_UUID_TEXT_BYTES];
    const char *given = more > 0 ? arguments->operands[1] : "";
    bool allows = strcmp(action, "allow") == 0;
    bool rotates = strcmp(action, "rotate") == 0;
    bool deletes = strcmp(action, "delete") == 0;
    if (!((allows && more == 2) || ((rotates || deletes) && more == 1))) {
        fputs("dns01ctl: usage: dns01ctl accounts " D1_CTL_ACCOUNTS_USAGE "\n", context->err);
        return STATUS_USAGE;
    }
    if (d1_uuid_parse(given, strlen(given), username) != 0) {
        fputs("dns01ctl: the username of an account is a UUID, as `dns01ctl accounts` shows it\n",
              context->err);
        return STATUS_USAGE;
    }
    char path[64 + D1_UUID_TEXT_BYTES];
    char body[D1_ALLOWFROM_MAX * 64];
    snprintf(path, sizeof(path), "/v1/accounts/%s%s", username, rotates ? "/rotate" : "");
    if (!allows) {
        return change(context, deletes ? "DELETE" : "POST", path, NULL);
    }
    if (!pack_networks(arguments->operands[2], body, sizeof(body))) {
        fputs("dns01ctl: the networks must be UTF-8 text of a sensible length\n", context->err);
        return STATUS_USAGE;
    }
    return change(context, "PATCH", path, body);
}
