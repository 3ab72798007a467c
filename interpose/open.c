/* open(2): a FIFO waits for its other end, which may be another of our threads: a helper opens it.
 * And paths that name a thread by a tid that the kernel doesn't know. */
#include "interpose/op.h"

#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/stat.h>

#include "shim/log.h"

#define NONBLOCK   04000     /* O_NONBLOCK */
#define PATH_ONLY  010000000 /* O_PATH */
#define PATH_BYTES 128

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

/* "/proc/self/task/TID/..." of one of our threads: its carrier stands in for it. */
static const char *with_kernel_tid(const char *path, char *out, size_t size)
{
    char own[PATH_BYTES];
    const char *at = skip_prefix(path, "/proc/self/task/");
    format_text(own, sizeof(own), "/proc/%d/task/", runtime.pid);
    if (!at && !(at = skip_prefix(path, own)))
        return path;
    uint32_t tid = 0;
    for (; *at >= '0' && *at <= '9' && tid < UINT32_MAX / 10; at++)
        tid = tid * 10 + (uint32_t)(*at - '0');
    if (tid < TID_LOWEST || !co_by_tid(tid))
        return path;
    format_text(out, size, "/proc/self/task/%d%s", runtime.carrier.kernel_tid, at);
    return out;
}

long op_openat(int directory, const char *path, int flags, unsigned mode)
{
    char first[8], changed[PATH_BYTES];
    if (user_copy(first, path, 1) != 0)
        return -EFAULT;
    if (first[0] == '/' && path[1] == 'p')
        path = with_kernel_tid(path, changed, sizeof(changed));
    if (waits_for_other_end(directory, path, flags))
        return op_offload(__NR_openat, directory, (long)path, flags, mode, 0, 0);
    long fd = sys4(__NR_openat, directory, path, flags, mode);
    struct fd_entry *entry = fd >= 0 ? fd_entry_existing((int)fd) : NULL;
    if (entry && entry->kind != FD_UNKNOWN)
        fd_closing((int)fd); /* the number's last close was not seen */
    return fd;
}

long op_open(const char *path, int flags, unsigned mode)
{
    return op_openat(AT_FDCWD, path, flags, mode);
}
