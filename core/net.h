/*
 * Socket addresses as text, and back: "127.0.0.1:5300", "[::1]:5300".
 *
 * Threads: pure functions. No name is ever looked up.
 */
#ifndef D1_CORE_NET_H
#define D1_CORE_NET_H

#include <stdbool.h>
#include <sys/socket.h>

#include "core/attr.h"

#define D1_ADDRESS_TEXT_BYTES 64

/* "ADDRESS:PORT" with an IPv6 address in brackets. Returns 0 or D1_EPARSE. */
int d1_address_parse(const char *text, struct sockaddr_storage *ret_address) D1_MUST_CHECK;

/* The same form back; "unix" for AF_UNIX. */
void d1_address_format(const struct sockaddr_storage *address,
                       char ret_text[D1_ADDRESS_TEXT_BYTES]);

/* Octets of the address as the kernel takes it. */
socklen_t d1_address_length(const struct sockaddr_storage *address);

/* 127.0.0.0/8 or ::1. */
bool d1_address_is_loopback(const struct sockaddr_storage *address);

/* 0.0.0.0 or ::. */
bool d1_address_is_wildcard(const struct sockaddr_storage *address);

#endif /* D1_CORE_NET_H */
