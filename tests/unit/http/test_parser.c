/*
 * Each request is fed whole, octet by octet, and cut in two at every place: the verdict and what
 * was understood must be the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/limits.h"
#include "core/mem.h"
#include "http/parser.h"
#include "http/server.h"

#define HOST "Host: a\r\n"

enum { INPUT_MAX = 262144, SEEN_MAX = 8192, CUTS_MAX = 512 };

struct outcome {
    enum d1_http_verdict verdict;
    int status;
    size_t taken;
    bool keeps_alive;
    char seen[SEEN_MAX]; /* METHOD PATH QUERY, one line per header, the body. */
};

static void describe(const struct d1_http_parser *parser, struct outcome *ret_outcome) {
    struct d1_http_request request = {0};
    d1_http_parser_request(parser, &request);
    char *to = ret_outcome->seen;
    size_t at =
        (size_t)snprintf(to, SEEN_MAX, "%s %s %s\n", request.method, request.path, request.query);
    for (size_t i = 0; i < request.headers_count && at < SEEN_MAX; i++) {
        at += (size_t)snprintf(to + at, SEEN_MAX - at, "%s=%s\n", request.headers[i].name,
                               request.headers[i].value);
    }
    if (at < SEEN_MAX) {
        snprintf(to + at, SEEN_MAX - at, "%s", (const char *)request.body);
    }
    assert_int_equal(request.body[request.body_length], 0);
}

/* Feed [0, cut) and the rest in pieces of `step` octets (0: all at once). */
static void feed(const char *input, size_t length, size_t cut, size_t step,
                 struct outcome *ret_outcome) {
    struct d1_http_parser *parser;
    assert_int_equal(d1_http_parser_create(&parser), 0);
    memset(ret_outcome, 0, sizeof(*ret_outcome));
    ret_outcome->verdict = D1_HTTP_MORE;
    size_t at = 0;
    while (ret_outcome->verdict == D1_HTTP_MORE && at < length) {
        size_t take = at < cut ? cut - at : step == 0 || step > length - at ? length - at : step;
        uint8_t *exact = d1_memdup(input + at, take); /* So that a sanitizer sees an overread. */
        size_t used = SIZE_MAX;
        ret_outcome->verdict = d1_http_parser_feed(parser, exact, take, &used);
        assert_true(used <= take);
        assert_true(ret_outcome->verdict != D1_HTTP_MORE || used == take);
        d1_free(exact);
        at += used;
    }
    ret_outcome->taken = at;
    ret_outcome->status = d1_http_parser_status(parser);
    ret_outcome->keeps_alive = d1_http_parser_keeps_alive(parser);
    if (ret_outcome->verdict == D1_HTTP_COMPLETE) {
        describe(parser, ret_outcome);
    }
    d1_http_parser_destroy(parser);
}

static void assert_same(const struct outcome *a, const struct outcome *b) {
    assert_int_equal(a->verdict, b->verdict);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->taken, b->taken);
    assert_int_equal(a->keeps_alive, b->keeps_alive);
    assert_string_equal(a->seen, b->seen);
}

/* The outcome, after it was found to be the same for every way to cut the input. */
static struct outcome outcome_of(const char *input, size_t length) {
    struct outcome whole;
    struct outcome other;
    feed(input, length, 0, 0, &whole);
    feed(input, length, 0, 1, &other);
    assert_same(&whole, &other);
    for (size_t cut = 1; cut < length && cut < CUTS_MAX; cut++) {
        feed(input, length, cut, 0, &other);
        assert_same(&whole, &other);
    }
    return whole;
}

struct row {
    const char *name;
    const char *input;
    int status; /* 0: complete. */
    const char *seen;
    bool closes;
};

