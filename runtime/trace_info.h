/* What happens to threads, event by event: the records that the control socket carries and coroctl
 * makes a trace of. Fixed size, no pointers. */
#ifndef CORO_TRACE_INFO_H
#define CORO_TRACE_INFO_H

#include <stdint.h>

enum trace_type {
    TRACE_CREATE = 1, /* object: the creator's id, 0 unknown */
    TRACE_NAME,       /* name */
    TRACE_EXIT,       /* after its name */
    TRACE_RUN,        /* from runnable to running */
    /* kind: enum wait_kind, | TRACE_IN_CALL in a call that the trace shows; nr: that call, or the one
     * that is offloaded; value: descriptor, tid or pid; object: address */
    TRACE_PARK,
    TRACE_WAKE,    /* object: the waker's id, 0 the carrier's loop; value: result of the park */
    TRACE_YIELD,   /* from running to runnable */
    TRACE_PREEMPT, /* its slice is over, a yield follows; object: program counter, 0 in a call */
    /* nr; object: result; value: first argument; the end of a call; kind: TRACE_RESUMED or 0 */
    TRACE_RETURN,
    TRACE_OFFLOAD,     /* nr; a helper kernel thread makes this call */
    TRACE_OFFLOAD_END, /* nr; object: result */
    TRACE_STALL,       /* object: nanoseconds for which the thread has held the carrier */
    TRACE_LOST,        /* object: so many events are missing here, for the reader was slow */
    TRACE_TYPES
};

#define TRACE_IN_CALL 0x80
#define TRACE_RESUMED 0x40 /* a run came just before, which has no event of its own */

/* Results that are no program's: the call is made by libc or at its site, or it was interrupted. */
#define TRACE_RESULT_ELSEWHERE (-700L)

struct trace_event {
    uint64_t time;   /* by a clock of the trace's own: replies say what it is in nanoseconds */
    uint64_t thread; /* id; 0: none */
    union {
        struct {
            uint64_t object;
            int32_t value;
            uint16_t nr; /* system call */
            uint8_t kind;
        } __attribute__((packed));
        char name[15]; /* without its NUL when it is that long */
    };
    uint8_t type; /* enum trace_type */
} __attribute__((packed, aligned(8)));

_Static_assert(sizeof(struct trace_event) == 32, "two to a cache line");

/* X(call, first argument is a descriptor): calls that a trace shows. The others, futexes and
 * clocks among them, are seen by their parks alone. */
/* clang-format off */
#define TRACED_CALLS(X) \
    X(read, 1) X(write, 1) X(readv, 1) X(writev, 1) X(pread64, 1) X(pwrite64, 1) \
    X(preadv, 1) X(pwritev, 1) X(preadv2, 1) X(pwritev2, 1) X(recvfrom, 1) X(sendto, 1) X(recvmsg, 1) \
    X(sendmsg, 1) X(recvmmsg, 1) X(sendmmsg, 1) X(accept, 1) X(accept4, 1) X(connect, 1) X(socket, 0) \
    X(socketpair, 0) X(shutdown, 1) X(poll, 0) X(ppoll, 0) X(select, 0) X(pselect6, 0) X(epoll_wait, 1) \
    X(epoll_pwait, 1) X(epoll_pwait2, 1) X(close, 1) X(open, 0) X(openat, 0) X(openat2, 0) \
    X(creat, 0) X(pipe, 0) X(pipe2, 0) X(eventfd2, 0) X(timerfd_create, 0) X(dup, 1) X(dup2, 1) \
    X(dup3, 1) X(lseek, 1) X(fsync, 1) X(fdatasync, 1) X(sync, 0) X(syncfs, 1) \
    X(fallocate, 1) X(ftruncate, 1) X(flock, 1) X(sendfile, 1) X(splice, 1) X(tee, 1) \
    X(copy_file_range, 1) X(getdents64, 1) X(fstat, 1) X(stat, 0) X(lstat, 0) \
    X(newfstatat, 0) X(statx, 0) X(unlink, 0) X(unlinkat, 0) X(rename, 0) X(mkdir, 0) \
    X(ioctl, 1) X(nanosleep, 0) X(clock_nanosleep, 0) X(wait4, 0) X(waitid, 0) \
    X(io_uring_enter, 1)
/* clang-format on */

#endif
