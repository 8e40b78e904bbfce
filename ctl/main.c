#include <curl/curl.h>
#include <stdio.h>

#include "ctl/ctl.h"

int main(int argc, char **argv) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fputs("dns01ctl: libcurl does not start\n", stderr);
        return 1;
    }
    int status = d1_ctl_main(argc, (const char *const *)argv, stdout, stderr);
    curl_global_cleanup();
    return status;
}
