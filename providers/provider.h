/*
 * Provider plugin: how a TXT record is written at one DNS host, and that value removed later.
 *
 * A plugin is pure. It is told what is wanted and what the last thing it asked for brought, and it
 * names the next thing: an HTTP request, a DNS message, a program to run, a wait, a lock, the end.
 * The host does all of it: connections, TLS, proxies, time limits, pacing, back-off. So a plugin
 * does no I/O, starts no thread, reads no clock and no environment, and is tested by handing it
 * replies. This is the only header that is installed.
 *
 * A job from its first step on: step(job, START) -> action -> step(job, what it brought) -> action
 * ... -> D1_ACTION_DONE or D1_ACTION_FAIL, after which job_end() is called. A job may be ended at
 * any moment, and is begun again from the start after a crash or when a reply was lost: present must
 * look whether the value is there before it writes, and cleanup must find it by its value.
 *
 * Threads: everything is called from one thread.
 * Memory: what the host passes is its own and stands until the function returns; account and job
 *   borrow nothing of it but what says so. What an action points to is the plugin's, and stands
 *   until the next step or job_end().
 * Limits: the D1_PROVIDER_*_MAX below; an action that goes over one fails the job.
 */
#ifndef D1_PROVIDERS_PROVIDER_H
#define D1_PROVIDERS_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define D1_PROVIDER_ABI 1 /* Grows when anything here changes its meaning. */

#define D1_PROVIDER_STEPS_MAX   200     /* Of one job, waits and repetitions included. */
#define D1_PROVIDER_HEADERS_MAX 32      /* Of one request. */
#define D1_PROVIDER_URL_MAX     8192    /* Octets. */
#define D1_PROVIDER_BODY_MAX    1048576 /* Octets of one request body. */
#define D1_PROVIDER_REPLY_MAX   4194304 /* Octets of one reply body; more is a transport error. */
#define D1_PROVIDER_TEXT_MAX    512     /* Octets of a message for people. */

/* A setting, a header, an environment variable. */
struct d1_pair {
    const char *name;
    const char *value;
};

/* One setting that an account of this type takes. */
struct d1_provider_setting {
    const char *name;               /* Kebab-case. A secret one may be given as NAME-file, too. */
    const char *text;               /* What it is, one line. */
    const char *fallback;           /* Its default; NULL: none. */
    const char *const *environment; /* lego's names of it, NULL at the end; NULL: none. */
    uint8_t secret;                 /* Never shown; redacted by value in all text. */
    uint8_t required;
};

struct d1_provider_error {
    char text[D1_PROVIDER_TEXT_MAX]; /* What was wrong, what was expected; no secret. */
};

/* How an account wants to be treated by the host. */
struct d1_provider_traits {
    uint32_t size; /* sizeof, filled by the host. */
    /* Hosts (lower case, "*.example.net" for any below) that its secrets may be sent to. NULL at
     * the end; the plugin's memory, for as long as the account lives. */
    const char *const *hosts;
    uint32_t requests;      /* At most so many requests ... */
    uint32_t per_ms;        /* ... in this time; 0: no limit but the host's own. */
    uint32_t together;      /* Requests under way at once; 0: the host's default. */
    uint32_t propagation_s; /* How long a change may need to reach the zone's servers. */
    uint32_t ttl_min;       /* What a TTL is raised to. */
};

enum d1_provider_verb {
    D1_PROVIDER_PRESENT = 1, /* Make the value stand at the name, beside its neighbours. */
    D1_PROVIDER_CLEANUP = 2, /* Remove exactly that value. Success when it is absent. */
    D1_PROVIDER_LOOK = 3,    /* DONE when the value stands, FAIL with D1_FAIL_ABSENT when not. */
};

struct d1_provider_job {
    uint32_t size;     /* sizeof, as the host knows it. */
    uint32_t verb;     /* enum d1_provider_verb. */
    const char *fqdn;  /* Owner name, lower case, A-labels, no final dot. */
    const char *value; /* 1 to 255 printable ASCII octets. */
    const char *zone;  /* Configured zone of that name, no final dot; NULL: find it. */
    uint32_t ttl;      /* Asked for; 0: the plugin's default. */
};

enum d1_reply_kind {
    D1_REPLY_START = 1, /* The first step. */
    D1_REPLY_HTTP = 2,
    D1_REPLY_DNS = 3,
    D1_REPLY_RUN = 4,
    D1_REPLY_WAITED = 5, /* After D1_ACTION_WAIT. */
    D1_REPLY_LOCKED = 6, /* After D1_ACTION_LOCK. */
    D1_REPLY_AGAIN =
        7,             /* After D1_ACTION_RETRY: build the last request anew (fresh time, nonce). */
    D1_REPLY_ZONE = 8, /* After D1_ACTION_ZONE. */
};

/* What the last action brought. */
struct d1_reply {
    uint32_t size;      /* sizeof, as the host knows it. */
    uint32_t kind;      /* enum d1_reply_kind. */
    int64_t now_ms;     /* Unix time. */
    uint8_t random[32]; /* Fresh at each step: nonces, message ids. */
    /* HTTP: the status, RUN: the exit status, DNS: 0. Negative: no reply came, see `error`. */
    int32_t status;
    /* The request may have taken effect at the other side (its reply was lost). */
    uint32_t uncertain;
    const char *error;             /* Why there is no reply, constant per cause; else NULL. */
    const struct d1_pair *headers; /* HTTP: names in lower case, as they came. */
    size_t header_count;
    /* HTTP: the body, DNS: the message, RUN: its output, ZONE: the zone's name; a NUL follows. */
    const uint8_t *body;
    size_t length;
};

