/*
 * Inside the descriptor engine: its account, its job, and what its files call of one another.
 *
 * Threads: one thread.
 * Memory: a job owns its variables and, in its pool, what the last action points to.
 */
#ifndef D1_PROVIDERS_ENGINE_JOB_H
#define D1_PROVIDERS_ENGINE_JOB_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "providers/descriptor.h"
#include "providers/engine.h"
#include "providers/pool.h"
#include "providers/template.h"

#define D1_ENGINE_SIGNS_MAX 16

struct d1_account {
    const struct d1_descriptor *descriptor;
    json_t *settings; /* "cfg." variables: kebab-case name to text. */
    char *base;       /* Without a slash at its end. */
    char **hosts;     /* Ends with NULL. */
    size_t host_count;
    const struct d1_auth *auth; /* NULL: none. */
    uint32_t ttl;               /* The setting; 0: none. */
    json_t *login;              /* "login." variables; NULL: not logged in. */
    int64_t login_until_ms;
    json_t *setup; /* What the setup steps extracted; NULL: not done. */
    int64_t setup_until_ms;
    int64_t clock_offset_ms;
    int64_t clock_until_ms;
    json_t *zones; /* Cache: name to {until, zone}; see providers/engine_zone.c. */
    json_t *slots; /* Slot mode: owner name to {until, value}. */
};

enum d1_phase {
    D1_PHASE_SETUP,
    D1_PHASE_ZONE,
    D1_PHASE_PREPARE,
    D1_PHASE_LOCK,
    D1_PHASE_LOOK,
    D1_PHASE_DETAIL,
    D1_PHASE_WRITE,
    D1_PHASE_WAIT,
    D1_PHASE_PUBLISH,
    D1_PHASE_LOGOUT,
};

/* What is to be done next. */
enum d1_todo {
    D1_TODO_ENTER, /* The phase begins. */
    D1_TODO_ASK,   /* Send job->call. */
    D1_TODO_OUT,   /* The action is filled in. */
};

enum d1_layer { D1_LAYER_MAIN, D1_LAYER_CLOCK, D1_LAYER_LOGIN };

/* What a reply means. */
enum d1_verdict {
    D1_VERDICT_OK,
    D1_VERDICT_GONE,    /* What was asked for is not there. */
    D1_VERDICT_EXISTS,  /* What was to be made is there already. */
    D1_VERDICT_SETTLED, /* job->todo says what happens; nothing is to be read. */
};

struct d1_answer {
    const struct d1_reply *reply;
    json_t *document; /* Owned by the answer; NULL: nothing that could be read. */
    bool plain;       /* JSON was expected, and it is none. */
};

struct d1_signed {
    const char *name;
    const uint8_t *octets; /* In the pool. */
    size_t length;
};

struct d1_job {
    struct d1_account *account;
    const struct d1_provider_job *asked;
    char fqdn[256];
    enum d1_phase phase;
    enum d1_todo todo;
    enum d1_layer layer;
    const struct d1_call *call; /* Of the main layer. */
    const struct d1_call *sent;
    struct d1_action *action;
    const struct d1_reply *reply;
    struct d1_pool pool;
    struct d1_template vars;
    unsigned depth; /* Of `vars` that use one another. */
    json_t *known;  /* Extracted variables. */
    json_t *zone;   /* "zone." variables; NULL: not known yet. */
    const char *candidate;
    char soa[256];
    bool zone_cached;
    bool zone_refreshed;
    bool relogged;
    bool locked;
    bool logged_in; /* Something was sent with a login. */
    bool relook;    /* After a retry: look before writing again. */
    size_t index;   /* Of setup and prepare steps, of found records. */
    size_t login_index;
    json_t *login; /* Being collected. */
    /* Lists. */
    unsigned page;
    char *cursor;  /* The next cursor or link; owned. */
    json_t *ids;   /* Records whose detail is to be asked. */
    json_t *found; /* Records that hold the value: objects of variables. */
    json_t *zones; /* Zones seen so far. */
    bool rrset_there;
    /* Writing. */
    const struct d1_call *write;
    bool waited;
    int64_t wait_until_ms;
    /* The request that is being built. */
    struct d1_signed signs[D1_ENGINE_SIGNS_MAX];
    size_t sign_count;
    struct d1_request *request;
};

/* providers/engine.c: what comes next. */
void d1_job_ask(struct d1_job *job, const struct d1_call *call);
void d1_job_go(struct d1_job *job, enum d1_phase phase);
void d1_job_wait(struct d1_job *job, int64_t ms);
void d1_job_done(struct d1_job *job);
void d1_job_give_up(struct d1_job *job, enum d1_fail_kind kind, const char *format, ...)
    D1_PRINTF(3, 4);
