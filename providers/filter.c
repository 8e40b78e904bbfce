#include "providers/filter.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/sign.h"
#include "providers/txt.h"

#define TIME_MS_MAX 253402300799999 /* The end of the year 9999. */
#define NUMBER_MAX  1000000000
#define LABELS_MAX  127

typedef int (*transform_fn)(const struct d1_filter_use *use, const char *text, size_t length,
                            struct d1_bytes *out);

int d1_filter_set(struct d1_bytes *text, const void *octets, size_t length) {
    d1_bytes_clear(text);
    return d1_bytes_add(text, octets, length);
}

/* Run a transform from the text into a new buffer, and put that in its place. */
static int rewrite(transform_fn transform, const struct d1_filter_use *use, struct d1_bytes *text) {
    struct d1_bytes out;
    d1_bytes_init(&out, text->max);
    const char *from = d1_bytes_text(text);
    int status = from == NULL ? -ENOMEM : transform(use, from, text->length, &out);
    if (status != 0) {
        d1_bytes_close(&out);
        return status;
    }
    d1_wipe(text->data, text->length);
    d1_bytes_close(text);
    *text = out;
    return 0;
}

static int replace(const struct d1_filter_use *use, const char *text, size_t length,
                   struct d1_bytes *out) {
    size_t search = strlen(use->arguments[0]);
    const char *end = text + length;
    int status = search == 0 ? D1_EPARSE : 0;
    while (text < end && status == 0) {
        if ((size_t)(end - text) >= search && memcmp(text, use->arguments[0], search) == 0) {
            status = d1_bytes_add_text(out, use->arguments[1]);
            text += search;
        } else {
            status = d1_bytes_add(out, text++, 1);
        }
    }
    return status;
}

static int percent(const struct d1_filter_use *use, const char *text, size_t length,
                   struct d1_bytes *out) {
    /* RFC 3986, 3.3: what a segment may hold; a slash only where whole paths are meant. */
    bool path = strcmp(use->filter->name, "path") == 0;
    bool segment = strcmp(use->filter->name, "segment") == 0;
    const char *also = path ? "/:@!$'()*+,;=" : segment ? ":@!$'()*+,;=" : "";
    return d1_template_percent(text, length, also, out);
}

static int to_json(const struct d1_filter_use *use, const char *text, size_t length,
                   struct d1_bytes *out) {
    (void)use;
    json_t *string = json_stringn(text, length);
    int status = string != NULL ? d1_template_dump(string, out) : D1_EPARSE;
    json_decref(string);
    return status;
}