static const struct row accepted[] = {
    {"a plain GET", "GET / HTTP/1.1\r\n" HOST "\r\n", 0, "GET / \nhost=a\n", false},
    {"path and query are parted", "GET /a/b?c=d?e HTTP/1.1\r\n" HOST "\r\n", 0,
     "GET /a/b c=d?e\nhost=a\n", false},
    {"an empty query", "GET /a? HTTP/1.1\r\n" HOST "\r\n", 0, "GET /a \nhost=a\n", false},
    {"escapes stay as sent", "GET /%41%2f HTTP/1.1\r\n" HOST "\r\n", 0, "GET /%41%2f \nhost=a\n",
     false},
    {"names become lower case, blanks around values go",
     "GET / HTTP/1.1\r\nHOST:a\r\nX-Api-USER: \t u v \t \r\n\r\n", 0,
     "GET / \nhost=a\nx-api-user=u v\n", false},
    {"an empty value", "GET / HTTP/1.1\r\nHost:\r\nA:\r\nB:  \r\n\r\n", 0,
     "GET / \nhost=\na=\nb=\n", false},
    {"a body of known length", "POST /u HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody", 0,
     "POST /u \nhost=a\ncontent-length=4\nbody", false},
    {"a POST without any length has an empty body", "POST /register HTTP/1.1\r\n" HOST "\r\n", 0,
     "POST /register \nhost=a\n", false},
    {"Content-Length: 0", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 0,
     "POST / \nhost=a\ncontent-length=0\n", false},
    {"leading zeros of a length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0002\r\n\r\nab", 0,
     "POST / \nhost=a\ncontent-length=0002\nab", false},
    {"a chunked body",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
     "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n",
     0, "POST / \nhost=a\ntransfer-encoding=chunked\nabc0123456789", false},
    {"the name of a coding has no case",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: CHUNKED\r\n\r\n1\r\na\r\n0\r\n\r\n", 0,
     "POST / \nhost=a\ntransfer-encoding=CHUNKED\na", false},
    {"chunk data may look like a chunk's end",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n", 0,
     "POST / \nhost=a\ntransfer-encoding=chunked\n0\r\n\r\n", false},
    {"a small chunk extension and a trailer are forgotten",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
     "1;a=b\r\nz\r\n0;last\r\nX-Sum: 1\r\nY: 2\r\n\r\n",
     0, "POST / \nhost=a\ntransfer-encoding=chunked\nz", false},
    {"an empty chunked body",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0,
     "POST / \nhost=a\ntransfer-encoding=chunked\n", false},
    {"HTTP/1.0 closes", "GET / HTTP/1.0\r\n\r\n", 0, "GET / \n", true},
    {"HTTP/1.0 with keep-alive stays", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 0,
     "GET / \nconnection=keep-alive\n", false},
    {"Connection: close closes", "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", 0,
     "GET / \nhost=a\nconnection=close\n", true},
    {"close among other options", "GET / HTTP/1.1\r\n" HOST "Connection: x, Close\r\n\r\n", 0,
     "GET / \nhost=a\nconnection=x, Close\n", true},
    {"close beats keep-alive",
     "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", 0,
     "GET / \nconnection=keep-alive\nconnection=close\n", true},
    {"absolute form", "GET http://h:1/p?q HTTP/1.1\r\n" HOST "\r\n", 0, "GET /p q\nhost=a\n",
     false},
    {"absolute form without a path", "GET HTTPS://h HTTP/1.1\r\n" HOST "\r\n", 0,
     "GET / \nhost=a\n", false},
    {"absolute form with a query only", "GET http://h?q=1 HTTP/1.1\r\n" HOST "\r\n", 0,
     "GET / q=1\nhost=a\n", false},
    {"an upgrade is ignored",
     "GET / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 0,
     "GET / \nhost=a\nconnection=Upgrade\nupgrade=websocket\n", false},
    {"an upgrade with a body is ignored",
     "POST / HTTP/1.1\r\n" HOST
     "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab",
     0, "POST / \nhost=a\nconnection=Upgrade\nupgrade=h2c\ncontent-length=2\nab", false},
    {"a method that no path of ours takes", "PROPFIND / HTTP/1.1\r\n" HOST "\r\n", 0,
     "PROPFIND / \nhost=a\n", false},
    {"OPTIONS of a path", "OPTIONS /update HTTP/1.1\r\n" HOST "\r\n", 0,
     "OPTIONS /update \nhost=a\n", false},
    {"100-continue",
     "POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx", 0,
     "POST / \nhost=a\nexpect=100-Continue\ncontent-length=1\nx", false},
    {"HTTP/1.0 expects nothing", "GET / HTTP/1.0\r\nExpect: magic\r\n\r\n", 0,
     "GET / \nexpect=magic\n", true},
    {"octets over 127 in a value", "GET / HTTP/1.1\r\n" HOST "A: \xc3\xa9\r\n\r\n", 0,
     "GET / \nhost=a\na=\xc3\xa9\n", false},
    {"a Host with port and brackets", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0,
     "GET / \nhost=[::1]:80\n", false},
};

