/*
 * The head of an answer as octets, and the answers of the server itself.
 *
 * Threads: pure functions.
 * Memory: text goes to the caller's buffer.
 * Limits: D1_HTTP_RESPONSE_HEAD_BYTES_MAX.
 */
#ifndef D1_HTTP_RESPONSE_H
#define D1_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct d1_http_response;

#define D1_HTTP_DATE_BYTES 30 /* "Sun, 06 Nov 1994 08:49:37 GMT" and NUL. */

enum d1_http_connection_field {
    D1_HTTP_CONNECTION_DEFAULT, /* HTTP/1.1 that goes on: nothing needs to be said. */
    D1_HTTP_CONNECTION_KEEP,    /* HTTP/1.0 that goes on. */
    D1_HTTP_CONNECTION_CLOSE,
};

/* Unix seconds as an IMF-fixdate (RFC 9110, 5.6.7). */
void d1_http_date_format(int64_t wall_s, char ret_text[D1_HTTP_DATE_BYTES]);

/* Whether answers with that status never have a body (RFC 9110, 6.4.1). */
bool d1_http_status_is_bodyless(int status);

/* The reason phrase; "Unknown" for statuses that nobody here sends. */
const char *d1_http_reason(int status);

/*
 * Status line and fields, with the empty line behind them. Returns 0 and *ret_length, D1_ETOOLARGE,
 * or D1_EPARSE when a field holds what would end it early (CR, LF, NUL ...).
 */
int d1_http_response_head(const struct d1_http_response *response, const char *date,
                          enum d1_http_connection_field connection, char *ret_text, size_t size,
                          size_t *ret_length);

/* The server's own answer to what it refuses: JSON on one line, and the connection is closed. */
struct d1_http_response d1_http_refusal(int status);

#endif /* D1_HTTP_RESPONSE_H */
