/*
 * Happy path: events come from libyaml; a map's key waits in `key` for its value; a value is hung
 * under the innermost open list or map, and becomes it when it is one itself.
 * Failures end the reading at the first syntax error (what follows it makes no sense); a key given
 * twice is reported, and the reading goes on.
 */
#include "daemon/document.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "core/limits.h"
#include "core/mem.h"

struct reading {
    d1_setting_fault_fn on_fault;
    void *arg;
    int err;
    struct d1_node *root;
    struct d1_node *open[D1_CONFIG_DEPTH_MAX];
    size_t depth;
    char *key; /* Of the value that comes next, in a map. */
};

static void fault(struct reading *reading, size_t line, const char *path, const char *text) {
    reading->on_fault(reading->arg, (unsigned)line, path, text);
    reading->err = D1_ECONFIG;
}

static bool in_map(const struct reading *reading) {
    return reading->depth > 0 && reading->open[reading->depth - 1]->kind == D1_NODE_MAP;
}

/* Hang a value where it belongs; it becomes the root when nothing is open. */
static void hang(struct reading *reading, struct d1_node *node) {
    if (node == NULL) {
        reading->err = -ENOMEM;
        return;
    }
    if (reading->depth == 0) {
        reading->root = node;
        return;
    }
    d1_node_append(reading->open[reading->depth - 1], node);
    d1_free(reading->key);
    reading->key = NULL;
}

static void on_key(struct reading *reading, const char *text, unsigned line) {
    const struct d1_node *first = d1_node_find(reading->open[reading->depth - 1], text);
    if (first != NULL) {
        char reason[96];
        snprintf(reason, sizeof(reason), "is given twice, first on line %u: keep one of them",
                 first->line);
        fault(reading, line, text, reason);
    }
    reading->key = d1_strdup(text);
    if (reading->key == NULL) {
        reading->err = -ENOMEM;
    }
}

static bool is_null(const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static void on_scalar(struct reading *reading, const yaml_event_t *event, unsigned line) {
    const char *text = (const char *)event->data.scalar.value;
    if (strlen(text) != event->data.scalar.length) {
        fault(reading, line, reading->key != NULL ? reading->key : "", "holds a NUL character");
        return;
    }
    if (in_map(reading) && reading->key == NULL) {
        on_key(reading, text, line);
        return;
    }
    bool null = is_null(event);
    struct d1_node *node = d1_node_create(D1_NODE_TEXT, reading->key, null ? "" : text, line);
    if (node != NULL) {
        node->null = null;
    }
    hang(reading, node);
}

static void on_start(struct reading *reading, enum d1_node_kind kind, unsigned line) {
    if (in_map(reading) && reading->key == NULL) {
        fault(reading, line, "", "a key must be a single value");
        return;
    }
    if (reading->depth == D1_CONFIG_DEPTH_MAX) {
        fault(reading, line, "", "nested too deeply");
        return;
    }
    struct d1_node *node = d1_node_create(kind, reading->key, NULL, line);
    hang(reading, node);
    if (node != NULL) {
        reading->open[reading->depth++] = node;
    }
}

/* Returns false when the reading has ended, well or not. */
static bool on_event(struct reading *reading, const yaml_event_t *event) {
    unsigned line = (unsigned)event->start_mark.line + 1;
    bool go_on = true;
    int err = reading->err;
    reading->err = D1_OK;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        on_scalar(reading, event, line);
        break;
    case YAML_SEQUENCE_START_EVENT:
        on_start(reading, D1_NODE_LIST, line);
        go_on = reading->err == D1_OK;
        break;
    case YAML_MAPPING_START_EVENT:
        on_start(reading, D1_NODE_MAP, line);
        go_on = reading->err == D1_OK;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        reading->depth--;
        break;
    case YAML_ALIAS_EVENT:
        fault(reading, line, "", "anchors and aliases are not taken, write the value out");
        go_on = false;
        break;
    case YAML_DOCUMENT_START_EVENT:
        if (reading->root != NULL) {
            fault(reading, line, "", "a second document begins here, expected one");
            go_on = false;
        }
        break;
    default:
        go_on = event->type != YAML_STREAM_END_EVENT;
        break;
    }
    if (reading->err == D1_OK) {
        reading->err = err;
    }
    return go_on && reading->err != -ENOMEM;
}

static void report_syntax(struct reading *reading, const yaml_parser_t *parser) {
    char reason[256];
    snprintf(reason, sizeof(reason), "not valid YAML: %s%s%s",
             parser->problem != NULL ? parser->problem : "unknown problem",
             parser->context != NULL ? ", " : "", parser->context != NULL ? parser->context : "");
    fault(reading, parser->problem_mark.line + 1, "", reason);
}

int d1_document_read(const char *text, size_t length, d1_setting_fault_fn on_fault, void *arg,
                     struct d1_node **ret_root) {
    struct reading reading = {.on_fault = on_fault, .arg = arg, .err = D1_OK};
    if (length > D1_CONFIG_BYTES_MAX) {
        fault(&reading, 0, "", "the file is too large");
        return reading.err;
    }
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0) {
        return -ENOMEM;
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    bool go_on = true;
    while (go_on) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            report_syntax(&reading, &parser);
            break;
        }
        go_on = on_event(&reading, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    d1_free(reading.key);
    if (reading.err == D1_OK && reading.root == NULL) {
        reading.root = d1_node_create(D1_NODE_MAP, NULL, NULL, 1);
        reading.err = reading.root == NULL ? -ENOMEM : D1_OK;
    }
    if (reading.err != D1_OK) {
        d1_node_destroy(reading.root);
        return reading.err;
    }
    *ret_root = reading.root;
    return D1_OK;
}
