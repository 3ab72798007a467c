/* Signals that are read from descriptors.
 *
 * signalfd reads what is pending in the kernel. There a signal is that all threads block
 * (sigmask.c); one that was sent to a thread is put there for its sake. Those made before the first thread are looked for when it comes. */
#include "interpose/signal.h"

#include <linux/fcntl.h>

#include "shim/log.h"

#define SIGNALFD_NONBLOCK 04000
#define PATH_BYTES        64
#define LISTING_BYTES     2048
#define DESCRIPTION_BYTES 512

static struct process_signals *const ps = &process_signals;

long op_signalfd4(int fd, const sigbits *set, size_t size, int flags)
{
    sigbits wanted;
    if (size != sizeof(wanted))
        return -EINVAL;
    if (user_copy(&wanted, set, sizeof(wanted)) != 0)
        return -EFAULT;
    long result = sys4(__NR_signalfd4, fd, &wanted, size, flags);
    if (result < 0)
        return result;
    if (fd == -1)
        fd_opened((int)result, FD_OTHER, flags & SIGNALFD_NONBLOCK);
    ps->signalfd_set |= wanted & ~SIGBITS_UNBLOCKABLE;
    /* What was sent to us before is pending here: the kernel must have it. */
    siginfo_t info;
    sigbits readable = ps->resting_mask & ps->signalfd_set;
    while (pending_take(&this_co()->signals.pending, readable, &info))
        sys4(__NR_rt_tgsigqueueinfo, runtime.pid, runtime.carrier.kernel_tid, info.si_signo, &info);
    return result;
}

struct listed {
    uint64_t inode;
    int64_t offset;
    uint16_t bytes;
    uint8_t type;
    char name[];
};

sigbits signal_described_set(const char *text, long length, const char *label)
{
    const long digits = 16;
    long before = 0;
    sigbits set = 0;
    while (label[before])
        before++;
    for (long at = 0; at + before + digits <= length; at++) {
        if (memcmp(text + at, label, (size_t)before) != 0)
            continue;
        for (const char *digit = text + at + before; digit < text + at + before + digits; digit++)
            set = set * 16 + (sigbits)(*digit <= '9' ? *digit - '0' : *digit - 'a' + 10);
        return set & ~SIGBITS_UNBLOCKABLE;
    }
    return 0;
}

/* The signals of the descriptor @name; none when it is no signalfd. A userfaultfd is noted. */
static sigbits signals_of(const char *name)
{
    char path[PATH_BYTES], text[DESCRIPTION_BYTES];
    format_text(path, sizeof(path), "/proc/self/fd/%s", name);
    long length = sys4(__NR_readlinkat, AT_FDCWD, path, text, sizeof(text) - 1);
    text[length > 0 ? length : 0] = 0;
    if (text_equal(text, "anon_inode:[userfaultfd]"))
        step_arm();
    if (!text_equal(text, "anon_inode:[signalfd]"))
        return 0;
    format_text(path, sizeof(path), "/proc/self/fdinfo/%s", name);
    int fd = (int)sys4(__NR_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    length = sys3(__NR_read, fd, text, sizeof(text));
    sys1(__NR_close, fd);
    return signal_described_set(text, length, "sigmask:\t");
}

void signal_find_signalfds(void)
{
    char entries[LISTING_BYTES] __attribute__((aligned(8)));
    int directory =
        (int)sys4(__NR_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    long bytes;
    while (directory >= 0 &&
           (bytes = sys3(__NR_getdents64, directory, entries, sizeof(entries))) > 0) {
        for (long at = 0; at < bytes; at += ((const struct listed *)(entries + at))->bytes)
            ps->signalfd_set |= signals_of(((const struct listed *)(entries + at))->name);
    }
    if (directory >= 0)
        sys1(__NR_close, directory);
}
