#include "daemon/config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/net.h"
#include "daemon/answering.h"
#include "daemon/document.h"
#include "daemon/tsigkeys.h"
#include "daemon/webhookconfig.h"
#include "dns/zonefile.h"
#include "http/certificate.h"
#include "http/tls.h"

/* What is served when there is no configuration file at all: the contract's example. */
static const char example[] = "zones:\n"
                              "  - name: auth.example.test\n"
                              "    nameservers: [ns1.auth.example.test]\n"
                              "    hostmaster: hostmaster.example.test\n"
                              "    records: [\"ns1 A 192.0.2.1\"]\n";

static void on_fault(void *arg, unsigned line, const char *path, const char *text) {
    struct d1_config_faults *faults = arg;
    char message[2048];
    snprintf(message, sizeof(message), "%s:%u: %s%s%s", faults->file, line, path,
             path[0] != '\0' ? ": " : "", text);
    faults->count++;
    faults->line(faults->arg, message);
}

/* Report a fault of one node; `what` is its path. */
static void fault_at(struct d1_config_faults *faults, const struct d1_node *node, const char *what,
                     const struct d1_error *error) {
    on_fault(faults, node->line, what, error->text);
}

int d1_config_take_texts(const struct d1_node *list, struct d1_texts *ret_texts) {
    ret_texts->is_default = list->line == 0;
    ret_texts->count = 0;
    if (list->count == 0) {
        return D1_OK;
    }
    ret_texts->item = d1_calloc(list->count, sizeof(*ret_texts->item));
    if (ret_texts->item == NULL) {
        return -ENOMEM;
    }
    for (const struct d1_node *child = list->first; child != NULL; child = child->next) {
        ret_texts->item[ret_texts->count++] = child->text;
    }
    return D1_OK;
}

/* The text of a setting that is known to be there, since the table was checked. */
static const char *text_of(const struct d1_node *map, const char *path) {
    const struct d1_node *node = d1_node_path(map, path);
    assert(node != NULL);
    return node->text;
}

static int ignore_record(const struct d1_zone_record *record, void *arg) {
    (void)record;
    (void)arg;
    return D1_OK;
}

/* Read each line once for its fault and line number; loading reads it again for its record. */
static void check_records(const struct d1_node *records, const struct d1_name *origin, size_t zone,
                          struct d1_config_faults *faults) {
    size_t index = 0;
    for (const struct d1_node *line = records->first; line != NULL; line = line->next, index++) {
        struct d1_error error = {0};
        int err = d1_zoneline_read(line->text, origin, 3600, ignore_record, NULL, &error);
        if (err != D1_OK) {
            char path[64];
            snprintf(path, sizeof(path), "zones[%zu].records[%zu]", zone, index);
            fault_at(faults, line, path, &error);
        }
    }
}

static int take_nameservers(const struct d1_node *list, struct d1_zone_config *zone) {
    if (list->count == 0) {
        return D1_OK;
    }
    struct d1_name *names = d1_calloc(list->count, sizeof(*names));
    if (names == NULL) {
        return -ENOMEM;
    }
    for (const struct d1_node *child = list->first; child != NULL; child = child->next) {
        int err = d1_name_from_text(child->text, &names[zone->nameservers_count++]);
        assert(err == D1_OK); /* The table's check took it. */
        (void)err;
    }
    zone->nameservers = names;
    return D1_OK;
}

/* What zones and delegations have in common: SOA and NS. `what` is their path. */
static int take_apex(const struct d1_node *node, const char *name, const char *what,
                     struct d1_zone_config *zone, struct d1_config_faults *faults) {
    char path[64];
    int err = d1_name_from_text(name, &zone->name);
    assert(err == D1_OK);
    const char *hostmaster = text_of(node, "hostmaster");
    err = hostmaster[0] != '\0' ? d1_name_from_text(hostmaster, &zone->hostmaster)
                                : d1_name_prepend("hostmaster", 10, &zone->name, &zone->hostmaster);
    if (err != D1_OK) {
        struct d1_error error = {D1_ENAME, "is too long to hold hostmaster.NAME, name one"};
        snprintf(path, sizeof(path), "%s.hostmaster", what);
        fault_at(faults, node, path, &error);
    }
    /* Seconds since 1970: grows with every start and reload (RFC 1982 until 2106). */
    zone->serial = (uint32_t)(d1_clock_wall_ms(d1_clock_system()) / 1000);
    const struct d1_node *nameservers = d1_node_find(node, "nameservers");
    if (nameservers->count == 0 && zone->file == NULL) {
        struct d1_error error = {D1_ECONFIG, "is empty, expected at least one name server"};
        snprintf(path, sizeof(path), "%s.nameservers", what);
        fault_at(faults, nameservers->line > 0 ? nameservers : node, path, &error);
    }
    return take_nameservers(nameservers, zone);
}