static const struct row refused[] = {
    /* Line structure. */
    {"LF only", "GET / HTTP/1.1\nHost: a\n\n", 400, NULL, false},
    {"LF behind a header", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400, NULL, false},
    {"LF as the empty line", "GET / HTTP/1.1\r\n" HOST "\n", 400, NULL, false},
    {"CR CR LF", "GET / HTTP/1.1\r\r\n" HOST "\r\n", 400, NULL, false},
    {"CR CR behind a header", "GET / HTTP/1.1\r\nHost: a\r\rX: y\r\n\r\n", 400, NULL, false},
    {"CR CR at the end of the head", "GET / HTTP/1.1\r\n" HOST "\r\r\n", 400, NULL, false},
    {"a CR within a value", "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400, NULL, false},
    {"a folded header", "GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", 400, NULL, false},
    {"a header folded with a tab", "GET / HTTP/1.1\r\n" HOST "A: b\r\n\tc\r\n\r\n", 400, NULL,
     false},
    {"a folded Transfer-Encoding",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400, NULL,
     false},
    {"a folded Content-Length", "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n 1\r\n\r\na", 400,
     NULL, false},
    {"a blank line before the first header", "GET / HTTP/1.1\r\n X: y\r\n" HOST "\r\n", 400, NULL,
     false},
    {"an empty line before the request", "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400, NULL, false},
    {"a blank before the request", " GET / HTTP/1.1\r\n" HOST "\r\n", 400, NULL, false},
    {"two blanks behind the method", "GET  / HTTP/1.1\r\n" HOST "\r\n", 400, NULL, false},
    {"two blanks behind the target", "GET /  HTTP/1.1\r\n" HOST "\r\n", 400, NULL, false},
    {"a tab in the request line", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400, NULL, false},
    {"a blank behind the version", "GET / HTTP/1.1 \r\n" HOST "\r\n", 400, NULL, false},
    {"a blank in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 400, NULL, false},
    {"no target", "GET HTTP/1.1\r\n" HOST "\r\n", 400, NULL, false},
    {"no version", "GET /\r\n\r\n", 400, NULL, false},
    {"a blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, NULL, false},
    {"a blank before Content-Length's colon",
     "POST / HTTP/1.1\r\n" HOST "Content-Length : 1\r\n\r\na", 400, NULL, false},
    {"no colon", "GET / HTTP/1.1\r\n" HOST "Nonsense\r\n\r\n", 400, NULL, false},
    {"no name", "GET / HTTP/1.1\r\n" HOST ": v\r\n\r\n", 400, NULL, false},
    {"a name that is no token", "GET / HTTP/1.1\r\n" HOST "a(b): v\r\n\r\n", 400, NULL, false},
    {"a control octet in a value", "GET / HTTP/1.1\r\n" HOST "A: b\001c\r\n\r\n", 400, NULL, false},
    {"DEL in a value", "GET / HTTP/1.1\r\n" HOST "A: b\177\r\n\r\n", 400, NULL, false},
    {"octets over 127 in the target", "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400, NULL, false},
    {"a TLS hello", "\x16\x03\x01\x02", 400, NULL, false},
    /* Version, method, target. */
    {"HTTP/2.0", "GET / HTTP/2.0\r\n" HOST "\r\n", 505, NULL, false},
    {"HTTP/1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", 505, NULL, false},
    {"HTTP/0.9 with a version", "GET / HTTP/0.9\r\n\r\n", 505, NULL, false},
    {"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, NULL, false},
    {"PRI in HTTP/1.1", "PRI * HTTP/1.1\r\n" HOST "\r\n", 501, NULL, false},
    {"HTTP/1.10", "GET / HTTP/1.10\r\n" HOST "\r\n", 400, NULL, false},
    {"HTTP/01.1", "GET / HTTP/01.1\r\n" HOST "\r\n", 400, NULL, false},
    {"lower-case http", "GET / http/1.1\r\n" HOST "\r\n", 400, NULL, false},
    {"RTSP", "GET / RTSP/1.0\r\n\r\n", 400, NULL, false},
    {"a method of RTSP", "TEARDOWN / HTTP/1.1\r\n" HOST "\r\n", 501, NULL, false},
    {"an unknown method", "BREW / HTTP/1.1\r\n" HOST "\r\n", 501, NULL, false},
    {"a lower-case method", "get / HTTP/1.1\r\n" HOST "\r\n", 501, NULL, false},
    {"an overlong method", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKL / HTTP/1.1\r\n\r\n", 501, NULL,
     false},
    {"CONNECT", "CONNECT h:443 HTTP/1.1\r\n" HOST "\r\n", 501, NULL, false},
    {"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 501, NULL, false},
    {"GET *", "GET * HTTP/1.1\r\n" HOST "\r\n", 400, NULL, false},
    {"a relative target", "GET a/b HTTP/1.1\r\n" HOST "\r\n", 400, NULL, false},
    {"a fragment", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400, NULL, false},
    {"another scheme", "GET ftp://h/ HTTP/1.1\r\n" HOST "\r\n", 400, NULL, false},
    {"absolute form without a host", "GET http:///p HTTP/1.1\r\n" HOST "\r\n", 400, NULL, false},
    {"absolute form with a user", "GET http://u@h/p HTTP/1.1\r\n" HOST "\r\n", 400, NULL, false},
    /* Host. */
    {"no Host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", 400, NULL, false},
    {"no header at all", "GET / HTTP/1.1\r\n\r\n", 400, NULL, false},
    {"two Hosts", "GET / HTTP/1.1\r\n" HOST "host: a\r\n\r\n", 400, NULL, false},
    {"two Hosts in HTTP/1.0", "GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400, NULL, false},
    {"a Host with a blank", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, NULL, false},
    {"a Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, NULL, false},
    {"a Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, NULL, false},
    /* Framing: what request smuggling is made of. */
    {"CL and TE",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400, NULL, false},
    {"TE and CL",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
     400, NULL, false},
    {"TE and CL 0",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
     400, NULL, false},
    {"two different CL",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, NULL,
     false},
    {"the same CL twice",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400, NULL,
     false},
    {"CL as a list", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\na", 400, NULL, false},
    {"CL with a sign", "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\na", 400, NULL, false},
    {"a negative CL", "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\na", 400, NULL, false},
    {"an empty CL", "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400, NULL, false},
    {"CL in hex", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\na", 400, NULL, false},
    {"CL with a blank inside", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1 2\r\n\r\na", 400, NULL,
     false},
    {"CL beyond 64 bits",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\na", 400, NULL, false},
    {"CL over the limit", "POST / HTTP/1.1\r\n" HOST "Content-Length: 65537\r\n\r\n", 413, NULL,
     false},
    {"CL over the limit, waiting for 100",
     "POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 65537\r\n\r\n", 413, NULL,
     false},
    {"TE gzip, chunked",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, NULL,
     false},
    {"TE xchunked", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501,
     NULL, false},
    {"TE chunked;q=1", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
     501, NULL, false},
    {"TE with quotes", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
     501, NULL, false},
    {"TE identity", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 501, NULL,
     false},
    {"an empty TE", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n", 501, NULL, false},
    {"TE behind a vertical tab",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400, NULL, false},
    {"a blank before TE's colon",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, NULL, false},
    {"TE in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL,
     false},
    {"an unknown expectation", "POST / HTTP/1.1\r\n" HOST "Expect: 200-ok\r\n\r\n", 417, NULL,
     false},
};

#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

static const struct row refused_chunks[] = {
    {"TE twice",
     "POST / HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     400, NULL, false},
    {"a size that is no number", CHUNKED "x\r\n", 400, NULL, false},
    {"no size", CHUNKED "\r\n", 400, NULL, false},
    {"a size with 0x", CHUNKED "0x1\r\na\r\n0\r\n\r\n", 400, NULL, false},
    {"a negative size", CHUNKED "-1\r\n", 400, NULL, false},
    {"a size with a blank before it", CHUNKED " 1\r\na\r\n0\r\n\r\n", 400, NULL, false},
    {"a size with a blank behind it", CHUNKED "1 \r\na\r\n0\r\n\r\n", 400, NULL, false},
    {"a size with LF only", CHUNKED "1\na\r\n0\r\n\r\n", 400, NULL, false},
    {"a size with CR CR", CHUNKED "1\r\r\na\r\n0\r\n\r\n", 400, NULL, false},
    {"a size that overflows 64 bits", CHUNKED "fffffffffffffffff\r\n", 413, NULL, false},
    {"a size of 2^64 - 1", CHUNKED "ffffffffffffffff\r\n", 413, NULL, false},
    {"a size of 4 GiB - 1", CHUNKED "ffffffff\r\n", 413, NULL, false},
    {"a size just over the limit", CHUNKED "10001\r\n", 413, NULL, false},
    {"chunks that sum up over the limit", CHUNKED "1\r\na\r\n10000\r\n", 413, NULL, false},
    {"data longer than its size", CHUNKED "1\r\nab\r\n0\r\n\r\n", 400, NULL, false},
    {"data with LF only behind it", CHUNKED "1\r\na\n0\r\n\r\n", 400, NULL, false},
    {"an extension with LF only", CHUNKED "1;a\na\r\n0\r\n\r\n", 400, NULL, false},
    {"an extension with a NUL-like octet", CHUNKED "1;a\001\r\na\r\n0\r\n\r\n", 400, NULL, false},
    {"a folded trailer", CHUNKED "0\r\nA: b\r\n c\r\n\r\n", 400, NULL, false},
    {"a trailer without colon", CHUNKED "0\r\nabc\r\n\r\n", 400, NULL, false},
    {"a last chunk with LF only", CHUNKED "0\r\n\n", 400, NULL, false},
};

static void check_accepted(void **state) {
    const struct row *row = *state;
    size_t length = strlen(row->input);
    struct outcome outcome = outcome_of(row->input, length);
    assert_int_equal(outcome.status, 0);
    assert_int_equal(outcome.verdict, D1_HTTP_COMPLETE);
    assert_int_equal(outcome.taken, length);
    assert_string_equal(outcome.seen, row->seen);
    assert_int_equal(outcome.keeps_alive, !row->closes);
}

static void check_refused(void **state) {
    const struct row *row = *state;
    struct outcome outcome = outcome_of(row->input, strlen(row->input));
    assert_int_equal(outcome.verdict, D1_HTTP_REFUSED);
    assert_int_equal(outcome.status, row->status);
    assert_false(outcome.keeps_alive);
}

static void nul_is_refused_everywhere(void **state) {
    (void)state;
    const char plain[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    for (size_t at = 0; at < sizeof(plain) - 1; at++) {
        char text[sizeof(plain)];
        memcpy(text, plain, sizeof(plain));
        text[at] = '\0';
        struct outcome outcome = outcome_of(text, sizeof(plain) - 1);
        assert_int_equal(outcome.status, 400);
    }
}

/* `count` repetitions of `unit` between `before` and `after`. */
static struct outcome outcome_of_many(const char *before, const char *unit, size_t count,
                                      const char *after) {
    char *text = d1_malloc(INPUT_MAX);
    assert_non_null(text);
    size_t length = strlen(before);
    memcpy(text, before, length);
    for (size_t i = 0; i < count; i++) {
        assert_true(length + strlen(unit) < INPUT_MAX);
        memcpy(text + length, unit, strlen(unit));
        length += strlen(unit);
    }
    memcpy(text + length, after, strlen(after));
    length += strlen(after);
    struct outcome whole;
    struct outcome other;
    feed(text, length, 0, 0, &whole);
    feed(text, length, 0, 1, &other);
    assert_same(&whole, &other);
    feed(text, length, 0, 1500, &other);
    assert_same(&whole, &other);
    d1_free(text);
    return whole;
}

static void target_limit(void **state) {
    (void)state;
    const char after[] = " HTTP/1.1\r\n" HOST "\r\n";
    struct outcome outcome = outcome_of_many("GET /", "a", D1_HTTP_TARGET_BYTES_MAX - 1, after);
    assert_int_equal(outcome.verdict, D1_HTTP_COMPLETE);
    outcome = outcome_of_many("GET /", "a", D1_HTTP_TARGET_BYTES_MAX, after);
    assert_int_equal(outcome.status, 414);
}

static void header_count_limit(void **state) {
    (void)state;
    const char before[] = "GET / HTTP/1.1\r\n" HOST;
    struct outcome outcome = outcome_of_many(before, "A: b\r\n", D1_HTTP_HEADERS_MAX - 1, "\r\n");
    assert_int_equal(outcome.verdict, D1_HTTP_COMPLETE);
    outcome = outcome_of_many(before, "A: b\r\n", D1_HTTP_HEADERS_MAX, "\r\n");
    assert_int_equal(outcome.status, 431);
}

static void header_bytes_limit(void **state) {
    (void)state;
    const char before[] = "GET / HTTP/1.1\r\n" HOST "A:";
    size_t room = D1_HTTP_HEADER_BYTES_MAX - (sizeof(before) - 1) - 4;
    struct outcome outcome = outcome_of_many(before, "b", room, "\r\n\r\n");
    assert_int_equal(outcome.verdict, D1_HTTP_COMPLETE);
    outcome = outcome_of_many(before, "b", room + 1, "\r\n\r\n");
    assert_int_equal(outcome.status, 431);
}

static void counted_body_limit(void **state) {
    (void)state;
    struct outcome outcome = outcome_of_many(
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 65536\r\n\r\n", "x", 65536, "GET ");
    assert_int_equal(outcome.verdict, D1_HTTP_COMPLETE);
    assert_int_equal(outcome.taken, strlen(CHUNKED) - strlen("Transfer-Encoding: chunked") +
                                        strlen("Content-Length: 65536") + 65536);
}

static void chunked_body_limit(void **state) {
    (void)state;
    struct outcome outcome = outcome_of_many(CHUNKED, "4\r\nabcd\r\n", 16384, "0\r\n\r\n");
    assert_int_equal(outcome.verdict, D1_HTTP_COMPLETE);
    outcome = outcome_of_many(CHUNKED, "4\r\nabcd\r\n", 16385, "0\r\n\r\n");
    assert_int_equal(outcome.status, 413);
}

static void chunk_extensions_are_bounded_together(void **state) {
    (void)state;
    struct outcome outcome =
        outcome_of_many(CHUNKED "1;", "e", D1_HTTP_CHUNK_EXTENSION_BYTES_MAX, "\r\na\r\n0\r\n\r\n");
    assert_int_equal(outcome.verdict, D1_HTTP_COMPLETE);
    outcome = outcome_of_many(CHUNKED "1;", "e", D1_HTTP_CHUNK_EXTENSION_BYTES_MAX + 1,
                              "\r\na\r\n0\r\n\r\n");
    assert_int_equal(outcome.status, 400);
    outcome = outcome_of_many(CHUNKED, "1;ext\r\na\r\n", D1_HTTP_CHUNK_EXTENSION_BYTES_MAX / 3 + 1,
                              "0\r\n\r\n");
    assert_int_equal(outcome.status, 400);
}

static void trailer_is_bounded(void **state) {
    (void)state;
    struct outcome outcome =
        outcome_of_many(CHUNKED "0\r\nA:", "b", D1_HTTP_TRAILER_BYTES_MAX - 6, "\r\n\r\n");
    assert_int_equal(outcome.verdict, D1_HTTP_COMPLETE);
    outcome = outcome_of_many(CHUNKED "0\r\nA:", "b", D1_HTTP_TRAILER_BYTES_MAX - 5, "\r\n\r\n");
    assert_int_equal(outcome.status, 431);
}

static void pipelined_octets_are_not_taken(void **state) {
    (void)state;
    const char first[] = "POST /1 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab";
    char both[256];
    int length = snprintf(both, sizeof(both), "%sGET /2 HTTP/1.1\r\n" HOST "\r\n", first);
    struct d1_http_parser *parser;
    assert_int_equal(d1_http_parser_create(&parser), 0);
    size_t used;
    assert_int_equal(d1_http_parser_feed(parser, both, (size_t)length, &used), D1_HTTP_COMPLETE);
    assert_int_equal(used, sizeof(first) - 1);
    size_t again;
    assert_int_equal(d1_http_parser_feed(parser, both + used, 1, &again), D1_HTTP_COMPLETE);
    assert_int_equal(again, 0);
    d1_http_parser_reset(parser);
    assert_int_equal(d1_http_parser_stage(parser), D1_HTTP_STAGE_EMPTY);
    assert_int_equal(d1_http_parser_feed(parser, both + used, (size_t)length - used, &again),
                     D1_HTTP_COMPLETE);
    struct d1_http_request request = {0};
    d1_http_parser_request(parser, &request);
    assert_string_equal(request.path, "/2");
    assert_int_equal(request.body_length, 0);
    assert_int_equal(request.headers_count, 1);
    d1_http_parser_destroy(parser);
}

static enum d1_http_verdict feed_text(struct d1_http_parser *parser, const char *text) {
    size_t used;
    return d1_http_parser_feed(parser, text, strlen(text), &used);
}

static void expectation_is_reported_once(void **state) {
    (void)state;
    struct d1_http_parser *parser;
    assert_int_equal(d1_http_parser_create(&parser), 0);
    assert_int_equal(feed_text(parser, "POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                                       "Content-Length: 2\r\n\r\n"),
                     D1_HTTP_MORE);
    assert_int_equal(d1_http_parser_stage(parser), D1_HTTP_STAGE_BODY);
    assert_true(d1_http_parser_take_expectation(parser));
    assert_false(d1_http_parser_take_expectation(parser));
    assert_int_equal(feed_text(parser, "ab"), D1_HTTP_COMPLETE);
    d1_http_parser_destroy(parser);
}

static void expectation_is_void_when_the_body_has_begun(void **state) {
    (void)state;
    struct d1_http_parser *parser;
    assert_int_equal(d1_http_parser_create(&parser), 0);
    assert_int_equal(feed_text(parser, "POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                                       "Content-Length: 2\r\n\r\na"),
                     D1_HTTP_MORE);
    assert_false(d1_http_parser_take_expectation(parser));
    d1_http_parser_reset(parser);
    assert_int_equal(feed_text(parser, "POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n"
                                       "Transfer-Encoding: chunked\r\n\r\n1"),
                     D1_HTTP_MORE);
    assert_false(d1_http_parser_take_expectation(parser));
    d1_http_parser_destroy(parser);
}

static void no_body_expects_nothing(void **state) {
    (void)state;
    struct d1_http_parser *parser;
    assert_int_equal(d1_http_parser_create(&parser), 0);
    assert_int_equal(feed_text(parser, "POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n"),
                     D1_HTTP_COMPLETE);
    assert_false(d1_http_parser_take_expectation(parser));
    d1_http_parser_destroy(parser);
}

static void memory_faults_are_refused_with_503(void **state) {
    (void)state;
    int64_t live = d1_mem_live();
    uint64_t failed = 1;
    for (uint64_t nth = 0; failed > 0; nth++) {
        struct d1_http_parser *parser;
        d1_mem_fault_arm(nth, 0);
        int err = d1_http_parser_create(&parser);
        enum d1_http_verdict verdict = D1_HTTP_REFUSED;
        if (err == 0) {
            verdict = feed_text(parser, CHUNKED "5\r\nhello\r\n0\r\n\r\n");
            failed = d1_mem_fault_disarm();
            assert_int_equal(verdict, failed > 0 ? D1_HTTP_REFUSED : D1_HTTP_COMPLETE);
            assert_int_equal(d1_http_parser_status(parser), failed > 0 ? 503 : 0);
            d1_http_parser_destroy(parser);
        }
        assert_int_equal(d1_mem_fault_disarm(), failed);
        assert_int_equal(d1_mem_live(), live);
        assert_true(nth < 100);
    }
}

static size_t add_rows(struct CMUnitTest *tests, size_t count, const struct row *rows,
                       size_t rows_count, CMUnitTestFunction check) {
    for (size_t i = 0; i < rows_count; i++) {
        tests[count++] = (struct CMUnitTest){
            .name = rows[i].name,
            .test_func = check,
            .initial_state = (void *)(uintptr_t)&rows[i],
        };
    }
    return count;
}

int main(void) {
    const struct CMUnitTest plain[] = {
        cmocka_unit_test(nul_is_refused_everywhere),
        cmocka_unit_test(target_limit),
        cmocka_unit_test(header_count_limit),
        cmocka_unit_test(header_bytes_limit),
        cmocka_unit_test(counted_body_limit),
        cmocka_unit_test(chunked_body_limit),
        cmocka_unit_test(chunk_extensions_are_bounded_together),
        cmocka_unit_test(trailer_is_bounded),
        cmocka_unit_test(pipelined_octets_are_not_taken),
        cmocka_unit_test(expectation_is_reported_once),
        cmocka_unit_test(expectation_is_void_when_the_body_has_begun),
        cmocka_unit_test(no_body_expects_nothing),
        cmocka_unit_test(memory_faults_are_refused_with_503),
    };
    static struct CMUnitTest tests[D1_ARRAY_LENGTH(plain) + D1_ARRAY_LENGTH(accepted) +
                                   D1_ARRAY_LENGTH(refused) + D1_ARRAY_LENGTH(refused_chunks)];
    memcpy(tests, plain, sizeof(plain));
    size_t count = D1_ARRAY_LENGTH(plain);
    count = add_rows(tests, count, accepted, D1_ARRAY_LENGTH(accepted), check_accepted);
    count = add_rows(tests, count, refused, D1_ARRAY_LENGTH(refused), check_refused);
    count = add_rows(tests, count, refused_chunks, D1_ARRAY_LENGTH(refused_chunks), check_refused);
    return _cmocka_run_group_tests("http_parser", tests, count, NULL, NULL);
}
