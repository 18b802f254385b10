/* A disk that forgets what was not flushed, that is slow, or that fails. It is preloaded into a process (LD_PRELOAD).
 *
 * The page cache outlives a killed process, so a kill proves nothing about fsync. This library remembers how to undo
 * every write, truncation, creation, removal and rename below a folder until fsync covers it: that of the file for what
 * is in it, that of its folder for its name. When the power goes (SIGUSR2, or the process aborts), it undoes what is
 * left and kills the process. fsync itself does no more than that: what survives is decided here.
 *
 *   DISK_ROOT   the folder; everything else is left alone
 *   DISK_GRAVE  a folder of the same file system, for files that were removed and may come back
 *   DISK_LOSS   "all": everything that was not flushed is lost; "some:SEED": sectors of 512 bytes by chance, and names
 *               from some moment on
 *   DISK_EXIT   set: the power also goes when the process ends in order
 *   DISK_LIES   set: fsync says that it has flushed, and has not
 *   DISK_SLOW   "LEAST-MOST" milliseconds that each fsync takes
 *   DISK_STATE  a file; while it begins with "full", "read-only" or "failing", writes meet ENOSPC or EROFS, or fsync EIO
 *
 * Out of its sight: writes through mmap, and raw system calls (fallocate by the agent, which changes no content).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SECTOR 512

enum kind { WRITE, TRUNCATE, CREATE, MKDIR, RENAME, UNLINK, RMDIR };

struct object { /* a file or a folder that something may have to be undone in */
    dev_t dev;
    ino_t ino;
    int fd;
};

