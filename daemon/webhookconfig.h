/* The part of the configuration that is about the cert-manager webhook. */
#ifndef D1_DAEMON_WEBHOOKCONFIG_H
#define D1_DAEMON_WEBHOOKCONFIG_H

#include "core/setting.h"

struct d1_config;

/*
 * Fill in what the checked document says; faults are reported with their lines. Returns 0 (faults or
 * not) or -ENOMEM.
 */
int d1_webhookconfig_read(const struct d1_node *root, d1_setting_fault_fn on_fault, void *arg,
                          struct d1_config *config);

/* Free what read made. */
void d1_webhookconfig_close(struct d1_config *config);

#endif /* D1_DAEMON_WEBHOOKCONFIG_H */
