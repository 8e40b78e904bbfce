#include "dns/edns.h"

#include <assert.h>
#include <string.h>

#include "core/buf.h"
#include "core/limits.h"
#include "dns/cookie.h"
#include "dns/wire.h"

#define RDLENGTH_AT 9

/* RFC 7873, 5.2: of several only the first counts. */
static void take_cookie(struct d1_edns_options *options, size_t at, size_t length) {
    if (options->cookie_length > 0 || options->cookie_malformed) {
        return;
    }
    options->cookie_malformed = !d1_cookie_length_ok(length);
    if (!options->cookie_malformed) {
        options->cookie_length = (uint8_t)length;
        options->cookie_at = (uint16_t)at;
    }
}

bool d1_edns_read_options(const uint8_t *rdata, size_t length,
                          struct d1_edns_options *ret_options) {
    struct d1_reader reader = d1_reader_over(rdata, length);
    struct d1_edns_options options = {.asks = 0};
    assert(length <= D1_DNS_MESSAGE_MAX);
    while (d1_reader_left(&reader) > 0) {
        uint16_t code = d1_read_u16(&reader);
        uint16_t option_length = d1_read_u16(&reader);
        size_t at = d1_reader_offset(&reader);
        if (d1_read_bytes(&reader, option_length) == NULL) {
            return false;
        }
        if (code == D1_OPTION_COOKIE) {
            take_cookie(&options, at, option_length);
        } else if (code == D1_OPTION_NSID) {
            options.asks |= D1_ASKS_NSID;
        } else if (code == D1_OPTION_KEEPALIVE) {
            options.asks |= D1_ASKS_KEEPALIVE;
        }
    }
    *ret_options = options;
    return true;
}

size_t d1_edns_write(uint8_t *ret_wire, bool dnssec_ok, unsigned rcode) {
    ret_wire[0] = 0; /* Owner: the root. */
    d1_store_u16(ret_wire + 1, D1_TYPE_OPT);
    d1_store_u16(ret_wire + 3, D1_DNS_UDP_MAX);
    ret_wire[5] = (uint8_t)(rcode >> 4);
    ret_wire[6] = 0; /* Version. */
    d1_store_u16(ret_wire + 7, dnssec_ok ? 0x8000 : 0);
    d1_store_u16(ret_wire + RDLENGTH_AT, 0);
    return D1_EDNS_BYTES;
}

size_t d1_edns_add(uint8_t *opt, size_t length, size_t room, enum d1_edns_option code,
                   const void *octets, size_t count) {
    assert(length >= D1_EDNS_BYTES && count <= UINT8_MAX);
    size_t longer = length + D1_EDNS_OPTION_BYTES + count;
    if (longer > room) {
        return length;
    }
    d1_store_u16(opt + length, (uint16_t)code);
    d1_store_u16(opt + length + 2, (uint16_t)count);
    if (count > 0) {
        memcpy(opt + length + D1_EDNS_OPTION_BYTES, octets, count);
    }
    d1_store_u16(opt + RDLENGTH_AT, (uint16_t)(longer - D1_EDNS_BYTES));
    return longer;
}
