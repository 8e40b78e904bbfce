/*
 * Every setting of the configuration file, declared once.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/net.h"
#include "core/text.h"
#include "daemon/config.h"
#include "dns/resolve.h"
#include "dns/tsig.h"
#include "webhook/kubernetes/alias.h"
#include "webhook/kubernetes/names.h"

const char *const d1_client_auth_choices[] = {"required", "optional", NULL};

#define DAY_MS INT64_C(86400000)

const char *const d1_log_levels[] = {"error", "warn", "info", "debug", NULL};
const char *const d1_webhook_tls_modes[] = {"files", "csr", "self", NULL};
const char *const d1_log_formats[] = {"text", "json", NULL};

static int check_address(const char *text, struct d1_error *error) {
    struct sockaddr_storage address;
    if (d1_address_parse(text, &address) != D1_OK) {
        return d1_error_set(error, D1_EPARSE,
                            "an address and port like 127.0.0.1:5300 or [::1]:5300");
    }
    return D1_OK;
}

static int check_server(const char *text, struct d1_error *error) {
    if (d1_resolver_check_server(text) != D1_OK) {
        return d1_error_set(error, D1_EPARSE,
                            "an address, with or without a port, like 192.0.2.53, "
                            "192.0.2.53:5353 or [2001:db8::53]:5353");
    }
    return D1_OK;
}

static int check_name(const char *text, struct d1_error *error) {
    struct d1_name name;
    if (d1_name_from_text(text, &name) != D1_OK || name.length == 1) {
        return d1_error_set(error, D1_ENAME, "a domain name like auth.example.org");
    }
    return D1_OK;
}

static int check_pattern(const char *text, struct d1_error *error) {
    struct d1_name name;
    size_t stars = strspn(text, "*");
    const char *rest = text + stars;
    if (stars == 1 || stars == 2) {
        if (rest[0] == '\0') {
            return D1_OK;
        }
        rest += rest[0] == '.' ? 1 : 0;
        stars = rest[-1] == '.' ? 0 : stars; /* `*name` is no pattern. */
    }
    if (stars > 0 || strchr(rest, '*') != NULL || d1_name_from_text(rest, &name) != D1_OK) {
        return d1_error_set(error, D1_ENAME,
                            "a name, `*.NAME` (one label) or `**.NAME` (one or more)");
    }
    return D1_OK;
}

static int check_cidr(const char *text, struct d1_error *error) {
    char address[INET6_ADDRSTRLEN];
    uint8_t octets[16];
    uint64_t bits;
    size_t length = strcspn(text, "/");
    bool six = memchr(text, ':', length) != NULL;
    if (length < sizeof(address) && text[length] == '/') {
        memcpy(address, text, length);
        address[length] = '\0';
        if (inet_pton(six ? AF_INET6 : AF_INET, address, octets) == 1 &&
            d1_number_parse(text + length + 1, 0, six ? 128 : 32, &bits) == D1_OK) {
            return D1_OK;
        }
    }
    return d1_error_set(error, D1_EPARSE, "a network like 192.0.2.0/24 or 2001:db8::/32");
}

static int check_base_path(const char *text, struct d1_error *error) {
    size_t length = strlen(text);
    if (text[0] != '/' || length < 2 || text[length - 1] == '/' || strpbrk(text, "?# %") != NULL) {
        return d1_error_set(error, D1_EPARSE, "a path like /acme, without a slash at its end");
    }
    return D1_OK;
}

static int check_key_name(const char *text, struct d1_error *error) {
    struct d1_name name;
    if (strlen(text) > D1_TOKEN_NAME_MAX || d1_name_from_text(text, &name) != D1_OK ||
        name.length == 1) {
        return d1_error_set(error, D1_ENAME, "a short domain name like certbot.example.org");
    }
    return D1_OK;
}

static int check_token_name(const char *text, struct d1_error *error) {
    if (strlen(text) > D1_TOKEN_NAME_MAX || strpbrk(text, ": \t\r\n") != NULL) {
        return d1_error_set(error, D1_EPARSE, "a short name without blanks and colons");
    }
    return D1_OK;
}

static int check_group(const char *text, struct d1_error *error) {
    if (!d1_kube_is_name(text) || strchr(text, '.') == NULL) {
        return d1_error_set(error, D1_ENAME, "an API group like acme.example.org");
    }
    return D1_OK;
}

static int check_solver(const char *text, struct d1_error *error) {
    if (!d1_kube_is_label(text)) {
        return d1_error_set(error, D1_ENAME, "a solver's name of a-z, 0-9 and -");
    }
    return D1_OK;
}

