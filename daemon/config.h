/*
 * Configuration: a YAML file, checked whole against the table of settings, turned into one
 * immutable struct. The names are the contract with users; docs/man/dns01d.conf.5 explains them.
 *
 * Threads: made and read on the control thread.
 * Memory: d1_config owns everything it points at; texts live in its tree of nodes.
 */
#ifndef D1_DAEMON_CONFIG_H
#define D1_DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/setting.h"
#include "daemon/accounts.h"
#include "dns/resolve.h"
#include "dnsd/keys.h"
#include "dnsd/options.h"
#include "dnsd/zone.h"
#include "solver/solver.h"
#include "webhook/frontend.h"

struct d1_kube_access;
struct d1_kube_settings;
struct d1_tls_context;

/* A list of texts, borrowed from the tree. */
struct d1_texts {
    size_t count;
    const char **item; /* Owned array of borrowed texts. */
    bool is_default;   /* Nobody wrote it: e.g. an IPv6 address may be missing. */
};

struct d1_config {
    struct d1_node *root; /* The checked tree. */
    int log_level;        /* enum d1_log_level */
    int log_format;
    const char *state_dir;
    const char *control_socket; /* "": STATE-DIR/control.sock. */
    struct d1_texts dns_listen;
    unsigned dns_workers; /* 0: one per CPU. */
    struct d1_options answering;
    size_t zones_count;
    size_t served_count;          /* Zones, then delegations. */
    struct d1_zone_config *zones; /* All of them. */
    struct d1_solver_settings solver;
    struct d1_texts resolver_servers;
    struct d1_resolver_settings resolver; /* Its servers are those. */
    struct d1_texts api_listen;
    struct d1_tls_context *api_tls; /* NULL: none, or the daemon took it; see api_secure. */
    bool api_secure;                /* api.tls is set. */
    struct d1_frontend_settings frontend;
    struct d1_credentials *credentials;   /* NULL once the solver took it. */
    struct d1_keys *keys;                 /* NULL once the workers have it. */
    struct d1_provider_accounts accounts; /* Of providers. */
    const char *store_backend;
    struct d1_texts metrics_listen;
    struct d1_texts webhook_listen; /* Empty: off. */
    const char *webhook_certificate;
    const char *webhook_key;
    const char *webhook_kubeconfig;            /* "": as a pod. */
    struct d1_texts webhook_networks;          /* That accounts of Issuers may reach. */
    unsigned webhook_mode;                     /* enum d1_kube_serving_mode */
    struct d1_tls_context *webhook_tls;        /* NULL: off, or the daemon took it. */
    struct d1_kube_settings *webhook_settings; /* NULL: off, or the webhook took it. */
};

/* Where faults go: one line each, "FILE:LINE: path: what is wrong, what was expected". */
struct d1_config_faults {
    void (*line)(void *arg, const char *text);
    void *arg;
    const char *file;
    unsigned count;

    /* What is taken, but may not be meant, in the same form. NULL: nobody wants to know. */
    void (*warning)(void *arg, const char *text);
};

/*
 * Read and check `path`; NULL reads no file and serves the zone of the built-in example. Secrets are
 * read here, from their files. Returns 0 and the configuration, D1_ECONFIG (faults were reported) or
 * -ENOMEM.
 */
int d1_config_read(const char *path, struct d1_config_faults *faults,
                   struct d1_config **ret_config);

/* The same from a text. */
int d1_config_parse(const char *text, size_t length, struct d1_config_faults *faults,
                    struct d1_config **ret_config);

/* A list of a checked document as texts. `item` is the caller's. Returns 0 or -ENOMEM. */
int d1_config_take_texts(const struct d1_node *list, struct d1_texts *ret_texts);

/* The rights that a checked entry of `tokens` or `tsig-keys` gives. Returns as d1_rights_create(). */
int d1_config_make_rights(const struct d1_node *entry, struct d1_rights **ret_rights,
                          struct d1_error *error);

/* NULL is allowed. */
void d1_config_destroy(struct d1_config *config);

/* The first setting that differs and needs a restart to change, or NULL. */
const char *d1_config_needs_restart(const struct d1_config *old, const struct d1_config *fresh);

/* The table all of this is checked against. */
const struct d1_setting *d1_config_settings(void);

extern const char *const d1_log_levels[];
extern const char *const d1_log_formats[];
extern const char *const d1_webhook_tls_modes[];
extern const char *const d1_client_auth_choices[];

#endif /* D1_DAEMON_CONFIG_H */
