/*
 * A step of a descriptor as an HTTP request: URL, parameters and body first, then the signature
 * over them, then the headers.
 */
#include "providers/engine_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"
#include "core/mem.h"
#include "providers/engine_account.h"
#include "providers/engine_job.h"
#include "providers/pointer.h"
#include "providers/sign.h"

struct param {
    const char *name;
    const char *value;
    bool form;
};

struct d1_request {
    struct param params[D1_REQUEST_PARAMS_MAX];
    size_t count;
    const char *host;
    const char *place;   /* Scheme, authority and path. */
    const char *path;    /* Of that, only the path. */
    const char *literal; /* A query that stands in the path's template. */
    const char *url;
    const char *query;
    const char *body;
    size_t body_length;
    const char *content_type;
    json_t *json; /* Owned while the request is being built. */
    struct d1_pair headers[D1_PROVIDER_HEADERS_MAX];
    size_t header_count;
};

static int keep(struct d1_job *job, struct d1_bytes *bytes, int status, const char **ret_text) {
    if (status == 0) {
        *ret_text = d1_pool_copy(&job->pool, bytes->data, bytes->length);
        status = *ret_text != NULL ? 0 : -ENOMEM;
    }
    if (bytes->data != NULL) {
        d1_wipe(bytes->data, bytes->length);
    }
    d1_bytes_close(bytes);
    return status;
}

static int add_param(struct d1_job *job, const char *name, const json_t *value, bool form) {
    struct d1_request *request = job->request;
    char room[D1_POINTER_NUMBER_BYTES];
    const char *text = d1_pointer_text(value, room);
    if (text == NULL) {
        return json_is_null(value) ? 0 : D1_EPARSE;
    }
    if (request->count == D1_REQUEST_PARAMS_MAX) {
        return D1_ELIMIT;
    }
    struct param param = {.name = d1_pool_copy(&job->pool, name, strlen(name)),
                          .value = d1_pool_copy(&job->pool, text, strlen(text)),
                          .form = form};
    if (param.name == NULL || param.value == NULL) {
        return -ENOMEM;
    }
    request->params[request->count++] = param;
    return 0;
}

/* Expand an object of templates and add its members as parameters; a list repeats its name. */
static int add_params(struct d1_job *job, const json_t *templates, bool form) {
    json_t *object = NULL;
    int status = templates == NULL ? 0 : d1_template_json(&job->vars, templates, &object);
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        size_t index;
        json_t *element;
        json_array_foreach(value, index, element) {
            status = status == 0 ? add_param(job, key, element, form) : status;
        }
        if (status == 0 && !json_is_array(value)) {
            status = add_param(job, key, value, form);
        }
    }
    json_decref(object);
    return status;
}

/* Expand members into the JSON body. */
static int add_json(struct d1_job *job, const json_t *templates) {
    json_t *object = NULL;
    int status = templates == NULL ? 0 : d1_template_json(&job->vars, templates, &object);
    if (status == 0 && object != NULL && job->request->json == NULL) {
        job->request->json = json_object();
        status = job->request->json == NULL ? -ENOMEM : 0;
    }
    if (status == 0 && object != NULL && !json_is_object(job->request->json)) {
        status = D1_EPARSE;
    }
    if (status == 0 && object != NULL && json_object_update(job->request->json, object) != 0) {
        status = -ENOMEM;
    }
    json_decref(object);
    return status;
}

