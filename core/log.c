#include "core/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/text.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void d1_log_init(struct d1_log *log, int fd, const struct d1_clock *clock) {
    log->fd = fd;
    atomic_init(&log->level, D1_LOG_INFO);
    atomic_init(&log->format, D1_LOG_TEXT);
    log->clock = clock;
}

bool d1_log_wanted(const struct d1_log *log, enum d1_log_level level) {
    return log != NULL && (int)level <= atomic_load_explicit(&log->level, memory_order_relaxed);
}

static void put(struct d1_writer *line, const char *text) {
    d1_write_bytes(line, text, strlen(text));
}

/* The text between quotes, with JSON's escapes: both formats can be read back. */
static void put_quoted(struct d1_writer *line, const char *text) {
    static const char hex[] = "0123456789abcdef";
    put(line, "\"");
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\') {
            d1_write_u8(line, '\\');
            d1_write_u8(line, c);
        } else if (c < 0x20 || c >= 0x7f) {
            uint8_t escape[] = {'\\', 'u', '0', '0', (uint8_t)hex[c >> 4], (uint8_t)hex[c & 15]};
            d1_write_bytes(line, escape, sizeof(escape));
        } else {
            d1_write_u8(line, c);
        }
    }
    put(line, "\"");
}

static bool is_plain(const char *text) {
    if (*text == '\0') {
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at >= 0x7f || *at == '"' || *at == '\\' || *at == '=') {
            return false;
        }
    }
    return true;
}

static void put_value(struct d1_writer *line, const struct d1_log_field *field, bool json) {
    if (field->text == NULL) {
        char number[24];
        int64_t value = field->number;
        char *at = number + sizeof(number) - 1;
        *at = '\0';
        uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
        do {
            *--at = (char)('0' + rest % 10);
            rest /= 10;
        } while (rest > 0);
        if (value < 0) {
            *--at = '-';
        }
        put(line, at);
    } else if (!json && is_plain(field->text)) {
        put(line, field->text);
    } else {
        put_quoted(line, field->text);
    }
}

static void put_fields(struct d1_writer *line, const struct d1_log_field *fields, size_t count,
                       bool json) {
    for (size_t i = 0; i < count; i++) {
        if (fields[i].name == NULL) {
            continue;
        }
        uint8_t *before = line->at;
        if (json) {
            put(line, ",");
            put_quoted(line, fields[i].name);
            put(line, ":");
        } else {
            put(line, " ");
            put(line, fields[i].name);
            put(line, "=");
        }
        put_value(line, &fields[i], json);
        if (line->failed) {
            line->at = before; /* Leave a field out rather than write half of it. */
            line->failed = false;
        }
    }
}

void d1_log_write(struct d1_log *log, enum d1_log_level level, const char *event,
                  const struct d1_log_field *fields, size_t count) {
    if (!d1_log_wanted(log, level)) {
        return;
    }
    bool json = atomic_load_explicit(&log->format, memory_order_relaxed) == D1_LOG_JSON;
    char time[D1_RFC3339_BYTES];
    d1_time_format(d1_clock_wall_ms(log->clock), time);
    char buffer[D1_LOG_LINE_MAX];
    struct d1_writer line = d1_writer_over(buffer, sizeof(buffer) - 2);
    put(&line, json ? "{\"time\":\"" : "");
    put(&line, time);
    put(&line, json ? "\",\"level\":\"" : " ");
    put(&line, level_names[level]);
    put(&line, json ? "\",\"event\":\"" : " ");
    put(&line, event);
    put(&line, json ? "\"" : "");
    put_fields(&line, fields, count, json);
    line.end += 2;
    put(&line, json ? "}\n" : "\n");
    ssize_t written;
    do {
        written = write(log->fd, buffer, d1_writer_length(&line));
    } while (written < 0 && errno == EINTR);
}
