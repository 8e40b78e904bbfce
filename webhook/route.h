/*
 * Router: from a request to its route, over the control loop, to its answer. Knows every route and
 * no socket: tests drive it with requests made by hand.
 *
 * Threads: take on the front loop; configure on the control loop; create and destroy while neither
 *   uses it.
 * Memory: borrows what the options name.
 * Limits: one job for each exchange.
 */
#ifndef D1_WEBHOOK_ROUTE_H
#define D1_WEBHOOK_ROUTE_H

#include "webhook/frontend.h"

struct d1_http_exchange;
struct d1_http_request;
struct d1_http_response;
struct d1_router;

/* Writes an answer; d1_http_respond() but in tests. Called on the front loop. */
typedef void (*d1_router_respond_fn)(struct d1_http_exchange *exchange,
                                     const struct d1_http_response *response, void *arg);

int d1_router_create(const struct d1_frontend_options *options, d1_router_respond_fn respond,
                     void *arg, struct d1_router **ret_router);
void d1_router_destroy(struct d1_router *router);

/* See d1_frontend_configure. */
int d1_router_configure(struct d1_router *router, const struct d1_frontend_settings *settings);

/* Take a request; its answer comes through `respond`, at once or later. */
void d1_router_take(struct d1_router *router, enum d1_frontend_kind kind,
                    const struct d1_http_request *request, struct d1_http_exchange *exchange);

/* Requests that are not answered yet. Front loop. */
size_t d1_router_pending(const struct d1_router *router);

#endif /* D1_WEBHOOK_ROUTE_H */
