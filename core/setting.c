#include "core/setting.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/text.h"

#define PATH_MAX_BYTES 256

struct checking {
    d1_setting_fault_fn on_fault;
    void *arg;
    int err;
};

/* Where in the document we are, as a chain on the stack of the (bounded) descent. */
struct place {
    const struct place *parent;
    const char *name; /* Or NULL for a list item. */
    size_t index;
};

static void write_path(const struct place *place, struct d1_writer *path) {
    if (place == NULL) {
        return;
    }
    write_path(place->parent, path); /* NOLINT: as deep as the table, at most 4. */
    char index[24];
    if (place->name != NULL) {
        if (d1_writer_length(path) > 0) {
            d1_write_bytes(path, ".", 1);
        }
        d1_write_bytes(path, place->name, strlen(place->name));
    } else {
        int length = snprintf(index, sizeof(index), "[%zu]", place->index);
        d1_write_bytes(path, index, (size_t)length);
    }
}

static void fault(struct checking *checking, const struct place *place, unsigned line,
                  const char *format, ...) D1_PRINTF(4, 5);

static void fault(struct checking *checking, const struct place *place, unsigned line,
                  const char *format, ...) {
    char path[PATH_MAX_BYTES];
    struct d1_writer writer = d1_writer_over(path, sizeof(path) - 1);
    write_path(place, &writer);
    path[d1_writer_length(&writer)] = '\0';
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    checking->on_fault(checking->arg, line, path, text);
    checking->err = D1_ECONFIG;
}

static int parse_rate(const char *text, int64_t *ret_count, int64_t *ret_unit_ms) {
    char count[16];
    size_t length = strcspn(text, "/");
    uint64_t value;
    if (length == 0 || length >= sizeof(count)) {
        return D1_EPARSE;
    }
    memcpy(count, text, length);
    count[length] = '\0';
    if (d1_number_parse(count, 0, 1000000000, &value) != D1_OK) {
        return D1_EPARSE;
    }
    *ret_count = (int64_t)value;
    *ret_unit_ms = 1000;
    const char *unit = text + length;
    if (strcmp(unit, "/h") == 0) {
        *ret_unit_ms = 3600000;
    } else if (strcmp(unit, "/m") == 0) {
        *ret_unit_ms = 60000;
    } else if (strcmp(unit, "/s") != 0 && !(unit[0] == '\0' && value == 0)) {
        return D1_EPARSE;
    }
    return D1_OK;
}

static bool is_bool(const char *text) {
    return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
}

static void check_choice(struct checking *checking, const struct place *place,
                         const struct d1_setting *setting, const struct d1_node *node) {
    char known[256];
    struct d1_writer list = d1_writer_over(known, sizeof(known) - 1);
    for (const char *const *choice = setting->choices; *choice != NULL; choice++) {
        if (strcmp(*choice, node->text) == 0) {
            return;
        }
        if (d1_writer_length(&list) > 0) {
            d1_write_bytes(&list, ", ", 2);
        }
        d1_write_bytes(&list, *choice, strlen(*choice));
    }
    known[d1_writer_length(&list)] = '\0';
    for (const char *const *choice = setting->later; choice != NULL && *choice != NULL; choice++) {
        if (strcmp(*choice, node->text) == 0) {
            fault(checking, place, node->line,
                  "\"%s\" is not available in this version, expected "
                  "one of: %s",
                  node->text, known);
            return;
        }
    }
    fault(checking, place, node->line, "\"%.60s\" is not known, expected one of: %s", node->text,
          known);
}

static void check_text(struct checking *checking, const struct place *place,
                       const struct d1_setting *setting, const struct d1_node *node) {
    if (node->text[0] == '\0') {
        if ((setting->flags & D1_SETTING_EMPTY) == 0) {
            fault(checking, place, node->line, "is empty, expected %s", setting->help);
        }
        return;
    }
    struct d1_error error = {0};
    if (setting->check != NULL && setting->check(node->text, &error) != D1_OK) {
        fault(checking, place, node->line, "\"%.200s\" is not valid, expected %s", node->text,
              error.text);
    }
}

