/*
 * Happy path: create makes, in this order, the state directory, loops, metrics, zones, store,
 * solver (which publishes what the store holds), DNS sockets and HTTP listeners; run starts the
 * threads, and when the probe has had real answers over UDP and TCP, "ready" is told. SIGTERM ends
 * it in the other direction: HTTP drains first (DNS still answers, so that what was presented is
 * live), then DNS, then the store.
 * Failures at start: one line, and all that was made is freed in the order of its making, backwards.
 */
#include "daemon/daemon.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/hash.h"
#include "core/mem.h"
#include "core/net.h"
#include "daemon/cpus.h"
#include "daemon/notify.h"
#include "daemon/providerstate.h"
#include "daemon/providing.h"
#include "daemon/reload.h"
#include "daemon/tsigkeys.h"
#include "daemon/webhook.h"
#include "daemon/wiring.h"
#include "http/tls.h"

#define GRACE_MS   5000 /* For HTTP, and again for DNS: together the 10 s of the contract. */
#define RECLAIM_MS 1000

enum state { CREATED, STARTING, SERVING, DRAINING_HTTP, DRAINING_DNS, CLOSING_STORE, STOPPED };

static const struct d1_step_state states[] = {
    [CREATED] = {"created", D1_STEP_TO(STARTING)},
    [STARTING] = {"starting", D1_STEP_TO(SERVING) | D1_STEP_TO(DRAINING_HTTP)},
    [SERVING] = {"serving", D1_STEP_TO(DRAINING_HTTP)},
    [DRAINING_HTTP] = {"draining-http", D1_STEP_TO(DRAINING_DNS)},
    [DRAINING_DNS] = {"draining-dns", D1_STEP_TO(CLOSING_STORE)},
    [CLOSING_STORE] = {"closing-store", D1_STEP_TO(STOPPED)},
    [STOPPED] = {"stopped", 0},
};

/* ---- Making ---- */

static int make_state_dir(const struct d1_config *config, struct d1_error *error) {
    const char *path = config->state_dir;
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        int err = -errno;
        return d1_error_set(error, err,
                            "state-dir: cannot make %s: %s; make its parent, or name "
                            "another place",
                            path, d1_err_text(err));
    }
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode)) {
        return d1_error_set(error, -ENOTDIR, "state-dir: %s is not a directory", path);
    }
    if (access(path, R_OK | W_OK | X_OK) != 0) {
        int err = -errno;
        return d1_error_set(error, err,
                            "state-dir: cannot use %s: %s; give it to the user that "
                            "dns01d runs as (uid %u)",
                            path, d1_err_text(err), (unsigned)geteuid());
    }
    return D1_OK;
}

static bool host_has_ipv6(void) {
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return has;
}

/* The contract: a default IPv6 address is skipped with a warning where the host has none. */
static int choose_dns_listen(struct d1_daemon *daemon) {
    const struct d1_texts *wanted = &daemon->config->dns_listen;
    if (wanted->count == 0) {
        return D1_OK;
    }
    daemon->dns_listen.item = d1_calloc(wanted->count, sizeof(*wanted->item));
    if (daemon->dns_listen.item == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < wanted->count; i++) {
        if (wanted->is_default && wanted->item[i][0] == '[' && !host_has_ipv6()) {
            d1_log(daemon->log, WARN, "listen_skipped", D1_LOG_S("address", wanted->item[i]),
                   D1_LOG_S("reason", "this host has no IPv6"));
            continue;
        }
        daemon->dns_listen.item[daemon->dns_listen.count++] = wanted->item[i];
    }
    return D1_OK;
}

static int make_base(struct d1_daemon *daemon, unsigned workers, struct d1_error *error) {
    int err = d1_loop_create("control", &daemon->loop);
    err = err != D1_OK ? err : d1_loop_create("front", &daemon->front);
    err = err != D1_OK ? err : d1_metrics_create(&daemon->metrics);
    err = err != D1_OK ? err : d1_metrics_block(daemon->metrics, &daemon->metrics_block);
    err = err != D1_OK ? err : d1_epoch_create(workers, &daemon->epoch);
    err = err != D1_OK ? err : d1_timeline_create(&daemon->timeline);
    return err == D1_OK ? err : d1_error_set(error, err, "cannot start: %s", d1_err_text(err));
}

