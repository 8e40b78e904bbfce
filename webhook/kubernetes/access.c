#include "webhook/kubernetes/access.h"

#include <string.h>

#include "core/mem.h"

static void wipe(char *text) {
    if (text != NULL) {
        d1_wipe(text, strlen(text));
        d1_free(text);
    }
}

void d1_kube_access_close(struct d1_kube_access *access) {
    d1_free(access->server);
    d1_free(access->proxy);
    d1_free(access->ca);
    d1_free(access->ca_file);
    wipe(access->token);
    d1_free(access->token_file);
    d1_free(access->certificate);
    d1_free(access->certificate_file);
    wipe(access->key);
    d1_free(access->key_file);
    d1_free(access->namespace);
    *access = (struct d1_kube_access){.server = NULL};
}
