/*
 * libunbound behind the interface of a resolver.
 *
 * Happy path: ask hands the question to libunbound's thread; its result comes through a pipe, which
 * the loop watches; ub_process() reads it and calls on_result(), which calls `done`.
 * Failures: no result within the query's time: the timer cancels it and reports TIMEOUT. Canceled:
 * libunbound forgets it at once, the timer reports CANCELED at the loop's next turn.
 *
 * A context holds one set of settings, which libunbound cannot change once it works. After a
 * configure the old context lives until its last query has ended. It is never deleted below
 * ub_process(), which still uses it.
 */
#include "dns/resolve.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <unbound.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/net.h"
#include "dns/wire.h"

struct unbound;

struct context {
    struct unbound *unbound;
    struct ub_ctx *ub;
    uv_poll_t poll;
    size_t queries; /* libunbound works at. */
    bool threaded;  /* Its thread runs. */
    bool retired;
    bool processing; /* Below ub_process(). */
    bool serverless; /* /etc/resolv.conf could not be read. */
};

struct unbound {
    struct d1_resolver base;
    struct d1_loop *loop;
    struct context *context;
    struct d1_resolve_query *queries;  /* Under way. */
    struct d1_resolve_query *canceled; /* Their `done` is due. */
    size_t count;
    uv_timer_t timer;
};

static const struct {
    const char *name;
    const char *value;
} options[] = {
    {"do-not-query-localhost:", "no"}, /* A resolver on this host is as good as any. */
    {"cache-max-negative-ttl:", "0"},
    {"val-bogus-ttl:", "1"},
    {"msg-cache-size:", "262144"},
    {"rrset-cache-size:", "262144"},
    {"key-cache-size:", "262144"},
    {"neg-cache-size:", "16384"},
    {"infra-cache-numhosts:", "64"},
    {"infra-keep-probing:", "yes"},
    {"num-queries-per-thread:", "256"},
    {"outgoing-range:", "256"},
    {"prefetch:", "no"},
    {"use-syslog:", "no"},
};

/* What Unbound answers out of itself unless told not to, and may be somebody's own names. */
static const char *const own_zones[] = {"test.", "home.arpa."};

/* ---- Settings ---- */

/* "192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:5353". */
static int parse_server(const char *text, struct sockaddr_storage *ret_address) {
    char whole[D1_ADDRESS_TEXT_BYTES];
    const char *colon = strchr(text, ':');
    bool bare_six = text[0] != '[' && colon != NULL && strchr(colon + 1, ':') != NULL;
    bool closed = text[0] == '[' && text[0] != '\0' && text[strlen(text) - 1] == ']';
    int length = 0;
    if (bare_six) {
        length = snprintf(whole, sizeof(whole), "[%s]:53", text);
    } else if (colon == NULL || closed) {
        length = snprintf(whole, sizeof(whole), "%s:53", text);
    } else {
        length = snprintf(whole, sizeof(whole), "%s", text);
    }
    if (length < 0 || (size_t)length >= sizeof(whole)) {
        return D1_EPARSE;
    }
    return d1_address_parse(whole, ret_address);
}

static uint16_t port_of(const struct sockaddr_storage *address) {
    in_port_t port = address->ss_family == AF_INET6
                         ? ((const struct sockaddr_in6 *)address)->sin6_port
                         : ((const struct sockaddr_in *)address)->sin_port;
    return ntohs(port);
}

int d1_resolver_check_server(const char *text) {
    struct sockaddr_storage address;
    int err = parse_server(text, &address);
    return err == 0 && port_of(&address) == 0 ? D1_EPARSE : err;
}

/* As libunbound wants it: "192.0.2.53@53". */
static int add_server(struct ub_ctx *ub, const char *text) {
    struct sockaddr_storage address;
    char plain[D1_ADDRESS_TEXT_BYTES];
    char server[D1_ADDRESS_TEXT_BYTES];
    if (parse_server(text, &address) != 0) {
        return UB_SYNTAX;
    }
    d1_address_format(&address, plain);
    char *end = strrchr(plain, ':');
    bool six = plain[0] == '[';
    if (end == NULL || (six && end == plain)) {
        return UB_SYNTAX;
    }
    *end = '\0';
    int length = (int)strlen(plain);
    snprintf(server, sizeof(server), "%.*s@%u", six ? length - 2 : length, plain + (six ? 1 : 0),
             port_of(&address));
    return ub_ctx_set_fwd(ub, server);
}

static int fail(int rc, const char *what, const char *where, struct d1_error *error) {
    if (rc == UB_NOMEM) {
        return d1_error_set(error, -ENOMEM, "resolver: out of memory");
    }
    return d1_error_set(error, D1_ECONFIG, "%s: %s: %s", what, where, ub_strerror(rc));
}

