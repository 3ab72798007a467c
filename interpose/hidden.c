/* Our own descriptors do not exist for the program: asking for one by number says EBADF, and the
 * directory of its descriptors leaves them out. Calls on descriptors that have other work to do
 * (fd.c, io.c) refuse them by themselves. */
#include "interpose/procfs.h"

#include <linux/fcntl.h>

#include "shim/log.h"

#define PATH_BYTES 64

bool fd_is_hidden(int fd)
{
    return fd_private(fd) || (op_fd_hooks.owns && op_fd_hooks.owns(fd));
}

static bool names_hidden(int fd, const char *path, int flags)
{
    char first = 0;
    if (fd < 0 || !(flags & AT_EMPTY_PATH) || !fd_is_hidden(fd))
        return false;
    return !path || (user_get(first, path) == 0 && !first);
}

long op_fstat(int fd, void *about)
{
    (void)about;
    return fd_is_hidden(fd) ? -EBADF : OP_PASS;
}

/* A thread's folder is its carrier's to the kernel; the link to it is the kernel's own. */
static const char *path_for_kernel(const char *path, char changed[PROC_PATH_BYTES])
{
    struct proc_path thread;
    char first = 0;
    if (!path || user_get(first, path) != 0 || first != '/' || !proc_path_parse(path, &thread) ||
        !thread.of_thread || proc_is_thread_self(path))
        return path;
    proc_path_for_kernel(&thread, changed);
    return changed;
}

long op_stat(const char *path, void *about)
{
    char changed[PROC_PATH_BYTES];
    const char *known = path_for_kernel(path, changed);
    return known == path ? OP_PASS : sys2(__NR_stat, known, about);
}

long op_lstat(const char *path, void *about)
{
    char changed[PROC_PATH_BYTES];
    const char *known = path_for_kernel(path, changed);
    return known == path ? OP_PASS : sys2(__NR_lstat, known, about);
}

long op_newfstatat(int fd, const char *path, void *about, int flags)
{
    char changed[PROC_PATH_BYTES];
    if (names_hidden(fd, path, flags))
        return -EBADF;
    const char *known = path_for_kernel(path, changed);
    return known == path ? OP_PASS : sys4(__NR_newfstatat, fd, known, about, flags);
}

long op_statx(int fd, const char *path, int flags, unsigned mask, void *about)
{
    char changed[PROC_PATH_BYTES];
    if (names_hidden(fd, path, flags))
        return -EBADF;
    const char *known = path_for_kernel(path, changed);
    return known == path ? OP_PASS : sys5(__NR_statx, fd, known, flags, mask, about);
}

long op_access(const char *path, int mode)
{
    return op_faccessat(AT_FDCWD, path, mode);
}

long op_faccessat(int fd, const char *path, int mode)
{
    char changed[PROC_PATH_BYTES];
    const char *known = path_for_kernel(path, changed);
    return known == path ? OP_PASS : sys3(__NR_faccessat, fd, known, mode);
}

long op_faccessat2(int fd, const char *path, int mode, int flags)
{
    char changed[PROC_PATH_BYTES];
    if (names_hidden(fd, path, flags))
        return -EBADF;
    const char *known = path_for_kernel(path, changed);
    return known == path ? OP_PASS : sys4(__NR_faccessat2, fd, known, mode, flags);
}

/* The kernel's link leads to the carrier. */
static long read_thread_self(char *buffer, int room)
{
    char text[PATH_BYTES];
    size_t length = format_text(text, sizeof(text), "%d/task/%u", runtime.pid, this_co()->tid);
    if (room <= 0)
        return -EINVAL;
    if (length > (size_t)room)
        length = (size_t)room;
    return user_copy(buffer, text, length) != 0 ? -EFAULT : (long)length;
}

long op_readlinkat(int fd, const char *path, char *buffer, int room)
{
    char changed[PROC_PATH_BYTES], first = 0;
    if (path && user_get(first, path) == 0 && proc_is_thread_self(path))
        return read_thread_self(buffer, room);
    const char *known = path_for_kernel(path, changed);
    return known == path ? OP_PASS : sys4(__NR_readlinkat, fd, known, buffer, room);
}

long op_readlink(const char *path, char *buffer, int room)
{
    return op_readlinkat(AT_FDCWD, path, buffer, room);
}

/* -1: not a number. */
static int number_of(const char *name)
{
    long number = 0;
    if (!*name)
        return -1;
    for (; *name >= '0' && *name <= '9' && number < FD_MAX; name++)
        number = number * 10 + (*name - '0');
    return *name ? -1 : (int)number;
}

static bool is_hidden(const struct proc_entry *entry)
{
    int fd = number_of((const char *)(entry + 1));
    return fd >= 0 && fd_is_hidden(fd);
}

/* True when @directory is /proc/PID/fd, or fdinfo, or a thread's, of this process. */
static bool lists_descriptors(int directory)
{
    char link[PATH_BYTES], target[PATH_BYTES], own[PATH_BYTES];
    format_text(link, sizeof(link), "/proc/self/fd/%d", directory);
    size_t prefix = format_text(own, sizeof(own), "/proc/%d/", runtime.pid);
    long length = sys4(__NR_readlinkat, AT_FDCWD, link, target, sizeof(target) - 1);
    if (length < (long)prefix || memcmp(target, own, prefix) != 0)
        return false;
    target[length] = 0;
    const char *last = target;
    for (const char *at = target; *at; at++)
        last = *at == '/' ? at + 1 : last;
    return text_equal(last, "fd") || text_equal(last, "fdinfo");
}

/* Closes the gaps that hidden entries leave in the @bytes at @entries. Returns what remains. */
static long leave_out(int directory, char *entries, long bytes)
{
    long kept = 0;
    bool asked = false;
    for (long at = 0, size; at < bytes; at += size) {
        const struct proc_entry *entry = (const void *)(entries + at);
        size = entry->bytes;
        if (is_hidden(entry)) {
            if (!asked && !lists_descriptors(directory))
                return bytes;
            asked = true;
            continue;
        }
        if (kept != at)
            memmove(entries + kept, entry, (size_t)size);
        kept += size;
    }
    return kept;
}

long op_getdents64(int directory, void *entries, size_t bytes)
{
    const struct fd_entry *entry = fd_entry_existing(directory);
    long result;
    if (entry && entry->lists_threads)
        return proc_list_threads(directory, entries, bytes);
    do {
        result = fd_is_hidden(directory)
                     ? -EBADF
                     : op_direct(__NR_getdents64, directory, (long)entries, (long)bytes);
    } while (result > 0 && (result = leave_out(directory, entries, result)) == 0);
    return result;
}
