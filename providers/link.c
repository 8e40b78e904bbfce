/*
 * Happy path: running: the process has its channel; what is put or submitted is sent at once.
 * Failures: the channel closes or the process ends; when both are over, the timer starts another
 * process (waiting longer each time that one did not last), and everything is sent again. While
 * there is none, accounts and jobs are only kept. A start that fails is tried again the same way.
 */
#include "providers/link.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "core/loop.h"
#include "core/mem.h"
#include "providers/channel.h"
#include "providers/process.h"

#define LASTED_MS  60000 /* A process that ran so long was no failed start. */
#define KILL_MS    2000 /* A process whose channel has closed ends within that time, or is ended. */
#define DEATHS_MAX 5    /* A job that so many processes died with is not tried again. */

struct waiting {
    struct waiting *next;
    struct waiting **link;
    struct d1_link *owner;
    struct d1_host_job *job;
    json_int_t id;
    unsigned deaths; /* Processes that ended while they had it. */
};

struct d1_link {
    struct d1_link_options options;
    struct d1_channel channel;
    bool channel_open;
    uv_process_t process;
    bool process_open;
    uv_timer_t timer;
    uint64_t started_ms;
    uint64_t wait_ms;
    bool begun;
    json_t *resolver;
    json_t *folders;
    json_t *accounts; /* By name. */
    json_t *refused;  /* Name to what is wrong with it: accounts that the process did not take. */
    struct waiting *jobs;
    size_t job_count;
    json_int_t next_id;
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
};

static void start(struct d1_link *link);

static bool is_running(const struct d1_link *link) {
    return link->channel_open && link->process_open && !link->closing;
}

/* ---- What is sent ---- */

static void send_message(struct d1_link *link, json_t *message) {
    if (!is_running(link)) {
        json_decref(message);
    } else if (d1_channel_send(&link->channel, message) != 0) {
        d1_channel_close(&link->channel); /* The next process gets everything. */
    }
}

static json_t *with_op(const char *op, const json_t *from) {
    json_t *message = json_copy((json_t *)(uintptr_t)from);
    if (message != NULL && json_object_set_new(message, "op", json_string(op)) != 0) {
        json_decref(message);
        return NULL;
    }
    return message;
}

static void send_job(const struct waiting *waiting) {
    const struct d1_host_job *job = waiting->job;
    send_message(waiting->owner, json_pack("{s:s, s:I, s:s, s:i, s:s, s:s}", "op", "job", "id",
                                           waiting->id, "account", job->account, "verb",
                                           (int)job->verb, "fqdn", job->fqdn, "value", job->value));
}

static void send_folders(struct d1_link *link) {
    send_message(link, json_pack("{s:s, s:O}", "op", "folders", "list", link->folders));
}

static void send_all(struct d1_link *link) {
    const char *name;
    json_t *account;
    if (link->resolver != NULL) {
        send_message(link, with_op("resolver", link->resolver));
    }
    if (link->folders != NULL) {
        send_folders(link);
    }
    json_object_foreach(link->accounts, name, account) {
        send_message(link, with_op("account", account));
    }
    for (const struct waiting *waiting = link->jobs; waiting != NULL; waiting = waiting->next) {
        send_job(waiting);
    }
}

/* ---- What is received ---- */

static struct waiting *find_job(const struct d1_link *link, json_int_t id) {
    struct waiting *waiting = link->jobs;
    while (waiting != NULL && waiting->id != id) {
        waiting = waiting->next;
    }
    return waiting;
}

static void forget_job(struct waiting *waiting) {
    *waiting->link = waiting->next;
    if (waiting->next != NULL) {
        waiting->next->link = waiting->link;
    }
    waiting->owner->job_count--;
    waiting->job->state = NULL;
    d1_free(waiting);
}

static const char *text_of(const json_t *message, const char *key) {
    const char *text = json_string_value(json_object_get(message, key));
    return text != NULL ? text : "";
}

static int number_of(const json_t *message, const char *key) {
    return (int)json_integer_value(json_object_get(message, key));
}

static void take_end(struct d1_link *link, const json_t *message) {
    struct waiting *waiting = find_job(link, json_integer_value(json_object_get(message, "id")));
    if (waiting == NULL) {
        return; /* It was canceled meanwhile. */
    }
    struct d1_host_job *job = waiting->job;
    forget_job(waiting);
    job->err = number_of(message, "err");
    job->kind = (uint32_t)number_of(message, "kind");
    snprintf(job->text, sizeof(job->text), "%s", text_of(message, "text"));
    const char *refused = json_string_value(json_object_get(link->refused, job->account));
    if (job->err == D1_ENOTFOUND && refused != NULL) {
        job->err = D1_EPROVIDER;
        job->kind = D1_FAIL_SETTINGS;
        snprintf(job->text, sizeof(job->text), "the settings of the account were refused: %.400s",
                 refused);
    }
    job->done(job);
}