enum d1_action_kind {
    D1_ACTION_HTTP = 1,
    D1_ACTION_DNS = 2,
    D1_ACTION_RUN = 3,
    D1_ACTION_WAIT = 4,
    D1_ACTION_LOCK = 5,
    D1_ACTION_RETRY = 6,
    D1_ACTION_ZONE = 7,
    D1_ACTION_DONE = 8,
    D1_ACTION_FAIL = 9,
};

/* Why a job failed: decides what the host does and which message people get. */
enum d1_fail_kind {
    D1_FAIL_OTHER = 0,
    D1_FAIL_CREDENTIALS = 1, /* Refused by the vendor: no repetition until settings change. */
    D1_FAIL_NO_ZONE = 2,     /* This account holds no zone of that name. */
    D1_FAIL_AMBIGUOUS = 3,   /* It holds several; the setting `zone` decides. */
    D1_FAIL_REFUSED = 4,     /* The vendor says no to this change. */
    D1_FAIL_REPLY = 5,       /* What came back cannot be understood. */
    D1_FAIL_BUSY = 6,        /* Rate limit, maintenance, server error: worth repeating later. */
    D1_FAIL_UNREACHABLE = 7, /* No connection, TLS failure, no answer in time. */
    D1_FAIL_SETTINGS = 8,    /* What is configured cannot work. */
    D1_FAIL_ABSENT = 9,      /* D1_PROVIDER_LOOK: the value is not there. */
};

struct d1_action_http {
    const char *method;
    const char *url; /* https (http where the account's base-url says so), a host of the traits. */
    const struct d1_pair *headers;
    size_t header_count;
    const void *body; /* NULL: none. */
    size_t length;
    uint32_t writes; /* Not 0: it changes something, so a lost reply is `uncertain`. */
};

struct d1_action_dns {
    const char *server; /* Address or host name, ":PORT" or "]:PORT" behind it; 53 otherwise. */
    const void *message;
    size_t length;
    uint32_t tcp;    /* Not 0: TCP at once. Otherwise UDP, and TCP when TC is set. */
    uint32_t writes; /* As above. */
};

/* Only for the type `exec`; refused from every other plugin. */
struct d1_action_run {
    const char *program;               /* Absolute path. */
    const char *const *arguments;      /* Without the program; NULL at the end. */
    const struct d1_pair *environment; /* Beside PATH and HOME. */
    size_t environment_count;
    uint32_t limit_ms;
};

/* The next thing. The host has zeroed it but for `size`. */
struct d1_action {
    uint32_t size;
    uint32_t kind;    /* enum d1_action_kind. */
    const char *step; /* What it is for, a word or two: "zone", "list", "create"; for messages. */
    union {
        struct d1_action_http http;
        struct d1_action_dns dns;
        struct d1_action_run run;
        struct {
            uint32_t ms;
        } wait;
        /*
         * Wait until no other job of the account holds this key, then hold it until the job ends.
         * What reads, changes and writes back locks what it rewrites: a name, a zone, "" the
         * account. One lock per job.
         */
        struct {
            const char *key;
        } lock;
        /*
         * Ask again later: a limit (429, or a body that says so), a server error, no reply. The
         * host waits `after_ms` (0: its own back-off, growing, with jitter), counts the attempts
         * and gives up with D1_FAIL_BUSY or D1_FAIL_UNREACHABLE and this text.
         */
        struct {
            uint32_t after_ms;
            const char *text;
        } retry;
        /* Find the zone cut of the job's name in public DNS (SOA). Comes back as D1_REPLY_ZONE. */
        struct {
            const char *name;
        } zone;
        /* The host puts provider, step and HTTP status before the text, and redacts it. */
        struct {
            uint32_t kind;    /* enum d1_fail_kind. */
            const char *text; /* The vendor's own words, or what is missing. */
        } fail;
        uint64_t room[12]; /* So that the union never grows. */
    } as;
};

/*
 * One type of provider. The symbol `d1_provider_plugin` of a shared object is a function that
 * returns it; static ones are listed in providers/builtin.c.
 */
struct d1_provider {
    uint32_t abi;      /* D1_PROVIDER_ABI. First, so that any version can be told. */
    uint32_t size;     /* sizeof(struct d1_provider). */
    const char *type;  /* As in `type: cloudflare`. */
    const char *title; /* As people call it: "Cloudflare". */
    const struct d1_provider_setting *settings;
    size_t setting_count;
    const void *data; /* The plugin's own: a descriptor, say. */

    /*
     * Open an account: read and check its settings (those given, each named in `settings`; values
     * may be kept by copy only). Returns 0, or -1 with an error that names the setting.
     */
    int (*account_open)(const struct d1_provider *provider, const struct d1_pair *settings,
                        size_t count, void **ret_account, struct d1_provider_error *ret_error);
    /* After its last job has ended. Secrets are wiped. */
    void (*account_close)(void *account);
    void (*traits)(const void *account, struct d1_provider_traits *ret_traits);

    /* Begin a job. The job's strings stand until job_end(). Returns 0, or -1 without memory. */
    int (*job_begin)(void *account, const struct d1_provider_job *job, void **ret_job);
    void (*step)(void *job, const struct d1_reply *reply, struct d1_action *ret_action);
    void (*job_end)(void *job);
};

typedef const struct d1_provider *(*d1_provider_plugin_fn)(void);

#ifdef __cplusplus
}
#endif

#endif /* D1_PROVIDERS_PROVIDER_H */
