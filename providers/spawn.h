/*
 * Spawn: runs one program of the user's own for the type exec: without standard input, with the
 * given environment and no more, its output read and bounded, killed with its group at the limit.
 *
 * Threads: the loop's. Callback law: `done` exactly once, never before start has returned; not after
 *   a cancel, which kills it. After an error return never.
 * Memory: the struct is the caller's until done or cancel; the output stands until done returns.
 */
#ifndef D1_PROVIDERS_SPAWN_H
#define D1_PROVIDERS_SPAWN_H

#include "core/attr.h"
#include "providers/provider.h"

#define D1_SPAWN_OUTPUT_MAX 65536
#define D1_SPAWN_MS         120000 /* Where the plugin names no limit. */

struct d1_loop;

struct d1_spawn {
    void (*done)(struct d1_spawn *spawn);

    /* Results, for done. */
    int status;         /* Exit status; 128 + signal; -ETIMEDOUT: killed at the limit. */
    const char *output; /* What it wrote to both of its outputs; a NUL follows. */
    size_t length;

    void *state; /* Its own. */
};

/* Start it. Returns 0, -ENOENT, -EACCES, -ENOMEM ... */
int d1_spawn_start(struct d1_spawn *spawn, struct d1_loop *loop,
                   const struct d1_action_run *request) D1_MUST_CHECK;
void d1_spawn_cancel(struct d1_spawn *spawn);

#endif /* D1_PROVIDERS_SPAWN_H */