static int check_kube_name(const char *text, struct d1_error *error) {
    if (!d1_kube_is_name(text)) {
        return d1_error_set(error, D1_ENAME, "a name of a-z, 0-9, - and .");
    }
    return D1_OK;
}

static int check_signer(const char *text, struct d1_error *error) {
    const char *slash = strchr(text, '/');
    if (slash == NULL || slash == text || slash[1] == '\0' || strpbrk(text, " \t") != NULL) {
        return d1_error_set(error, D1_ENAME, "a signer's name like example.com/serving");
    }
    return D1_OK;
}

static int check_namespace(const char *text, struct d1_error *error) {
    if (strcmp(text, "*") != 0 && !d1_kube_is_label(text)) {
        return d1_error_set(error, D1_ENAME, "a namespace's name, or * for all");
    }
    return D1_OK;
}

#define END \
    { .name = NULL }
#define NOT_BUILT(key) \
    { .name = (key), .type = D1_SETTING_TEXT, .flags = D1_SETTING_NOT_BUILT, .help = "" }

static const struct d1_setting address_item[] = {
    {.type = D1_SETTING_TEXT, .check = check_address, .help = "an address and port"}};
static const struct d1_setting server_item[] = {
    {.type = D1_SETTING_TEXT, .check = check_server, .help = "a resolver's address"}};
static const struct d1_setting name_item[] = {
    {.type = D1_SETTING_TEXT, .check = check_name, .help = "a domain name"}};
static const struct d1_setting pattern_item[] = {
    {.type = D1_SETTING_TEXT, .check = check_pattern, .help = "a name pattern"}};
static const struct d1_setting cidr_item[] = {
    {.type = D1_SETTING_TEXT, .check = check_cidr, .help = "a network"}};
static const struct d1_setting line_item[] = {
    {.type = D1_SETTING_TEXT, .help = "a zone-file line like \"ns1 A 192.0.2.1\""}};

static const struct d1_setting verb_item[] = {
    {.type = D1_SETTING_CHOICE, .choices = d1_verb_names, .help = "a verb"}};

static const char *const dns_listen_default[] = {"127.0.0.1:5300", "[::1]:5300", NULL};
static const char *const api_listen_default[] = {"127.0.0.1:8053", NULL};
static const char *const metrics_listen_default[] = {"127.0.0.1:9353", NULL};
static const char *const verbs_default[] = {"present", "cleanup", "read", NULL};
static const char *const backend_choices[] = {"sqlite", "memory", NULL};
static const char *const backends_later[] = {"etcd", "kubernetes", NULL};
static const char *const registration_choices[] = {"token", "open", "closed", NULL};
static const char *const policy_choices[] = {"lease", "rolling-2", NULL};
static const char *const confirm_choices[] = {"all", "quorum", "local", NULL};

static const struct d1_setting log_fields[] = {{.name = "level",
                                                .type = D1_SETTING_CHOICE,
                                                .fallback = "info",
                                                .choices = d1_log_levels,
                                                .help = "error, warn, info or debug"},
                                               {.name = "format",
                                                .type = D1_SETTING_CHOICE,
                                                .fallback = "text",
                                                .choices = d1_log_formats,
                                                .help = "text or json"},
                                               END};

static const struct d1_setting rate_limit_fields[] = {
    {.name = "per-second",
     .type = D1_SETTING_NUMBER,
     .fallback = "1000",
     .max = D1_RATE_PER_SECOND_MAX,
     .help = "answers per client prefix (IPv4 /24, IPv6 /56) and worker; 0: off"},
    {.name = "exempt",
     .type = D1_SETTING_LIST,
     .fields = cidr_item,
     .help = "clients that are not limited"},
    END};

static const struct d1_setting dns_fields[] = {
    {.name = "listen",
     .type = D1_SETTING_LIST,
     .fallback_list = dns_listen_default,
     .fields = address_item,
     .help = "addresses for UDP and TCP; [] turns DNS off"},
    {.name = "workers",
     .type = D1_SETTING_NUMBER,
     .fallback = "0",
     .max = D1_WORKERS_MAX,
     .help = "threads that answer; 0: one per CPU this process may use"},
    {.name = "proxy-protocol-from",
     .type = D1_SETTING_LIST,
     .fields = cidr_item,
     .help = "proxies whose PROXY v2 header is required and believed"},
    {.name = "rate-limit",
     .type = D1_SETTING_MAP,
     .fields = rate_limit_fields,
     .help = "answers over UDP"},
    {.name = "cookie-secret-file",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .help = "32 hex digits, shared by nodes; empty: random at start"},
    NOT_BUILT("update-forward-to"),
    END};

