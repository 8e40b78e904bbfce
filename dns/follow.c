/*
 * Happy path: the CNAME of the asked name is asked for; its target is taken by somebody, and that is
 * the end. A target that nobody takes is the next name to ask for.
 * Failures: each has its own end (enum d1_follow_end) with the name it happened at, so that the same
 * cause always reads the same.
 */
#include "dns/follow.h"

#include <assert.h>
#include <stdio.h>

#include "core/buf.h"
#include "core/clock.h"
#include "dns/wire.h"

static void on_reply(struct d1_resolve_query *query, const struct d1_resolve_reply *reply);

static void end(struct d1_follow *follow, enum d1_follow_end how) {
    follow->result.end = how;
    follow->done(follow);
}

/* Ask for the CNAME of the last name reached. Returns 0, or what `ask` returns. */
static int ask(struct d1_follow *follow, int64_t left_us) {
    int64_t left_ms = left_us / 1000 + 1;
    follow->query = (struct d1_resolve_query){
        .type = D1_TYPE_CNAME,
        .timeout_ms = left_ms < D1_RESOLVE_QUERY_MS ? (uint32_t)left_ms : D1_RESOLVE_QUERY_MS,
        .done = on_reply,
    };
    d1_name_copy(&follow->query.name, &follow->result.name);
    return follow->resolver->ask(follow->resolver, &follow->query);
}

static bool was_seen(const struct d1_follow *follow, const struct d1_name *name) {
    for (size_t i = 0; i < follow->result.links; i++) {
        if (d1_name_equal(&follow->seen[i], name)) {
            return true;
        }
    }
    return d1_name_equal(&follow->result.name, name);
}

static int read_target(const struct d1_resolve_reply *reply, struct d1_name *ret_target) {
    if (reply->count != 1 || reply->aliased) {
        return D1_EPARSE; /* RFC 2181, 10.1: a name has one CNAME. */
    }
    struct d1_reader reader = d1_reader_over(reply->records[0].rdata, reply->records[0].length);
    int err = d1_name_read(&reader, ret_target);
    return err == D1_OK && d1_reader_left(&reader) > 0 ? D1_EPARSE : err;
}

static void go_on(struct d1_follow *follow, const struct d1_resolve_reply *reply) {
    struct d1_name target;
    if (read_target(reply, &target) != D1_OK) {
        end(follow, D1_FOLLOW_MALFORMED);
        return;
    }
    if (was_seen(follow, &target)) {
        end(follow, D1_FOLLOW_LOOP);
        return;
    }
    if (follow->result.links == D1_FOLLOW_LINKS_MAX) {
        end(follow, D1_FOLLOW_TOO_LONG);
        return;
    }
    d1_name_copy(&follow->seen[follow->result.links], &follow->result.name);
    follow->result.links++;
    d1_name_copy(&follow->result.name, &target);
    if (follow->takes(follow, &target)) {
        end(follow, D1_FOLLOW_FOUND);
        return;
    }
    int64_t left_us = follow->until_us - d1_clock_mono_us(follow->resolver->clock);
    if (left_us <= 0) {
        end(follow, D1_FOLLOW_TIMEOUT);
        return;
    }
    follow->result.err = ask(follow, left_us);
    if (follow->result.err != D1_OK) {
        end(follow, D1_FOLLOW_NOT_ASKED);
    }
}

static void on_reply(struct d1_resolve_query *query, const struct d1_resolve_reply *reply) {
    static const enum d1_follow_end ends[] = {
        [D1_RESOLVE_NODATA] = D1_FOLLOW_NO_CNAME, [D1_RESOLVE_NXDOMAIN] = D1_FOLLOW_NO_NAME,
        [D1_RESOLVE_BOGUS] = D1_FOLLOW_BOGUS,     [D1_RESOLVE_FAILED] = D1_FOLLOW_FAILED,
        [D1_RESOLVE_TIMEOUT] = D1_FOLLOW_TIMEOUT, [D1_RESOLVE_CANCELED] = D1_FOLLOW_CANCELED,
    };
    struct d1_follow *follow = D1_CONTAINER_OF(query, struct d1_follow, query);
    if (reply->outcome == D1_RESOLVE_DATA) {
        go_on(follow, reply);
        return;
    }
    follow->result.rcode = reply->rcode;
    end(follow, ends[reply->outcome]);
}

