#include "ctl/tokens.h"

#include <ctype.h>
#include <string.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/text.h"
#include "ctl/arguments.h"
#include "ctl/commands.h"
#include "ctl/print.h"

#define STATUS_USAGE  2
#define ESCAPED_BYTES (3 * D1_TOKEN_NAME_MAX + 1)
#define BODY_BYTES    8192

struct kind {
    bool is_key;
    const char *command;
    const char *path;
    const char *member; /* Of the list. */
};

static const struct kind token_kind = {false, "token", "/v1/tokens", "tokens"};
static const struct kind key_kind = {true, "tsig", "/v1/tsig-keys", "tsig_keys"};

/* ---- Lists ---- */

/* The texts of a list with blanks between them. */
static void join(const json_t *list, char *text, size_t size) {
    size_t used = 0;
    size_t i;
    const json_t *entry;
    text[0] = '\0';
    json_array_foreach(list, i, entry) {
        const char *word = json_is_string(entry) ? json_string_value(entry) : "?";
        int wrote = snprintf(text + used, size - used, "%s%s", i > 0 ? " " : "", word);
        if ((size_t)wrote >= size - used) {
            return;
        }
        used += (size_t)wrote;
    }
}

/* Names and owners in one column, as they are all that it may serve. Returns a new reference. */
static json_t *row_of(const json_t *token) {
    char names[1024];
    char owners[1024];
    char serves[2 * sizeof(names) + 8];
    char verbs[128];
    join(json_object_get(token, "names"), names, sizeof(names));
    join(json_object_get(token, "owners"), owners, sizeof(owners));
    join(json_object_get(token, "verbs"), verbs, sizeof(verbs));
    snprintf(serves, sizeof(serves), "%s%s%s", names,
             names[0] != '\0' && owners[0] != '\0' ? " " : "", owners);
    bool hidden = json_is_true(json_object_get(token, "hidden"));
    return json_pack("{s:s, s:s, s:s, s:O*, s:O*, s:O*, s:s, s:O*}", "name",
                     d1_ctl_text_of(token, "name"), "serves", serves[0] != '\0' ? serves : "-",
                     "verbs", verbs[0] != '\0' ? verbs : "-", "lease",
                     json_object_get(token, "lease"), "quota", json_object_get(token, "quota"),
                     "algorithm", json_object_get(token, "algorithm"), "source",
                     hidden ? "hidden by the configuration" : d1_ctl_text_of(token, "source"),
                     "created", json_object_get(token, "created"));
}

static void print_tokens(struct d1_ctl_context *context, const json_t *tokens) {
    static const struct d1_ctl_column columns[] = {
        {"NAME", "name"},   {"SERVES", "serves"},  {"VERBS", "verbs"},   {"LEASE", "lease"},
        {"QUOTA", "quota"}, {"TSIG", "algorithm"}, {"SOURCE", "source"}, {"CREATED", "created"}};
    json_t *rows = json_array();
    size_t i;
    const json_t *token;
    json_array_foreach(tokens, i, token) {
        json_array_append_new(rows, row_of(token));
    }
    d1_ctl_print_table(context->out, rows, columns, D1_ARRAY_LENGTH(columns));
    json_decref(rows);
}

/* Page by page, as the server gives them. Returns all of them, or NULL after an error was told. */
static json_t *fetch_all(struct d1_ctl_context *context, const struct kind *kind) {
    json_t *all = json_array();
    char path[64 + ESCAPED_BYTES];
    snprintf(path, sizeof(path), "%s", kind->path);
    for (bool more = true; more;) {
        json_t *reply = NULL;
        if (!d1_ctl_ask(context, &(struct d1_ctl_request){"GET", path, NULL}, &reply)) {
            json_decref(all);
            return NULL;
        }
        json_t *page = json_object_get(reply, kind->member);
        size_t count = json_array_size(page);
        json_array_extend(all, page);
        more = count > 0 && json_is_true(json_object_get(reply, "truncated"));
        if (more) {
            char name[ESCAPED_BYTES];
            d1_ctl_escape(d1_ctl_text_of(json_array_get(page, count - 1), "name"), name,
                          sizeof(name));
            snprintf(path, sizeof(path), "%s?after=%s", kind->path, name);
        }
        json_decref(reply);
    }
    return all;
}

static int list(struct d1_ctl_context *context, const struct kind *kind) {
    json_t *all = fetch_all(context, kind);
    if (all == NULL) {
        return 1;
    }
    if (context->arguments->json) {
        json_t *reply = json_pack("{s:O}", kind->member, all);
        d1_ctl_print_json(context->out, reply);
        json_decref(reply);
    } else {
        print_tokens(context, all);
    }
    json_decref(all);
    return 0;
}

/* ---- Lines to paste ---- */

static void print_field(FILE *out, const char *before, const char *text, const char *after) {
    fputs(before, out);
    d1_ctl_print_text(out, text, 0);
    fputs(after, out);
}

