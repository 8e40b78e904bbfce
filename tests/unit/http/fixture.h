/*
 * A server on a loop in its own thread, and a blocking client in the test's. What the server does
 * with a request depends on its path, see fixture.c.
 */
#ifndef D1_TESTS_UNIT_HTTP_FIXTURE_H
#define D1_TESTS_UNIT_HTTP_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <semaphore.h>

#include "core/loop.h"
#include "http/server.h"

enum { BIG_BYTES = 16777216, ANSWER_MAX = 65536 };

struct fixture {
    struct d1_loop *loop;
    struct d1_http_server *server;
    uint16_t port;
    char path[108]; /* Of the Unix socket. */
    char folder[64];
    struct d1_http_exchange *held; /* Of /later. The loop's. */
    _Atomic unsigned asked;        /* Requests so far. */
    sem_t asked_later;             /* Posted when /later was asked. */
    sem_t closed;                  /* Posted by the server's `closed`. */
    bool stopped;
    char *big;    /* What /big answers. */
    int64_t live; /* Allocations before. */
};

/* An answer as the client saw it. */
struct answer {
    int status;
    char head[4096];
    char body[ANSWER_MAX];
    size_t body_length;
};

extern const char fixture_tag[];

/* Start with these limits (NULL: the defaults). TCP on 127.0.0.1, and a Unix socket. */
void fixture_start(struct fixture *fixture, const struct d1_http_limits *limits);

/* Stop unless that was done, check that nothing is left. */
void fixture_end(struct fixture *fixture);

/* Defaults to change some of. */
struct d1_http_limits fixture_limits(void);

/* Have stop called on the loop; `closed` is posted later. */
void fixture_stop(struct fixture *fixture, uint64_t grace_ms);

/* Wait for a semaphore, 5 s at most. */
void fixture_await(sem_t *semaphore);

/* Answer the held request with 200 "later". */
void fixture_release(struct fixture *fixture);

/* Run on the loop, and wait for it. */
void fixture_on_loop(struct fixture *fixture, void (*run)(struct fixture *fixture));

/* How many requests were asked; the loop has run once in between. */
unsigned fixture_asked(struct fixture *fixture);

/* Client. A socket that gives up after 5 s. */
int client_connect(const struct fixture *fixture);
int client_connect_unix(const struct fixture *fixture);
void client_send(int fd, const char *text);

/* Read one answer; `has_body` is false for answers to HEAD. */
void client_read(int fd, bool has_body, struct answer *ret_answer);

/* A Unix socket whose peer has closed it both ways, whatever it has sent before. */
void client_await_hangup(int fd);

/* The peer has closed, and sent nothing before. */
void client_expect_end(int fd);

/* Send, read, and compare status and body. */
void client_ask(int fd, const char *request, int status, const char *body);

/* Close with a reset. */
void client_reset(int fd);

#endif /* D1_TESTS_UNIT_HTTP_FIXTURE_H */
