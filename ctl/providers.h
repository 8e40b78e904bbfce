/*
 * dns01ctl providers: the types of provider that this version knows, and their settings; and
 * dns01ctl provider-test.
 *
 * Threads: one.
 */
#ifndef D1_CTL_PROVIDERS_H
#define D1_CTL_PROVIDERS_H

struct d1_ctl_context;

/* As d1_ctl_command.run; needs no server. */
int d1_ctl_providers(struct d1_ctl_context *context);

/* As d1_ctl_command.run. */
int d1_ctl_provider_test(struct d1_ctl_context *context);

#endif /* D1_CTL_PROVIDERS_H */