static int make_served(struct d1_daemon *daemon, struct d1_error *error) {
    struct d1_served *served = NULL;
    int err =
        d1_served_create(NULL, daemon->config->zones, daemon->config->served_count, &served, error);
    if (err != D1_OK) {
        return err;
    }
    d1_table_adopt(served->table, daemon->epoch);
    atomic_store(&daemon->current.served, served);
    err = d1_served_publisher_create(&daemon->current, &daemon->publisher);
    return err == D1_OK ? err : d1_error_set(error, err, "cannot start: %s", d1_err_text(err));
}

int d1_daemon_make_options(const struct d1_daemon *daemon, const struct d1_config *config,
                           struct d1_options **ret_options) {
    struct d1_options options = config->answering;
    if (options.cookies.count == 0) {
        options.cookies = daemon->own_secrets;
    }
    int err = d1_options_create(&options, ret_options);
    d1_wipe(&options.cookies, sizeof(options.cookies));
    return err;
}

static int make_answering(struct d1_daemon *daemon, struct d1_error *error) {
    struct d1_options *options = NULL;
    daemon->own_secrets.count = 1;
    int err = d1_random(daemon->own_secrets.secret[0], sizeof(daemon->own_secrets.secret[0]));
    err = err != D1_OK ? err : d1_daemon_make_options(daemon, daemon->config, &options);
    if (err != D1_OK) {
        return d1_error_set(error, err, "cannot start: %s", d1_err_text(err));
    }
    atomic_store(&daemon->answering.options, options);
    return D1_OK;
}

void d1_daemon_swap_keys(struct d1_daemon *daemon) {
    struct d1_keys *keys = NULL;
    daemon->keys_stale = d1_tsigkeys_merge(daemon->configured_keys, daemon->solver, &keys) != D1_OK;
    if (!daemon->keys_stale) {
        d1_keys_swap(&daemon->keys, keys, daemon->epoch);
        d1_epoch_reclaim(daemon->epoch); /* Sets of many keys are not to pile up. */
    }
}

static void on_keys_changed(void *arg) {
    d1_daemon_swap_keys(arg);
}

static int make_solver(struct d1_daemon *daemon, struct d1_error *error) {
    struct d1_store_options store = {
        .backend = daemon->config->store_backend,
        .state_dir = daemon->config->state_dir,
        .loop = daemon->loop,
        .clock = daemon->clock,
        .metrics = daemon->metrics,
        .metrics_block = daemon->metrics_block,
    };
    int err = d1_store_open(&store, &daemon->store, error);
    if (err != D1_OK) {
        return err;
    }
    err = d1_resolver_create(daemon->loop, daemon->clock, &daemon->config->resolver,
                             &daemon->resolver, error);
    if (err != D1_OK) {
        return err;
    }
    struct d1_solver_options solver = {
        .loop = daemon->loop,
        .clock = daemon->clock,
        .store = daemon->store,
        .timeline = daemon->timeline,
        .resolver = daemon->resolver,
        .metrics = daemon->metrics,
        .metrics_block = daemon->metrics_block,
    };
    err = d1_solver_create(&solver, &daemon->solver);
    if (err != D1_OK) {
        return d1_error_set(error, err, "cannot start: %s", d1_err_text(err));
    }
    d1_solver_add_publisher(daemon->solver, d1_served_publisher_base(daemon->publisher));
    d1_solver_configure(daemon->solver, &daemon->config->solver, daemon->config->credentials);
    daemon->config->credentials = NULL;
    err = d1_providing_create(daemon, error);
    err = err != D1_OK ? err : d1_solver_load(daemon->solver, error);
    if (err != D1_OK) {
        return err;
    }
    d1_providing_start(daemon);
    if (daemon->dnsd == NULL) {
        return D1_OK;
    }
    daemon->configured_keys = daemon->config->keys;
    daemon->config->keys = NULL;
    d1_daemon_swap_keys(daemon);
    d1_solver_watch_tsig(daemon->solver, on_keys_changed, daemon);
    err = d1_dnsd_take_updates(daemon->dnsd, &daemon->keys, daemon->solver);
    return err == D1_OK ? err : d1_error_set(error, err, "cannot start: %s", d1_err_text(err));
}

static void on_asked(const struct d1_asked *asked, void *arg) {
    struct d1_daemon *daemon = arg;
    struct d1_event event = {
        .kind = D1_EVENT_ASKED,
        .time_ms = asked->time_ms,
        .from = asked->from,
        .type = asked->type,
        .rcode = asked->rcode,
        .answers = asked->answers,
        .tcp = asked->tcp,
        .truncated = asked->truncated,
    };
    d1_timeline_add(daemon->timeline, &asked->name, &event);
}

