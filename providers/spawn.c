/*
 * Happy path: the program runs in a session of its own; its output is read until both it has exited
 * and the pipe has ended; then `done`.
 * Failures: at the limit its group is killed; a child of its own that keeps the pipe open does not
 * hold us: once the program has exited, the pipe is read to what is there and closed.
 */
#include "providers/spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "core/err.h"
#include "core/loop.h"
#include "core/mem.h"

#define LINGER_MS 200 /* After the exit, for output that is still on its way. */

struct state {
    struct d1_spawn *spawn; /* NULL: it has ended. */
    unsigned handles;
    bool running;
    bool spawned;
    bool killed;
    int status;
    uv_process_t process;
    uv_pipe_t pipe;
    uv_timer_t timer;
    size_t length;
    char output[D1_SPAWN_OUTPUT_MAX + 1];
    char scratch[4096]; /* What goes beyond is read and forgotten. */
};

static void on_closed(uv_handle_t *handle) {
    struct state *state = handle->data;
    state->handles--;
    if (state->handles == 0) {
        d1_free(state);
    }
}

static void kill_group(struct state *state) {
    if (state->running) {
        (void)kill(-state->process.pid, SIGKILL);
    }
}

static void stop(struct state *state) {
    state->spawn->state = NULL;
    state->spawn = NULL;
    uv_close((uv_handle_t *)&state->timer, on_closed);
    uv_close((uv_handle_t *)&state->pipe, on_closed);
    if (state->running) {
        kill_group(state); /* Its exit closes the handle. */
    } else if (state->spawned) {
        uv_close((uv_handle_t *)&state->process, on_closed);
    }
}

static void end(struct state *state) {
    struct d1_spawn *spawn = state->spawn;
    state->output[state->length] = '\0';
    spawn->status = state->killed ? -ETIMEDOUT : state->status;
    spawn->output = state->output;
    spawn->length = state->length;
    stop(state);
    spawn->done(spawn);
}

static void on_linger(uv_timer_t *timer) {
    end(timer->data);
}

static void on_limit(uv_timer_t *timer) {
    struct state *state = timer->data;
    state->killed = true;
    kill_group(state);
}

static void on_exit_of(uv_process_t *process, int64_t status, int signal) {
    struct state *state = process->data;
    state->running = false;
    if (state->spawn == NULL) {
        uv_close((uv_handle_t *)process, on_closed);
        return;
    }
    state->status = signal != 0 ? 128 + signal : (int)status;
    if (!uv_is_active((uv_handle_t *)&state->pipe)) {
        end(state);
        return;
    }
    uv_timer_start(&state->timer, on_linger, LINGER_MS, 0);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    struct state *state = handle->data;
    size_t left = D1_SPAWN_OUTPUT_MAX - state->length;
    (void)suggested;
    *buffer = left > 0 ? uv_buf_init(state->output + state->length, (unsigned)left)
                       : uv_buf_init(state->scratch, sizeof(state->scratch));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
    struct state *state = stream->data;
    if (state->spawn == NULL) {
        return;
    }
    if (count > 0 && buffer->base != state->scratch) {
        state->length += (size_t)count;
    }
    if (count < 0) {
        uv_read_stop(stream);
        if (!state->running) {
            end(state);
        }
    }
}

/* ---- Start ---- */

/* "NAME=VALUE" texts and a NULL, in one allocation list; freed by free_list(). */
static void free_list(char **list) {
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        d1_wipe(list[i], strlen(list[i]));
        d1_free(list[i]);
    }
    d1_free(list);
}

static int add_variable(char **list, const char *name, const char *value) {
    size_t size = strlen(name) + strlen(value) + 2;
    size_t at = 0;
    while (list[at] != NULL) {
        at++;
    }
    list[at] = d1_malloc(size);
    if (list[at] == NULL) {
        return -ENOMEM;
    }
    snprintf(list[at], size, "%s=%s", name, value);
    return D1_OK;
}

