/*
 * What a hook call asks for, done.
 *
 * Threads: one.
 */
#ifndef D1_CTL_HOOKRUN_H
#define D1_CTL_HOOKRUN_H

struct d1_ctl_context;
struct d1_hook_call;

/*
 * Present or clean up all changes of a call, without a word where all went well. When one of
 * several cannot be presented, those before it are removed again, for the client will not clean
 * up. CleanUp goes on after a failure. Returns the exit status.
 */
int d1_hook_run(struct d1_ctl_context *context, const struct d1_hook_call *call);

#endif /* D1_CTL_HOOKRUN_H */
