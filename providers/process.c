/*
 * Happy path: main makes loop, resolver, carrier and host and starts the channel; messages become
 * accounts and jobs; what the host tells becomes messages. When the channel has closed, host,
 * carrier and resolver close, and main returns.
 * Failures: a message that cannot be understood ends the process: both sides are one program, so
 * that is a fault of ours, and the one who started it starts another.
 */
#include "providers/process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/loop.h"
#include "core/mem.h"
#include "dns/resolve.h"
#include "providers/carrier.h"
#include "providers/channel.h"
#include "providers/host.h"

#define NETWORKS_MAX 64

struct process {
    struct d1_loop *loop;
    struct d1_channel channel;
    struct d1_resolver *resolver;
    struct d1_carrier *carrier;
    struct d1_host *host;
    struct job *jobs;
    const struct d1_process_types *types;
    int status;
};

struct job {
    struct job *next;
    struct process *process;
    json_int_t id;
    json_t *message; /* Keeps its texts. */
    struct d1_host_job host;
};

static const char *text_of(const json_t *message, const char *key) {
    return json_string_value(json_object_get(message, key));
}

static void send_message(struct process *process, json_t *message) {
    if (d1_channel_send(&process->channel, message) != D1_OK) {
        d1_channel_close(&process->channel);
    }
}

/* ---- Jobs ---- */

static void free_job(struct job *job) {
    struct job **at = &job->process->jobs;
    while (*at != job) {
        at = &(*at)->next;
    }
    *at = job->next;
    json_decref(job->message);
    d1_free(job);
}

static void send_end(struct process *process, json_int_t id, int err, uint32_t kind,
                     const char *text) {
    send_message(process, json_pack("{s:s, s:I, s:i, s:i, s:s}", "op", "end", "id", id, "err", err,
                                    "kind", (int)kind, "text", text));
}

static void on_done(struct d1_host_job *host) {
    struct job *job = D1_CONTAINER_OF(host, struct job, host);
    send_end(job->process, job->id, host->err, host->kind, host->text);
    free_job(job);
}

static void on_progress(struct d1_host_job *host, const char *step, const char *text) {
    struct job *job = D1_CONTAINER_OF(host, struct job, host);
    send_message(job->process, json_pack("{s:s, s:I, s:s, s:s}", "op", "progress", "id", job->id,
                                         "step", step, "text", text));
}

static bool take_job(struct process *process, const json_t *message) {
    struct job *job = d1_calloc(1, sizeof(*job));
    const char *account = text_of(message, "account");
    const char *fqdn = text_of(message, "fqdn");
    const char *value = text_of(message, "value");
    if (job == NULL || account == NULL || fqdn == NULL || value == NULL) {
        d1_free(job);
        return false;
    }
    job->process = process;
    job->id = json_integer_value(json_object_get(message, "id"));
    job->message = json_incref((json_t *)(uintptr_t)message);
    job->host = (struct d1_host_job){
        .account = account,
        .verb = (uint32_t)json_integer_value(json_object_get(message, "verb")),
        .fqdn = fqdn,
        .value = value,
        .progress = on_progress,
        .done = on_done,
    };
    job->next = process->jobs;
    process->jobs = job;
    int err = d1_host_submit(process->host, &job->host);
    if (err != 0) {
        send_end(process, job->id, err, D1_FAIL_OTHER, d1_err_text(err));
        free_job(job);
    }
    return true;
}

static bool take_cancel(struct process *process, const json_t *message) {
    json_int_t id = json_integer_value(json_object_get(message, "id"));
    for (struct job *job = process->jobs; job != NULL; job = job->next) {
        if (job->id == id) {
            d1_host_cancel(process->host, &job->host);
            free_job(job);
            break;
        }
    }
    return true;
}

/* ---- Accounts ---- */

static size_t read_networks(const json_t *message, struct d1_cidr networks[NETWORKS_MAX]) {
    const json_t *list = json_object_get(message, "networks");
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(list) && count < NETWORKS_MAX; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text != NULL && d1_cidr_parse(text, strlen(text), &networks[count]) == D1_OK) {
            count++;
        }
    }
    return count;
}

static int put_account(struct process *process, const json_t *message, struct d1_error *error) {
    struct d1_cidr networks[NETWORKS_MAX];
    json_t *settings = json_object_get(message, "settings");
    size_t count = json_object_size(settings);
    struct d1_pair *pairs = d1_calloc(count + 1, sizeof(*pairs));
    if (pairs == NULL) {
        return d1_error_set(error, -ENOMEM, "no memory");
    }
    size_t at = 0;
    const char *name;
    json_t *value;
    json_object_foreach(settings, name, value) {
        pairs[at++] = (struct d1_pair){name, json_string_value(value)};
    }
    struct d1_host_account account = {
        .name = text_of(message, "name"),
        .type = text_of(message, "type"),
        .settings = pairs,
        .setting_count = count,
        .rules =
            {
                .ca_file = text_of(message, "ca-file"),
                .ca_pem = text_of(message, "ca-pem"),
                .proxy = text_of(message, "proxy"),
                .networks = networks,
                .network_count = read_networks(message, networks),
                .limit_ms = (uint32_t)json_integer_value(json_object_get(message, "limit-ms")),
            },
        .zone = text_of(message, "zone"),
        .ttl = (uint32_t)json_integer_value(json_object_get(message, "ttl")),
        .look = json_is_true(json_object_get(message, "look")),
    };
    int err = d1_host_put_account(process->host, &account, error);
    d1_free(pairs);
    return err;
}

