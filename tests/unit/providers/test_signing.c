/*
 * Signatures that descriptors make of requests: Amazon's test suite of version 4 (as far as its
 * requests are such as the engine sends), and formulas of other vendors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/attr.h"
#include "core/err.h"
#include "core/mem.h"
#include "providers/descriptor.h"

#define AWS_KEY "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

/* Version 4 as a descriptor says it. %s: the request; further signed headers; their names. */
static const char aws[] =
    "{\"schema\": 1, \"type\": \"aws\", \"title\": \"AWS\", \"base\": "
    "\"https://example.amazonaws.com\", \"config\": {\"key\": {}, \"secret\": {\"secret\": true}},"
    "\"zone\": {\"mode\": \"none\"}, \"mode\": \"value\", \"list\": {%s, \"items\": \"\"},"
    "\"create\": {\"method\": \"POST\", \"path\": \"/\"},"
    "\"delete\": {\"method\": \"POST\", \"path\": \"/\"},"
    "\"vars\": {\"scope\": \"{now|fmt:%%Y%%m%%d}/us-east-1/service/aws4_request\"},"
    "\"auth\": [{\"sign\": {"
    "\"payload\": {\"text\": \"{req.body}\", \"alg\": \"sha256\"},"
    "\"canonical\": {\"text\": \"{req.method}\\n{req.path}\\n{req.query_sorted}\\n"
    "host:{req.host}\\nx-amz-date:{now|fmt:%%Y%%m%%dT%%H%%M%%SZ}\\n%s\\nhost;x-amz-date%s\\n"
    "{sign.payload}\", \"alg\": \"sha256\"},"
    "\"k1\": {\"text\": \"{now|fmt:%%Y%%m%%d}\", \"alg\": \"hmac-sha256\","
    " \"key\": \"AWS4{cfg.secret}\", \"enc\": \"raw\"},"
    "\"k2\": {\"text\": \"us-east-1\", \"alg\": \"hmac-sha256\", \"key\": \"{sign.k1}\","
    " \"enc\": \"raw\"},"
    "\"k3\": {\"text\": \"service\", \"alg\": \"hmac-sha256\", \"key\": \"{sign.k2}\","
    " \"enc\": \"raw\"},"
    "\"k4\": {\"text\": \"aws4_request\", \"alg\": \"hmac-sha256\", \"key\": \"{sign.k3}\","
    " \"enc\": \"raw\"},"
    "\"signature\": {\"text\": \"AWS4-HMAC-SHA256\\n{now|fmt:%%Y%%m%%dT%%H%%M%%SZ}\\n{scope}\\n"
    "{sign.canonical}\", \"alg\": \"hmac-sha256\", \"key\": \"{sign.k4}\"}},"
    "\"headers\": {\"Authorization\": \"{sign.signature}\"}}]}";

/* The headers and the URL of the first request of a present. */
struct sent {
    char authorization[512];
    char url[1024];
    char body[1024];
};

static void send_first(const char *text, int64_t now_ms, struct sent *ret) {
    struct d1_descriptor *descriptor = NULL;
    struct d1_error error = {.text = ""};
    struct d1_provider_error fault = {.text = ""};
    struct d1_pair settings[] = {{"key", "AKIDEXAMPLE"}, {"secret", AWS_KEY}};
    struct d1_provider_job asked = {.size = sizeof(asked),
                                    .verb = D1_PROVIDER_PRESENT,
                                    .fqdn = "_acme-challenge.example.org",
                                    .value = "v"};
    struct d1_reply reply = {.size = sizeof(reply), .kind = D1_REPLY_START, .now_ms = now_ms};
    struct d1_action action = {.size = sizeof(action)};
    void *account = NULL;
    void *job = NULL;
    if (d1_descriptor_create(text, strlen(text), NULL, &descriptor, &error) != 0) {
        fail_msg("%s", error.text);
    }
    const struct d1_provider *provider = &descriptor->provider;
    if (provider->account_open(provider, settings, 2, &account, &fault) != 0) {
        fail_msg("%s", fault.text);
    }
    assert_int_equal(provider->job_begin(account, &asked, &job), 0);
    provider->step(job, &reply, &action);
    if (action.kind != D1_ACTION_HTTP) {
        fail_msg("%s", action.as.fail.text);
    }
    *ret = (struct sent){.url = ""};
    snprintf(ret->url, sizeof(ret->url), "%s", action.as.http.url);
    snprintf(ret->body, sizeof(ret->body), "%.*s", (int)action.as.http.length,
             action.as.http.body != NULL ? (const char *)action.as.http.body : "");
    for (size_t i = 0; i < action.as.http.header_count; i++) {
        if (strcmp(action.as.http.headers[i].name, "Authorization") == 0) {
            snprintf(ret->authorization, sizeof(ret->authorization), "%s",
                     action.as.http.headers[i].value);
        }
    }
    provider->job_end(job);
    provider->account_close(account);
    d1_descriptor_destroy(descriptor);
}