/* Put a page's number, offset or cursor where it belongs. */
static int add_page(struct d1_job *job, const struct d1_paging *paging) {
    int64_t number = paging->kind == D1_PAGING_PAGE
                         ? paging->start + job->page
                         : paging->start + (int64_t)job->page * paging->size;
    bool cursor = paging->kind == D1_PAGING_CURSOR;
    if (paging->kind == D1_PAGING_NONE || paging->kind == D1_PAGING_LINK ||
        (cursor && job->cursor == NULL)) {
        return 0;
    }
    json_t *value = cursor ? json_string(job->cursor) : json_integer(number);
    int status = value == NULL ? -ENOMEM : 0;
    if (status == 0 && paging->place == D1_PAGING_IN_QUERY) {
        status = add_param(job, paging->param, value, false);
    } else if (status == 0 && job->sent->form != NULL) {
        status = add_param(job, paging->param, value, true);
    } else if (status == 0) {
        if (job->request->json == NULL) {
            job->request->json = json_object();
        }
        status = json_object_set(job->request->json, paging->param, value) == 0 ? 0 : -ENOMEM;
    }
    json_decref(value);
    return status;
}

static const struct d1_paging *paging_of(const struct d1_job *job) {
    const struct d1_descriptor *d = job->account->descriptor;
    return job->sent == &d->list   ? &d->listing.next
           : job->sent == &d->zone ? &d->zone_list.next
                                   : NULL;
}

static int write_query(const struct d1_request *request, bool form, struct d1_bytes *out) {
    int status = 0;
    for (size_t i = 0; i < request->count && status == 0; i++) {
        const struct param *param = &request->params[i];
        if (param->form != form) {
            continue;
        }
        status = out->length > 0 ? d1_bytes_add(out, "&", 1) : 0;
        if (status == 0) {
            status = d1_template_percent(param->name, strlen(param->name), "", out);
        }
        if (status == 0) {
            status = d1_bytes_add(out, "=", 1);
        }
        if (status == 0) {
            status = d1_template_percent(param->value, strlen(param->value), "", out);
        }
    }
    return status;
}

/* Scheme to path, from base and `path`, from `url`, or from a link to the next page. */
static int make_place(struct d1_job *job) {
    struct d1_request *request = job->request;
    const struct d1_call *call = job->sent;
    const struct d1_paging *paging = paging_of(job);
    const char *text = NULL;
    bool link = paging != NULL && paging->kind == D1_PAGING_LINK && job->cursor != NULL;
    int status = d1_vars_text(job, call->url != NULL ? call->url : call->path,
                              call->url != NULL ? D1_TEMPLATE_PLAIN : D1_TEMPLATE_PATH, &text);
    if (status != 0) {
        return status;
    }
    struct d1_bytes out;
    struct d1_url url;
    d1_bytes_init(&out, D1_PROVIDER_URL_MAX);
    if (call->url == NULL) {
        status = d1_bytes_add_text(&out, job->account->base);
    }
    status = status == 0 ? d1_bytes_add_text(&out, text) : status;
    status = keep(job, &out, status, &request->place);
    if (status != 0 || !d1_url_split(request->place, &url)) {
        return status != 0 ? status : D1_EPARSE;
    }
    if (link) {
        status = d1_bytes_add(&out, request->place, (size_t)(url.rest - request->place));
        status = status == 0 ? d1_bytes_add_text(&out, job->cursor) : status;
        status = keep(job, &out, status, &request->place);
    }
    if (status != 0 || !d1_url_split(request->place, &url)) {
        return status != 0 ? status : D1_EPARSE;
    }
    if (!d1_account_allows(job->account, url.host, url.host_length)) {
        return D1_EFORBIDDEN;
    }
    request->host = d1_pool_copy(&job->pool, url.authority, url.authority_length);
    char *place = d1_pool_copy(&job->pool, request->place, strlen(request->place));
    if (request->host == NULL || place == NULL) {
        return -ENOMEM;
    }
    char *question = strchr(place, '?');
    request->literal = question != NULL ? question + 1 : NULL;
    if (question != NULL) {
        *question = '\0';
    }
    request->place = place;
    request->path = strchr(strstr(place, "://") + 3, '/');
    request->path = request->path != NULL ? request->path : "/";
    if (link) {
        request->count = 0;
    }
    return 0;
}

