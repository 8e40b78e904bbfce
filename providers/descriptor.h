/*
 * Descriptor: the data that describes one DNS host's API, read and checked once. What each key
 * means is told in docs/descriptors.md; descriptor.schema.json says the same to machines.
 *
 * Threads: a descriptor is immutable once made.
 * Memory: it owns its JSON; all texts and templates below are borrowed from that.
 * Limits: D1_DESCRIPTOR_BYTES_MAX of text, D1_DESCRIPTOR_STEPS_MAX steps in one list.
 */
#ifndef D1_PROVIDERS_DESCRIPTOR_H
#define D1_PROVIDERS_DESCRIPTOR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "providers/provider.h"

#define D1_DESCRIPTOR_BYTES_MAX    262144
#define D1_DESCRIPTOR_STEPS_MAX    8
#define D1_DESCRIPTOR_SETTINGS_MAX 32
#define D1_DESCRIPTOR_EXTENDS_MAX  4 /* How long a chain of `extends` may be. */

struct d1_error;

/* A condition on a reply. All parts that are given must hold; nothing given: `given` is false. */
struct d1_match {
    bool given;
    int64_t only;         /* Not 0: just this status; a default. */
    const json_t *status; /* Numbers, and "2xx". */
    const json_t *all;    /* Pointer to wanted text(s). */
    const json_t *any;
    const json_t *none;
    const char *text; /* Extended regular expression on the body. */
};

enum d1_reply_form { D1_FORM_AUTO, D1_FORM_JSON, D1_FORM_XML, D1_FORM_TEXT };
enum d1_value_form { D1_VALUE_UNQUOTE, D1_VALUE_RAW, D1_VALUE_B64 };

/* One request, and what is taken from its reply. */
struct d1_call {
    bool given;
    bool anonymous; /* `auth: false`: sent without authentication. */
    bool writes;
    bool publish; /* `then` */
    bool wait;
    const char *step; /* Its name, for messages. */
    const char *method;
    const char *path;
    const char *url;
    const char *only_if; /* `if` */
    const json_t *query;
    const json_t *headers;
    const json_t *basic; /* [user, password] */
    const json_t *json;
    const json_t *form;
    const char *text;
    const json_t *xml;  /* A text, or parts of one. */
    const json_t *sign; /* As that of `auth`, for this step. */
    enum d1_reply_form reply;
    const json_t *extract;
    const json_t *extract_header;
    const json_t *extract_cookie;
    struct d1_match ok;
    struct d1_match gone;
    struct d1_match exists;
};

enum d1_paging_kind {
    D1_PAGING_NONE,
    D1_PAGING_PAGE,
    D1_PAGING_OFFSET,
    D1_PAGING_CURSOR,
    D1_PAGING_LINK,
};

enum d1_paging_place { D1_PAGING_IN_QUERY, D1_PAGING_IN_BODY };

struct d1_paging {
    enum d1_paging_kind kind;
    enum d1_paging_place place;
    const char *param;
    int64_t start;
    int64_t size;      /* Of a full page; 0: unknown. */
    const char *pages; /* Pointers. */
    const char *total;
    const char *pointer;
    struct d1_match more;
};

/* A list in a reply, and which of its items count. */
struct d1_listing {
    const char *rrsets; /* RRset mode: where the RRsets are; NULL: the reply is the one. */
    const char *items;
    bool keyed;           /* An object whose keys are the ids. */
    bool absent_is_empty; /* Where the list stands, there may be nothing. */
    const json_t *where;
    const json_t *item_where; /* RRset mode: which of the RRset's items are values. */
    const char *value;
    enum d1_value_form form;
    const char *id;
    const char *name;
    const char *ttl;
    const json_t *more;
    struct d1_paging next;
};

struct d1_auth {
    const char *only_if;
    const json_t *basic;
    const json_t *headers;
    const json_t *query;
    const json_t *form;
    const json_t *json;
    const json_t *sign;  /* Name to {text, alg, key, enc, prefix}, in order. */
    const json_t *after; /* {query, form, json}: added when all is signed. */
};

enum d1_zone_mode {
    D1_ZONE_NONE,
    D1_ZONE_SOA,
    D1_ZONE_PROBE,
    D1_ZONE_QUERY,
    D1_ZONE_LIST,
    D1_ZONE_CONFIG,
    D1_ZONE_LASTLABELS,
};

