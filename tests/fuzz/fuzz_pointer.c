/* JSON pointers: the pointer, a NUL, a document. What one function finds, the other does too. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/mem.h"
#include "providers/pointer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size <= 65536 ? memchr(data, 0, size) : NULL;
    if (end == NULL) {
        return 0;
    }
    char *pointer = d1_strdup((const char *)data);
    size_t rest = size - (size_t)(end - data) - 1;
    json_t *document = json_loadb((const char *)end + 1, rest, JSON_DECODE_ANY, NULL);
    json_t *list = json_array();
    json_t *found = d1_pointer_get(document, pointer);
    bool valid = d1_pointer_valid(pointer, true);
    char room[D1_POINTER_NUMBER_BYTES];
    (void)d1_pointer_text(found, room);
    int status = document != NULL ? d1_pointer_all(document, pointer, list) : -1;
    /* A star's first branch may end early where a later one does not, so only one way. */
    if ((found != NULL && !valid) ||
        (valid && status == 0 && found != NULL && json_array_size(list) == 0)) {
        __builtin_trap();
    }
    json_decref(list);
    json_decref(document);
    d1_free(pointer);
    return 0;
}
