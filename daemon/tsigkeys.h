/*
 * The setting `tsig-keys`: secrets for those who check signatures, rights for the solver.
 *
 * Threads: any one thread.
 * Memory: keys and credentials take over what they are given.
 */
#ifndef D1_DAEMON_TSIGKEYS_H
#define D1_DAEMON_TSIGKEYS_H

#include "core/setting.h"
#include "dnsd/keys.h"
#include "solver/tokens.h"

/*
 * Read the checked list, and the secrets from their files. Returns 0, also after faults, which were
 * reported; or -ENOMEM.
 */
int d1_tsigkeys_read(const struct d1_node *list, d1_setting_fault_fn on_fault, void *arg,
                     struct d1_keys *keys, struct d1_credentials *credentials);

/*
 * A set of the configured keys and those that the solver's tokens have; of two with one name the
 * configured one. Returns 0, D1_ELIMIT or -ENOMEM.
 */
int d1_tsigkeys_merge(const struct d1_keys *configured, const struct d1_solver *solver,
                      struct d1_keys **ret_keys);

#endif /* D1_DAEMON_TSIGKEYS_H */
