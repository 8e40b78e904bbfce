#include "providers/guard.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "core/limits.h"

#define METHOD_MAX 16
#define HEADER_MAX 16384 /* Octets of one value: tokens of some vendors are long. */

static bool is_token(const char *text, size_t max) {
    size_t length = strlen(text);
    if (length == 0 || length > max) {
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", *at) != NULL) {
            return false;
        }
    }
    return true;
}

/* No control octets: nothing in a value can begin another header. */
static bool is_clean(const char *text, size_t max) {
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        unsigned char octet = (unsigned char)text[i];
        if ((octet < 0x20 && octet != '\t') || octet == 0x7f) {
            return false;
        }
    }
    return length <= max;
}

static bool host_matches(const char *host, const char *pattern) {
    if (strncmp(pattern, "*.", 2) != 0) {
        return strcasecmp(host, pattern) == 0;
    }
    size_t tail = strlen(pattern) - 1; /* With its dot. */
    size_t length = strlen(host);
    return length > tail && strcasecmp(host + length - tail, pattern + 1) == 0;
}

static int check_host(CURLU *url, const char *const *hosts, struct d1_error *error) {
    char *host = NULL;
    if (curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK) {
        return d1_error_set(error, D1_ECONFIG, "the URL has no host");
    }
    bool known = false;
    for (size_t i = 0; hosts != NULL && hosts[i] != NULL && !known; i++) {
        known = host_matches(host, hosts[i]);
    }
    int err =
        known ? D1_OK
              : d1_error_set(error, D1_ECONFIG,
                             "%.200s is not a host that this account's secrets may go to", host);
    curl_free(host);
    return err;
}

static int check_parts(CURLU *url, bool plain, struct d1_error *error) {
    char *scheme = NULL;
    char *user = NULL;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK) {
        return d1_error_set(error, D1_ECONFIG, "the URL has no scheme");
    }
    bool secure = strcmp(scheme, "https") == 0;
    bool allowed = secure || (plain && strcmp(scheme, "http") == 0);
    curl_free(scheme);
    if (!allowed) {
        return d1_error_set(error, D1_ECONFIG,
                            "only https is used; http needs allow-networks for that host");
    }
    if (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK) {
        curl_free(user);
        return d1_error_set(error, D1_ECONFIG, "a URL carries no user name or password");
    }
    return D1_OK;
}

static int check_url(const char *text, const char *const *hosts, bool plain,
                     struct d1_error *error) {
    if (text == NULL || strlen(text) > D1_PROVIDER_URL_MAX || !is_clean(text, SIZE_MAX) ||
        strpbrk(text, " \t") != NULL) {
        return d1_error_set(error, D1_ECONFIG, "the URL is too long, or has blanks in it");
    }
    CURLU *url = curl_url();
    if (url == NULL) {
        return d1_error_set(error, -ENOMEM, "no memory");
    }
    int err = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK
                  ? D1_OK
                  : d1_error_set(error, D1_ECONFIG, "the URL cannot be read");
    err = err != D1_OK ? err : check_parts(url, plain, error);
    err = err != D1_OK ? err : check_host(url, hosts, error);
    curl_url_cleanup(url);
    return err;
}

int d1_guard_http(const struct d1_action_http *request, const char *const *hosts, bool plain,
                  struct d1_error *error) {
    if (request->method == NULL || !is_token(request->method, METHOD_MAX)) {
        return d1_error_set(error, D1_ECONFIG, "the method is not one");
    }
    if (request->length > D1_PROVIDER_BODY_MAX || request->header_count > D1_PROVIDER_HEADERS_MAX) {
        return d1_error_set(error, D1_ECONFIG, "the request is too large");
    }
    for (size_t i = 0; i < request->header_count; i++) {
        const struct d1_pair *header = &request->headers[i];
        if (!is_token(header->name, METHOD_MAX * 4) || !is_clean(header->value, HEADER_MAX)) {
            return d1_error_set(error, D1_ECONFIG, "a header has octets that no header has");
        }
    }
    return check_url(request->url, hosts, plain, error);
}

int d1_guard_dns(const struct d1_action_dns *request, struct d1_error *error) {
    if (request->server == NULL || !is_clean(request->server, D1_NAME_TEXT_MAX)) {
        return d1_error_set(error, D1_ECONFIG, "no server to ask");
    }
    if (request->length < D1_DNS_HEADER_BYTES || request->length > D1_DNS_MESSAGE_MAX) {
        return d1_error_set(error, D1_ECONFIG, "not the length of a DNS message");
    }
    return D1_OK;
}

int d1_guard_run(const struct d1_action_run *request, struct d1_error *error) {
    if (request->program == NULL || request->program[0] != '/' ||
        strlen(request->program) > D1_PATH_MAX) {
        return d1_error_set(error, D1_ECONFIG, "the program must be named by its absolute path");
    }
    size_t count = 0;
    while (request->arguments != NULL && request->arguments[count] != NULL) {
        count++;
    }
    if (count > D1_PROVIDER_HEADERS_MAX || request->environment_count > D1_PROVIDER_HEADERS_MAX) {
        return d1_error_set(error, D1_ECONFIG, "the program has too many arguments");
    }
    for (size_t i = 0; i < request->environment_count; i++) {
        if (request->environment[i].name[0] == '\0' ||
            strchr(request->environment[i].name, '=') != NULL) {
            return d1_error_set(error, D1_ECONFIG, "a variable of the environment has no name");
        }
    }
    return D1_OK;
}
