/*
 * The settings of `dns` that say how questions are answered, as dnsd takes them.
 *
 * Threads: control thread.
 * Memory: d1_answering_close frees what reading allocated.
 */
#ifndef D1_DAEMON_ANSWERING_H
#define D1_DAEMON_ANSWERING_H

#include "core/setting.h"
#include "dnsd/options.h"

/*
 * Read them from the checked tree, the secrets from their file. Without a secret file there are no
 * secrets: the caller takes its own. NSID is the host's name. Returns 0, also after faults, which
 * were reported; or -ENOMEM.
 */
int d1_answering_read(const struct d1_node *root, d1_setting_fault_fn on_fault, void *arg,
                      struct d1_options *ret_options);

void d1_answering_close(struct d1_options *options);

#endif /* D1_DAEMON_ANSWERING_H */
