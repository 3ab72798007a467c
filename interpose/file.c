/* Calls that block without readiness: a helper runs them, the carrier goes on.
 *
 * Each is finite (it ends by itself, sooner or later) or endless (it may wait for somebody else):
 * offload.h says what follows. What a signal does to it is the kernel's own answer. */
#include "interpose/op.h"

#include <asm/ioctls.h>
#include <asm/mman.h>
#include <asm/termbits.h>
#include <linux/io_uring.h>
#include <linux/membarrier.h>

#define W(x) ((long)(x))

#define FINITE(name, parameters, ...)                                                              \
    long op_##name parameters                                                                      \
    {                                                                                              \
        return op_offload_finite(__NR_##name, __VA_ARGS__);                                        \
    }

#define ENDLESS(name, parameters, ...)                                                             \
    long op_##name parameters                                                                      \
    {                                                                                              \
        return op_offload(__NR_##name, __VA_ARGS__);                                               \
    }

FINITE(fsync, (int fd), fd)
FINITE(fdatasync, (int fd), fd)
FINITE(syncfs, (int fd), fd)
FINITE(sync, (void), 0)
FINITE(sync_file_range, (int fd, long offset, long bytes, unsigned flags), fd, offset, bytes, flags)
FINITE(fallocate, (int fd, int mode, long offset, long bytes), fd, mode, offset, bytes)

ENDLESS(semop, (int id, void *operations, size_t count), id, W(operations), W(count))
ENDLESS(mq_timedsend,
        (int queue, const void *message, size_t bytes, unsigned priority, const void *deadline),
        queue, W(message), W(bytes), priority, W(deadline))
ENDLESS(mq_timedreceive,
        (int queue, void *message, size_t bytes, unsigned *priority, const void *deadline), queue,
        W(message), W(bytes), W(priority), W(deadline))

/* Those that say that they won't wait need no helper; releasing a lock must not look for one. */

#define LOCK_NOWAIT      4     /* LOCK_NB */
#define LOCK_RELEASE     8     /* LOCK_UN */
#define IPC_WITHOUT_WAIT 04000 /* IPC_NOWAIT */

long op_flock(int fd, int operation)
{
    if (operation & (LOCK_NOWAIT | LOCK_RELEASE))
        return sys2(__NR_flock, fd, operation);
    return op_offload(__NR_flock, fd, operation);
}

long op_msgsnd(int id, const void *message, size_t bytes, int flags)
{
    if (flags & IPC_WITHOUT_WAIT)
        return sys4(__NR_msgsnd, id, message, bytes, flags);
    return op_offload(__NR_msgsnd, id, W(message), W(bytes), flags);
}

long op_msgrcv(int id, void *message, size_t bytes, long type, int flags)
{
    if (flags & IPC_WITHOUT_WAIT)
        return sys5(__NR_msgrcv, id, message, bytes, type, flags);
    return op_offload(__NR_msgrcv, id, W(message), W(bytes), type, flags);
}

/* What is long over, or now: at once. */
static bool is_zero_time(const void *timeout)
{
    struct __kernel_timespec time;
    return timeout && user_copy(&time, timeout, sizeof(time)) == 0 && !time.tv_sec && !time.tv_nsec;
}

long op_semtimedop(int id, void *operations, size_t count, const void *timeout)
{
    if (is_zero_time(timeout))
        return sys4(__NR_semtimedop, id, operations, count, timeout);
    return op_offload(__NR_semtimedop, id, W(operations), W(count), W(timeout));
}

/* Kernel AIO: submitting hardly waits. */

long op_io_getevents(unsigned long context, long minimum, long count, void *events,
                     const void *timeout)
{
    if (minimum <= 0 || is_zero_time(timeout))
        return sys5(__NR_io_getevents, context, minimum, count, events, timeout);
    return op_offload(__NR_io_getevents, W(context), minimum, count, W(events), W(timeout));
}

long op_io_pgetevents(unsigned long context, long minimum, long count, void *events,
                      const void *timeout, const void *mask)
{
    if (mask || minimum <= 0 || is_zero_time(timeout))
        return OP_PASS;
    return op_offload(__NR_io_pgetevents, W(context), minimum, count, W(events), W(timeout), 0);
}

/* Submitting hardly waits, and stays here: a request dies with the kernel thread that submitted it.
 * Waiting for completions is a helper's. */
long op_io_uring_enter(int ring, unsigned submit, unsigned complete, unsigned flags,
                       const void *argument, size_t size)
{
    this_kthread()->lasting = true;
    if (!complete || !(flags & IORING_ENTER_GETEVENTS))
        return OP_PASS;
    long submitted = 0;
    if (submit) {
        unsigned only = flags & ~(unsigned)(IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG);
        submitted = sys6(__NR_io_uring_enter, ring, submit, 0, only, 0, 0);
        if (submitted != (long)submit)
            return submitted;
    }
    long result = op_offload(__NR_io_uring_enter, ring, 0, complete, flags, W(argument), W(size));
    return submitted ? submitted : result;
}

long op_msync(void *address, size_t bytes, int flags)
{
    if (!(flags & MS_SYNC))
        return sys3(__NR_msync, address, bytes, flags);
    return op_offload_finite(__NR_msync, W(address), W(bytes), flags);
}

/* The global one waits until every processor has been through the kernel. */
long op_membarrier(int command, unsigned flags, int processor)
{
    if (command != MEMBARRIER_CMD_GLOBAL)
        return sys3(__NR_membarrier, command, flags, processor);
    return op_offload_finite(__NR_membarrier, command, flags, processor);
}

bool op_ioctl_waits(unsigned request)
{
    switch (request) {
    case TCSBRK: /* tcdrain too */
    case TCSBRKP:
    case TCSETSW:
    case TCSETSF:
    case TCSETSW2:
    case TCSETSF2:
    case TCSETAW:
    case TCSETAF:
    case TIOCMIWAIT:
        return true;
    default:
        return false;
    }
}
