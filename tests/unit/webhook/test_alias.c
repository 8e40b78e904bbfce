/* Solver configs of other webhooks, as their manuals show them, and what they are in ours. */
#include "webhook/kubernetes/alias.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/err.h"
#include "webhook/kubernetes/issuer.h"

static json_t *json(const char *text) {
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    return value;
}

struct sample {
    const char *alias;
    const char *theirs;
    const char *ours; /* Or the story of what is refused. */
};

static const struct sample samples[] = {
    {"hetzner", "{\"tokenSecretKeyRef\": {\"name\": \"h\", \"key\": \"token\"}}",
     "{\"provider\":\"hetzner\",\"secretRef\":{\"key\":\"token\",\"name\":\"h\"}}"},
    {"hetzner",
     "{\"httpTimeout\": \"45s\", \"tokenSecretKeyRef\": {\"name\": \"h\", \"key\": \"t\"}}",
     "{\"provider\":\"hetzner\",\"secretRef\":{\"key\":\"t\",\"name\":\"h\"}}"},
    {"hetzner-legacy",
     "{\"secretName\": \"h\", \"zoneName\": \"example.com\", \"apiUrl\": \"https://a/v1\"}",
     "{\"provider\":\"hetzner-legacy\",\"secretRef\":{\"key\":\"api-key\",\"name\":\"h\"},"
     "\"settings\":{\"base-url\":\"https://a/v1\"},\"zone\":\"example.com\"}"},
    {"ovh",
     "{\"endpoint\": \"ovh-eu\", \"authenticationMethod\": \"application\","
     " \"applicationKeyRef\": {\"name\": \"o\", \"key\": \"ak\"},"
     " \"applicationSecretRef\": {\"name\": \"o\", \"key\": \"as\"},"
     " \"applicationConsumerKeyRef\": {\"name\": \"o\", \"key\": \"ck\"},"
     " \"oauth2ClientIDRef\": {}}",
     "oauth2ClientIDRef: unknown key"},
    {"ovh",
     "{\"endpoint\": \"ovh-ca\", \"applicationKeyRef\": {\"name\": \"o\", \"key\": \"ak\"},"
     " \"applicationSecretRef\": {\"name\": \"o\", \"key\": \"as\"},"
     " \"applicationConsumerKeyRef\": {\"name\": \"o\", \"key\": \"ck\"}}",
     "{\"provider\":\"ovh\",\"secretRef\":{\"keys\":{\"application-key\":\"ak\","
     "\"application-secret\":\"as\",\"consumer-key\":\"ck\"},\"name\":\"o\"},"
     "\"settings\":{\"base-url\":\"https://ca.api.ovh.com/1.0\"}}"},
    {"ovh", "{\"endpoint\": \"kimsufi-eu\"}", "endpoint: this value is not supported"},
    {"ovh", "{\"authenticationMethod\": \"oauth2\"}", "authenticationMethod: this value"},
    {"ovh",
     "{\"applicationKeyRef\": {\"name\": \"a\", \"key\": \"ak\"},"
     " \"applicationSecretRef\": {\"name\": \"b\", \"key\": \"as\"}}",
     "applicationSecretRef: names another Secret"},
    {"pdns",
     "{\"host\": \"https://ns1.example.ca\", \"apiKeySecretRef\": {\"name\": \"p\", \"key\": "
     "\"k\"}, \"caBundle\": \"UEVN\", \"serverID\": \"s\", \"ttl\": 120, \"timeout\": 30}",
     "{\"provider\":\"pdns\",\"secretRef\":{\"keys\":{\"api-key\":\"k\"},\"name\":\"p\"},"
     "\"settings\":{\"base-url\":\"https://ns1.example.ca\",\"ca-bundle\":\"PEM\",\"server\":"
     "\"s\"},\"ttl\":120}"},
    {"pdns", "{\"caBundle\": \"!\"}", "caBundle: expected PEM in base64"},
    {"pdns", "{\"headers\": {\"a\": \"b\"}}", "headers: unknown key"},
    {"pdns", "{\"host\": 1}", "host: expected a text"},
    {"gandi", "{\"apiKeySecretRef\": {\"name\": \"g\", \"key\": \"api-token\"}}",
     "{\"provider\":\"gandiv5\",\"secretRef\":{\"keys\":{\"api-key\":\"api-token\"},\"name\":"
     "\"g\"}}"},
    {"gandi", "{\"apiKeySecretRef\": \"g\"}", "apiKeySecretRef: expected name and key"},
    {"godaddy",
     "{\"apiKeySecretRef\": {\"name\": \"g\", \"key\": \"token\"}, \"production\": true,"
     " \"ttl\": 600}",
     "{\"provider\":\"godaddy\",\"secretRef\":{\"key\":\"token\",\"name\":\"g\",\"split\":"
     "\"key:secret\"},\"ttl\":600}"},
    {"godaddy", "{\"apiKeySecretRef\": {\"name\": \"g\", \"key\": \"t\"}, \"production\": false}",
     "{\"provider\":\"godaddy\",\"secretRef\":{\"key\":\"t\",\"name\":\"g\",\"split\":"
     "\"key:secret\"},\"settings\":{\"base-url\":\"https://api.ote-godaddy.com\"}}"},
    {"infomaniak", "{\"apiTokenSecretRef\": {\"name\": \"i\", \"key\": \"api-token\"}}",
     "{\"provider\":\"infomaniak\",\"secretRef\":{\"key\":\"api-token\",\"name\":\"i\"}}"},
    {"scaleway",
     "{\"accessKeySecretRef\": {\"name\": \"s\", \"key\": \"SCW_ACCESS_KEY\"},"
     " \"secretKeySecretRef\": {\"name\": \"s\", \"key\": \"SCW_SECRET_KEY\"}}",
     "{\"provider\":\"scaleway\",\"secretRef\":{\"keys\":{\"access-key\":\"SCW_ACCESS_KEY\","
     "\"secret-key\":\"SCW_SECRET_KEY\"},\"name\":\"s\"}}"},
    {"libdns",
     "{\"provider\": \"desec\", \"secretRef\": {\"name\": \"d\", \"namespace\": \"team\"},"
     " \"zone\": \"\", \"ttl\": 3600}",
     "{\"provider\":\"desec\",\"secretRef\":{\"name\":\"d\"},\"ttl\":3600}"},
    {"libdns", "{\"provider\": \"desec\", \"secretRef\": {\"name\": \"d\", \"namespace\": \"x\"}}",
     "secretRef: names another namespace"},
    {"lego",
     "{\"provider\": \"alidns\", \"envFrom\": {\"secret\": {\"name\": \"l\", \"namespace\": \"\"}},"
     " \"envs\": {\"ALICLOUD_REGION_ID\": \"cn\"}}",
     "{\"provider\":\"alidns\",\"secretRef\":{\"name\":\"l\"},\"settings\":"
     "{\"ALICLOUD_REGION_ID\":\"cn\"}}"},
    {"lego", "{\"envFrom\": {\"secret\": {\"name\": \"l\", \"namespace\": \"kube-system\"}}}",
     "envFrom: names another namespace"},
    {"lego", "{\"envs\": \"a\"}", "envs: expected an object"},
    {"lego", "[]", "must be an object"},
};