static const struct d1_setting zone_fields[] = {
    {.name = "name",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_REQUIRED,
     .check = check_name,
     .help = "apex of the zone, delegated to this server"},
    {.name = "nameservers",
     .type = D1_SETTING_LIST,
     .fields = name_item,
     .help = "its NS records; the first is the SOA's MNAME"},
    {.name = "hostmaster",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .check = check_name,
     .help = "the SOA's RNAME; empty: hostmaster.ZONE"},
    {.name = "records",
     .type = D1_SETTING_LIST,
     .fields = line_item,
     .help = "static records: zone-file lines, relative to the zone"},
    {.name = "file",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .help = "a whole zone file of static records; its SOA and NS then hold"},
    {.name = "ttl",
     .type = D1_SETTING_NUMBER,
     .fallback = "0",
     .max = 86400,
     .help = "TTL of challenge TXT records, in seconds"},
    {.name = "negative-ttl",
     .type = D1_SETTING_NUMBER,
     .fallback = "0",
     .max = 86400,
     .help = "SOA minimum: how long caches keep a negative answer, in seconds"},
    NOT_BUILT("dnssec"),
    NOT_BUILT("allow-transfer"),
    NOT_BUILT("also-notify"),
    NOT_BUILT("wait-for-secondaries"),
    END};
static const struct d1_setting zone_item[] = {
    {.type = D1_SETTING_MAP, .fields = zone_fields, .help = "a map with `name` and more"}};

static const struct d1_setting delegation_fields[] = {
    {.name = "under",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_REQUIRED,
     .check = check_name,
     .help = "suffix of the names whose _acme-challenge is delegated to this server"},
    {.name = "nameservers",
     .type = D1_SETTING_LIST,
     .fields = name_item,
     .help = "NS records of each delegated zone; the first is the SOA's MNAME"},
    {.name = "hostmaster",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .check = check_name,
     .help = "the SOA's RNAME; empty: hostmaster.UNDER"},
    NOT_BUILT("dnssec"),
    END};
static const struct d1_setting delegation_item[] = {{.type = D1_SETTING_MAP,
                                                     .fields = delegation_fields,
                                                     .help = "a map with `under`, `nameservers`"}};

static const struct d1_setting leases_fields[] = {
    {.name = "kubernetes",
     .type = D1_SETTING_DURATION,
     .fallback = "7d",
     .min = 1000,
     .max = 366 * DAY_MS,
     .help = "how long a value that cert-manager presents stays when it never cleans up"},
    {.name = "default",
     .type = D1_SETTING_DURATION,
     .fallback = "24h",
     .min = 1000,
     .max = 366 * DAY_MS,
     .help = "how long a value stays when the client names no lease"},
    {.name = "maximum",
     .type = D1_SETTING_DURATION,
     .fallback = "30d",
     .min = 1000,
     .max = 3660 * DAY_MS,
     .help = "the longest lease a client may ask for"},
    END};

static const struct d1_setting present_fields[] = {
    {.name = "confirm",
     .type = D1_SETTING_CHOICE,
     .fallback = "all",
     .choices = confirm_choices,
     .help = "which live nodes must serve a value before Present returns: all, quorum or local"},
    {.name = "limit",
     .type = D1_SETTING_DURATION,
     .fallback = "25s",
     .min = 100,
     .max = 25000,
     .help = "how long Present waits for that, then answers \"not yet\""},
    END};

static const struct d1_setting limits_fields[] = {
    {.name = "connections",
     .type = D1_SETTING_NUMBER,
     .fallback = "1024",
     .max = 1000000,
     .help = "open at a time per client address "
             "(IPv6: /64); 0: off"},
    {.name = "registrations",
     .type = D1_SETTING_RATE,
     .fallback = "30/h",
     .max = 1000000,
     .help = "per client address; 0: off"},
    {.name = "registrations-total",
     .type = D1_SETTING_RATE,
     .fallback = "1000/h",
     .max = 1000000,
     .help = "of all clients together; 0: off"},
    {.name = "accounts",
     .type = D1_SETTING_NUMBER,
     .fallback = "1000000",
     .max = D1_ACCOUNTS_MAX,
     .help = "at which /register makes no more; 0: off"},
    {.name = "auth-failures",
     .type = D1_SETTING_RATE,
     .fallback = "60/m",
     .max = 1000000,
     .help = "per client address; 0: off"},
    END};

