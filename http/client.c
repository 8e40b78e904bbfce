/*
 * Happy path: start makes an easy handle and adds it to the multi handle, which asks for its timer;
 * from then on libcurl says which sockets it wants watched (on_socket), the loop tells it what
 * happened (on_poll, on_timeout), and collect() finds the transfers that have ended: each is taken
 * out of the multi handle, `done` is called, and everything of it is wiped and freed.
 * Failure modes: what libcurl reports is put into our words, which are the same each time. A call
 * that is cancelled is taken out at once and told from the loop by `ending`. After close nothing
 * starts any more: all calls are cancelled, then the timers close, and the last close callback frees
 * the client.
 *
 * Within libcurl's callbacks (on_socket, on_timer, on_body, on_open) nothing of it may be called but
 * curl_multi_assign.
 */
#include "http/client.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <netinet/in.h>
#include <uv.h>

#include "core/cidr.h"
#include "core/limits.h"
#include "core/loop.h"
#include "core/mem.h"
#include "core/text.h"

/* One call as libcurl has it. */
struct transfer {
    struct transfer *next;
    struct transfer *previous;
    struct d1_http_client *client;
    struct d1_http_call *call;
    CURL *easy;
    struct curl_slist *headers;
    size_t reply_max;
    size_t taken; /* Octets of the reply. */
    int fault;    /* Why we ended it. */
    bool ended;   /* Out of the multi handle, waits to be told. */
};

/* A socket of libcurl's. */
struct watch {
    uv_poll_t poll;
    struct d1_http_client *client;
    curl_socket_t fd;
};

struct d1_http_client {
    struct d1_loop *loop;
    CURLM *multi;
    uv_timer_t timer;  /* libcurl's. */
    uv_timer_t ending; /* Tells of what was cancelled. */
    struct transfer *transfers;
    unsigned count;
    unsigned handles_open; /* Timers and watches. */
    bool closing;
    void (*closed)(void *arg);
    void *closed_arg;
};

static void collect(struct d1_http_client *client);

/* ---- The loop's side ---- */

static void drop_handle(struct d1_http_client *client) {
    if (--client->handles_open > 0) {
        return;
    }
    void (*closed)(void *arg) = client->closed;
    void *arg = client->closed_arg;
    d1_free(client);
    curl_global_cleanup();
    if (closed != NULL) {
        closed(arg);
    }
}

static void on_watch_closed(uv_handle_t *handle) {
    struct watch *watch = handle->data;
    struct d1_http_client *client = watch->client;
    d1_free(watch);
    drop_handle(client);
}

static void on_timer_closed(uv_handle_t *handle) {
    drop_handle(handle->data);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
    struct watch *watch = poll->data;
    struct d1_http_client *client = watch->client;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    int running = 0;
    curl_multi_socket_action(client->multi, watch->fd, flags, &running); /* May close the watch. */
    collect(client);
}

static void on_timeout(uv_timer_t *timer) {
    struct d1_http_client *client = timer->data;
    int running = 0;
    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(client);
}

static int on_timer(CURLM *multi, long timeout_ms, void *arg) {
    struct d1_http_client *client = arg;
    (void)multi;
    if (timeout_ms < 0 || client->closing) {
        uv_timer_stop(&client->timer);
    } else {
        uv_timer_start(&client->timer, on_timeout, (uint64_t)timeout_ms, 0);
    }
    return 0;
}

static struct watch *watch_socket(struct d1_http_client *client, curl_socket_t fd) {
    struct watch *watch = d1_calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return NULL;
    }
    watch->client = client;
    watch->fd = fd;
    watch->poll.data = watch;
    if (uv_poll_init_socket(d1_loop_uv(client->loop), &watch->poll, fd) != 0) {
        d1_free(watch);
        return NULL;
    }
    client->handles_open++;
    curl_multi_assign(client->multi, fd, watch);
    return watch;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg) {
    struct d1_http_client *client = arg;
    struct watch *watch = socket_arg;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL) {
            uv_poll_stop(&watch->poll);
            curl_multi_assign(client->multi, fd, NULL);
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        }
        return 0;
    }
    watch = watch != NULL ? watch : watch_socket(client, fd);
    if (watch == NULL) {
        return -1; /* libcurl ends the transfers of that socket. */
    }
    int events = (what & CURL_POLL_IN) != 0 ? UV_READABLE : 0;
    events |= (what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0;
    return uv_poll_start(&watch->poll, events, on_poll) == 0 ? 0 : -1;
}

