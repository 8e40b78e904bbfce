/*
 * Loop: one thread, one libuv loop, one mailbox.
 *
 * Threads: every uv handle on a loop belongs to that loop's thread; d1_loop_assert() checks it. The
 *   only function other threads may call is d1_loop_post(): it takes no lock and wakes the loop only
 *   when its mailbox was empty.
 * Memory: messages are embedded in the caller's objects; the loop borrows one from post until its
 *   `run` is called, exactly once, on the loop's thread. A message may be posted again from `run`.
 * Limits: the mailbox has no length of its own; every poster bounds how many messages it has out.
 */
#ifndef D1_CORE_LOOP_H
#define D1_CORE_LOOP_H

#include <uv.h>

struct d1_message {
    struct d1_message *next; /* The mailbox's own. */
    void (*run)(struct d1_message *message);
};

struct d1_loop;

/* Make a loop. Its thread is the one that calls d1_loop_run(), or the one d1_loop_start() makes. */
int d1_loop_create(const char *name, struct d1_loop **ret_loop);

/* The loop must not be running and all its handles but our own must be closed. NULL is allowed. */
void d1_loop_destroy(struct d1_loop *loop);

uv_loop_t *d1_loop_uv(struct d1_loop *loop);

/* Run here until d1_loop_stop() and until no handle of others is left. Returns 0. */
int d1_loop_run(struct d1_loop *loop);

/* Run in a thread of its own, named as the loop (with all signals blocked). Returns 0 or -errno. */
int d1_loop_start(struct d1_loop *loop);

/* Wait for the thread that start made. */
void d1_loop_join(struct d1_loop *loop);

/*
 * From any thread: let run() return once the handles of others are closed. Messages posted before
 * are still run.
 */
void d1_loop_stop(struct d1_loop *loop);

/* From any thread: have message->run(message) called on the loop, in the order of posting. */
void d1_loop_post(struct d1_loop *loop, struct d1_message *message);

/* Stop the program when the caller is not on the loop's thread. Before run: anyone may call. */
void d1_loop_assert(const struct d1_loop *loop);

#endif /* D1_CORE_LOOP_H */