static const struct d1_setting tls_fields[] = {
    {.name = "certificate",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .help = "PEM file: the server's certificate, then its chain"},
    {.name = "key",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .help = "PEM file of its key, without a passphrase"},
    {.name = "client-ca",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .help = "PEM file of the authorities of clients' certificates; empty: none are asked for"},
    {.name = "client-auth",
     .type = D1_SETTING_CHOICE,
     .fallback = "required",
     .choices = d1_client_auth_choices,
     .help = "with client-ca: required, or optional (only bad certificates are refused)"},
    END};

static const struct d1_setting api_fields[] = {
    {.name = "listen",
     .type = D1_SETTING_LIST,
     .fallback_list = api_listen_default,
     .fields = address_item,
     .help = "addresses of the acme-dns, httpreq and native API; [] turns it off"},
    {.name = "base-path",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .check = check_base_path,
     .help = "URL prefix"},
    {.name = "tls",
     .type = D1_SETTING_MAP,
     .fields = tls_fields,
     .help = "HTTPS; without it plain HTTP, on loopback addresses only"},
    {.name = "insecure",
     .type = D1_SETTING_BOOL,
     .fallback = "false",
     .help = "allow plain HTTP on addresses other than loopback"},
    {.name = "registration",
     .type = D1_SETTING_CHOICE,
     .fallback = "token",
     .choices = registration_choices,
     .help = "who may POST /register: token (with the verb register), open or closed"},
    {.name = "account-store",
     .type = D1_SETTING_BOOL,
     .fallback = "false",
     .help = "keep acme-dns accounts for clients (lego), sealed with their tokens' secrets"},
    {.name = "txt-policy",
     .type = D1_SETTING_CHOICE,
     .fallback = "lease",
     .choices = policy_choices,
     .help = "lease: values live side by side; rolling-2: two slots, as acme-dns"},
    {.name = "account-zone",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .check = check_name,
     .help = "where /register makes its subdomains; empty: the first zone"},
    {.name = "trusted-proxies",
     .type = D1_SETTING_LIST,
     .fields = cidr_item,
     .help = "networks whose X-Forwarded-For is believed"},
    {.name = "hosts",
     .type = D1_SETTING_LIST,
     .fields = name_item,
     .help = "names besides localhost that Host may give where plain HTTP listens on loopback"},
    {.name = "limits", .type = D1_SETTING_MAP, .fields = limits_fields, .help = "rate limits"},
    END};

/* What a credential of either kind may do. */
#define RIGHTS                                                                    \
    {.name = "names",                                                             \
     .type = D1_SETTING_LIST,                                                     \
     .fields = pattern_item,                                                      \
     .help = "validated names it may ask for"},                                   \
        {.name = "owners",                                                        \
         .type = D1_SETTING_LIST,                                                 \
         .fields = pattern_item,                                                  \
         .help = "owner names in our zones it may write"},                        \
    {                                                                             \
        .name = "verbs", .type = D1_SETTING_LIST, .fallback_list = verbs_default, \
        .fields = verb_item, .help = "present, cleanup, read, register, admin"    \
    }

static const struct d1_setting token_fields[] = {
    {.name = "name",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_REQUIRED,
     .check = check_token_name,
     .help = "the token's name: user name of Basic, owner of its values"},
    {.name = "secret-file",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_REQUIRED,
     .help = "file that holds the secret, at least 16 octets"},
    RIGHTS,
    END};
static const struct d1_setting token_item[] = {
    {.type = D1_SETTING_MAP, .fields = token_fields, .help = "a map with `name`, `secret-file`"}};

static const struct d1_setting tsig_fields[] = {
    {.name = "name",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_REQUIRED,
     .check = check_key_name,
     .help = "the key's name, a domain name"},
    {.name = "algorithm",
     .type = D1_SETTING_CHOICE,
     .fallback = "hmac-sha256",
     .choices = d1_tsig_algorithm_names,
     .help = "hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512 or hmac-md5"},
    {.name = "allow-md5",
     .type = D1_SETTING_BOOL,
     .fallback = "false",
     .help = "take hmac-md5 for this key"},
    {.name = "secret-file",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_REQUIRED,
     .help = "file that holds the secret in base64, at least 16 octets"},
    RIGHTS,
    END};
static const struct d1_setting tsig_item[] = {
    {.type = D1_SETTING_MAP, .fields = tsig_fields, .help = "a map with `name`, `secret-file`"}};

