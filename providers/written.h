/* The types of provider that are written in C. Static; any thread may read them. */
#ifndef D1_PROVIDERS_WRITTEN_H
#define D1_PROVIDERS_WRITTEN_H

#include "providers/provider.h"

extern const struct d1_provider d1_provider_exec;    /* A program of the user's own. */
extern const struct d1_provider d1_provider_rfc2136; /* UPDATE to any name server. */

#endif /* D1_PROVIDERS_WRITTEN_H */