enum d1_mode { D1_MODE_RECORD, D1_MODE_RRSET, D1_MODE_VALUE, D1_MODE_ZONE, D1_MODE_SLOT };

enum d1_serialize {
    D1_SERIALIZE_MODE, /* As the mode needs. */
    D1_SERIALIZE_NONE,
    D1_SERIALIZE_NAME,
    D1_SERIALIZE_ZONE,
    D1_SERIALIZE_ACCOUNT,
};

enum d1_ttl_unit { D1_TTL_SECONDS, D1_TTL_MINUTES };

/* A reply that means a kind of failure. */
struct d1_fail_rule {
    struct d1_match match;
    enum d1_fail_kind kind;
    const char *hint;
};

struct d1_steps {
    struct d1_call calls[D1_DESCRIPTOR_STEPS_MAX];
    size_t count;
};

struct d1_descriptor {
    struct d1_provider provider; /* Its `data` is this descriptor. */
    json_t *root;
    json_t *names; /* Variables that its templates may use. */
    struct d1_provider_setting *settings;
    const char *base;
    const json_t *hosts;
    const json_t *vars;
    int64_t ttl_min;
    int64_t ttl_max;
    int64_t ttl_default;
    const json_t *ttl_allowed;
    enum d1_ttl_unit ttl_unit;
    const json_t *rate;
    int64_t rate_requests;
    int64_t rate_per_s;
    int64_t together;
    int64_t propagation_s;
    int64_t slot_s;
    enum d1_serialize serialize;
    struct d1_auth auth[D1_DESCRIPTOR_STEPS_MAX];
    size_t auth_count;
    struct d1_steps login;
    const char *login_expires; /* Pointer to seconds. */
    int64_t login_expires_s;
    struct d1_match login_retry;
    struct d1_call logout;
    struct d1_call clock;
    const char *clock_pointer;
    int64_t clock_cache_s;
    struct d1_steps setup;
    int64_t setup_cache_s;
    struct d1_steps prepare;
    struct d1_match retry_status;
    struct d1_match retry;
    const char *retry_header;
    struct d1_match ok;
    const json_t *error; /* Pointer or pointers to the vendor's words. */
    struct d1_fail_rule fails[D1_DESCRIPTOR_STEPS_MAX];
    size_t fail_count;
    enum d1_zone_mode zone_mode;
    struct d1_call zone;
    struct d1_listing zone_list;
    int64_t zone_labels;
    int64_t zone_min_labels;
    int64_t zone_cache_s;
    enum d1_mode mode;
    struct d1_call list; /* `list`, or `get` of the modes rrset and zone. */
    struct d1_listing listing;
    struct d1_call detail;
    struct d1_listing detail_list;
    struct d1_call create;
    struct d1_call put;
    struct d1_call remove; /* `delete` or `remove`. */
    const char *document;  /* Zone mode: pointer to what is written back. */
    const json_t *item;    /* Zone mode: the new element. */
    struct d1_call publish;
    struct d1_call wait;
    struct d1_match until;
    struct d1_match failed;
    int64_t wait_interval_s;
    int64_t wait_timeout_s;
};

/*
 * Make a descriptor of its text. `under` is the descriptor that its `extends` names, found by
 * d1_descriptor_extends() before, or NULL. Returns 0, D1_ECONFIG with an error ("create.json: ...";
 * a syntax error as "line 3: ..."), or -ENOMEM.
 */
int d1_descriptor_create(const char *text, size_t length, const struct d1_descriptor *under,
                         struct d1_descriptor **ret_descriptor, struct d1_error *error);
void d1_descriptor_destroy(struct d1_descriptor *descriptor);

/*
 * The type that a descriptor's text extends, into `ret_type`; empty when none. Returns 0,
 * D1_ECONFIG or -ENOMEM.
 */
int d1_descriptor_extends(const char *text, size_t length, char *ret_type, size_t size,
                          struct d1_error *error);

/* A setting's name as the user writes it: `_` is `-`. Writes at most `size` octets with the NUL. */
void d1_descriptor_setting_name(const char *key, char *ret_name, size_t size);

#endif /* D1_PROVIDERS_DESCRIPTOR_H */
