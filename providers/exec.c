/*
 * A program of the user's own, as lego's exec provider calls it: PROGRAM present|cleanup FQDN. VALUE,
 * or with convention acme.sh PROGRAM add|rm
 * FQDN VALUE. It must find and remove exactly the value it is given, and
 * succeed when that is done already. Its exit status decides; its output is the message.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/attr.h"
#include "core/limits.h"
#include "core/mem.h"
#include "providers/written.h"

#define OUTPUT_SHOWN 400 /* Octets of what it wrote. */

struct account {
    char *program;
    bool acmesh;
};

struct job {
    const struct account *account;
    const struct d1_provider_job *asked;
    char fqdn[D1_NAME_TEXT_MAX + 1];
    const char *arguments[4];
    char text[D1_PROVIDER_TEXT_MAX];
};

static void account_close(void *opened) {
    struct account *account = opened;
    d1_free(account->program);
    d1_free(account);
}

static int account_open(const struct d1_provider *provider, const struct d1_pair *settings,
                        size_t count, void **ret_account, struct d1_provider_error *ret_error) {
    (void)provider;
    struct account *account = d1_calloc(1, sizeof(*account));
    for (size_t i = 0; i < count && account != NULL; i++) {
        if (strcmp(settings[i].name, "program") == 0) {
            account->program = d1_strdup(settings[i].value);
        } else if (strcmp(settings[i].name, "convention") == 0) {
            account->acmesh = strcmp(settings[i].value, "acme.sh") == 0;
            if (!account->acmesh && strcmp(settings[i].value, "lego") != 0) {
                snprintf(ret_error->text, sizeof(ret_error->text),
                         "convention: is not known, expected lego or acme.sh");
                account_close(account);
                return -1;
            }
        }
    }
    if (account == NULL || account->program == NULL || account->program[0] != '/') {
        snprintf(ret_error->text, sizeof(ret_error->text),
                 "program: is no absolute path of a program");
        if (account != NULL) {
            account_close(account);
        }
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
    ret_traits->together = 4;
}

static int job_begin(void *account, const struct d1_provider_job *asked, void **ret_job) {
    struct job *job = d1_calloc(1, sizeof(*job));
    if (job == NULL) {
        return -1;
    }
    job->account = account;
    job->asked = asked;
    snprintf(job->fqdn, sizeof(job->fqdn), "%s%s", asked->fqdn, job->account->acmesh ? "" : ".");
    *ret_job = job;
    return 0;
}

static void job_end(void *job) {
    d1_free(job);
}

static void run(struct job *job, struct d1_action *action) {
    bool present = job->asked->verb == D1_PROVIDER_PRESENT;
    job->arguments[0] =
        job->account->acmesh ? (present ? "add" : "rm") : (present ? "present" : "cleanup");
    job->arguments[1] = job->fqdn;
    job->arguments[2] = job->asked->value;
    job->arguments[3] = NULL;
    action->kind = D1_ACTION_RUN;
    action->step = "run";
    action->as.run = (struct d1_action_run){
        .program = job->account->program,
        .arguments = job->arguments,
    };
}

static void step(void *state, const struct d1_reply *reply, struct d1_action *ret_action) {
    struct job *job = state;
    if (reply->kind != D1_REPLY_RUN) {
        if (job->asked->verb == D1_PROVIDER_LOOK) {
            ret_action->kind = D1_ACTION_DONE; /* Who wants to know asks the zone's servers. */
        } else {
            run(job, ret_action);
        }
        return;
    }
    if (reply->status == 0) {
        ret_action->kind = D1_ACTION_DONE;
        return;
    }
    if (reply->status < 0) {
        snprintf(job->text, sizeof(job->text), "%.200s", reply->error);
    } else {
        size_t length = reply->length < OUTPUT_SHOWN ? reply->length : OUTPUT_SHOWN;
        while (length > 0 && (reply->body[length - 1] == '\n' || reply->body[length - 1] == '\r')) {
            length--;
        }
        snprintf(job->text, sizeof(job->text), "exit status %d: %.*s", (int)reply->status,
                 (int)length, (const char *)reply->body);
    }
    ret_action->kind = D1_ACTION_FAIL;
    ret_action->as.fail.kind = D1_FAIL_OTHER;
    ret_action->as.fail.text = job->text;
}

static const char *const program_names[] = {"EXEC_PATH", NULL};

static const struct d1_provider_setting settings_of_exec[] = {
    {.name = "program",
     .text = "absolute path of the program",
     .environment = program_names,
     .required = 1},
    {.name = "convention",
     .text = "lego (present|cleanup FQDN. VALUE) or acme.sh (add|rm FQDN VALUE)",
     .fallback = "lego"},
};

const struct d1_provider d1_provider_exec = {
    .abi = D1_PROVIDER_ABI,
    .size = sizeof(struct d1_provider),
    .type = "exec",
    .title = "A program of your own",
    .settings = settings_of_exec,
    .setting_count = D1_ARRAY_LENGTH(settings_of_exec),
    .account_open = account_open,
    .account_close = account_close,
    .traits = traits,
    .job_begin = job_begin,
    .step = step,
    .job_end = job_end,
};
