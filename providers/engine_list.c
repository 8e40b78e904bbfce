/* Lists in replies: their items, the values these hold, and further pages. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/engine_account.h"
#include "providers/engine_job.h"
#include "providers/pointer.h"
#include "providers/txt.h"

static int append(json_t *list, json_t *item) {
    if (json_array_size(list) >= D1_ENGINE_ITEMS_MAX) {
        return D1_ELIMIT;
    }
    return json_array_append(list, item) == 0 ? 0 : -ENOMEM;
}

/* The members of an object, each with its key as "$key". */
static int append_keyed(json_t *list, json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        json_t *item = json_is_object(value) ? json_copy(value) : json_object();
        if (item != NULL && !json_is_object(value)) {
            json_object_set(item, "$value", value);
        }
        int status = item == NULL || json_object_set_new(item, "$key", json_string(key)) != 0
                         ? -ENOMEM
                         : append(list, item);
        json_decref(item);
        if (status != 0) {
            return status;
        }
    }
    return 0;
}

/*
 * A list that is missing is not an empty one: what a cleanup has to remove, or a put to keep, may
 * stand in a reply of another form. XML has no other way to say that a list is empty.
 */
static bool may_miss(const struct d1_job *job, const struct d1_listing *listing,
                     const char *pointer) {
    return listing->absent_is_empty || strchr(pointer, '*') != NULL ||
           job->sent->reply == D1_FORM_XML || job->reply->status == 204;
}

int d1_list_items(struct d1_job *job, const struct d1_listing *listing, const json_t *document,
                  json_t *list) {
    const char *pointer = listing->items != NULL ? listing->items : "";
    json_t *found = json_array();
    int status = found == NULL ? -ENOMEM : 0;
    if (status == 0 && strchr(pointer, '{') != NULL) {
        status = d1_vars_text(job, pointer, D1_TEMPLATE_POINTER, &pointer);
    }
    if (status == 0 && document != NULL) {
        status = d1_pointer_all(document, pointer, found);
    }
    if (status == 0 && json_array_size(found) == 0 && !may_miss(job, listing, pointer)) {
        status = D1_ECORRUPT;
    }
    size_t index;
    json_t *value;
    json_array_foreach(found, index, value) {
        size_t inner;
        json_t *element;
        json_array_foreach(value, inner, element) {
            status = status == 0 ? append(list, element) : status;
        }
        if (status == 0 && listing->keyed && json_is_object(value)) {
            status = append_keyed(list, value);
        } else if (status == 0 && !json_is_array(value) && !json_is_null(value)) {
            status = append(list, value);
        }
    }
    json_decref(found);
    return status;
}

/* A text as the listing has it: base64 of octets, or as it is. */
static int add_form(const struct d1_listing *listing, const char *text, struct d1_bytes *out) {
    if (listing->form != D1_VALUE_B64) {
        return d1_bytes_add_text(out, text);
    }
    size_t length = strlen(text);
    uint8_t *room = d1_malloc(length + 1);
    size_t count = 0;
    int status = room == NULL ? -ENOMEM : d1_base64_decode(text, length, room, length + 1, &count);
    status = status == D1_EPARSE ? D1_ENOTFOUND : status;
    if (status == 0) {
        status = d1_bytes_add(out, room, count);
    }
    d1_free(room);
    return status;
}

/* A text, or the strings of a list joined. D1_ENOTFOUND: neither. */
static int add_text(const struct d1_listing *listing, const json_t *value, struct d1_bytes *out) {
    char room[D1_POINTER_NUMBER_BYTES];
    const char *text = d1_pointer_text(value, room);
    if (text != NULL) {
        return add_form(listing, text, out);
    }
    size_t index;
    json_t *element;
    json_array_foreach(value, index, element) {
        text = d1_pointer_text(element, room);
        int status = text == NULL ? D1_ENOTFOUND : add_form(listing, text, out);
        if (status != 0) {
            return status;
        }
    }
    return json_array_size(value) > 0 ? 0 : D1_ENOTFOUND;
}

int d1_list_value(struct d1_job *job, const struct d1_listing *listing, const json_t *item,
                  json_t **ret_text) {
    const json_t *value = listing->value != NULL ? d1_vars_at(job, item, listing->value) : item;
    struct d1_bytes text;
    struct d1_bytes plain;
    d1_bytes_init(&text, D1_TEMPLATE_VALUE_MAX);
    d1_bytes_init(&plain, D1_TEMPLATE_VALUE_MAX);
    *ret_text = NULL;
    int status = add_text(listing, value, &text);
    const char *joined = status == 0 ? d1_bytes_text(&text) : NULL;
    if (status == 0 && joined == NULL) {
        status = -ENOMEM;
    }
    if (status == 0) {
        status = listing->form != D1_VALUE_UNQUOTE ? d1_bytes_add_text(&plain, joined)
                                                   : d1_txt_unquote(joined, &plain);
    }
    if (status == 0) {
        *ret_text = json_stringn(plain.data != NULL ? (const char *)plain.data : "", plain.length);
        /* Octets that are no UTF-8 are some other value than ours. */
        status = *ret_text == NULL ? D1_ENOTFOUND : 0;
    }
    d1_bytes_close(&text);
    d1_bytes_close(&plain);
    return status == D1_ENOTFOUND ? 0 : status;
}

