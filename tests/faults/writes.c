/* Preloaded into a process under test: records, in order, what it does to the files below $WRITES_BELOW.
 *
 * Each record in $WRITES_LOG is: kind (1 byte), offset (8), length of path (4), length of data (4), path, data.
 * Kinds: w write at an offset, t truncate to an offset, s sync of a file or folder, u unlink. The record is made
 * after the call has succeeded and under one lock of all processes, so that the log's order is an order that the disk
 * could have seen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;

static int below(const char *path) {
    const char *root = getenv("WRITES_BELOW");
    size_t length = root ? strlen(root) : 0;
    return length && strncmp(path, root, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

static void begin(void) {
    pthread_mutex_lock(&lock);
    if (log_fd < 0) log_fd = syscall(SYS_openat, AT_FDCWD, getenv("WRITES_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    flock(log_fd, LOCK_EX);
}

static void end(void) {
    flock(log_fd, LOCK_UN);
    pthread_mutex_unlock(&lock);
}

static void record(char kind, int64_t offset, const char *path, const void *data, uint32_t length) {
    uint32_t path_length = strlen(path);
    struct iovec parts[] = {{&kind, 1}, {&offset, 8}, {&path_length, 4}, {&length, 4},
                            {(void *)path, path_length}, {(void *)data, length}};
    syscall(SYS_writev, log_fd, parts, 6);
}

#define REAL(name, ...) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

#define WATCHED(fd, kind, offset, data, length, call) \
    char path[PATH_MAX]; \
    if (!path_of(fd, path)) return call; \
    begin(); \
    __typeof__(call) result = call; \
    if (result >= 0) record(kind, offset, path, data, length); \
    end(); \
    return result

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    REAL(pwrite);
    WATCHED(fd, 'w', offset, data, result, real(fd, data, length, offset));
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    REAL(pwrite64);
    WATCHED(fd, 'w', offset, data, result, real(fd, data, length, offset));
}

ssize_t write(int fd, const void *data, size_t length) {
    REAL(write);
    WATCHED(fd, 'w', lseek(fd, 0, SEEK_CUR) - result, data, result, real(fd, data, length));
}

int ftruncate(int fd, off_t length) {
    REAL(ftruncate);
    WATCHED(fd, 't', length, "", 0, real(fd, length));
}

int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64);
    WATCHED(fd, 't', length, "", 0, real(fd, length));
}

int fsync(int fd) {
    REAL(fsync);
    WATCHED(fd, 's', 0, "", 0, real(fd));
}

int fdatasync(int fd) {
    REAL(fdatasync);
    WATCHED(fd, 's', 0, "", 0, real(fd));
}

int unlink(const char *path) {
    REAL(unlink);
    if (!below(path)) return real(path);
    begin();
    int result = real(path);
    if (result == 0) record('u', 0, path, "", 0);
    end();
    return result;
}