static void check_range(struct checking *checking, const struct place *place,
                        const struct d1_setting *setting, const struct d1_node *node) {
    int64_t value = 0;
    int64_t unit_ms;
    uint64_t number = 0;
    bool ok;
    if (setting->type == D1_SETTING_DURATION) {
        ok = d1_duration_parse(node->text, &value) == D1_OK;
        if (!ok || value < setting->min || value > setting->max) {
            char min[D1_DURATION_TEXT_BYTES];
            char max[D1_DURATION_TEXT_BYTES];
            d1_duration_format(setting->min, min);
            d1_duration_format(setting->max, max);
            fault(checking, place, node->line,
                  "\"%.60s\" is not a duration in range, expected %s to %s (like 30s, 10m, 24h, "
                  "7d)",
                  node->text, min, max);
        }
        return;
    }
    if (setting->type == D1_SETTING_RATE) {
        ok = parse_rate(node->text, &value, &unit_ms) == D1_OK;
        if (!ok || value < setting->min || value > setting->max) {
            fault(checking, place, node->line,
                  "\"%.60s\" is not a rate, expected a count per hour, minute or second (like "
                  "30/h, 60/m, 5/s) or 0 for off",
                  node->text);
        }
        return;
    }
    ok = d1_number_parse(node->text, (uint64_t)setting->min, (uint64_t)setting->max, &number) ==
         D1_OK;
    if (!ok) {
        fault(checking, place, node->line,
              "\"%.60s\" is not a number in range, expected %" PRId64 " to %" PRId64, node->text,
              setting->min, setting->max);
    }
}

static void check_scalar(struct checking *checking, const struct place *place,
                         const struct d1_setting *setting, const struct d1_node *node) {
    if (node->kind != D1_NODE_TEXT) {
        fault(checking, place, node->line, "is a %s, expected a single value: %s",
              node->kind == D1_NODE_LIST ? "list" : "map", setting->help);
        return;
    }
    switch (setting->type) {
    case D1_SETTING_BOOL:
        if (!is_bool(node->text)) {
            fault(checking, place, node->line, "\"%.60s\" is not known, expected true or false",
                  node->text);
        }
        break;
    case D1_SETTING_CHOICE:
        check_choice(checking, place, setting, node);
        break;
    case D1_SETTING_TEXT:
        check_text(checking, place, setting, node);
        break;
    default:
        check_range(checking, place, setting, node);
        break;
    }
}

static void check_node(struct checking *checking, const struct place *place,
                       const struct d1_setting *setting, struct d1_node *node);

static const struct d1_setting *find_setting(const struct d1_setting *table, const char *name) {
    for (const struct d1_setting *setting = table; setting->name != NULL; setting++) {
        if (strcmp(setting->name, name) == 0) {
            return setting;
        }
    }
    return NULL;
}

static bool is_map(const struct d1_setting *setting) {
    return setting->type == D1_SETTING_MAP || setting->type == D1_SETTING_NAMED ||
           setting->type == D1_SETTING_OPEN;
}

/* A default as the document would have it; NULL without memory. */
static struct d1_node *make_default(const struct d1_setting *setting) {
    if (is_map(setting)) {
        return d1_node_create(D1_NODE_MAP, setting->name, NULL, 0);
    }
    if (setting->type != D1_SETTING_LIST) {
        const char *text = setting->fallback != NULL ? setting->fallback : "";
        return d1_node_create(D1_NODE_TEXT, setting->name, text, 0);
    }
    struct d1_node *list = d1_node_create(D1_NODE_LIST, setting->name, NULL, 0);
    const char *const *item = setting->fallback_list;
    for (; list != NULL && item != NULL && *item != NULL; item++) {
        struct d1_node *child = d1_node_create(D1_NODE_TEXT, NULL, *item, 0);
        if (child == NULL) {
            d1_node_destroy(list);
            return NULL;
        }
        d1_node_append(list, child);
    }
    return list;
}

