/*
 * One challenge.
 *
 * Happy path: the payload is read, a review of who asks is started (or known already), the Issuer's
 * config is read, the policy says with which rights, the solver gets a Present or CleanUp on the
 * control loop, and its outcome is answered here.
 * Failure modes: what is no ChallengePayload, or asked by somebody without the right to, is an HTTP
 * error. Everything else is 201 with success: false and a message that says what to change; it is
 * the same for the same cause, as cert-manager reconciles again when it changes. Who waits longer
 * than D1_KUBE_ANSWER_MS is answered that it is not live yet; the job goes on, and a repeated request
 * joins it in the solver.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/attr.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "solver/provider.h"
#include "webhook/json.h"
#include "webhook/kubernetes/alias.h"
#include "webhook/kubernetes/internal.h"
#include "webhook/kubernetes/names.h"

#define MESSAGE_BYTES (D1_FOLLOW_TEXT_BYTES + 512)
#define NOT_YET                                                                                  \
    "the value is not answered by every live dns01d node yet; cert-manager will ask again, and " \
    "dns01d goes on meanwhile"

/* ---- The end of a job ---- */

static void free_job(struct d1_kube_job *job) {
    struct d1_kube *kube = job->kube;
    if (job->next != NULL) {
        job->next->previous = job->previous;
    }
    if (job->previous != NULL) {
        job->previous->next = job->next;
    } else {
        kube->jobs = job->next;
    }
    d1_issuer_wipe(job->secrets);
    json_decref(job->translated);
    json_decref(job->body);
    json_decref(job->user);
    d1_kube_settings_drop(job->settings);
    d1_free(job);
    kube->pending--;
    d1_kube_check_stopped(kube);
}

static void log_failure(const struct d1_kube_job *job, const char *message) {
    d1_log(job->kube->options.log, INFO, "challenge_refused",
           D1_LOG_S("namespace", job->name_space != NULL ? job->name_space : ""),
           D1_LOG_S("solver", job->name->solver), D1_LOG_S("message", message));
}

/* success: true, or a message. */
static void answer(struct d1_kube_job *job, const char *message) {
    struct d1_http_exchange *exchange = job->exchange;
    job->exchange = NULL;
    if (message != NULL) {
        log_failure(job, message);
    }
    if (exchange != NULL) {
        d1_kube_answer(job->kube, exchange, job->uid != NULL ? job->uid : "", message);
    }
}

static void end(struct d1_kube_job *job, const char *message) {
    answer(job, message);
    free_job(job);
}

static void end_status(struct d1_kube_job *job, int status, const char *message) {
    struct d1_http_exchange *exchange = job->exchange;
    job->exchange = NULL;
    if (exchange != NULL) {
        d1_kube_answer_status(job->kube, exchange, status, message);
    }
    free_job(job);
}

void d1_kube_challenge_look(struct d1_kube *kube) {
    int64_t now_us = d1_clock_mono_us(kube->options.clock);
    for (struct d1_kube_job *job = kube->jobs; job != NULL; job = job->next) {
        if (job->exchange != NULL && now_us >= job->until_us) {
            answer(job, NOT_YET);
        }
    }
}

/* ---- The solver ---- */

