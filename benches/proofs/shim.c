// Stands between the service and the C library, for proofs alone: records what happens to the files
// of one folder, lets chosen calls fail, and moves the clock. Loaded by LD_PRELOAD; shim.rs compiles
// it and speaks to it through a file of words that both map or read.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { READ = 1, WRITE = 2, SYNC = 4, OPEN = 8, TRUNCATE = 16, NAME = 32, MAP = 64 };

// What is read from and written to the control file, in the order of shim.rs.
struct control {
    _Atomic uint64_t calls;      // of the kinds below, so far
    _Atomic uint64_t first;      // the first call that fails; 0: none
    _Atomic uint64_t last;       // the last one
    _Atomic uint64_t kinds;      // a mask: which calls count
    _Atomic uint64_t error;      // errno of those that fail; 0: a write of half of the bytes
    _Atomic int64_t clock_shift; // nanoseconds
};

// A record of the trace; `length` bytes follow: data, or one or two names.
struct record {
    uint32_t kind;
    uint32_t result;
    uint64_t inode;
    uint64_t at;
    uint64_t length;
};
enum { OPENED = 1, WRITTEN, TRUNCATED, SYNC_BEGINS, SYNCED, RENAMED, UNLINKED, LINKED };

static struct control nothing;
static struct control *control = &nothing;
static char folder[PATH_MAX];
static size_t folder_length;
static int trace = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
enum { DESCRIPTORS = 1 << 16 };
static _Atomic uint64_t inodes[DESCRIPTORS]; // of open files in the folder; 0: another file

#define REAL(name, type, ...)                            \
    static type (*real)(__VA_ARGS__);                    \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("SHIM_CONTROL");
    if (!path || !getenv("SHIM_FOLDER")) return;
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (file < 0 || map == MAP_FAILED) abort();
    syscall(SYS_close, file);
    control = map;
    if (!realpath(getenv("SHIM_FOLDER"), folder)) abort();
    folder_length = strlen(folder);
    if ((path = getenv("SHIM_TRACE"))) {
        trace = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
        if (trace < 0) abort();
    }
}

// Whether this call fails; `errno` says why. Without an error, the caller writes half.
static int fails(uint64_t kind) {
    if (!(control->kinds & kind)) return 0;
    uint64_t call = atomic_fetch_add(&control->calls, 1) + 1;
    if (!control->first || call < control->first || call > control->last) return 0;
    if (!control->error && kind != WRITE) return 0;
    errno = (int)control->error;
    return 1;
}

static void put(uint32_t kind, uint64_t inode, uint64_t at, const struct iovec *parts, int count) {
    if (trace < 0) return;
    struct record record = { kind, 0, inode, at, 0 };
    struct iovec all[4] = { { &record, sizeof record } };
    for (int n = 0; n < count; n++) {
        record.length += parts[n].iov_len;
        all[n + 1] = parts[n];
    }
    pthread_mutex_lock(&lock);
    size_t size = sizeof record + record.length;
    if (syscall(SYS_writev, trace, all, count + 1) != (long)size) abort();
    pthread_mutex_unlock(&lock);
}

static uint64_t inode_of(int file) {
    return file >= 0 && file < DESCRIPTORS ? inodes[file] : 0;
}

// The name below the folder, "" for the folder itself, or NULL for what is elsewhere.
static const char *name_in_folder(const char *path, char *buffer) {
    if (!folder_length) return NULL;
    if (path[0] != '/') {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof here)) return NULL;
        if (snprintf(buffer, PATH_MAX, "%s/%s", here, path) >= PATH_MAX) return NULL;
        path = buffer;
    }
    if (strncmp(path, folder, folder_length) != 0) return NULL;
    path += folder_length;
    if (*path && *path != '/') return NULL;
    while (*path == '/' || (path[0] == '.' && (path[1] == '/' || !path[1]))) path++;
    return path;
}

static int opened(int file, const char *name, int flags) {
    struct stat state;
    if (file < 0 || file >= DESCRIPTORS || !name || fstat(file, &state)) return file;
    inodes[file] = state.st_ino;
    struct iovec parts = { (void *)name, strlen(name) };
    put(OPENED, state.st_ino, (uint64_t)flags, &parts, 1);
    return file;
}

static int open_by(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    char buffer[PATH_MAX];
    const char *name = name_in_folder(path, buffer);
    if (name && fails(OPEN)) return -1;
    return opened(real(path, flags, mode), name, flags);
}

#define MODE(flags, mode)                                 \
    mode_t mode = 0;                                      \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {              \
        va_list more;                                     \
        va_start(more, flags);                            \
        mode = va_arg(more, mode_t);                      \
        va_end(more);                                     \
    }

