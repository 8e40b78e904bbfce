#include "ctl/import/config.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "ctl/import/read.h"
#include "ctl/import/toml.h"

struct key {
    const char *table;
    const char *name;
    enum d1_toml_type type;
    size_t at; /* Of the char * or bool; not of `records`. */
};

#define AT(member) offsetof(struct d1_acmedns_config, member)

static const struct key keys[] = {
    {"general", "listen", D1_TOML_TEXT, AT(listen)},
    {"general", "protocol", D1_TOML_TEXT, AT(protocol)},
    {"general", "domain", D1_TOML_TEXT, AT(domain)},
    {"general", "nsname", D1_TOML_TEXT, AT(nsname)},
    {"general", "nsadmin", D1_TOML_TEXT, AT(nsadmin)},
    {"general", "records", D1_TOML_LIST, 0},
    {"general", "debug", D1_TOML_BOOLEAN, AT(debug)},
    {"database", "engine", D1_TOML_TEXT, AT(engine)},
    {"database", "connection", D1_TOML_TEXT, AT(connection)},
    {"api", "ip", D1_TOML_TEXT, AT(ip)},
    {"api", "port", D1_TOML_TEXT, AT(port)},
    {"api", "tls", D1_TOML_TEXT, AT(tls)},
    {"api", "tls_cert_privkey", D1_TOML_TEXT, AT(tls_key)},
    {"api", "tls_cert_fullchain", D1_TOML_TEXT, AT(tls_chain)},
    {"api", "header_name", D1_TOML_TEXT, AT(header_name)},
    {"api", "use_header", D1_TOML_BOOLEAN, AT(use_header)},
    {"api", "disable_registration", D1_TOML_BOOLEAN, AT(disable_registration)},
    {"logconfig", "loglevel", D1_TOML_TEXT, AT(loglevel)},
    {"logconfig", "logformat", D1_TOML_TEXT, AT(logformat)},
};

/* ---- Reading ---- */

struct reading {
    struct d1_acmedns_config *config;
    struct d1_error *error;
};

static int append(char ***list, size_t *count, const char *text) {
    char **grown = d1_realloc(*list, *count + 1, sizeof(*grown));
    if (grown == NULL) {
        return -ENOMEM;
    }
    *list = grown;
    grown[*count] = d1_strdup(text);
    if (grown[*count] == NULL) {
        return -ENOMEM;
    }
    *count += 1;
    return D1_OK;
}

/* Once only, though the strings of a list come one by one. */
static int take_other(struct d1_acmedns_config *config, const struct d1_toml_value *value) {
    char name[2 * D1_TOML_KEY_BYTES];
    snprintf(name, sizeof(name), "%s%s%s", value->table, value->table[0] != '\0' ? "." : "",
             value->key);
    bool repeated =
        config->others_count > 0 && strcmp(config->others[config->others_count - 1], name) == 0;
    return repeated || config->others_count == D1_TOML_LIST_MAX
               ? D1_OK
               : append(&config->others, &config->others_count, name);
}

static int take_known(struct reading *reading, const struct key *key,
                      const struct d1_toml_value *value) {
    char *base = (char *)reading->config;
    if (key->type != value->type) {
        return d1_error_set(reading->error, D1_EPARSE, "line %zu: %s.%s must be %s", value->line,
                            key->table, key->name,
                            key->type == D1_TOML_TEXT   ? "a string"
                            : key->type == D1_TOML_LIST ? "a list of strings"
                                                        : "true or false");
    }
    if (key->type == D1_TOML_LIST) {
        return append(&reading->config->records, &reading->config->records_count, value->text);
    }
    if (key->type == D1_TOML_BOOLEAN) {
        *(bool *)(void *)(base + key->at) = value->boolean;
        return D1_OK;
    }
    char **text = (char **)(void *)(base + key->at);
    if (*text != NULL) {
        return d1_error_set(reading->error, D1_EPARSE, "line %zu: %s.%s is given twice",
                            value->line, key->table, key->name);
    }
    *text = d1_strdup(value->text);
    return *text != NULL ? D1_OK : -ENOMEM;
}

