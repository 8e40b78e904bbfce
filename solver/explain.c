#include <stdio.h>

#include "solver/solver.h"

void d1_solver_explain(const struct d1_solver_request *request, int err,
                       char ret_text[D1_FOLLOW_TEXT_BYTES]) {
    char name[D1_NAME_TEXT_MAX];
    char target[D1_NAME_TEXT_MAX];
    const struct d1_followed *followed = &request->followed;
    if (err == D1_EPROVIDER && request->why != NULL) {
        d1_name_to_text(&request->name, name);
        snprintf(ret_text, D1_FOLLOW_TEXT_BYTES, "%.256s: %.700s", name, request->why);
        return;
    }
    if (request->was_followed && followed->end != D1_FOLLOW_FOUND) {
        d1_follow_explain(followed, &request->name, ret_text);
        return;
    }
    d1_name_to_text(&request->name, name);
    if (!request->was_followed) {
        snprintf(ret_text, D1_FOLLOW_TEXT_BYTES, "%s: %s", name, d1_err_text(err));
        return;
    }
    d1_name_to_text(&followed->name, target);
    snprintf(ret_text, D1_FOLLOW_TEXT_BYTES, "%s leads by CNAME to %s: %s", name, target,
             d1_err_text(err));
}
