/* Accounts of the host: checked, opened, and closed when the last job that used them has ended. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/mem.h"
#include "providers/internal.h"

static const struct d1_provider_setting *find_setting(const struct d1_provider *provider,
                                                      const char *name) {
    for (size_t i = 0; i < provider->setting_count; i++) {
        if (strcmp(provider->settings[i].name, name) == 0) {
            return &provider->settings[i];
        }
    }
    return NULL;
}

static int check_settings(const struct d1_provider *provider, const struct d1_host_account *account,
                          struct d1_error *error) {
    for (size_t i = 0; i < account->setting_count; i++) {
        if (find_setting(provider, account->settings[i].name) == NULL) {
            return d1_error_set(error, D1_ECONFIG, "%.100s: %.100s takes no such setting",
                                account->settings[i].name, provider->type);
        }
    }
    for (size_t i = 0; i < provider->setting_count; i++) {
        const struct d1_provider_setting *setting = &provider->settings[i];
        bool given = !setting->required || setting->fallback != NULL;
        for (size_t j = 0; j < account->setting_count && !given; j++) {
            given = strcmp(account->settings[j].name, setting->name) == 0;
        }
        if (!given) {
            return d1_error_set(error, D1_ECONFIG, "%.100s needs the setting %.100s (%.200s)",
                                provider->type, setting->name, setting->text);
        }
    }
    return D1_OK;
}

static int hide_secrets(struct d1_host_opened *opened, const struct d1_host_account *account) {
    for (size_t i = 0; i < account->setting_count; i++) {
        const struct d1_provider_setting *setting =
            find_setting(opened->provider, account->settings[i].name);
        if (setting != NULL && setting->secret != 0) {
            int err = d1_redact_add(&opened->redact, account->settings[i].value);
            if (err != 0) {
                return err;
            }
        }
    }
    return D1_OK;
}

static int copy_text(char **ret_copy, const char *text) {
    if (text == NULL) {
        return D1_OK;
    }
    *ret_copy = d1_strdup(text);
    return *ret_copy == NULL ? -ENOMEM : D1_OK;
}

static int copy_rules(struct d1_transport_rules *rules, const struct d1_transport_rules *from) {
    char *ca_file = NULL;
    char *ca_pem = NULL;
    char *proxy = NULL;
    int err = copy_text(&ca_file, from->ca_file);
    err = err != D1_OK ? err : copy_text(&ca_pem, from->ca_pem);
    err = err != D1_OK ? err : copy_text(&proxy, from->proxy);
    struct d1_cidr *networks = NULL;
    if (err == D1_OK && from->network_count > 0) {
        networks = d1_memdup(from->networks, from->network_count * sizeof(*networks));
        err = networks == NULL ? -ENOMEM : D1_OK;
    }
    /* Also after an error: who closes the account frees what was copied. */
    *rules = (struct d1_transport_rules){
        .ca_file = ca_file,
        .ca_pem = ca_pem,
        .proxy = proxy,
        .networks = networks,
        .network_count = networks == NULL ? 0 : from->network_count,
        .limit_ms = from->limit_ms != 0 ? from->limit_ms : D1_HOST_REQUEST_MS,
    };
    return err;
}

static void free_account(uv_handle_t *handle) {
    struct d1_host_opened *opened = handle->data;
    struct d1_host *host = opened->host;
    if (opened->account != NULL) {
        opened->provider->account_close(opened->account);
    }
    d1_redact_close(&opened->redact);
    d1_free((void *)(uintptr_t)opened->rules.ca_file);
    d1_free((void *)(uintptr_t)opened->rules.ca_pem);
    d1_free((void *)(uintptr_t)opened->rules.proxy);
    d1_free((void *)(uintptr_t)opened->rules.networks);
    d1_free(opened->zone);
    d1_free(opened->name);
    d1_free(opened);
    d1_host_handle_closed(host);
}

void d1_host_close_account(struct d1_host_opened *opened) {
    uv_close((uv_handle_t *)&opened->timer, free_account);
}

