/*
 * What a reply says: read as JSON, XML or text, held against the descriptor's conditions, and
 * turned into a verdict, a repetition or a failure with the vendor's own words.
 */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/engine_job.h"
#include "providers/pointer.h"
#include "providers/xml.h"

#define TEXT_MAX        65536 /* Octets of a reply that is text. */
#define REGEX_TEXT_MAX  16384
#define WORDS_MAX       300
#define RETRY_AFTER_MAX 3600

const char *d1_answer_header(const struct d1_reply *reply, const char *name) {
    for (size_t i = 0; i < reply->header_count; i++) {
        if (strcasecmp(reply->headers[i].name, name) == 0) {
            return reply->headers[i].value;
        }
    }
    return NULL;
}

/* JSON, behind a byte order mark if there is one. NULL: it is none. */
static json_t *read_json(const char *body, size_t length, bool *ret_no_memory) {
    json_error_t fault;
    if (length >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0) {
        body += 3;
        length -= 3;
    }
    json_t *json = json_loadb(body, length, JSON_DECODE_ANY, &fault);
    *ret_no_memory = json == NULL && json_error_code(&fault) == json_error_out_of_memory;
    return json;
}

static json_t *read_text(const char *body, size_t length) {
    while (length > 0 && strchr("\r\n\t ", body[length - 1]) != NULL) {
        length--;
    }
    return json_stringn(body, length < TEXT_MAX ? length : TEXT_MAX);
}

int d1_answer_read(struct d1_job *job, const struct d1_reply *reply, struct d1_answer *ret_answer) {
    const char *body = (const char *)reply->body;
    size_t length = body != NULL ? reply->length : 0;
    enum d1_reply_form form = job->sent->reply;
    bool no_memory = false;
    json_t *document = NULL;
    *ret_answer = (struct d1_answer){.reply = reply};
    if (reply->status < 0 || length == 0) {
        return 0;
    }
    if (length > D1_PROVIDER_REPLY_MAX) {
        return D1_ETOOLARGE;
    }
    if (form == D1_FORM_AUTO || form == D1_FORM_JSON) {
        document = read_json(body, length, &no_memory);
    } else if (form == D1_FORM_XML) {
        int status = d1_xml_parse(body, length, &document);
        no_memory = status == -ENOMEM;
    }
    if (no_memory) {
        return -ENOMEM;
    }
    ret_answer->plain = document == NULL && form != D1_FORM_TEXT;
    if (document == NULL && (form == D1_FORM_AUTO || form == D1_FORM_TEXT)) {
        document = read_text(body, length);
    }
    ret_answer->document = document;
    return 0;
}

void d1_answer_close(struct d1_answer *answer) {
    json_decref(answer->document);
    answer->document = NULL;
}

static bool status_is(const json_t *wanted, int32_t status) {
    const char *text = json_string_value(wanted);
    if (text != NULL) {
        return status / 100 == text[0] - '0';
    }
    return json_integer_value(wanted) == status;
}

static bool match_status(const json_t *wanted, int32_t status) {
    size_t index;
    json_t *value;
    json_array_foreach(wanted, index, value) {
        if (status_is(value, status)) {
            return true;
        }
    }
    return !json_is_array(wanted) && status_is(wanted, status);
}

/* Whether the text of a found value is the wanted one (a template). 1, 0 or an error. */
static int is_wanted(struct d1_job *job, const json_t *found, const json_t *wanted) {
    char room[D1_POINTER_NUMBER_BYTES];
    char wanted_room[D1_POINTER_NUMBER_BYTES];
    const char *text = d1_pointer_text(found, room);
    const char *expected = d1_pointer_text(wanted, wanted_room);
    if (expected == NULL) {
        return found == NULL || json_is_null(found);
    }
    if (text == NULL) {
        return 0;
    }
    if (json_is_string(wanted)) {
        int status = d1_vars_text(job, expected, D1_TEMPLATE_PLAIN, &expected);
        if (status != 0) {
            return status;
        }
    }
    return strcasecmp(text, expected) == 0;
}