static int make_dnsd(struct d1_daemon *daemon, unsigned workers, struct d1_error *error) {
    if (daemon->dns_listen.count == 0) {
        return D1_OK;
    }
    struct d1_dnsd_options options = {
        .loop = daemon->loop,
        .clock = daemon->clock,
        .epoch = daemon->epoch,
        .current = &daemon->current,
        .answering = &daemon->answering,
        .metrics = daemon->metrics,
        .workers = workers,
        .listen_count = daemon->dns_listen.count,
        .listen = daemon->dns_listen.item,
        .on_asked = on_asked,
        .arg = daemon,
    };
    int err = d1_dnsd_create(&options, &daemon->dnsd, error);
    if (err != D1_OK) {
        d1_error_prefix(error, "dns.listen");
    }
    return err;
}

static void on_reload_request(void *arg, struct d1_reload *reload) {
    d1_daemon_reload(arg, reload);
}

/* Front loop: the node is ready when its own DNS answered and it is not stopping. */
static bool on_ready_request(void *arg, char *detail, size_t size) {
    struct d1_daemon *daemon = arg;
    bool stopping = atomic_load_explicit(&daemon->stopping, memory_order_relaxed);
    bool dns = daemon->probe == NULL || d1_probe_ok(daemon->probe);
    char kube[128] = "";
    bool webhook = daemon->kube == NULL || d1_kube_ready(daemon->kube, kube, sizeof(kube));
    snprintf(detail, size, "%s%s%s",
             daemon->probe == NULL ? ""
             : dns                 ? "dns ok\n"
                                   : "dns not answering\n",
             kube, stopping ? "stopping\n" : "");
    return dns && webhook && !stopping;
}

static int listen_all(struct d1_daemon *daemon, enum d1_frontend_kind kind,
                      const struct d1_texts *addresses, char *text, size_t size,
                      struct d1_error *error) {
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < addresses->count; i++) {
        uint16_t port = 0;
        int err = d1_frontend_listen(daemon->frontend, kind, addresses->item[i], &port, error);
        if (err != D1_OK) {
            d1_error_prefix(error, kind == D1_FRONTEND_API ? "api.listen" : "metrics.listen");
            return err;
        }
        const char *colon = strrchr(addresses->item[i], ':');
        assert(colon != NULL && length < size);
        int more = snprintf(text + length, size - length, "%s%.*s:%u", i > 0 ? "," : "",
                            (int)(colon - addresses->item[i]), addresses->item[i], port);
        length += (size_t)more < size - length ? (size_t)more : 0;
    }
    return D1_OK;
}

static int make_frontend(struct d1_daemon *daemon, struct d1_error *error) {
    struct d1_frontend_options options = {
        .loop = daemon->loop,
        .front = daemon->front,
        .clock = daemon->clock,
        .log = daemon->log,
        .solver = daemon->solver,
        .timeline = daemon->timeline,
        .store = daemon->store,
        .metrics = daemon->metrics,
        .providers = d1_provider_states_view(daemon->provider_states),
        .reload = on_reload_request,
        .ready = on_ready_request,
        .arg = daemon,
    };
    int err = D1_OK;
    if (daemon->config->api_tls != NULL) {
        err = d1_tls_create(daemon->config->api_tls, &daemon->api_tls);
        daemon->config->api_tls = NULL;
        options.api_tls = daemon->api_tls;
    }
    err = err != D1_OK ? err : d1_frontend_create(&options, &daemon->frontend);
    err = err != D1_OK ? err : d1_frontend_configure(daemon->frontend, &daemon->config->frontend);
    if (err != D1_OK) {
        return d1_error_set(error, err, "cannot start: %s", d1_err_text(err));
    }
    err = listen_all(daemon, D1_FRONTEND_API, &daemon->config->api_listen, daemon->api_text,
                     sizeof(daemon->api_text), error);
    err = err != D1_OK ? err
                       : listen_all(daemon, D1_FRONTEND_METRICS, &daemon->config->metrics_listen,
                                    daemon->metrics_text, sizeof(daemon->metrics_text), error);
    if (err != D1_OK) {
        return err;
    }
    bool named = daemon->config->control_socket[0] != '\0';
    int length = snprintf(daemon->control_path, sizeof(daemon->control_path), "%s%s",
                          named ? daemon->config->control_socket : daemon->config->state_dir,
                          named ? "" : "/control.sock");
    if (length < 0 || (size_t)length >= sizeof(daemon->control_path)) {
        return d1_error_set(error, -ENAMETOOLONG,
                            "control-socket: the path has more than %zu "
                            "octets; name a shorter one",
                            sizeof(daemon->control_path) - 1);
    }
    err = d1_frontend_listen(daemon->frontend, D1_FRONTEND_CONTROL, daemon->control_path, NULL,
                             error);
    if (err != D1_OK) {
        d1_error_prefix(error, "control-socket");
    }
    return err;
}

