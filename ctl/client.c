#include "ctl/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "ctl/arguments.h"

#define SYSTEM_SOCKET "/var/lib/dns01d/control.sock"

struct curl_client {
    struct d1_ctl_client base;
    CURL *curl;
    char socket[D1_PATH_MAX]; /* "" with a URL. */
    char base_url[D1_PATH_MAX];
    const char *client_cert; /* Borrowed from the arguments; NULL: none. */
    char *authorization;     /* Header line; NULL over the socket. */
};

/* $STATE_DIRECTORY/control.sock, else ./dns01d-state/control.sock, else the system's. */
static void choose_socket(char *path, size_t size) {
    const char *state = getenv("STATE_DIRECTORY");
    size_t length = state != NULL ? strcspn(state, ":") : 0;
    if (length > 0) {
        snprintf(path, size, "%.*s/control.sock", (int)length, state);
    } else {
        snprintf(path, size, "./dns01d-state/control.sock");
    }
    if (access(path, F_OK) != 0 && access(SYSTEM_SOCKET, F_OK) == 0) {
        snprintf(path, size, SYSTEM_SOCKET);
    }
}

/* First line of the file, as the daemon reads secrets. */
static int read_token(const char *path, char token[D1_SECRET_BYTES_MAX + 2],
                      struct d1_error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return d1_error_set(error, -errno, "cannot read the token file %s: %s", path,
                            strerror(errno));
    }
    size_t length = 0;
    ssize_t got;
    do {
        got = read(fd, token + length, D1_SECRET_BYTES_MAX + 1 - length);
        length += got > 0 ? (size_t)got : 0;
    } while (got > 0 && length <= D1_SECRET_BYTES_MAX);
    int read_errno = got < 0 ? errno : 0;
    close(fd);
    if (read_errno != 0) {
        return d1_error_set(error, -read_errno, "cannot read the token file %s: %s", path,
                            strerror(read_errno));
    }
    while (length > 0 && (token[length - 1] == '\n' || token[length - 1] == '\r')) {
        length--;
    }
    token[length] = '\0';
    if (length == 0 || length > D1_SECRET_BYTES_MAX || strlen(token) != length ||
        strpbrk(token, "\r\n") != NULL) {
        return d1_error_set(error, D1_EPARSE,
                            "the token file %s must hold one line of 1 to %d octets", path,
                            D1_SECRET_BYTES_MAX);
    }
    return D1_OK;
}

static int set_authorization(struct curl_client *client, const char *path, struct d1_error *error) {
    static const char prefix[] = "Authorization: Bearer ";
    char token[D1_SECRET_BYTES_MAX + 2];
    int err = read_token(path, token, error);
    if (err == D1_OK) {
        size_t size = sizeof(prefix) + strlen(token);
        client->authorization = d1_malloc(size);
        if (client->authorization == NULL) {
            err = d1_error_set(error, -ENOMEM, "out of memory");
        } else {
            snprintf(client->authorization, size, "%s%s", prefix, token);
        }
    }
    d1_wipe(token, sizeof(token));
    return err;
}

static size_t on_data(char *data, size_t size, size_t count, void *arg) {
    struct d1_bytes *body = arg;
    return d1_bytes_add(body, data, size * count) == D1_OK ? size * count : 0;
}

/* What a failed transfer means, in words that say what to do. */
static int tell_failure(const struct curl_client *client, CURLcode code, const char *detail,
                        struct d1_error *error) {
    long number = 0;
    curl_easy_getinfo(client->curl, CURLINFO_OS_ERRNO, &number);
    const char *where = client->socket[0] != '\0' ? client->socket : client->base_url;
    const char *cause = number != 0         ? strerror((int)number)
                        : detail[0] != '\0' ? detail
                                            : curl_easy_strerror(code);
    const char *advice = "";
    if (code == CURLE_COULDNT_CONNECT && client->socket[0] != '\0') {
        advice = number == EACCES ? "; root and the user dns01d runs as may use it"
                                  : "; is it running? --socket names another place";
    } else if (code == CURLE_COULDNT_CONNECT) {
        advice = "; is it running there?";
    }
    return d1_error_set(error, D1_ECLOSED, "cannot reach dns01d at %s: %s%s", where, cause, advice);
}

/* The error a server's reply tells of. */
static int tell_refusal(long status, json_t *reply, struct d1_error *error) {
    const char *code = json_string_value(json_object_get(reply, "error"));
    const char *detail = json_string_value(json_object_get(reply, "detail"));
    if (detail != NULL && code != NULL) {
        const char *advice =
            strcmp(code, "not-served") != 0
                ? ""
                : "; dns01d must have its zone under `zones` or `delegations`, and "
                  "NS records must point there";
        return d1_error_set(error, D1_EINTERNAL, "%s (%s)%s", detail, code, advice);
    }
    if (code != NULL) {
        return d1_error_set(error, D1_EINTERNAL, "%s", code);
    }
    return d1_error_set(error, D1_EINTERNAL, "the server answered with status %ld", status);
}

static int read_reply(const struct curl_client *client, struct d1_bytes *body, json_t **ret_reply,
                      struct d1_error *error) {
    long status = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    json_t *reply = json_loadb((const char *)body->data, body->length, 0, NULL);
    if (status < 200 || status > 299) {
        int err = tell_refusal(status, reply, error);
        json_decref(reply);
        return err;
    }
    if (!json_is_object(reply)) {
        json_decref(reply);
        return d1_error_set(error, D1_EPARSE,
                            "the answer is no JSON object; is that the address of a dns01d?");
    }
    *ret_reply = reply;
    return D1_OK;
}

