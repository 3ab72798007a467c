/* open(2): a FIFO waits for its other end, which may be another of our threads: a helper opens it.
 * And paths that name a thread by a tid that the kernel doesn't know. */
#include "interpose/op.h"

#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "shim/log.h"

#define NONBLOCK      04000     /* O_NONBLOCK */
#define PATH_ONLY     010000000 /* O_PATH */
#define PATH_BYTES    128
#define CLOSE_ON_EXEC 1 /* MFD_CLOEXEC */

static bool waits_for_other_end(int directory, const char *path, int flags)
{
    struct stat about;
    int way = flags & O_ACCMODE;
    if (flags & (NONBLOCK | PATH_ONLY | O_DIRECTORY) || way == O_RDWR)
        return false;
    return sys4(__NR_newfstatat, directory, path, &about, 0) == 0 &&
           (about.st_mode & S_IFMT) == S_IFIFO;
}

static const char *skip_prefix(const char *path, const char *prefix)
{
    while (*prefix && *path == *prefix)
        path++, prefix++;
    return *prefix ? NULL : path;
}

/* The thread of ours that @path names as "/proc/self/task/TID/...", with *@rest after the tid. */
static struct co *named_thread(const char *path, const char **rest)
{
    char own[PATH_BYTES];
    if ((*rest = skip_prefix(path, "/proc/thread-self")) && !this_co()->is_main)
        return this_co();
    const char *at = skip_prefix(path, "/proc/self/task/");
    format_text(own, sizeof(own), "/proc/%d/task/", runtime.pid);
    if (!at && !(at = skip_prefix(path, own)))
        return NULL;
    uint32_t tid = 0;
    for (; *at >= '0' && *at <= '9' && tid < UINT32_MAX / 10; at++)
        tid = tid * 10 + (uint32_t)(*at - '0');
    *rest = at;
    struct co *co = tid >= TID_LOWEST ? co_by_tid(tid) : NULL;
    return co;
}

/* A thread's name, as the kernel's file would show it. */
static long open_name(const struct co *co, int flags)
{
    char line[CO_NAME_BYTES + 1];
    size_t length = format_text(line, sizeof(line), "%s\n", co->name);
    long fd = sys2(__NR_memfd_create, "comm", flags & O_CLOEXEC ? CLOSE_ON_EXEC : 0);
    if (fd >= 0)
        sys4(__NR_pwrite64, fd, line, length, 0);
    return fd;
}

static long opened(long fd, int flags)
{
    struct fd_entry *entry = fd >= 0 ? fd_entry_existing((int)fd) : NULL;
    if (entry && entry->kind != FD_UNKNOWN)
        fd_closing((int)fd); /* the number's last close was not seen */
    if (fd >= 0 && flags & (O_DIRECT | O_DSYNC) && (entry || (entry = fd_entry((int)fd))))
        entry->waits_for_disk = true; /* O_SYNC implies O_DSYNC */
    return fd;
}

long op_openat(int directory, const char *path, int flags, unsigned mode)
{
    char first[8], changed[PATH_BYTES];
    if (user_copy(first, path, 1) != 0)
        return -EFAULT;
    const char *rest;
    struct co *named = first[0] == '/' && path[1] == 'p' ? named_thread(path, &rest) : NULL;
    if (named && text_equal(rest, "/comm") && (flags & O_ACCMODE) == O_RDONLY)
        return open_name(named, flags);
    if (named) { /* its carrier stands in for it */
        format_text(changed, sizeof(changed), "/proc/self/task/%d%s", runtime.carrier.kernel_tid,
                    rest);
        path = changed;
    }
    if (waits_for_other_end(directory, path, flags))
        return op_offload(__NR_openat, directory, (long)path, flags, mode, 0, 0);
    return opened(sys4(__NR_openat, directory, path, flags, mode), flags);
}

long op_open(const char *path, int flags, unsigned mode)
{
    return op_openat(AT_FDCWD, path, flags, mode);
}
