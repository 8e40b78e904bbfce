/*
 * dns01ctl token, dns01ctl tsig: credentials of the server, with the lines to paste for clients.
 *
 * Threads: one.
 */
#ifndef D1_CTL_TOKENS_H
#define D1_CTL_TOKENS_H

#include <stdio.h>

struct d1_ctl_context;

#define D1_CTL_TOKENS_USAGE "[list|new|show|rotate|remove] [NAME]"

/* As d1_ctl_command.run; 2 when the operands make no sense. */
int d1_ctl_token(struct d1_ctl_context *context);
int d1_ctl_tsig(struct d1_ctl_context *context);

/* What `--help` says of the actions and of the options the command takes (enum d1_ctl_takes). */
void d1_ctl_tokens_help(FILE *out, unsigned takes);

#endif /* D1_CTL_TOKENS_H */