int open(const char *path, int flags, ...) {
    REAL(open, int, const char *, int, ...);
    MODE(flags, mode)
    return open_by(real, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    REAL(open64, int, const char *, int, ...);
    MODE(flags, mode)
    return open_by(real, path, flags, mode);
}

int close(int file) {
    REAL(close, int, int);
    if (file >= 0 && file < DESCRIPTORS) inodes[file] = 0;
    return real(file);
}

ssize_t read(int file, void *bytes, size_t count) {
    REAL(read, ssize_t, int, void *, size_t);
    return inode_of(file) && fails(READ) ? -1 : real(file, bytes, count);
}

ssize_t pread64(int file, void *bytes, size_t count, off64_t at) {
    REAL(pread64, ssize_t, int, void *, size_t, off64_t);
    return inode_of(file) && fails(READ) ? -1 : real(file, bytes, count, at);
}

static ssize_t written(int file, const void *bytes, ssize_t count, uint64_t at) {
    struct iovec parts = { (void *)bytes, (size_t)count };
    if (count > 0) put(WRITTEN, inode_of(file), at, &parts, 1);
    return count;
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    REAL(pwrite64, ssize_t, int, const void *, size_t, off64_t);
    if (!inode_of(file)) return real(file, bytes, count, at);
    if (fails(WRITE)) {
        if (errno) return -1;
        count = (count + 1) / 2;
    }
    return written(file, bytes, real(file, bytes, count, at), (uint64_t)at);
}

ssize_t write(int file, const void *bytes, size_t count) {
    REAL(write, ssize_t, int, const void *, size_t);
    if (!inode_of(file)) return real(file, bytes, count);
    if (fails(WRITE)) {
        if (errno) return -1;
        count = (count + 1) / 2;
    }
    off64_t at = lseek64(file, 0, SEEK_CUR);
    return written(file, bytes, real(file, bytes, count), (uint64_t)at);
}

static int sync_by(int (*real)(int), int file) {
    uint64_t inode = inode_of(file);
    if (!inode) return real(file);
    put(SYNC_BEGINS, inode, 0, NULL, 0);
    if (fails(SYNC)) return -1;
    int result = real(file);
    if (!result) put(SYNCED, inode, 0, NULL, 0);
    return result;
}

int fsync(int file) {
    REAL(fsync, int, int);
    return sync_by(real, file);
}

int fdatasync(int file) {
    REAL(fdatasync, int, int);
    return sync_by(real, file);
}

int ftruncate64(int file, off64_t size) {
    REAL(ftruncate64, int, int, off64_t);
    if (!inode_of(file)) return real(file, size);
    if (fails(TRUNCATE)) return -1;
    int result = real(file, size);
    if (!result) put(TRUNCATED, inode_of(file), (uint64_t)size, NULL, 0);
    return result;
}

static void named(uint32_t kind, const char *from, const char *to) {
    struct iovec parts[3] = { { (void *)(from ? from : ""), from ? strlen(from) : 0 },
                              { "\n", 1 },
                              { (void *)(to ? to : ""), to ? strlen(to) : 0 } };
    put(kind, 0, 0, parts, 3);
}

int rename(const char *from, const char *to) {
    REAL(rename, int, const char *, const char *);
    char first[PATH_MAX], second[PATH_MAX];
    const char *before = name_in_folder(from, first), *after = name_in_folder(to, second);
    if (!before && !after) return real(from, to);
    if (fails(NAME)) return -1;
    int result = real(from, to);
    if (!result) named(RENAMED, before, after);
    return result;
}

int unlink(const char *path) {
    REAL(unlink, int, const char *);
    char buffer[PATH_MAX];
    const char *name = name_in_folder(path, buffer);
    if (!name) return real(path);
    if (fails(NAME)) return -1;
    int result = real(path);
    if (!result) named(UNLINKED, name, NULL);
    return result;
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    REAL(linkat, int, int, const char *, int, const char *, int);
    char first[PATH_MAX], second[PATH_MAX];
    const char *before = name_in_folder(from, first), *after = name_in_folder(to, second);
    if (!before && !after) return real(from_folder, from, to_folder, to, flags);
    if (fails(NAME)) return -1;
    int result = real(from_folder, from, to_folder, to, flags);
    if (!result) named(LINKED, before, after);
    return result;
}

static void *map_by(void *(*real)(void *, size_t, int, int, int, off64_t), void *start, size_t size,
                    int protection, int flags, int file, off64_t at) {
    if (inode_of(file) && fails(MAP)) return MAP_FAILED;
    return real(start, size, protection, flags, file, at);
}

void *mmap64(void *start, size_t size, int protection, int flags, int file, off64_t at) {
    REAL(mmap64, void *, void *, size_t, int, int, int, off64_t);
    return map_by(real, start, size, protection, flags, file, at);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime, int, clockid_t, struct timespec *);
    int result = real(clock, now);
    int64_t shift = control->clock_shift;
    if (!result && clock == CLOCK_REALTIME && shift) {
        int64_t nanos = now->tv_nsec + shift % 1000000000;
        int64_t carry = nanos < 0 ? -1 : nanos / 1000000000;
        now->tv_sec += shift / 1000000000 + carry;
        now->tv_nsec = nanos - carry * 1000000000;
    }
    return result;
}