static void each_sample(void **state) {
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(samples); i++) {
        const struct sample *sample = &samples[i];
        json_t *theirs = json(sample->theirs);
        json_t *ours = NULL;
        struct d1_error error = {0};
        int err = d1_alias_translate(sample->alias, theirs, "team", &ours, &error);
        char *text = err == D1_OK ? json_dumps(ours, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        if (text != NULL) {
            assert_string_equal(text, sample->ours);
        } else if (strstr(error.text, sample->ours) == NULL) {
            fail_msg("%s: %s", sample->theirs, error.text);
        }
        free(text);
        json_decref(ours);
        json_decref(theirs);
    }
}

/* What is accepted is also a config of ours. */
static void translations_can_be_read(void **state) {
    (void)state;
    for (size_t i = 0; i < D1_ARRAY_LENGTH(samples); i++) {
        json_t *ours = NULL;
        json_t *theirs = json(samples[i].theirs);
        struct d1_error error = {0};
        struct d1_issuer_config config;
        if (d1_alias_translate(samples[i].alias, theirs, "team", &ours, &error) == D1_OK &&
            d1_issuer_read(ours, &config, &error) != D1_OK) {
            fail_msg("%s: %s", samples[i].theirs, error.text);
        }
        json_decref(ours);
        json_decref(theirs);
    }
}

static void nothing_is_refused_by_the_reader(void **state) {
    (void)state;
    json_t *ours = NULL;
    assert_int_equal(d1_alias_translate("pdns", NULL, "team", &ours, NULL), D1_OK);
    struct d1_issuer_config config;
    struct d1_error error = {0};
    assert_int_equal(d1_issuer_read(ours, &config, &error), D1_ECONFIG);
    assert_non_null(strstr(error.text, "needs secretRef"));
    json_decref(ours);
}

static const char *split_of(const char *secret) {
    static char text[512];
    json_t *ours =
        json("{\"provider\": \"godaddy\", \"secretRef\": {\"name\": \"g\", \"key\": \"t\","
             " \"split\": \"key:secret\"}}");
    json_t *data = json(secret);
    json_t *values = NULL;
    struct d1_issuer_config config;
    struct d1_error error = {0};
    assert_int_equal(d1_issuer_read(ours, &config, &error), D1_OK);
    if (d1_issuer_secret(&config, data, &values, &error) == D1_OK) {
        char *dumped = json_dumps(values, JSON_COMPACT | JSON_SORT_KEYS);
        snprintf(text, sizeof(text), "%s", dumped);
        free(dumped);
    } else {
        snprintf(text, sizeof(text), "%s", error.text);
    }
    d1_issuer_wipe(values);
    json_decref(data);
    json_decref(ours);
    return text;
}

static void two_settings_in_one_value(void **state) {
    (void)state;
    assert_string_equal(split_of("{\"t\": \"SzpTOjE=\"}"), "{\"key\":\"K\",\"secret\":\"S:1\"}");
    assert_non_null(strstr(split_of("{\"t\": \"Sw==\"}"), "has no ':'"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sample),
        cmocka_unit_test(translations_can_be_read),
        cmocka_unit_test(nothing_is_refused_by_the_reader),
        cmocka_unit_test(two_settings_in_one_value),
    };
    return cmocka_run_group_tests_name("alias", tests, NULL, NULL);
}