static int set_options(struct ub_ctx *ub, struct d1_error *error) {
    char seconds[16];
    snprintf(seconds, sizeof(seconds), "%d", D1_RESOLVE_CACHE_S);
    int rc = ub_ctx_set_option(ub, "cache-max-ttl:", seconds);
    rc = rc != 0 ? rc : ub_ctx_set_option(ub, "infra-host-ttl:", seconds);
    rc = rc != 0 ? rc : ub_ctx_debugout(ub, NULL); /* It would write to stderr. */
    rc = rc != 0 ? rc : ub_ctx_async(ub, 1);
    for (size_t i = 0; rc == 0 && i < D1_ARRAY_LENGTH(options); i++) {
        rc = ub_ctx_set_option(ub, options[i].name, options[i].value);
    }
    return rc == 0 ? D1_OK : fail(rc, "resolver", "libunbound", error);
}

static int set_servers(struct ub_ctx *ub, const struct d1_resolver_settings *settings,
                       bool *ret_serverless, struct d1_error *error) {
    if (settings->servers_count > D1_RESOLVE_SERVERS_MAX) {
        return d1_error_set(error, D1_ECONFIG, "resolver.servers: more than %d",
                            D1_RESOLVE_SERVERS_MAX);
    }
    for (size_t i = 0; i < settings->servers_count; i++) {
        int rc = add_server(ub, settings->servers[i]);
        if (rc != 0) {
            return fail(rc, "resolver.servers", settings->servers[i], error);
        }
    }
    if (settings->servers_count > 0) {
        return D1_OK;
    }
    int rc = ub_ctx_resolvconf(ub, NULL);
    *ret_serverless = rc == UB_READFILE;
    return rc == 0 || rc == UB_READFILE ? D1_OK : fail(rc, "resolver", "/etc/resolv.conf", error);
}

/* The first zone_remove makes libunbound read all it was given. */
static int finish_settings(struct ub_ctx *ub, const struct d1_resolver_settings *settings,
                           struct d1_error *error) {
    const char *anchors = settings->trust_anchor_file;
    bool validates = anchors != NULL && anchors[0] != '\0';
    int rc = validates ? ub_ctx_add_ta_file(ub, anchors) : 0;
    for (size_t i = 0; rc == 0 && i < D1_ARRAY_LENGTH(own_zones); i++) {
        rc = ub_ctx_zone_remove(ub, own_zones[i]);
    }
    if (rc == UB_INITFAIL && validates) {
        return d1_error_set(error, D1_ECONFIG,
                            "%s: holds no usable trust anchor, expected DS or DNSKEY records as "
                            "zone-file lines",
                            anchors);
    }
    return rc == 0 ? D1_OK : fail(rc, "resolver", "libunbound", error);
}

/* ---- Contexts ---- */

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_context_closed(uv_handle_t *handle) {
    d1_free(handle->data);
}

/* Also ends its thread: it is told to, and waited for. */
static void delete_context(struct context *context) {
    uv_poll_stop(&context->poll);
    uv_close((uv_handle_t *)&context->poll, on_context_closed);
    ub_ctx_delete(context->ub);
    context->ub = NULL;
}

static void release_context(struct context *context) {
    if (context->retired && context->queries == 0 && !context->processing) {
        delete_context(context);
    }
}

static int set_up(struct ub_ctx *ub, const struct d1_resolver_settings *settings,
                  bool *ret_serverless, struct d1_error *error) {
    int err = set_options(ub, error);
    err = err != D1_OK ? err : set_servers(ub, settings, ret_serverless, error);
    return err != D1_OK ? err : finish_settings(ub, settings, error);
}

static int make_context(struct unbound *unbound, const struct d1_resolver_settings *settings,
                        struct context **ret_context, struct d1_error *error) {
    struct context *context = d1_calloc(1, sizeof(*context));
    struct ub_ctx *ub = context != NULL ? ub_ctx_create() : NULL;
    if (ub == NULL) {
        d1_free(context);
        return d1_error_set(error, -ENOMEM, "resolver: out of memory");
    }
    int err = set_up(ub, settings, &context->serverless, error);
    if (err == D1_OK) {
        err = uv_poll_init(d1_loop_uv(unbound->loop), &context->poll, ub_fd(ub));
        if (err != 0) {
            d1_error_set(error, err, "resolver: %s", d1_err_text(err));
        }
    }
    if (err != D1_OK) {
        ub_ctx_delete(ub);
        d1_free(context);
        return err;
    }
    context->unbound = unbound;
    context->ub = ub;
    context->poll.data = context;
    uv_unref((uv_handle_t *)&context->poll); /* A loop with nothing else to do may end. */
    uv_poll_start(&context->poll, UV_READABLE, on_readable);
    *ret_context = context;
    return D1_OK;
}

