#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/mem.h"
#include "providers/filter.h"
#include "providers/template.h"

static int find(void *arg, const char *name, struct d1_bytes *out) {
    (void)arg;
    static const struct {
        const char *name;
        const char *text;
    } texts[] = {{"d", "_acme-challenge.a.example.org"},
                 {"now", "1440938160123"},
                 {"v", "a\"b\\c"},
                 {"q", "\"one\" \"two\""},
                 {"p", "/records/abc/17"},
                 {"k", "Jefe"},
                 {"w", "what do ya want for nothing?"},
                 {"b", "YT8+"},
                 {"t", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"},
                 {"x", "Ab~ /?"}};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(texts); i++) {
        if (strcmp(texts[i].name, name) == 0) {
            return d1_bytes_add_text(out, texts[i].text);
        }
    }
    return D1_ENOTFOUND;
}

static int expand(const char *text, char *ret, size_t size) {
    struct d1_template vars = {.find = find};
    struct d1_bytes out;
    d1_bytes_init(&out, 4096);
    int status = d1_template_text(&vars, text, D1_TEMPLATE_PLAIN, &out);
    snprintf(ret, size, "%s", status == 0 ? d1_bytes_text(&out) : "");
    d1_bytes_close(&out);
    return status;
}

static void test_each(void **state) {
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"{d|labels:1}", "_acme-challenge"},
        {"{d|labels:-2}", "example.org"},
        {"{d|labels:9}", "_acme-challenge.a.example.org"},
        {"{d|labels:-9}", "_acme-challenge.a.example.org"},
        {"{d|labels:0}", ""},
        {"{d|skip:1}", "a.example.org"},
        {"{d|skip:4}", ""},
        {"{d|skip:0|labels:2}", "_acme-challenge.a"},
        {"{d|replace:.:_}", "_acme-challenge_a_example_org"},
        {"{d|before:.}", "_acme-challenge"},
        {"{d|after:.}", "a.example.org"},
        {"{d|last:.}", "org"},
        {"{d|strip:_acme-}", "challenge.a.example.org"},
        {"{d|strip:x}{d|before:\\#}", "_acme-challenge.a.example.org_acme-challenge.a.example.org"},
        {"{p|last:/}", "17"},
        {"{x|upper}{x|lower}", "AB~ /?ab~ /?"},
        {"{x|url}", "Ab~%20%2F%3F"},
        {"{x|path}", "Ab~%20/%3F"},
        {"{x|segment}", "Ab~%20%2F%3F"},
        {"{x|pointer}", "Ab~0 ~1?"},
        {"{v|json}", "\"a\\\"b\\\\c\""},
        {"{v|xml}", "a&quot;b\\c"},
        {"{v|quote}", "\"a\\\"b\\\\c\""},
        {"{q|unquote}", "onetwo"},
        {"{b|unb64|hex}", "613f3e"},
        {"{b|unb64|b64}{b|unb64|b64url}", "YT8+YT8-"},
        {"{k|md5|hex}", "0f71e3c00b7b8162c6d7ef6edc738aa0"},
        {"{w|hmac-sha1:k|hex}", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {"{now|unix}", "1440938160"},
        {"{now|unix_ms}", "1440938160123"},
        {"{now|plus:600|unix}", "1440938760"},
        {"{now|plus:-60|unix}", "1440938100"},
        {"{now|rfc3339}", "2015-08-30T12:36:00Z"},
        {"{now|http_date}", "Sun, 30 Aug 2015 12:36:00 GMT"},
        {"{now|fmt:%Y%m%dT%H\\:%M%%}", "20150830T12:36%"},
        {"{t|totp}", "278819"},
    };
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(cases); i++) {
        char out[512];
        int status = expand(cases[i].text, out, sizeof(out));
        if (status != 0 || strcmp(out, cases[i].expected) != 0) {
            fail_msg("%s: %d: %s", cases[i].text, status, out);
        }
    }
}

static void test_what_cannot_be(void **state) {
    static const char *const texts[] = {"{d|unix}",       "{d|unb64}",       "{d|plus:1}",
                                        "{now|fmt:%x}",   "{now|fmt:%}",     "{d|totp}",
                                        "{d|replace::x}", "{w|rsa-sha256:k}"};
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(texts); i++) {
        char out[512];
        if (expand(texts[i], out, sizeof(out)) != D1_EPARSE) {
            fail_msg("%s: %s", texts[i], out);
        }
    }
}

static void test_names(void **state) {
    (void)state;
    assert_null(d1_filter_find("none"));
    assert_null(d1_filter_find(""));
    const struct d1_filter *filter = d1_filter_find("replace");
    assert_non_null(filter);
    assert_int_equal(filter->least, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_what_cannot_be),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