/* ---- What a transfer asks us ---- */

static bool is_allowed(struct transfer *transfer, const struct sockaddr_storage *address) {
    const struct d1_http_call *call = transfer->call;
    if (call->allow == NULL || call->allow(call, address)) {
        return true;
    }
    transfer->fault = D1_EFORBIDDEN;
    return false;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to) {
    struct sockaddr_storage address = {0};
    if (purpose != CURLSOCKTYPE_IPCXN || to->addrlen > sizeof(address)) {
        return CURL_SOCKET_BAD;
    }
    memcpy(&address, &to->addr, to->addrlen);
    if (!is_allowed(arg, &address)) {
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->protocol);
}

/* A connection stands, perhaps one that another call with other rights has made. */
static int on_connected(void *arg, char *primary, char *local, int primary_port, int local_port) {
    struct sockaddr_storage address = {0};
    struct d1_ip ip;
    (void)local;
    (void)primary_port;
    (void)local_port;
    if (d1_ip_parse(primary, strlen(primary), &ip) != D1_OK) {
        return CURL_PREREQFUNC_ABORT;
    }
    if (ip.length == 4) {
        struct sockaddr_in *four = (struct sockaddr_in *)&address;
        four->sin_family = AF_INET;
        memcpy(&four->sin_addr, ip.octets, 4);
    } else {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address;
        six->sin6_family = AF_INET6;
        memcpy(&six->sin6_addr, ip.octets, 16);
    }
    return is_allowed(arg, &address) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg) {
    struct transfer *transfer = arg;
    struct d1_http_call *call = transfer->call;
    size_t length = size * count;
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    call->status = (int)status;
    if (call->on_data != NULL && status >= 200 && status < 300) {
        transfer->fault = call->on_data(call, data, length);
        return transfer->fault == D1_OK ? length : 0;
    }
    if (length > transfer->reply_max - transfer->taken) {
        transfer->fault = D1_ETOOLARGE;
        return 0;
    }
    transfer->taken += length;
    transfer->fault = d1_bytes_add(&call->reply, data, length);
    return transfer->fault == D1_OK ? length : 0;
}

/* ---- The end of a transfer ---- */

static int fail(struct d1_http_call *call, int err, const char *story) {
    return d1_error_set(&call->error, err, "%s", story);
}

/* libcurl's own words hold times and ports; ours are the same each time. */
static int explain(struct d1_http_call *call, CURLcode result) {
    switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return fail(call, -EHOSTUNREACH, "the host's name has no address");
    case CURLE_COULDNT_RESOLVE_PROXY:
        return fail(call, -EHOSTUNREACH, "the proxy's name has no address");
    case CURLE_COULDNT_CONNECT:
        return fail(call, -ECONNREFUSED, "no connection to the host");
    case CURLE_OPERATION_TIMEDOUT:
        return fail(call, -ETIMEDOUT, "no answer in time");
    case CURLE_PEER_FAILED_VERIFICATION:
        return fail(call, -EPROTO,
                    "the server's certificate is not for this host, or not from an authority that "
                    "is trusted");
    case CURLE_SSL_CACERT_BADFILE:
        return fail(call, D1_ECONFIG, "the authorities' certificates cannot be read");
    case CURLE_SSL_CERTPROBLEM:
        return fail(call, D1_ECONFIG, "our own certificate or key cannot be used");
    case CURLE_SSL_CONNECT_ERROR:
        return fail(call, -EPROTO, "the TLS handshake failed");
    case CURLE_OUT_OF_MEMORY:
        return fail(call, -ENOMEM, "out of memory");
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return fail(call, D1_ECLOSED, "the host broke the connection off");
    default:
        return fail(call, -EPROTO, "the host does not speak HTTP as expected");
    }
}

static int outcome(struct transfer *transfer, CURLcode result) {
    struct d1_http_call *call = transfer->call;
    if (transfer->fault == D1_EFORBIDDEN) {
        return fail(call, D1_EFORBIDDEN, "the host's address is not one that may be asked");
    }
    if (transfer->fault == D1_ETOOLARGE) {
        return fail(call, D1_ETOOLARGE, "the answer is too large");
    }
    if (transfer->fault != D1_OK) {
        return call->error.text[0] != '\0'
                   ? transfer->fault
                   : fail(call, transfer->fault, d1_err_text(transfer->fault));
    }
    return result == CURLE_OK ? D1_OK : explain(call, result);
}