void d1_host_release_account(struct d1_host_opened *opened) {
    opened->runs--;
    if (opened->runs == 0 && opened->dropped) {
        d1_host_close_account(opened);
    }
}

static int open_account(struct d1_host_opened *opened, const struct d1_host_account *account,
                        struct d1_error *error) {
    struct d1_provider_error why = {.text = ""};
    int err = copy_text(&opened->name, account->name);
    err = err != D1_OK ? err : copy_text(&opened->zone, account->zone);
    err = err != D1_OK ? err : copy_rules(&opened->rules, &account->rules);
    err = err != D1_OK ? err : hide_secrets(opened, account);
    if (err != D1_OK) {
        return d1_error_set(error, err, "no memory");
    }
    if (opened->provider->account_open(opened->provider, account->settings, account->setting_count,
                                       &opened->account, &why) != 0) {
        char text[D1_PROVIDER_TEXT_MAX];
        opened->account = NULL;
        d1_redact_text(&opened->redact, why.text, text, sizeof(text));
        return d1_error_set(error, D1_ECONFIG, "%.400s", text);
    }
    opened->traits.size = sizeof(opened->traits);
    opened->provider->traits(opened->account, &opened->traits);
    d1_pace_init(&opened->pace, opened->traits.requests, opened->traits.per_ms);
    if (opened->traits.together == 0) {
        opened->traits.together = D1_HOST_TOGETHER;
    }
    return D1_OK;
}

static int make_account(struct d1_host *host, const struct d1_host_account *account,
                        struct d1_host_opened **ret_opened, struct d1_error *error) {
    const struct d1_provider *provider = host->options.find(account->type, host->options.find_arg);
    if (provider == NULL) {
        return d1_error_set(error, D1_ECONFIG,
                            "type: there is no provider type %.100s; `dns01ctl providers` lists "
                            "them",
                            account->type);
    }
    int err = check_settings(provider, account, error);
    if (err != D1_OK) {
        return err;
    }
    struct d1_host_opened *opened = d1_calloc(1, sizeof(*opened));
    if (opened == NULL) {
        return d1_error_set(error, -ENOMEM, "no memory");
    }
    opened->host = host;
    opened->provider = provider;
    opened->ttl = account->ttl;
    opened->look = account->look;
    opened->last = &opened->first;
    uv_timer_init(d1_loop_uv(host->options.loop), &opened->timer);
    opened->timer.data = opened;
    host->handles++;
    err = open_account(opened, account, error);
    if (err != D1_OK) {
        d1_host_close_account(opened);
        return err;
    }
    *ret_opened = opened;
    return D1_OK;
}

struct d1_host_opened *d1_host_find_account(const struct d1_host *host, const char *name) {
    struct d1_host_opened *opened = host->accounts;
    while (opened != NULL && strcmp(opened->name, name) != 0) {
        opened = opened->next;
    }
    return opened;
}

void d1_host_drop_account(struct d1_host *host, const char *name) {
    struct d1_host_opened **at = &host->accounts;
    while (*at != NULL && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    struct d1_host_opened *opened = *at;
    if (opened == NULL) {
        return;
    }
    *at = opened->next;
    host->account_count--;
    opened->dropped = true;
    if (opened->runs == 0) {
        d1_host_close_account(opened);
    }
}

int d1_host_put_account(struct d1_host *host, const struct d1_host_account *account,
                        struct d1_error *error) {
    struct d1_host_opened *opened = NULL;
    if (host->account_count >= D1_HOST_ACCOUNTS_MAX) {
        return d1_error_set(error, D1_ELIMIT, "there are too many provider accounts");
    }
    int err = make_account(host, account, &opened, error);
    if (err != D1_OK || opened == NULL) {
        return err;
    }
    d1_host_drop_account(host, account->name);
    opened->next = host->accounts;
    host->accounts = opened;
    host->account_count++;
    return D1_OK;
}
