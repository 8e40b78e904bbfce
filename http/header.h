/* One header field, of requests and answers, ours and others'. */
#ifndef D1_HTTP_HEADER_H
#define D1_HTTP_HEADER_H

struct d1_http_header {
    const char *name;  /* Lower case. */
    const char *value; /* Without the blanks around it. */
};

#endif /* D1_HTTP_HEADER_H */