/* Add what the map lacks. */
static void fill_map(struct checking *checking, const struct place *place,
                     const struct d1_setting *table, struct d1_node *map) {
    for (const struct d1_setting *setting = table; setting->name != NULL; setting++) {
        if (d1_node_find(map, setting->name) != NULL || (setting->flags & D1_SETTING_NOT_BUILT)) {
            continue;
        }
        struct place here = {place, setting->name, 0};
        if (setting->flags & D1_SETTING_REQUIRED) {
            fault(checking, &here, map->line, "is missing, expected %s", setting->help);
            continue;
        }
        struct d1_node *child = make_default(setting);
        if (child == NULL) {
            checking->err = -ENOMEM;
            return;
        }
        d1_node_append(map, child);
        if (setting->type == D1_SETTING_MAP) {
            check_node(checking, &here, setting, child);
        }
    }
}

static void check_map(struct checking *checking, const struct place *place,
                      const struct d1_setting *table, struct d1_node *map) {
    for (struct d1_node *child = map->first; child != NULL; child = child->next) {
        struct place here = {place, child->key, 0};
        const struct d1_setting *setting = find_setting(table, child->key);
        if (setting == NULL) {
            fault(checking, &here, child->line, "is not a known key%s",
                  place == NULL ? "; dns01d --print-defaults lists them" : "");
        } else if (setting->flags & D1_SETTING_NOT_BUILT) {
            fault(checking, &here, child->line, "not available in this version");
        } else {
            check_node(checking, &here, setting, child);
        }
    }
    fill_map(checking, place, table, map);
}

/* `key:` with nothing behind it is an empty list or map, as people write it. */
static bool take_null(struct d1_node *node, enum d1_node_kind wanted) {
    if (node->kind != D1_NODE_TEXT || !node->null) {
        return node->kind == wanted;
    }
    d1_free(node->text);
    node->text = NULL;
    node->kind = wanted;
    return true;
}

static void check_node(struct checking *checking, const struct place *place,
                       const struct d1_setting *setting, struct d1_node *node) {
    if (setting->type == D1_SETTING_LIST) {
        if (!take_null(node, D1_NODE_LIST)) {
            fault(checking, place, node->line, "is not a list, expected %s", setting->help);
            return;
        }
        size_t index = 0;
        for (struct d1_node *child = node->first; child != NULL; child = child->next) {
            struct place here = {place, NULL, index++};
            check_node(checking, &here, &setting->fields[0], child);
        }
        return;
    }
    if (is_map(setting)) {
        if (!take_null(node, D1_NODE_MAP)) {
            fault(checking, place, node->line, "is not a map, expected %s", setting->help);
            return;
        }
        if (setting->type == D1_SETTING_MAP) {
            check_map(checking, place, setting->fields, node);
            return;
        }
        for (struct d1_node *child = node->first;
             child != NULL && setting->type == D1_SETTING_NAMED; child = child->next) {
            struct place here = {place, child->key, 0};
            check_node(checking, &here, &setting->fields[0], child);
        }
        return;
    }
    check_scalar(checking, place, setting, node);
}

int d1_setting_check(const struct d1_setting *table, struct d1_node *root,
                     d1_setting_fault_fn on_fault, void *arg) {
    struct checking checking = {.on_fault = on_fault, .arg = arg, .err = D1_OK};
    if (!take_null(root, D1_NODE_MAP)) {
        fault(&checking, NULL, root->line, "the document is not a map of settings");
        return checking.err;
    }
    check_map(&checking, NULL, table, root);
    return checking.err;
}

bool d1_setting_bool(const struct d1_node *node) {
    return strcmp(node->text, "true") == 0;
}

int64_t d1_setting_number(const struct d1_node *node) {
    uint64_t value = 0;
    int err = d1_number_parse(node->text, 0, INT64_MAX, &value);
    assert(err == D1_OK);
    (void)err;
    return (int64_t)value;
}

int64_t d1_setting_duration_ms(const struct d1_node *node) {
    int64_t ms = 0;
    int err = d1_duration_parse(node->text, &ms);
    assert(err == D1_OK);
    (void)err;
    return ms;
}

