/*
 * dns01ctl as a library: everything but the process.
 *
 * Threads: one.
 */
#ifndef D1_CTL_CTL_H
#define D1_CTL_CTL_H

#include <stdio.h>

/* Returns the exit status: 0, 1 (failed) or 2 (usage). */
int d1_ctl_main(int argc, const char *const *argv, FILE *out, FILE *err);

#endif /* D1_CTL_CTL_H */
