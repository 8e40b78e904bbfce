/* Templates of descriptors: a text and, behind a NUL, JSON; no input may do more than fail. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "providers/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int find(void *arg, const char *name, struct d1_bytes *out) {
    (void)arg;
    if (strcmp(name, "now") == 0) {
        return d1_bytes_add_text(out, "1440938160123");
    }
    return name[0] == 'a' ? d1_bytes_add_text(out, name) : D1_ENOTFOUND;
}

static json_t *find_json(void *arg, const char *name) {
    return name[0] == 'l' ? arg : NULL;
}

static bool known(void *arg, const char *name) {
    (void)arg;
    return name[0] != 'z';
}

static void expand_text(struct d1_template *vars, const char *text) {
    struct d1_template_fault fault;
    int checked = d1_template_check(text, known, NULL, &fault);
    for (int escape = D1_TEMPLATE_PLAIN; escape <= D1_TEMPLATE_POINTER; escape++) {
        struct d1_bytes out;
        d1_bytes_init(&out, 65536);
        int status = d1_template_text(vars, text, (enum d1_template_escape)escape, &out);
        /* What can be expanded is well formed; whether names are known is another matter. */
        if (status == 0 && checked != 0 && strstr(fault.text, "or a missing }") != NULL) {
            __builtin_trap();
        }
        d1_bytes_close(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 16384) {
        return 0;
    }
    char *text = d1_strndup((const char *)data, size);
    json_t *list = json_loads("[{\"value\": \"x\", \"raw\": 1}, {\"value\": \"y\"}]", 0, NULL);
    struct d1_template vars = {.find = find, .find_json = find_json, .arg = list};
    struct d1_template_fault fault;
    size_t length = strlen(text);
    expand_text(&vars, text);
    json_t *json = length + 1 < size ? json_loadb((const char *)data + length + 1,
                                                  size - length - 1, JSON_DECODE_ANY, NULL)
                                     : NULL;
    json_t *made = NULL;
    if (json != NULL && d1_template_check_json(json, known, NULL, &fault) == 0 &&
        d1_template_json(&vars, json, &made) == 0) {
        json_decref(made);
    }
    struct d1_bytes parts;
    d1_bytes_init(&parts, 65536);
    if (d1_template_parts(&vars, json, D1_TEMPLATE_XML, &parts) == 0 && vars.it != NULL) {
        __builtin_trap();
    }
    d1_bytes_close(&parts);
    json_decref(json);
    json_decref(list);
    d1_free(text);
    return 0;
}
