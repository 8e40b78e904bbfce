/*
 * YAML (and so JSON) into a tree of nodes with their lines, through libyaml.
 *
 * Threads: pure function over its input.
 * Limits: D1_CONFIG_BYTES_MAX octets, D1_CONFIG_DEPTH_MAX levels; one document; no anchors, aliases
 *   or tags.
 */
#ifndef D1_DAEMON_DOCUMENT_H
#define D1_DAEMON_DOCUMENT_H

#include "core/setting.h"

/*
 * Read `text`. Faults (bad syntax, a key given twice, ...) are reported with their lines. An empty
 * document gives an empty map. Returns 0 and the tree, D1_ECONFIG or -ENOMEM.
 */
int d1_document_read(const char *text, size_t length, d1_setting_fault_fn on_fault, void *arg,
                     struct d1_node **ret_root);

#endif /* D1_DAEMON_DOCUMENT_H */