struct op {
    struct op *before, *after;
    enum kind kind;
    size_t object;        /* the file; of RMDIR the folder that went */
    size_t folder, other; /* where the name stands; of RENAME where it stood */
    char *name, *was;
    long grave; /* what was removed or replaced, or 0 */
    off_t offset, length, size; /* size: of the file before */
    char *old;  /* what stood there */
    size_t old_length;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char root[PATH_MAX], grave[PATH_MAX];
static const char *state_file;
static bool watching, some, lies;
static uint64_t seed;
static long slow_least, slow_most = -1, graves;
static struct op *first, *last;
static struct object *objects;
static size_t objects_count;

static uint64_t mix(uint64_t value) {
    value += seed + 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

/* --- what is watched ------------------------------------------------------------------------------------------- */

static bool below_root(const char *absolute) {
    size_t length = strlen(root);
    return length && strncmp(absolute, root, length) == 0 && (absolute[length] == '/' || absolute[length] == 0);
}

/* The absolute path of what a call names; false if it is not watched. */
static bool watched(int dirfd, const char *path, char *absolute) {
    if (!watching) return false;
    if (path[0] == '/') {
        snprintf(absolute, PATH_MAX, "%s", path);
    } else {
        char folder[PATH_MAX], link[64];
        snprintf(link, sizeof link, dirfd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", dirfd);
        ssize_t length = readlink(link, folder, sizeof folder - 1);
        if (length < 0) return false;
        folder[length] = 0;
        if (snprintf(absolute, PATH_MAX, "%s/%s", folder, path) >= PATH_MAX) return false;
    }
    return below_root(absolute);
}

/* What an open file is known as; adds it with a handle of our own. */
static size_t object_of(int fd) {
    struct stat facts;
    if (fstat(fd, &facts) != 0) return SIZE_MAX;
    for (size_t at = 0; at < objects_count; at++)
        if (objects[at].fd >= 0 && objects[at].dev == facts.st_dev && objects[at].ino == facts.st_ino) return at;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int mode = S_ISDIR(facts.st_mode) ? O_RDONLY | O_DIRECTORY : O_RDWR;
    int own = syscall(SYS_openat, AT_FDCWD, link, mode | O_CLOEXEC, 0);
    if (own < 0) return SIZE_MAX;
    size_t at = 0;
    while (at < objects_count && objects[at].fd >= 0) at++;
    if (at == objects_count) objects = realloc(objects, ++objects_count * sizeof *objects);
    objects[at] = (struct object){facts.st_dev, facts.st_ino, own};
    return at;
}

/* The folder that a path's name stands in. Splits the path. */
static size_t folder_of(char *absolute, char **name) {
    char *slash = strrchr(absolute, '/');
    if (!slash || slash == absolute) return SIZE_MAX;
    *slash = 0;
    *name = slash + 1;
    int fd = syscall(SYS_openat, AT_FDCWD, absolute, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) return SIZE_MAX;
    size_t at = object_of(fd);
    close(fd);
    return at;
}

/* --- what may have to be undone -------------------------------------------------------------------------------- */

static struct op *note(enum kind kind) {
    struct op *op = calloc(1, sizeof *op);
    op->kind = kind;
    op->object = op->folder = op->other = SIZE_MAX;
    op->before = last;
    if (last) last->after = op; else first = op;
    last = op;
    return op;
}

static void forget(struct op *op) {
    if (op->before) op->before->after = op->after; else first = op->after;
    if (op->after) op->after->before = op->before; else last = op->before;
    if (op->grave) {
        char path[PATH_MAX + 64];
        snprintf(path, sizeof path, "%s/%d-%ld", grave, getpid(), op->grave);
        syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    }
    free(op->name);
    free(op->was);
    free(op->old);
    free(op);
}

/* Lets go of what nobody can open any more. */
static void sweep(void) {
    for (size_t at = 0; at < objects_count; at++) {
        struct stat facts;
        if (objects[at].fd < 0 || fstat(objects[at].fd, &facts) != 0 || facts.st_nlink > 0) continue;
        bool held = false;
        for (struct op *op = first, *after; op; op = after) {
            after = op->after;
            bool content = op->kind == WRITE || op->kind == TRUNCATE;
            if (content && op->object == at) forget(op);
            else held |= op->object == at || op->folder == at || op->other == at;
        }
        if (held) continue;
        close(objects[at].fd);
        objects[at].fd = -1;
    }
}

static long bury(int folder, const char *name) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%d-%ld", grave, getpid(), ++graves);
    return syscall(SYS_linkat, folder, name, AT_FDCWD, path, 0) == 0 ? graves : 0;
}

static void note_write(int fd, off_t offset, size_t length, struct op **noted) {
    *noted = NULL;
    struct stat facts;
    if (!watching || fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) return;
    for (size_t at = 0; at < objects_count; at++) {
        if (objects[at].fd < 0 || objects[at].dev != facts.st_dev || objects[at].ino != facts.st_ino) continue;
        if (offset < 0) offset = fcntl(fd, F_GETFL) & O_APPEND ? facts.st_size : lseek(fd, 0, SEEK_CUR);
        struct op *op = *noted = note(WRITE);
        op->object = at;
        op->offset = offset;
        op->length = (off_t)length;
        op->size = facts.st_size;
        if (offset < facts.st_size) {
            op->old_length = (size_t)(facts.st_size - offset) < length ? (size_t)(facts.st_size - offset) : length;
            op->old = malloc(op->old_length);
            ssize_t got = syscall(SYS_pread64, objects[at].fd, op->old, op->old_length, offset);
            if (got < 0 || (size_t)got != op->old_length) op->old_length = 0;
        }
        return;
    }
}

static void written(struct op *op, ssize_t result) {
    if (!op) return;
    if (result <= 0) forget(op);
    else op->length = result;
}

static void note_truncate(size_t object, off_t to) {
    struct stat facts;
    if (object == SIZE_MAX || fstat(objects[object].fd, &facts) != 0) return;
    struct op *op = note(TRUNCATE);
    op->object = object;
    op->offset = to;
    op->size = facts.st_size;
    if (to < facts.st_size) {
        op->old_length = (size_t)(facts.st_size - to);
        op->old = malloc(op->old_length);
        if (syscall(SYS_pread64, objects[object].fd, op->old, op->old_length, to) < 0) op->old_length = 0;
    }
}

static void flushed(int fd) {
    struct stat facts;
    if (lies || fstat(fd, &facts) != 0) return;
    for (size_t at = 0; at < objects_count; at++) {
        if (objects[at].fd < 0 || objects[at].dev != facts.st_dev || objects[at].ino != facts.st_ino) continue;
        for (struct op *op = first, *after; op; op = after) {
            after = op->after;
            bool content = op->kind == WRITE || op->kind == TRUNCATE;
            if (content ? op->object == at : op->folder == at || op->other == at) forget(op);
        }
    }
    sweep();
}

/* --- the power goes -------------------------------------------------------------------------------------------- */

static void put_back(struct op *op, off_t from, off_t to) {
    int fd = objects[op->object].fd;
    static const char zeros[SECTOR];
    while (from < to) {
        off_t end = from - from % SECTOR + SECTOR < to ? from - from % SECTOR + SECTOR : to;
        if (!some || mix((uint64_t)(from / SECTOR) * 31 + op->object) & 1) {
            off_t known = op->offset + (off_t)op->old_length;
            off_t middle = known < from ? from : known < end ? known : end;
            if (middle > from) syscall(SYS_pwrite64, fd, op->old + (from - op->offset), middle - from, from);
            if (end > middle) syscall(SYS_pwrite64, fd, zeros, end - middle, middle);
        }
        from = end;
    }
}

static void undo_content(struct op *op) {
    int fd = objects[op->object].fd;
    if (op->kind == WRITE) {
        put_back(op, op->offset, op->offset + op->length);
        bool shorter = !some || mix((uint64_t)op->offset) & 1;
        if (shorter && op->offset + op->length > op->size) syscall(SYS_ftruncate, fd, op->size);
    } else if (!some || mix((uint64_t)op->size) & 1) {
        syscall(SYS_ftruncate, fd, op->size);
        if (op->old_length) syscall(SYS_pwrite64, fd, op->old, op->old_length, op->offset);
    }
}

static void undo_name(struct op *op) {
    int folder = objects[op->folder].fd;
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%d-%ld", grave, getpid(), op->grave);
    switch (op->kind) {
    case CREATE: syscall(SYS_unlinkat, folder, op->name, 0); break;
    case MKDIR: syscall(SYS_unlinkat, folder, op->name, AT_REMOVEDIR); break;
    case RENAME:
        syscall(SYS_renameat, folder, op->name, objects[op->other].fd, op->was);
        if (op->grave) syscall(SYS_linkat, AT_FDCWD, path, folder, op->name, 0);
        break;
    case UNLINK: syscall(SYS_linkat, AT_FDCWD, path, folder, op->name, 0); break;
    case RMDIR:
        syscall(SYS_mkdirat, folder, op->name, 0700);
        if (op->object != SIZE_MAX)
            objects[op->object].fd = syscall(SYS_openat, folder, op->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        break;
    case WRITE:
    case TRUNCATE: break;
    }
}

/* Whatever is in a folder whose name is lost, is lost with it. */
static void empty(int folder, const char *name) {
    char command[PATH_MAX * 2 + 64], path[PATH_MAX], link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    unsetenv("LD_PRELOAD");
    snprintf(command, sizeof command, "rm -rf '%s/%s'", path, name);
    if (system(command) != 0) return;
}

static void undo_everything(void) {
    size_t names = 0;
    for (struct op *op = first; op; op = op->after) names += op->kind != WRITE && op->kind != TRUNCATE;
    size_t kept = some && names ? mix(names) % (names + 1) : 0;
    for (struct op *op = last; op; op = op->before) {
        if (op->kind == WRITE || op->kind == TRUNCATE) {
            undo_content(op);
        } else if (names-- > kept) {
            if (op->kind == MKDIR) empty(objects[op->folder].fd, op->name);
            undo_name(op);
        }
    }
}

static void power_off(void) {
    pthread_mutex_lock(&lock); /* for ever: nobody writes any more */
    undo_everything();
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

void abort(void) {
    power_off();
    for (;;) pause();
}

static void *wait_for_the_end(void *set) {
    int got;
    while (sigwait(set, &got) != 0) {}
    power_off();
    return NULL;
}

/* --- slow and failing ------------------------------------------------------------------------------------------ */

static void be_slow(void) {
    static uint64_t turn;
    if (slow_most < 0) return;
    long span = slow_most - slow_least + 1;
    long pause_ms = slow_least + (long)(mix(__atomic_add_fetch(&turn, 1, __ATOMIC_RELAXED)) % (uint64_t)span);
    struct timespec time = {pause_ms / 1000, pause_ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

enum call { FLUSH, GROW, CHANGE };

/* The error that a call meets now, or 0. */
static int trouble(enum call call) {
    if (!state_file) return 0;
    char told[16] = {0};
    int fd = syscall(SYS_openat, AT_FDCWD, state_file, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) return 0;
    ssize_t got = syscall(SYS_read, fd, told, sizeof told - 1);
    close(fd);
    if (got <= 0) return 0;
    if (call == FLUSH) return strncmp(told, "failing", 7) == 0 ? EIO : 0;
    if (strncmp(told, "full", 4) == 0) return call == GROW ? ENOSPC : 0;
    return strncmp(told, "read-only", 9) == 0 ? EROFS : 0;
}

/* Whether an open file is one that fails, slows down or is undone. */
static bool ours(int fd) {
    char link[64], path[PATH_MAX];
    if (!root[0]) return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return false;
    path[length] = 0;
    return below_root(path);
}

#define REFUSE(fd, call)                                                                                               \
    do {                                                                                                               \
        int error = state_file && ours(fd) ? trouble(call) : 0;                                                        \
        if (error) {                                                                                                   \
            errno = error;                                                                                             \
            return -1;                                                                                                 \
        }                                                                                                              \
    } while (0)

#define REFUSE_NAMES(path, call)                                                                                       \
    do {                                                                                                               \
        int error = state_file && below_root(path) ? trouble(call) : 0;                                                \
        if (error) {                                                                                                   \
            errno = error;                                                                                             \
            return -1;                                                                                                 \
        }                                                                                                              \
    } while (0)

/* --- the calls ------------------------------------------------------------------------------------------------- */

static int open_watched(int dirfd, const char *path, int flags, mode_t mode) {
    char absolute[PATH_MAX];
    bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
    if (writes && (flags & (O_CREAT | O_TRUNC))) REFUSE_NAMES(path, GROW);
    if (!writes || (flags & O_TMPFILE) == O_TMPFILE || !watched(dirfd, path, absolute))
        return syscall(SYS_openat, dirfd, path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat facts;
    bool there = syscall(SYS_newfstatat, AT_FDCWD, absolute, &facts, 0) == 0;
    if (there && (flags & O_TRUNC) && S_ISREG(facts.st_mode) && facts.st_size > 0) {
        int early = syscall(SYS_openat, AT_FDCWD, absolute, O_RDWR | O_CLOEXEC, 0);
        if (early >= 0) {
            note_truncate(object_of(early), 0);
            close(early);
        }
    }
    int fd = syscall(SYS_openat, dirfd, path, flags, mode);
    int error = errno;
    if (fd >= 0 && fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode)) {
        size_t object = object_of(fd);
        char *name;
        size_t folder = there ? SIZE_MAX : folder_of(absolute, &name);
        if (folder != SIZE_MAX) {
            struct op *op = note(CREATE);
            op->object = object;
            op->folder = folder;
            op->name = strdup(name);
        }
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return fd;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        return open_watched(AT_FDCWD, path, flags, mode);                                                              \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    int name(int dirfd, const char *path, int flags, ...) {                                                            \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                                        \
        va_end(rest);                                                                                                  \
        return open_watched(dirfd, path, flags, mode);                                                                 \
    }
OPENAT(openat)
OPENAT(openat64)

/* Runs a call that writes, with a note of how to undo it. */
#define WRITING(fd, offset, length, call)                                                                              \
    do {                                                                                                               \
        REFUSE(fd, GROW);                                                                                              \
        if (!watching) return call;                                                                                    \
        struct stat facts;                                                                                             \
        if (fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) return call;                                            \
        struct op *op;                                                                                                 \
        pthread_mutex_lock(&lock);                                                                                     \
        note_write(fd, offset, length, &op);                                                                           \
        ssize_t result = call;                                                                                         \
        int error = errno;                                                                                             \
        written(op, result);                                                                                           \
        pthread_mutex_unlock(&lock);                                                                                   \
        errno = error;                                                                                                 \
        return result;                                                                                                 \
    } while (0)

ssize_t write(int fd, const void *data, size_t length) {
    WRITING(fd, -1, length, syscall(SYS_write, fd, data, length));
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    size_t length = 0;
    for (int at = 0; at < count; at++) length += parts[at].iov_len;
    WRITING(fd, -1, length, syscall(SYS_writev, fd, parts, count));
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    WRITING(fd, offset, length, syscall(SYS_pwrite64, fd, data, length, offset));
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    WRITING(fd, offset, length, syscall(SYS_pwrite64, fd, data, length, offset));
}

int ftruncate(int fd, off_t to) {
    REFUSE(fd, CHANGE);
    if (!watching || !ours(fd)) return syscall(SYS_ftruncate, fd, to);
    pthread_mutex_lock(&lock);
    note_truncate(object_of(fd), to);
    int result = syscall(SYS_ftruncate, fd, to);
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int ftruncate64(int fd, off64_t to) { return ftruncate(fd, to); }

static int flush(int fd, long call) {
    if (!root[0]) return syscall(call, fd);
    if (!ours(fd)) { /* it may be the folder above, that knows the name of ours */
        pthread_mutex_lock(&lock);
        flushed(fd);
        pthread_mutex_unlock(&lock);
        return syscall(call, fd);
    }
    be_slow();
    int error = trouble(FLUSH);
    if (error) {
        errno = error;
        return -1;
    }
    if (!watching) return syscall(call, fd);
    pthread_mutex_lock(&lock);
    flushed(fd);
    pthread_mutex_unlock(&lock);
    return 0;
}

int fsync(int fd) { return flush(fd, SYS_fsync); }
int fdatasync(int fd) { return flush(fd, SYS_fdatasync); }

/* It promises nothing about sizes or names, and nothing about the disk's own cache: to us it is no flush at all. */
int sync_file_range(int fd, off64_t offset, off64_t length, unsigned int flags) {
    (void)offset, (void)length, (void)flags;
    int error = ours(fd) ? trouble(FLUSH) : 0;
    if (error) {
        errno = error;
        return -1;
    }
    return 0;
}

int mkdir(const char *path, mode_t mode) {
    char absolute[PATH_MAX], *name;
    REFUSE_NAMES(path, GROW);
    if (!watched(AT_FDCWD, path, absolute)) return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    int error = errno;
    size_t folder = result == 0 ? folder_of(absolute, &name) : SIZE_MAX;
    if (folder != SIZE_MAX) {
        struct op *op = note(MKDIR);
        op->folder = folder;
        op->name = strdup(name);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int rename(const char *from, const char *to) {
    char was[PATH_MAX], is[PATH_MAX], *old_name, *new_name;
    REFUSE_NAMES(to, CHANGE);
    if (!watched(AT_FDCWD, from, was) || !watched(AT_FDCWD, to, is))
        return syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
    pthread_mutex_lock(&lock);
    size_t other = folder_of(was, &old_name), folder = folder_of(is, &new_name);
    long replaced = folder == SIZE_MAX ? 0 : bury(objects[folder].fd, new_name);
    int result = syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
    int error = errno;
    if (result == 0 && folder != SIZE_MAX && other != SIZE_MAX) {
        struct op *op = note(RENAME);
        op->folder = folder;
        op->other = other;
        op->name = strdup(new_name);
        op->was = strdup(old_name);
        op->grave = replaced;
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int unlinkat(int dirfd, const char *path, int flags) {
    char absolute[PATH_MAX], *name;
    if (!watched(dirfd, path, absolute)) return syscall(SYS_unlinkat, dirfd, path, flags);
    REFUSE_NAMES(absolute, CHANGE);
    pthread_mutex_lock(&lock);
    size_t object = SIZE_MAX;
    if (flags & AT_REMOVEDIR) {
        int fd = syscall(SYS_openat, AT_FDCWD, absolute, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
        if (fd >= 0) {
            object = object_of(fd);
            close(fd);
        }
    }
    size_t folder = folder_of(absolute, &name);
    long removed = folder == SIZE_MAX || (flags & AT_REMOVEDIR) ? 0 : bury(objects[folder].fd, name);
    int result = syscall(SYS_unlinkat, dirfd, path, flags);
    int error = errno;
    if (result == 0 && folder != SIZE_MAX) {
        struct op *op = note(flags & AT_REMOVEDIR ? RMDIR : UNLINK);
        op->object = object;
        op->folder = folder;
        op->name = strdup(name);
        op->grave = removed;
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

/* --- the start ------------------------------------------------------------------------------------------------- */

__attribute__((destructor)) static void end(void) {
    if (!watching || !getenv("DISK_EXIT")) return;
    pthread_mutex_lock(&lock);
    undo_everything();
}

__attribute__((constructor)) static void start(void) {
    const char *told = getenv("DISK_ROOT");
    if (!told) return;
    snprintf(root, sizeof root, "%s", told);
    state_file = getenv("DISK_STATE");
    const char *slow = getenv("DISK_SLOW");
    if (slow && sscanf(slow, "%ld-%ld", &slow_least, &slow_most) != 2) slow_most = -1;
    const char *loss = getenv("DISK_LOSS");
    told = getenv("DISK_GRAVE");
    if (!loss || !told) return;
    snprintf(grave, sizeof grave, "%s", told);
    lies = getenv("DISK_LIES") != NULL;
    some = strncmp(loss, "some:", 5) == 0;
    if (some) seed = strtoull(loss + 5, NULL, 10);
    watching = true;
    static sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, wait_for_the_end, &set);
    pthread_detach(thread);
}