static void print_upper(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        fputc(toupper((unsigned char)*text), out);
    }
}

static void print_key_lines(FILE *out, const char *name, const char *algorithm,
                            const char *secret) {
    print_field(out, "\n# nsupdate and knsupdate: -y ", algorithm, ":");
    print_field(out, "", name, ":");
    print_field(out, "", secret, "\n");
    print_field(out, "# nsupdate -k FILE, BIND:\nkey \"", name, "\" {\n");
    print_field(out, "    algorithm ", algorithm, ";\n");
    print_field(out, "    secret \"", secret, "\";\n};\n");
    fputs("\n# lego --dns rfc2136; SERVER is where dns01d answers\n"
          "RFC2136_NAMESERVER=SERVER:53\n",
          out);
    print_field(out, "RFC2136_TSIG_ALGORITHM=", algorithm, ".\n");
    print_field(out, "RFC2136_TSIG_KEY=", name, ".\n");
    print_field(out, "RFC2136_TSIG_SECRET=", secret, "\n");
    fputs("\n# certbot --dns-rfc2136-credentials FILE; the address of dns01d\n"
          "dns_rfc2136_server = 192.0.2.1\n"
          "dns_rfc2136_port = 53\n",
          out);
    print_field(out, "dns_rfc2136_name = ", name, ".\n");
    print_field(out, "dns_rfc2136_secret = ", secret, "\ndns_rfc2136_algorithm = ");
    print_upper(out, algorithm);
    fputs("\ndns_rfc2136_sign_query = true\n", out);
}

static void print_token_lines(FILE *out, const char *url, const char *name, const char *secret) {
    print_field(out, "\n# any HTTP client\nAuthorization: Bearer ", secret, "\n");
    fputs("\n# lego --dns httpreq\nHTTPREQ_ENDPOINT=", out);
    print_field(out, "", url != NULL ? url : "https://dns01d.example.org", "\n");
    print_field(out, "HTTPREQ_USERNAME=", name, "\n");
    print_field(out, "HTTPREQ_PASSWORD=", secret, "\n");
}

static void print_secrets(struct d1_ctl_context *context, const json_t *reply, bool is_key) {
    FILE *out = context->out;
    const char *name = d1_ctl_text_of(reply, "name");
    const char *secret = d1_ctl_text_of(reply, "secret");
    const char *key = is_key ? secret : json_string_value(json_object_get(reply, "tsig_secret"));
    print_field(out, "name         ", name, "\n");
    print_field(out, "secret       ", secret, "\n");
    if (key != NULL && !is_key) {
        print_field(out, "tsig secret  ", key, "\n");
    }
    if (key != NULL) {
        print_field(out, "algorithm    ", d1_ctl_text_of(reply, "algorithm"), "\n");
    }
    fputs("\nSecrets are shown only now. To paste:\n", out);
    if (!is_key) {
        print_token_lines(out, context->arguments->url, name, secret);
    }
    if (key != NULL) {
        print_key_lines(out, name, d1_ctl_text_of(reply, "algorithm"), key);
    }
}

/* ---- Requests ---- */

/* Sends, and shows what comes back. */
static int ask(struct d1_ctl_context *context, const struct kind *kind,
               const struct d1_ctl_request *request) {
    json_t *reply = NULL;
    if (!d1_ctl_ask(context, request, &reply)) {
        return 1;
    }
    if (context->arguments->json) {
        d1_ctl_print_json(context->out, reply);
    } else if (json_object_get(reply, "secret") != NULL) {
        print_secrets(context, reply, kind->is_key);
    } else if (json_object_get(reply, "removed") != NULL) {
        fputs("removed; its values stay until their lease ends\n", context->out);
    } else {
        json_t *tokens = json_pack("[O]", reply);
        print_tokens(context, tokens);
        json_decref(tokens);
    }
    json_decref(reply);
    return 0;
}

/* A list with commas between its entries; NULL for NULL. Returns a new reference. */
static json_t *split(const char *text) {
    if (text == NULL) {
        return NULL;
    }
    json_t *list = json_array();
    while (*text != '\0') {
        size_t length = strcspn(text, ",");
        json_array_append_new(list, json_stringn(text, length));
        text += length + (text[length] == ',' ? 1 : 0);
    }
    return list;
}

