/*
 * Descriptor engine: the plugin functions (providers/provider.h) of every type that is described by
 * a descriptor (providers/descriptor.h).
 *
 * Threads: one thread.
 * Memory: the descriptor must outlive the accounts that are opened of it.
 * Limits: those of providers/provider.h; D1_ENGINE_*_MAX below.
 */
#ifndef D1_PROVIDERS_ENGINE_H
#define D1_PROVIDERS_ENGINE_H

#include "providers/provider.h"

#define D1_ENGINE_ITEMS_MAX   16384 /* Records of all pages of one list. */
#define D1_ENGINE_PAGES_MAX   100   /* Of one list. */
#define D1_ENGINE_DETAILS_MAX 100   /* Records of one list that are asked for one by one. */
#define D1_ENGINE_ZONES_MAX   8192  /* Entries of an account's zone cache; then it starts anew. */
#define D1_ENGINE_SLOTS_MAX   1024  /* Names of an account whose only value is remembered. */

/* Fill in the functions (not type, title, settings, data). */
void d1_engine_provider(struct d1_provider *provider);

#endif /* D1_PROVIDERS_ENGINE_H */
