#include "ctl/hookrun.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/err.h"
#include "ctl/commands.h"
#include "ctl/hook.h"
#include "ctl/print.h"

static bool run_change(struct d1_ctl_context *context, const struct d1_hook_call *call,
                       enum d1_hook_action action, size_t index) {
    struct d1_hook_change change = {.name = ""};
    struct d1_error error = {.code = D1_OK};
    json_t *reply = NULL;
    bool good = d1_hook_change(call, index, &change, &error) == D1_OK;
    if (!good) {
        fprintf(context->err, "dns01ctl: %s\n", error.text);
    } else if (action == D1_HOOK_PRESENT) {
        good = d1_ctl_present(context, change.name, change.value, &reply);
    } else {
        good = d1_ctl_cleanup(context, change.name, change.value, &reply);
    }
    json_decref(reply);
    if (!good) {
        fprintf(context->err, "dns01ctl: could not %s the value of ",
                action == D1_HOOK_PRESENT ? "present" : "remove");
        d1_ctl_print_text(context->err, call->domains[index * call->stride], 0);
        fputc('\n', context->err);
    }
    return good;
}

static int present_all(struct d1_ctl_context *context, const struct d1_hook_call *call) {
    for (size_t i = 0; i < call->count; i++) {
        if (run_change(context, call, D1_HOOK_PRESENT, i)) {
            continue;
        }
        while (i > 0) {
            run_change(context, call, D1_HOOK_CLEANUP, --i);
        }
        return 1;
    }
    return 0;
}

static int clean_up_all(struct d1_ctl_context *context, const struct d1_hook_call *call) {
    int status = 0;
    for (size_t i = 0; i < call->count; i++) {
        if (!run_change(context, call, D1_HOOK_CLEANUP, i)) {
            status = 1;
        }
    }
    return status;
}

int d1_hook_run(struct d1_ctl_context *context, const struct d1_hook_call *call) {
    if (call->echo != NULL) {
        /* Also when the rest fails: certbot cleans up then too, and this tells it that it is. */
        d1_ctl_print_text(context->out, call->echo, 0);
        fputc('\n', context->out);
        fflush(context->out);
    }
    switch (call->action) {
    case D1_HOOK_PRESENT:
        return present_all(context, call);
    case D1_HOOK_CLEANUP:
        return clean_up_all(context, call);
    case D1_HOOK_NOTHING:
        return 0;
    case D1_HOOK_DECLINE:
        break;
    }
    return 1;
}
