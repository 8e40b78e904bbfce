#include "tests/lib/fake_update.h"

#include <assert.h>
#include <string.h>

#include "core/mem.h"

const struct d1_keys *d1_updates_keys(const struct d1_updates *updates) {
    (void)updates;
    return NULL;
}

void d1_update_answer(struct d1_updates *updates, const struct d1_answer_context *context,
                      struct d1_answer_slot *slot) {
    (void)context;
    if (slot->length > D1_DNS_HEADER_BYTES && slot->message[D1_DNS_HEADER_BYTES] == 'n') {
        memcpy(slot->reply, slot->message, D1_DNS_HEADER_BYTES);
        slot->reply[2] |= 0x80;
        slot->reply_length = D1_DNS_HEADER_BYTES;
        slot->rcode = D1_RCODE_REFUSED;
        return;
    }
    struct d1_update_job *job = d1_calloc(1, sizeof(*job));
    assert(job != NULL);
    job->updates = updates;
    memcpy(job->reply, slot->message, D1_DNS_HEADER_BYTES);
    job->reply[2] |= 0x80;
    updates->made++;
    slot->job = job;
}

void d1_update_submit(struct d1_update_job *job) {
    struct d1_updates *updates = job->updates;
    assert(updates->submitted_count < FAKE_UPDATES_MAX);
    updates->submitted[updates->submitted_count++] = job;
}

void d1_update_job_free(struct d1_update_job *job) {
    job->updates->freed++;
    d1_free(job);
}

void fake_update_finish(struct d1_updates *updates, bool answered) {
    assert(updates->submitted_count > 0);
    struct d1_update_job *job = updates->submitted[0];
    updates->submitted_count--;
    memmove(&updates->submitted[0], &updates->submitted[1],
            updates->submitted_count * sizeof(updates->submitted[0]));
    job->reply_length = answered ? D1_DNS_HEADER_BYTES : 0;
    job->answered(job);
}