static const struct d1_setting also_serve_fields[] = {
    {.name = "group",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_REQUIRED,
     .check = check_group,
     .help = "API group of the webhook that is replaced"},
    {.name = "solver",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_REQUIRED,
     .check = check_solver,
     .help = "its solver's name"},
    {.name = "config",
     .type = D1_SETTING_CHOICE,
     .fallback = "dns01d",
     .choices = d1_alias_names,
     .help = "whose config schema its Issuers use"},
    END};
static const struct d1_setting also_serve_item[] = {
    {.type = D1_SETTING_MAP, .fields = also_serve_fields, .help = "a map with `group`, `solver`"}};

static const struct d1_setting namespace_item[] = {
    {.type = D1_SETTING_TEXT, .check = check_namespace, .help = "a namespace"}};
static const struct d1_setting account_item[] = {
    {.type = D1_SETTING_TEXT, .help = "the name of an account in `providers`"}};
static const struct d1_setting grant_fields[] = {
    {.name = "namespaces",
     .type = D1_SETTING_LIST,
     .fields = namespace_item,
     .help = "namespaces of Issuers (a ClusterIssuer: cert-manager's own); * is all"},
    {.name = "names",
     .type = D1_SETTING_LIST,
     .fields = pattern_item,
     .help = "validated names they may ask for"},
    {.name = "owners",
     .type = D1_SETTING_LIST,
     .fields = pattern_item,
     .help = "owner names in our zones they may write"},
    {.name = "providers",
     .type = D1_SETTING_LIST,
     .fields = account_item,
     .help = "accounts they may use"},
    END};
static const struct d1_setting grant_item[] = {
    {.type = D1_SETTING_MAP, .fields = grant_fields, .help = "a map with `namespaces`, `names`"}};

static const struct d1_setting webhook_tls_fields[] = {
    {.name = "mode",
     .type = D1_SETTING_CHOICE,
     .fallback = "files",
     .choices = d1_webhook_tls_modes,
     .help = "files, csr (the cluster's certificates API) or self (an authority of our own)"},
    {.name = "certificate",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .help = "PEM file: the serving certificate, for SERVICE.NAMESPACE.svc, then its chain"},
    {.name = "key",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .help = "PEM file of its key, without a passphrase"},
    {.name = "service",
     .type = D1_SETTING_TEXT,
     .fallback = "dns01d-webhook",
     .check = check_solver,
     .help = "csr, self: name of the Service that the APIService names"},
    {.name = "namespace",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .check = check_solver,
     .help = "csr, self: its namespace; empty: the pod's"},
    {.name = "signer",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .check = check_signer,
     .help = "csr: signerName of the CertificateSigningRequest"},
    {.name = "secret",
     .type = D1_SETTING_TEXT,
     .fallback = "dns01d-webhook-ca",
     .check = check_kube_name,
     .help = "self: Secret with the authority, shared by replicas"},
    END};

static const char *const webhook_listen_default[] = {"0.0.0.0:8443", NULL};

static const struct d1_setting webhook_fields[] = {
    {.name = "listen",
     .type = D1_SETTING_LIST,
     .fallback_list = webhook_listen_default,
     .fields = address_item,
     .help = "addresses for kube-apiserver, always HTTPS; [] turns it off"},
    {.name = "group",
     .type = D1_SETTING_TEXT,
     .fallback = "acme.dns01d.dev",
     .check = check_group,
     .help = "API group: groupName of Issuers"},
    {.name = "solver",
     .type = D1_SETTING_TEXT,
     .fallback = "dns01d",
     .check = check_solver,
     .help = "solverName of Issuers"},
    {.name = "also-serve",
     .type = D1_SETTING_LIST,
     .fields = also_serve_item,
     .help = "further groups and solvers, for migration"},
    {.name = "tls",
     .type = D1_SETTING_MAP,
     .fields = webhook_tls_fields,
     .help = "the serving certificate; read again when its files change"},
    {.name = "kubeconfig",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .help = "how to reach the Kubernetes API; empty: as a pod does"},
    {.name = "policy",
     .type = D1_SETTING_LIST,
     .fields = grant_item,
     .help = "who may use our zones and accounts; empty: ClusterIssuers"},
    {.name = "allow-networks",
     .type = D1_SETTING_LIST,
     .fields = cidr_item,
     .help = "private networks that an Issuer's own base-url may reach, also without TLS"},
    END};

