#include "dnsd/options.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"

static_assert(offsetof(struct d1_options, item) == 0, "release casts an item to its options");

int d1_options_create(const struct d1_options *from, struct d1_options **ret_options) {
    size_t cidrs = from->exempt_count + from->proxies_count;
    struct d1_options *options = d1_malloc(sizeof(*options) + cidrs * sizeof(struct d1_cidr));
    if (options == NULL) {
        return -ENOMEM;
    }
    *options = *from;
    struct d1_cidr *at = (struct d1_cidr *)(void *)(options + 1);
    if (from->exempt_count > 0) {
        memcpy(at, from->exempt, from->exempt_count * sizeof(*at));
    }
    options->exempt = at;
    at += from->exempt_count;
    if (from->proxies_count > 0) {
        memcpy(at, from->proxies, from->proxies_count * sizeof(*at));
    }
    options->proxies = at;
    *ret_options = options;
    return D1_OK;
}

void d1_options_destroy(struct d1_options *options) {
    if (options == NULL) {
        return;
    }
    d1_wipe(&options->cookies, sizeof(options->cookies));
    d1_free(options);
}

static void release(struct d1_epoch_item *item) {
    d1_options_destroy((struct d1_options *)(void *)item);
}

void d1_options_swap(struct d1_options_current *current, struct d1_epoch *epoch,
                     struct d1_options *fresh) {
    struct d1_options *old =
        atomic_exchange_explicit(&current->options, fresh, memory_order_acq_rel);
    if (old != NULL) {
        d1_epoch_retire(epoch, &old->item, release);
    }
}
