/*
 * A resolver that answers out of a table, when told to. Names are compared without case; what the
 * table does not hold does not exist.
 */
#ifndef D1_TESTS_LIB_FAKE_RESOLVER_H
#define D1_TESTS_LIB_FAKE_RESOLVER_H

#include "core/clock.h"
#include "dns/resolve.h"

#define FAKE_RESOLVER_ROWS    64
#define FAKE_RESOLVER_RECORDS 24

struct fake_resolver {
    struct d1_resolver base;
    struct {
        struct d1_name name;
        uint16_t type;
        struct d1_resolve_reply reply;
        uint8_t rdata[FAKE_RESOLVER_RECORDS][D1_NAME_OCTETS_MAX + 1];
    } rows[FAKE_RESOLVER_ROWS];
    size_t rows_count;
    struct d1_resolve_query *first; /* Under way, in order. */
    size_t asked;                   /* Queries taken so far. */
    int ask_err;                    /* What ask returns; 0: it works. */
};

void fake_resolver_init(struct fake_resolver *fake, const struct d1_clock *clock);

/* A record, one more of its name and type: CNAME and NS with a name, A and AAAA with an address. */
void fake_resolver_add(struct fake_resolver *fake, const char *name, uint16_t type,
                       const char *rdata);

/* The same with octets as they are. */
void fake_resolver_add_octets(struct fake_resolver *fake, const char *name, uint16_t type,
                              const void *rdata, size_t length);

/* What becomes of a question without records. */
void fake_resolver_set(struct fake_resolver *fake, const char *name, uint16_t type,
                       enum d1_resolve_outcome outcome, uint8_t rcode);

/* The records found are those of another name. */
void fake_resolver_alias(struct fake_resolver *fake, const char *name, uint16_t type);

/* Forget what stands at a name. */
void fake_resolver_clear(struct fake_resolver *fake, const char *name);

/* Answer the oldest query under way, if any; all of them, and those that follow from them. */
bool fake_resolver_step(struct fake_resolver *fake);
void fake_resolver_run(struct fake_resolver *fake);

#endif /* D1_TESTS_LIB_FAKE_RESOLVER_H */