/* What the reader of `kubectl describe challenge` can do about it. */
static void explain(const struct d1_kube_job *job, int err, char message[MESSAGE_BYTES]) {
    char name[D1_FOLLOW_TEXT_BYTES];
    d1_name_to_text(&job->request.name, name);
    const struct d1_followed *followed = &job->request.followed;
    if (job->request.was_followed && (err == D1_ENOTSERVED || followed->end != D1_FOLLOW_FOUND)) {
        snprintf(
            message, MESSAGE_BYTES,
            "%s: delegate the name to dns01d (docs/kubernetes.md shows the records), or name a "
            "provider and a secretRef in the Issuer's webhook config",
            job->why);
        return;
    }
    if (err == D1_ENOTSERVED && job->issuer.kind == D1_ISSUER_PROVIDER) {
        snprintf(
            message, MESSAGE_BYTES,
            "provider %.253s has no zone that holds %s: check the credentials' rights, or name "
            "the zone in the Issuer's webhook config",
            job->issuer.provider, name);
        return;
    }
    if (err == D1_ENOTSERVED && job->request.via != NULL) {
        snprintf(
            message, MESSAGE_BYTES,
            "account %s is not set up in `providers` of dns01d's configuration, or has no zone "
            "that holds %s",
            job->request.via, name);
        return;
    }
    switch (err) {
    case D1_ENOTSERVED:
        snprintf(message, MESSAGE_BYTES,
                 "%s is not in a zone that dns01d serves, and no CNAME leads from it to one: "
                 "delegate the name to dns01d (docs/kubernetes.md shows the records), or name a "
                 "provider "
                 "and a secretRef in the Issuer's webhook config",
                 name);
        break;
    case D1_EFORBIDDEN:
        snprintf(message, MESSAGE_BYTES,
                 "namespace %s may not write the name that %s leads to: allow it under `owners` of "
                 "its entry in webhook.policy of dns01d's configuration",
                 job->name_space, name);
        break;
    case D1_ESTATIC:
        snprintf(message, MESSAGE_BYTES,
                 "%s holds a static TXT or CNAME record in dns01d's zone: remove that record",
                 name);
        break;
    case D1_EVALUES:
        snprintf(
            message, MESSAGE_BYTES,
            "%s holds too many values already: delete Challenges that are stuck, or wait until "
            "their leases end",
            name);
        break;
    case D1_ENOTYET:
        snprintf(message, MESSAGE_BYTES, "%s", NOT_YET);
        break;
    default:
        snprintf(message, MESSAGE_BYTES, "%s%s", job->why,
                 d1_err_retry(err) ? "; cert-manager will ask again" : "");
        break;
    }
}

/* Front loop again. */
static void on_solved(struct d1_message *message) {
    struct d1_kube_job *job = D1_CONTAINER_OF(message, struct d1_kube_job, message);
    char text[MESSAGE_BYTES];
    bool never_there =
        job->request.verb == D1_SOLVER_CLEANUP &&
        (job->err == D1_ENOTSERVED || job->err == D1_ESTATIC || job->err == D1_ECONFIG);
    if (job->err == D1_OK || never_there) {
        end(job, NULL);
        return;
    }
    explain(job, job->err, text);
    end(job, text);
}

/* Control loop. */
static void on_done(struct d1_solver_request *request, int err) {
    struct d1_kube_job *job = D1_CONTAINER_OF(request, struct d1_kube_job, request);
    job->err = err;
    if (err != D1_OK) {
        d1_solver_explain(request, err, job->why); /* A provider's story ends with this call. */
    }
    job->message.run = on_solved;
    d1_loop_post(job->kube->options.front, &job->message);
}

/* Put the account in place that the Issuer brings along. */
static int bring(struct d1_kube_job *job) {
    const struct d1_issuer_config *issuer = &job->issuer;
    struct d1_error error = {0};
    struct d1_provider_brought brought = {
        .type = issuer->provider,
        .settings = issuer->settings,
        .secrets = job->secrets,
        .zone = issuer->zone_set ? &issuer->zone : NULL,
        .ttl = issuer->ttl,
    };
    int err = d1_solver_bring(job->kube->options.solver, &brought, job->via, &error);
    job->request.via = job->via;
    if (err != D1_OK) {
        snprintf(job->why, sizeof(job->why), "the Issuer's webhook config: %s",
                 error.text[0] != '\0' ? error.text : d1_err_text(err));
    }
    return err;
}

