/*
 * Happy path of a client: begin() makes the door's request and sends it; on_door() reads the answer
 * until it is whole and right; where the door writes, ask() sends a DNS question; on_dns() sees the
 * value, counts the write, and begins the next one.
 * Failures: a wrong answer is counted, its text kept, and the next write begun; an answer of DNS
 * without the value is counted, and asked again; a datagram that is lost is swept after LOST_US and
 * sent anew; a connection that ends ends the measurement.
 */
#include "tests/bench/writeload.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/net.h"

#define EVENTS   256
#define LOST_US  1000000
#define SWEEP_US 100000
#define WAIT_MS  50

struct client {
    int door_fd;
    int dns_fd;
    bool asking; /* The write was answered, DNS is asked. */
    int64_t begun_us;
    int64_t sent_us; /* What is awaited now. */
    uint64_t number; /* Of its writes. */
    struct d1_bench_exchange exchange;
};

struct load {
    const struct d1_bench_write_settings *settings;
    struct d1_bench_writes writes;
    int epoll_fd;
    int err; /* Ends the measurement. */
    uint64_t run;
    struct client clients[];
};

static int64_t now_us(void) {
    return d1_clock_mono_us(d1_clock_system());
}

static void send_all(struct load *load, int fd, const void *octets, size_t length) {
    if (send(fd, octets, length, MSG_NOSIGNAL) != (ssize_t)length && load->err == 0 &&
        errno != ECONNREFUSED) {
        load->err = errno != 0 ? -errno : -EIO;
    }
}

static void send_request(struct load *load, struct client *client) {
    client->exchange.answer_length = 0;
    client->sent_us = now_us();
    send_all(load, client->door_fd, client->exchange.request, client->exchange.request_length);
}

static void begin(struct load *load, struct client *client) {
    struct d1_bench_exchange *exchange = &client->exchange;
    unsigned index = (unsigned)(client - load->clients);
    /* Hex and digits are base64url too; no value comes twice, in this run or the next. */
    snprintf(exchange->value, sizeof(exchange->value), "%016llx-%08x-%017llu",
             (unsigned long long)load->run, index, (unsigned long long)client->number++);
    exchange->id++;
    client->asking = false;
    client->begun_us = now_us();
    int err = load->settings->door->make(&load->settings->door_settings, exchange);
    if (err < 0) {
        load->err = err;
        return;
    }
    send_request(load, client);
}

static void ask(struct load *load, struct client *client) {
    uint8_t question[D1_BENCH_REQUEST_MAX];
    client->asking = true;
    client->sent_us = now_us();
    size_t length = d1_bench_ask_txt(&client->exchange.account->name, ++client->exchange.id,
                                     question, sizeof(question));
    send_all(load, client->dns_fd, question, length);
}

static void complain(struct load *load, const struct d1_bench_exchange *exchange) {
    if (load->writes.wrong++ > 0) {
        return;
    }
    char *text = load->writes.complaint;
    size_t room = sizeof(load->writes.complaint) - 1;
    size_t length = exchange->answer_length < room ? exchange->answer_length : room;
    for (size_t i = 0; i < length; i++) {
        unsigned char octet = exchange->answer[i];
        text[i] = octet >= ' ' && octet < 127 && octet != '"' && octet != '\\' ? (char)octet : '.';
    }
    text[length] = '\0';
}

static void on_door(struct load *load, struct client *client) {
    struct d1_bench_exchange *exchange = &client->exchange;
    const struct d1_bench_door *door = load->settings->door;
    if (door->datagrams) {
        exchange->answer_length = 0;
    }
    ssize_t length = recv(client->door_fd, exchange->answer + exchange->answer_length,
                          sizeof(exchange->answer) - exchange->answer_length, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == ECONNREFUSED)) {
        return;
    }
    if (length <= 0) {
        load->err = length < 0 ? -errno : -ECONNRESET;
        return;
    }
    if (client->asking) {
        return; /* A second answer to what was sent twice. */
    }
    exchange->answer_length += (size_t)length;
    int right = door->judge(&load->settings->door_settings, exchange);
    if (right == 0) {
        return;
    }
    if (right < 0) {
        complain(load, exchange);
        begin(load, client);
        return;
    }
    d1_bench_histogram_add(&load->writes.answer_us, (uint64_t)(now_us() - client->begun_us));
    if (door->writes) {
        ask(load, client);
    } else {
        load->writes.done++;
        begin(load, client);
    }
}

static void on_dns(struct load *load, struct client *client) {
    uint8_t answer[D1_BENCH_ANSWER_MAX];
    ssize_t length = recv(client->dns_fd, answer, sizeof(answer), MSG_DONTWAIT);
    if (length < 0 || !client->asking) {
        return;
    }
    if (!d1_bench_shows(answer, (size_t)length, client->exchange.id, client->exchange.value)) {
        load->writes.unseen++;
        ask(load, client);
        return;
    }
    load->writes.done++;
    d1_bench_histogram_add(&load->writes.seen_us, (uint64_t)(now_us() - client->begun_us));
    begin(load, client);
}