/* Fail for an error of ours: no memory, too large, a variable without a value. */
void d1_job_trouble(struct d1_job *job, int status);
int64_t d1_job_now_ms(const struct d1_job *job); /* By the vendor's clock. */

/* providers/engine_vars.c: variables of templates. */
void d1_vars_init(struct d1_job *job);
int d1_vars_set(struct d1_job *job, const char *name, json_t *value);
/* An expanded text in the job's pool. */
int d1_vars_text(struct d1_job *job, const char *text, enum d1_template_escape escape,
                 const char **ret_text);
/* Whether the variables of an `if` are set, as it says. */
bool d1_vars_hold(struct d1_job *job, const char *only_if);
/* The value at a pointer that may hold variables, borrowed; NULL: none. */
json_t *d1_vars_at(struct d1_job *job, const json_t *document, const char *pointer);
/* The TTL to ask for, in the vendor's unit. */
int64_t d1_vars_ttl(const struct d1_job *job);

/* providers/engine_request.c: job->sent as an HTTP action. Returns 0 or an error. */
int d1_request_build(struct d1_job *job);

/* providers/engine_reply.c */
int d1_answer_read(struct d1_job *job, const struct d1_reply *reply, struct d1_answer *ret_answer);
void d1_answer_close(struct d1_answer *answer);
/* 1: the condition holds, 0: not; or an error. */
int d1_answer_match(struct d1_job *job, const struct d1_match *match,
                    const struct d1_answer *answer);
enum d1_verdict d1_answer_judge(struct d1_job *job, const struct d1_answer *answer);
/* Extracted variables into `target`. Sets a failure and returns -1 when one is missing. */
int d1_answer_extract(struct d1_job *job, const struct d1_call *call,
                      const struct d1_answer *answer, json_t *target);
/* The value of a header (name in lower case), or NULL. */
const char *d1_answer_header(const struct d1_reply *reply, const char *name);

/* providers/engine_list.c: lists in replies. */
/* Append the items that the listing leads to from `document` to `list`. */
int d1_list_items(struct d1_job *job, const struct d1_listing *listing, const json_t *document,
                  json_t *list);
int d1_list_where(struct d1_job *job, const json_t *where, const json_t *item);
/* The item's value as text in a new JSON string; NULL: it has none. */
int d1_list_value(struct d1_job *job, const struct d1_listing *listing, const json_t *item,
                  json_t **ret_text);
/* Keep the TTL that stands in the RRset, where the descriptor says so: `ttl_was`. */
int d1_list_ttl(struct d1_job *job, const json_t *rrset);
/* Whether a further page is to be asked; sets job->page and job->cursor. */
int d1_list_next(struct d1_job *job, const struct d1_listing *listing,
                 const struct d1_answer *answer, size_t count);
void d1_list_restart(struct d1_job *job);

/* providers/engine_session.c: clock, login, setup, prepare, logout. */
void d1_session_choose(struct d1_job *job); /* Sets job->sent and job->layer. */
void d1_session_reply(struct d1_job *job, const struct d1_answer *answer);
void d1_session_forget_login(struct d1_account *account);
void d1_setup_enter(struct d1_job *job);
void d1_setup_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer);
void d1_prepare_enter(struct d1_job *job);
void d1_prepare_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer);

/* providers/engine_zone.c */
void d1_zone_enter(struct d1_job *job);
void d1_zone_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer);
void d1_zone_soa(struct d1_job *job, const struct d1_reply *reply);
/* The zone is not there any more: look once again. False: that has been done. */
bool d1_zone_refresh(struct d1_job *job);

/* providers/engine_record.c: the modes record, value and slot. */
void d1_look_enter(struct d1_job *job);
void d1_look_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer);
void d1_detail_enter(struct d1_job *job);
void d1_detail_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer);

/* providers/engine_rrset.c: the modes rrset and zone. */
void d1_rrset_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer);
void d1_document_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer);

/* providers/engine_write.c: writing, waiting, publishing, the end. */
void d1_write_begin(struct d1_job *job, const struct d1_call *call);
void d1_write_skip(struct d1_job *job, const struct d1_call *call); /* It stands as it should. */
void d1_write_enter(struct d1_job *job);
void d1_write_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer);
void d1_wait_enter(struct d1_job *job);
void d1_wait_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer);
void d1_publish_enter(struct d1_job *job);
void d1_publish_reply(struct d1_job *job, enum d1_verdict verdict, const struct d1_answer *answer);
void d1_finish(struct d1_job *job);

/* Slot mode: what the only value of a name is, as far as this account knows. */
bool d1_slot_taken(const struct d1_job *job);
void d1_slot_note(struct d1_job *job);

#endif /* D1_PROVIDERS_ENGINE_JOB_H */
