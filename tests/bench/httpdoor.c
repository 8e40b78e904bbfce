/*
 * HTTP/1.1 on a connection that stays open: acme-dns' /update, and requests that write nothing, one
 * for each kind of credential. An answer has a Content-Length, as all servers measured here send it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/attr.h"
#include "core/err.h"
#include "tests/bench/door.h"

static int set_request(struct d1_bench_exchange *exchange, int length) {
    if (length < 0 || (size_t)length >= sizeof(exchange->request)) {
        return D1_ETOOLARGE;
    }
    exchange->request_length = (size_t)length;
    return D1_OK;
}

static int make_update(const struct d1_bench_door_settings *settings,
                       struct d1_bench_exchange *exchange, const char *key, const char *value) {
    const struct d1_bench_account *account = exchange->account;
    char body[256];
    int body_length = snprintf(body, sizeof(body), "{\"subdomain\":\"%s\",\"txt\":\"%s\"}",
                               account->subdomain, value);
    return set_request(
        exchange, snprintf((char *)exchange->request, sizeof(exchange->request),
                           "POST /update HTTP/1.1\r\nHost: %s\r\nX-Api-User: %s\r\nX-Api-Key: "
                           "%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                           settings->host, account->username, key, body_length, body));
}

static int make_right(const struct d1_bench_door_settings *settings,
                      struct d1_bench_exchange *exchange) {
    return make_update(settings, exchange, exchange->account->key, exchange->value);
}

/* The right key, and a value that no server takes: all but the write. */
static int make_bad_txt(const struct d1_bench_door_settings *settings,
                        struct d1_bench_exchange *exchange) {
    return make_update(settings, exchange, exchange->account->key, "short");
}

static int make_wrong_key(const struct d1_bench_door_settings *settings,
                          struct d1_bench_exchange *exchange) {
    return make_update(settings, exchange, "wrongwrongwrongwrongwrongwrongwrongwrong",
                       exchange->value);
}

static int make_health(const struct d1_bench_door_settings *settings,
                       struct d1_bench_exchange *exchange) {
    return set_request(exchange,
                       snprintf((char *)exchange->request, sizeof(exchange->request),
                                "GET /health HTTP/1.1\r\nHost: %s\r\n\r\n", settings->host));
}

/* A token is found, and what is asked for is not: 404. */
static int make_token(const struct d1_bench_door_settings *settings,
                      struct d1_bench_exchange *exchange) {
    return set_request(exchange, snprintf((char *)exchange->request, sizeof(exchange->request),
                                          "GET /v1/tokens/none HTTP/1.1\r\nHost: %s\r\n"
                                          "Authorization: Bearer %s\r\n\r\n",
                                          settings->host, settings->token));
}

static int make_wrong_token(const struct d1_bench_door_settings *settings,
                            struct d1_bench_exchange *exchange) {
    return set_request(exchange, snprintf((char *)exchange->request, sizeof(exchange->request),
                                          "GET /v1/tokens/none HTTP/1.1\r\nHost: %s\r\n"
                                          "Authorization: Bearer secret-that-nobody-has\r\n\r\n",
                                          settings->host));
}

/* The status of a whole answer, whose body is then text; 0: not whole yet; -1: no HTTP. */
static int read_answer(struct d1_bench_exchange *exchange, const char **ret_body) {
    char *text = (char *)exchange->answer;
    if (exchange->answer_length >= sizeof(exchange->answer)) {
        return -1;
    }
    text[exchange->answer_length] = '\0';
    const char *end = strstr(text, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    const char *length_at = strcasestr(text, "\r\nContent-Length:");
    if (strncmp(text, "HTTP/1.1 ", 9) != 0 || length_at == NULL || length_at > end) {
        return -1;
    }
    size_t body_length = strtoul(length_at + strlen("\r\nContent-Length:"), NULL, 10);
    size_t head_length = (size_t)(end + 4 - text);
    if (exchange->answer_length < head_length + body_length) {
        return 0;
    }
    *ret_body = end + 4;
    return exchange->answer_length == head_length + body_length ? (int)strtol(text + 9, NULL, 10)
                                                                : -1;
}

static int judge(struct d1_bench_exchange *exchange, int wanted, const char *text) {
    const char *body = NULL;
    int status = read_answer(exchange, &body);
    if (status <= 0) {
        return status;
    }
    return status == wanted && strstr(body, text) != NULL ? 1 : -1;
}

static int judge_right(const struct d1_bench_door_settings *settings,
                       struct d1_bench_exchange *exchange) {
    (void)settings;
    return judge(exchange, 200, exchange->value);
}

static int judge_bad_txt(const struct d1_bench_door_settings *settings,
                         struct d1_bench_exchange *exchange) {
    (void)settings;
    return judge(exchange, 400, "bad_txt");
}

static int judge_unauthorized(const struct d1_bench_door_settings *settings,
                              struct d1_bench_exchange *exchange) {
    (void)settings;
    return judge(exchange, 401, "error");
}

static int judge_health(const struct d1_bench_door_settings *settings,
                        struct d1_bench_exchange *exchange) {
    (void)settings;
    return judge(exchange, 200, "");
}

static int judge_token(const struct d1_bench_door_settings *settings,
                       struct d1_bench_exchange *exchange) {
    (void)settings;
    return judge(exchange, 404, "there is no such token");
}

const struct d1_bench_door d1_bench_http_doors[] = {
    {.name = "update", .writes = true, .make = make_right, .judge = judge_right},
    {.name = "account-key", .make = make_bad_txt, .judge = judge_bad_txt},
    {.name = "wrong-key", .make = make_wrong_key, .judge = judge_unauthorized},
    {.name = "health", .make = make_health, .judge = judge_health},
    {.name = "token", .make = make_token, .judge = judge_token},
    {.name = "wrong-token", .make = make_wrong_token, .judge = judge_unauthorized},
    {.name = NULL},
};
