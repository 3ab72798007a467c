/* open(2): a FIFO waits for its other end, which may be another of our threads: a helper opens it.
 * And files below /proc that tell of our threads. */
#include "interpose/procfs.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#define NONBLOCK  04000     /* O_NONBLOCK */
#define PATH_ONLY 010000000 /* O_PATH */

/* 1: yes; 0; or how the look itself is to be restarted. */
static long waits_for_other_end(int directory, const char *path, int flags)
{
    struct statx about;
    int way = flags & O_ACCMODE;
    if (flags & (NONBLOCK | PATH_ONLY | O_DIRECTORY) || way == O_RDWR)
        return 0;
    long error =
        op_direct(__NR_statx, directory, (long)path, AT_STATX_DONT_SYNC, STATX_TYPE, (long)&about);
    if (error == -ERESTARTNOINTR || error == -ERESTARTNOHAND)
        return error;
    return !error && (about.stx_mode & S_IFMT) == S_IFIFO;
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
    char first, changed[PROC_PATH_BYTES];
    if (user_get(first, path) != 0)
        return -EFAULT;
    struct proc_path found;
    bool in_proc = first == '/' && proc_path_parse(path, &found);
    long made = in_proc ? proc_open(&found, flags) : OP_PASS;
    if (made != OP_PASS)
        return opened(made, flags);
    if (in_proc && found.of_thread) { /* its carrier stands in for it */
        proc_path_for_kernel(&found, changed);
        path = changed;
    }
    long waits = waits_for_other_end(directory, path, flags);
    if (waits < 0)
        return waits;
    if (waits)
        return op_offload(__NR_openat, directory, (long)path, flags, mode, 0, 0);
    long fd = opened(op_direct(__NR_openat, directory, (long)path, flags, mode), flags);
    if (fd >= 0 && in_proc && text_equal(found.rest, "/task") && fd_entry((int)fd))
        fd_entry((int)fd)->lists_threads = true;
    return fd;
}

long op_open(const char *path, int flags, unsigned mode)
{
    return op_openat(AT_FDCWD, path, flags, mode);
}
