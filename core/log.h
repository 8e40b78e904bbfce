/*
 * Log: one line per event on stderr: time, level, event name (a stable identifier), then fields.
 * Text for people or JSON for machines. Values from the network are escaped, so that a line is
 * always one line.
 *
 * Threads: d1_log_write may be called from any thread; a line is written with one write(2).
 * Memory: nothing is kept. A line longer than D1_LOG_LINE_MAX is cut.
 * Rule: library code does not log; the layer that decides does, once. Nothing on a packet path logs.
 */
#ifndef D1_CORE_LOG_H
#define D1_CORE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/clock.h"

#define D1_LOG_LINE_MAX 4096

enum d1_log_level { D1_LOG_ERROR, D1_LOG_WARN, D1_LOG_INFO, D1_LOG_DEBUG };
enum d1_log_format { D1_LOG_TEXT, D1_LOG_JSON };

struct d1_log {
    int fd;
    _Atomic int level; /* enum d1_log_level; may change on reload. */
    _Atomic int format;
    const struct d1_clock *clock;
};

struct d1_log_field {
    const char *name;
    const char *text; /* NULL: use number. */
    int64_t number;
};

#define D1_LOG_S(name, text)   ((struct d1_log_field){(name), (text), 0})
#define D1_LOG_I(name, number) ((struct d1_log_field){(name), NULL, (int64_t)(number)})

void d1_log_init(struct d1_log *log, int fd, const struct d1_clock *clock);

/* Whether a line of that level is written now. */
bool d1_log_wanted(const struct d1_log *log, enum d1_log_level level);

/* Write one line, if the level is wanted. A NULL log is allowed and silent. */
void d1_log_write(struct d1_log *log, enum d1_log_level level, const char *event,
                  const struct d1_log_field *fields, size_t count);

/* d1_log(log, INFO, "ready", D1_LOG_S("listen", address), D1_LOG_I("workers", 2)) */
#define d1_log(log, level, event, ...)                                                       \
    d1_log_write((log), D1_LOG_##level, (event), (const struct d1_log_field[]){__VA_ARGS__}, \
                 sizeof((const struct d1_log_field[]){__VA_ARGS__}) / sizeof(struct d1_log_field))

#endif /* D1_CORE_LOG_H */
