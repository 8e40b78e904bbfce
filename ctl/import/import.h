/*
 * `dns01ctl import`: reads the whole file, then hands the accounts to the server in batches, and
 * reports what became of each that was refused.
 *
 * Threads: one.
 */
#ifndef D1_CTL_IMPORT_IMPORT_H
#define D1_CTL_IMPORT_IMPORT_H

struct d1_ctl_context;

#define D1_CTL_IMPORT_USAGE "acme-dns [FILE [FILE]] [--config FILE] | goacmedns FILE [--dry-run]"

/* Returns the exit status; 1 also when the server refused an account. */
int d1_ctl_import(struct d1_ctl_context *context);

#endif /* D1_CTL_IMPORT_IMPORT_H */
