/* Signals that are read from descriptors.
 *
 * signalfd reads what is pending for the calling thread and for the process. Of these the kernel has those for the
 * process that all threads block (sigmask.c). The others are with us: a read is answered from here first, and while
 * the kernel is asked whether descriptors are ready, it is lent one signal of each number that the thread could read.
 * Signalfds that are older than the first thread are looked for when it comes. */
#include "interpose/signal.h"

#include <linux/fcntl.h>
#include <linux/signalfd.h>

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

/* As signalfd(2) tells it: kernel/fs/signalfd.c. */
static void describe(struct signalfd_siginfo *told, const siginfo_t *info)
{
    *told = (struct signalfd_siginfo){ .ssi_signo = (uint32_t)info->si_signo,
                                       .ssi_errno = info->si_errno,
                                       .ssi_code = info->si_code };
    if (info->si_code == SI_TIMER) {
        told->ssi_tid = (uint32_t)info->si_tid;
        told->ssi_overrun = (uint32_t)info->si_overrun;
    } else if (info->si_code == SI_SIGIO || (info->si_code > 0 && info->si_signo == SIGPOLL)) {
        told->ssi_band = (uint32_t)info->si_band;
        told->ssi_fd = info->si_fd;
        return;
    } else {
        told->ssi_pid = (uint32_t)info->si_pid;
        told->ssi_uid = info->si_uid;
    }
    if (info->si_code > 0 && info->si_signo == SIGCHLD) {
        told->ssi_status = info->si_status;
        told->ssi_utime = (uint64_t)info->si_utime;
        told->ssi_stime = (uint64_t)info->si_stime;
    } else if (info->si_code < 0) {
        told->ssi_ptr = (uintptr_t)info->si_ptr;
        told->ssi_int = info->si_int;
    }
}

long signal_read_unread(struct co *co, int fd, void *buffer, size_t bytes)
{
    char name[PATH_BYTES];
    struct signalfd_siginfo told;
    siginfo_t info;
    format_text(name, sizeof(name), "%d", fd);
    sigbits set = signals_of(name) & co->signals.mask;
    size_t done = 0;
    pending_collect(set);
    while (bytes - done >= sizeof(told) && (pending_take(&co->signals.pending, set, &info) ||
                                            pending_take(&ps->pending, set, &info))) {
        describe(&told, &info);
        if (user_copy((char *)buffer + done, &told, sizeof(told)) != 0)
            return done ? (long)done : -EFAULT;
        done += sizeof(told);
    }
    return (long)done;
}

struct signal_loan signal_lend_unread(struct co *co)
{
    struct signal_loan loan = { 0 };
    sigbits there = 0, before = 0;
    pending_collect(ps->signalfd_set);
    sys2(__NR_rt_sigpending, &there, sizeof(there));
    sigbits unread = signal_unread(co) & ~there;
    sys4(__NR_rt_sigprocmask, SIG_BLOCK, &unread, &before, sizeof(before));
    loan.opened = unread & ~before;
    for (; unread; unread &= unread - 1) {
        int signal = __builtin_ctzll(unread) + 1;
        if (sys3(__NR_tgkill, runtime.pid, runtime.carrier.kernel_tid, signal) == 0)
            loan.lent |= sigbit(signal);
    }
    return loan;
}

/* The kernel gives out a thread's own before the process's. */
void signal_end_loan(struct signal_loan loan)
{
    struct __kernel_timespec now = { 0 };
    for (sigbits lent = loan.lent; lent; lent &= lent - 1) {
        sigbits one = lent & -lent;
        sys4(__NR_rt_sigtimedwait, &one, NULL, &now, sizeof(one));
    }
    if (loan.opened)
        sys4(__NR_rt_sigprocmask, SIG_UNBLOCK, &loan.opened, NULL, sizeof(loan.opened));
}

void signal_wake_reader(struct co *co, sigbits bit)
{
    bool reads = co->wait.kind == WAIT_READ || co->wait.kind == WAIT_POLL;
    if (reads && co->interruptible && bit & ps->signalfd_set & co->signals.mask)
        sched_wake(co, 0);
}

void signal_wake_readers(sigbits bit)
{
    struct list *node, *after;
    list_for_each (node, after, &runtime.all)
        signal_wake_reader(container_of(node, struct co, all), bit);
}