static void free_headers(struct curl_slist *headers) {
    for (struct curl_slist *at = headers; at != NULL; at = at->next) {
        d1_wipe(at->data, strlen(at->data)); /* Authorization and the like. */
    }
    curl_slist_free_all(headers);
}

static void free_transfer(struct transfer *transfer) {
    curl_easy_cleanup(transfer->easy);
    free_headers(transfer->headers);
    d1_free(transfer);
}

static void tell(struct transfer *transfer, int err) {
    struct d1_http_client *client = transfer->client;
    struct d1_http_call *call = transfer->call;
    if (transfer->next != NULL) {
        transfer->next->previous = transfer->previous;
    }
    if (transfer->previous != NULL) {
        transfer->previous->next = transfer->next;
    } else {
        client->transfers = transfer->next;
    }
    client->count--;
    struct d1_bytes reply = call->reply; /* The call may be gone when done returns. */
    call->done(call, err);
    d1_wipe(reply.data, reply.capacity);
    d1_bytes_close(&reply);
    free_transfer(transfer);
}

static void collect(struct d1_http_client *client) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        CURL *easy = message->easy_handle;
        CURLcode result = message->data.result; /* Gone with the next line. */
        struct transfer *transfer = NULL;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
        curl_multi_remove_handle(client->multi, easy);
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        transfer->call->status = (int)status;
        tell(transfer, outcome(transfer, result));
    }
}

static void end_client(struct d1_http_client *client) {
    curl_multi_cleanup(client->multi); /* Closes what connections are left, and their watches. */
    uv_close((uv_handle_t *)&client->timer, on_timer_closed);
    uv_close((uv_handle_t *)&client->ending, on_timer_closed);
}

/* Tell of what was cancelled. What is cancelled by that has its turn after it. */
static void on_ending(uv_timer_t *timer) {
    struct d1_http_client *client = timer->data;
    struct transfer *transfer = client->transfers;
    while (transfer != NULL && !transfer->ended) {
        transfer = transfer->next;
    }
    if (transfer != NULL) {
        uv_timer_start(&client->ending, on_ending, 0, 0);
        fail(transfer->call, D1_ECANCELED, "the request was cancelled");
        tell(transfer, D1_ECANCELED);
        return;
    }
    if (client->closing) {
        end_client(client);
    }
}

static void cancel(struct transfer *transfer) {
    if (!transfer->ended) {
        transfer->ended = true;
        curl_multi_remove_handle(transfer->client->multi, transfer->easy);
        uv_timer_start(&transfer->client->ending, on_ending, 0, 0);
    }
}

void d1_http_client_cancel(struct d1_http_client *client, struct d1_http_call *call) {
    d1_loop_assert(client->loop);
    cancel(call->state);
}

/* ---- Starting ---- */

static bool is_field(const struct d1_http_header *header) {
    size_t name = strlen(header->name);
    bool fine = name > 0 && strcspn(header->name, ": \t\r\n") == name;
    for (const char *at = header->value; fine && *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        fine = (c >= 0x20 && c != 0x7F) || c == '\t';
    }
    return fine;
}

static int add_header(struct transfer *transfer, const char *name, const char *value) {
    struct d1_bytes line;
    d1_bytes_init(&line, D1_HTTP_HEADER_BYTES_MAX);
    /* "name:" takes a field out; an empty one is sent with "name;". */
    int err = value == NULL      ? d1_bytes_printf(&line, "%s:", name)
              : value[0] == '\0' ? d1_bytes_printf(&line, "%s;", name)
                                 : d1_bytes_printf(&line, "%s: %s", name, value);
    struct curl_slist *longer =
        err == D1_OK ? curl_slist_append(transfer->headers, d1_bytes_text(&line)) : NULL;
    d1_wipe(line.data, line.capacity);
    d1_bytes_close(&line);
    if (longer == NULL) {
        return err != D1_OK ? err : -ENOMEM;
    }
    transfer->headers = longer;
    return D1_OK;
}

