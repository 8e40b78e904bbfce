/*
 * Redaction: secrets taken out of text by their value, in the forms vendors echo them.
 *
 * Threads: a set belongs to one thread.
 * Memory: the set copies the secrets and wipes them when it is closed.
 */
#ifndef D1_PROVIDERS_REDACT_H
#define D1_PROVIDERS_REDACT_H

#include <stddef.h>

#include "core/attr.h"

#define D1_REDACT_MIN 4 /* Shorter ones would take common letters out of every text. */

struct d1_redact_form;

struct d1_redact {
    struct d1_redact_form *forms;
};

/* Add a secret: as it is, percent-encoded, and in base64. Returns 0 or -ENOMEM. */
int d1_redact_add(struct d1_redact *redact, const char *secret) D1_MUST_CHECK;

void d1_redact_close(struct d1_redact *redact);

/*
 * Replace each secret in `text` (of any length) by "***", control octets by blanks, and write at most
 * size - 1 octets and a NUL; what is cut ends with "...".
 */
void d1_redact_text(const struct d1_redact *redact, const char *text, char *ret_text, size_t size);

#endif /* D1_PROVIDERS_REDACT_H */
