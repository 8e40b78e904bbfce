/* The description of the API beside the routes there are, and where it says they stand. */
#include "tests/unit/webhook/fixture.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "core/attr.h"
#include "webhook/routes.h"

static const struct ask about = {.method = "GET", .path = "/openapi.json"};

static json_t *read_document(struct fixture *fixture, const struct ask *ask) {
    assert_answer(fixture, ask, 200, NULL);
    assert_string_equal(fixture->content_type, "application/json");
    assert_null(strchr(fixture->body, '\n'));
    json_error_t error;
    json_t *document = json_loads(fixture->body, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(document);
    return document;
}

/* "/a/{name}/b" as routes write it: "/a/{}/b". */
static void as_route(const char *path, char *ret_text, size_t size) {
    size_t used = 0;
    bool in_hole = false;
    for (; *path != '\0'; path++) {
        in_hole = in_hole && *path != '}';
        if (!in_hole) {
            assert_true(used + 1 < size);
            ret_text[used++] = *path;
        }
        in_hole = in_hole || *path == '{';
    }
    ret_text[used] = '\0';
}

static json_t *find_path(json_t *paths, const char *wanted) {
    const char *path = NULL;
    json_t *item = NULL;
    json_object_foreach(paths, path, item) {
        char text[256];
        as_route(path, text, sizeof(text));
        if (strcmp(text, wanted) == 0) {
            return item;
        }
    }
    return NULL;
}

static json_t *find_operation(json_t *paths, const struct d1_route *route) {
    char method[16];
    assert_true(strlen(route->method) < sizeof(method));
    size_t length = 0;
    for (; route->method[length] != '\0'; length++) {
        method[length] = (char)tolower((unsigned char)route->method[length]);
    }
    method[length] = '\0';
    return json_object_get(find_path(paths, route->path), method);
}

static void assert_every_route(json_t *paths, void (*check)(json_t *, const struct d1_route *)) {
    size_t routes = 0;
    for (const struct d1_route *const *table = d1_route_tables; *table != NULL; table++) {
        for (const struct d1_route *route = *table; route->path != NULL; route++) {
            json_t *operation = find_operation(paths, route);
            if (operation == NULL) {
                fail_msg("openapi.json lacks %s %s", route->method, route->path);
            }
            check(operation, route);
            routes++;
        }
    }
    assert_true(routes > 0);
}

static void check_nothing(json_t *operation, const struct d1_route *route) {
    (void)route;
    assert_true(json_is_object(operation));
}

static void test_every_route_is_described(void **state) {
    json_t *document = read_document(*state, &about);
    assert_every_route(json_object_get(document, "paths"), check_nothing);
    json_decref(document);
}

static bool is_route(const char *method, const char *path) {
    for (const struct d1_route *const *table = d1_route_tables; *table != NULL; table++) {
        for (const struct d1_route *route = *table; route->path != NULL; route++) {
            if (strcasecmp(route->method, method) == 0 && strcmp(route->path, path) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool is_operation(const char *key) {
    static const char *const others[] = {"parameters", "servers", "summary", "description"};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(others); i++) {
        if (strcmp(others[i], key) == 0) {
            return false;
        }
    }
    return true;
}

static void test_every_operation_is_a_route(void **state) {
    json_t *document = read_document(*state, &about);
    const char *path = NULL;
    json_t *item = NULL;
    json_object_foreach(json_object_get(document, "paths"), path, item) {
        char text[256];
        as_route(path, text, sizeof(text));
        const char *method = NULL;
        json_t *operation = NULL;
        json_object_foreach(item, method, operation) {
            if (is_operation(method) && !is_route(method, text)) {
                fail_msg("there is no %s %s", method, path);
            }
        }
    }
    json_decref(document);
}

/* A token's verb is in the document, and nothing is said to be open that is not. */
static void check_right(json_t *operation, const struct d1_route *route) {
    json_t *security = json_object_get(operation, "security");
    assert_true(json_is_array(security));
    assert_int_equal(json_array_size(security) == 0, route->auth == D1_AUTH_NONE);
    const char *verb = json_string_value(json_object_get(operation, "x-verb"));
    assert_int_equal(verb != NULL, route->auth == D1_AUTH_TOKEN);
    for (unsigned i = 0; verb != NULL && d1_verb_names[i] != NULL; i++) {
        bool is_needed = (route->verbs & 1U << i) != 0;
        assert_int_equal(strcmp(verb, d1_verb_names[i]) == 0, is_needed);
    }
}

static void test_rights_are_those_of_the_routes(void **state) {
    json_t *document = read_document(*state, &about);
    assert_every_route(json_object_get(document, "paths"), check_right);
    json_decref(document);
}

static void assert_server(struct fixture *fixture, const struct ask *ask, const char *url) {
    json_t *document = read_document(fixture, ask);
    const json_t *servers = json_object_get(document, "servers");
    assert_int_equal(json_array_size(servers), 1);
    const json_t *server = json_array_get(servers, 0);
    assert_string_equal(json_string_value(json_object_get(server, "url")), url);
    assert_string_equal(json_string_value(json_object_get(document, "openapi")), "3.1.0");
    json_decref(document);
}

static void test_server_is_the_base_path(void **state) {
    struct fixture *fixture = *state;
    assert_server(fixture, &about, "/");
    fixture->settings.base_path = "/dns/";
    fixture_configure(fixture);
    assert_server(fixture, &(struct ask){.method = "GET", .path = "/dns/openapi.json"}, "/dns");
    struct ask control = about;
    control.kind = D1_FRONTEND_CONTROL;
    assert_server(fixture, &control, "/");
}

static void test_metrics_listener_has_none(void **state) {
    struct ask metrics = about;
    metrics.kind = D1_FRONTEND_METRICS;
    assert_answer(*state, &metrics, 404, NULL);
}

static void test_without_memory(void **state) {
    assert_survives_faults(*state, &about, 200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_every_route_is_described),
        FIXTURE_TEST(test_every_operation_is_a_route),
        FIXTURE_TEST(test_rights_are_those_of_the_routes),
        FIXTURE_TEST(test_server_is_the_base_path),
        FIXTURE_TEST(test_metrics_listener_has_none),
        FIXTURE_TEST(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