/* Control loop. */
static void on_control(struct d1_message *message) {
    struct d1_kube_job *job = D1_CONTAINER_OF(message, struct d1_kube_job, message);
    int err = job->issuer.kind == D1_ISSUER_PROVIDER ? bring(job) : D1_OK;
    if (err != D1_OK) {
        job->err = err;
        job->message.run = on_solved;
        d1_loop_post(job->kube->options.front, &job->message);
        return;
    }
    err = d1_solver_submit(job->kube->options.solver, &job->request);
    if (err != D1_OK) {
        on_done(&job->request, err);
    }
}

static void solve(struct d1_kube_job *job, const struct d1_rights *rights) {
    snprintf(job->owner, sizeof(job->owner), "kubernetes:%s", job->name_space);
    job->request.door = D1_DOOR_KUBERNETES;
    job->request.caller = (struct d1_credential){.owner = job->owner, .rights = rights};
    job->request.via = job->issuer.account;
    job->request.lease_ms = d1_kube_settings_lease_ms(job->settings);
    job->request.done = on_done;
    job->message.run = on_control;
    d1_loop_post(job->kube->options.loop, &job->message);
}

/* ---- Providers ---- */

static void explain_secret(struct d1_kube_job *job, int err, char text[MESSAGE_BYTES]) {
    const char *secret = job->issuer.secret;
    if (err == D1_ENOTFOUND) {
        snprintf(text, MESSAGE_BYTES,
                 "Secret %s does not exist in namespace %s: create it there, or name another in "
                 "secretRef",
                 secret, job->name_space);
    } else if (err == D1_EFORBIDDEN) {
        snprintf(text, MESSAGE_BYTES,
                 "dns01d may not read Secret %s in namespace %s: give its ServiceAccount `get` on "
                 "that Secret by a Role and RoleBinding in the namespace",
                 secret, job->name_space);
    } else {
        snprintf(
            text, MESSAGE_BYTES,
            "Secret %s in namespace %s could not be read from the Kubernetes API; cert-manager "
            "will ask again",
            secret, job->name_space);
    }
}

/*
 * Without its credentials nothing can be removed at the provider; the value goes there when its lease
 * ends, if they are back by then. To fail would keep the Challenge for ever: who deletes a namespace
 * deletes its Secrets and the right to read them first.
 */
static void end_without_secret(struct d1_kube_job *job, const char *text) {
    if (job->request.verb == D1_SOLVER_PRESENT) {
        end(job, text);
        return;
    }
    d1_log(job->kube->options.log, WARN, "challenge_left", D1_LOG_S("namespace", job->name_space),
           D1_LOG_S("reason", text));
    end(job, NULL);
}

static void on_secret(struct d1_kube_call *call, int err) {
    struct d1_kube_job *job = D1_CONTAINER_OF(call, struct d1_kube_job, secret);
    char text[MESSAGE_BYTES];
    json_t *data = json_object_get(call->reply, "data");
    err = err != D1_OK ? err : d1_kube_call_check(call);
    if (err != D1_OK) {
        explain_secret(job, err, text);
        if (err == D1_ENOTFOUND || err == D1_EFORBIDDEN) {
            end_without_secret(job, text);
        } else {
            end(job, text);
        }
        return;
    }
    struct d1_error error = {0};
    err = d1_issuer_secret(&job->issuer, data, &job->secrets, &error);
    d1_issuer_wipe(json_incref(data));
    if (err != D1_OK) {
        end_without_secret(job, error.text[0] != '\0' ? error.text : d1_err_text(err));
        return;
    }
    solve(job, d1_kube_settings_any(job->settings));
}

static void read_secret(struct d1_kube_job *job) {
    snprintf(job->path, sizeof(job->path), "/api/v1/namespaces/%s/secrets/%s", job->name_space,
             job->issuer.secret);
    job->secret = (struct d1_kube_call){.method = "GET", .path = job->path, .done = on_secret};
    int err =
        job->kube->api != NULL ? d1_kube_api_call(job->kube->api, &job->secret) : D1_ESTOPPING;
    if (err != D1_OK) {
        char text[MESSAGE_BYTES];
        explain_secret(job, err, text);
        end(job, text);
    }
}