static int take_zone(const struct d1_node *node, size_t index, struct d1_zone_config *zone,
                     struct d1_config_faults *faults) {
    char path[64];
    const char *file = text_of(node, "file");
    zone->file = file[0] != '\0' ? file : NULL;
    zone->ttl = (uint32_t)d1_setting_number(d1_node_find(node, "ttl"));
    zone->negative_ttl = (uint32_t)d1_setting_number(d1_node_find(node, "negative-ttl"));
    snprintf(path, sizeof(path), "zones[%zu]", index);
    int err = take_apex(node, text_of(node, "name"), path, zone, faults);
    if (err != D1_OK) {
        return err;
    }
    const struct d1_node *records = d1_node_find(node, "records");
    check_records(records, &zone->name, index, faults);
    struct d1_texts lines = {0};
    err = d1_config_take_texts(records, &lines);
    zone->records = lines.item;
    zone->records_count = lines.count;
    return err;
}

static int take_delegation(const struct d1_node *node, size_t index, struct d1_config *config,
                           struct d1_config_faults *faults) {
    char path[64];
    struct d1_zone_config *delegation = &config->zones[config->served_count++];
    delegation->delegation = true;
    snprintf(path, sizeof(path), "delegations[%zu]", index);
    if (d1_node_find(node, "nameservers")->count > D1_DELEGATION_NAMESERVERS_MAX) {
        struct d1_error error = {D1_ECONFIG, "has too many name servers"};
        fault_at(faults, node, path, &error);
    }
    int err = take_apex(node, text_of(node, "under"), path, delegation, faults);
    for (const struct d1_zone_config *other = config->zones; err == D1_OK && other < delegation;
         other++) {
        if (d1_name_equal(&other->name, &delegation->name)) {
            struct d1_error error;
            d1_error_set(&error, D1_ECONFIG, "%s",
                         other->delegation ? "is given twice"
                                           : "is a zone served here, which answers for its names");
            snprintf(path, sizeof(path), "delegations[%zu].under", index);
            fault_at(faults, node, path, &error);
        }
    }
    return err;
}

static int take_zones(struct d1_config *config, struct d1_config_faults *faults) {
    const struct d1_node *list = d1_node_find(config->root, "zones");
    const struct d1_node *delegations = d1_node_find(config->root, "delegations");
    size_t count = list->count + delegations->count;
    if (count > D1_ZONES_MAX) {
        on_fault(faults, list->line, "zones", "too many zones and delegations");
        return D1_OK;
    }
    if (count == 0) {
        return D1_OK;
    }
    config->zones = d1_calloc(count, sizeof(*config->zones));
    if (config->zones == NULL) {
        return -ENOMEM;
    }
    for (const struct d1_node *node = list->first; node != NULL; node = node->next) {
        size_t index = config->zones_count++;
        config->served_count = config->zones_count;
        int err = take_zone(node, index, &config->zones[index], faults);
        if (err != D1_OK) {
            return err;
        }
    }
    size_t index = 0;
    for (const struct d1_node *node = delegations->first; node != NULL; node = node->next) {
        int err = take_delegation(node, index++, config, faults);
        if (err != D1_OK) {
            return err;
        }
    }
    return D1_OK;
}

static unsigned take_verbs(const struct d1_node *list) {
    unsigned taken = 0;
    for (const struct d1_node *child = list->first; child != NULL; child = child->next) {
        taken |= d1_verb_find(child->text, strlen(child->text));
    }
    return taken;
}

/* Read and hash the secret of a token. Returns 0 or an error with its story. */
static int read_digest(const char *path, uint8_t digest[D1_SHA256_BYTES], struct d1_error *error) {
    char *secret = NULL;
    size_t length = 0;
    int err = d1_file_read(path, D1_SECRET_BYTES_MAX, &secret, &length, error);
    if (err != D1_OK) {
        return err;
    }
    while (length > 0 && (secret[length - 1] == '\n' || secret[length - 1] == '\r')) {
        length--;
    }
    if (length < D1_SECRET_BYTES_MIN) {
        err =
            d1_error_set(error, D1_ECONFIG, "the secret in %s has %zu octets, expected at least %d",
                         path, length, D1_SECRET_BYTES_MIN);
    } else {
        err = d1_sha256(D1_TOKEN_DIGEST_DOMAIN, secret, length, digest);
    }
    d1_wipe(secret, length);
    d1_free(secret);
    return err;
}

