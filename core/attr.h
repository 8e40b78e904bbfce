/* Compiler attributes, named once. GCC and Clang only, as the rest of the build. */
#ifndef D1_CORE_ATTR_H
#define D1_CORE_ATTR_H

#define D1_PRINTF(text, first) __attribute__((format(printf, text, first)))
#define D1_MUST_CHECK          __attribute__((warn_unused_result))
#define D1_HOT                 __attribute__((hot))
#define D1_COLD                __attribute__((cold))
#define D1_LIKELY(x)           __builtin_expect(!!(x), 1)
#define D1_UNLIKELY(x)         __builtin_expect(!!(x), 0)
#define D1_CACHE_LINE          64
#define D1_ARRAY_LENGTH(a)     (sizeof(a) / sizeof((a)[0]))

/* The object of the given type that holds `member` at `pointer`. */
#define D1_CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif /* D1_CORE_ATTR_H */
