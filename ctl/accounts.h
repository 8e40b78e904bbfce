/*
 * dns01ctl accounts: the acme-dns accounts of the server.
 *
 * Threads: one.
 */
#ifndef D1_CTL_ACCOUNTS_H
#define D1_CTL_ACCOUNTS_H

struct d1_ctl_context;

#define D1_CTL_ACCOUNTS_USAGE "[list|allow USERNAME NETWORKS|rotate USERNAME|delete USERNAME]"

/* As d1_ctl_command.run; 2 when the operands make no sense. */
int d1_ctl_accounts(struct d1_ctl_context *context);

#endif /* D1_CTL_ACCOUNTS_H */
