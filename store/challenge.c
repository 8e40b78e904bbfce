#include "store/challenge.h"

#include "core/err.h"

int d1_txt_value_set(struct d1_txt_value *ret_value, const void *octets, size_t length) {
    if (length < 1 || length > D1_TXT_STRING_MAX) {
        return D1_EVALUE;
    }
    ret_value->length = (uint8_t)length;
    memcpy(ret_value->octets, octets, length);
    return D1_OK;
}
