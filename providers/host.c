#include "providers/host.h"

#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/mem.h"
#include "providers/internal.h"

#define BACKOFF_MS 1000

int d1_host_create(const struct d1_host_options *options, struct d1_host **ret_host) {
    struct d1_host *host = d1_calloc(1, sizeof(*host));
    if (host == NULL) {
        return -ENOMEM;
    }
    host->options = *options;
    if (host->options.backoff_ms == 0) {
        host->options.backoff_ms = BACKOFF_MS;
    }
    int err = d1_lock_set_init(&host->locks);
    if (err != 0) {
        d1_free(host);
        return err;
    }
    host->handles = 1; /* Its owner's. */
    *ret_host = host;
    return D1_OK;
}

void d1_host_handle_closed(struct d1_host *host) {
    host->handles--;
    if (host->handles == 0) {
        d1_free(host);
    }
}

void d1_host_destroy(struct d1_host *host) {
    if (host == NULL) {
        return;
    }
    host->destroyed = true;
    while (host->runs != NULL) {
        d1_run_stop(host->runs);
    }
    while (host->accounts != NULL) {
        d1_host_drop_account(host, host->accounts->name);
    }
    d1_host_handle_closed(host);
}
