/*
 * Any name server that takes UPDATE (RFC 2136), signed with TSIG (RFC 8945) where a key is given.
 *
 * Happy path: the server is asked for the SOA of the name, whose owner is the zone (RFC 2136, 4.6),
 * unless the zone is configured; then one UPDATE adds the record, or deletes exactly it: adding one
 * that stands, and deleting one that does not, is success (3.4.2.2, 3.4.2.4), so both may be sent
 * again. LOOK asks for the TXT records.
 * Failures: an RCODE, or a reply whose signature does not hold: nothing it says is believed.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/text.h"
#include "dns/rr.h"
#include "dns/tsig.h"
#include "dns/update.h"
#include "dns/wire.h"
#include "providers/written.h"

#define DEFAULT_TTL   60
#define MESSAGE_BYTES 2048 /* Three names, a value, a TSIG record. */

struct account {
    char *server;
    bool tcp;
    struct d1_tsig_key *key; /* NULL: unsigned. */
};

enum phase { ASK_ZONE, SEND_UPDATE, ASK_TXT };

struct job {
    const struct account *account;
    const struct d1_provider_job *asked;
    enum phase phase;
    struct d1_name name;
    struct d1_name zone;
    struct d1_tsig request; /* Of the message that was sent. */
    uint8_t message[MESSAGE_BYTES];
    char text[D1_PROVIDER_TEXT_MAX];
};

/* ---- Accounts ---- */

static const char *setting(const struct d1_pair *settings, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(settings[i].name, name) == 0) {
            return settings[i].value;
        }
    }
    return NULL;
}

static int refuse(struct d1_provider_error *error, const char *text) {
    snprintf(error->text, sizeof(error->text), "%s", text);
    return -1;
}

