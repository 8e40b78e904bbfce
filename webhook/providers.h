/*
 * What the native API shows of provider accounts. The daemon gives it to the front end; a front door
 * knows nothing of providers.
 *
 * Threads: all called on the control loop.
 */
#ifndef D1_WEBHOOK_PROVIDERS_H
#define D1_WEBHOOK_PROVIDERS_H

struct d1_bytes;
struct d1_name;

struct d1_provider_view {
    /* Append the accounts as a JSON array. */
    void (*list)(void *arg, struct d1_bytes *body);

    /*
     * Begin to try an account: a value is written at _acme-challenge.DOMAIN, looked for, removed.
     * Returns 0, D1_ENOTFOUND (no such account), D1_EEXIST (one is under way) or -ENOMEM.
     */
    int (*test)(void *arg, const char *account, const struct d1_name *domain);

    /* Append how far the account's last test has come, as JSON. Returns 0 or D1_ENOTFOUND. */
    int (*show_test)(void *arg, const char *account, struct d1_bytes *body);

    void *arg;
};

#endif /* D1_WEBHOOK_PROVIDERS_H */