static void sweep(struct load *load) {
    int64_t at_us = now_us();
    for (unsigned i = 0; i < load->settings->clients; i++) {
        struct client *client = &load->clients[i];
        if (at_us - client->sent_us < LOST_US) {
            continue;
        }
        if (client->asking) {
            load->writes.lost++;
            ask(load, client);
        } else if (load->settings->door->datagrams) {
            load->writes.lost++;
            send_request(load, client);
        }
    }
}

static void run_for(struct load *load, int64_t duration_us) {
    struct epoll_event events[EVENTS];
    int64_t end_us = now_us() + duration_us;
    int64_t sweep_us = now_us() + SWEEP_US;
    for (int64_t at_us = now_us(); at_us < end_us && load->err == 0; at_us = now_us()) {
        int count = epoll_wait(load->epoll_fd, events, EVENTS, WAIT_MS);
        for (int i = 0; i < count && load->err == 0; i++) {
            struct client *client = &load->clients[events[i].data.u32 / 2];
            if (events[i].data.u32 % 2 == 0) {
                on_door(load, client);
            } else {
                on_dns(load, client);
            }
        }
        if (at_us >= sweep_us) {
            sweep(load);
            sweep_us = at_us + SWEEP_US;
        }
    }
}

static int open_socket(struct load *load, const struct sockaddr_storage *to, int type,
                       uint32_t place, int *ret_fd) {
    int one = 1;
    int fd = socket(to->ss_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = place};
    if (connect(fd, (const struct sockaddr *)to, d1_address_length(to)) < 0 ||
        epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    if (type == SOCK_STREAM) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    *ret_fd = fd;
    return 0;
}

static int open_clients(struct load *load) {
    const struct d1_bench_write_settings *settings = load->settings;
    int type = settings->door->datagrams ? SOCK_DGRAM : SOCK_STREAM;
    for (unsigned i = 0; i < settings->clients; i++) {
        struct client *client = &load->clients[i];
        client->door_fd = client->dns_fd = -1;
        client->exchange.account = &settings->accounts[i];
    }
    int err = 0;
    for (unsigned i = 0; i < settings->clients && err == 0; i++) {
        struct client *client = &load->clients[i];
        err = open_socket(load, &settings->server, type, 2 * i, &client->door_fd);
        if (err == 0) {
            err = open_socket(load, &settings->dns, SOCK_DGRAM, 2 * i + 1, &client->dns_fd);
        }
    }
    return err;
}

static void close_clients(struct load *load) {
    for (unsigned i = 0; i < load->settings->clients; i++) {
        const struct client *client = &load->clients[i];
        if (client->door_fd >= 0) {
            close(client->door_fd);
        }
        if (client->dns_fd >= 0) {
            close(client->dns_fd);
        }
    }
}

static int measure(struct load *load, struct d1_error *error) {
    const struct d1_bench_write_settings *settings = load->settings;
    for (unsigned i = 0; i < settings->clients; i++) {
        begin(load, &load->clients[i]);
    }
    run_for(load, settings->warm_up_us);
    load->writes = (struct d1_bench_writes){0};
    int err = 0;
    for (unsigned i = 0; i < settings->groups_count && err == 0; i++) {
        err = d1_bench_cpu_begin(&settings->groups[i], error);
    }
    uint64_t own_ns = d1_bench_cpu_own_ns();
    int64_t begun_us = now_us();
    if (err == 0) {
        run_for(load, settings->measure_us);
    }
    load->writes.elapsed_us = now_us() - begun_us;
    load->writes.own_ns = d1_bench_cpu_own_ns() - own_ns;
    for (unsigned i = 0; i < settings->groups_count && err == 0; i++) {
        err = d1_bench_cpu_end(&settings->groups[i], &load->writes.group_ns[i], error);
    }
    return err;
}

int d1_bench_writes_run(const struct d1_bench_write_settings *settings,
                        struct d1_bench_writes *ret_writes, struct d1_error *error) {
    struct load *load = d1_calloc(1, sizeof(*load) + settings->clients * sizeof(load->clients[0]));
    if (load == NULL) {
        return d1_error_set(error, -ENOMEM, "no memory");
    }
    load->settings = settings;
    load->run = (uint64_t)d1_clock_wall_ms(d1_clock_system());
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int err = load->epoll_fd < 0 ? -errno : open_clients(load);
    if (err != 0) {
        d1_error_set(error, err, "connect: %s", strerror(-err));
    } else {
        err = measure(load, error);
    }
    if (err == 0 && load->err != 0) {
        err = d1_error_set(error, load->err, "the server ended a connection: %s",
                           d1_err_text(load->err));
    }
    if (err == 0) {
        *ret_writes = load->writes;
    }
    if (load->epoll_fd >= 0) {
        close_clients(load);
        close(load->epoll_fd);
    }
    d1_free(load);
    return err;
}
