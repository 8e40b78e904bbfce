/* Where the server listens, who may come in, and how many. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#include "core/err.h"
#include "tests/unit/http/fixture.h"

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static void peer_is_known(void **state) {
    (void)state;
    struct fixture fixture;
    char expected[64];
    fixture_start(&fixture, NULL);
    int fd = client_connect_unix(&fixture);
    snprintf(expected, sizeof(expected), "%d %ld", AF_UNIX, (long)getuid());
    client_ask(fd, GET("/who"), 200, expected);
    close(fd);
    fd = client_connect(&fixture);
    snprintf(expected, sizeof(expected), "%d -1", AF_INET);
    client_ask(fd, GET("/who"), 200, expected);
    close(fd);
    fixture_end(&fixture);
}

static void socket_has_its_mode(void **state) {
    (void)state;
    struct fixture fixture;
    struct stat found;
    fixture_start(&fixture, NULL);
    assert_int_equal(stat(fixture.path, &found), 0);
    assert_true(S_ISSOCK(found.st_mode));
    assert_int_equal(found.st_mode & 0777, 0600);
    fixture_end(&fixture); /* Checks that it is gone. */
}

static void on_request(struct d1_http_exchange *exchange, const struct d1_http_request *request,
                       void *arg) {
    (void)request;
    (void)arg;
    const struct d1_http_response response = {.status = 204};
    d1_http_respond(exchange, &response);
}

static void on_closed(void *arg) {
    *(bool *)arg = true;
}

/* A server that is never run: only what listen says is of interest. */
struct plain {
    struct d1_loop *loop;
    struct d1_http_server *server;
    struct d1_error error;
};

static void plain_start(struct plain *plain) {
    *plain = (struct plain){0};
    assert_int_equal(d1_loop_create("http-test", &plain->loop), 0);
    assert_int_equal(d1_http_server_create(plain->loop, on_request, NULL, &plain->server), 0);
}

static void plain_end(struct plain *plain) {
    bool closed = false;
    d1_http_server_stop(plain->server, 0, on_closed, &closed);
    assert_false(closed);
    d1_loop_stop(plain->loop);
    d1_loop_run(plain->loop);
    assert_true(closed);
    d1_http_server_destroy(plain->server);
    d1_loop_destroy(plain->loop);
}

static void bad_addresses_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",      "127.0.0.1",     "127.0.0.1:",   "127.0.0.1:x",    "::1:80", "127.0.0.1:1e1",
        "[::1]", "[127.0.0.1]:1", "localhost:80", "127.0.0.1:65536"};
    struct plain plain;
    plain_start(&plain);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(d1_http_server_listen(plain.server, bad[i], NULL, NULL, &plain.error),
                         D1_EPARSE);
        assert_int_equal(plain.error.code, D1_EPARSE);
    }
    d1_http_server_destroy(plain.server); /* Nothing was opened: no stop is needed. */
    d1_loop_destroy(plain.loop);
}

static void port_in_use_is_told(void **state) {
    (void)state;
    struct plain plain;
    uint16_t port = 0;
    char address[32];
    plain_start(&plain);
    assert_int_equal(d1_http_server_listen(plain.server, "127.0.0.1:0", NULL, &port, NULL), 0);
    snprintf(address, sizeof(address), "127.0.0.1:%u", port);
    assert_int_equal(d1_http_server_listen(plain.server, address, NULL, NULL, &plain.error),
                     -EADDRINUSE);
    assert_non_null(strstr(plain.error.text, address));
    plain_end(&plain);
}

static void ipv6_loopback(void **state) {
    (void)state;
    struct plain plain;
    uint16_t port = 0;
    plain_start(&plain);
    int err = d1_http_server_listen(plain.server, "[::1]:0", NULL, &port, &plain.error);
    if (err == 0) {
        assert_int_not_equal(port, 0);
    } else {
        assert_true(err == -EADDRNOTAVAIL || err == -EAFNOSUPPORT);
    }
    plain_end(&plain);
}

/* A folder of one's own for sockets. */
static void make_path(char ret_folder[64], char ret_path[108]) {
    snprintf(ret_folder, 64, "/tmp/d1-http-XXXXXX");
    assert_non_null(mkdtemp(ret_folder));
    snprintf(ret_path, 108, "%s/socket", ret_folder);
}

