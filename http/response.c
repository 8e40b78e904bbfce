#include "http/response.h"

#include <stdio.h>
#include <string.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"
#include "http/server.h"

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *d1_http_reason(int status) {
    for (size_t i = 0; i < D1_ARRAY_LENGTH(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Unknown";
}

bool d1_http_status_is_bodyless(int status) {
    return status < 200 || status == 204 || status == 304;
}

void d1_http_date_format(int64_t wall_s, char ret_text[D1_HTTP_DATE_BYTES]) {
    static const char days[][4] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    /* Civil date from days, eras of 400 years that begin in March: no locale, no time zone. */
    int64_t day = wall_s / 86400;
    unsigned second = (unsigned)(wall_s % 86400);
    unsigned z = (unsigned)(day + 719468);
    unsigned era = z / 146097;
    unsigned doe = z - era * 146097;
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    unsigned month = mp < 10 ? mp + 2 : mp - 10;
    unsigned year = yoe + era * 400 + (month <= 1);
    snprintf(ret_text, D1_HTTP_DATE_BYTES, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[day % 7],
             (doy - (153 * mp + 2) / 5 + 1) % 100, months[month], year % 10000, second / 3600 % 100,
             second / 60 % 60, second % 60);
}

static void put(struct d1_writer *writer, const char *text) {
    d1_write_bytes(writer, text, strlen(text));
}

static void put_field(struct d1_writer *writer, const char *name, const char *value) {
    put(writer, name);
    put(writer, ": ");
    put(writer, value);
    put(writer, "\r\n");
}

/* Nothing that ends a line early: what a stranger sent may have come this far. */
static bool is_clean(const char *text) {
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            return false;
        }
    }
    return true;
}

int d1_http_response_head(const struct d1_http_response *response, const char *date,
                          enum d1_http_connection_field connection, char *ret_text, size_t size,
                          size_t *ret_length) {
    struct d1_writer writer = d1_writer_over(ret_text, size);
    char text[80];
    snprintf(text, sizeof(text), "HTTP/1.1 %d %s\r\n", response->status,
             d1_http_reason(response->status));
    put(&writer, text);
    put_field(&writer, "Date", date);
    if (!d1_http_status_is_bodyless(response->status)) {
        snprintf(text, sizeof(text), "%zu", response->body_length);
        put_field(&writer, "Content-Length", text);
    }
    if (response->content_type != NULL) {
        if (!is_clean(response->content_type)) {
            return D1_EPARSE;
        }
        put_field(&writer, "Content-Type", response->content_type);
    }
    if (connection != D1_HTTP_CONNECTION_DEFAULT) {
        put_field(&writer, "Connection",
                  connection == D1_HTTP_CONNECTION_KEEP ? "keep-alive" : "close");
    }
    for (size_t i = 0; i < response->headers_count; i++) {
        const struct d1_http_header *header = &response->headers[i];
        if (!is_clean(header->name) || !is_clean(header->value)) {
            return D1_EPARSE;
        }
        put_field(&writer, header->name, header->value);
    }
    put(&writer, "\r\n");
    if (writer.failed) {
        return D1_ETOOLARGE;
    }
    *ret_length = d1_writer_length(&writer);
    return D1_OK;
}

struct d1_http_response d1_http_refusal(int status) {
    static const struct {
        int status;
        const char *body;
    } bodies[] = {
        {400, "{\"error\":\"malformed\",\"detail\":\"the request is not valid HTTP/1.1\"}\n"},
        {408, "{\"error\":\"timeout\",\"detail\":\"the request did not arrive in time\"}\n"},
        {413, "{\"error\":\"too-large\",\"detail\":\"the body is larger than allowed\"}\n"},
        {414,
         "{\"error\":\"too-large\",\"detail\":\"the request target is longer than allowed\"}\n"},
        {417, "{\"error\":\"malformed\",\"detail\":\"only 100-continue can be expected\"}\n"},
        {431, "{\"error\":\"too-large\",\"detail\":\"the headers are larger than allowed\"}\n"},
        {501, "{\"error\":\"not-implemented\",\"detail\":\"the method or transfer coding is not "
              "known\"}\n"},
        {503, "{\"error\":\"unavailable\",\"detail\":\"no memory for this request\"}\n"},
        {505, "{\"error\":\"malformed\",\"detail\":\"only HTTP/1.0 and HTTP/1.1 are spoken\"}\n"},
        {500, "{\"error\":\"internal\",\"detail\":\"internal error\"}\n"},
    };
    size_t at = 0;
    while (at < D1_ARRAY_LENGTH(bodies) - 1 && bodies[at].status != status) {
        at++;
    }
    return (struct d1_http_response){
        .status = bodies[at].status,
        .content_type = "application/json",
        .body = bodies[at].body,
        .body_length = strlen(bodies[at].body),
        .close = true,
    };
}
