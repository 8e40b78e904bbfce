/*
 * HTTP client of dns01ctl: one request at a time, over the control socket or to a URL with a token.
 *
 * Threads: one.
 * Memory: a client owns its token and wipes it. Replies are the caller's.
 * Limits: D1_HTTP_ANSWER_BYTES_MAX octets of reply; D1_CTL_SECONDS for a request.
 */
#ifndef D1_CTL_CLIENT_H
#define D1_CTL_CLIENT_H

#include <jansson.h>
#include <stddef.h>

struct d1_ctl_arguments;
struct d1_ctl_client;
struct d1_error;

#define D1_CTL_SECONDS 40 /* A door waits 25 s at most for a publisher. */

struct d1_ctl_request {
    const char *method;
    const char *path; /* With its query, escaped. */
    const char *body; /* JSON, or NULL. */
};

struct d1_ctl_client {
    /*
     * Send it; *ret_reply is the JSON of a 2xx reply (to be released with json_decref). Returns 0,
     * or a negative code with the whole story in *error: not reached, refused, not JSON.
     */
    int (*send)(struct d1_ctl_client *client, const struct d1_ctl_request *request,
                json_t **ret_reply, struct d1_error *error);
    void (*destroy)(struct d1_ctl_client *client);
};

/* The client the arguments ask for: reads the token file, chooses the socket. */
int d1_ctl_client_create(const struct d1_ctl_arguments *arguments,
                         struct d1_ctl_client **ret_client, struct d1_error *error);
void d1_ctl_client_destroy(struct d1_ctl_client *client);

/* Percent-encode for a path segment or a query value (RFC 3986, 2.3), NUL-terminated. */
void d1_ctl_escape(const char *text, char *ret_text, size_t size);

#endif /* D1_CTL_CLIENT_H */
