/*
 * The request that a job builds, as far as its signature may speak of it: variables `req.*`.
 *
 * Threads: one thread.
 * Memory: the job's pool, until its next step.
 * Limits: D1_REQUEST_PARAMS_MAX.
 */
#ifndef D1_PROVIDERS_ENGINE_REQUEST_H
#define D1_PROVIDERS_ENGINE_REQUEST_H

#define D1_REQUEST_PARAMS_MAX 64 /* Of query and form together. */

struct d1_bytes;
struct d1_job;

/* Append `req.NAME`. Returns 0, D1_ENOTFOUND (no such name, or no request) or an error. */
int d1_request_variable(struct d1_job *job, const char *name, struct d1_bytes *out);

#endif /* D1_PROVIDERS_ENGINE_REQUEST_H */
