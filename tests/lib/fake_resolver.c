#include "tests/lib/fake_resolver.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "core/mem.h"
#include "dns/wire.h"

static int ask(struct d1_resolver *resolver, struct d1_resolve_query *query) {
    struct fake_resolver *fake = D1_CONTAINER_OF(resolver, struct fake_resolver, base);
    if (fake->ask_err != 0) {
        return fake->ask_err;
    }
    struct d1_resolve_query **last = &fake->first;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    query->next = NULL;
    query->context = NULL;
    *last = query;
    fake->asked++;
    return D1_OK;
}

static void cancel(struct d1_resolver *resolver, struct d1_resolve_query *query) {
    query->context = resolver; /* A mark: it is told so at its turn. */
}

void fake_resolver_init(struct fake_resolver *fake, const struct d1_clock *clock) {
    memset(fake, 0, sizeof(*fake));
    fake->base = (struct d1_resolver){.ask = ask, .cancel = cancel, .clock = clock};
}

/* The index of the row of that name and type; a new one where there is none. */
static size_t row_of(struct fake_resolver *fake, const char *text, uint16_t type) {
    struct d1_name name;
    int err = d1_name_from_text(text, &name);
    assert(err == 0);
    (void)err;
    size_t i = 0;
    while (i < fake->rows_count &&
           !(fake->rows[i].type == type && d1_name_equal(&fake->rows[i].name, &name))) {
        i++;
    }
    if (i == fake->rows_count) {
        assert(i < FAKE_RESOLVER_ROWS);
        memset(&fake->rows[i], 0, sizeof(fake->rows[i]));
        fake->rows[i].name = name;
        fake->rows[i].type = type;
        fake->rows_count++;
    }
    return i;
}

void fake_resolver_add_octets(struct fake_resolver *fake, const char *name, uint16_t type,
                              const void *rdata, size_t length) {
    size_t row = row_of(fake, name, type);
    struct d1_resolve_reply *reply = &fake->rows[row].reply;
    assert(reply->count < FAKE_RESOLVER_RECORDS && length <= sizeof(fake->rows[row].rdata[0]));
    memcpy(fake->rows[row].rdata[reply->count], rdata, length);
    reply->outcome = D1_RESOLVE_DATA;
    reply->records[reply->count].length = length;
    reply->count++;
}

void fake_resolver_add(struct fake_resolver *fake, const char *name, uint16_t type,
                       const char *rdata) {
    uint8_t octets[16];
    struct d1_name target;
    if (type == D1_TYPE_A || type == D1_TYPE_AAAA) {
        int family = type == D1_TYPE_A ? AF_INET : AF_INET6;
        int rc = inet_pton(family, rdata, octets);
        assert(rc == 1);
        (void)rc;
        fake_resolver_add_octets(fake, name, type, octets, family == AF_INET ? 4 : 16);
        return;
    }
    int err = d1_name_from_text(rdata, &target);
    assert(err == 0);
    (void)err;
    fake_resolver_add_octets(fake, name, type, target.octets, target.length);
}

void fake_resolver_set(struct fake_resolver *fake, const char *name, uint16_t type,
                       enum d1_resolve_outcome outcome, uint8_t rcode) {
    size_t row = row_of(fake, name, type);
    fake->rows[row].reply = (struct d1_resolve_reply){.outcome = outcome, .rcode = rcode};
}

void fake_resolver_alias(struct fake_resolver *fake, const char *name, uint16_t type) {
    fake->rows[row_of(fake, name, type)].reply.aliased = true;
}

void fake_resolver_clear(struct fake_resolver *fake, const char *text) {
    struct d1_name name;
    int err = d1_name_from_text(text, &name);
    assert(err == 0);
    (void)err;
    for (size_t i = 0; i < fake->rows_count; i++) {
        if (d1_name_equal(&fake->rows[i].name, &name)) {
            fake->rows[i].type = 0;
        }
    }
}

bool fake_resolver_step(struct fake_resolver *fake) {
    struct d1_resolve_query *query = fake->first;
    if (query == NULL) {
        return false;
    }
    fake->first = query->next;
    struct d1_resolve_reply reply = {.outcome = D1_RESOLVE_NXDOMAIN, .rcode = D1_RCODE_NXDOMAIN};
    for (size_t i = 0; i < fake->rows_count; i++) {
        if (fake->rows[i].type == query->type && d1_name_equal(&fake->rows[i].name, &query->name)) {
            reply = fake->rows[i].reply;
            for (size_t j = 0; j < reply.count; j++) {
                reply.records[j].rdata = fake->rows[i].rdata[j];
            }
        }
    }
    if (query->context != NULL) {
        reply = (struct d1_resolve_reply){.outcome = D1_RESOLVE_CANCELED};
    }
    query->done(query, &reply);
    return true;
}

void fake_resolver_run(struct fake_resolver *fake) {
    while (fake_resolver_step(fake)) {
    }
}