/* acme-dns' reader takes tables and keys in any case. */
static int take(const struct d1_toml_value *value, void *arg) {
    struct reading *reading = arg;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(keys); i++) {
        if (strcasecmp(keys[i].table, value->table) == 0 &&
            strcasecmp(keys[i].name, value->key) == 0) {
            return take_known(reading, &keys[i], value);
        }
    }
    return take_other(reading->config, value);
}

int d1_acmedns_config_parse(const char *text, size_t length, struct d1_acmedns_config *ret_config,
                            struct d1_error *error) {
    struct d1_acmedns_config config = {.listen = NULL};
    struct reading reading = {&config, error};
    int err = d1_toml_read(text, length, take, &reading, error);
    if (err == -ENOMEM) {
        d1_error_set(error, err, "out of memory");
    }
    if (err == D1_OK && (config.domain == NULL || config.domain[0] == '\0')) {
        err = d1_error_set(error, D1_EPARSE,
                           "general.domain is missing; this is no config.cfg of acme-dns");
    }
    if (err != D1_OK) {
        d1_acmedns_config_close(&config);
        return err;
    }
    size_t end = strlen(config.domain);
    if (end > 1 && config.domain[end - 1] == '.') {
        config.domain[end - 1] = '\0';
    }
    *ret_config = config;
    return D1_OK;
}

int d1_acmedns_config_read(const char *path, struct d1_acmedns_config *ret_config,
                           struct d1_error *error) {
    struct d1_bytes text;
    int err = d1_import_read_text(path, &text, error);
    if (err == D1_OK) {
        err = d1_acmedns_config_parse(text.data != NULL ? (const char *)text.data : "", text.length,
                                      ret_config, error);
        if (err != D1_OK) {
            d1_error_prefix(error, "%s", path);
        }
        d1_bytes_close(&text);
    }
    return err;
}

static void drop_list(char **list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        d1_free(list[i]);
    }
    d1_free(list);
}

void d1_acmedns_config_close(struct d1_acmedns_config *config) {
    for (size_t i = 0; i < D1_ARRAY_LENGTH(keys); i++) {
        if (keys[i].type == D1_TOML_TEXT) {
            d1_free(*(char **)(void *)((char *)config + keys[i].at));
        }
    }
    drop_list(config->records, config->records_count);
    drop_list(config->others, config->others_count);
    *config = (struct d1_acmedns_config){.listen = NULL};
}

/* ---- Printing ---- */

static const char *text_or(const char *text, const char *otherwise) {
    return text != NULL && text[0] != '\0' ? text : otherwise;
}

/* A JSON string is a YAML string. */
static void print_quoted(FILE *out, const char *text) {
    json_t *string = json_string(text);
    if (string == NULL || json_dumpf(string, out, JSON_ENCODE_ANY) != 0) {
        fputs("\"\"", out);
    }
    json_decref(string);
}

