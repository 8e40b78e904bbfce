#include "ctl/providers.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/hash.h"
#include "core/limits.h"
#include "core/text.h"
#include "ctl/arguments.h"
#include "ctl/commands.h"
#include "ctl/print.h"
#include "providers/builtin.h"

#define CELL_BYTES 512

/* ---- providers [TYPE] ---- */

static json_t *environment_of(const struct d1_provider_setting *setting) {
    json_t *list = json_array();
    for (const char *const *name = setting->environment; name != NULL && *name != NULL; name++) {
        json_array_append_new(list, json_string(*name));
    }
    return list;
}

/* A setting as `--json` shows it. */
static json_t *setting_of(const struct d1_provider_setting *setting) {
    return json_pack("{s:s, s:s, s:b, s:b, s:s?, s:o}", "name", setting->name, "help",
                     setting->text, "secret", setting->secret != 0, "required",
                     setting->required != 0 && setting->fallback == NULL, "default",
                     setting->fallback, "environment", environment_of(setting));
}

static json_t *type_of(const struct d1_provider *provider) {
    json_t *settings = json_array();
    for (size_t i = 0; i < provider->setting_count; i++) {
        json_array_append_new(settings, setting_of(&provider->settings[i]));
    }
    return json_pack("{s:s, s:s, s:o}", "type", provider->type, "title", provider->title,
                     "settings", settings);
}

/* All types, or the one that was asked for. NULL after an error was told. */
static json_t *read_types(struct d1_ctl_context *context, struct d1_builtin *builtin,
                          const char *only) {
    json_t *types = json_array();
    for (size_t i = 0; i < d1_builtin_count(builtin); i++) {
        const struct d1_provider *provider = NULL;
        struct d1_error error = {.text = ""};
        const char *name = d1_builtin_type(builtin, i);
        if (only != NULL && strcmp(only, name) != 0) {
            continue;
        }
        if (d1_builtin_find(builtin, name, &provider, &error) != D1_OK) {
            fprintf(context->err, "dns01ctl: %s: %s\n", name, error.text);
            continue;
        }
        json_array_append_new(types, type_of(provider));
    }
    if (json_array_size(types) == 0) {
        fputs("dns01ctl: there is no provider ", context->err);
        d1_ctl_print_text(context->err, only != NULL ? only : "", 0);
        fputs("; `dns01ctl providers` lists them\n", context->err);
        json_decref(types);
        return NULL;
    }
    return types;
}

static void add_word(char cell[CELL_BYTES], const char *word, const char *behind) {
    size_t used = strlen(cell);
    snprintf(cell + used, CELL_BYTES - used, "%s%s%s", used > 0 ? " " : "", word, behind);
}

static void print_types(struct d1_ctl_context *context, const json_t *types) {
    static const struct d1_ctl_column columns[] = {
        {"TYPE", "type"}, {"PROVIDER", "title"}, {"NEEDS", "needs"}};
    json_t *rows = json_array();
    size_t i;
    const json_t *type;
    json_array_foreach(types, i, type) {
        char needs[CELL_BYTES] = "";
        size_t j;
        const json_t *setting;
        json_array_foreach(json_object_get(type, "settings"), j, setting) {
            if (json_is_true(json_object_get(setting, "required"))) {
                bool secret = json_is_true(json_object_get(setting, "secret"));
                add_word(needs, d1_ctl_text_of(setting, "name"), secret ? "-file" : "");
            }
        }
        json_array_append_new(rows,
                              json_pack("{s:s, s:s, s:s}", "type", d1_ctl_text_of(type, "type"),
                                        "title", d1_ctl_text_of(type, "title"), "needs", needs));
    }
    d1_ctl_print_table(context->out, rows, columns, D1_ARRAY_LENGTH(columns));
    json_decref(rows);
}

static json_t *row_of(const json_t *setting) {
    char environment[CELL_BYTES] = "";
    char name[CELL_BYTES] = "";
    size_t i;
    const json_t *variable;
    json_array_foreach(json_object_get(setting, "environment"), i, variable) {
        add_word(environment, json_string_value(variable), "");
    }
    bool secret = json_is_true(json_object_get(setting, "secret"));
    add_word(name, d1_ctl_text_of(setting, "name"), secret ? "-file" : "");
    const char *value = json_is_true(json_object_get(setting, "required"))
                            ? "(required)"
                            : d1_ctl_text_of(setting, "default");
    return json_pack("{s:s, s:s, s:s, s:s}", "name", name, "default", value, "environment",
                     environment[0] != '\0' ? environment : "-", "help",
                     d1_ctl_text_of(setting, "help"));
}