/* The body of a POST; false when an argument makes no sense. */
static bool pack(struct d1_ctl_context *context, const char *name, char body[BODY_BYTES]) {
    const struct d1_ctl_arguments *arguments = context->arguments;
    uint64_t quota = 0;
    if (arguments->quota != NULL &&
        d1_number_parse(arguments->quota, 1, D1_CHALLENGES_MAX, &quota) != D1_OK) {
        fputs("dns01ctl: --quota: expected a number of values, at least 1\n", context->err);
        return false;
    }
    json_t *object =
        json_pack("{s:s, s:o*, s:o*, s:o*, s:s*, s:s*, s:o*, s:o*}", "name", name, "names",
                  split(arguments->names), "owners", split(arguments->owner_name), "verbs",
                  split(arguments->verbs), "lease", arguments->lease, "algorithm",
                  arguments->algorithm, "quota", quota > 0 ? json_integer((json_int_t)quota) : NULL,
                  "tsig", arguments->no_tsig ? json_false() : NULL);
    size_t length = object != NULL ? json_dumpb(object, body, BODY_BYTES - 1, JSON_COMPACT) : 0;
    json_decref(object);
    if (length == 0 || length > BODY_BYTES - 1) {
        fputs("dns01ctl: names, verbs and lease must be UTF-8 text of a sensible length\n",
              context->err);
        return false;
    }
    body[length] = '\0';
    return true;
}

static bool is_new_only(const struct d1_ctl_arguments *arguments) {
    return arguments->names != NULL || arguments->owner_name != NULL || arguments->verbs != NULL ||
           arguments->quota != NULL || arguments->algorithm != NULL || arguments->no_tsig ||
           arguments->lease != NULL;
}

/* What is done with one of them. Returns -1 when the words make no sense. */
static int act(struct d1_ctl_context *context, const struct kind *kind, const char *action,
               const char *name) {
    char body[BODY_BYTES];
    char escaped[ESCAPED_BYTES];
    char path[64 + ESCAPED_BYTES];
    if (strcmp(action, "new") == 0) {
        return pack(context, name, body)
                   ? ask(context, kind, &(struct d1_ctl_request){"POST", kind->path, body})
                   : STATUS_USAGE;
    }
    bool rotates = strcmp(action, "rotate") == 0;
    bool shows = strcmp(action, "show") == 0;
    bool removes = strcmp(action, "remove") == 0 || strcmp(action, "delete") == 0;
    if (!(rotates || shows || removes) || is_new_only(context->arguments)) {
        return -1;
    }
    d1_ctl_escape(name, escaped, sizeof(escaped));
    snprintf(path, sizeof(path), "%s/%s%s", kind->path, escaped, rotates ? "/rotate" : "");
    const char *method = removes ? "DELETE" : shows ? "GET" : "POST";
    return ask(context, kind, &(struct d1_ctl_request){method, path, NULL});
}

static int run(struct d1_ctl_context *context, const struct kind *kind) {
    const struct d1_ctl_arguments *arguments = context->arguments;
    const char *action = arguments->operands_count > 0 ? arguments->operands[0] : "list";
    const char *operand = arguments->operands_count > 1 ? arguments->operands[1] : NULL;
    const char *name = operand != NULL ? operand : arguments->name;
    int status = -1;
    if (strcmp(action, "list") == 0 && name == NULL && !is_new_only(arguments)) {
        return list(context, kind);
    }
    bool once = operand == NULL || arguments->name == NULL;
    if (name != NULL && once && name[0] != '-' && name[0] != '\0' &&
        strlen(name) <= D1_TOKEN_NAME_MAX) {
        status = act(context, kind, action, name);
    }
    if (status < 0) {
        fprintf(context->err, "dns01ctl: usage: dns01ctl %s %s; see dns01ctl %s --help\n",
                kind->command, D1_CTL_TOKENS_USAGE, kind->command);
    }
    return status < 0 ? STATUS_USAGE : status;
}

int d1_ctl_token(struct d1_ctl_context *context) {
    return run(context, &token_kind);
}

int d1_ctl_tsig(struct d1_ctl_context *context) {
    return run(context, &key_kind);
}

void d1_ctl_tokens_help(FILE *out, unsigned takes) {
    bool token = (takes & D1_CTL_NO_TSIG) != 0;
    fputs("\n"
          "  list               all of them, those of the configuration file too\n"
          "  new --name NAME    make one, and show its secret, once\n"
          "  show NAME          one of them\n"
          "  rotate NAME        end its secret and show a new one\n"
          "  remove NAME        end its rights; its values stay until their lease ends\n"
          "\nOptions of new; lists have commas between their entries:\n",
          out);
    fputs(token ? "  --names P,...      names to be certified, or patterns (*.NAME, **.NAME); else "
                  "NAME\n"
                : "  --names P,...      names to be certified, or patterns (*.NAME, **.NAME, **)\n",
          out);
    fputs("  --owner-name O,... owner names in zones served here: targets of CNAMEs\n"
          "  --verbs V,...      present, cleanup, read, register, admin; else the first three\n"
          "  --lease D          default and longest lease of its values, as 7d\n"
          "  --quota N          values it may hold at a time\n",
          out);
    fputs(token ? "  --no-tsig          no TSIG key of the same name\n"
                : "  --algorithm A      hmac-sha256 (default), hmac-sha512 and others\n",
          out);
}
