/*
 * Bounded cursors over octets: one reader and one writer for every parser and builder, and a
 * growing buffer with a stated maximum.
 *
 * Threads: an object belongs to one thread at a time.
 * Memory: reader and writer borrow their octets; struct d1_bytes owns its own.
 * Limits: nothing is ever read or written outside [start, end). A failed operation sets `failed`,
 *   changes nothing else, and every later one fails too: check once, at the end.
 */
#ifndef D1_CORE_BUF_H
#define D1_CORE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/attr.h"

struct d1_reader {
    const uint8_t *start;
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct d1_reader d1_reader_over(const void *bytes, size_t length) {
    const uint8_t *start = bytes;
    return (struct d1_reader){.start = start, .at = start, .end = start + length, .failed = false};
}

/* Octets not read yet. */
static inline size_t d1_reader_left(const struct d1_reader *reader) {
    return (size_t)(reader->end - reader->at);
}

/* Octets read so far. */
static inline size_t d1_reader_offset(const struct d1_reader *reader) {
    return (size_t)(reader->at - reader->start);
}

/* The next `length` octets, or NULL (and failed) when fewer are left. */
static inline const uint8_t *d1_read_bytes(struct d1_reader *reader, size_t length) {
    if (reader->failed || length > d1_reader_left(reader)) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *bytes = reader->at;
    reader->at += length;
    return bytes;
}

/* Big-endian integers; 0 (and failed) when too few octets are left. */
static inline uint8_t d1_read_u8(struct d1_reader *reader) {
    const uint8_t *b = d1_read_bytes(reader, 1);
    return b != NULL ? b[0] : 0;
}

static inline uint16_t d1_load_u16(const uint8_t *b) {
    return (uint16_t)((unsigned)b[0] << 8 | b[1]);
}

static inline uint32_t d1_load_u32(const uint8_t *b) {
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline uint16_t d1_read_u16(struct d1_reader *reader) {
    const uint8_t *b = d1_read_bytes(reader, 2);
    return b != NULL ? d1_load_u16(b) : 0;
}

static inline uint32_t d1_read_u32(struct d1_reader *reader) {
    const uint8_t *b = d1_read_bytes(reader, 4);
    return b != NULL ? d1_load_u32(b) : 0;
}

struct d1_writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool failed;
};

static inline struct d1_writer d1_writer_over(void *bytes, size_t length) {
    uint8_t *start = bytes;
    return (struct d1_writer){.start = start, .at = start, .end = start + length, .failed = false};
}

static inline size_t d1_writer_left(const struct d1_writer *writer) {
    return (size_t)(writer->end - writer->at);
}

/* Octets written so far. */
static inline size_t d1_writer_length(const struct d1_writer *writer) {
    return (size_t)(writer->at - writer->start);
}

/* Room for `length` octets that the caller fills, or NULL (and failed) when they do not fit. */
static inline uint8_t *d1_write_room(struct d1_writer *writer, size_t length) {
    if (writer->failed || length > d1_writer_left(writer)) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *room = writer->at;
    writer->at += length;
    return room;
}

static inline void d1_write_bytes(struct d1_writer *writer, const void *bytes, size_t length) {
    uint8_t *room = d1_write_room(writer, length);
    if (room != NULL && length > 0) {
        memcpy(room, bytes, length);
    }
}

static inline void d1_store_u16(uint8_t *b, uint16_t value) {
    b[0] = (uint8_t)(value >> 8);
    b[1] = (uint8_t)value;
}

static inline void d1_store_u32(uint8_t *b, uint32_t value) {
    b[0] = (uint8_t)(value >> 24);
    b[1] = (uint8_t)(value >> 16);
    b[2] = (uint8_t)(value >> 8);
    b[3] = (uint8_t)value;
}

static inline void d1_write_u8(struct d1_writer *writer, uint8_t value) {
    uint8_t *room = d1_write_room(writer, 1);
    if (room != NULL) {
        room[0] = value;
    }
}

static inline void d1_write_u16(struct d1_writer *writer, uint16_t value) {
    uint8_t *room = d1_write_room(writer, 2);
    if (room != NULL) {
        d1_store_u16(room, value);
    }
}

static inline void d1_write_u32(struct d1_writer *writer, uint32_t value) {
    uint8_t *room = d1_write_room(writer, 4);
    if (room != NULL) {
        d1_store_u32(room, value);
    }
}

/* A buffer that grows to `max` octets and no further. */
struct d1_bytes {
    uint8_t *data; /* Owned; NULL while empty. */
    size_t length;
    size_t capacity;
    size_t max;
    bool failed; /* No memory, or more than max was asked for; contents are what fitted before. */
};

void d1_bytes_init(struct d1_bytes *bytes, size_t max);
void d1_bytes_close(struct d1_bytes *bytes);

/* Forget the contents, keep the memory, clear `failed`. */
void d1_bytes_clear(struct d1_bytes *bytes);

/* Append. Returns 0, D1_ETOOLARGE or -ENOMEM; after an error `failed` is set and nothing changed. */
int d1_bytes_add(struct d1_bytes *bytes, const void *data, size_t length);
int d1_bytes_add_text(struct d1_bytes *bytes, const char *text);
int d1_bytes_printf(struct d1_bytes *bytes, const char *format, ...) D1_PRINTF(2, 3);

/* Remove the first `length` octets (at most all). */
void d1_bytes_drop(struct d1_bytes *bytes, size_t length);

/* The contents with a NUL after them, or NULL when there is no memory. Borrowed until a change. */
const char *d1_bytes_text(struct d1_bytes *bytes);

#endif /* D1_CORE_BUF_H */