/* Whether something at the pointer is what is wanted (a text, null: nothing, or a list). */
static int holds_at(struct d1_job *job, const json_t *document, const char *pointer,
                    const json_t *wanted) {
    const char *text = pointer;
    int status = 0;
    if (strchr(pointer, '{') != NULL) {
        status = d1_vars_text(job, pointer, D1_TEMPLATE_POINTER, &text);
    }
    json_t *found = json_array();
    status = status != 0 ? status : found == NULL ? -ENOMEM : 0;
    if (status == 0 && document != NULL) {
        status = d1_pointer_all(document, text, found);
    }
    size_t count = status == 0 ? json_array_size(found) : 0;
    size_t choices = json_is_array(wanted) ? json_array_size(wanted) : 1;
    for (size_t i = 0; i < choices && status == 0; i++) {
        const json_t *one = json_is_array(wanted) ? json_array_get(wanted, i) : wanted;
        status = count == 0 ? is_wanted(job, NULL, one) : 0;
        for (size_t j = 0; j < count && status == 0; j++) {
            status = is_wanted(job, json_array_get(found, j), one);
        }
    }
    json_decref(found);
    return status;
}

/* How many members of `wanted` hold, of how many. Returns 0 or an error. */
static int count_holding(struct d1_job *job, const json_t *document, const json_t *wanted,
                         size_t *ret_count) {
    size_t count = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)wanted, key, value) {
        int holds = holds_at(job, document, key, value);
        if (holds < 0) {
            return holds;
        }
        count += holds > 0;
    }
    *ret_count = count;
    return 0;
}

static bool match_text(const char *pattern, const struct d1_reply *reply) {
    char text[REGEX_TEXT_MAX + 1];
    size_t length = reply->length < REGEX_TEXT_MAX ? reply->length : REGEX_TEXT_MAX;
    regex_t regex;
    if (reply->body == NULL || regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        return false;
    }
    memcpy(text, reply->body, length);
    text[length] = '\0';
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

int d1_answer_match(struct d1_job *job, const struct d1_match *match,
                    const struct d1_answer *answer) {
    int32_t status = answer->reply->status;
    if (!match->given || (match->only != 0 && match->only != status) ||
        (match->status != NULL && !match_status(match->status, status)) ||
        (match->text != NULL && !match_text(match->text, answer->reply))) {
        return 0;
    }
    size_t all = 0;
    size_t any = 0;
    size_t none = 0;
    int err = count_holding(job, answer->document, match->all, &all);
    err = err == 0 ? count_holding(job, answer->document, match->any, &any) : err;
    err = err == 0 ? count_holding(job, answer->document, match->none, &none) : err;
    if (err != 0) {
        return err;
    }
    return all == json_object_size(match->all) && (match->any == NULL || any > 0) && none == 0;
}

int d1_list_where(struct d1_job *job, const json_t *where, const json_t *item) {
    size_t count = 0;
    int status = count_holding(job, item, where, &count);
    return status != 0 ? status : count == json_object_size(where);
}

/* Plain words: no control characters, no line ends, bounded. */
static void clean(const char *text, char ret_words[WORDS_MAX]) {
    size_t length = 0;
    for (; *text != '\0' && length + 1 < WORDS_MAX; text++) {
        bool plain = (unsigned char)*text > ' ' && *text != 127;
        if (plain || (length > 0 && ret_words[length - 1] != ' ')) {
            ret_words[length++] = plain ? *text : ' ';
        }
    }
    /* Not in the middle of a character. */
    while (*text != '\0' && length > 0 && ((unsigned char)ret_words[length - 1] & 0x80) != 0) {
        length--;
    }
    ret_words[length] = '\0';
}

static bool words_at(struct d1_job *job, const json_t *document, const char *pointer,
                     char ret_words[WORDS_MAX]) {
    char room[D1_POINTER_NUMBER_BYTES];
    const json_t *found = d1_vars_at(job, document, pointer);
    if (json_is_array(found)) {
        found = json_array_get(found, 0);
    }
    const char *text = d1_pointer_text(found, room);
    if (text == NULL || text[0] == '\0') {
        return false;
    }
    clean(text, ret_words);
    return ret_words[0] != '\0';
}

/* The vendor's words, or "" when the reply holds none. */
static void vendor_words(struct d1_job *job, const struct d1_answer *answer,
                         char ret_words[WORDS_MAX]) {
    const json_t *pointers = job->account->descriptor->error;
    size_t index;
    json_t *pointer;
    ret_words[0] = '\0';
    if (json_is_string(pointers) &&
        words_at(job, answer->document, json_string_value(pointers), ret_words)) {
        return;
    }
    json_array_foreach(pointers, index, pointer) {
        if (words_at(job, answer->document, json_string_value(pointer), ret_words)) {
            return;
        }
    }
    const char *type = d1_answer_header(answer->reply, "content-type");
    bool html = type != NULL && strstr(type, "html") != NULL;
    if (json_is_string(answer->document) && !html) {
        clean(json_string_value(answer->document), ret_words);
    }
}

/* Seconds or a date (RFC 9110, 10.2.3); also a Unix time, which some put there. 0: none. */
static int64_t retry_after_ms(struct d1_job *job, const struct d1_reply *reply) {
    const char *text = d1_answer_header(reply, job->account->descriptor->retry_header);
    uint64_t number = 0;
    struct tm utc = {0};
    int64_t seconds = 0;
    if (text == NULL) {
        return 0;
    }
    const char *point = strchr(text, '.');
    char digits[24];
    snprintf(digits, sizeof(digits), "%.*s", (int)(point != NULL ? point - text : 23), text);
    if (d1_number_parse(digits, 0, INT64_MAX / 1000, &number) == 0) {
        seconds =
            (int64_t)number > 1000000000 ? (int64_t)number - reply->now_ms / 1000 : (int64_t)number;
    } else if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &utc) != NULL) {
        seconds = (int64_t)timegm(&utc) - reply->now_ms / 1000;
    }
    seconds = seconds < 0 ? 0 : seconds > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : seconds;
    return seconds * 1000;
}

