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

/* Most calls that may wait needn't: each is tried first in a form that doesn't, and only what would
 * have waited is a helper's. Where the answer is the same for who asked not to wait, the call repeated
 * gives it. */

#define LOCK_NOWAIT      4     /* LOCK_NB */
#define LOCK_RELEASE     8     /* LOCK_UN */
#define IPC_WITHOUT_WAIT 04000 /* IPC_NOWAIT */

static const struct __kernel_timespec no_time;

/* What is long over, or now: at once. */
static bool is_zero_time(const void *timeout)
{
    struct __kernel_timespec time;
    return timeout && user_copy(&time, timeout, sizeof(time)) == 0 && !time.tv_sec && !time.tv_nsec;
}

/* The kernel looks whether a time is valid before all else: then so must the try. */
static bool is_valid_time(const void *timeout)
{
    struct __kernel_timespec time;
    return !timeout || (user_copy(&time, timeout, sizeof(time)) == 0 && timespec_valid(&time));
}

long op_flock(int fd, int operation)
{
    op_pace(!(operation & LOCK_RELEASE));
    long result = sys2(__NR_flock, fd, operation | LOCK_NOWAIT);
    if (result != -EAGAIN || operation & (LOCK_NOWAIT | LOCK_RELEASE))
        return result;
    return op_offload(__NR_flock, fd, operation);
}

long op_msgsnd(int id, const void *message, size_t bytes, int flags)
{
    op_pace(false);
    long result = sys4(__NR_msgsnd, id, message, bytes, flags | IPC_WITHOUT_WAIT);
    if (result != -EAGAIN || flags & IPC_WITHOUT_WAIT)
        return result;
    return op_offload(__NR_msgsnd, id, W(message), W(bytes), flags);
}

long op_msgrcv(int id, void *message, size_t bytes, long type, int flags)
{
    op_pace(true);
    long result = sys5(__NR_msgrcv, id, message, bytes, type, flags | IPC_WITHOUT_WAIT);
    if (result != -ENOMSG || flags & IPC_WITHOUT_WAIT)
        return result;
    return op_offload(__NR_msgrcv, id, W(message), W(bytes), type, flags);
}

long op_semop(int id, void *operations, size_t count)
{
    op_pace(true);
    long result = sys4(__NR_semtimedop, id, operations, count, &no_time);
    return result != -EAGAIN ? result : op_offload(__NR_semop, id, W(operations), W(count));
}

long op_semtimedop(int id, void *operations, size_t count, const void *timeout)
{
    op_pace(true);
    long result = -EAGAIN;
    if (is_valid_time(timeout))
        result = sys4(__NR_semtimedop, id, operations, count, &no_time);
    if (result != -EAGAIN || is_zero_time(timeout))
        return result;
    return op_offload(__NR_semtimedop, id, W(operations), W(count), W(timeout));
}

long op_mq_timedsend(int queue, const void *message, size_t bytes, unsigned priority,
                     const void *deadline)
{
    op_pace(false);
    long result = -ETIMEDOUT;
    if (is_valid_time(deadline))
        result = sys5(__NR_mq_timedsend, queue, message, bytes, priority, &no_time);
    if (result != -ETIMEDOUT)
        return result;
    return op_offload(__NR_mq_timedsend, queue, W(message), W(bytes), priority, W(deadline));
}

long op_mq_timedreceive(int queue, void *message, size_t bytes, unsigned *priority,
                        const void *deadline)
{
    op_pace(true);
    long result = -ETIMEDOUT;
    if (is_valid_time(deadline))
        result = sys5(__NR_mq_timedreceive, queue, message, bytes, priority, &no_time);
    if (result != -ETIMEDOUT)
        return result;
    return op_offload(__NR_mq_timedreceive, queue, W(message), W(bytes), W(priority), W(deadline));
}

/* Kernel AIO: submitting hardly waits. */

/* A look that does not wait. The kernel's own answers -EINTR when nothing is there and a signal, be it the
 * kick, is pending. */
static long look_for_events(long nr, unsigned long context, long minimum, long count, void *events,
                            const void *timeout)
{
    long result;
    do
        result = sys6(nr, context, minimum, count, events, timeout, 0);
    while (result == -EINTR);
    return result;
}

long op_io_getevents(unsigned long context, long minimum, long count, void *events,
                     const void *timeout)
{
    if (minimum <= 0 || is_zero_time(timeout))
        return look_for_events(__NR_io_getevents, context, minimum, count, events, timeout);
    return op_offload(__NR_io_getevents, W(context), minimum, count, W(events), W(timeout));
}

long op_io_pgetevents(unsigned long context, long minimum, long count, void *events,
                      const void *timeout, const void *mask)
{
    if (mask)
        return OP_PASS;
    if (minimum <= 0 || is_zero_time(timeout))
        return look_for_events(__NR_io_pgetevents, context, minimum, count, events, timeout);
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

#define GET_REGISTRATIONS (1 << 9) /* MEMBARRIER_CMD_..., since Linux 6.3 */

/* The global one waits until every processor has been through the kernel. That we have registered is
 * nothing that the program did. */
long op_membarrier(int command, unsigned flags, int processor)
{
    if (command == MEMBARRIER_CMD_GLOBAL)
        return op_offload_finite(__NR_membarrier, command, flags, processor);
    if (command == MEMBARRIER_CMD_PRIVATE_EXPEDITED && !flags && runtime.barriers_ours)
        return -EPERM;
    long result = sys3(__NR_membarrier, command, flags, processor);
    if (command == MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED && result == 0)
        runtime.barriers_ours = false;
    if (command == GET_REGISTRATIONS && result > 0 && runtime.barriers_ours)
        result &= ~(long)MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
    return result;
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