/* In a comment nothing may end the line. */
static void print_comment(FILE *out, const char *text) {
    for (; *text != '\0'; text++) {
        fputc((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text, out);
    }
}

/* A host and port; Go takes an empty host and 0.0.0.0 as "every address of both families". */
static void print_listen(FILE *out, const char *host, const char *port, bool four, bool six) {
    char address[D1_TOML_TEXT_MAX];
    size_t length = strlen(host);
    bool bracketed = length > 1 && host[0] == '[' && host[length - 1] == ']';
    const char *bare = bracketed ? host + 1 : host;
    int bare_length = (int)(bracketed ? length - 2 : length);
    bool every = length == 0 || strcmp(host, "0.0.0.0") == 0 || strncmp(bare, "::", 3) == 0 ||
                 (bracketed && bare_length == 2 && strncmp(bare, "::", 2) == 0);
    fputc('[', out);
    if (every) {
        snprintf(address, sizeof(address), "0.0.0.0:%s", port);
        if (four) {
            print_quoted(out, address);
        }
        fputs(four && six ? ", " : "", out);
        snprintf(address, sizeof(address), "[::]:%s", port);
        if (six) {
            print_quoted(out, address);
        }
    } else {
        bool is_six = memchr(bare, ':', (size_t)bare_length) != NULL;
        snprintf(address, sizeof(address), is_six ? "[%.*s]:%s" : "%.*s:%s", bare_length, bare,
                 port);
        print_quoted(out, address);
    }
    fputs("]\n", out);
}

static void print_dns(const struct d1_acmedns_config *config, FILE *out) {
    const char *listen = text_or(config->listen, ":53");
    const char *colon = strrchr(listen, ':');
    const char *protocol = text_or(config->protocol, "both");
    size_t length = strlen(protocol);
    char last = length > 0 ? protocol[length - 1] : '\0';
    char host[D1_TOML_TEXT_MAX + 1];
    snprintf(host, sizeof(host), "%.*s", (int)(colon != NULL ? colon - listen : 0), listen);
    if (strncmp(protocol, "both", 4) != 0) {
        fputs("# protocol was ", out);
        print_comment(out, protocol);
        fputs(": dns01d always answers over UDP and TCP, as DNS requires.\n", out);
    }
    fputs("dns:\n  listen: ", out);
    print_listen(out, host, colon != NULL ? colon + 1 : "53", last != '6', last != '4');
}

/* Whether two names are the same, with or without their final dots. */
static bool same_name(const char *a, size_t a_length, const char *b) {
    size_t b_length = strlen(b);
    a_length -= a_length > 0 && a[a_length - 1] == '.' ? 1 : 0;
    b_length -= b_length > 0 && b[b_length - 1] == '.' ? 1 : 0;
    return a_length == b_length && strncasecmp(a, b, a_length) == 0;
}

/* The name server that a record gives to the zone itself, or NULL. */
static const char *apex_server(const struct d1_acmedns_config *config, const char *record,
                               size_t *ret_length) {
    const char *at = record + strspn(record, " \t");
    size_t length = strcspn(at, " \t");
    bool apex = same_name(at, length, config->domain);
    bool is_ns = false;
    while (apex && at[length] != '\0' && !is_ns) {
        at += length + strspn(at + length, " \t");
        length = strcspn(at, " \t");
        is_ns = length == 2 && strncasecmp(at, "NS", 2) == 0;
        bool before_type = length > 0 && (strspn(at, "0123456789") == length ||
                                          (length == 2 && strncasecmp(at, "IN", 2) == 0));
        apex = is_ns || before_type;
    }
    if (!apex || !is_ns) {
        return NULL;
    }
    at += length + strspn(at + length, " \t");
    *ret_length = strcspn(at, " \t");
    return *ret_length > 0 ? at : NULL;
}

static void print_nameservers(const struct d1_acmedns_config *config, FILE *out) {
    const char *first = text_or(config->nsname, config->domain);
    fputs("    nameservers: [", out);
    print_quoted(out, first);
    for (size_t i = 0; i < config->records_count; i++) {
        size_t length = 0;
        const char *server = apex_server(config, config->records[i], &length);
        if (server != NULL && !same_name(server, length, first)) {
            char name[D1_NAME_TEXT_MAX];
            snprintf(name, sizeof(name), "%.*s", (int)length, server);
            fputs(", ", out);
            print_quoted(out, name);
        }
    }
    fputs("]\n", out);
}

static void print_zone(const struct d1_acmedns_config *config, FILE *out) {
    size_t printed = 0;
    fputs("zones:\n  - name: ", out);
    print_quoted(out, config->domain);
    fputc('\n', out);
    print_nameservers(config, out);
    if (text_or(config->nsadmin, NULL) != NULL) {
        fputs("    hostmaster: ", out);
        print_quoted(out, config->nsadmin);
        fputc('\n', out);
    }
    for (size_t i = 0; i < config->records_count; i++) {
        size_t length = 0;
        if (apex_server(config, config->records[i], &length) == NULL) {
            fputs(printed++ == 0 ? "    records:\n      - " : "      - ", out);
            print_quoted(out, config->records[i]);
            fputc('\n', out);
        }
    }
}

static bool is_loopback(const char *ip) {
    return strncmp(ip, "127.", 4) == 0 || strcmp(ip, "::1") == 0 || strcmp(ip, "localhost") == 0;
}

static void print_tls(const struct d1_acmedns_config *config, FILE *out) {
    const char *mode = text_or(config->tls, "none");
    if (strcmp(mode, "cert") == 0) {
        fputs("  tls:\n    certificate: ", out);
        print_quoted(out, text_or(config->tls_chain, ""));
        fputs("\n    key: ", out);
        print_quoted(out, text_or(config->tls_key, ""));
        fputc('\n', out);
    } else if (strcmp(mode, "none") != 0) {
        fputs(
            "  # acme-dns got the certificate of its API by itself. Let an ACME client keep these\n"
            "  # two files up to date (it may ask dns01d for the challenge), then\n"
            "  # `dns01ctl reload`.\n"
            "  tls:\n    certificate: /etc/dns01d/api-fullchain.pem\n"
            "    key: /etc/dns01d/api-key.pem\n",
            out);
    } else if (!is_loopback(text_or(config->ip, ""))) {
        fputs("  # Keys in plain text on the network, as before. Better: `tls`, or loopback behind "
              "a\n"
              "  # proxy that speaks HTTPS.\n"
              "  insecure: true\n",
              out);
    }
}

static void print_api(const struct d1_acmedns_config *config, FILE *out) {
    fputs("api:\n  listen: ", out);
    print_listen(out, text_or(config->ip, ""), text_or(config->port, "443"), true, true);
    print_tls(config, out);
    fprintf(out,
            "  # acme-dns lets everybody register. `token` asks for a token with the verb "
            "register.\n"
            "  registration: %s\n",
            config->disable_registration ? "closed" : "open");
    if (config->use_header) {
        fputs("  # Clients' addresses came from the header ", out);
        print_comment(out, text_or(config->header_name, "X-Forwarded-For"));
        fputs(", whoever sent it.\n"
              "  # dns01d reads X-Forwarded-For, and believes the proxies of these networks only.\n"
              "  trusted-proxies: [\"127.0.0.0/8\", \"::1/128\"]\n",
              out);
    }
    fputs("  account-zone: ", out);
    print_quoted(out, config->domain);
    fputc('\n', out);
}

static void print_log(const struct d1_acmedns_config *config, FILE *out) {
    const char *level = text_or(config->loglevel, "info");
    bool known = strcmp(level, "error") == 0 || strcmp(level, "debug") == 0;
    bool warns = strcmp(level, "warning") == 0 || strcmp(level, "warn") == 0;
    bool json = config->logformat != NULL && strcmp(config->logformat, "json") == 0;
    fprintf(out, "log: {level: %s, format: %s}\n",
            warns   ? "warn"
            : known ? level
                    : "info",
            json ? "json" : "text");
}

void d1_acmedns_config_print(const struct d1_acmedns_config *config, FILE *out) {
    fputs("# Configuration of dns01d, from a config.cfg of acme-dns. Check it with\n"
          "# `dns01d --check -c FILE`, start dns01d, then `dns01ctl import acme-dns` its database",
          out);
    if (config->engine != NULL && strncmp(config->engine, "postgres", 8) == 0) {
        fputs(":\n# pg_dump --format plain of it.\n", out);
    } else if (config->connection != NULL) {
        fputs(":\n# ", out);
        print_comment(out, config->connection);
        fputc('\n', out);
    } else {
        fputs(".\n", out);
    }
    for (size_t i = 0; i < config->others_count; i++) {
        fputs("# No counterpart: ", out);
        print_comment(out, config->others[i]);
        fputc('\n', out);
    }
    print_log(config, out);
    print_dns(config, out);
    print_zone(config, out);
    print_api(config, out);
}