static bool set_up(struct curl_client *client, const struct d1_ctl_request *request,
                   const char *url, struct curl_slist *headers, struct d1_bytes *body) {
    CURL *curl = client->curl;
    curl_easy_reset(curl);
    bool good = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)D1_CTL_SECONDS) == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_WRITEDATA, body) == CURLE_OK;
    if (good && client->socket[0] != '\0') {
        good = curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, client->socket) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK;
    }
    if (good && client->client_cert != NULL) {
        good = curl_easy_setopt(curl, CURLOPT_SSLCERT, client->client_cert) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_SSLKEY, client->client_cert) == CURLE_OK;
    }
    const char *trusted = getenv("SSL_CERT_FILE"); /* As curl and lego heed it. */
    if (good && trusted != NULL && trusted[0] != '\0') {
        good = curl_easy_setopt(curl, CURLOPT_CAINFO, trusted) == CURLE_OK;
    }
    if (good && request->body != NULL) {
        good = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body) == CURLE_OK;
    } else if (good && strcmp(request->method, "POST") == 0) {
        good = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "") == CURLE_OK;
    }
    return good;
}

/* Appends; on failure the list stays as it was and *good is cleared. */
static struct curl_slist *add_header(struct curl_slist *list, const char *line, bool *good) {
    struct curl_slist *longer = curl_slist_append(list, line);
    *good = *good && longer != NULL;
    return longer != NULL ? longer : list;
}

static int send_with_curl(struct d1_ctl_client *base, const struct d1_ctl_request *request,
                          json_t **ret_reply, struct d1_error *error) {
    struct curl_client *client = D1_CONTAINER_OF(base, struct curl_client, base);
    char url[2 * D1_PATH_MAX];
    int length = snprintf(url, sizeof(url), "%s%s", client->base_url, request->path);
    if (length < 0 || (size_t)length >= sizeof(url)) {
        return d1_error_set(error, D1_ETOOLARGE, "the URL is too long");
    }
    bool good = true;
    struct curl_slist *headers = add_header(NULL, "Accept: application/json", &good);
    headers = add_header(headers, "Content-Type: application/json", &good);
    if (client->authorization != NULL) {
        headers = add_header(headers, client->authorization, &good);
    }
    struct d1_bytes body;
    d1_bytes_init(&body, D1_HTTP_ANSWER_BYTES_MAX);
    char detail[CURL_ERROR_SIZE] = "";
    int err;
    if (!good || !set_up(client, request, url, headers, &body)) {
        err = d1_error_set(error, -ENOMEM, "out of memory");
    } else {
        curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, detail);
        CURLcode code = curl_easy_perform(client->curl);
        err = code == CURLE_OK ? read_reply(client, &body, ret_reply, error)
                               : tell_failure(client, code, detail, error);
    }
    curl_easy_reset(client->curl);
    curl_slist_free_all(headers);
    d1_wipe(body.data, body.capacity); /* A reply may hold an account's key. */
    d1_bytes_close(&body);
    return err;
}

static void destroy_curl_client(struct d1_ctl_client *base) {
    struct curl_client *client = D1_CONTAINER_OF(base, struct curl_client, base);
    curl_easy_cleanup(client->curl);
    if (client->authorization != NULL) {
        d1_wipe(client->authorization, strlen(client->authorization));
    }
    d1_free(client->authorization);
    d1_free(client);
}

static int choose_server(struct curl_client *client, const struct d1_ctl_arguments *arguments,
                         struct d1_error *error) {
    if (arguments->url != NULL) {
        size_t length = strlen(arguments->url);
        while (length > 0 && arguments->url[length - 1] == '/') {
            length--;
        }
        if (length >= sizeof(client->base_url)) {
            return d1_error_set(error, D1_ETOOLARGE, "the URL is too long");
        }
        memcpy(client->base_url, arguments->url, length);
        client->client_cert = arguments->client_cert;
        return set_authorization(client, arguments->token_file, error);
    }
    snprintf(client->base_url, sizeof(client->base_url), "http://localhost");
    if (arguments->socket == NULL) {
        choose_socket(client->socket, sizeof(client->socket));
    } else if (strlen(arguments->socket) < sizeof(client->socket)) {
        memcpy(client->socket, arguments->socket, strlen(arguments->socket));
    } else {
        return d1_error_set(error, D1_ETOOLARGE, "the path of --socket is too long");
    }
    return D1_OK;
}

int d1_ctl_client_create(const struct d1_ctl_arguments *arguments,
                         struct d1_ctl_client **ret_client, struct d1_error *error) {
    struct curl_client *client = d1_calloc(1, sizeof(*client));
    if (client == NULL) {
        return d1_error_set(error, -ENOMEM, "out of memory");
    }
    client->base.send = send_with_curl;
    client->base.destroy = destroy_curl_client;
    int err = choose_server(client, arguments, error);
    if (err == D1_OK) {
        client->curl = curl_easy_init();
        err = client->curl != NULL ? D1_OK : d1_error_set(error, -ENOMEM, "out of memory");
    }
    if (err != D1_OK) {
        destroy_curl_client(&client->base);
        return err;
    }
    *ret_client = &client->base;
    return D1_OK;
}

void d1_ctl_client_destroy(struct d1_ctl_client *client) {
    if (client != NULL) {
        client->destroy(client);
    }
}

void d1_ctl_escape(const char *text, char *ret_text, size_t size) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0;
    for (; *text != '\0' && used + 4 <= size; text++) {
        uint8_t octet = (uint8_t)*text;
        if (strchr(plain, octet) != NULL) {
            ret_text[used++] = *text;
        } else {
            ret_text[used++] = '%';
            ret_text[used++] = digits[octet >> 4];
            ret_text[used++] = digits[octet & 15];
        }
    }
    ret_text[used] = '\0';
}