static int make_url(struct d1_job *job) {
    struct d1_request *request = job->request;
    struct d1_bytes out;
    d1_bytes_init(&out, D1_PROVIDER_URL_MAX);
    int status = request->literal != NULL ? d1_bytes_add_text(&out, request->literal) : 0;
    status = status == 0 ? write_query(request, false, &out) : status;
    status = keep(job, &out, status, &request->query);
    if (status != 0) {
        return status;
    }
    status = d1_bytes_add_text(&out, request->place);
    if (status == 0 && request->query[0] != '\0') {
        status = d1_bytes_printf(&out, "?%s", request->query);
    }
    return keep(job, &out, status, &request->url);
}

/* The body of what JSON, form or text there is. */
static int make_body(struct d1_job *job) {
    struct d1_request *request = job->request;
    const struct d1_call *call = job->sent;
    struct d1_bytes out;
    d1_bytes_init(&out, D1_PROVIDER_BODY_MAX);
    int status = 0;
    if (request->json != NULL) {
        status = d1_template_dump(request->json, &out);
        request->content_type = "application/json";
    } else if (call->text != NULL || call->xml != NULL) {
        bool xml = call->xml != NULL;
        status = xml ? d1_template_parts(&job->vars, call->xml, D1_TEMPLATE_XML, &out)
                     : d1_template_text(&job->vars, call->text, D1_TEMPLATE_PLAIN, &out);
        request->content_type = xml ? "text/xml; charset=utf-8" : "text/plain; charset=utf-8";
    } else {
        status = write_query(request, true, &out);
        bool form = out.length > 0 || call->form != NULL;
        request->content_type = form ? "application/x-www-form-urlencoded" : NULL;
    }
    request->body_length = out.length;
    return keep(job, &out, status, &request->body);
}

/* How parameters are written for a signature. */
enum param_style { STYLE_ENCODED, STYLE_PLAIN, STYLE_BARE };

/* A parameter as it is written. */
struct sorted {
    const char *name;
    const char *value;
};

/* By name, then by value: not by the two together, where `=` would count. */
static int by_name(const void *a, const void *b) {
    const struct sorted *left = a;
    const struct sorted *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : strcmp(left->value, right->value);
}

static int write_styled(struct d1_job *job, const char *text, enum param_style style,
                        const char **ret_text) {
    struct d1_bytes out;
    d1_bytes_init(&out, D1_TEMPLATE_VALUE_MAX);
    int status = style == STYLE_ENCODED ? d1_template_percent(text, strlen(text), "", &out)
                                        : d1_bytes_add_text(&out, text);
    return keep(job, &out, status, ret_text);
}

static int add_sorted(struct d1_job *job, const struct sorted *from, enum param_style style,
                      struct sorted *ret) {
    int status = write_styled(job, from->name, style, &ret->name);
    return status == 0 ? write_styled(job, from->value, style, &ret->value) : status;
}

/* Parameters of query and form, and with `all` the scalars of a JSON body. */
static int collect(struct d1_job *job, bool all, enum param_style style, struct sorted *list,
                   size_t *ret_count) {
    const struct d1_request *request = job->request;
    size_t count = 0;
    int status = 0;
    for (size_t i = 0; i < request->count && status == 0; i++) {
        struct sorted pair = {request->params[i].name, request->params[i].value};
        if (all || !request->params[i].form) {
            status = add_sorted(job, &pair, style, &list[count++]);
        }
    }
    const char *key;
    json_t *value;
    json_object_foreach(all ? request->json : NULL, key, value) {
        char room[D1_POINTER_NUMBER_BYTES];
        struct sorted pair = {key, d1_pointer_text(value, room)};
        if (pair.value == NULL || status != 0) {
            continue;
        }
        status = count == 2 * D1_REQUEST_PARAMS_MAX ? D1_ELIMIT
                                                    : add_sorted(job, &pair, style, &list[count]);
        count++;
    }
    *ret_count = count;
    return status;
}