static void take_progress(struct d1_link *link, const json_t *message) {
    struct waiting *waiting = find_job(link, json_integer_value(json_object_get(message, "id")));
    if (waiting != NULL && waiting->job->progress != NULL) {
        waiting->job->progress(waiting->job, text_of(message, "step"), text_of(message, "text"));
    }
}

static void take_account(struct d1_link *link, const json_t *message) {
    const char *name = text_of(message, "name");
    if (number_of(message, "err") != 0) {
        (void)json_object_set_new(link->refused, name, json_string(text_of(message, "text")));
    } else {
        (void)json_object_del(link->refused, name);
    }
    if (link->options.account != NULL) {
        link->options.account(text_of(message, "name"), number_of(message, "err"),
                              text_of(message, "text"), link->options.arg);
    }
}

static void take_asked(struct d1_link *link, const json_t *message) {
    if (link->options.asked != NULL) {
        link->options.asked(text_of(message, "type"), number_of(message, "status"),
                            link->options.arg);
    }
}

static void on_received(struct d1_channel *channel, const json_t *message) {
    struct d1_link *link = D1_CONTAINER_OF(channel, struct d1_link, channel);
    const char *op = text_of(message, "op");
    if (strcmp(op, "end") == 0) {
        take_end(link, message);
    } else if (strcmp(op, "progress") == 0) {
        take_progress(link, message);
    } else if (strcmp(op, "asked") == 0) {
        take_asked(link, message);
    } else if (strcmp(op, "account") == 0) {
        take_account(link, message);
    }
}

/* ---- The process ---- */

static void on_timer_closed(uv_handle_t *timer) {
    struct d1_link *link = timer->data;
    void (*closed)(void *arg) = link->closed;
    void *closed_arg = link->closed_arg;
    json_decref(link->resolver);
    json_decref(link->folders);
    json_decref(link->accounts);
    json_decref(link->refused);
    d1_free(link);
    if (closed != NULL) {
        closed(closed_arg);
    }
}

static void on_timer(uv_timer_t *timer) {
    start(timer->data);
}

/* Called when channel or process has closed: when both have, go on. */
static void on_part_closed(struct d1_link *link) {
    if (link->channel_open || link->process_open) {
        return;
    }
    uv_timer_stop(&link->timer);
    if (link->closing) {
        uv_close((uv_handle_t *)&link->timer, on_timer_closed);
        return;
    }
    uint64_t now = uv_now(d1_loop_uv(link->options.loop));
    if (now - link->started_ms > LASTED_MS) {
        link->wait_ms = link->options.restart_ms;
    }
    uv_timer_start(&link->timer, on_timer, link->wait_ms, 0);
    link->wait_ms =
        link->wait_ms * 2 < D1_LINK_RESTART_MAX_MS ? link->wait_ms * 2 : D1_LINK_RESTART_MAX_MS;
}

static void on_kill(uv_timer_t *timer) {
    struct d1_link *link = timer->data;
    if (uv_is_active((uv_handle_t *)&link->process)) {
        (void)uv_process_kill(&link->process, SIGKILL);
    }
}

static void on_channel_closed(struct d1_channel *channel) {
    struct d1_link *link = D1_CONTAINER_OF(channel, struct d1_link, channel);
    link->channel_open = false;
    if (link->process_open) {
        uv_timer_start(&link->timer, on_kill, KILL_MS, 0);
    }
    on_part_closed(link);
}

static void on_process_closed(uv_handle_t *process) {
    struct d1_link *link = process->data;
    link->process_open = false;
    on_part_closed(link);
}

static struct waiting *find_killer(const struct d1_link *link) {
    struct waiting *waiting = link->jobs;
    while (waiting != NULL && waiting->deaths < DEATHS_MAX) {
        waiting = waiting->next;
    }
    return waiting;
}

/* Jobs that seem to kill it end; the others are given to the next one. */
static void count_death(struct d1_link *link) {
    struct waiting *waiting;
    for (waiting = link->jobs; waiting != NULL; waiting = waiting->next) {
        waiting->deaths++;
    }
    while ((waiting = find_killer(link)) != NULL) {
        struct d1_host_job *job = waiting->job;
        forget_job(waiting);
        job->err = D1_EPROVIDER;
        job->kind = D1_FAIL_OTHER;
        snprintf(job->text, sizeof(job->text),
                 "the provider process ended several times while it worked on this");
        job->done(job);
    }
}

static void on_exit_of(uv_process_t *process, int64_t status, int signal) {
    struct d1_link *link = process->data;
    if (link->options.ended != NULL) {
        link->options.ended(status, signal, link->options.arg);
    }
    uv_close((uv_handle_t *)process, on_process_closed);
    d1_channel_close(&link->channel);
    if (!link->closing) {
        count_death(link);
    }
}