static void stale_socket_is_replaced(void **state) {
    (void)state;
    char folder[64];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    make_path(folder, address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    close(fd); /* The file stays, as after kill -9. */
    struct plain plain;
    plain_start(&plain);
    assert_int_equal(
        d1_http_server_listen_unix(plain.server, address.sun_path, 0660, NULL, &plain.error), 0);
    plain_end(&plain);
    assert_int_equal(rmdir(folder), 0);
}

static void socket_in_use_is_kept(void **state) {
    (void)state;
    struct fixture fixture;
    fixture_start(&fixture, NULL);
    struct plain plain;
    plain_start(&plain);
    assert_int_equal(
        d1_http_server_listen_unix(plain.server, fixture.path, 0600, NULL, &plain.error),
        -EADDRINUSE);
    assert_non_null(strstr(plain.error.text, fixture.path));
    d1_http_server_destroy(plain.server);
    d1_loop_destroy(plain.loop);
    int fd = client_connect_unix(&fixture);
    client_ask(fd, GET("/echo"), 200, "GET  ");
    close(fd);
    fixture_end(&fixture);
}

static void other_files_are_kept(void **state) {
    (void)state;
    char folder[64];
    char path[108];
    make_path(folder, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    struct plain plain;
    plain_start(&plain);
    assert_int_equal(d1_http_server_listen_unix(plain.server, path, 0600, NULL, &plain.error),
                     -EEXIST);
    char too_long[200];
    memset(too_long, 'a', sizeof(too_long));
    too_long[sizeof(too_long) - 1] = '\0';
    assert_int_equal(d1_http_server_listen_unix(plain.server, too_long, 0600, NULL, &plain.error),
                     -ENAMETOOLONG);
    d1_http_server_destroy(plain.server);
    d1_loop_destroy(plain.loop);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void connections_over_the_limit_are_closed(void **state) {
    (void)state;
    struct fixture fixture;
    struct d1_http_limits limits = fixture_limits();
    limits.connections_max = 2;
    fixture_start(&fixture, &limits);
    int one = client_connect(&fixture);
    int two = client_connect(&fixture);
    client_ask(one, GET("/echo"), 200, "GET  ");
    client_ask(two, GET("/echo"), 200, "GET  ");
    int more[5];
    for (size_t i = 0; i < 5; i++) {
        more[i] = client_connect(&fixture);
    }
    for (size_t i = 0; i < 5; i++) {
        client_expect_end(more[i]);
        close(more[i]);
    }
    client_ask(one, GET("/echo"), 200, "GET  ");
    int other = client_connect_unix(&fixture); /* The limit is each listener's own. */
    client_ask(other, GET("/echo"), 200, "GET  ");
    close(other);
    client_ask(two, "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200, "GET  ");
    client_expect_end(two);
    close(two);
    fixture_asked(&fixture); /* The loop has seen it close. */
    fixture_asked(&fixture);
    two = client_connect(&fixture);
    client_ask(two, GET("/echo"), 200, "GET  ");
    close(one);
    close(two);
    fixture_end(&fixture);
}

static void no_descriptor_left(void **state) {
    (void)state;
    struct fixture fixture;
    struct rlimit before;
    fixture_start(&fixture, NULL);
    int used = client_connect(&fixture);
    client_ask(used, GET("/echo"), 200, "GET  ");
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(fixture.port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int more[3];
    for (size_t i = 0; i < 3; i++) {
        more[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    }
    int lowest = dup(more[0]);
    assert_true(lowest > more[2]); /* No hole below: libuv's reserve is under the limit set now. */
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit none = {.rlim_cur = (rlim_t)lowest, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(connect(more[i], (const struct sockaddr *)&address, sizeof(address)), 0);
    }
    client_ask(used, GET("/echo"), 200, "GET  "); /* Who is in is served. */
    for (size_t i = 0; i < 3; i++) {
        char octet;
        assert_true(recv(more[i], &octet, 1, 0) <= 0); /* The others are told at once. */
        close(more[i]);
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    int other = client_connect(&fixture); /* And who comes later is served too. */
    client_ask(other, GET("/echo"), 200, "GET  ");
    close(other);
    close(used);
    fixture_end(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peer_is_known),
        cmocka_unit_test(socket_has_its_mode),
        cmocka_unit_test(bad_addresses_are_refused),
        cmocka_unit_test(port_in_use_is_told),
        cmocka_unit_test(ipv6_loopback),
        cmocka_unit_test(stale_socket_is_replaced),
        cmocka_unit_test(socket_in_use_is_kept),
        cmocka_unit_test(other_files_are_kept),
        cmocka_unit_test(connections_over_the_limit_are_closed),
        cmocka_unit_test(no_descriptor_left),
    };
    return cmocka_run_group_tests_name("http_listener", tests, NULL, NULL);
}