#define GET(path)         "\"method\": \"GET\", \"path\": \"" path "\""
#define POST(path)        "\"method\": \"POST\", \"path\": \"" path "\""
#define QUERY(key, value) ", \"query\": {\"" key "\": \"" value "\"}"
#define UNRESERVED        "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static void test_amazons_suite(void **state) {
    static const struct {
        const char *name;
        const char *request;
        const char *headers;
        const char *names;
        const char *signature;
    } vectors[] = {
        {"get-vanilla", GET("/"), "", "",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"get-vanilla-query-order-key-case",
         GET("/") ", \"query\": {\"Param2\": \"value2\", \"Param1\": \"value1\"}", "", "",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"get-vanilla-query-order-encoded",
         GET("/") ", \"query\": {\"Param-3\": \"Value3\", \"Param\": \"Value2\","
                  " \"\\u1234\": \"Value1\"}",
         "", "", "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
        {"get-vanilla-query-unreserved", GET("/") QUERY(UNRESERVED, UNRESERVED), "", "",
         "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
        {"get-vanilla-utf8-query", GET("/") QUERY("\\u1234", "bar"), "", "",
         "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
        {"get-vanilla-empty-query-key", GET("/") QUERY("Param1", "value1"), "", "",
         "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
        {"get-unreserved", GET("/" UNRESERVED), "", "",
         "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
        {"get-vanilla-with-session-token", GET("/"),
         "x-amz-security-token:"
         "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267\\n",
         ";x-amz-security-token",
         "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
        {"post-vanilla", POST("/"), "", "",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        {"post-vanilla-query", POST("/") QUERY("Param1", "value1"), "", "",
         "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
    };
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(vectors); i++) {
        char text[4096];
        struct sent sent;
        snprintf(text, sizeof(text), aws, vectors[i].request, vectors[i].headers, vectors[i].names);
        /* 2015-08-30T12:36:00Z */
        send_first(text, 1440938160000, &sent);
        if (strcmp(sent.authorization, vectors[i].signature) != 0) {
            fail_msg("%s: %s", vectors[i].name, sent.authorization);
        }
    }
}

#define VALUE_TYPE(list, auth)                                                                    \
    "{\"schema\": 1, \"type\": \"x\", \"title\": \"X\", \"base\": \"https://api.test/1.0\","      \
    "\"config\": {\"key\": {}, \"secret\": {\"secret\": true}},"                                  \
    "\"zone\": {\"mode\": \"none\"}, \"mode\": \"value\", \"list\": {" list ", \"items\": \"\"}," \
    "\"create\": {\"method\": \"POST\", \"path\": \"/\"},"                                        \
    "\"delete\": {\"method\": \"POST\", \"path\": \"/\"}, \"auth\": " auth "}"

/* `$1$` and the SHA-1 of secret, key, method, URL, body and time, joined by plus signs. */
static void test_hash_of_the_request(void **state) {
    struct sent sent;
    (void)state;
    send_first(VALUE_TYPE(GET("/domain") QUERY("a", "b c"),
                          "{\"sign\": {\"s\": {\"prefix\": \"$1$\", \"alg\": \"sha1\", \"text\":"
                          " \"{cfg.secret}+{cfg.key}+{req.method}+{req.url}+{req.body}+"
                          "{now|unix}\"}}, \"headers\": {\"Authorization\": \"{sign.s}\"}}"),
               1440938160000, &sent);
    /* sha1("wJal...KEY+AKIDEXAMPLE+GET+https://api.test/1.0/domain?a=b%20c++1440938160") */
    assert_string_equal(sent.url, "https://api.test/1.0/domain?a=b%20c");
    assert_string_equal(sent.authorization, "$1$c3eb2b015a90bf664a08a4bc5490e7df836839fd");
}

/* What is signed is complete but for the signature itself, which is added after it. */
static void test_signature_in_the_query(void **state) {
    struct sent sent;
    (void)state;
    send_first(
        VALUE_TYPE(GET("/") QUERY("Action", "List"),
                   "{\"query\": {\"KeyId\": \"{cfg.key}\", \"At\": \"{now|rfc3339}\"},"
                   "\"sign\": {\"s\": {\"text\": \"{req.method}&%2F&{req.query_sorted|url}\","
                   " \"alg\": \"hmac-sha1\", \"key\": \"{cfg.secret}&\", \"enc\": \"b64\"}},"
                   "\"after\": {\"query\": {\"Signature\": \"{sign.s}\"}}}"),
        1440938160000, &sent);
    assert_string_equal(sent.url,
                        "https://api.test/1.0/?Action=List&KeyId=AKIDEXAMPLE&"
                        "At=2015-08-30T12%3A36%3A00Z&Signature=oVl8e4B16n%2Fqiqq55tPKGr2UMuA%3D");
}

/* Parameters of a form and members of a JSON body, sorted. */
static void test_parameters_of_the_body(void **state) {
    struct sent sent;
    (void)state;
    send_first(VALUE_TYPE("\"method\": \"POST\", \"path\": \"/\", \"form\": {\"b\": \"2 3\","
                          " \"a\": \"1\"}",
                          "{\"sign\": {\"s\": {\"text\": \"{req.params}|{req.params_plain}|"
                          "{req.params_bare}\"}}, \"headers\": {\"Authorization\":"
                          " \"{sign.s}\"}}"),
               1440938160000, &sent);
    assert_string_equal(sent.body, "b=2%203&a=1");
    assert_string_equal(sent.authorization, "a=1&b=2%203|a=1&b=2 3|a1b2 3");
    send_first(VALUE_TYPE("\"method\": \"POST\", \"path\": \"/\", \"json\": {\"b\": 2, \"a\": true,"
                          " \"c\": []}",
                          "{\"sign\": {\"s\": {\"text\": \"{req.params_plain}\"}},"
                          "\"after\": {\"json\": {\"hash\": \"{sign.s|md5|hex}\"}}}"),
               1440938160000, &sent);
    assert_string_equal(
        sent.body, "{\"b\":2,\"a\":true,\"c\":[],\"hash\":\"c190134eb0693618d0ddffd376357453\"}");
}

/* A step's own header is signed; an entry for another method is empty. */
static void test_headers_and_methods(void **state) {
    struct sent sent;
    (void)state;
    send_first(VALUE_TYPE(GET("/x") ", \"headers\": {\"X-Action\": \"List\"}" QUERY("a", "b"),
                          "{\"sign\": {\"h\": {\"text\": \"{req.body}\", \"alg\": \"sha256\","
                          " \"method\": \"POST\"}, \"s\": {\"text\": \"{req.header.x-action}"
                          "|{req.target}|{sign.h}|{req.header.absent}\"}}, \"headers\":"
                          " {\"Authorization\": \"{sign.s}\"}}"),
               1440938160000, &sent);
    assert_string_equal(sent.authorization, "List|/1.0/x?a=b||");
}

/* A step may sign for itself: a JSON Web Token, say, in the form of a login. */
static void test_login_that_signs(void **state) {
    static const char text[] =
        "{\"schema\": 1, \"type\": \"x\", \"title\": \"X\", \"base\": \"https://api.test\","
        "\"config\": {\"key\": {}, \"secret\": {\"secret\": true}},"
        "\"zone\": {\"mode\": \"none\"}, \"mode\": \"value\","
        "\"create\": {\"method\": \"POST\", \"path\": \"/\"},"
        "\"delete\": {\"method\": \"POST\", \"path\": \"/\"},"
        "\"login\": {\"method\": \"POST\", \"path\": \"/token\", \"sign\": {"
        "\"head\": {\"text\": \"{\\\"alg\\\":\\\"HS256\\\"}\", \"enc\": \"b64url\"},"
        "\"claims\": {\"text\": "
        "\"{\\\"iss\\\":\\\"{cfg.key}\\\",\\\"exp\\\":{now|plus:300|unix}}\","
        " \"enc\": \"b64url\"},"
        "\"mac\": {\"text\": \"{sign.head}.{sign.claims}\", \"alg\": \"hmac-sha256\","
        " \"key\": \"{cfg.secret}\", \"enc\": \"b64url\"}},"
        "\"headers\": {\"Authorization\": \"{sign.head}.{sign.claims}.{sign.mac}\"}}}";
    struct sent sent;
    (void)state;
    send_first(text, 1440938160000, &sent);
    assert_string_equal(sent.url, "https://api.test/token");
    assert_string_equal(sent.authorization,
                        "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJBS0lERVhBTVBMRSIsImV4cCI6MTQ0MDkzODQ2MH0"
                        ".wy-16cHlUAAbcK-k4PoeYw6ed4EtN7iq4J3rGH6X0-w");
}

/* An RSA signature is verified by others; here: it is deterministic, and needs a key. */
static void test_key_that_is_none(void **state) {
    struct d1_descriptor *descriptor = NULL;
    struct d1_error error = {.text = ""};
    static const char text[] =
        VALUE_TYPE(GET("/"), "{\"sign\": {\"s\": {\"text\": \"x\", \"alg\": \"rsa-sha256\"}}}");
    (void)state;
    assert_int_equal(d1_descriptor_create(text, strlen(text), NULL, &descriptor, &error),
                     D1_ECONFIG);
    assert_string_equal(error.text, "auth.sign.s: \"key\" is missing");
}

static int set_up(void **state) {
    (void)state;
    json_set_alloc_funcs(d1_malloc, d1_free);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amazons_suite),
        cmocka_unit_test(test_hash_of_the_request),
        cmocka_unit_test(test_signature_in_the_query),
        cmocka_unit_test(test_parameters_of_the_body),
        cmocka_unit_test(test_headers_and_methods),
        cmocka_unit_test(test_key_that_is_none),
        cmocka_unit_test(test_login_that_signs),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