int d1_follow_start(struct d1_follow *follow, struct d1_resolver *resolver,
                    const struct d1_name *name, uint32_t limit_ms) {
    assert(follow->takes != NULL && follow->done != NULL);
    follow->resolver = resolver;
    follow->until_us = d1_clock_mono_us(resolver->clock) + limit_ms * INT64_C(1000);
    follow->result = (struct d1_followed){.end = D1_FOLLOW_CANCELED};
    d1_name_copy(&follow->result.name, name);
    return ask(follow, limit_ms * INT64_C(1000));
}

void d1_follow_cancel(struct d1_follow *follow) {
    follow->resolver->cancel(follow->resolver, &follow->query);
}

/* What is wrong with the last name. */
static void explain_end(const struct d1_followed *followed, char *text, size_t size) {
    char rcode[16];
    switch (followed->end) {
    case D1_FOLLOW_FOUND:
        snprintf(text, size, "is taken");
        return;
    case D1_FOLLOW_NO_CNAME:
    case D1_FOLLOW_NO_NAME:
        snprintf(text, size, "is neither served here nor routed to a provider, and %s",
                 followed->end == D1_FOLLOW_NO_NAME
                     ? "does not exist (NXDOMAIN), so it has no CNAME"
                     : "has no CNAME");
        return;
    case D1_FOLLOW_LOOP:
        snprintf(text, size, "leads back by CNAME to a name before it: a loop");
        return;
    case D1_FOLLOW_TOO_LONG:
        snprintf(text, size, "is the end of %d CNAMEs and has another one, which is too many",
                 D1_FOLLOW_LINKS_MAX);
        return;
    case D1_FOLLOW_MALFORMED:
        snprintf(text, size, "has no valid CNAME, or several");
        return;
    case D1_FOLLOW_BOGUS:
        snprintf(text, size, "has a CNAME that fails DNSSEC validation");
        return;
    case D1_FOLLOW_FAILED:
        snprintf(text, size, "is not served here, and the resolvers gave %s for its CNAME",
                 d1_rcode_text(followed->rcode, rcode));
        return;
    case D1_FOLLOW_TIMEOUT:
        snprintf(text, size, "is not served here, and the resolvers gave no answer for its CNAME");
        return;
    case D1_FOLLOW_NOT_ASKED:
        snprintf(
            text, size, "is not served here, and its CNAME could not be asked for: %s",
            followed->err == D1_ECONFIG
                ? "no resolver is known; set resolver.servers, or make /etc/resolv.conf readable"
                : d1_err_text(followed->err));
        return;
    case D1_FOLLOW_CANCELED:
        snprintf(text, size, "was being followed when that ended");
        return;
    }
}

void d1_follow_explain(const struct d1_followed *followed, const struct d1_name *asked,
                       char ret_text[D1_FOLLOW_TEXT_BYTES]) {
    char asked_text[D1_NAME_TEXT_MAX];
    char last_text[D1_NAME_TEXT_MAX];
    char why[160];
    d1_name_to_text(asked, asked_text);
    explain_end(followed, why, sizeof(why));
    if (followed->links == 0) {
        snprintf(ret_text, D1_FOLLOW_TEXT_BYTES, "%s %s", asked_text, why);
        return;
    }
    d1_name_to_text(&followed->name, last_text);
    snprintf(ret_text, D1_FOLLOW_TEXT_BYTES, "%s leads by CNAME to %s, which %s", asked_text,
             last_text, why);
}