int d1_config_make_rights(const struct d1_node *node, struct d1_rights **ret_rights,
                          struct d1_error *error) {
    struct d1_texts names = {0};
    struct d1_texts owners = {0};
    int err = d1_config_take_texts(d1_node_find(node, "names"), &names);
    if (err == D1_OK) {
        err = d1_config_take_texts(d1_node_find(node, "owners"), &owners);
    }
    if (err == D1_OK) {
        err = d1_rights_create(names.item, names.count, owners.item, owners.count,
                               take_verbs(d1_node_find(node, "verbs")), ret_rights, error);
    }
    d1_free(names.item);
    d1_free(owners.item);
    return err;
}

static int take_token(struct d1_config *config, const struct d1_node *node,
                      struct d1_error *error) {
    uint8_t digest[D1_SHA256_BYTES];
    int err = read_digest(text_of(node, "secret-file"), digest, error);
    struct d1_rights *rights = NULL;
    if (err == D1_OK) {
        err = d1_config_make_rights(node, &rights, error);
    }
    if (err == D1_OK) {
        err = d1_credentials_add(config->credentials, text_of(node, "name"), digest, rights);
        if (err != D1_OK) {
            d1_rights_destroy(rights);
        }
        if (err == D1_EEXIST) {
            d1_error_set(error, err, "another token has the same name or the same secret");
        }
    }
    d1_wipe(digest, sizeof(digest));
    return err;
}

static int take_tokens(struct d1_config *config, struct d1_config_faults *faults) {
    int err = d1_credentials_create(&config->credentials);
    if (err != D1_OK) {
        return err;
    }
    size_t index = 0;
    const struct d1_node *list = d1_node_find(config->root, "tokens");
    for (const struct d1_node *node = list->first; node != NULL; node = node->next, index++) {
        struct d1_error error = {0};
        err = take_token(config, node, &error);
        if (err == -ENOMEM) {
            return err;
        }
        if (err != D1_OK) {
            char path[64];
            snprintf(path, sizeof(path), "tokens[%zu]", index);
            if (error.text[0] == '\0') {
                d1_error_set(&error, err, "%s", d1_err_text(err));
            }
            fault_at(faults, node, path, &error);
        }
    }
    return D1_OK;
}

static void take_solver(struct d1_config *config, struct d1_config_faults *faults) {
    const struct d1_node *root = config->root;
    struct d1_solver_settings *solver = &config->solver;
    solver->lease_default_ms = d1_setting_duration_ms(d1_node_path(root, "leases.default"));
    solver->lease_maximum_ms = d1_setting_duration_ms(d1_node_path(root, "leases.maximum"));
    solver->present_limit_ms = d1_setting_duration_ms(d1_node_path(root, "present.limit"));
    solver->accounts_max = (size_t)d1_setting_number(d1_node_path(root, "api.limits.accounts"));
    solver->rolling_two = strcmp(text_of(root, "api.txt-policy"), "rolling-2") == 0;
    if (solver->lease_default_ms > solver->lease_maximum_ms) {
        on_fault(faults, d1_node_find(root, "leases")->line, "leases.default",
                 "is longer than leases.maximum");
    }
    const struct d1_node *zone = d1_node_path(root, "api.account-zone");
    if (zone->text[0] == '\0') {
        solver->account_zone_set = config->zones_count > 0;
        if (solver->account_zone_set) {
            solver->account_zone = config->zones[0].name;
        }
        return;
    }
    int err = d1_name_from_text(zone->text, &solver->account_zone);
    assert(err == D1_OK);
    (void)err;
    for (size_t i = 0; i < config->zones_count; i++) {
        solver->account_zone_set |= d1_name_is_under(&solver->account_zone, &config->zones[i].name);
    }
    if (!solver->account_zone_set) {
        on_fault(faults, zone->line, "api.account-zone", "is in none of the zones served here");
    }
}

/* A rate as a count per the unit the front end takes. */
static unsigned rate_per(const struct d1_node *node, int64_t unit_ms) {
    int64_t per_ms = 1000;
    int64_t count = d1_setting_rate(node, &per_ms);
    int64_t scaled = count * unit_ms / per_ms;
    return scaled == 0 && count > 0 ? 1 : (unsigned)scaled;
}