void d1_list_restart(struct d1_job *job) {
    job->page = 0;
    d1_free(job->cursor);
    job->cursor = NULL;
}

static int64_t number_at(struct d1_job *job, const json_t *document, const char *pointer) {
    const json_t *value = pointer != NULL ? d1_vars_at(job, document, pointer) : NULL;
    char room[D1_POINTER_NUMBER_BYTES];
    const char *text = d1_pointer_text(value, room);
    long long number = text != NULL ? strtoll(text, NULL, 10) : -1;
    return number < INT32_MAX ? number : INT32_MAX;
}

int d1_list_ttl(struct d1_job *job, const json_t *rrset) {
    const char *pointer = job->account->descriptor->listing.ttl;
    const json_t *stands = pointer != NULL ? d1_vars_at(job, rrset, pointer) : NULL;
    char room[D1_POINTER_NUMBER_BYTES];
    const char *text = d1_pointer_text(stands, room);
    uint64_t number = 0;
    if (text == NULL || d1_number_parse(text, 0, INT32_MAX, &number) != 0) {
        return 0;
    }
    json_t *ttl = json_integer((json_int_t)number);
    int status = d1_vars_set(job, "ttl_was", ttl);
    json_decref(ttl);
    return status;
}

/* The target of `rel="next"` in a Link header (RFC 8288), into a new string. */
static char *link_header(const struct d1_reply *reply) {
    const char *text = d1_answer_header(reply, "link");
    while (text != NULL && (text = strchr(text, '<')) != NULL) {
        const char *end = strchr(text, '>');
        if (end == NULL) {
            return NULL;
        }
        size_t parameters = strcspn(end, "<");
        const char *rel = strstr(end, "rel=");
        bool here = rel != NULL && (size_t)(rel - end) < parameters;
        if (here && (strncmp(rel + 4, "\"next\"", 6) == 0 || strncmp(rel + 4, "next", 4) == 0)) {
            return d1_strndup(text + 1, (size_t)(end - text - 1));
        }
        text = end;
    }
    return NULL;
}

/* Keep what is behind the host of a link; the host itself stays ours. 1, 0 or an error. */
static int take_link(struct d1_job *job, char *link) {
    struct d1_url url;
    char *rest = NULL;
    if (link == NULL || link[0] == '\0') {
        d1_free(link);
        return 0;
    }
    if (d1_url_split(link, &url)) {
        bool allowed = d1_account_allows(job->account, url.host, url.host_length);
        rest = allowed ? d1_strdup(url.rest) : NULL;
    } else if (link[0] == '/') {
        rest = d1_strdup(link);
    }
    d1_free(link);
    d1_free(job->cursor);
    job->cursor = rest;
    return rest != NULL ? 1 : D1_EPARSE;
}

static int next_cursor(struct d1_job *job, const struct d1_paging *paging,
                       const struct d1_answer *answer) {
    char room[D1_POINTER_NUMBER_BYTES];
    const char *text =
        paging->pointer == NULL
            ? NULL
            : d1_pointer_text(d1_vars_at(job, answer->document, paging->pointer), room);
    if (paging->kind == D1_PAGING_LINK) {
        char *link = paging->pointer == NULL ? link_header(answer->reply)
                     : text != NULL          ? d1_strdup(text)
                                             : NULL;
        return take_link(job, link);
    }
    if (text == NULL || text[0] == '\0' || strcmp(text, "false") == 0) {
        return 0;
    }
    if (job->cursor != NULL && strcmp(job->cursor, text) == 0) {
        return 0;
    }
    d1_free(job->cursor);
    job->cursor = d1_strdup(text);
    return job->cursor != NULL ? 1 : -ENOMEM;
}

/* By numbers: of all pages, of all items, or a full page. */
static int next_number(struct d1_job *job, const struct d1_paging *paging,
                       const struct d1_answer *answer, size_t count) {
    int64_t done = (int64_t)job->page + 1;
    int64_t pages = number_at(job, answer->document, paging->pages);
    int64_t total = number_at(job, answer->document, paging->total);
    if (count == 0) {
        return 0;
    }
    if (paging->more.given) {
        return d1_answer_match(job, &paging->more, answer);
    }
    if (pages >= 0) {
        return done < pages;
    }
    if (total >= 0 && paging->size > 0) {
        return done * paging->size < total;
    }
    return paging->size == 0 || (int64_t)count >= paging->size;
}

int d1_list_next(struct d1_job *job, const struct d1_listing *listing,
                 const struct d1_answer *answer, size_t count) {
    const struct d1_paging *paging = &listing->next;
    if (paging->kind == D1_PAGING_NONE) {
        return 0;
    }
    int more = paging->kind == D1_PAGING_CURSOR || paging->kind == D1_PAGING_LINK
                   ? next_cursor(job, paging, answer)
                   : next_number(job, paging, answer, count);
    if (more > 0 && ++job->page >= D1_ENGINE_PAGES_MAX) {
        return D1_ELIMIT;
    }
    return more;
}