static int to_xml(const struct d1_filter_use *use, const char *text, size_t length,
                  struct d1_bytes *out) {
    static const struct {
        char octet;
        const char *entity;
    } entities[] = {
        {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&apos;"},
    };
    (void)use;
    int status = 0;
    for (size_t i = 0; i < length && status == 0; i++) {
        const char *entity = NULL;
        for (size_t j = 0; j < D1_ARRAY_LENGTH(entities); j++) {
            entity = text[i] == entities[j].octet ? entities[j].entity : entity;
        }
        status = entity != NULL ? d1_bytes_add_text(out, entity) : d1_bytes_add(out, text + i, 1);
    }
    return status;
}

static int to_pointer(const struct d1_filter_use *use, const char *text, size_t length,
                      struct d1_bytes *out) {
    (void)use;
    int status = 0;
    for (size_t i = 0; i < length && status == 0; i++) {
        if (text[i] == '~' || text[i] == '/') {
            status = d1_bytes_add(out, text[i] == '~' ? "~0" : "~1", 2);
        } else {
            status = d1_bytes_add(out, text + i, 1);
        }
    }
    return status;
}

static int encode(const struct d1_filter_use *use, const char *text, size_t length,
                  struct d1_bytes *out) {
    return d1_sign_form(use->filter->name, (struct d1_span){text, length}, out);
}

static int decode(const struct d1_filter_use *use, const char *text, size_t length,
                  struct d1_bytes *out) {
    (void)use;
    uint8_t *room = d1_malloc(length + 1);
    if (room == NULL) {
        return -ENOMEM;
    }
    size_t count = 0;
    int status = d1_base64_decode(text, length, room, length + 1, &count);
    if (status == 0) {
        status = d1_bytes_add(out, room, count);
    }
    d1_wipe(room, length + 1);
    d1_free(room);
    return status;
}

static int digest(const struct d1_filter_use *use, const char *text, size_t length,
                  struct d1_bytes *out) {
    return d1_sign(use->filter->name, (struct d1_span){"", 0}, (struct d1_span){text, length}, out);
}

static int quote(const struct d1_filter_use *use, const char *text, size_t length,
                 struct d1_bytes *out) {
    (void)length;
    return strcmp(use->filter->name, "quote") == 0 ? d1_txt_quote(text, out)
                                                   : d1_txt_unquote(text, out);
}

/* before:X, after:X (the first X), last:X (what is behind the last X), strip:X (from the start). */
static int part(const struct d1_filter_use *use, const char *text, size_t length,
                struct d1_bytes *out) {
    const char *mark = use->arguments[0];
    const char *name = use->filter->name;
    const char *found = strstr(text, mark);
    const char *end = text + length;
    if (mark[0] == '\0') {
        return D1_EPARSE;
    }
    if (strcmp(name, "before") == 0) {
        return d1_bytes_add(out, text, found != NULL ? (size_t)(found - text) : length);
    }
    if (strcmp(name, "strip") == 0) {
        return d1_bytes_add_text(out, found == text ? text + strlen(mark) : text);
    }
    const char *from = found == NULL ? text : found + strlen(mark);
    for (const char *next = strstr(from, mark); strcmp(name, "last") == 0 && next != NULL;
         next = strstr(from, mark)) {
        from = next + strlen(mark);
    }
    return d1_bytes_add(out, from, (size_t)(end - from));
}

/* A whole number, as far as it makes sense here. */
static long number_of(const char *text) {
    long number = strtol(text, NULL, 10);
    return number > NUMBER_MAX ? NUMBER_MAX : number < -NUMBER_MAX ? -NUMBER_MAX : number;
}

/* labels:N the first N labels, labels:-N the last N, skip:N all but the first N. */
static int labels(const struct d1_filter_use *use, const char *text, size_t length,
                  struct d1_bytes *out) {
    const char *starts[LABELS_MAX + 1];
    size_t count = 0;
    starts[count++] = text;
    for (size_t i = 0; i < length && count < LABELS_MAX; i++) {
        if (text[i] == '.' && i + 1 < length) {
            starts[count++] = text + i + 1;
        }
    }
    starts[count] = text + length + 1;
    long wanted = number_of(use->arguments[0]);
    size_t first = 0;
    size_t last = count;
    if (strcmp(use->filter->name, "skip") == 0) {
        first = wanted > 0 && (size_t)wanted < count ? (size_t)wanted : wanted > 0 ? count : 0;
    } else if (wanted >= 0) {
        last = (size_t)wanted < count ? (size_t)wanted : count;
    } else {
        first = (size_t)-wanted < count ? count - (size_t)-wanted : 0;
    }
    return first >= last
               ? 0
               : d1_bytes_add(out, starts[first], (size_t)(starts[last] - starts[first] - 1));
}

static int change_case(struct d1_template *vars, const struct d1_filter_use *use,
                       struct d1_bytes *text) {
    (void)vars;
    bool up = strcmp(use->filter->name, "upper") == 0;
    for (size_t i = 0; i < text->length; i++) {
        uint8_t c = text->data[i];
        if (up ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z') {
            text->data[i] = (uint8_t)(c ^ 32);
        }
    }
    return 0;
}

/* The text, or the argument when it is empty. (A variable that is not set counts as empty.) */
static int or_else(struct d1_template *vars, const struct d1_filter_use *use,
                   struct d1_bytes *text) {
    (void)vars;
    return text->length > 0 ? 0 : d1_bytes_add_text(text, use->arguments[0]);
}

/* The text, or the variable that the argument names when it is empty. */
static int else_variable(struct d1_template *vars, const struct d1_filter_use *use,
                         struct d1_bytes *text) {
    if (text->length > 0) {
        return 0;
    }
    int status = vars->find(vars->arg, use->arguments[0], text);
    if (status == D1_ENOTFOUND) {
        snprintf(vars->missing, sizeof(vars->missing), "%.63s", use->arguments[0]);
    }
    return status;
}

/* Milliseconds since 1970, as the variable `now` has them. */
static int read_ms(struct d1_bytes *text, int64_t *ret_ms) {
    const char *digits = d1_bytes_text(text);
    if (digits == NULL) {
        return -ENOMEM;
    }
    uint64_t ms = 0;
    int status = d1_number_parse(digits, 0, TIME_MS_MAX, &ms);
    *ret_ms = (int64_t)ms;
    return status;
}

/* plus:N moves a time on by N seconds. */
static int plus(struct d1_template *vars, const struct d1_filter_use *use, struct d1_bytes *text) {
    (void)vars;
    int64_t ms = 0;
    int status = read_ms(text, &ms);
    if (status == 0) {
        d1_bytes_clear(text);
        ms += number_of(use->arguments[0]) * 1000L;
        status = d1_bytes_printf(text, "%lld", (long long)(ms < 0 ? 0 : ms));
    }
    return status;
}

static const char *time_format(const struct d1_filter_use *use) {
    const char *name = use->filter->name;
    if (strcmp(name, "http_date") == 0) {
        return "%a, %d %b %Y %H:%M:%S GMT";
    }
    return strcmp(name, "rfc3339") == 0 ? "%Y-%m-%dT%H:%M:%SZ" : use->arguments[0];
}

/* One conversion as strftime() has it, in English whatever the locale. */
static int add_conversion(char conversion, const struct tm *utc, struct d1_bytes *out) {
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    switch (conversion) {
    case 'Y':
        return d1_bytes_printf(out, "%04d", utc->tm_year + 1900);
    case 'm':
        return d1_bytes_printf(out, "%02d", utc->tm_mon + 1);
    case 'd':
        return d1_bytes_printf(out, "%02d", utc->tm_mday);
    case 'H':
        return d1_bytes_printf(out, "%02d", utc->tm_hour);
    case 'M':
        return d1_bytes_printf(out, "%02d", utc->tm_min);
    case 'S':
        return d1_bytes_printf(out, "%02d", utc->tm_sec);
    case 'a':
        return d1_bytes_add_text(out, days[utc->tm_wday]);
    case 'b':
        return d1_bytes_add_text(out, months[utc->tm_mon]);
    case '%':
        return d1_bytes_add(out, "%", 1);
    default:
        return D1_EPARSE;
    }
}

static int format_time(struct d1_template *vars, const struct d1_filter_use *use,
                       struct d1_bytes *text) {
    (void)vars;
    int64_t ms = 0;
    struct tm utc;
    int status = read_ms(text, &ms);
    if (status != 0 || strcmp(use->filter->name, "unix_ms") == 0) {
        return status;
    }
    d1_bytes_clear(text);
    time_t seconds = (time_t)(ms / 1000);
    if (strcmp(use->filter->name, "unix") == 0) {
        return d1_bytes_printf(text, "%lld", (long long)seconds);
    }
    if (gmtime_r(&seconds, &utc) == NULL) {
        return D1_EPARSE;
    }
    for (const char *format = time_format(use); *format != '\0' && status == 0; format++) {
        bool conversion = *format == '%';
        format += conversion;
        status = conversion ? add_conversion(*format, &utc, text) : d1_bytes_add(text, format, 1);
        if (*format == '\0') {
            break;
        }
    }
    return status;
}

/* hmac-X:variable, rsa-X:variable: with the variable's octets as the key. */
static int keyed(struct d1_template *vars, const struct d1_filter_use *use, struct d1_bytes *text) {
    struct d1_bytes key;
    struct d1_bytes out;
    d1_bytes_init(&key, text->max);
    d1_bytes_init(&out, text->max);
    int status = vars->find(vars->arg, use->arguments[0], &key);
    if (status == D1_ENOTFOUND) {
        snprintf(vars->missing, sizeof(vars->missing), "%.63s", use->arguments[0]);
    }
    if (status == 0) {
        status = d1_sign(use->filter->name, (struct d1_span){key.data, key.length},
                         (struct d1_span){text->data, text->length}, &out);
    }
    if (status == 0) {
        status = d1_filter_set(text, out.data, out.length);
    }
    if (key.data != NULL) {
        d1_wipe(key.data, key.length);
    }
    d1_bytes_close(&key);
    d1_bytes_close(&out);
    return status;
}

/* The secret's code at the moment the variable in the argument (`now`) says. */
static int totp(struct d1_template *vars, const struct d1_filter_use *use, struct d1_bytes *text) {
    (void)use;
    struct d1_bytes now;
    d1_bytes_init(&now, 64);
    int64_t ms = 0;
    int status = vars->find(vars->arg, "now", &now);
    status = status == 0 ? read_ms(&now, &ms) : status;
    d1_bytes_close(&now);
    struct d1_bytes code;
    d1_bytes_init(&code, 16);
    const char *secret = d1_bytes_text(text);
    if (status == 0) {
        status = secret == NULL ? -ENOMEM : d1_sign_totp(secret, ms / 1000, &code);
    }
    if (status == 0) {
        d1_wipe(text->data, text->length);
        status = d1_filter_set(text, code.data, code.length);
    }
    d1_bytes_close(&code);
    return status;
}

#define TRANSFORM(function)                                                                  \
    static int rewrite_##function(struct d1_template *vars, const struct d1_filter_use *use, \
                                  struct d1_bytes *text) {                                   \
        (void)vars;                                                                          \
        return rewrite(function, use, text);                                                 \
    }

