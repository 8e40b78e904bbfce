/*
 * A stream of requests, cut into pieces by a number from the input's first two octets, and once
 * more whole: both must be understood the same, and what is reported must be well-formed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "core/mem.h"
#include "http/parser.h"
#include "http/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "does not hold: %s\n", what);
        abort();
    }
}

/* What was understood so far, as one number (FNV-1a). */
struct account {
    uint64_t hash;
    unsigned requests;
    int status;
};

static void note(struct account *account, const void *bytes, size_t length) {
    const uint8_t *at = bytes;
    for (size_t i = 0; i < length; i++) {
        account->hash = (account->hash ^ at[i]) * UINT64_C(1099511628211);
    }
    account->hash = (account->hash ^ 0x100) * UINT64_C(1099511628211);
}

static void note_text(struct account *account, const char *text) {
    note(account, text, strlen(text));
}

static bool only(const char *text, const char *set) {
    return text[0] != '\0' && text[strspn(text, set)] == '\0';
}

static void check_headers(struct account *account, const struct d1_http_request *request) {
    unsigned hosts = 0;
    unsigned lengths = 0;
    unsigned codings = 0;
    require(request->headers_count <= D1_HTTP_HEADERS_MAX, "headers are bounded");
    for (size_t i = 0; i < request->headers_count; i++) {
        const struct d1_http_header *header = &request->headers[i];
        require(only(header->name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"),
                "a header's name is a token in lower case");
        size_t length = strlen(header->value);
        require(strpbrk(header->value, "\r\n\177") == NULL, "no line end in a value");
        require(length == 0 || (header->value[0] > ' ' || header->value[0] < 0), "value trimmed");
        hosts += strcmp(header->name, "host") == 0;
        lengths += strcmp(header->name, "content-length") == 0;
        codings += strcmp(header->name, "transfer-encoding") == 0;
        note_text(account, header->name);
        note_text(account, header->value);
    }
    require(hosts <= 1, "one Host");
    require(lengths + codings <= 1, "one framing");
    require(lengths + codings == 1 || request->body_length == 0, "no body without framing");
}

static void check_request(struct account *account, const struct d1_http_parser *parser) {
    struct d1_http_request request = {0};
    d1_http_parser_request(parser, &request);
    require(only(request.method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_"), "a method is known");
    require(request.path[0] == '/', "a path starts with a slash");
    require(strlen(request.path) + strlen(request.query) <= D1_HTTP_TARGET_BYTES_MAX,
            "the target is bounded");
    for (const char *at = request.path; *at != '\0'; at++) {
        require(*at > ' ' && *at < 0x7f && *at != '?' && *at != '#', "a path is plain");
    }
    require(request.body_length <= D1_HTTP_BODY_BYTES_MAX, "the body is bounded");
    require(request.body[request.body_length] == '\0', "the body ends with a NUL");
    note_text(account, request.method);
    note_text(account, request.path);
    note_text(account, request.query);
    check_headers(account, &request);
    note(account, request.body, request.body_length);
    const uint8_t keeps = d1_http_parser_keeps_alive(parser);
    note(account, &keeps, 1);
    account->requests++;
}

static void check_refusal(struct account *account, const struct d1_http_parser *parser) {
    static const int statuses[] = {400, 413, 414, 417, 431, 501, 505};
    account->status = d1_http_parser_status(parser);
    bool known = false;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        known = known || statuses[i] == account->status;
    }
    require(known, "a refusal has one of its statuses");
    require(!d1_http_parser_keeps_alive(parser), "a refusal closes");
}

/* Pieces of 1 to 64 octets from a seed; 0: all at once. */
static size_t next_piece(uint32_t *seed, size_t left) {
    if (*seed == 0) {
        return left;
    }
    *seed = *seed * 1664525 + 1013904223;
    size_t piece = 1 + (*seed >> 24) % 64;
    return piece < left ? piece : left;
}

/* Feed one piece, request after request. Returns whether the stream may go on. */
static bool feed_piece(struct d1_http_parser *parser, const uint8_t *piece, size_t length,
                       struct account *account) {
    size_t at = 0;
    while (at < length) {
        size_t used = SIZE_MAX;
        enum d1_http_verdict verdict = d1_http_parser_feed(parser, piece + at, length - at, &used);
        require(used <= length - at, "no more is taken than was given");
        require(verdict != D1_HTTP_MORE || used == length - at,
                "all is taken while more is wanted");
        at += used;
        if (verdict == D1_HTTP_REFUSED) {
            check_refusal(account, parser);
            return false;
        }
        if (verdict == D1_HTTP_COMPLETE) {
            check_request(account, parser);
            d1_http_parser_reset(parser);
        }
    }
    return true;
}

static struct account read_stream(const uint8_t *data, size_t size, uint32_t seed) {
    struct account account = {.hash = UINT64_C(14695981039346656037)};
    struct d1_http_parser *parser;
    if (d1_http_parser_create(&parser) != 0) {
        return account;
    }
    bool goes_on = true;
    for (size_t at = 0; goes_on && at < size;) {
        size_t length = next_piece(&seed, size - at);
        uint8_t *exact = d1_memdup(data + at, length);
        goes_on = exact != NULL && feed_piece(parser, exact, length, &account);
        d1_free(exact);
        at += length;
    }
    const uint8_t stage = (uint8_t)d1_http_parser_stage(parser);
    note(&account, &stage, 1);
    d1_http_parser_destroy(parser);
    return account;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) {
        return 0;
    }
    int64_t live = d1_mem_live();
    uint32_t seed = (uint32_t)data[0] << 8 | data[1] | 1;
    struct account whole = read_stream(data + 2, size - 2, 0);
    struct account cut = read_stream(data + 2, size - 2, seed);
    require(whole.requests == cut.requests, "the same requests however cut");
    require(whole.status == cut.status, "the same refusal however cut");
    require(whole.hash == cut.hash, "the same contents however cut");
    require(d1_mem_live() == live, "nothing is left");
    return 0;
}