static int take_frontend(struct d1_config *config) {
    const struct d1_node *root = config->root;
    struct d1_frontend_settings *frontend = &config->frontend;
    static const char *const registrations[] = {"token", "open", "closed", NULL};
    struct d1_texts proxies = {0};
    struct d1_texts hosts = {0};
    int err = d1_config_take_texts(d1_node_path(root, "api.trusted-proxies"), &proxies);
    frontend->trusted_proxies = proxies.item;
    frontend->trusted_proxies_count = proxies.count;
    err = err != D1_OK ? err : d1_config_take_texts(d1_node_path(root, "api.hosts"), &hosts);
    frontend->hosts = hosts.item;
    frontend->hosts_count = hosts.count;
    frontend->base_path = text_of(root, "api.base-path");
    frontend->registration = (enum d1_registration)d1_setting_choice(
        d1_node_path(root, "api.registration"), registrations);
    frontend->account_store = d1_setting_bool(d1_node_path(root, "api.account-store"));
    frontend->registrations_per_hour =
        rate_per(d1_node_path(root, "api.limits.registrations"), 3600000);
    frontend->registrations_total_per_hour =
        rate_per(d1_node_path(root, "api.limits.registrations-total"), 3600000);
    frontend->auth_failures_per_minute =
        rate_per(d1_node_path(root, "api.limits.auth-failures"), 60000);
    frontend->connections_per_address =
        (unsigned)d1_setting_number(d1_node_path(root, "api.limits.connections"));
    return err;
}

static void warn_of_time(const struct d1_config *config, const struct d1_node *certificate,
                         const struct d1_config_faults *faults) {
    struct d1_error error = {0};
    int64_t now_ms = d1_clock_wall_ms(d1_clock_system());
    if (d1_tls_context_check_time(config->api_tls, now_ms, &error) != D1_OK &&
        faults->warning != NULL) {
        char message[2048];
        snprintf(message, sizeof(message), "%s:%u: api.tls.certificate: %s %s", faults->file,
                 certificate->line, certificate->text, error.text);
        faults->warning(faults->arg, message);
    }
}

/* Clients' certificates are something more that is asked of them; who they are, tokens say. */
static int take_clients(struct d1_config *config, struct d1_config_faults *faults) {
    const struct d1_node *tls = d1_node_path(config->root, "api.tls");
    const struct d1_node *authorities = d1_node_find(tls, "client-ca");
    const struct d1_node *auth = d1_node_find(tls, "client-auth");
    bool required = d1_setting_choice(auth, d1_client_auth_choices) == 0;
    if (authorities->text[0] == '\0') {
        if (!required) {
            on_fault(faults, auth->line, "api.tls.client-auth",
                     "is set without api.tls.client-ca, expected the file of the authorities whose "
                     "certificates clients have");
        }
        return D1_OK;
    }
    if (config->api_tls == NULL) {
        on_fault(faults, authorities->line, "api.tls.client-ca",
                 "is set without a certificate of the server's own, expected api.tls.certificate "
                 "and api.tls.key");
        return D1_OK;
    }
    struct d1_error error = {0};
    int err = d1_certificate_read_clients(authorities->text, required, config->api_tls, &error);
    if (err == D1_ECONFIG) {
        fault_at(faults, authorities, "api.tls.client-ca", &error);
        return D1_OK;
    }
    return err;
}

static int take_tls(struct d1_config *config, struct d1_config_faults *faults) {
    const struct d1_node *tls = d1_node_path(config->root, "api.tls");
    const struct d1_node *certificate = d1_node_find(tls, "certificate");
    const struct d1_node *key = d1_node_find(tls, "key");
    bool has_certificate = certificate->text[0] != '\0';
    config->api_secure = has_certificate || key->text[0] != '\0';
    if (!config->api_secure) {
        return D1_OK;
    }
    if (!has_certificate || key->text[0] == '\0') {
        const struct d1_node *empty = has_certificate ? key : certificate;
        const struct d1_node *other = has_certificate ? certificate : key;
        on_fault(faults, empty->line > 0 ? empty->line : other->line,
                 has_certificate ? "api.tls.key" : "api.tls.certificate",
                 has_certificate ? "is empty, expected the file of the certificate's key"
                                 : "is empty, expected the file of the key's certificate");
        return D1_OK;
    }
    struct d1_certificate_fault fault = {.key = false};
    int err = d1_certificate_read(certificate->text, key->text, &config->api_tls, &fault);
    if (err == D1_ECONFIG) {
        fault_at(faults, fault.key ? key : certificate,
                 fault.key ? "api.tls.key" : "api.tls.certificate", &fault.error);
        return D1_OK;
    }
    if (err == D1_OK) {
        warn_of_time(config, certificate, faults);
    }
    return err;
}