static int spawn(struct d1_link *link) {
    uv_loop_t *uv = d1_loop_uv(link->options.loop);
    const char *program = link->options.program != NULL ? link->options.program : "/proc/self/exe";
    char *arguments[] = {(char *)(uintptr_t) "dns01d", (char *)(uintptr_t)D1_PROCESS_ARGUMENT,
                         NULL};
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_CREATE_PIPE | UV_READABLE_PIPE | UV_WRITABLE_PIPE,
         .data.stream = (uv_stream_t *)&link->channel.pipe},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_of,
        .file = program,
        .args = arguments,
        .stdio_count = 3,
        .stdio = stdio,
    };
    d1_channel_init(&link->channel, uv);
    link->channel_open = true;
    int err = uv_spawn(uv, &link->process, &options);
    link->process.data = link;
    link->process_open = true;
    return err;
}

static void start(struct d1_link *link) {
    link->started_ms = uv_now(d1_loop_uv(link->options.loop));
    int err = spawn(link);
    err = err != 0 ? err : d1_channel_start(&link->channel);
    if (err != 0) {
        if (!uv_is_active((uv_handle_t *)&link->process)) {
            uv_close((uv_handle_t *)&link->process, on_process_closed);
        }
        d1_channel_close(&link->channel);
        return;
    }
    if (link->options.started != NULL) {
        link->options.started(link->process.pid, link->options.arg);
    }
    send_all(link);
}

int d1_link_create(const struct d1_link_options *options, struct d1_link **ret_link) {
    struct d1_link *link = d1_calloc(1, sizeof(*link));
    json_t *accounts = json_object();
    json_t *refused = json_object();
    if (link == NULL || accounts == NULL || refused == NULL) {
        d1_free(link);
        json_decref(accounts);
        json_decref(refused);
        return -ENOMEM;
    }
    link->options = *options;
    link->accounts = accounts;
    link->refused = refused;
    link->channel.received = on_received;
    link->channel.closed = on_channel_closed;
    if (link->options.restart_ms == 0) {
        link->options.restart_ms = D1_LINK_RESTART_MS;
    }
    link->wait_ms = link->options.restart_ms;
    uv_timer_init(d1_loop_uv(options->loop), &link->timer);
    link->timer.data = link;
    *ret_link = link;
    return 0;
}

void d1_link_close(struct d1_link *link, void (*closed)(void *arg), void *arg) {
    link->closing = true;
    link->closed = closed;
    link->closed_arg = arg;
    while (link->jobs != NULL) {
        forget_job(link->jobs);
    }
    if (link->channel_open) {
        d1_channel_close(&link->channel);
    } else {
        uv_timer_stop(&link->timer);
        on_part_closed(link);
    }
}

/* ---- Accounts and jobs ---- */

int d1_link_set_resolver(struct d1_link *link, json_t *settings) {
    json_decref(link->resolver);
    link->resolver = settings;
    if (settings == NULL) {
        return -ENOMEM;
    }
    send_message(link, with_op("resolver", settings));
    return 0;
}

int d1_link_set_folders(struct d1_link *link, json_t *folders) {
    json_decref(link->folders);
    link->folders = folders;
    if (folders == NULL) {
        return -ENOMEM;
    }
    send_folders(link);
    return 0;
}

/* It is needed: start the process, unless that was done. */
static void begin(struct d1_link *link) {
    if (!link->begun) {
        link->begun = true;
        start(link);
    }
}

int d1_link_put_account(struct d1_link *link, json_t *account) {
    const char *name = json_string_value(json_object_get(account, "name"));
    if (name == NULL || json_object_set(link->accounts, name, account) != 0) {
        json_decref(account);
        return -ENOMEM;
    }
    if (link->begun) {
        send_message(link, with_op("account", account));
    } else {
        begin(link);
    }
    json_decref(account);
    return 0;
}

void d1_link_drop_account(struct d1_link *link, const char *name) {
    send_message(link, json_pack("{s:s, s:s}", "op", "drop", "name", name));
    (void)json_object_del(link->accounts, name);
    (void)json_object_del(link->refused, name);
}

int d1_link_submit(struct d1_link *link, struct d1_host_job *job) {
    if (link->job_count >= D1_HOST_JOBS_MAX) {
        return D1_ELIMIT;
    }
    struct waiting *waiting = d1_calloc(1, sizeof(*waiting));
    if (waiting == NULL) {
        return -ENOMEM;
    }
    waiting->owner = link;
    waiting->job = job;
    waiting->id = ++link->next_id;
    waiting->link = &link->jobs;
    while (*waiting->link != NULL) {
        waiting->link = &(*waiting->link)->next;
    }
    *waiting->link = waiting;
    link->job_count++;
    job->state = waiting;
    if (link->begun) {
        send_job(waiting);
    } else {
        begin(link); /* Which sends everything. */
    }
    return 0;
}

void d1_link_cancel(struct d1_link *link, struct d1_host_job *job) {
    struct waiting *waiting = job->state;
    if (waiting != NULL) {
        send_message(link, json_pack("{s:s, s:I}", "op", "cancel", "id", waiting->id));
        forget_job(waiting);
    }
}
