/*
 * Variables of templates, from where they are known: the job, its zone, the account's settings, its
 * login, what steps extracted, the request that is being built, and the descriptor's own `vars`.
 */
#include "providers/engine_job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "core/mem.h"
#include "core/text.h"
#include "providers/engine_request.h"
#include "providers/pointer.h"
#include "providers/txt.h"

#define VARS_DEPTH_MAX 4

static const char *zone_name(const struct d1_job *job) {
    return json_string_value(json_object_get(job->zone, "name"));
}

/* The owner name relative to the zone: empty at its apex, the whole name without a zone. */
static int find_name(const struct d1_job *job, struct d1_bytes *out) {
    const char *zone = zone_name(job);
    size_t length = strlen(job->fqdn);
    size_t tail = zone != NULL ? strlen(zone) : 0;
    if (tail == 0 || tail > length || strcmp(job->fqdn + length - tail, zone) != 0) {
        return d1_bytes_add(out, job->fqdn, length);
    }
    return d1_bytes_add(out, job->fqdn, tail == length ? 0 : length - tail - 1);
}

int64_t d1_vars_ttl(const struct d1_job *job) {
    const struct d1_descriptor *d = job->account->descriptor;
    const json_t *standing = json_object_get(job->known, "ttl_was");
    if (json_is_integer(standing)) {
        return json_integer_value(standing);
    }
    int64_t ttl = job->asked->ttl != 0     ? job->asked->ttl
                  : job->account->ttl != 0 ? job->account->ttl
                                           : d->ttl_default;
    ttl = ttl < d->ttl_min ? d->ttl_min : ttl;
    ttl = d->ttl_max > 0 && ttl > d->ttl_max ? d->ttl_max : ttl;
    int64_t above = 0;
    int64_t highest = 0;
    size_t index;
    json_t *allowed;
    json_array_foreach(d->ttl_allowed, index, allowed) {
        int64_t value = json_integer_value(allowed);
        above = value >= ttl && (above == 0 || value < above) ? value : above;
        highest = value > highest ? value : highest;
    }
    ttl = above != 0 ? above : highest != 0 ? highest : ttl;
    return d->ttl_unit == D1_TTL_MINUTES ? (ttl + 59) / 60 : ttl;
}

/* A uuid of version 4 (RFC 9562, 5.4) from the step's random octets. */
static int add_uuid(const uint8_t *random, struct d1_bytes *out) {
    char hex[33];
    uint8_t octets[16];
    memcpy(octets, random, sizeof(octets));
    octets[6] = (uint8_t)((octets[6] & 0x0f) | 0x40);
    octets[8] = (uint8_t)((octets[8] & 0x3f) | 0x80);
    d1_hex_encode(octets, sizeof(octets), hex);
    return d1_bytes_printf(out, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
                           hex + 20);
}

/* What the job itself says. */
static int find_own(const struct d1_job *job, const char *name, struct d1_bytes *out) {
    static const char challenge[] = "_acme-challenge.";
    if (strcmp(name, "name") == 0) {
        return find_name(job, out);
    }
    if (strcmp(name, "fqdn") == 0) {
        return d1_bytes_add_text(out, job->fqdn);
    }
    if (strcmp(name, "domain") == 0) {
        bool known = strncmp(job->fqdn, challenge, sizeof(challenge) - 1) == 0;
        return d1_bytes_add_text(out, job->fqdn + (known ? sizeof(challenge) - 1 : 0));
    }
    if (strcmp(name, "value") == 0) {
        return d1_bytes_add_text(out, job->asked->value);
    }
    if (strcmp(name, "qvalue") == 0) {
        return d1_txt_quote(job->asked->value, out);
    }
    if (strcmp(name, "ttl") == 0) {
        return d1_bytes_printf(out, "%lld", (long long)d1_vars_ttl(job));
    }
    if (strcmp(name, "candidate") == 0) {
        return job->candidate == NULL ? D1_ENOTFOUND : d1_bytes_add_text(out, job->candidate);
    }
    if (strcmp(name, "verb") == 0) {
        return d1_bytes_add_text(out,
                                 job->asked->verb == D1_PROVIDER_CLEANUP ? "cleanup" : "present");
    }
    return D1_ENOTFOUND;
}