static int make_environment(const struct d1_action_run *request, char ***ret_list) {
    char **list = d1_calloc(request->environment_count + 3, sizeof(*list));
    if (list == NULL) {
        return -ENOMEM;
    }
    int err =
        add_variable(list, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    err = err != 0 ? err : add_variable(list, "HOME", "/");
    for (size_t i = 0; err == 0 && i < request->environment_count; i++) {
        err = add_variable(list, request->environment[i].name, request->environment[i].value);
    }
    if (err != 0) {
        free_list(list);
        return err;
    }
    *ret_list = list;
    return D1_OK;
}

static int make_arguments(const struct d1_action_run *request, char ***ret_list) {
    size_t count = 0;
    while (request->arguments != NULL && request->arguments[count] != NULL) {
        count++;
    }
    char **list = d1_calloc(count + 2, sizeof(*list));
    if (list == NULL) {
        return -ENOMEM;
    }
    list[0] = d1_strdup(request->program);
    int err = list[0] == NULL ? -ENOMEM : D1_OK;
    for (size_t i = 0; err == 0 && i < count; i++) {
        list[i + 1] = d1_strdup(request->arguments[i]);
        err = list[i + 1] == NULL ? -ENOMEM : D1_OK;
    }
    if (err != 0) {
        free_list(list);
        return err;
    }
    *ret_list = list;
    return D1_OK;
}

static int open_pipe(struct state *state, int *ret_end) {
    int ends[2];
    int err = uv_pipe(ends, UV_NONBLOCK_PIPE, 0);
    if (err != 0) {
        return err;
    }
    err = uv_pipe_open(&state->pipe, ends[0]);
    if (err != 0) {
        close(ends[0]);
        close(ends[1]);
        return err;
    }
    *ret_end = ends[1];
    return D1_OK;
}

static int spawn_it(struct state *state, uv_loop_t *uv, char **arguments, char **environment) {
    int output = -1;
    int err = open_pipe(state, &output);
    if (err != 0) {
        return err;
    }
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = output},
        {.flags = UV_INHERIT_FD, .data.fd = output},
    };
    uv_process_options_t options = {
        .exit_cb = on_exit_of,
        .file = arguments[0],
        .args = arguments,
        .env = environment,
        .cwd = "/",
        .flags = UV_PROCESS_DETACHED, /* A session, and so a group, of its own. */
        .stdio_count = 3,
        .stdio = stdio,
    };
    err = uv_spawn(uv, &state->process, &options);
    state->process.data = state;
    state->spawned = true; /* Its handle is to be closed, also after an error. */
    state->handles++;
    close(output);
    return err;
}

int d1_spawn_start(struct d1_spawn *spawn, struct d1_loop *loop,
                   const struct d1_action_run *request) {
    char **arguments = NULL;
    char **environment = NULL;
    struct state *state = d1_calloc(1, sizeof(*state));
    int err = state == NULL ? -ENOMEM : make_arguments(request, &arguments);
    err = err != 0 ? err : make_environment(request, &environment);
    if (err != 0 || state == NULL) {
        free_list(arguments);
        d1_free(state);
        return err;
    }
    uv_loop_t *uv = d1_loop_uv(loop);
    state->spawn = spawn;
    state->handles = 2;
    state->pipe.data = state;
    state->timer.data = state;
    uv_pipe_init(uv, &state->pipe, 0);
    uv_timer_init(uv, &state->timer);
    err = spawn_it(state, uv, arguments, environment);
    free_list(arguments);
    free_list(environment);
    spawn->state = state;
    if (err != 0) {
        stop(state);
        return err;
    }
    state->running = true;
    uv_read_start((uv_stream_t *)&state->pipe, on_alloc, on_read);
    uint32_t limit_ms = request->limit_ms != 0 ? request->limit_ms : D1_SPAWN_MS;
    uv_timer_start(&state->timer, on_limit, limit_ms, 0);
    return D1_OK;
}

void d1_spawn_cancel(struct d1_spawn *spawn) {
    if (spawn->state != NULL) {
        stop(spawn->state);
    }
}