/* ---- What is asked ---- */

static void refuse_by_policy(struct d1_kube_job *job, bool ambient) {
    char text[MESSAGE_BYTES];
    char name[D1_NAME_TEXT_MAX];
    d1_name_to_text(&job->request.name, name);
    bool account = job->issuer.kind == D1_ISSUER_ACCOUNT;
    if (d1_kube_settings_has_policy(job->settings) || ambient) {
        snprintf(text, sizeof(text),
                 "namespace %s may not use %s%.253s for %s: add an entry with this namespace and "
                 "name to webhook.policy of dns01d's configuration",
                 job->name_space, account ? "account " : "dns01d's own zones",
                 account ? job->issuer.account : "", name);
    } else {
        snprintf(text, sizeof(text),
                 "an Issuer of namespace %s may not use %s%.253s: use a ClusterIssuer, or add an "
                 "entry with this namespace and its names to webhook.policy of dns01d's "
                 "configuration",
                 job->name_space, account ? "account " : "dns01d's own zones",
                 account ? job->issuer.account : "");
    }
    end(job, text);
}

static int read_name(struct d1_kube_job *job, struct d1_error *error) {
    const json_t *fqdn = d1_json_find(job->asked, "resolvedFQDN");
    const json_t *key = d1_json_find(job->asked, "key");
    if (!json_is_string(fqdn) || d1_name_parse(json_string_value(fqdn), json_string_length(fqdn),
                                               &job->request.name) != D1_OK) {
        return d1_error_set(error, D1_ENAME, "request.resolvedFQDN is not a domain name");
    }
    if (!json_is_string(key) || d1_txt_value_set(&job->request.value, json_string_value(key),
                                                 json_string_length(key)) != D1_OK) {
        return d1_error_set(error, D1_EVALUE, "request.key must be a text of 1 to 255 octets");
    }
    const json_t *name_space = d1_json_find(job->asked, "resourceNamespace");
    if (!json_is_string(name_space) || !d1_kube_is_label(json_string_value(name_space))) {
        return d1_error_set(error, D1_ENAME, "request.resourceNamespace is not a namespace's name");
    }
    job->name_space = json_string_value(name_space);
    const char *type = json_string_value(d1_json_find(job->asked, "type"));
    if (type != NULL && type[0] != '\0' && strcmp(type, "dns-01") != 0) {
        return d1_error_set(error, D1_EPARSE, "request.type must be dns-01");
    }
    return D1_OK;
}

/*
 * Where a Present would be refused, nothing was presented (a Challenge keeps its config as long as it
 * lives), and to fail would keep the Challenge, and so its namespace, from ever going. Only the
 * owner's own values are touched, so that the policy need not be asked.
 */
static void clean_up(struct d1_kube_job *job, int err) {
    if (err != D1_OK) {
        end(job, NULL);
    } else if (job->issuer.kind == D1_ISSUER_PROVIDER) {
        read_secret(job);
    } else {
        solve(job, d1_kube_settings_any(job->settings));
    }
}

static int read_config(struct d1_kube_job *job, struct d1_error *error) {
    const json_t *config = d1_json_find(job->asked, "config");
    if (job->name->alias != NULL) {
        int err =
            d1_alias_translate(job->name->alias, config, job->name_space, &job->translated, error);
        if (err != D1_OK) {
            return err;
        }
        config = job->translated;
    }
    return d1_issuer_read(config, &job->issuer, error);
}