static int write_sorted(struct d1_job *job, bool all, enum param_style style,
                        struct d1_bytes *out) {
    struct sorted list[2 * D1_REQUEST_PARAMS_MAX];
    size_t count = 0;
    int status = collect(job, all, style, list, &count);
    if (status != 0) {
        return status;
    }
    qsort(list, count, sizeof(list[0]), by_name);
    for (size_t i = 0; i < count && status == 0; i++) {
        const char *between = i > 0 && style != STYLE_BARE ? "&" : "";
        status = d1_bytes_printf(out, "%s%s%s%s", between, list[i].name,
                                 style == STYLE_BARE ? "" : "=", list[i].value);
    }
    return status;
}

/* A header that stands already: the step's own, Content-Type. Empty when there is none. */
static int add_header_variable(const struct d1_request *request, const char *name,
                               struct d1_bytes *out) {
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcasecmp(request->headers[i].name, name) == 0) {
            return d1_bytes_add_text(out, request->headers[i].value);
        }
    }
    return 0;
}

int d1_request_variable(struct d1_job *job, const char *name, struct d1_bytes *out) {
    const struct d1_request *request = job->request;
    if (request == NULL) {
        return D1_ENOTFOUND;
    }
    if (strcmp(name, "body") == 0) {
        return d1_bytes_add(out, request->body, request->body_length);
    }
    if (strcmp(name, "target") == 0) {
        const char *query = request->query != NULL ? request->query : "";
        return d1_bytes_printf(out, "%s%s%s", request->path, query[0] != '\0' ? "?" : "", query);
    }
    if (strncmp(name, "header.", 7) == 0) {
        return add_header_variable(request, name + 7, out);
    }
    if (strcmp(name, "query_sorted") == 0) {
        return write_sorted(job, false, STYLE_ENCODED, out);
    }
    if (strcmp(name, "params") == 0) {
        return write_sorted(job, true, STYLE_ENCODED, out);
    }
    if (strcmp(name, "params_plain") == 0) {
        return write_sorted(job, true, STYLE_PLAIN, out);
    }
    if (strcmp(name, "params_bare") == 0) {
        return write_sorted(job, true, STYLE_BARE, out);
    }
    const struct {
        const char *name;
        const char *text;
    } texts[] = {{"method", job->sent->method}, {"url", request->url},
                 {"host", request->host},       {"path", request->path},
                 {"query", request->query},     {"content_type", request->content_type}};
    for (size_t i = 0; i < D1_ARRAY_LENGTH(texts); i++) {
        if (strcmp(texts[i].name, name) == 0) {
            return d1_bytes_add_text(out, texts[i].text != NULL ? texts[i].text : "");
        }
    }
    return D1_ENOTFOUND;
}

/* One entry of `sign`: its text, hashed, in its form. */
static int compute(struct d1_job *job, const json_t *entry, struct d1_bytes *out) {
    const char *alg = json_string_value(json_object_get(entry, "alg"));
    const char *enc = json_string_value(json_object_get(entry, "enc"));
    const char *key = json_string_value(json_object_get(entry, "key"));
    const char *prefix = json_string_value(json_object_get(entry, "prefix"));
    struct d1_bytes text;
    struct d1_bytes secret;
    struct d1_bytes raw;
    d1_bytes_init(&text, D1_TEMPLATE_VALUE_MAX);
    d1_bytes_init(&secret, D1_TEMPLATE_VALUE_MAX);
    d1_bytes_init(&raw, D1_TEMPLATE_VALUE_MAX);
    const char *method = json_string_value(json_object_get(entry, "method"));
    if (method != NULL && strcmp(method, job->sent->method) != 0) {
        return 0;
    }
    int status = d1_template_text(&job->vars, json_string_value(json_object_get(entry, "text")),
                                  D1_TEMPLATE_PLAIN, &text);
    if (status == 0 && key != NULL) {
        status = d1_template_text(&job->vars, key, D1_TEMPLATE_PLAIN, &secret);
    }
    if (status == 0 && prefix != NULL) {
        status = d1_template_text(&job->vars, prefix, D1_TEMPLATE_PLAIN, out);
    }
    if (status == 0 && alg != NULL) {
        status = d1_sign(alg, (struct d1_span){secret.data, secret.length},
                         (struct d1_span){text.data, text.length}, &raw);
    }
    const struct d1_bytes *from = alg != NULL ? &raw : &text;
    if (status == 0) {
        const char *form = enc != NULL ? enc : alg != NULL ? "hex" : "raw";
        status = d1_sign_form(form, (struct d1_span){from->data, from->length}, out);
    }
    const char *unused;
    (void)keep(job, &text, -1, &unused);
    (void)keep(job, &secret, -1, &unused);
    (void)keep(job, &raw, -1, &unused);
    return status;
}