static const struct d1_setting store_fields[] = {
    {.name = "backend",
     .type = D1_SETTING_CHOICE,
     .fallback = "sqlite",
     .choices = backend_choices,
     .later = backends_later,
     .help = "sqlite (durable) or memory (lost at exit)"},
    NOT_BUILT("etcd"),
    END};

static const struct d1_setting metrics_fields[] = {
    {.name = "listen",
     .type = D1_SETTING_LIST,
     .fallback_list = metrics_listen_default,
     .fields = address_item,
     .help = "addresses of /metrics, /livez and /readyz; [] turns it off"},
    END};

static const struct d1_setting resolver_fields[] = {
    {.name = "servers",
     .type = D1_SETTING_LIST,
     .fields = server_item,
     .help = "recursive resolvers; [] takes those of /etc/resolv.conf"},
    {.name = "trust-anchor-file",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .help = "DS or DNSKEY records as zone-file lines; with it, answers are validated"},
    END};

static const struct d1_setting provider_item[] = {
    {.type = D1_SETTING_OPEN, .help = "a map with `type` and its settings"}};

static const struct d1_setting folder_item[] = {
    {.type = D1_SETTING_TEXT, .help = "the path of a folder"}};

static const struct d1_setting route_fields[] = {{.name = "under",
                                                  .type = D1_SETTING_TEXT,
                                                  .flags = D1_SETTING_REQUIRED,
                                                  .check = check_name,
                                                  .help = "a domain name: names at or below it"},
                                                 {.name = "provider",
                                                  .type = D1_SETTING_TEXT,
                                                  .flags = D1_SETTING_REQUIRED,
                                                  .help = "the name of an account in providers"},
                                                 END};
static const struct d1_setting route_item[] = {
    {.type = D1_SETTING_MAP, .fields = route_fields, .help = "a map with `under`, `provider`"}};

static const struct d1_setting settings[] = {
    {.name = "log", .type = D1_SETTING_MAP, .fields = log_fields, .help = "events on stderr"},
    {.name = "state-dir",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .help = "empty: $STATE_DIRECTORY, else ./dns01d-state"},
    {.name = "control-socket",
     .type = D1_SETTING_TEXT,
     .flags = D1_SETTING_EMPTY,
     .help = "empty: STATE-DIR/control.sock; root and our own user are admin there"},
    {.name = "dns", .type = D1_SETTING_MAP, .fields = dns_fields, .help = "the DNS server"},
    {.name = "zones", .type = D1_SETTING_LIST, .fields = zone_item, .help = "zones served here"},
    {.name = "delegations",
     .type = D1_SETTING_LIST,
     .fields = delegation_item,
     .help = "suffixes below which each _acme-challenge.NAME is a zone of its own"},
    {.name = "leases", .type = D1_SETTING_MAP, .fields = leases_fields, .help = "lease lengths"},
    {.name = "present",
     .type = D1_SETTING_MAP,
     .fields = present_fields,
     .help = "when Present returns"},
    {.name = "api", .type = D1_SETTING_MAP, .fields = api_fields, .help = "the HTTP front doors"},
    {.name = "webhook",
     .type = D1_SETTING_MAP,
     .flags = D1_SETTING_OFF,
     .fields = webhook_fields,
     .help = "the cert-manager solver; absent: off"},
    {.name = "providers",
     .type = D1_SETTING_NAMED,
     .fields = provider_item,
     .help = "named accounts at DNS providers; `dns01ctl providers` lists types and settings"},
    {.name = "provider-dirs",
     .type = D1_SETTING_LIST,
     .fields = folder_item,
     .help = "folders of descriptors of your own"},
    {.name = "resolver",
     .type = D1_SETTING_MAP,
     .fields = resolver_fields,
     .help = "who is asked where the CNAME of a name that is not ours leads"},
    {.name = "routes",
     .type = D1_SETTING_LIST,
     .fields = route_item,
     .help = "names that a provider account serves; everything else is served here"},
    {.name = "tsig-keys",
     .type = D1_SETTING_LIST,
     .fields = tsig_item,
     .help = "keys of RFC 2136 updates and signed queries"},
    {.name = "tokens",
     .type = D1_SETTING_LIST,
     .fields = token_item,
     .help = "credentials of the HTTP front doors"},
    {.name = "store",
     .type = D1_SETTING_MAP,
     .fields = store_fields,
     .help = "where the truth is kept"},
    {.name = "metrics", .type = D1_SETTING_MAP, .fields = metrics_fields, .help = "Prometheus"},
    END};

const struct d1_setting *d1_config_settings(void) {
    return settings;
}
