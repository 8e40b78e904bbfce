#include "daemon/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static int receiver(const char *path) {
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(fd >= 0);
    size_t length = strlen(path);
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') {
        address.sun_path[0] = '\0';
    }
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
    return fd;
}

static void ready_reaches_the_socket(void **state) {
    (void)state;
    char path[64];
    char text[64] = "";
    snprintf(path, sizeof(path), "@dns01d-notify-%d", (int)getpid());
    int fd = receiver(path);
    setenv("NOTIFY_SOCKET", path, 1);
    d1_notify("READY=1");
    assert_int_equal(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), 7);
    assert_string_equal(text, "READY=1");
    unsetenv("NOTIFY_SOCKET");
    d1_notify("READY=1");
    assert_int_equal(recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT), -1);
    close(fd);
}

static void odd_paths_are_ignored(void **state) {
    (void)state;
    char path[300];
    memset(path, 'a', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    setenv("NOTIFY_SOCKET", path, 1);
    d1_notify("READY=1");
    setenv("NOTIFY_SOCKET", "relative", 1);
    d1_notify("READY=1");
    setenv("NOTIFY_SOCKET", "", 1);
    d1_notify("READY=1");
    unsetenv("NOTIFY_SOCKET");
    assert_null(getenv("NOTIFY_SOCKET"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_reaches_the_socket),
        cmocka_unit_test(odd_paths_are_ignored),
    };
    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