/* ---- Queries ---- */

static void link_query(struct d1_resolve_query **list, struct d1_resolve_query *query) {
    query->next = *list;
    query->link = list;
    if (query->next != NULL) {
        query->next->link = &query->next;
    }
    *list = query;
}

static void unlink_query(struct d1_resolve_query *query) {
    *query->link = query->next;
    if (query->next != NULL) {
        query->next->link = query->link;
    }
}

static void on_timer(uv_timer_t *timer);

/* The timer goes off when the next query has waited long enough; now, when `done`s are due. */
static void set_timer(struct unbound *unbound) {
    uint64_t now_ms = uv_now(d1_loop_uv(unbound->loop));
    uint64_t next_ms = UINT64_MAX;
    for (struct d1_resolve_query *query = unbound->queries; query != NULL; query = query->next) {
        next_ms = query->deadline_ms < next_ms ? query->deadline_ms : next_ms;
    }
    if (unbound->canceled != NULL) {
        next_ms = 0;
    }
    if (next_ms == UINT64_MAX) {
        uv_timer_stop(&unbound->timer);
    } else {
        uv_timer_start(&unbound->timer, on_timer, next_ms > now_ms ? next_ms - now_ms : 0, 0);
    }
}

/* libunbound does not work at it any more. */
static void end_query(struct unbound *unbound, struct d1_resolve_query *query) {
    struct context *context = query->context;
    unlink_query(query);
    unbound->count--;
    context->queries--;
    query->context = NULL;
}

static void drop_query(struct unbound *unbound, struct d1_resolve_query *query) {
    struct context *context = query->context;
    ub_cancel(context->ub, query->id);
    end_query(unbound, query);
    release_context(context);
}

static void tell(struct d1_resolve_query *query, enum d1_resolve_outcome outcome) {
    struct d1_resolve_reply reply = {.outcome = outcome};
    query->done(query, &reply);
}

static void on_timer(uv_timer_t *timer) {
    struct unbound *unbound = timer->data;
    struct d1_resolve_query *query = NULL;
    uint64_t now_ms = uv_now(d1_loop_uv(unbound->loop));
    struct d1_resolve_query *next = NULL;
    for (query = unbound->queries; query != NULL; query = next) {
        next = query->next;
        if (query->deadline_ms <= now_ms) {
            drop_query(unbound, query);
            query->id = 0;
            link_query(&unbound->canceled, query);
        }
    }
    while ((query = unbound->canceled) != NULL) {
        unlink_query(query);
        tell(query, query->id == 0 ? D1_RESOLVE_TIMEOUT : D1_RESOLVE_CANCELED);
    }
    set_timer(unbound);
}

static enum d1_resolve_outcome judge(const struct ub_result *result) {
    if (result->bogus) {
        return D1_RESOLVE_BOGUS;
    }
    if (result->havedata) {
        return D1_RESOLVE_DATA;
    }
    if (result->nxdomain || result->rcode == D1_RCODE_NXDOMAIN) {
        return D1_RESOLVE_NXDOMAIN;
    }
    return result->rcode == D1_RCODE_NOERROR ? D1_RESOLVE_NODATA : D1_RESOLVE_FAILED;
}

static void on_result(void *arg, int rc, struct ub_result *result) {
    struct d1_resolve_query *query = arg;
    struct context *context = query->context;
    struct d1_resolve_reply reply = {.outcome = D1_RESOLVE_FAILED, .rcode = D1_RCODE_SERVFAIL};
    if (rc == 0 && result != NULL) {
        reply.outcome = judge(result);
        reply.rcode = (uint8_t)(result->rcode & 0xff);
        reply.secure = result->secure != 0;
        reply.aliased = result->canonname != NULL;
    }
    while (reply.outcome == D1_RESOLVE_DATA && reply.count < D1_RESOLVE_RECORDS_MAX &&
           result->data[reply.count] != NULL) {
        struct d1_resolve_record *record = &reply.records[reply.count];
        record->rdata = (const uint8_t *)result->data[reply.count];
        record->length = (size_t)result->len[reply.count];
        reply.count++;
    }
    struct unbound *unbound = context->unbound;
    end_query(unbound, query);
    query->done(query, &reply);
    ub_resolve_free(result);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    struct context *context = poll->data;
    (void)status;
    (void)events;
    context->processing = true;
    ub_process(context->ub);
    context->processing = false;
    set_timer(context->unbound);
    release_context(context);
}