static void retry(struct d1_job *job, int64_t after_ms, const char *text) {
    const char *copy = d1_pool_copy(&job->pool, text, strlen(text));
    if (copy == NULL) {
        d1_job_trouble(job, -ENOMEM);
        return;
    }
    job->todo = D1_TODO_OUT;
    job->action->kind = D1_ACTION_RETRY;
    job->action->step = job->sent->step;
    job->action->as.retry.after_ms = (uint32_t)after_ms;
    job->action->as.retry.text = copy;
}

/* No reply came: ask again, and look first when the request may have taken effect. */
static enum d1_verdict judge_silence(struct d1_job *job, const struct d1_reply *reply) {
    job->relook = job->sent->writes;
    retry(job, 0, reply->error != NULL ? reply->error : "no answer came");
    return D1_VERDICT_SETTLED;
}

static int is_busy(struct d1_job *job, const struct d1_answer *answer) {
    const struct d1_descriptor *d = job->account->descriptor;
    int32_t status = answer->reply->status;
    bool usual = status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
    if (d->retry_status.given ? d1_answer_match(job, &d->retry_status, answer) > 0 : usual) {
        return 1;
    }
    return d1_answer_match(job, &d->retry, answer);
}

static enum d1_verdict judge_busy(struct d1_job *job, const struct d1_answer *answer) {
    char words[WORDS_MAX];
    vendor_words(job, answer, words);
    /* An error of the server may have come after the change. */
    job->relook = job->sent->writes && answer->reply->status != 429;
    retry(job, retry_after_ms(job, answer->reply),
          words[0] != '\0'               ? words
          : answer->reply->status == 429 ? "too many requests"
                                         : "the service cannot answer now");
    return D1_VERDICT_SETTLED;
}

/* The login is refused: once, log in again. */
static bool login_again(struct d1_job *job, const struct d1_answer *answer) {
    const struct d1_descriptor *d = job->account->descriptor;
    bool refused = d->login_retry.given ? d1_answer_match(job, &d->login_retry, answer) > 0
                                        : answer->reply->status == 401;
    if (d->login.count == 0 || job->sent->anonymous || !job->logged_in || job->relogged ||
        !refused) {
        return false;
    }
    job->relogged = true;
    d1_session_forget_login(job->account);
    job->todo = D1_TODO_ASK;
    return true;
}

static const char *plain_text(enum d1_fail_kind kind, int32_t status) {
    switch (kind) {
    case D1_FAIL_CREDENTIALS:
        return "the credentials were refused";
    case D1_FAIL_NO_ZONE:
        return "the account holds no zone for this name";
    case D1_FAIL_REPLY:
        return "the reply cannot be understood";
    default:
        return status >= 300 && status < 400 ? "the reply points elsewhere, which is not followed"
                                             : "the request was refused";
    }
}

static enum d1_verdict judge_failure(struct d1_job *job, const struct d1_answer *answer) {
    const struct d1_descriptor *d = job->account->descriptor;
    int32_t status = answer->reply->status;
    enum d1_fail_kind kind = D1_FAIL_REFUSED;
    const char *hint = NULL;
    if (status == 401 || status == 403 || (job->layer == D1_LAYER_LOGIN && status < 500)) {
        kind = D1_FAIL_CREDENTIALS;
    } else if (status == 404 && job->phase == D1_PHASE_ZONE) {
        kind = D1_FAIL_NO_ZONE;
    } else if (status >= 200 && status < 300 && answer->document == NULL) {
        kind = D1_FAIL_REPLY;
    }
    for (size_t i = 0; i < d->fail_count; i++) {
        if (d1_answer_match(job, &d->fails[i].match, answer) > 0) {
            kind = d->fails[i].kind;
            hint = d->fails[i].hint;
            break;
        }
    }
    if (status == 404 && d1_zone_refresh(job)) {
        return D1_VERDICT_SETTLED;
    }
    char words[WORDS_MAX];
    vendor_words(job, answer, words);
    if (kind == D1_FAIL_BUSY) {
        retry(job, retry_after_ms(job, answer->reply), words[0] != '\0' ? words : "busy");
        return D1_VERDICT_SETTLED;
    }
    d1_job_give_up(job, kind, "%s%s%s", words[0] != '\0' ? words : plain_text(kind, status),
                   hint != NULL ? "; " : "", hint != NULL ? hint : "");
    return D1_VERDICT_SETTLED;
}