static int find_moment(const struct d1_job *job, const char *name, struct d1_bytes *out) {
    if (strcmp(name, "now") == 0) {
        return d1_bytes_printf(out, "%lld", (long long)d1_job_now_ms(job));
    }
    if (strcmp(name, "uuid") == 0) {
        return add_uuid(job->reply->random + 16, out);
    }
    if (strcmp(name, "nonce") == 0) {
        char hex[33];
        d1_hex_encode(job->reply->random, 16, hex);
        return d1_bytes_add_text(out, hex);
    }
    return D1_ENOTFOUND;
}

static json_t *find_object(struct d1_job *job, const char *name) {
    json_t *value = json_object_get(job->known, name);
    return value != NULL ? value : json_object_get(job->account->setup, name);
}

/* `name:secret,name:secret`: the secret of the longest name that the owner name is at or below. */
static int find_mapped(const struct d1_job *job, const char *map, struct d1_bytes *out) {
    const char *best = NULL;
    size_t best_name = 0;
    size_t best_length = 0;
    size_t owner = strlen(job->fqdn);
    while (*map != '\0') {
        map += strspn(map, ", \n");
        size_t length = strcspn(map, ",\n");
        size_t name = strcspn(map, ":=");
        bool below = name < length && name <= owner && name > best_name &&
                     strncmp(job->fqdn + owner - name, map, name) == 0 &&
                     (name == owner || job->fqdn[owner - name - 1] == '.');
        if (below) {
            best = map + name + 1;
            best_name = name;
            best_length = length - name - 1;
        }
        map += length;
    }
    return best == NULL ? D1_ENOTFOUND : d1_bytes_add(out, best, best_length);
}

static bool is_mapped(const struct d1_job *job, const char *setting) {
    const json_t *config = json_object_get(job->account->descriptor->root, "config");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)config, key, value) {
        char name[D1_TEMPLATE_NAME_MAX + 1];
        d1_descriptor_setting_name(key, name, sizeof(name));
        if (strcmp(name, setting) == 0) {
            return json_is_true(json_object_get(value, "map"));
        }
    }
    return false;
}

static int find_setting(const struct d1_job *job, const char *key, struct d1_bytes *out) {
    char name[D1_TEMPLATE_NAME_MAX + 1];
    d1_descriptor_setting_name(key, name, sizeof(name));
    const char *text = json_string_value(json_object_get(job->account->settings, name));
    if (text == NULL) {
        return D1_ENOTFOUND;
    }
    return is_mapped(job, name) ? find_mapped(job, text, out) : d1_bytes_add_text(out, text);
}

static int find_sign(const struct d1_job *job, const char *name, struct d1_bytes *out) {
    for (size_t i = 0; i < job->sign_count; i++) {
        if (strcmp(job->signs[i].name, name) == 0) {
            return d1_bytes_add(out, job->signs[i].octets, job->signs[i].length);
        }
    }
    return D1_ENOTFOUND;
}

static json_t *find_json(void *arg, const char *name) {
    struct d1_job *job = arg;
    if (strncmp(name, "zone.", 5) == 0) {
        return json_object_get(job->zone, name + 5);
    }
    if (strncmp(name, "login.", 6) == 0) {
        return json_object_get(job->account->login, name + 6);
    }
    return find_object(job, name);
}

/* A variable of the descriptor's `vars`, which may use others. */
static int find_described(struct d1_job *job, const char *name, struct d1_bytes *out) {
    const json_t *template = json_object_get(job->account->descriptor->vars, name);
    if (!json_is_string(template)) {
        return D1_ENOTFOUND;
    }
    if (job->depth == VARS_DEPTH_MAX) {
        return D1_ELIMIT;
    }
    job->depth++;
    int status = d1_template_text(&job->vars, json_string_value(template), D1_TEMPLATE_PLAIN, out);
    job->depth--;
    return status;
}

