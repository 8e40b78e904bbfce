#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/limits.h"
#include "core/mem.h"

static int read_all(int fd, size_t max, struct d1_bytes *bytes) {
    char chunk[4096];
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? -errno : D1_OK;
        }
        if (bytes->length + (size_t)got > max) {
            return D1_ETOOLARGE;
        }
        int err = d1_bytes_add(bytes, chunk, (size_t)got);
        if (err != D1_OK) {
            return err;
        }
        d1_wipe(chunk, (size_t)got);
    }
}

int d1_file_read(const char *path, size_t max, char **ret_text, size_t *ret_length,
                 struct d1_error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        int err = -errno;
        return d1_error_set(error, err, "cannot read %s: %s", path, d1_err_text(err));
    }
    struct d1_bytes bytes;
    d1_bytes_init(&bytes, max + 1);
    int err = read_all(fd, max, &bytes);
    close(fd);
    if (err == D1_OK && d1_bytes_text(&bytes) == NULL) {
        err = -ENOMEM;
    }
    if (err != D1_OK) {
        d1_wipe(bytes.data, bytes.length);
        d1_bytes_close(&bytes);
        if (err == D1_ETOOLARGE) {
            return d1_error_set(error, err, "cannot read %s: larger than %zu octets", path, max);
        }
        return d1_error_set(error, err, "cannot read %s: %s", path, d1_err_text(err));
    }
    *ret_text = (char *)bytes.data;
    *ret_length = bytes.length;
    return D1_OK;
}

static int write_all(int fd, const char *at, size_t length) {
    while (length > 0) {
        ssize_t put = write(fd, at, length);
        if (put < 0 && errno != EINTR) {
            return -errno;
        }
        at += put > 0 ? put : 0;
        length -= put > 0 ? (size_t)put : 0;
    }
    return fsync(fd) == 0 ? D1_OK : -errno;
}

int d1_file_replace(const char *path, const void *text, size_t length, struct d1_error *error) {
    char beside[D1_PATH_MAX];
    int wanted = snprintf(beside, sizeof(beside), "%s.new", path);
    int err = wanted < 0 || (size_t)wanted >= sizeof(beside) ? -ENAMETOOLONG : D1_OK;
    int fd = err == D1_OK ? open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (err == D1_OK && fd < 0) {
        err = -errno;
    }
    if (fd >= 0) {
        err = write_all(fd, text, length);
        close(fd);
    }
    if (err == D1_OK && rename(beside, path) != 0) {
        err = -errno;
    }
    return err == D1_OK ? err
                        : d1_error_set(error, err, "cannot write %s: %s", path, d1_err_text(err));
}
