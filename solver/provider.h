/*
 * Provider accounts as a front door sees them: those that an Issuer brings along. Front doors know
 * nothing of providers; the daemon gives the solver what knows (struct d1_provider_source).
 *
 * How a door uses it, for a request with credentials of its own: bring, then submit with
 * request.via = ret_via, in the same call of the control loop. Bring again at each request, CleanUp
 * too: after a restart nothing else brings the credentials back. What is wrong with the settings is
 * told by bring, what the provider says of them by the request (D1_EPROVIDER and its `why`).
 *
 * Threads: control loop only.
 * Memory: what is passed in is only read. Nothing of it is kept but in the account, wiped with it.
 */
#ifndef D1_SOLVER_PROVIDER_H
#define D1_SOLVER_PROVIDER_H

#include <jansson.h>
#include <stdint.h>

#include "core/err.h"
#include "core/limits.h"
#include "dns/name.h"

struct d1_solver;

/* An account that an Issuer brings along. */
struct d1_provider_brought {
    const char *type; /* "cloudflare" */
    /* Object of texts, whole numbers and booleans: no secret, `base-url` and `ca-bundle` (PEM)
     * among them; NULL: none. A name may be written with '_' for '-'. */
    const json_t *settings;
    /* Object of texts from the Secret, by the setting's name; the name "" stands for the one secret
     * setting that the type has. NULL: none. Where both give a setting, this one holds. */
    const json_t *secrets;
    const struct d1_name *zone; /* NULL: the provider finds it. */
    uint32_t ttl;               /* Seconds; 0: the provider's default. */
};

struct d1_provider_source {
    /*
     * Put the account in place. ret_via is the name to give as request.via: '~' and a digest, the
     * same for the same account. Returns 0; D1_ECONFIG and what is wrong with type or settings, as a
     * sentence for people without a secret in it, the same each time; or -ENOMEM.
     */
    int (*bring)(struct d1_provider_source *source, const struct d1_provider_brought *brought,
                 char ret_via[D1_VIA_TEXT_MAX + 1], struct d1_error *error);
};

/* Register it; borrowed for the solver's life. */
void d1_solver_set_provider_source(struct d1_solver *solver, struct d1_provider_source *source);

/* As d1_provider_source.bring; D1_ECONFIG where no source is registered. */
int d1_solver_bring(struct d1_solver *solver, const struct d1_provider_brought *brought,
                    char ret_via[D1_VIA_TEXT_MAX + 1], struct d1_error *error);

#endif /* D1_SOLVER_PROVIDER_H */