int64_t d1_setting_rate(const struct d1_node *node, int64_t *ret_unit_ms) {
    int64_t count = 0;
    int err = parse_rate(node->text, &count, ret_unit_ms);
    assert(err == D1_OK);
    (void)err;
    return count;
}

unsigned d1_setting_choice(const struct d1_node *node, const char *const *choices) {
    for (unsigned i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], node->text) == 0) {
            return i;
        }
    }
    assert(false);
    return 0;
}

static void print_scalar(const struct d1_setting *setting, struct d1_bytes *out) {
    const char *text = setting->fallback != NULL ? setting->fallback : "";
    bool quote = setting->type == D1_SETTING_TEXT;
    d1_bytes_printf(out, quote ? " \"%s\"" : " %s", text);
}

static void print_list(const struct d1_setting *setting, struct d1_bytes *out) {
    d1_bytes_add_text(out, " [");
    const char *const *item = setting->fallback_list;
    for (size_t i = 0; item != NULL && item[i] != NULL; i++) {
        d1_bytes_printf(out, "%s\"%s\"", i > 0 ? ", " : "", item[i]);
    }
    d1_bytes_add_text(out, "]");
}

/* The fields of list items and named maps, as a commented example. */
static void print_item_fields(const struct d1_setting *item, int indent, struct d1_bytes *out) {
    for (const struct d1_setting *field = item->fields; field->name != NULL; field++) {
        if (field->flags & D1_SETTING_NOT_BUILT) {
            continue;
        }
        d1_bytes_printf(out, "%*s# %s:", indent, "", field->name);
        if (field->type == D1_SETTING_LIST) {
            print_list(field, out);
        } else {
            print_scalar(field, out);
        }
        d1_bytes_printf(out, "  # %s%s\n", field->help,
                        field->flags & D1_SETTING_REQUIRED ? " (required)" : "");
    }
}

static void print_table(const struct d1_setting *table, int indent, struct d1_bytes *out);

/* What is off by default, as a comment. Stands at the top only. */
static void print_off(const struct d1_setting *setting, struct d1_bytes *out) {
    struct d1_bytes lines;
    d1_bytes_init(&lines, out->max);
    print_table(setting->fields, 2, &lines); /* NOLINT: as deep as the table. */
    d1_bytes_printf(out, "# %s:  # %s\n", setting->name, setting->help);
    const char *line = d1_bytes_text(&lines);
    while (line != NULL && *line != '\0') {
        size_t length = strcspn(line, "\n");
        d1_bytes_printf(out, "# %.*s\n", (int)length, line);
        line += length + (line[length] == '\n' ? 1 : 0);
    }
    out->failed = out->failed || lines.failed || line == NULL;
    d1_bytes_close(&lines);
}

static void print_table(const struct d1_setting *table, int indent, struct d1_bytes *out) {
    for (const struct d1_setting *setting = table; setting->name != NULL; setting++) {
        if (setting->flags & D1_SETTING_NOT_BUILT) {
            continue;
        }
        if (setting->flags & D1_SETTING_OFF) {
            print_off(setting, out);
            continue;
        }
        d1_bytes_printf(out, "%*s%s:", indent, "", setting->name);
        if (setting->type == D1_SETTING_MAP) {
            d1_bytes_printf(out, "  # %s\n", setting->help);
            print_table(setting->fields, indent + 2, out); /* NOLINT: as deep as the table. */
            continue;
        }
        if (setting->type == D1_SETTING_LIST) {
            print_list(setting, out);
        } else if (setting->type == D1_SETTING_NAMED) {
            d1_bytes_add_text(out, " {}");
        } else {
            print_scalar(setting, out);
        }
        d1_bytes_printf(out, "  # %s\n", setting->help);
        if (setting->fields != NULL && setting->fields[0].type == D1_SETTING_MAP) {
            print_item_fields(&setting->fields[0], indent + 2, out);
        }
    }
}

int d1_setting_print(const struct d1_setting *table, struct d1_bytes *out) {
    print_table(table, 0, out);
    return out->failed ? D1_ETOOLARGE : D1_OK;
}