enum d1_verdict d1_answer_judge(struct d1_job *job, const struct d1_answer *answer) {
    const struct d1_descriptor *d = job->account->descriptor;
    const struct d1_call *call = job->sent;
    static const struct d1_match good = {.given = true};
    if (answer->reply->status < 0) {
        return judge_silence(job, answer->reply);
    }
    if (job->layer == D1_LAYER_MAIN && login_again(job, answer)) {
        return D1_VERDICT_SETTLED;
    }
    int gone = d1_answer_match(job, &call->gone, answer);
    int exists = d1_answer_match(job, &call->exists, answer);
    int busy = is_busy(job, answer);
    int err = gone < 0 ? gone : exists < 0 ? exists : busy < 0 ? busy : 0;
    if (err != 0) {
        d1_job_trouble(job, err);
        return D1_VERDICT_SETTLED;
    }
    if (gone > 0 || exists > 0) {
        return gone > 0 ? D1_VERDICT_GONE : D1_VERDICT_EXISTS;
    }
    if (busy > 0) {
        return judge_busy(job, answer);
    }
    const struct d1_match *ok = call->ok.given ? &call->ok : d->ok.given ? &d->ok : &good;
    int32_t status = answer->reply->status;
    int fine = d1_answer_match(job, ok, answer);
    if (fine < 0) {
        d1_job_trouble(job, fine);
        return D1_VERDICT_SETTLED;
    }
    bool accepted = ok->status != NULL || (status >= 200 && status < 300);
    return fine > 0 && accepted ? D1_VERDICT_OK : judge_failure(job, answer);
}

/* Set one extracted variable. Returns 0, or -1 and the job has failed. */
static int take(struct d1_job *job, const char *key, json_t *value, json_t *target) {
    char name[D1_TEMPLATE_NAME_MAX + 1];
    snprintf(name, sizeof(name), "%s", key);
    size_t length = strlen(name);
    bool optional = length > 0 && name[length - 1] == '?';
    if (optional) {
        name[length - 1] = '\0';
    }
    if (value == NULL || json_is_null(value)) {
        if (!optional) {
            d1_job_give_up(job, D1_FAIL_REPLY, "the reply does not say what \"%s\" is", name);
        }
        return optional ? 0 : -1;
    }
    if (json_object_set(target, name, value) != 0) {
        d1_job_trouble(job, -ENOMEM);
        return -1;
    }
    return 0;
}

/* The value of a cookie that the reply sets; a new string. */
static json_t *cookie_of(const struct d1_reply *reply, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < reply->header_count; i++) {
        const char *text = reply->headers[i].value;
        if (strcasecmp(reply->headers[i].name, "set-cookie") == 0 &&
            strncmp(text, name, length) == 0 && text[length] == '=') {
            return json_stringn(text + length + 1, strcspn(text + length + 1, ";"));
        }
    }
    return NULL;
}

int d1_answer_extract(struct d1_job *job, const struct d1_call *call,
                      const struct d1_answer *answer, json_t *target) {
    const char *key;
    json_t *source;
    json_object_foreach((json_t *)(uintptr_t)call->extract, key, source) {
        json_t *value = d1_vars_at(job, answer->document, json_string_value(source));
        if (take(job, key, value, target) != 0) {
            return -1;
        }
    }
    json_object_foreach((json_t *)(uintptr_t)call->extract_header, key, source) {
        const char *text = d1_answer_header(answer->reply, json_string_value(source));
        json_t *value = text != NULL ? json_string(text) : NULL;
        int status = take(job, key, value, target);
        json_decref(value);
        if (status != 0) {
            return -1;
        }
    }
    json_object_foreach((json_t *)(uintptr_t)call->extract_cookie, key, source) {
        json_t *value = cookie_of(answer->reply, json_string_value(source));
        int status = take(job, key, value, target);
        json_decref(value);
        if (status != 0) {
            return -1;
        }
    }
    return 0;
}