static bool take_account(struct process *process, const json_t *message) {
    struct d1_error error = {.code = 0};
    const json_t *settings = json_object_get(message, "settings");
    const char *name;
    json_t *value;
    if (text_of(message, "name") == NULL || text_of(message, "type") == NULL) {
        return false;
    }
    json_object_foreach((json_t *)(uintptr_t)settings, name, value) {
        if (!json_is_string(value)) {
            return false;
        }
    }
    int err = put_account(process, message, &error);
    send_message(process, json_pack("{s:s, s:s, s:i, s:s}", "op", "account", "name",
                                    text_of(message, "name"), "err", err, "text", error.text));
    return true;
}

static bool take_drop(struct process *process, const json_t *message) {
    const char *name = text_of(message, "name");
    if (name != NULL) {
        d1_host_drop_account(process->host, name);
    }
    return name != NULL;
}

/* ---- The resolver ---- */

static bool take_resolver(struct process *process, const json_t *message) {
    const json_t *list = json_object_get(message, "servers");
    const char *servers[D1_RESOLVE_SERVERS_MAX];
    const char *anchor = text_of(message, "trust-anchor-file");
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(list) && count < D1_RESOLVE_SERVERS_MAX; i++) {
        servers[count] = json_string_value(json_array_get(list, i));
        count += servers[count] != NULL;
    }
    struct d1_resolver_settings settings = {.servers = servers,
                                            .servers_count = count,
                                            .trust_anchor_file = anchor != NULL ? anchor : ""};
    struct d1_error error;
    /* The other side has checked them; what cannot be read now leaves the old ones. */
    (void)d1_resolver_configure(process->resolver, &settings, &error);
    return true;
}

static bool take_folders(struct process *process, const json_t *message) {
    const json_t *list = json_object_get(message, "list");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *path = json_string_value(json_array_get(list, i));
        if (path == NULL) {
            return false;
        }
        process->types->folder(path, process->types->arg);
    }
    return true;
}

/* ---- The whole ---- */

static void on_received(struct d1_channel *channel, const json_t *message) {
    static const struct {
        const char *op;
        bool (*take)(struct process *process, const json_t *message);
    } ops[] = {{"job", take_job},   {"cancel", take_cancel},   {"account", take_account},
               {"drop", take_drop}, {"folders", take_folders}, {"resolver", take_resolver}};
    struct process *process = D1_CONTAINER_OF(channel, struct process, channel);
    const char *op = text_of(message, "op");
    for (size_t i = 0; op != NULL && i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (strcmp(ops[i].op, op) == 0) {
            if (ops[i].take(process, message)) {
                return;
            }
            break;
        }
    }
    process->status = 1;
    d1_channel_close(channel);
}

static void on_channel_closed(struct d1_channel *channel) {
    struct process *process = D1_CONTAINER_OF(channel, struct process, channel);
    d1_host_destroy(process->host);
    while (process->jobs != NULL) {
        free_job(process->jobs);
    }
    if (process->carrier != NULL) {
        d1_carrier_close(process->carrier, NULL, NULL);
    }
    d1_resolver_destroy(process->resolver);
    d1_loop_stop(process->loop);
}

static void on_asked(const char *type, int32_t status, void *arg) {
    send_message(arg,
                 json_pack("{s:s, s:s, s:i}", "op", "asked", "type", type, "status", (int)status));
}

static int make_host(struct process *process) {
    struct d1_resolver_settings settings = {.trust_anchor_file = ""};
    struct d1_error error;
    int err =
        d1_resolver_create(process->loop, d1_clock_system(), &settings, &process->resolver, &error);
    err = err != 0 ? err : d1_carrier_create(process->loop, process->resolver, &process->carrier);
    if (err != 0) {
        return err;
    }
    struct d1_host_options options = {
        .loop = process->loop,
        .clock = d1_clock_system(),
        .transport = d1_carrier_transport(process->carrier),
        .find = process->types->find,
        .find_arg = process->types->arg,
        .asked = on_asked,
        .asked_arg = process,
    };
    return d1_host_create(&options, &process->host);
}

int d1_process_main(int fd, const struct d1_process_types *types) {
    struct process process = {
        .types = types,
        .channel = {.received = on_received, .closed = on_channel_closed},
    };
    /* A terminal's Ctrl-C reaches us, too: who started us decides when we end. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_DUMPABLE, 0); /* Secrets are in memory. */
    if (d1_loop_create("providers", &process.loop) != 0) {
        return 1;
    }
    d1_channel_init(&process.channel, d1_loop_uv(process.loop));
    int err = d1_channel_open(&process.channel, fd);
    err = err != 0 ? err : make_host(&process);
    err = err != 0 ? err : d1_channel_start(&process.channel);
    if (err != 0) {
        process.status = 1;
        d1_channel_close(&process.channel);
    }
    d1_loop_run(process.loop);
    d1_loop_destroy(process.loop);
    return process.status;
}
