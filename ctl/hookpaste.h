/*
 * What a user pastes into the configuration of an ACME client so that it calls dns01ctl.
 *
 * Threads: pure functions but for the stream.
 */
#ifndef D1_CTL_HOOKPASTE_H
#define D1_CTL_HOOKPASTE_H

#include <stdio.h>

/* The clients there are lines for, one a line with what they are. */
void d1_hook_list(FILE *out);

/* The lines for one client. Returns 0, or D1_ENOTFOUND when there is none of that name. */
int d1_hook_paste(FILE *out, const char *client);

#endif /* D1_CTL_HOOKPASTE_H */
