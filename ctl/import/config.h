/*
 * acme-dns' config.cfg, and what it is as configuration of dns01d.
 *
 * Threads: one.
 * Memory: a configuration owns its texts.
 */
#ifndef D1_CTL_IMPORT_CONFIG_H
#define D1_CTL_IMPORT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/attr.h"

struct d1_error;

struct d1_acmedns_config {
    /* [general] */
    char *listen;
    char *protocol;
    char *domain; /* Never NULL once read. */
    char *nsname;
    char *nsadmin;
    size_t records_count;
    char **records;
    bool debug;
    /* [database] */
    char *engine;
    char *connection;
    /* [api] */
    char *ip;
    char *port;
    char *tls;
    char *tls_key;
    char *tls_chain;
    char *header_name;
    bool use_header;
    bool disable_registration;
    /* [logconfig] */
    char *loglevel;
    char *logformat;
    /* What has no counterpart, as "api.corsorigins". */
    size_t others_count;
    char **others;
};

/* Returns 0, or an error with the file and line in its story. */
int d1_acmedns_config_read(const char *path, struct d1_acmedns_config *ret_config,
                           struct d1_error *error) D1_MUST_CHECK;

/* The same from a text; errors tell the line only. */
int d1_acmedns_config_parse(const char *text, size_t length, struct d1_acmedns_config *ret_config,
                            struct d1_error *error) D1_MUST_CHECK;
void d1_acmedns_config_close(struct d1_acmedns_config *config);

/* Print it as YAML for dns01d, with comments where an administrator has to look. */
void d1_acmedns_config_print(const struct d1_acmedns_config *config, FILE *out);

#endif /* D1_CTL_IMPORT_CONFIG_H */
