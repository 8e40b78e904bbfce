/* The client against our own server, on one loop. Certificates: tests/integration/test_kubernetes.py. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/cidr.h"
#include "core/loop.h"
#include "http/client.h"
#include "http/server.h"

struct world {
    struct d1_loop *loop;
    struct d1_http_server *server;
    struct d1_http_client *client;
    uint16_t port;
    unsigned requests;
    char url[128];
    /* What the last call's done saw. */
    int err;
    int status;
    char body[256];
    char type[64];
    unsigned retry_after_s;
    unsigned done;
    /* What the server saw. */
    char method[16];
    char seen[256];
    char agent[64];
    char content_type[64];
    bool silent; /* Does not answer until the end. */
    struct d1_http_exchange *waiting;
};

static void respond(struct world *world, struct d1_http_exchange *exchange, const char *path) {
    static const char big[100000];
    const struct d1_http_header more[] = {{"retry-after", "7"}, {"location", "/other"}};
    struct d1_http_response response = {
        .status = strcmp(path, "/redirect") == 0 ? 302
                  : strcmp(path, "/busy") == 0   ? 429
                                                 : 200,
        .content_type = "text/plain",
        .body = strcmp(path, "/big") == 0 ? big : "hello",
        .body_length = strcmp(path, "/big") == 0 ? sizeof(big) : 5,
        .headers = more,
        .headers_count = D1_ARRAY_LENGTH(more),
    };
    (void)world;
    d1_http_respond(exchange, &response);
}

static void on_request(struct d1_http_exchange *exchange, const struct d1_http_request *request,
                       void *arg) {
    struct world *world = arg;
    const char *agent = d1_http_header_find(request, "user-agent");
    const char *type = d1_http_header_find(request, "content-type");
    world->requests++;
    snprintf(world->method, sizeof(world->method), "%s", request->method);
    snprintf(world->seen, sizeof(world->seen), "%.*s", (int)request->body_length,
             (const char *)request->body);
    snprintf(world->agent, sizeof(world->agent), "%s", agent != NULL ? agent : "");
    snprintf(world->content_type, sizeof(world->content_type), "%s", type != NULL ? type : "");
    if (world->silent) {
        world->waiting = exchange;
    } else {
        respond(world, exchange, request->path);
    }
}

static void on_server_closed(void *arg) {
    struct world *world = arg;
    d1_loop_stop(world->loop);
}

static void on_client_closed(void *arg) {
    struct world *world = arg;
    world->client = NULL;
    d1_http_server_stop(world->server, 0, on_server_closed, world);
}

static void end(struct world *world) {
    if (world->waiting != NULL) {
        respond(world, world->waiting, "/");
        world->waiting = NULL;
    }
    if (world->client != NULL) {
        d1_http_client_close(world->client, on_client_closed, world);
    }
}

static void on_done(struct d1_http_call *call, int err) {
    struct world *world = call->arg;
    const char *type = d1_http_call_header(call, "Content-Type");
    world->done++;
    world->err = err;
    world->status = call->status;
    world->retry_after_s = d1_http_call_retry_after_s(call);
    snprintf(world->type, sizeof(world->type), "%s", type != NULL ? type : "");
    if (call->reply.length > 0) {
        snprintf(world->body, sizeof(world->body), "%.*s", (int)call->reply.length,
                 (const char *)call->reply.data);
    }
    end(world);
}

static int setup(void **state) {
    static struct world world;
    world = (struct world){.err = 1};
    assert_int_equal(d1_loop_create("test", &world.loop), 0);
    assert_int_equal(d1_http_server_create(world.loop, on_request, &world, &world.server), 0);
    assert_int_equal(d1_http_server_listen(world.server, "127.0.0.1:0", NULL, &world.port, NULL),
                     0);
    assert_int_equal(d1_http_client_create(world.loop, &world.client), 0);
    *state = &world;
    return 0;
}

static int teardown(void **state) {
    struct world *world = *state;
    d1_http_server_destroy(world->server);
    d1_loop_destroy(world->loop);
    return 0;
}

static struct d1_http_call make(struct world *world, const char *path) {
    snprintf(world->url, sizeof(world->url), "http://127.0.0.1:%u%s", world->port, path);
    return (struct d1_http_call){
        .method = "GET",
        .url = world->url,
        .flags = D1_HTTP_CALL_PLAIN,
        .done = on_done,
        .arg = world,
    };
}

static void run(struct world *world, struct d1_http_call *call) {
    assert_int_equal(d1_http_client_start(world->client, call), 0);
    assert_int_equal(world->done, 0);
    d1_loop_run(world->loop);
    assert_int_equal(world->done, 1);
}

/* start refuses, and says why; then the loop ends. */
static void refused(struct world *world, struct d1_http_call *call, const char *why) {
    assert_int_equal(d1_http_client_start(world->client, call), D1_EPARSE);
    assert_non_null(strstr(call->error.text, why));
    end(world);
    d1_loop_run(world->loop);
    assert_int_equal(world->done, 0);
    assert_int_equal(world->requests, 0);
}

static void test_get(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/");
    run(world, &call);
    assert_int_equal(world->err, 0);
    assert_int_equal(world->status, 200);
    assert_string_equal(world->body, "hello");
    assert_string_equal(world->type, "text/plain");
    assert_string_equal(world->agent, "dns01d/" D1_VERSION);
    assert_string_equal(world->content_type, "");
}

static void test_body_and_method(void **state) {
    struct world *world = *state;
    const struct d1_http_header header = {"content-type", "application/json"};
    struct d1_http_call call = make(world, "/");
    call.method = "PATCH";
    call.body = "{\"a\": 1}";
    call.body_length = 8;
    call.headers = &header;
    call.headers_count = 1;
    run(world, &call);
    assert_string_equal(world->method, "PATCH");
    assert_string_equal(world->seen, "{\"a\": 1}");
    assert_string_equal(world->content_type, "application/json");
}

