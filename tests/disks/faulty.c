/* Preloaded into a process: calls that change files below FAULTY_FOLDER fail with the number that the file
   FAULTY_NUMBER holds, and succeed while that file is empty or absent. Reads go on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int number(void) {
    const char *file = getenv("FAULTY_NUMBER");
    char text[16] = "";
    if (file == NULL) return 0;
    long descriptor = syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return 0;
    if (syscall(SYS_read, descriptor, text, sizeof text - 1) < 0) text[0] = 0;
    syscall(SYS_close, descriptor);
    return atoi(text);
}

static int below(const char *path) {
    const char *folder = getenv("FAULTY_FOLDER");
    return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

/* Sets errno and returns true where a change of this path fails. */
static int fails(const char *path) {
    int before = errno, found;
    if (path == NULL || !below(path) || (found = number()) == 0) {
        errno = before;
        return 0;
    }
    errno = found;
    return 1;
}

static int fails_open_file(int descriptor) {
    char link[64], path[PATH_MAX];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length < 0) return 0;
    path[length] = 0;
    return fails(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define ON_DESCRIPTOR(type, name, parameters, arguments) \
    type name parameters { return fails_open_file(descriptor) ? -1 : REAL(name) arguments; }
#define ON_PATH(name, parameters, arguments) \
    int name parameters { return fails(path) ? -1 : REAL(name) arguments; }

ON_DESCRIPTOR(ssize_t, write, (int descriptor, const void *data, size_t size), (descriptor, data, size))
ON_DESCRIPTOR(ssize_t, pwrite, (int descriptor, const void *data, size_t size, off_t at), (descriptor, data, size, at))
ON_DESCRIPTOR(ssize_t, pwrite64, (int descriptor, const void *data, size_t size, off64_t at), (descriptor, data, size, at))
ON_DESCRIPTOR(int, fsync, (int descriptor), (descriptor))
ON_DESCRIPTOR(int, fdatasync, (int descriptor), (descriptor))
ON_DESCRIPTOR(int, ftruncate, (int descriptor, off_t size), (descriptor, size))
ON_DESCRIPTOR(int, ftruncate64, (int descriptor, off64_t size), (descriptor, size))
ON_PATH(unlink, (const char *path), (path))
ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
ON_PATH(rename, (const char *path, const char *to), (path, to))

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = va_arg(rest, mode_t); \
        va_end(rest); \
        if ((flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) && fails(path)) return -1; \
        return REAL(name)(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
