#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "http/response.h"
#include "http/server.h"

static void assert_head(const struct d1_http_response *response,
                        enum d1_http_connection_field connection, const char *expected) {
    char text[512];
    size_t length = 0;
    assert_int_equal(
        d1_http_response_head(response, "DATE", connection, text, sizeof(text), &length), 0);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(text, expected, length);
}

static void plain_head(void **state) {
    (void)state;
    const struct d1_http_response response = {
        .status = 200, .content_type = "application/json", .body = "{}", .body_length = 2};
    assert_head(&response, D1_HTTP_CONNECTION_DEFAULT,
                "HTTP/1.1 200 OK\r\nDate: DATE\r\nContent-Length: 2\r\n"
                "Content-Type: application/json\r\n\r\n");
}

static void connection_field(void **state) {
    (void)state;
    const struct d1_http_response response = {.status = 404};
    assert_head(&response, D1_HTTP_CONNECTION_CLOSE,
                "HTTP/1.1 404 Not Found\r\nDate: DATE\r\nContent-Length: 0\r\n"
                "Connection: close\r\n\r\n");
    assert_head(&response, D1_HTTP_CONNECTION_KEEP,
                "HTTP/1.1 404 Not Found\r\nDate: DATE\r\nContent-Length: 0\r\n"
                "Connection: keep-alive\r\n\r\n");
}

static void further_headers(void **state) {
    (void)state;
    const struct d1_http_header headers[] = {{"Allow", "GET"}, {"Retry-After", "5"}};
    const struct d1_http_response response = {
        .status = 405, .headers = headers, .headers_count = 2};
    assert_head(&response, D1_HTTP_CONNECTION_DEFAULT,
                "HTTP/1.1 405 Method Not Allowed\r\nDate: DATE\r\nContent-Length: 0\r\n"
                "Allow: GET\r\nRetry-After: 5\r\n\r\n");
}

static void no_content_has_no_length(void **state) {
    (void)state;
    const struct d1_http_response response = {.status = 204};
    assert_head(&response, D1_HTTP_CONNECTION_DEFAULT,
                "HTTP/1.1 204 No Content\r\nDate: DATE\r\n\r\n");
}

static void a_line_end_in_a_field_is_refused(void **state) {
    (void)state;
    char text[512];
    size_t length = 77;
    const struct d1_http_header header = {"Location", "/a\r\nSet-Cookie: b"};
    struct d1_http_response response = {.status = 302, .headers = &header, .headers_count = 1};
    assert_int_equal(d1_http_response_head(&response, "DATE", D1_HTTP_CONNECTION_DEFAULT, text,
                                           sizeof(text), &length),
                     D1_EPARSE);
    response = (struct d1_http_response){.status = 200, .content_type = "a\nb"};
    assert_int_equal(d1_http_response_head(&response, "DATE", D1_HTTP_CONNECTION_DEFAULT, text,
                                           sizeof(text), &length),
                     D1_EPARSE);
    assert_int_equal(length, 77);
}

static void a_head_must_fit(void **state) {
    (void)state;
    char text[40];
    size_t length = 77;
    const struct d1_http_response response = {.status = 200};
    assert_int_equal(d1_http_response_head(&response, "DATE", D1_HTTP_CONNECTION_DEFAULT, text,
                                           sizeof(text), &length),
                     D1_ETOOLARGE);
    assert_int_equal(length, 77);
}

static void assert_date(int64_t wall_s, const char *expected) {
    char text[D1_HTTP_DATE_BYTES];
    d1_http_date_format(wall_s, text);
    assert_string_equal(text, expected);
}

static void dates(void **state) {
    (void)state;
    assert_date(0, "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_date(784111777, "Sun, 06 Nov 1994 08:49:37 GMT"); /* RFC 9110, 5.6.7. */
    assert_date(951782399, "Mon, 28 Feb 2000 23:59:59 GMT");
    assert_date(951782400, "Tue, 29 Feb 2000 00:00:00 GMT");
    assert_date(1798761599, "Thu, 31 Dec 2026 23:59:59 GMT");
    assert_date(4107542400, "Mon, 01 Mar 2100 00:00:00 GMT");
}

static void refusals_are_json_on_one_line_and_close(void **state) {
    (void)state;
    static const int statuses[] = {400, 408, 413, 414, 417, 431, 500, 501, 503, 505};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct d1_http_response response = d1_http_refusal(statuses[i]);
        const char *body = response.body;
        assert_int_equal(response.status, statuses[i]);
        assert_true(response.close);
        assert_int_equal(response.body_length, strlen(body));
        assert_memory_equal(body, "{\"error\":\"", 10);
        assert_ptr_equal(strchr(body, '\n'), body + response.body_length - 1);
        assert_string_not_equal(d1_http_reason(statuses[i]), "Unknown");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_head),
        cmocka_unit_test(connection_field),
        cmocka_unit_test(further_headers),
        cmocka_unit_test(no_content_has_no_length),
        cmocka_unit_test(a_line_end_in_a_field_is_refused),
        cmocka_unit_test(a_head_must_fit),
        cmocka_unit_test(dates),
        cmocka_unit_test(refusals_are_json_on_one_line_and_close),
    };
    return cmocka_run_group_tests_name("http_response", tests, NULL, NULL);
}
