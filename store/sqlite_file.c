/*
 * The state directory, the database file and the lock.
 *
 * The lock is flock() on a file of its own, not SQLite's exclusive mode: two dns01d never meet in
 * one directory, and an administrator may still look into the running database with `sqlite3`.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite.h"

static int file_error(const char *path, int err, struct d1_error *error) {
    return d1_error_set(error, err,
                        "%s: %s; set state-dir to a directory that user id %u may write, with room",
                        path, d1_err_text(err), (unsigned)geteuid());
}

static int make_directory(const char *state_dir, struct d1_error *error) {
    if (mkdir(state_dir, 0700) != 0 && errno != EEXIST) {
        return file_error(state_dir, -errno, error);
    }
    struct stat status;
    if (stat(state_dir, &status) != 0) {
        return file_error(state_dir, -errno, error);
    }
    return S_ISDIR(status.st_mode) ? D1_OK : file_error(state_dir, -ENOTDIR, error);
}

/* Who holds the lock wrote its process id into it. */
static int busy_error(const char *state_dir, int fd, struct d1_error *error) {
    char text[24] = "";
    ssize_t length = pread(fd, text, sizeof(text) - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    text[strspn(text, "0123456789")] = '\0';
    return d1_error_set(error, -EBUSY,
                        "%s: in use by another dns01d%s%s%s; stop that one, or give this one a "
                        "state-dir of its own",
                        state_dir, text[0] != '\0' ? " (process " : "", text,
                        text[0] != '\0' ? ")" : "");
}

/* Always as long, so that nothing of an older number is left. A failure costs only the number. */
static void write_owner(int fd) {
    char text[24];
    int length = snprintf(text, sizeof(text), "%-20" PRIdMAX "\n", (intmax_t)getpid());
    ssize_t written = pwrite(fd, text, (size_t)length, 0);
    (void)written;
}

static int take_lock(const char *state_dir, const char *path, int *ret_lock,
                     struct d1_error *error) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return file_error(path, -errno, error);
    }
    int err = D1_OK;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        err = errno == EWOULDBLOCK ? busy_error(state_dir, fd, error)
                                   : file_error(path, -errno, error);
        close(fd);
        return err;
    }
    write_owner(fd);
    *ret_lock = fd;
    return D1_OK;
}

/* A new file's directory entry must be durable too, before any write into it is acknowledged. */
static int sync_directory(const char *state_dir, struct d1_error *error) {
    int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return file_error(state_dir, -errno, error);
    }
    int err = fsync(fd) == 0 ? D1_OK : file_error(state_dir, -errno, error);
    close(fd);
    return err;
}

/* SQLite gives the -wal and -shm files the mode of the database, so it is made here, as 0600. */
static int make_database(const char *path, struct d1_error *error) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return file_error(path, -errno, error);
    }
    close(fd);
    return D1_OK;
}

int d1_sqlite_claim(const char *state_dir, char ret_path[D1_SQLITE_PATH_BYTES], int *ret_lock,
                    struct d1_error *error) {
    char lock_path[D1_SQLITE_PATH_BYTES];
    if (strlen(state_dir) > D1_PATH_MAX) {
        return file_error("state-dir", -ENAMETOOLONG, error);
    }
    int err = make_directory(state_dir, error);
    if (err != D1_OK) {
        return err;
    }
    snprintf(lock_path, sizeof(lock_path), "%s/" D1_SQLITE_LOCK_FILE, state_dir);
    int lock = -1;
    err = take_lock(state_dir, lock_path, &lock, error);
    if (err != D1_OK) {
        return err;
    }
    snprintf(ret_path, D1_SQLITE_PATH_BYTES, "%s/" D1_SQLITE_FILE, state_dir);
    err = make_database(ret_path, error);
    if (err == D1_OK) {
        err = sync_directory(state_dir, error);
    }
    if (err != D1_OK) {
        close(lock);
        return err;
    }
    *ret_lock = lock;
    return D1_OK;
}