static int make_signs(struct d1_job *job, const json_t *signs) {
    const char *key;
    json_t *entry;
    json_object_foreach((json_t *)(uintptr_t)signs, key, entry) {
        struct d1_bytes out;
        d1_bytes_init(&out, D1_TEMPLATE_VALUE_MAX);
        if (job->sign_count == D1_ENGINE_SIGNS_MAX) {
            return D1_ELIMIT;
        }
        int status = compute(job, entry, &out);
        size_t length = out.length;
        const char *octets = NULL;
        status = keep(job, &out, status, &octets);
        if (status != 0) {
            return status;
        }
        job->signs[job->sign_count++] =
            (struct d1_signed){.name = key, .octets = (const uint8_t *)octets, .length = length};
    }
    return 0;
}

/* Parameters that are added when all else is signed. */
static int add_after(struct d1_job *job, const json_t *after) {
    if (after == NULL) {
        return 0;
    }
    int status = add_params(job, json_object_get(after, "query"), false);
    status = status == 0 ? add_params(job, json_object_get(after, "form"), true) : status;
    status = status == 0 ? add_json(job, json_object_get(after, "json")) : status;
    status = status == 0 ? make_url(job) : status;
    return status == 0 ? make_body(job) : status;
}

static int add_header(struct d1_job *job, const char *name, const char *value) {
    struct d1_request *request = job->request;
    for (const char *c = value; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 127) {
            return D1_EPARSE;
        }
    }
    size_t i = 0;
    while (i < request->header_count && strcasecmp(request->headers[i].name, name) != 0) {
        i++;
    }
    if (i == D1_PROVIDER_HEADERS_MAX) {
        return D1_ELIMIT;
    }
    request->headers[i].name = d1_pool_copy(&job->pool, name, strlen(name));
    request->headers[i].value = d1_pool_copy(&job->pool, value, strlen(value));
    request->header_count = i == request->header_count ? i + 1 : request->header_count;
    return request->headers[i].name != NULL && request->headers[i].value != NULL ? 0 : -ENOMEM;
}

static int add_headers(struct d1_job *job, const json_t *templates) {
    json_t *object = NULL;
    int status = templates == NULL ? 0 : d1_template_json(&job->vars, templates, &object);
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        char room[D1_POINTER_NUMBER_BYTES];
        const char *text = d1_pointer_text(value, room);
        if (status == 0) {
            status = text == NULL ? D1_EPARSE : add_header(job, key, text);
        }
    }
    json_decref(object);
    return status;
}

static int add_basic(struct d1_job *job, const json_t *basic) {
    const char *user = json_string_value(json_array_get(basic, 0));
    const char *password = json_string_value(json_array_get(basic, 1));
    struct d1_bytes out;
    d1_bytes_init(&out, D1_TEMPLATE_VALUE_MAX);
    const char *text = NULL;
    const char *value = NULL;
    if (basic == NULL) {
        return 0;
    }
    int status = user == NULL || password == NULL
                     ? D1_EPARSE
                     : d1_template_text(&job->vars, user, D1_TEMPLATE_PLAIN, &out);
    status = status == 0 ? d1_bytes_add(&out, ":", 1) : status;
    if (status == 0) {
        status = d1_template_text(&job->vars, password, D1_TEMPLATE_PLAIN, &out);
    }
    size_t length = out.length;
    status = keep(job, &out, status, &text);
    if (status != 0) {
        return status;
    }
    status = d1_bytes_add_text(&out, "Basic ");
    status = status == 0 ? d1_sign_form("b64", (struct d1_span){text, length}, &out) : status;
    status = keep(job, &out, status, &value);
    return status == 0 ? add_header(job, "Authorization", value) : status;
}

