#include "daemon/tsigkeys.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/mem.h"
#include "core/text.h"
#include "daemon/config.h"

struct secret {
    size_t length;
    uint8_t octets[D1_SECRET_BYTES_MAX];
};

/* Base64 in one file, with line ends and blanks as tools write them. */
static int read_secret(const char *path, struct secret *secret, struct d1_error *error) {
    char *text = NULL;
    size_t length = 0;
    int err = d1_file_read(path, D1_SECRET_BYTES_MAX, &text, &length, error);
    if (err != D1_OK) {
        return err;
    }
    size_t digits = 0;
    for (size_t i = 0; i < length; i++) {
        if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0') {
            text[digits++] = text[i];
        }
    }
    err = d1_base64_decode(text, digits, secret->octets, sizeof(secret->octets), &secret->length);
    if (err != D1_OK) {
        err = d1_error_set(error, D1_ECONFIG, "the secret in %s is not base64", path);
    } else if (secret->length < D1_SECRET_BYTES_MIN) {
        err = d1_error_set(error, D1_ECONFIG,
                           "the secret in %s has %zu octets after base64, expected at least %d",
                           path, secret->length, D1_SECRET_BYTES_MIN);
    }
    d1_wipe(text, length);
    d1_free(text);
    return err;
}

static int make_key(const struct d1_node *entry, const struct d1_name *name,
                    struct d1_tsig_key **ret_key, struct d1_error *error) {
    unsigned algorithm =
        d1_setting_choice(d1_node_find(entry, "algorithm"), d1_tsig_algorithm_names);
    if (algorithm == D1_TSIG_HMAC_MD5 && !d1_setting_bool(d1_node_find(entry, "allow-md5"))) {
        return d1_error_set(error, D1_ECONFIG,
                            "hmac-md5 is not taken, expected hmac-sha256 (name it in the client "
                            "too), or allow-md5: true");
    }
    struct secret secret;
    int err = read_secret(d1_node_find(entry, "secret-file")->text, &secret, error);
    if (err == D1_OK) {
        err = d1_tsig_key_create(name, (enum d1_tsig_algorithm)algorithm, secret.octets,
                                 secret.length, ret_key);
    }
    d1_wipe(&secret, sizeof(secret));
    return err;
}

static int add_rights(const struct d1_node *entry, const struct d1_name *name,
                      struct d1_credentials *credentials, struct d1_error *error) {
    char text[D1_NAME_TEXT_MAX];
    struct d1_rights *rights = NULL;
    int err = d1_config_make_rights(entry, &rights, error);
    if (err != D1_OK) {
        return err;
    }
    d1_name_to_text(name, text);
    unsigned algorithm =
        d1_setting_choice(d1_node_find(entry, "algorithm"), d1_tsig_algorithm_names);
    err = d1_credentials_add_key(credentials, text, d1_tsig_algorithm_names[algorithm], rights);
    if (err != D1_OK) {
        d1_rights_destroy(rights);
    }
    return err;
}

static int take_key(const struct d1_node *entry, struct d1_keys *keys,
                    struct d1_credentials *credentials, struct d1_error *error) {
    struct d1_name name;
    struct d1_tsig_key *key = NULL;
    int err = d1_name_from_text(d1_node_find(entry, "name")->text, &name);
    assert(err == D1_OK); /* The table's check took it. */
    err = make_key(entry, &name, &key, error);
    if (err == D1_OK) {
        err = d1_keys_add(keys, key);
    }
    if (err == D1_OK) {
        err = add_rights(entry, &name, credentials, error);
    }
    if (err == D1_EEXIST) {
        d1_error_set(error, err, "another key has the same name");
    }
    d1_tsig_key_drop(key);
    return err;
}

int d1_tsigkeys_read(const struct d1_node *list, d1_setting_fault_fn on_fault, void *arg,
                     struct d1_keys *keys, struct d1_credentials *credentials) {
    size_t index = 0;
    for (const struct d1_node *entry = list->first; entry != NULL; entry = entry->next, index++) {
        struct d1_error error = {0};
        int err = take_key(entry, keys, credentials, &error);
        if (err == -ENOMEM) {
            return err;
        }
        if (err != D1_OK) {
            char path[64];
            snprintf(path, sizeof(path), "tsig-keys[%zu]", index);
            if (error.text[0] == '\0') {
                d1_error_set(&error, err, "%s", d1_err_text(err));
            }
            on_fault(arg, entry->line, path, error.text);
        }
    }
    return D1_OK;
}

struct merging {
    struct d1_keys *keys;
    int err;
};

static void merge_key(struct d1_tsig_key *key, void *arg) {
    struct merging *merging = arg;
    if (merging->err == D1_OK) {
        int err = d1_keys_add(merging->keys, key);
        merging->err = err == D1_EEXIST ? D1_OK : err;
    }
}

int d1_tsigkeys_merge(const struct d1_keys *configured, const struct d1_solver *solver,
                      struct d1_keys **ret_keys) {
    struct merging merging = {.keys = NULL};
    int err = d1_keys_create(&merging.keys);
    if (err != D1_OK) {
        return err;
    }
    d1_keys_each(configured, merge_key, &merging);
    d1_solver_each_tsig(solver, merge_key, &merging);
    if (merging.err != D1_OK) {
        d1_keys_destroy(merging.keys);
        return merging.err;
    }
    *ret_keys = merging.keys;
    return D1_OK;
}
