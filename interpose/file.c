/* Calls that block without readiness: a helper runs them, the carrier goes on. */
#include "interpose/op.h"

#define OP_FILE(name, parameters, ...)                                                             \
    long op_##name parameters                                                                      \
    {                                                                                              \
        return op_offload(__NR_##name, __VA_ARGS__);                                               \
    }

#define W(x) ((long)(x))

OP_FILE(fsync, (int fd), fd)
OP_FILE(fdatasync, (int fd), fd)
OP_FILE(syncfs, (int fd), fd)
OP_FILE(sync, (void), 0)
OP_FILE(sync_file_range, (int fd, long offset, long bytes, unsigned flags), fd, offset, bytes,
        flags)
OP_FILE(mq_timedsend,
        (int queue, const void *message, size_t bytes, unsigned priority, const void *deadline),
        queue, W(message), W(bytes), priority, W(deadline))
OP_FILE(mq_timedreceive,
        (int queue, void *message, size_t bytes, unsigned *priority, const void *deadline), queue,
        W(message), W(bytes), W(priority), W(deadline))

/* Calls that a handler ends with EINTR whatever its SA_RESTART says (signal(7)). */

static long never_restarted(long result)
{
    return result == -ERESTARTSYS ? -ERESTARTNOHAND : result;
}

long op_semop(int id, void *operations, size_t count)
{
    return never_restarted(op_offload(__NR_semop, id, W(operations), W(count)));
}

long op_semtimedop(int id, void *operations, size_t count, const void *timeout)
{
    return never_restarted(op_offload(__NR_semtimedop, id, W(operations), W(count), W(timeout)));
}

long op_io_getevents(unsigned long context, long minimum, long count, void *events,
                     const void *timeout)
{
    return never_restarted(
        op_offload(__NR_io_getevents, W(context), minimum, count, W(events), W(timeout)));
}

/* Those that say that they won't wait need no helper; releasing a lock must not queue for one. */

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
    return never_restarted(op_offload(__NR_msgsnd, id, W(message), W(bytes), flags));
}

long op_msgrcv(int id, void *message, size_t bytes, long type, int flags)
{
    if (flags & IPC_WITHOUT_WAIT)
        return sys5(__NR_msgrcv, id, message, bytes, type, flags);
    return never_restarted(op_offload(__NR_msgrcv, id, W(message), W(bytes), type, flags));
}

/* Submitting never waits; waiting for completions does. */
long op_io_uring_enter(int ring, unsigned submit, unsigned complete, unsigned flags,
                       const void *argument, size_t size)
{
    if (!complete)
        return OP_PASS;
    return op_offload(__NR_io_uring_enter, ring, submit, complete, flags, W(argument), W(size));
}
