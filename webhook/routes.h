/*
 * The tables of routes, one for each door; each ends with an entry whose path is NULL. openapi.json
 * describes every one of them.
 */
#ifndef D1_WEBHOOK_ROUTES_H
#define D1_WEBHOOK_ROUTES_H

#include "webhook/job.h"

extern const struct d1_route d1_acmedns_routes[];
extern const struct d1_route d1_account_store_routes[];
extern const struct d1_route d1_httpreq_routes[];
extern const struct d1_route d1_api_challenge_routes[];
extern const struct d1_route d1_api_account_routes[];
extern const struct d1_route d1_api_import_routes[];
extern const struct d1_route d1_api_admin_routes[];
extern const struct d1_route d1_api_provider_routes[];
extern const struct d1_route d1_api_token_routes[]; /* Tokens and TSIG keys. */
extern const struct d1_route d1_api_openapi_routes[];
extern const struct d1_route d1_health_routes[];

extern const struct d1_route *const d1_route_tables[]; /* All of them; ends with NULL. */

#endif /* D1_WEBHOOK_ROUTES_H */