static int find_algorithm(const char *name) {
    for (int i = 0; d1_tsig_algorithm_names[i] != NULL; i++) {
        if (strcmp(d1_tsig_algorithm_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static int open_key(struct account *account, const struct d1_pair *settings, size_t count,
                    struct d1_provider_error *error) {
    const char *name = setting(settings, count, "tsig-key");
    const char *secret = setting(settings, count, "tsig-secret");
    const char *algorithm = setting(settings, count, "tsig-algorithm");
    uint8_t octets[D1_SECRET_BYTES_MAX];
    size_t length = 0;
    struct d1_name key_name;
    if (name == NULL && secret == NULL) {
        return 0;
    }
    if (name == NULL || secret == NULL) {
        return refuse(error, "tsig-key and tsig-secret go together");
    }
    if (d1_name_from_text(name, &key_name) != 0) {
        return refuse(error, "tsig-key: is not a domain name");
    }
    int which = find_algorithm(algorithm != NULL ? algorithm : "hmac-sha256");
    if (which < 0) {
        return refuse(error, "tsig-algorithm: is not known, expected like hmac-sha256");
    }
    if (d1_base64_decode(secret, strlen(secret), octets, sizeof(octets), &length) != 0) {
        return refuse(error, "tsig-secret: is not base64");
    }
    int err =
        d1_tsig_key_create(&key_name, (enum d1_tsig_algorithm)which, octets, length, &account->key);
    d1_wipe(octets, sizeof(octets));
    return err == 0 ? 0 : refuse(error, d1_err_text(err));
}

static void account_close(void *opened) {
    struct account *account = opened;
    d1_tsig_key_drop(account->key);
    d1_free(account->server);
    d1_free(account);
}

static int account_open(const struct d1_provider *provider, const struct d1_pair *settings,
                        size_t count, void **ret_account, struct d1_provider_error *ret_error) {
    (void)provider;
    struct account *account = d1_calloc(1, sizeof(*account));
    if (account == NULL) {
        return refuse(ret_error, "no memory");
    }
    const char *tcp = setting(settings, count, "tcp");
    const char *server = setting(settings, count, "nameserver");
    account->tcp = tcp != NULL && strcmp(tcp, "true") == 0;
    account->server = server != NULL ? d1_strdup(server) : NULL;
    int err = account->server == NULL ? refuse(ret_error, "nameserver: is missing") : 0;
    err = err != 0 ? err : open_key(account, settings, count, ret_error);
    if (err != 0) {
        account_close(account);
        return -1;
    }
    *ret_account = account;
    return 0;
}

static void traits(const void *account, struct d1_provider_traits *ret_traits) {
    static const char *const none[] = {NULL};
    (void)account;
    ret_traits->hosts = none;
    ret_traits->propagation_s = 120;
    ret_traits->ttl_min = 0;
}

/* ---- Messages ---- */

static void fail(struct job *job, struct d1_action *action, enum d1_fail_kind kind,
                 const char *format, ...) D1_PRINTF(4, 5);

static void fail(struct job *job, struct d1_action *action, enum d1_fail_kind kind,
                 const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(job->text, sizeof(job->text), format, args);
    va_end(args);
    action->kind = D1_ACTION_FAIL;
    action->as.fail.kind = kind;
    action->as.fail.text = job->text;
}

static void write_name(struct d1_writer *writer, const struct d1_name *name) {
    d1_write_bytes(writer, name->octets, name->length);
}

static void begin(struct d1_writer *writer, const struct d1_reply *reply, uint16_t flags) {
    d1_write_bytes(writer, reply->random, 2);
    d1_write_u16(writer, flags);
    d1_write_u16(writer, 1); /* The question, or the zone. */
    d1_write_u32(writer, 0);
    d1_write_u16(writer, 0);
}

static void write_question(struct d1_writer *writer, const struct d1_name *name, uint16_t type) {
    write_name(writer, name);
    d1_write_u16(writer, type);
    d1_write_u16(writer, D1_CLASS_IN);
}

/* One record: added (class IN), or deleted when it is exactly this one (class NONE, TTL 0). */
static void write_change(struct job *job, struct d1_writer *writer) {
    bool add = job->asked->verb == D1_PROVIDER_PRESENT;
    size_t length = strlen(job->asked->value);
    uint32_t ttl = job->asked->ttl != 0 ? job->asked->ttl : DEFAULT_TTL;
    write_name(writer, &job->name);
    d1_write_u16(writer, D1_TYPE_TXT);
    d1_write_u16(writer, add ? D1_CLASS_IN : D1_CLASS_NONE);
    d1_write_u32(writer, add ? ttl : 0);
    d1_write_u16(writer, (uint16_t)(length + 1));
    d1_write_u8(writer, (uint8_t)length);
    d1_write_bytes(writer, job->asked->value, length);
    job->message[9] = 1; /* NSCOUNT: one change. */
}

static int sign(struct job *job, const struct d1_reply *reply, struct d1_writer *writer) {
    if (job->account->key == NULL) {
        return D1_OK;
    }
    int err = d1_tsig_sign(job->account->key, NULL, 0, reply->now_ms / 1000, writer);
    return err != D1_OK ? err : d1_tsig_find(job->message, d1_writer_length(writer), &job->request);
}

static void send_message(struct job *job, const struct d1_reply *reply, struct d1_action *action) {
    static const char *const steps[] = {"zone", "update", "look"};
    struct d1_writer writer = d1_writer_over(job->message, sizeof(job->message));
    bool update = job->phase == SEND_UPDATE;
    begin(&writer, reply, update ? D1_OPCODE_UPDATE << D1_OPCODE_SHIFT : 0);
    if (update) {
        write_question(&writer, &job->zone, D1_TYPE_SOA);
        write_change(job, &writer);
    } else {
        write_question(&writer, &job->name, job->phase == ASK_ZONE ? D1_TYPE_SOA : D1_TYPE_TXT);
    }
    action->step = steps[job->phase];
    if (writer.failed || sign(job, reply, &writer) != D1_OK) {
        fail(job, action, D1_FAIL_OTHER, "the message cannot be made");
        return;
    }
    action->kind = D1_ACTION_DNS;
    action->as.dns = (struct d1_action_dns){
        .server = job->account->server,
        .message = job->message,
        .length = d1_writer_length(&writer),
        .tcp = job->account->tcp,
        .writes = update,
    };
}

/* ---- Replies ---- */

static const char *tsig_error_text(unsigned error) {
    switch (error) {
    case D1_TSIG_BADKEY:
        return "the server does not know the key (BADKEY)";
    case D1_TSIG_BADSIG:
        return "the server does not accept the signature: the secret differs (BADSIG)";
    case D1_TSIG_BADTIME:
        return "the clocks of the server and of this host differ too much (BADTIME)";
    default:
        return "the server refuses the signature";
    }
}

/* Returns true when the reply may be believed; else the action says why not. */
static bool check_signature(struct job *job, const struct d1_reply *reply,
                            struct d1_action *action) {
    struct d1_tsig tsig;
    if (job->account->key == NULL) {
        return true;
    }
    int err = d1_tsig_find(reply->body, reply->length, &tsig);
    if (err == D1_ENOTFOUND) {
        fail(job, action, D1_FAIL_CREDENTIALS, "the reply is not signed; is the key known there?");
        return false;
    }
    if (err == 0 && tsig.error != 0) {
        fail(job, action, D1_FAIL_CREDENTIALS, "%s", tsig_error_text(tsig.error));
        return false;
    }
    err = err != 0 ? err
                   : d1_tsig_verify(job->account->key, reply->body, &tsig, &job->request,
                                    reply->now_ms / 1000);
    if (err != 0) {
        fail(job, action, D1_FAIL_REPLY, "the signature of the reply does not hold");
        return false;
    }
    return true;
}

static bool check_rcode(struct job *job, const struct d1_reply *reply, struct d1_action *action) {
    char text[16];
    unsigned rcode = reply->body[3] & 0xf;
    switch (rcode) {
    case D1_RCODE_NOERROR:
        return true;
    case D1_RCODE_SERVFAIL:
        action->kind = D1_ACTION_RETRY;
        action->as.retry.text = "the server answers SERVFAIL";
        return false;
    case D1_RCODE_NXDOMAIN:
        if (job->phase != SEND_UPDATE) {
            return true; /* Its authority section names the zone all the same. */
        }
        break;
    case D1_RCODE_NOTAUTH:
    case D1_RCODE_NOTZONE:
        fail(job, action, D1_FAIL_NO_ZONE, "the server answers %s: it does not hold the zone",
             d1_rcode_text(rcode, text));
        return false;
    case D1_RCODE_REFUSED:
        fail(job, action, D1_FAIL_REFUSED, "the server answers REFUSED: it does not allow this%s",
             job->account->key == NULL ? " without a key" : " with that key");
        return false;
    default:
        break;
    }
    fail(job, action, D1_FAIL_REFUSED, "the server answers %s", d1_rcode_text(rcode, text));
    return false;
}

/* Call visit with each record of answer and authority until it returns true; false: none did. */
static bool each_record(const struct d1_reply *reply,
                        bool (*visit)(struct job *job, const struct d1_rr *rr), struct job *job) {
    struct d1_reader reader = d1_reader_over(reply->body, reply->length);
    (void)d1_read_bytes(&reader, D1_DNS_HEADER_BYTES);
    unsigned questions = d1_load_u16(reply->body + 4);
    unsigned records =
        (unsigned)d1_load_u16(reply->body + 6) + (unsigned)d1_load_u16(reply->body + 8);
    struct d1_name asked;
    for (unsigned i = 0; i < questions; i++) {
        if (d1_rr_read_name(&reader, &asked) != 0 || d1_read_bytes(&reader, 4) == NULL) {
            return false;
        }
    }
    for (unsigned i = 0; i < records; i++) {
        struct d1_rr rr;
        if (d1_rr_read(&reader, &rr) != 0) {
            return false;
        }
        if (visit(job, &rr)) {
            return true;
        }
    }
    return false;
}

static bool is_soa(struct job *job, const struct d1_rr *rr) {
    if (rr->type != D1_TYPE_SOA || !d1_name_is_under(&job->name, &rr->name)) {
        return false;
    }
    d1_name_copy(&job->zone, &rr->name);
    return true;
}

static bool is_value(struct job *job, const struct d1_rr *rr) {
    const uint8_t *octets = NULL;
    uint8_t length = 0;
    return rr->type == D1_TYPE_TXT && d1_name_equal(&rr->name, &job->name) &&
           d1_update_txt(rr, &octets, &length) == 0 && length == strlen(job->asked->value) &&
           memcmp(octets, job->asked->value, length) == 0;
}

static void take_reply(struct job *job, const struct d1_reply *reply, struct d1_action *action) {
    if (reply->status < 0) {
        action->kind = D1_ACTION_RETRY;
        action->as.retry.text = reply->error;
        return;
    }
    if (reply->length < D1_DNS_HEADER_BYTES || !check_signature(job, reply, action)) {
        if (action->kind == 0) {
            fail(job, action, D1_FAIL_REPLY, "the reply is no DNS message");
        }
        return;
    }
    if (!check_rcode(job, reply, action)) {
        return;
    }
    switch (job->phase) {
    case ASK_ZONE:
        if (!each_record(reply, is_soa, job)) {
            fail(job, action, D1_FAIL_NO_ZONE, "the server names no zone (SOA) of the name");
            return;
        }
        job->phase = SEND_UPDATE;
        send_message(job, reply, action);
        return;
    case SEND_UPDATE:
        action->kind = D1_ACTION_DONE;
        return;
    case ASK_TXT:
        action->kind = D1_ACTION_DONE;
        if (!each_record(reply, is_value, job)) {
            fail(job, action, D1_FAIL_ABSENT, "the value is not there");
        }
        return;
    }
}

static void step(void *state, const struct d1_reply *reply, struct d1_action *ret_action) {
    struct job *job = state;
    if (reply->kind == D1_REPLY_DNS) {
        take_reply(job, reply, ret_action);
    } else { /* START, or AGAIN: with a fresh id and time. */
        send_message(job, reply, ret_action);
    }
}

static int job_begin(void *account, const struct d1_provider_job *asked, void **ret_job) {
    struct job *job = d1_calloc(1, sizeof(*job));
    if (job == NULL) {
        return -1;
    }
    job->account = account;
    job->asked = asked;
    job->phase = ASK_ZONE;
    if (asked->verb == D1_PROVIDER_LOOK) {
        job->phase = ASK_TXT;
    } else if (asked->zone != NULL && d1_name_from_text(asked->zone, &job->zone) == 0) {
        job->phase = SEND_UPDATE;
    }
    if (d1_name_from_text(asked->fqdn, &job->name) != 0) {
        d1_free(job);
        return -1;
    }
    *ret_job = job;
    return 0;
}

static void job_end(void *job) {
    d1_free(job);
}

static const char *const server_names[] = {"DNSUPDATE_NAMESERVER", "RFC2136_NAMESERVER", NULL};
static const char *const key_names[] = {"DNSUPDATE_TSIG_KEY", "RFC2136_TSIG_KEY", NULL};
static const char *const secret_names[] = {"DNSUPDATE_TSIG_SECRET", "RFC2136_TSIG_SECRET", NULL};
static const char *const algorithm_names[] = {"DNSUPDATE_TSIG_ALGORITHM", "RFC2136_TSIG_ALGORITHM",
                                              NULL};

static const struct d1_provider_setting settings_of_rfc2136[] = {
    {.name = "nameserver",
     .text = "the primary server: an address, with :PORT unless it is 53",
     .environment = server_names,
     .required = 1},
    {.name = "tsig-key", .text = "name of the key", .environment = key_names},
    {.name = "tsig-secret",
     .text = "secret of the key, in base64",
     .environment = secret_names,
     .secret = 1},
    {.name = "tsig-algorithm",
     .text = "hmac-sha1, hmac-sha224, hmac-sha256, hmac-sha384, hmac-sha512 or hmac-md5",
     .fallback = "hmac-sha256",
     .environment = algorithm_names},
    {.name = "tcp", .text = "true: TCP at once", .fallback = "false"},
};

const struct d1_provider d1_provider_rfc2136 = {
    .abi = D1_PROVIDER_ABI,
    .size = sizeof(struct d1_provider),
    .type = "rfc2136",
    .title = "Any name server with UPDATE (RFC 2136)",
    .settings = settings_of_rfc2136,
    .setting_count = D1_ARRAY_LENGTH(settings_of_rfc2136),
    .account_open = account_open,
    .account_close = account_close,
    .traits = traits,
    .job_begin = job_begin,
    .step = step,
    .job_end = job_end,
};
