/* Descriptors, and accounts of those that are good; one job is begun with each. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/err.h"
#include "providers/descriptor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void begin_job(const struct d1_provider *provider, void *account) {
    struct d1_provider_job asked = {.size = sizeof(asked),
                                    .verb = D1_PROVIDER_PRESENT,
                                    .fqdn = "_acme-challenge.www.example.org",
                                    .value = "value",
                                    .zone = "example.org"};
    struct d1_reply reply = {
        .size = sizeof(reply), .kind = D1_REPLY_START, .now_ms = 1767323045000};
    struct d1_action action = {.size = sizeof(action)};
    void *job = NULL;
    if (provider->job_begin(account, &asked, &job) == 0) {
        provider->step(job, &reply, &action);
        if (action.kind < D1_ACTION_HTTP || action.kind > D1_ACTION_FAIL) {
            __builtin_trap();
        }
        provider->job_end(job);
    }
}

static void open_account(const struct d1_provider *provider) {
    struct d1_pair pairs[40];
    struct d1_provider_error error;
    void *account = NULL;
    size_t count = 0;
    for (size_t i = 0; i < provider->setting_count && count < 40; i++) {
        if (provider->settings[i].required) {
            pairs[count++] = (struct d1_pair){provider->settings[i].name, "https://a.test"};
        }
    }
    if (provider->account_open(provider, pairs, count, &account, &error) == 0) {
        begin_job(provider, account);
        provider->account_close(account);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct d1_descriptor *descriptor = NULL;
    struct d1_error error = {.text = ""};
    char type[64];
    (void)d1_descriptor_extends((const char *)data, size, type, sizeof(type), &error);
    if (d1_descriptor_create((const char *)data, size, NULL, &descriptor, &error) == 0) {
        open_account(&descriptor->provider);
        d1_descriptor_destroy(descriptor);
    }
    return 0;
}
