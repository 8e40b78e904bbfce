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
#include "providers/xml.h"

static void check(const char *text, const char *expected) {
    json_t *document = NULL;
    json_t *wanted = json_loads(expected, 0, NULL);
    assert_non_null(wanted);
    int status = d1_xml_parse(text, strlen(text), &document);
    if (status != 0 || !json_equal(document, wanted)) {
        char *found = json_dumps(document, JSON_ENCODE_ANY);
        fail_msg("%s: %d: %s", text, status, found != NULL ? found : "nothing");
    }
    json_decref(document);
    json_decref(wanted);
}

static void test_forms(void **state) {
    (void)state;
    check("<a/>", "{\"a\": \"\"}");
    check("<?xml version=\"1.0\"?>\n<!-- c --><a>x</a>\n", "{\"a\": \"x\"}");
    check("<a> x <b>1</b> </a>", "{\"a\": {\"b\": \"1\", \"#text\": \"x\"}}");
    check("<a><b>1</b><b>2</b><b>3</b></a>", "{\"a\": {\"b\": [\"1\", \"2\", \"3\"]}}");
    check("<ns:a id='7' x:y=\"&lt;&#65;&#x42;&quot;\"><ns:b>&amp;&#8364;</ns:b></ns:a>",
          "{\"a\": {\"@id\": \"7\", \"@y\": \"<AB\\\"\", \"b\": \"&\\u20ac\"}}");
    check("<a><![CDATA[<b>&]]></a>", "{\"a\": \"<b>&\"}");
    check("\xef\xbb\xbf<a >x</a >", "{\"a\": \"x\"}");
    check("<rr id=\"1\"><name>n</name><txt><string>v</string></txt></rr>",
          "{\"rr\": {\"@id\": \"1\", \"name\": \"n\", \"txt\": {\"string\": \"v\"}}}");
}

static void test_faults(void **state) {
    static const char *const texts[] = {
        "",
        "x",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "</a>",
        "<a",
        "<a b>",
        "<a b=c/>",
        "<a b='c/>",
        "<a b='1' b='2'/>",
        "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
        "<a>&x;</a>",
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
        "<a>&#x110000;</a>",
        "<a>&#;</a>",
        "<a>&</a>",
        "<a>\xff</a>",
        "<1>x</1",
        "<a><![CDATA[x</a>",
        "<![CDATA[x]]>",
        "<a>x</a>y",
        "<:/>",
        "<!-- ",
        "<a>&#99999999999999999999;</a>",
    };
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(texts); i++) {
        json_t *document = NULL;
        if (d1_xml_parse(texts[i], strlen(texts[i]), &document) == 0) {
            fail_msg("taken: %s", texts[i]);
        }
        assert_null(document);
    }
}

static void test_depth(void **state) {
    char text[D1_XML_DEPTH_MAX * 7 + 16] = "";
    json_t *document = NULL;
    (void)state;
    for (int i = 0; i < D1_XML_DEPTH_MAX; i++) {
        memcpy(text + 3 * i, "<a>", 4);
    }
    assert_int_equal(d1_xml_parse(text, strlen(text), &document), D1_EPARSE);
    memcpy(text + strlen(text), "<a>", 4);
    assert_int_equal(d1_xml_parse(text, strlen(text), &document), D1_ETOOLARGE);
}

static void test_nul_inside(void **state) {
    json_t *document = NULL;
    (void)state;
    assert_int_equal(d1_xml_parse("<a>\0</a>", 8, &document), D1_EPARSE);
}

static void test_without_memory(void **state) {
    static const char text[] = "<a id='1'>t<b>1</b><b>2</b><b>3</b><c x='&amp;'/></a>";
    int64_t alive = d1_mem_live();
    uint64_t faults = 1;
    (void)state;
    for (uint64_t skip = 0; faults > 0; skip++) {
        json_t *document = NULL;
        d1_mem_fault_arm(skip, 0);
        int status = d1_xml_parse(text, strlen(text), &document);
        faults = d1_mem_fault_disarm();
        assert_true(faults > 0 || status == 0);
        json_decref(document);
        assert_int_equal(d1_mem_live(), alive);
    }
}

static int set_up(void **state) {
    (void)state;
    json_set_alloc_funcs(d1_malloc, d1_free);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),          cmocka_unit_test(test_faults),
        cmocka_unit_test(test_depth),          cmocka_unit_test(test_nul_inside),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