static int find_plain(struct d1_job *job, const char *name, struct d1_bytes *out) {
    if (strncmp(name, "cfg.", 4) == 0) {
        return find_setting(job, name + 4, out);
    }
    if (strncmp(name, "sign.", 5) == 0) {
        return find_sign(job, name + 5, out);
    }
    if (strncmp(name, "req.", 4) == 0) {
        return d1_request_variable(job, name + 4, out);
    }
    int status = find_own(job, name, out);
    status = status == D1_ENOTFOUND ? find_moment(job, name, out) : status;
    if (status != D1_ENOTFOUND) {
        return status;
    }
    char room[D1_POINTER_NUMBER_BYTES];
    const char *text = d1_pointer_text(find_json(job, name), room);
    if (text == NULL && strncmp(name, "login.", 6) == 0) {
        /* While several login steps follow one another. */
        text = d1_pointer_text(json_object_get(job->login, name + 6), room);
    }
    return text != NULL ? d1_bytes_add_text(out, text) : find_described(job, name, out);
}

/* `NAME.` is a name with a final dot, `NAME@` is `@` where it is empty. */
static int find(void *arg, const char *name, struct d1_bytes *out) {
    struct d1_job *job = arg;
    char bare[D1_TEMPLATE_NAME_MAX + 1];
    size_t length = strlen(name);
    char last = length > 1 ? name[length - 1] : '\0';
    if (last != '.' && last != '@') {
        return find_plain(job, name, out);
    }
    snprintf(bare, sizeof(bare), "%.*s", (int)(length - 1), name);
    size_t before = out->length;
    int status = find_plain(job, bare, out);
    if (status == 0 && (last == '.' || out->length == before)) {
        status = d1_bytes_add(out, &last, 1);
    }
    return status;
}

void d1_vars_init(struct d1_job *job) {
    job->vars = (struct d1_template){.find = find, .find_json = find_json, .arg = job};
}

int d1_vars_set(struct d1_job *job, const char *name, json_t *value) {
    return value != NULL && json_object_set(job->known, name, value) == 0 ? 0 : -ENOMEM;
}

int d1_vars_text(struct d1_job *job, const char *text, enum d1_template_escape escape,
                 const char **ret_text) {
    struct d1_bytes out;
    d1_bytes_init(&out, D1_TEMPLATE_VALUE_MAX);
    int status = d1_template_text(&job->vars, text, escape, &out);
    if (status == 0) {
        *ret_text = d1_pool_copy(&job->pool, out.data, out.length);
        status = *ret_text != NULL ? 0 : -ENOMEM;
    }
    if (out.data != NULL) {
        d1_wipe(out.data, out.length);
    }
    d1_bytes_close(&out);
    return status;
}

bool d1_vars_hold(struct d1_job *job, const char *only_if) {
    const char *at = only_if;
    while (at != NULL && *at != '\0') {
        at += strspn(at, " ");
        size_t length = strcspn(at, " ");
        bool wanted = at[0] != '!';
        char name[D1_TEMPLATE_NAME_MAX + 1];
        struct d1_bytes out;
        snprintf(name, sizeof(name), "%.*s", (int)(wanted ? length : length - 1),
                 wanted ? at : at + 1);
        d1_bytes_init(&out, D1_TEMPLATE_VALUE_MAX);
        bool is_set = name[0] == '\0' || (find(job, name, &out) == 0 && out.length > 0);
        d1_bytes_close(&out);
        if (is_set != wanted) {
            return false;
        }
        at += length;
    }
    return true;
}

json_t *d1_vars_at(struct d1_job *job, const json_t *document, const char *pointer) {
    const char *text = pointer;
    if (strchr(pointer, '{') != NULL &&
        d1_vars_text(job, pointer, D1_TEMPLATE_POINTER, &text) != 0) {
        return NULL;
    }
    return d1_pointer_get(document, text);
}