/* ---- Stopping: each part tells when it is done, and the next one follows. ---- */

static void close_own_handles(struct d1_daemon *daemon) {
    for (size_t i = 0; i < D1_ARRAY_LENGTH(daemon->signals); i++) {
        uv_close((uv_handle_t *)&daemon->signals[i], NULL);
    }
    uv_close((uv_handle_t *)&daemon->reclaim, NULL);
}

/* The solver, then what it asks; both need the loop a little longer. */
static void destroy_solver(struct d1_daemon *daemon) {
    d1_solver_destroy(daemon->solver);
    daemon->solver = NULL;
    d1_providing_close(daemon);
    d1_resolver_destroy(daemon->resolver);
    daemon->resolver = NULL;
}

static void on_store_closed(void *arg) {
    struct d1_daemon *daemon = arg;
    daemon->store = NULL;
    destroy_solver(daemon); /* Before its timer could write to what is closed. */
    d1_step_move(&daemon->step, STOPPED);
    close_own_handles(daemon); /* Until now a second SIGTERM was taken, and changed nothing. */
    d1_loop_stop(daemon->loop);
}

static void on_dns_stopped(void *arg) {
    struct d1_daemon *daemon = arg;
    d1_step_move(&daemon->step, CLOSING_STORE);
    d1_store_close(daemon->store, on_store_closed, daemon);
}

static void stop_dnsd(void *arg) {
    struct d1_daemon *daemon = arg;
    d1_step_move(&daemon->step, DRAINING_DNS);
    daemon->probe = NULL;
    if (daemon->dnsd == NULL) {
        on_dns_stopped(daemon);
    } else {
        d1_dnsd_stop(daemon->dnsd, GRACE_MS, on_dns_stopped, daemon);
    }
}

static void on_frontend_stopped(void *arg) {
    struct d1_daemon *daemon = arg;
    daemon->front_open--;
    if (daemon->front_open > 0) {
        return;
    }
    d1_loop_stop(daemon->front);
    d1_loop_join(daemon->front);
    if (daemon->probe != NULL) {
        d1_probe_close(daemon->probe, stop_dnsd, daemon);
    } else {
        stop_dnsd(daemon);
    }
}

static void stop(struct d1_daemon *daemon, const char *reason) {
    if (atomic_exchange(&daemon->stopping, true)) {
        return;
    }
    d1_log(daemon->log, INFO, "stopping", D1_LOG_S("reason", reason));
    d1_solver_stop_following(daemon->solver); /* Slow resolvers would hold HTTP up. */
    d1_notify("STOPPING=1");
    d1_step_move(&daemon->step, DRAINING_HTTP);
    daemon->front_open = 1 + d1_daemon_stop_webhook(daemon, GRACE_MS, on_frontend_stopped);
    d1_frontend_stop(daemon->frontend, GRACE_MS, on_frontend_stopped, daemon);
}

/* ---- Running ---- */

static void on_signal(uv_signal_t *handle, int number) {
    struct d1_daemon *daemon = handle->data;
    if (number != SIGHUP) {
        stop(daemon, number == SIGTERM ? "SIGTERM" : "SIGINT");
    } else if (!atomic_load(&daemon->stopping)) {
        d1_daemon_reload(daemon, NULL);
    }
}

static void on_reclaim(uv_timer_t *timer) {
    struct d1_daemon *daemon = timer->data;
    if (daemon->keys_stale) {
        d1_daemon_swap_keys(daemon);
    }
    d1_table_reclaim(atomic_load(&daemon->current.served)->table);
    d1_epoch_reclaim(daemon->epoch);
}