TRANSFORM(replace)
TRANSFORM(percent)
TRANSFORM(to_json)
TRANSFORM(to_xml)
TRANSFORM(to_pointer)
TRANSFORM(encode)
TRANSFORM(decode)
TRANSFORM(digest)
TRANSFORM(quote)
TRANSFORM(part)
TRANSFORM(labels)

static const struct d1_filter filters[] = {
    {"after", 1, 1, false, false, rewrite_part},
    {"b64", 0, 0, false, false, rewrite_encode},
    {"b64url", 0, 0, false, false, rewrite_encode},
    {"before", 1, 1, false, false, rewrite_part},
    {"else", 1, 1, false, true, else_variable},
    {"fmt", 1, 1, false, false, format_time},
    {"hex", 0, 0, false, false, rewrite_encode},
    {"hmac-md5", 1, 1, false, true, keyed},
    {"hmac-sha1", 1, 1, false, true, keyed},
    {"hmac-sha256", 1, 1, false, true, keyed},
    {"hmac-sha384", 1, 1, false, true, keyed},
    {"hmac-sha512", 1, 1, false, true, keyed},
    {"http_date", 0, 0, false, false, format_time},
    {"json", 0, 0, false, false, rewrite_to_json},
    {"labels", 1, 1, false, false, rewrite_labels},
    {"last", 1, 1, false, false, rewrite_part},
    {"lower", 0, 0, false, false, change_case},
    {"md5", 0, 0, false, false, rewrite_digest},
    {"or", 1, 1, false, false, or_else},
    {"path", 0, 0, true, false, rewrite_percent},
    {"plus", 1, 1, false, false, plus},
    {"pointer", 0, 0, true, false, rewrite_to_pointer},
    {"quote", 0, 0, false, false, rewrite_quote},
    {"replace", 2, 2, false, false, rewrite_replace},
    {"rfc3339", 0, 0, false, false, format_time},
    {"rsa-sha256", 1, 1, false, true, keyed},
    {"rsa-sha512", 1, 1, false, true, keyed},
    {"segment", 0, 0, true, false, rewrite_percent},
    {"sha1", 0, 0, false, false, rewrite_digest},
    {"sha256", 0, 0, false, false, rewrite_digest},
    {"sha384", 0, 0, false, false, rewrite_digest},
    {"sha512", 0, 0, false, false, rewrite_digest},
    {"skip", 1, 1, false, false, rewrite_labels},
    {"strip", 1, 1, false, false, rewrite_part},
    {"totp", 0, 0, false, false, totp},
    {"unb64", 0, 0, false, false, rewrite_decode},
    {"unix", 0, 0, false, false, format_time},
    {"unix_ms", 0, 0, false, false, format_time},
    {"unquote", 0, 0, false, false, rewrite_quote},
    {"upper", 0, 0, false, false, change_case},
    {"url", 0, 0, true, false, rewrite_percent},
    {"xml", 0, 0, true, false, rewrite_to_xml},
};

const struct d1_filter *d1_filter_find(const char *name) {
    for (size_t i = 0; i < D1_ARRAY_LENGTH(filters); i++) {
        if (strcmp(filters[i].name, name) == 0) {
            return &filters[i];
        }
    }
    return NULL;
}
