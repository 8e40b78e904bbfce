/*
 * A TLS certificate and its key from the files that a `tls:` map names.
 *
 * Memory: the context is the caller's; the key's octets are wiped.
 */
#ifndef D1_HTTP_CERTIFICATE_H
#define D1_HTTP_CERTIFICATE_H

#include <stdbool.h>

#include "core/err.h"

struct d1_tls_context;

/* What went wrong, and with which of the two files. */
struct d1_certificate_fault {
    bool key;
    struct d1_error error;
};

/*
 * Read both. Returns 0 and the context, D1_ECONFIG with the story in *fault, or -ENOMEM. A
 * certificate that is not valid now is taken: whether that matters, its user knows.
 */
int d1_certificate_read(const char *certificate_path, const char *key_path,
                        struct d1_tls_context **ret_context, struct d1_certificate_fault *fault);

/*
 * Have the context ask clients for certificates of the authorities in that file; see
 * d1_tls_context_set_clients(). Returns 0, D1_ECONFIG with the story in *error, or -ENOMEM.
 */
int d1_certificate_read_clients(const char *path, bool required, struct d1_tls_context *context,
                                struct d1_error *error);

#endif /* D1_HTTP_CERTIFICATE_H */