static void test_body_without_type(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/");
    call.method = "POST";
    call.body = "";
    run(world, &call);
    assert_string_equal(world->method, "POST");
    assert_string_equal(world->content_type, "");
}

static void test_redirect_is_an_answer(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/redirect");
    run(world, &call);
    assert_int_equal(world->err, 0);
    assert_int_equal(world->status, 302);
    assert_int_equal(world->requests, 1);
}

static void test_retry_after(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/busy");
    run(world, &call);
    assert_int_equal(world->status, 429);
    assert_int_equal(world->retry_after_s, 7);
}

static void test_reply_is_bounded(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/big");
    call.reply_max = 99999;
    run(world, &call);
    assert_int_equal(world->err, D1_ETOOLARGE);
    assert_string_equal(call.error.text, "the answer is too large");
}

static int count_data(struct d1_http_call *call, const void *data, size_t length) {
    struct world *world = call->arg;
    (void)data;
    world->requests += (unsigned)length;
    return D1_OK;
}

static void test_stream(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/big");
    call.reply_max = 1;
    call.on_data = count_data;
    run(world, &call);
    assert_int_equal(world->err, 0);
    assert_int_equal(world->requests, 100001);
    assert_string_equal(world->body, "");
}

static int refuse_data(struct d1_http_call *call, const void *data, size_t length) {
    (void)call;
    (void)data;
    (void)length;
    return D1_EPARSE;
}

static void test_stream_ended_by_us(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/");
    call.on_data = refuse_data;
    run(world, &call);
    assert_int_equal(world->err, D1_EPARSE);
}

static bool allow_none(const struct d1_http_call *call, const struct sockaddr_storage *address) {
    struct world *world = call->arg;
    struct d1_ip ip;
    d1_ip_from_socket(address, &ip);
    d1_ip_format(&ip, world->seen);
    return false;
}

static void test_address_not_allowed(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/");
    call.allow = allow_none;
    run(world, &call);
    assert_int_equal(world->err, D1_EFORBIDDEN);
    assert_string_equal(world->seen, "127.0.0.1");
    assert_int_equal(world->requests, 0);
}

static struct d1_http_call second;

static void start_second(struct d1_http_call *call, int err) {
    struct world *world = call->arg;
    assert_int_equal(err, 0);
    assert_int_equal(d1_http_client_start(world->client, &second), 0);
}

/* A connection that stands was opened under another call's rights. */
static void test_address_not_allowed_on_open_connection(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/");
    second = call;
    second.allow = allow_none;
    call.done = start_second;
    run(world, &call);
    assert_int_equal(world->err, D1_EFORBIDDEN);
    assert_int_equal(world->requests, 1);
}

static void test_nobody_there(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/");
    snprintf(world->url, sizeof(world->url), "http://127.0.0.1:1/");
    run(world, &call);
    assert_int_equal(world->err, -ECONNREFUSED);
    assert_string_equal(call.error.text, "no connection to the host");
}

static void test_no_answer_in_time(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/");
    world->silent = true;
    call.total_ms = 50;
    run(world, &call);
    assert_int_equal(world->err, -ETIMEDOUT);
}

static void test_cancel(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/");
    assert_int_equal(d1_http_client_start(world->client, &call), 0);
    d1_http_client_cancel(world->client, &call);
    assert_int_equal(world->done, 0);
    d1_loop_run(world->loop);
    assert_int_equal(world->done, 1);
    assert_int_equal(world->err, D1_ECANCELED);
}

static void test_close_cancels(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/");
    assert_int_equal(d1_http_client_start(world->client, &call), 0);
    d1_http_client_close(world->client, on_client_closed, world);
    world->client = NULL;
    d1_loop_run(world->loop);
    assert_int_equal(world->done, 1);
    assert_int_equal(world->err, D1_ECANCELED);
}

static void test_plain_http_must_be_allowed(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/");
    call.flags = 0;
    refused(world, &call, "not https");
}

static void test_other_schemes(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/");
    call.url = "file:///etc/passwd";
    refused(world, &call, "the URL");
}

static void test_host_is_pinned(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/");
    call.host = "api.example.com";
    refused(world, &call, "host is not the one");
}

static void test_user_in_url(void **state) {
    struct world *world = *state;
    struct d1_http_call call = make(world, "/");
    call.url = "https://api.example.com@127.0.0.1/";
    call.host = "127.0.0.1";
    refused(world, &call, "names a user");
}

static void test_header_injection(void **state) {
    struct world *world = *state;
    const struct d1_http_header header = {"authorization", "a\r\nhost: b"};
    struct d1_http_call call = make(world, "/");
    call.headers = &header;
    call.headers_count = 1;
    refused(world, &call, "octets that it may not");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_get),
        TEST(test_body_and_method),
        TEST(test_body_without_type),
        TEST(test_redirect_is_an_answer),
        TEST(test_retry_after),
        TEST(test_reply_is_bounded),
        TEST(test_stream),
        TEST(test_stream_ended_by_us),
        TEST(test_address_not_allowed),
        TEST(test_address_not_allowed_on_open_connection),
        TEST(test_nobody_there),
        TEST(test_no_answer_in_time),
        TEST(test_cancel),
        TEST(test_close_cancels),
        TEST(test_plain_http_must_be_allowed),
        TEST(test_other_schemes),
        TEST(test_host_is_pinned),
        TEST(test_user_in_url),
        TEST(test_header_injection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