static int add_headers(struct transfer *transfer) {
    struct d1_http_call *call = transfer->call;
    bool typed = false;
    bool agent = false;
    int err = add_header(transfer, "expect", NULL);
    for (size_t i = 0; err == D1_OK && i < call->headers_count; i++) {
        const struct d1_http_header *header = &call->headers[i];
        if (!is_field(header)) {
            return fail(call, D1_EPARSE, "a header field holds octets that it may not");
        }
        typed = typed || strcasecmp(header->name, "content-type") == 0;
        agent = agent || strcasecmp(header->name, "user-agent") == 0;
        err = add_header(transfer, header->name, header->value);
    }
    if (err == D1_OK && !typed && call->body != NULL) {
        err = add_header(transfer, "content-type", NULL);
    }
    if (err == D1_OK && !agent) {
        err = add_header(transfer, "user-agent", "dns01d/" D1_VERSION);
    }
    return err;
}

/* Scheme, host, and that nothing else decides where the request goes. */
static int check_url(struct d1_http_call *call) {
    CURLU *url = curl_url();
    if (url == NULL) {
        return fail(call, -ENOMEM, "out of memory");
    }
    char *scheme = NULL;
    char *host = NULL;
    char *user = NULL;
    CURLUcode code = curl_url_set(url, CURLUPART_URL, call->url, 0);
    code = code != CURLUE_OK ? code : curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
    code = code != CURLUE_OK ? code : curl_url_get(url, CURLUPART_HOST, &host, 0);
    int err = D1_OK;
    if (code != CURLUE_OK) {
        err = fail(call, D1_EPARSE, "the URL cannot be read, expected https://HOST/PATH");
    } else if (strcmp(scheme, "https") != 0 &&
               (strcmp(scheme, "http") != 0 || (call->flags & D1_HTTP_CALL_PLAIN) == 0)) {
        err = fail(call, D1_EPARSE, "the URL is not https");
    } else if (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK) {
        err = fail(call, D1_EPARSE, "the URL names a user");
    } else if (call->host != NULL && strcasecmp(call->host, host) != 0) {
        err = fail(call, D1_EPARSE, "the URL's host is not the one that is allowed");
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(url);
    return err;
}

/* Of a blob libcurl keeps no copy: it is borrowed as the call is. */
static CURLcode set_blob(CURL *easy, CURLoption option, const void *data, size_t length) {
    struct curl_blob blob = {
        .data = (void *)(uintptr_t)data, .len = length, .flags = CURL_BLOB_NOCOPY};
    return data != NULL ? curl_easy_setopt(easy, option, &blob) : CURLE_OK;
}

static CURLcode set_trust(CURL *easy, const struct d1_http_trust *trust) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (trust == NULL || code != CURLE_OK) {
        return code;
    }
    if (trust->ca != NULL || trust->ca_file != NULL) {
        code = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* Else it would be trusted too. */
        const char *file = trust->ca == NULL ? trust->ca_file : NULL;
        code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_CAINFO, file);
        code = code != CURLE_OK ? code
                                : set_blob(easy, CURLOPT_CAINFO_BLOB, trust->ca, trust->ca_length);
    }
    code = code != CURLE_OK ? code
                            : set_blob(easy, CURLOPT_SSLCERT_BLOB, trust->certificate,
                                       trust->certificate_length);
    return code != CURLE_OK ? code
                            : set_blob(easy, CURLOPT_SSLKEY_BLOB, trust->key, trust->key_length);
}

static CURLcode set_request(struct transfer *transfer) {
    const struct d1_http_call *call = transfer->call;
    CURL *easy = transfer->easy;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, call->url);
    if (code == CURLE_OK && call->body != NULL) {
        code = curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_length);
        code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body);
    }
    if (code == CURLE_OK && strcmp(call->method, "HEAD") == 0) {
        code = curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (code == CURLE_OK) {
        code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    }
    code = code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    if (code == CURLE_OK && (call->proxy != NULL || (call->flags & D1_HTTP_CALL_PROXY_ENV) == 0)) {
        code = curl_easy_setopt(easy, CURLOPT_PROXY, call->proxy != NULL ? call->proxy : "");
    }
    long connect_ms = call->connect_ms > 0 ? (long)call->connect_ms : D1_HTTP_CONNECT_MS;
    long total_ms = call->total_ms > 0 ? (long)call->total_ms : D1_HTTP_CALL_MS;
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, total_ms);
    const char *protocols = (call->flags & D1_HTTP_CALL_PLAIN) != 0 ? "http,https" : "https";
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, protocols);
}

