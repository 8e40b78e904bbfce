#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/net.h"
#include "dnsd/listen.h"

#define WORKERS 3
#define OWN     "127.53.7.1:0" /* An address that no other test binds. */

static struct sockaddr_storage parse(const char *text) {
    struct sockaddr_storage address;
    assert_int_equal(d1_address_parse(text, &address), 0);
    return address;
}

static struct sockaddr_storage bound_to(int fd) {
    struct sockaddr_storage address;
    memset(&address, 0, sizeof(address));
    socklen_t length = sizeof(address);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return address;
}

static int option(int fd, int level, int name) {
    int value = -1;
    socklen_t length = sizeof(value);
    assert_int_equal(getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

static void port_0_is_one_port_for_all(void **state) {
    (void)state;
    struct sockaddr_storage address = parse(OWN);
    struct d1_listen_pair pairs[WORKERS];
    struct d1_error error;
    assert_int_equal(d1_listen_bind(&address, WORKERS, pairs, &error), 0);
    assert_int_not_equal(((struct sockaddr_in *)&address)->sin_port, 0);
    for (unsigned i = 0; i < WORKERS; i++) {
        struct sockaddr_storage udp = bound_to(pairs[i].udp);
        struct sockaddr_storage tcp = bound_to(pairs[i].tcp);
        assert_memory_equal(&udp, &address, sizeof(struct sockaddr_in));
        assert_memory_equal(&tcp, &address, sizeof(struct sockaddr_in));
    }
    d1_listen_close(pairs, WORKERS);
    assert_int_equal(pairs[0].udp, -1);
    assert_int_equal(pairs[WORKERS - 1].tcp, -1);
}

static void sockets_have_their_options(void **state) {
    (void)state;
    struct sockaddr_storage address = parse(OWN);
    struct d1_listen_pair pairs[2];
    assert_int_equal(d1_listen_bind(&address, 2, pairs, NULL), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(option(pairs[i].udp, SOL_SOCKET, SO_REUSEPORT), 1);
        assert_int_equal(option(pairs[i].tcp, SOL_SOCKET, SO_REUSEPORT), 1);
        assert_int_equal(option(pairs[i].udp, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_PROBE);
        assert_int_equal(option(pairs[i].udp, IPPROTO_IP, IP_PKTINFO), 0);
        assert_int_not_equal(option(pairs[i].tcp, IPPROTO_TCP, TCP_NODELAY), 0);
        assert_int_equal(option(pairs[i].tcp, SOL_SOCKET, SO_ACCEPTCONN), 1);
    }
    d1_listen_close(pairs, 2);
}

static void only_a_wildcard_asks_for_the_address_asked(void **state) {
    (void)state;
    struct sockaddr_storage address = parse("0.0.0.0:0");
    struct d1_listen_pair pair;
    assert_int_equal(d1_listen_bind(&address, 1, &pair, NULL), 0);
    assert_int_equal(option(pair.udp, IPPROTO_IP, IP_PKTINFO), 1);
    d1_listen_close(&pair, 1);
}

/* Returns 0, or -EADDRINUSE when the port that was free for IPv6 is not for IPv4. */
static int bind_both_wildcards(struct d1_listen_pair pairs[2]) {
    struct sockaddr_storage six = parse("[::]:0");
    struct sockaddr_storage four = parse("0.0.0.0:0");
    int err = d1_listen_bind(&six, 1, &pairs[0], NULL);
    if (err != D1_OK) {
        return err;
    }
    ((struct sockaddr_in *)&four)->sin_port = ((struct sockaddr_in6 *)&six)->sin6_port;
    err = d1_listen_bind(&four, 1, &pairs[1], NULL);
    if (err != D1_OK) {
        d1_listen_close(pairs, 1);
    }
    return err;
}

static void both_wildcards_share_a_port(void **state) {
    (void)state;
    struct d1_listen_pair pairs[2];
    int err = -EADDRINUSE;
    for (unsigned i = 0; i < 20 && err == -EADDRINUSE; i++) {
        err = bind_both_wildcards(pairs);
    }
    if (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL) {
        skip();
    }
    assert_int_equal(err, 0);
    assert_int_equal(option(pairs[0].udp, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    assert_int_equal(option(pairs[0].tcp, IPPROTO_IPV6, IPV6_V6ONLY), 1);
    d1_listen_close(pairs, 2);
}

static void expect_in_use(struct sockaddr_storage address) {
    struct d1_listen_pair pairs[WORKERS];
    struct d1_error error = {0};
    assert_int_equal(d1_listen_bind(&address, WORKERS, pairs, &error), -EADDRINUSE);
    assert_int_equal(error.code, -EADDRINUSE);
    assert_non_null(strstr(error.text, "127.53.7.1:"));
    assert_non_null(strstr(error.text, "address already in use: another program listens there"));
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_int_equal(pairs[i].udp, -1);
        assert_int_equal(pairs[i].tcp, -1);
    }
}

static void a_second_server_of_the_same_user_is_noticed(void **state) {
    (void)state;
    struct sockaddr_storage address = parse(OWN);
    struct d1_listen_pair pairs[WORKERS];
    assert_int_equal(d1_listen_bind(&address, WORKERS, pairs, NULL), 0);
    expect_in_use(address);
    d1_listen_close(pairs, WORKERS);
    assert_int_equal(d1_listen_bind(&address, WORKERS, pairs, NULL), 0);
    d1_listen_close(pairs, WORKERS);
}

static void one_transport_in_use_is_noticed(void **state) {
    (void)state;
    struct sockaddr_storage address = parse(OWN);
    struct d1_listen_pair pair;
    assert_int_equal(d1_listen_bind(&address, 1, &pair, NULL), 0);
    close(pair.udp);
    pair.udp = -1;
    expect_in_use(address);
    d1_listen_close(&pair, 1);
    assert_int_equal(d1_listen_bind(&address, 1, &pair, NULL), 0);
    close(pair.tcp);
    pair.tcp = -1;
    expect_in_use(address);
    d1_listen_close(&pair, 1);
}

static void old_connections_do_not_keep_us_out(void **state) {
    (void)state;
    struct sockaddr_storage address = parse(OWN);
    struct d1_listen_pair pair;
    assert_int_equal(d1_listen_bind(&address, 1, &pair, NULL), 0);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(struct sockaddr_in)), 0);
    int server = accept(pair.tcp, NULL, NULL);
    assert_true(server >= 0);
    close(server); /* Closes first: its side stays in TIME_WAIT. */
    char octet;
    assert_int_equal(recv(client, &octet, 1, 0), 0);
    close(client);
    d1_listen_close(&pair, 1);
    assert_int_equal(d1_listen_bind(&address, 1, &pair, NULL), 0);
    d1_listen_close(&pair, 1);
}

static void an_address_of_nobody(void **state) {
    (void)state;
    struct sockaddr_storage address = parse("203.0.113.99:0"); /* RFC 5737. */
    struct d1_listen_pair pair;
    struct d1_error error = {0};
    int err = d1_listen_bind(&address, 1, &pair, &error);
    assert_true(err == -EADDRNOTAVAIL || err == -EACCES);
    assert_non_null(strstr(error.text, "203.0.113.99:0: "));
}

static void an_ipv6_address_of_nobody(void **state) {
    (void)state;
    struct sockaddr_storage address = parse("[2001:db8::53]:0"); /* RFC 3849. */
    struct d1_listen_pair pair;
    struct d1_error error = {0};
    int err = d1_listen_bind(&address, 1, &pair, &error);
    assert_true(err == -EADDRNOTAVAIL || err == -EAFNOSUPPORT);
    assert_non_null(strstr(error.text, "[2001:db8::53]:0: "));
}

/* In a child that is nobody: 0 when the story is right, else what was wrong. */
static int bind_as_nobody(void) {
    if (setuid(65534) != 0) {
        return 2;
    }
    struct sockaddr_storage address = parse("127.0.0.1:53");
    struct d1_listen_pair pair;
    struct d1_error error = {0};
    int err = d1_listen_bind(&address, 1, &pair, &error);
    if (err == D1_OK || err == -EADDRINUSE) {
        return 2; /* This host lets anyone, or something is there. */
    }
    return err == -EACCES && strcmp(error.text, "127.0.0.1:53: permission denied: binding ports "
                                                "below 1024 needs CAP_NET_BIND_SERVICE (UDP)") == 0
               ? 0
               : 1;
}

static void a_low_port_needs_a_capability(void **state) {
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(bind_as_nobody());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void no_descriptor_left(void **state) {
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int lowest = dup(STDIN_FILENO);
    assert_true(lowest >= 0);
    close(lowest);
    struct sockaddr_storage address = parse(OWN);
    /* Each number of sockets that is too few. */
    for (unsigned more = 0; more < 2 * WORKERS; more++) {
        struct rlimit limit = {(rlim_t)lowest + more, before.rlim_max};
        struct d1_listen_pair pairs[WORKERS];
        struct d1_error error = {0};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        int err = d1_listen_bind(&address, WORKERS, pairs, &error);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(err, -EMFILE);
        assert_non_null(strstr(error.text, "too many open files"));
        int again = dup(STDIN_FILENO);
        assert_int_equal(again, lowest); /* All are closed. */
        close(again);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_0_is_one_port_for_all),
        cmocka_unit_test(sockets_have_their_options),
        cmocka_unit_test(only_a_wildcard_asks_for_the_address_asked),
        cmocka_unit_test(both_wildcards_share_a_port),
        cmocka_unit_test(a_second_server_of_the_same_user_is_noticed),
        cmocka_unit_test(one_transport_in_use_is_noticed),
        cmocka_unit_test(old_connections_do_not_keep_us_out),
        cmocka_unit_test(an_address_of_nobody),
        cmocka_unit_test(an_ipv6_address_of_nobody),
        cmocka_unit_test(a_low_port_needs_a_capability),
        cmocka_unit_test(no_descriptor_left),
    };
    return cmocka_run_group_tests_name("dnsd_listen", tests, NULL, NULL);
}