static void format_dns(const struct d1_daemon *daemon, char *text, size_t size) {
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; daemon->dnsd != NULL && i < daemon->dns_listen.count; i++) {
        struct sockaddr_storage address;
        char one[D1_ADDRESS_TEXT_BYTES];
        d1_dnsd_address(daemon->dnsd, i, &address);
        d1_address_format(&address, one);
        int more = snprintf(text + length, size - length, "%s%s", i > 0 ? "," : "", one);
        length += (size_t)more < size - length ? (size_t)more : 0;
    }
}

static void announce(struct d1_daemon *daemon) {
    if (daemon->announced || daemon->step.now != STARTING) {
        return;
    }
    daemon->announced = true;
    d1_step_move(&daemon->step, SERVING);
    char dns[512];
    format_dns(daemon, dns, sizeof(dns));
    d1_log(daemon->log, INFO, "ready", D1_LOG_S("version", D1_VERSION), D1_LOG_S("dns", dns),
           D1_LOG_S("api", daemon->api_text), D1_LOG_S("webhook", daemon->webhook_text),
           D1_LOG_S("metrics", daemon->metrics_text), D1_LOG_S("control", daemon->control_path),
           D1_LOG_S("store", daemon->config->store_backend),
           D1_LOG_I("zones", daemon->config->zones_count));
    d1_notify("READY=1");
}

static void on_probe_changed(void *arg) {
    struct d1_daemon *daemon = arg;
    if (d1_probe_ok(daemon->probe)) {
        announce(daemon);
    }
    if (daemon->announced && !d1_probe_ok(daemon->probe)) {
        d1_log(daemon->log, ERROR, "not_answering",
               D1_LOG_S("reason", "our own question over UDP and TCP had no answer"));
    }
}

/* Whether our DNS server wants a PROXY header from that address. */
static bool is_proxy(void *arg, const struct sockaddr_storage *from) {
    struct d1_daemon *daemon = arg;
    const struct d1_options *answering = &daemon->config->answering;
    struct d1_ip address;
    d1_ip_from_socket(from, &address);
    return d1_cidr_any_contains(answering->proxies, answering->proxies_count, &address);
}

