#include "core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/buf.h"
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