static CURLcode set_all(struct transfer *transfer) {
    CURL *easy = transfer->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* A cancel does not wait for a name server. */
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    if (transfer->call->allow != NULL) {
        curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
        curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    }
    CURLcode code = set_trust(easy, transfer->call->trust);
    return code != CURLE_OK ? code : set_request(transfer);
}

int d1_http_client_start(struct d1_http_client *client, struct d1_http_call *call) {
    d1_loop_assert(client->loop);
    call->error = (struct d1_error){.code = D1_OK};
    if (client->closing) {
        return fail(call, D1_ESTOPPING, "the client is closed");
    }
    if (client->count >= D1_HTTP_CALLS_MAX) {
        return fail(call, D1_ELIMIT, "too many requests are under way");
    }
    int err = check_url(call);
    if (err != D1_OK) {
        return err;
    }
    struct transfer *transfer = d1_calloc(1, sizeof(*transfer));
    if (transfer == NULL) {
        return fail(call, -ENOMEM, "out of memory");
    }
    transfer->client = client;
    transfer->call = call;
    transfer->reply_max = call->reply_max > 0 ? call->reply_max : D1_HTTP_REPLY_BYTES_MAX;
    call->status = 0;
    call->state = transfer;
    d1_bytes_init(&call->reply, transfer->reply_max);
    err = add_headers(transfer);
    transfer->easy = err == D1_OK ? curl_easy_init() : NULL;
    if (err == D1_OK && (transfer->easy == NULL || set_all(transfer) != CURLE_OK ||
                         curl_multi_add_handle(client->multi, transfer->easy) != CURLM_OK)) {
        err = fail(call, -ENOMEM, "out of memory");
    }
    if (err != D1_OK) {
        free_transfer(transfer);
        return err;
    }
    transfer->next = client->transfers;
    if (transfer->next != NULL) {
        transfer->next->previous = transfer;
    }
    client->transfers = transfer;
    client->count++;
    return D1_OK;
}

/* ---- The client ---- */

int d1_http_client_create(struct d1_loop *loop, struct d1_http_client **ret_client) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return -ENOMEM;
    }
    struct d1_http_client *client = d1_calloc(1, sizeof(*client));
    CURLM *multi = client != NULL ? curl_multi_init() : NULL;
    if (multi == NULL) {
        d1_free(client);
        curl_global_cleanup();
        return -ENOMEM;
    }
    client->loop = loop;
    client->multi = multi;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)D1_HTTP_IDLE_CONNECTIONS_MAX);
    client->timer.data = client;
    client->ending.data = client;
    uv_timer_init(d1_loop_uv(loop), &client->timer);
    uv_timer_init(d1_loop_uv(loop), &client->ending);
    client->handles_open = 2;
    *ret_client = client;
    return D1_OK;
}

void d1_http_client_close(struct d1_http_client *client, void (*closed)(void *arg), void *arg) {
    d1_loop_assert(client->loop);
    assert(!client->closing);
    client->closing = true;
    client->closed = closed;
    client->closed_arg = arg;
    for (struct transfer *at = client->transfers; at != NULL; at = at->next) {
        cancel(at);
    }
    uv_timer_start(&client->ending, on_ending, 0, 0);
}

const char *d1_http_call_header(const struct d1_http_call *call, const char *name) {
    const struct transfer *transfer = call->state;
    struct curl_header *header = NULL;
    if (curl_easy_header(transfer->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) {
        return NULL;
    }
    return header->value;
}

bool d1_http_call_next_header(const struct d1_http_call *call, void **cursor,
                              struct d1_http_header *ret_header) {
    const struct transfer *transfer = call->state;
    struct curl_header *header = curl_easy_nextheader(transfer->easy, CURLH_HEADER, -1, *cursor);
    if (header == NULL) {
        return false;
    }
    *cursor = header;
    *ret_header = (struct d1_http_header){.name = header->name, .value = header->value};
    return true;
}

unsigned d1_http_call_retry_after_s(const struct d1_http_call *call) {
    const char *text = d1_http_call_header(call, "retry-after");
    uint64_t seconds = 0;
    if (text == NULL || d1_number_parse(text, 0, UINT32_MAX, &seconds) != D1_OK) {
        return 0;
    }
    return seconds < D1_HTTP_RETRY_AFTER_MAX_S ? (unsigned)seconds : D1_HTTP_RETRY_AFTER_MAX_S;
}