/* A trust anchor is read once for its faults; the resolver reads it again. */
static int take_resolver(struct d1_config *config, struct d1_config_faults *faults) {
    const struct d1_node *servers = d1_node_path(config->root, "resolver.servers");
    const struct d1_node *anchor = d1_node_path(config->root, "resolver.trust-anchor-file");
    if (servers->count > D1_RESOLVE_SERVERS_MAX) {
        on_fault(faults, servers->line, "resolver.servers", "has too many, expected 16 or fewer");
        return D1_OK;
    }
    int err = d1_config_take_texts(servers, &config->resolver_servers);
    if (err != D1_OK) {
        return err;
    }
    config->resolver = (struct d1_resolver_settings){
        .servers = config->resolver_servers.item,
        .servers_count = config->resolver_servers.count,
        .trust_anchor_file = anchor->text,
    };
    struct d1_error error = {0};
    err = anchor->text[0] != '\0' ? d1_resolver_check(&config->resolver, &error) : D1_OK;
    if (err == D1_ECONFIG) {
        fault_at(faults, anchor, "resolver.trust-anchor-file", &error);
        return D1_OK;
    }
    return err;
}

/* Plain HTTP leaves this host only when the administrator says so. */
static void check_plain_http(const struct d1_config *config, struct d1_config_faults *faults) {
    const struct d1_node *list = d1_node_path(config->root, "api.listen");
    if (config->api_secure || d1_setting_bool(d1_node_path(config->root, "api.insecure"))) {
        return;
    }
    size_t index = 0;
    for (const struct d1_node *child = list->first; child != NULL; child = child->next, index++) {
        struct sockaddr_storage address;
        if (d1_address_parse(child->text, &address) == D1_OK && !d1_address_is_loopback(&address)) {
            char path[64];
            snprintf(path, sizeof(path), "api.listen[%zu]", index);
            on_fault(faults, child->line, path,
                     "is not a loopback address, and plain HTTP would show secrets to the network; "
                     "expected api.tls, a TLS proxy in front of 127.0.0.1, or api.insecure: true");
        }
    }
}

static int take_all(struct d1_config *config, struct d1_config_faults *faults) {
    const struct d1_node *root = config->root;
    config->log_level = (int)d1_setting_choice(d1_node_path(root, "log.level"), d1_log_levels);
    config->log_format = (int)d1_setting_choice(d1_node_path(root, "log.format"), d1_log_formats);
    config->control_socket = text_of(root, "control-socket");
    config->state_dir = text_of(root, "state-dir");
    if (config->state_dir[0] == '\0') {
        const char *from_systemd = getenv("STATE_DIRECTORY");
        config->state_dir = from_systemd != NULL ? from_systemd : "dns01d-state";
    }
    config->dns_workers = (unsigned)d1_setting_number(d1_node_path(root, "dns.workers"));
    config->store_backend = text_of(root, "store.backend");
    int err = d1_config_take_texts(d1_node_path(root, "dns.listen"), &config->dns_listen);
    err = err != D1_OK
              ? err
              : d1_config_take_texts(d1_node_path(root, "api.listen"), &config->api_listen);
    err = err != D1_OK
              ? err
              : d1_config_take_texts(d1_node_path(root, "metrics.listen"), &config->metrics_listen);
    err = err != D1_OK ? err : d1_answering_read(root, on_fault, faults, &config->answering);
    err = err != D1_OK ? err : take_resolver(config, faults);
    err = err != D1_OK ? err : take_zones(config, faults);
    err = err != D1_OK ? err : take_tokens(config, faults);
    err = err != D1_OK ? err : d1_provider_accounts_read(root, on_fault, faults, &config->accounts);
    err = err != D1_OK ? err : d1_keys_create(&config->keys);
    err = err != D1_OK ? err
                       : d1_tsigkeys_read(d1_node_find(root, "tsig-keys"), on_fault, faults,
                                          config->keys, config->credentials);
    err = err != D1_OK ? err : take_frontend(config);
    err = err != D1_OK ? err : take_tls(config, faults);
    bool faulty = faults->count > 0; /* Then there may be no context, and it is told why. */
    err = err != D1_OK || faulty ? err : take_clients(config, faults);
    err = err != D1_OK ? err : d1_webhookconfig_read(root, on_fault, faults, config);
    if (err == D1_OK) {
        take_solver(config, faults);
        check_plain_http(config, faults);
    }
    return err != D1_OK ? err : faults->count > 0 ? D1_ECONFIG : D1_OK;
}