/* libunbound makes its thread with the first question. Our signals are not for it. */
static int start_query(struct context *context, struct d1_resolve_query *query, const char *name) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    if (!context->threaded) {
        pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    int rc =
        ub_resolve_async(context->ub, name, query->type, D1_CLASS_IN, query, on_result, &query->id);
    if (!context->threaded) {
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    context->threaded = context->threaded || rc == 0;
    return rc;
}

static int ask(struct d1_resolver *resolver, struct d1_resolve_query *query) {
    struct unbound *unbound = D1_CONTAINER_OF(resolver, struct unbound, base);
    char name[D1_NAME_TEXT_MAX];
    d1_loop_assert(unbound->loop);
    if (unbound->count >= D1_RESOLVE_QUERIES_MAX) {
        return D1_ELIMIT;
    }
    if (unbound->context->serverless) {
        return D1_ECONFIG;
    }
    d1_name_to_text(&query->name, name);
    query->context = unbound->context;
    query->deadline_ms = uv_now(d1_loop_uv(unbound->loop)) +
                         (query->timeout_ms > 0 ? query->timeout_ms : D1_RESOLVE_QUERY_MS);
    int rc = start_query(unbound->context, query, name);
    if (rc != 0) {
        return rc == UB_NOMEM ? -ENOMEM : D1_ECONFIG;
    }
    link_query(&unbound->queries, query);
    unbound->count++;
    unbound->context->queries++;
    set_timer(unbound);
    return D1_OK;
}

static void cancel(struct d1_resolver *resolver, struct d1_resolve_query *query) {
    struct unbound *unbound = D1_CONTAINER_OF(resolver, struct unbound, base);
    if (query->context == NULL) {
        return; /* Its `done` is due. */
    }
    drop_query(unbound, query);
    query->id = 1;
    link_query(&unbound->canceled, query);
    set_timer(unbound);
}

/* ---- The resolver ---- */

static void on_unbound_closed(uv_handle_t *handle) {
    d1_free(handle->data);
}

int d1_resolver_check(const struct d1_resolver_settings *settings, struct d1_error *error) {
    bool serverless = false;
    struct ub_ctx *ub = ub_ctx_create();
    if (ub == NULL) {
        return d1_error_set(error, -ENOMEM, "resolver: out of memory");
    }
    int err = set_up(ub, settings, &serverless, error);
    ub_ctx_delete(ub);
    return err;
}

int d1_resolver_create(struct d1_loop *loop, const struct d1_clock *clock,
                       const struct d1_resolver_settings *settings,
                       struct d1_resolver **ret_resolver, struct d1_error *error) {
    struct unbound *unbound = d1_calloc(1, sizeof(*unbound));
    if (unbound == NULL) {
        return d1_error_set(error, -ENOMEM, "resolver: out of memory");
    }
    unbound->loop = loop;
    unbound->base = (struct d1_resolver){.ask = ask, .cancel = cancel, .clock = clock};
    int err = make_context(unbound, settings, &unbound->context, error);
    if (err != D1_OK) {
        d1_free(unbound);
        return err;
    }
    uv_timer_init(d1_loop_uv(loop), &unbound->timer); /* Cannot fail. */
    uv_unref((uv_handle_t *)&unbound->timer);
    unbound->timer.data = unbound;
    *ret_resolver = &unbound->base;
    return D1_OK;
}

static void retire(struct context *context) {
    context->retired = true;
    release_context(context);
}

int d1_resolver_configure(struct d1_resolver *resolver, const struct d1_resolver_settings *settings,
                          struct d1_error *error) {
    struct unbound *unbound = D1_CONTAINER_OF(resolver, struct unbound, base);
    struct context *old = unbound->context;
    int err = make_context(unbound, settings, &unbound->context, error);
    if (err == D1_OK) {
        retire(old);
    }
    return err;
}

void d1_resolver_destroy(struct d1_resolver *resolver) {
    if (resolver == NULL) {
        return;
    }
    struct unbound *unbound = D1_CONTAINER_OF(resolver, struct unbound, base);
    struct d1_resolve_query *query = NULL;
    while ((query = unbound->queries) != NULL) {
        drop_query(unbound, query);
        tell(query, D1_RESOLVE_CANCELED);
    }
    while ((query = unbound->canceled) != NULL) {
        unlink_query(query);
        tell(query, D1_RESOLVE_CANCELED);
    }
    retire(unbound->context);
    uv_close((uv_handle_t *)&unbound->timer, on_unbound_closed);
}
