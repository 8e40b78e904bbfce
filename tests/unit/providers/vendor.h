/*
 * A DNS host for tests of the descriptor engine: its API in memory, and jobs run against it. What it
 * does wrong is set in its fields, each for the next fitting request only.
 */
#ifndef D1_TESTS_UNIT_PROVIDERS_VENDOR_H
#define D1_TESTS_UNIT_PROVIDERS_VENDOR_H

#include <jansson.h>
#include <stdbool.h>

#include "providers/descriptor.h"
#include "providers/provider.h"

#define VENDOR_LOG_BYTES 4096
#define VENDOR_OWNER     "_acme-challenge.www.example.org"

struct vendor {
    json_t *records; /* Of {id, name, type, value, note}. */
    unsigned next_id;
    unsigned requests;
    unsigned writes;
    unsigned published;
    unsigned logins;
    unsigned pending;   /* So often a change is not done yet. */
    unsigned page_size; /* 0: all in one. */
    bool refuse_same;   /* An identical create is a 409. */
    bool need_login;    /* Bearer token of the last login. */
    bool lose_write;    /* The next write takes effect, and its reply is lost. */
    bool zone_gone;
    bool two_zones;
    int fail_status; /* The next request's reply. */
    const char *fail_body;
    const char *fail_header;    /* Retry-After of it. */
    const char *body_error;     /* The next write: this with status 200, and nothing is done. */
    char authorization[512];    /* Of the last request. */
    char log[VENDOR_LOG_BYTES]; /* Steps in order: "zone zone list create ". */
};

/* A job's end. */
struct outcome {
    bool done;
    uint32_t kind;
    char text[D1_PROVIDER_TEXT_MAX];
    char step[32];
    char lock[256];
    unsigned retries;
    uint32_t after_ms; /* Of the last retry. */
    uint32_t waited_ms;
};

/* A provider with one account. */
struct customer {
    struct d1_descriptor *descriptor;
    void *account;
    int64_t now_ms;
    unsigned fault_step; /* In this step of the next job ... */
    uint64_t fault_skip; /* ... the allocation after so many fails. */
    bool fault_armed;
    uint64_t faults; /* That have happened. */
};

void vendor_init(struct vendor *vendor);
void vendor_close(struct vendor *vendor);
/* Put a record there that is not ours. */
void vendor_add(struct vendor *vendor, const char *name, const char *type, const char *value);
/* How many records of that type and value the name has. */
unsigned vendor_count(const struct vendor *vendor, const char *name, const char *type,
                      const char *value);

/* A descriptor of `mode` for that API; `more` are further members, with a comma before. */
char *vendor_descriptor(const char *mode, const char *more);

/* Open an account with base-url, token and what is given; fails the test when that is refused. */
void customer_open(struct customer *customer, const char *descriptor, const char *setting,
                   const char *value);
void customer_close(struct customer *customer);

struct outcome customer_run(struct customer *customer, struct vendor *vendor, uint32_t verb,
                            const char *value);
struct outcome customer_ask(struct customer *customer, struct vendor *vendor,
                            const struct d1_provider_job *asked);

#endif /* D1_TESTS_UNIT_PROVIDERS_VENDOR_H */