int d1_config_parse(const char *text, size_t length, struct d1_config_faults *faults,
                    struct d1_config **ret_config) {
    struct d1_config *config = d1_calloc(1, sizeof(*config));
    if (config == NULL) {
        return -ENOMEM;
    }
    int err = d1_document_read(text, length, on_fault, faults, &config->root);
    if (err == D1_OK) {
        err = d1_setting_check(d1_config_settings(), config->root, on_fault, faults);
    }
    if (err == D1_OK) {
        err = take_all(config, faults);
    }
    if (err != D1_OK) {
        d1_config_destroy(config);
        return err;
    }
    *ret_config = config;
    return D1_OK;
}

int d1_config_read(const char *path, struct d1_config_faults *faults,
                   struct d1_config **ret_config) {
    if (path == NULL) {
        return d1_config_parse(example, sizeof(example) - 1, faults, ret_config);
    }
    char *text = NULL;
    size_t length = 0;
    struct d1_error error = {0};
    int err = d1_file_read(path, D1_CONFIG_BYTES_MAX, &text, &length, &error);
    if (err != D1_OK) {
        faults->count++;
        faults->line(faults->arg, error.text);
        return err == -ENOMEM ? err : D1_ECONFIG;
    }
    err = d1_config_parse(text, length, faults, ret_config);
    d1_free(text);
    return err;
}

void d1_config_destroy(struct d1_config *config) {
    if (config == NULL) {
        return;
    }
    for (size_t i = 0; i < config->served_count; i++) {
        void *records = (void *)(uintptr_t)config->zones[i].records;
        void *nameservers = (void *)(uintptr_t)config->zones[i].nameservers;
        d1_free(records);
        d1_free(nameservers);
    }
    d1_free(config->zones);
    d1_answering_close(&config->answering);
    d1_free(config->resolver_servers.item);
    d1_free(config->dns_listen.item);
    d1_free(config->api_listen.item);
    d1_free(config->metrics_listen.item);
    d1_free((void *)(uintptr_t)config->frontend.trusted_proxies);
    d1_free((void *)(uintptr_t)config->frontend.hosts);
    d1_tls_context_destroy(config->api_tls);
    d1_webhookconfig_close(config);
    d1_credentials_destroy(config->credentials);
    d1_provider_accounts_close(&config->accounts);
    d1_keys_destroy(config->keys);
    d1_node_destroy(config->root);
    d1_free(config);
}

static bool texts_equal(const struct d1_texts *a, const struct d1_texts *b) {
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) {
        equal = strcmp(a->item[i], b->item[i]) == 0;
    }
    return equal;
}

const char *d1_config_needs_restart(const struct d1_config *old, const struct d1_config *fresh) {
    if (!texts_equal(&old->dns_listen, &fresh->dns_listen)) {
        return "dns.listen";
    }
    if (old->dns_workers != fresh->dns_workers) {
        return "dns.workers";
    }
    if (!texts_equal(&old->api_listen, &fresh->api_listen)) {
        return "api.listen";
    }
    if (old->api_secure != fresh->api_secure) {
        return "api.tls";
    }
    if (!texts_equal(&old->metrics_listen, &fresh->metrics_listen)) {
        return "metrics.listen";
    }
    if (!texts_equal(&old->webhook_listen, &fresh->webhook_listen)) {
        return "webhook.listen";
    }
    if (old->webhook_mode != fresh->webhook_mode) {
        return "webhook.tls.mode";
    }
    if (strcmp(old->webhook_kubeconfig, fresh->webhook_kubeconfig) != 0) {
        return "webhook.kubeconfig";
    }
    if (!texts_equal(&old->webhook_networks, &fresh->webhook_networks)) {
        return "webhook.allow-networks"; /* Accounts that were brought along keep theirs. */
    }
    if (strcmp(old->state_dir, fresh->state_dir) != 0) {
        return "state-dir";
    }
    if (strcmp(old->control_socket, fresh->control_socket) != 0) {
        return "control-socket";
    }
    return strcmp(old->store_backend, fresh->store_backend) != 0 ? "store.backend" : NULL;
}
