/*
 * What one request to the account store has with it.
 *
 * Threads: one at a time, as the job that owns it.
 */
#ifndef D1_WEBHOOK_ACCOUNTSTORE_H
#define D1_WEBHOOK_ACCOUNTSTORE_H

struct d1_account_store;

/* Wipes it. NULL is allowed. */
void d1_account_store_destroy(struct d1_account_store *store);

#endif /* D1_WEBHOOK_ACCOUNTSTORE_H */
