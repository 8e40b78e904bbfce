#include "webhook/kubernetes/names.h"

#include <string.h>

#include "core/limits.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz0123456789"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_label(const char *text, size_t length) {
    return length > 0 && length <= D1_KUBE_LABEL_MAX && text[0] != '-' && text[length - 1] != '-' &&
           strspn(text, LOWER "-") >= length;
}

bool d1_kube_is_label(const char *text) {
    return is_label(text, strlen(text));
}

bool d1_kube_is_name(const char *text) {
    if (strlen(text) > D1_KUBE_NAME_MAX) {
        return false;
    }
    for (;;) {
        size_t length = strcspn(text, ".");
        if (!is_label(text, length)) {
            return false;
        }
        if (text[length] == '\0') {
            return true;
        }
        text += length + 1;
    }
}

bool d1_kube_is_key(const char *text) {
    size_t length = strlen(text);
    return length > 0 && length <= D1_KUBE_NAME_MAX && strspn(text, LOWER UPPER "-_.") == length &&
           strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}