static int add_default_headers(struct d1_job *job) {
    static const char *const accept[] = {[D1_FORM_AUTO] = "application/json",
                                         [D1_FORM_JSON] = "application/json",
                                         [D1_FORM_XML] = "application/xml, text/xml",
                                         [D1_FORM_TEXT] = "*/*"};
    int status = add_header(job, "Accept", accept[job->sent->reply]);
    if (status == 0 && job->request->content_type != NULL) {
        status = add_header(job, "Content-Type", job->request->content_type);
    }
    return status;
}

/* All that may be signed. */
static int build_unsigned(struct d1_job *job, const struct d1_auth *auth) {
    struct d1_request *request = job->request;
    const struct d1_call *call = job->sent;
    const struct d1_paging *paging = paging_of(job);
    int status = add_params(job, call->query, false);
    status = status == 0 ? add_params(job, call->form, true) : status;
    if (status == 0 && call->json != NULL) {
        status = d1_template_json(&job->vars, call->json, &request->json);
    }
    if (auth != NULL) {
        status = status == 0 ? add_params(job, auth->query, false) : status;
        status = status == 0 ? add_params(job, auth->form, true) : status;
        status = status == 0 ? add_json(job, auth->json) : status;
    }
    status = status == 0 && paging != NULL ? add_page(job, paging) : status;
    status = status == 0 ? make_place(job) : status;
    status = status == 0 ? make_url(job) : status;
    status = status == 0 ? make_body(job) : status;
    return status == 0 ? add_default_headers(job) : status;
}

/* A step's own headers stand before the signature, unless it is the step's own one they use. */
static int build(struct d1_job *job, const struct d1_auth *auth) {
    const struct d1_call *call = job->sent;
    int status = build_unsigned(job, auth);
    status = status == 0 && call->sign != NULL ? make_signs(job, call->sign) : status;
    status = status == 0 ? add_headers(job, call->headers) : status;
    if (auth != NULL) {
        status = status == 0 ? make_signs(job, auth->sign) : status;
        status = status == 0 ? add_after(job, auth->after) : status;
        status = status == 0 ? add_basic(job, auth->basic) : status;
        status = status == 0 ? add_headers(job, auth->headers) : status;
    }
    return status == 0 ? add_basic(job, call->basic) : status;
}

int d1_request_build(struct d1_job *job) {
    struct d1_request *request = d1_pool_take(&job->pool, sizeof(*request));
    if (request == NULL) {
        return -ENOMEM;
    }
    job->request = request;
    job->sign_count = 0;
    int status = build(job, job->sent->anonymous ? NULL : job->account->auth);
    json_decref(request->json);
    request->json = NULL;
    job->request = NULL;
    job->sign_count = 0;
    if (status == D1_EFORBIDDEN) {
        d1_job_give_up(job, D1_FAIL_SETTINGS,
                       "the request would go to a host that this type does not "
                       "declare");
        return 0;
    }
    if (status != 0) {
        return status;
    }
    bool body = request->content_type != NULL;
    job->todo = D1_TODO_OUT;
    job->action->kind = D1_ACTION_HTTP;
    job->action->step = job->sent->step;
    job->action->as.http = (struct d1_action_http){
        .method = job->sent->method,
        .url = request->url,
        .headers = request->headers,
        .header_count = request->header_count,
        .body = body ? request->body : NULL,
        .length = body ? request->body_length : 0,
        .writes = job->sent->writes,
    };
    return 0;
}
