/* XML replies. What is taken can be written as JSON. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "providers/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    json_t *document = NULL;
    if (d1_xml_parse((const char *)data, size, &document) == 0) {
        char *text = json_dumps(document, 0);
        if (text == NULL) {
            __builtin_trap();
        }
        (free)(text);
        json_decref(document);
    }
    return 0;
}