static void print_settings(struct d1_ctl_context *context, const json_t *type) {
    static const struct d1_ctl_column columns[] = {{"SETTING", "name"},
                                                   {"DEFAULT", "default"},
                                                   {"ENVIRONMENT", "environment"},
                                                   {"WHAT IT IS", "help"}};
    json_t *rows = json_array();
    size_t i;
    const json_t *setting;
    json_array_foreach(json_object_get(type, "settings"), i, setting) {
        json_array_append_new(rows, row_of(setting));
    }
    fprintf(context->out, "%s: %s\n\n", d1_ctl_text_of(type, "type"),
            d1_ctl_text_of(type, "title"));
    d1_ctl_print_table(context->out, rows, columns, D1_ARRAY_LENGTH(columns));
    fputs(
        "\nA variable may also end in _FILE and name a file. What accounts of every type take\n"
        "(zone, ttl, ca-file, proxy, allow-networks, look, timeout): dns01d.conf(5), providers.\n",
        context->out);
    json_decref(rows);
}

int d1_ctl_providers(struct d1_ctl_context *context) {
    const struct d1_ctl_arguments *arguments = context->arguments;
    const char *only = arguments->operands_count > 0 ? arguments->operands[0] : NULL;
    struct d1_builtin *builtin = NULL;
    if (d1_builtin_create(&builtin) != D1_OK) {
        fputs("dns01ctl: no memory\n", context->err);
        return 1;
    }
    json_t *types = read_types(context, builtin, only);
    d1_builtin_destroy(builtin);
    if (types == NULL) {
        return 1;
    }
    if (arguments->json) {
        d1_ctl_print_json(context->out, types);
    } else if (only != NULL) {
        print_settings(context, json_array_get(types, 0));
    } else {
        print_types(context, types);
    }
    json_decref(types);
    return 0;
}

/* ---- provider-test ACCOUNT DOMAIN ---- */

static bool is_over(const json_t *test) {
    const char *state = d1_ctl_text_of(test, "state");
    return strcmp(state, "done") == 0 || strcmp(state, "failed") == 0;
}

static void print_steps(struct d1_ctl_context *context, const json_t *test, size_t *seen) {
    const json_t *steps = json_object_get(test, "steps");
    for (; *seen < json_array_size(steps); (*seen)++) {
        const json_t *step = json_array_get(steps, *seen);
        if (context->arguments->json) {
            continue;
        }
        d1_ctl_print_text(context->out, d1_ctl_text_of(step, "time"), 26);
        d1_ctl_print_text(context->out, d1_ctl_text_of(step, "step"), 0);
        fputc('\n', context->out);
    }
    fflush(context->out);
}

static void wait_ms(unsigned ms) {
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&left, NULL);
}

static int print_end(struct d1_ctl_context *context, const json_t *test) {
    bool done = strcmp(d1_ctl_text_of(test, "state"), "done") == 0;
    if (context->arguments->json) {
        d1_ctl_print_json(context->out, test);
    } else if (done) {
        fputs("the account works\n", context->out);
    } else {
        fputs("dns01ctl: ", context->err);
        d1_ctl_print_text(context->err, d1_ctl_text_of(test, "detail"), 0);
        fputc('\n', context->err);
    }
    return done ? 0 : 1;
}

int d1_ctl_provider_test(struct d1_ctl_context *context) {
    const char *const *operands = context->arguments->operands;
    char account[3 * D1_VIA_TEXT_MAX + 1];
    char path[sizeof(account) + 64];
    char body[D1_NAME_TEXT_MAX + 64];
    if (strlen(operands[0]) > D1_VIA_TEXT_MAX || strlen(operands[1]) >= D1_NAME_TEXT_MAX) {
        fputs("dns01ctl: the account or the domain is too long\n", context->err);
        return 1;
    }
    d1_ctl_escape(operands[0], account, sizeof(account));
    snprintf(path, sizeof(path), "/v1/providers/%s/test", account);
    json_t *asked = json_pack("{s:s}", "domain", operands[1]);
    size_t length = json_dumpb(asked, body, sizeof(body) - 1, JSON_COMPACT);
    json_decref(asked);
    if (length == 0 || length > sizeof(body) - 1) {
        fputs("dns01ctl: the domain must be UTF-8 text\n", context->err);
        return 1;
    }
    body[length] = '\0';
    json_t *test = NULL;
    size_t seen = 0;
    bool answered = d1_ctl_ask(context, &(struct d1_ctl_request){"POST", path, body}, &test);
    for (unsigned polls = 1; answered; polls++) {
        print_steps(context, test, &seen);
        if (is_over(test) || polls == context->polls_max) {
            int status = print_end(context, test);
            json_decref(test);
            return status;
        }
        json_decref(test);
        wait_ms(context->poll_ms);
        answered = d1_ctl_ask(context, &(struct d1_ctl_request){"GET", path, NULL}, &test);
    }
    return 1;
}