/* Who asks may. */
static void go_on(struct d1_kube_job *job) {
    struct d1_error error = {0};
    int err = read_name(job, &error);
    if (err == D1_OK) {
        err = read_config(job, &error);
        if (err != D1_OK) {
            d1_error_prefix(&error, "the Issuer's webhook config");
        }
    }
    if (job->request.verb == D1_SOLVER_CLEANUP) {
        clean_up(job, err);
        return;
    }
    if (err != D1_OK) {
        end(job, error.text);
        return;
    }
    if (job->issuer.kind == D1_ISSUER_PROVIDER) {
        read_secret(job);
        return;
    }
    bool ambient = json_is_true(d1_json_find(job->asked, "allowAmbientCredentials"));
    const struct d1_rights *rights = d1_kube_settings_grant(
        job->settings, job->name_space, ambient, &job->request.name, job->issuer.account);
    if (rights == NULL) {
        refuse_by_policy(job, ambient);
    } else {
        solve(job, rights);
    }
}

static void decide(struct d1_kube_job *job, int err) {
    if (err == D1_OK) {
        go_on(job);
    } else if (err == D1_EFORBIDDEN) {
        end_status(job, 403,
                   "the cluster's authorization does not let this user create challenges of this "
                   "solver: give cert-manager's ServiceAccount `create` on it (ClusterRole and "
                   "ClusterRoleBinding of the chart)");
    } else {
        end_status(job, 403,
                   "the cluster's authorization could not be asked whether this user may create "
                   "challenges, so the answer is no; dns01d's ServiceAccount needs the ClusterRole "
                   "system:auth-delegator");
    }
}

static void on_reviewed(struct d1_kube_review *review, int err) {
    decide(D1_CONTAINER_OF(review, struct d1_kube_job, review), err);
}

/* HTTP errors are for what is no challenge at all. */
static int read_payload(struct d1_kube_job *job, const struct d1_http_request *request,
                        struct d1_error *error) {
    int err = d1_json_read_object(request->body, request->body_length, &job->body, error);
    if (err != D1_OK) {
        return err;
    }
    json_t *asked = d1_json_find(job->body, "request");
    if (!json_is_object(asked)) {
        return d1_error_set(error, D1_EPARSE,
                            "the ChallengePayload has no request; it is made by cert-manager");
    }
    err = d1_json_check_object(asked, error);
    job->asked = asked;
    const char *action = json_string_value(d1_json_find(asked, "action"));
    if (err == D1_OK && action != NULL && strcmp(action, "Present") == 0) {
        job->request.verb = D1_SOLVER_PRESENT;
    } else if (err == D1_OK && action != NULL && strcmp(action, "CleanUp") == 0) {
        job->request.verb = D1_SOLVER_CLEANUP;
    } else if (err == D1_OK) {
        err = d1_error_set(error, D1_EPARSE, "request.action must be Present or CleanUp");
    }
    job->uid = json_string_value(d1_json_find(asked, "uid"));
    return err;
}

void d1_kube_challenge(struct d1_kube *kube, const struct d1_kube_name *name, json_t *user,
                       const struct d1_http_request *request, struct d1_http_exchange *exchange) {
    struct d1_kube_job *job = d1_calloc(1, sizeof(*job));
    if (job == NULL) {
        json_decref(user);
        d1_kube_answer_status(kube, exchange, 503, "out of memory");
        return;
    }
    job->kube = kube;
    job->settings = d1_kube_settings_hold(kube->settings);
    job->name = name;
    job->user = user;
    job->exchange = exchange;
    job->until_us = d1_clock_mono_us(kube->options.clock) + D1_KUBE_ANSWER_MS * INT64_C(1000);
    job->next = kube->jobs;
    if (job->next != NULL) {
        job->next->previous = job;
    }
    kube->jobs = job;
    kube->pending++;
    struct d1_error error = {0};
    int err = read_payload(job, request, &error);
    if (err != D1_OK) {
        end_status(job, err == -ENOMEM ? 503 : 400, error.text);
        return;
    }
    job->review = (struct d1_kube_review){
        .user = job->user, .group = name->group, .solver = name->solver, .done = on_reviewed};
    bool asked = false;
    err = d1_kube_review_start(kube->reviews, kube->api, &job->review, &asked);
    if (!asked) {
        decide(job, err);
    }
}
