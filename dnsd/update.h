/*
 * UPDATE (RFC 2136) on its way through a worker: parsed, its signature checked and turned into
 * changes there; applied on the control thread (dnsd/apply.h); answered from the worker again.
 *
 * Happy path: d1_update_answer makes a job of a message in a slot and leaves the slot without an
 * answer; the transport notes in the job whom to answer and submits it; the control thread applies
 * it and posts it back; the worker signs the answer and calls job->answered.
 *
 * Threads: everything here is called on the worker's thread.
 * Memory: a job is the transport's until it is submitted, and again from `answered` on; it frees it.
 * Limits: D1_UPDATE_JOBS_MAX jobs of a worker submitted at a time; then SERVFAIL.
 */
#ifndef D1_DNSD_UPDATE_H
#define D1_DNSD_UPDATE_H

#include "core/loop.h"
#include "dnsd/answer.h"
#include "dnsd/signed.h"

struct d1_applier;
struct d1_apply;
struct d1_clock;
struct d1_updates;

/* Where the answer to a datagram goes; kept by udp.c. */
struct d1_update_route {
    int fd;
    union d1_peer peer;
    socklen_t peer_length;
    size_t control_length; /* 0: the socket is bound to the address that was asked. */
    _Alignas(size_t) uint8_t control[64];
};

struct d1_update_job {
    struct d1_message message; /* To the control thread, and back. */
    struct d1_updates *updates;
    struct d1_apply *apply; /* What the control thread does; its own once submitted. */
    uint8_t rcode;          /* What came of it. */
    bool edns;
    bool dnssec_ok;
    struct d1_signed sign; /* Holds a reference on the key. */

    /* The transport's. */
    void (*answered)(struct d1_update_job *job); /* reply is set; never from within submit. */
    void *transport;
    void *connection; /* NULL: it is gone. */
    struct d1_update_route route;

    size_t reply_length; /* 0: no answer can be made. */
    uint8_t reply[D1_DNS_UDP_MAX];
};

struct d1_updates_options {
    struct d1_loop *loop; /* The worker's. */
    struct d1_loop *control;
    const struct d1_clock *clock;
};

/* The updates of one worker. Returns 0 or -ENOMEM. */
int d1_updates_create(const struct d1_updates_options *options, struct d1_updates **ret_updates);

/* No job is submitted any more. NULL is allowed. */
void d1_updates_destroy(struct d1_updates *updates);

/* Before the worker starts: what keys there are, and who applies. Without it all is refused. */
void d1_updates_set(struct d1_updates *updates, struct d1_keys_current *keys,
                    struct d1_applier *applier);

/* The keys in force; NULL: none. Online in the epoch. */
const struct d1_keys *d1_updates_keys(const struct d1_updates *updates);

/*
 * Answer a slot whose verdict is D1_QUERY_UPDATE: at once (it is refused, or malformed), or with a
 * job, in slot->job and no reply.
 */
void d1_update_answer(struct d1_updates *updates, const struct d1_answer_context *context,
                      struct d1_answer_slot *slot);

/* Hand a job over. */
void d1_update_submit(struct d1_update_job *job);

/* Before it is submitted, or after `answered`. */
void d1_update_job_free(struct d1_update_job *job);

/*
 * The worker stops: call idle(arg) when no job is under way any more, maybe before this returns.
 * After grace_ms those that are get SERVFAIL, whatever becomes of them.
 */
void d1_updates_drain(struct d1_updates *updates, uint64_t grace_ms, void (*idle)(void *arg),
                      void *arg);

/* Before the loop ends for good; it must run once more. May be called again. */
void d1_updates_close(struct d1_updates *updates);

#endif /* D1_DNSD_UPDATE_H */