/* A wildcard is asked at its loopback. */
static int start_probe(struct d1_daemon *daemon) {
    struct sockaddr_storage address;
    struct d1_name name = {.length = 1};
    d1_dnsd_address(daemon->dnsd, 0, &address);
    if (d1_address_is_wildcard(&address) && address.ss_family == AF_INET) {
        ((struct sockaddr_in *)&address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else if (d1_address_is_wildcard(&address)) {
        ((struct sockaddr_in6 *)&address)->sin6_addr = in6addr_loopback;
    }
    if (daemon->config->served_count > 0) {
        const struct d1_zone_config *first = &daemon->config->zones[0];
        const char *label = "_acme-challenge";
        if (!first->delegation || d1_name_prepend(label, strlen(label), &first->name, &name) != 0) {
            name = first->name;
        }
    }
    int err =
        d1_probe_create(daemon->loop, &address, &name, on_probe_changed, daemon, &daemon->probe);
    if (err == D1_OK) {
        d1_probe_set_proxied(daemon->probe, is_proxy, daemon);
    }
    return err;
}

static int start_handles(struct d1_daemon *daemon) {
    static const int numbers[] = {SIGHUP, SIGTERM, SIGINT};
    uv_loop_t *uv = d1_loop_uv(daemon->loop);
    for (size_t i = 0; i < D1_ARRAY_LENGTH(numbers); i++) {
        uv_signal_init(uv, &daemon->signals[i]);
        daemon->signals[i].data = daemon;
        int err = uv_signal_start(&daemon->signals[i], on_signal, numbers[i]);
        if (err != 0) {
            return err;
        }
    }
    uv_timer_init(uv, &daemon->reclaim);
    daemon->reclaim.data = daemon;
    return uv_timer_start(&daemon->reclaim, on_reclaim, RECLAIM_MS, RECLAIM_MS);
}

static void on_front_dropped(void *arg) {
    struct d1_daemon *daemon = arg;
    if (--daemon->front_open == 0) {
        d1_loop_stop(daemon->loop);
    }
}

/* The solver may have written already (leases that ended), so the store goes first. */
static void on_store_dropped(void *arg) {
    struct d1_daemon *daemon = arg;
    destroy_solver(daemon);
    d1_loop_stop(daemon->loop);
}

/* Free what was made, whether or not it ever ran. What stops asynchronously gets its loops run. */
static void destroy(struct d1_daemon *daemon) {
    if (daemon->frontend != NULL && daemon->step.now == CREATED) {
        d1_loop_start(daemon->front);
        daemon->front_open = 1 + d1_daemon_stop_webhook(daemon, 0, on_front_dropped);
        d1_frontend_stop(daemon->frontend, 0, on_front_dropped, daemon);
        d1_loop_run(daemon->loop);
        d1_loop_stop(daemon->front);
        d1_loop_join(daemon->front);
    }
    d1_frontend_destroy(daemon->frontend);
    d1_daemon_drop_webhook(daemon);
    d1_tls_destroy(daemon->api_tls);
    if (daemon->store != NULL) {
        d1_store_close(daemon->store, on_store_dropped, daemon);
        d1_loop_run(daemon->loop);
    }
    d1_solver_destroy(daemon->solver);
    d1_dnsd_destroy(daemon->dnsd);
    d1_keys_destroy(atomic_load(&daemon->keys.keys));
    d1_keys_destroy(daemon->configured_keys);
    d1_served_publisher_destroy(daemon->publisher);
    d1_served_destroy(atomic_load(&daemon->current.served));
    d1_options_destroy(atomic_load(&daemon->answering.options));
    d1_wipe(&daemon->own_secrets, sizeof(daemon->own_secrets));
    d1_provider_states_destroy(daemon->provider_states);
    d1_timeline_destroy(daemon->timeline);
    d1_epoch_destroy(daemon->epoch);
    d1_loop_destroy(daemon->front);
    d1_loop_destroy(daemon->loop);
    d1_metrics_destroy(daemon->metrics);
    d1_free(daemon->dns_listen.item);
    d1_config_destroy(daemon->config);
    d1_free(daemon);
}

int d1_daemon_create(struct d1_config *config, const char *config_path, struct d1_log *log,
                     struct d1_daemon **ret_daemon, struct d1_error *error) {
    struct d1_daemon *daemon = d1_calloc(1, sizeof(*daemon));
    if (daemon == NULL) {
        return d1_error_set(error, -ENOMEM, "no memory");
    }
    daemon->config = config;
    daemon->config_path = config_path;
    daemon->log = log;
    daemon->clock = log->clock;
    d1_step_init(&daemon->step, states, D1_ARRAY_LENGTH(states));
    unsigned workers =
        config->dns_workers > 0 ? config->dns_workers : d1_cpus_usable("/sys/fs/cgroup");
    int err = make_state_dir(config, error);
    err = err != D1_OK ? err : choose_dns_listen(daemon);
    err = err != D1_OK ? err : make_base(daemon, workers, error);
    err = err != D1_OK ? err : make_served(daemon, error);
    err = err != D1_OK ? err : make_answering(daemon, error);
    err = err != D1_OK ? err : make_dnsd(daemon, workers, error);
    err = err != D1_OK ? err : make_solver(daemon, error);
    err = err != D1_OK ? err : make_frontend(daemon, error);
    err = err != D1_OK ? err : d1_daemon_make_webhook(daemon, error);
    if (err != D1_OK) {
        daemon->config = NULL; /* Still the caller's. */
        destroy(daemon);
        return err;
    }
    *ret_daemon = daemon;
    return D1_OK;
}

int d1_daemon_run(struct d1_daemon *daemon, struct d1_error *error) {
    signal(SIGPIPE, SIG_IGN);
    d1_step_move(&daemon->step, STARTING);
    int err = start_handles(daemon);
    err = err != D1_OK || daemon->dnsd == NULL ? err : d1_dnsd_start(daemon->dnsd);
    err = err != D1_OK || daemon->dnsd == NULL ? err : start_probe(daemon);
    err = err != D1_OK ? err : d1_loop_start(daemon->front);
    if (err != D1_OK) {
        /* No thread could be made: nothing was acknowledged yet, so the process just ends. */
        return d1_error_set(error, err, "cannot start: %s", d1_err_text(err));
    }
    if (daemon->dnsd == NULL) {
        announce(daemon);
    }
    d1_loop_run(daemon->loop);
    struct d1_log *log = daemon->log;
    destroy(daemon);
    d1_log(log, INFO, "stopped", D1_LOG_S("reason", "asked to"));
    return D1_OK;
}

int d1_daemon_check_zones(const struct d1_config *config, struct d1_error *error) {
    struct d1_served *served = NULL;
    int err = d1_served_create(NULL, config->zones, config->served_count, &served, error);
    d1_served_destroy(served);
    return err;
}
