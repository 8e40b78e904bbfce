/*
 * Record table: what the DNS workers may answer, by owner name. Answers are encoded when they are
 * written; finding one is two cache misses, both prefetched a batch ahead.
 *
 * Layout: buckets of one cache line hold seven (32-bit tag, 32-bit arena index) entries and an
 * overflow index; the array grows by splitting one bucket at a time (linear hashing), so that an
 * insert touches a bounded number of buckets whatever the size. Records are immutable blobs in an
 * arena, in units of 16 octets. docs/decisions/0004 tells why, and why readers need no lock.
 *
 * Threads: one writer, the control thread. Readers that are online in the epoch call the functions
 *   marked so; they take no lock, allocate nothing and make no system call.
 * Memory: a found record is borrowed until the reader's next quiesce or offline. The writer may
 *   keep one until its own next change of that name.
 * Limits: D1_RECORD_BYTES_MAX per record; 2^32 arena units (64 GiB).
 */
#ifndef D1_DNSD_TABLE_H
#define D1_DNSD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "dns/name.h"

struct d1_epoch;
struct d1_hash_key;
struct d1_table;

enum d1_record_flag {
    D1_RECORD_KNOWN = 1,     /* An account, a right or a recent lease names it. */
    D1_RECORD_CHALLENGE = 2, /* Holds challenge values now: queries go to the timeline. */
    D1_RECORD_PINNED = 4,    /* Another zone of ours stands below it: never NXDOMAIN. */
    D1_RECORD_CUT = 8,       /* A delegation: the topmost NS records below the apex. */
    D1_RECORD_OCCLUDED = 16, /* Below a cut: its addresses are glue, the rest is not seen. */
};

enum d1_rrset_flag {
    D1_RRSET_STATIC = 1, /* From the configuration; else a challenge. */
    D1_RRSET_LEADS = 2,  /* CNAME or NS: an answer with it goes on elsewhere. */
};

/* One RRset of a record, with its answer as it goes behind the question. */
struct d1_rrset {
    uint16_t type;
    uint16_t flags;
    uint16_t offset;        /* Of the encoded RRs, from the start of the record. */
    uint16_t length;        /* Octets of the plain answer. */
    uint16_t signed_length; /* Octets with the RRSIGs that stand right behind; 0: not signed. */
    uint16_t count;         /* RRs in the plain answer. */
    uint16_t signed_count;  /* RRs with their RRSIGs. */
};

/* An immutable record. A record without RRsets is an empty non-terminal or a known name: NODATA. */
struct d1_record {
    uint32_t zone;     /* Index of its zone. */
    uint32_t children; /* Names below it, direct ones; the writer's own, readers never look. */
    uint8_t flags;     /* enum d1_record_flag */
    uint8_t name_length;
    uint16_t rrsets_count;
    uint16_t name_offset; /* Octets of the folded owner name, from the start of the record. */
    uint16_t size_units;  /* Of the blob, in 16 octets. */
    struct d1_rrset rrsets[];
};

static inline const uint8_t *d1_record_at(const struct d1_record *record, size_t offset) {
    return (const uint8_t *)record + offset;
}

/* What a record is made from; see d1_table_put. */
struct d1_rrset_source {
    uint16_t type;
    uint16_t flags;
    uint16_t count;
    uint16_t length;
    const uint8_t *wire; /* RRs with owner 0xC00C (a pointer to the question), no other pointers. */
    /* A signed variant will stand here. */
};

struct d1_record_source {
    uint32_t zone;
    uint8_t flags;
    uint16_t rrsets_count;
    const struct d1_rrset_source *rrsets;
};

/*
 * An empty table. The epoch is borrowed and must outlive it; NULL: the table has no readers yet, and
 * any one thread may be its writer until d1_table_adopt(). Returns 0 or -errno.
 */
int d1_table_create(struct d1_epoch *epoch, struct d1_table **ret_table);

/* Writer: give a table without readers its epoch, before the first reader sees it. */
void d1_table_adopt(struct d1_table *table, struct d1_epoch *epoch);

/* The same with a given hash key, so that a test can make names collide. */
int d1_table_create_keyed(struct d1_epoch *epoch, const struct d1_hash_key *key,
                          struct d1_table **ret_table);

/* No reader may hold it any more. NULL is allowed. */
void d1_table_destroy(struct d1_table *table);

/*
 * Writer. Make this the record of the name, in place of an earlier one (whose `children` it keeps);
 * build, one release store, retire. Names between it and the apex of its zone (`apex_length` octets
 * long), the apex included, that hold no record get empty ones: empty non-terminals. Returns 0,
 * D1_ETOOLARGE, D1_ELIMIT (also while readers hold D1_TABLE_WAITING_BYTES_MAX octets of old records)
 * or -ENOMEM; after an error nothing has changed for readers. A source without RRsets and flags
 * makes an empty non-terminal, which goes with the last name below it.
 */
int d1_table_put(struct d1_table *table, const struct d1_name *name, size_t apex_length,
                 const struct d1_record_source *source);

/*
 * Writer. Withdraw the record of the name; it stays as an empty non-terminal while names below it
 * exist, and empty non-terminals above that nothing needs any more go with it. Returns 0,
 * D1_ENOTFOUND, or -ENOMEM and D1_ELIMIT when there is no room for the empty one (nothing changed).
 */
int d1_table_remove(struct d1_table *table, const struct d1_name *name, size_t apex_length);

/* Writer: free what readers have let go of. Returns how many blobs are still waiting. */
size_t d1_table_reclaim(struct d1_table *table);

/* Writer: names held, empty non-terminals included; octets of memory taken. */
size_t d1_table_names(const struct d1_table *table);
size_t d1_table_bytes(const struct d1_table *table);

/* Writer: entries looked at or moved and records built so far: what one change costs, for tests. */
uint64_t d1_table_work(const struct d1_table *table);

/* Reader: the hash to look a folded name up with. */
uint64_t d1_table_hash(const struct d1_table *table, const uint8_t *name, size_t length);

/* Reader, step 1: have the bucket brought near. */
void d1_table_prefetch_bucket(const struct d1_table *table, uint64_t hash);

/* Reader, step 2: have the likely record brought near. */
void d1_table_prefetch_record(const struct d1_table *table, uint64_t hash);

/* Reader, step 3: the record of the name, or NULL. */
const struct d1_record *d1_table_find(const struct d1_table *table, uint64_t hash,
                                      const uint8_t *name, size_t length) D1_HOT;

/*
 * Reader: the record of the longest ancestor of the name that there is, from its parent up to the
 * apex of its zone (`apex_length` octets long), and where in the name that ancestor begins. NULL
 * when there is none. Asks for a few names only, however many labels there are.
 */
const struct d1_record *d1_table_find_above(const struct d1_table *table,
                                            const struct d1_name *name, size_t apex_length,
                                            size_t *ret_offset);

#endif /* D1_DNSD_TABLE_H */
