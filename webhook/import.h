/*
 * A batch of accounts to import, between the request that brings it and its answer.
 *
 * Threads: one at a time, as the job that owns it.
 */
#ifndef D1_WEBHOOK_IMPORT_H
#define D1_WEBHOOK_IMPORT_H

struct d1_import_batch;

/* Wipes the keys in it. NULL is allowed. No import of it may be under way. */
void d1_import_batch_destroy(struct d1_import_batch *batch);

#endif /* D1_WEBHOOK_IMPORT_H */
