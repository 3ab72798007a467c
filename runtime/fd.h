/* What we know of each descriptor, and waiting for its readiness.
 *
 * The table grows by blocks and never moves. Everything in it belongs to the carrier. */
#ifndef CORO_FD_H
#define CORO_FD_H

#include "runtime/base.h"
#include "runtime/list.h"
#include "runtime/sys.h"

enum fd_kind {
    FD_UNKNOWN = 0, /* ask fstat at the first use */
    FD_TCP,
    FD_SOCKET,
    FD_PIPE,
    FD_FILE, /* regular file, directory, block or memory device: never waits for readiness */
    FD_TERMINAL,
    FD_OTHER, /* eventfd, timerfd, ...: readiness, then the call */
};

#define EVENTS_ALWAYS_TRY 0 /* after a hang-up, an error or urgent data, and of no read */
#define EVENTS_FIRST      1

struct fd_entry {
    uint32_t generation; /* +1 whenever the number may mean another file */
    uint32_t owned;     /* fork generation in which this process made the file; 0: not ours alone */
    uint8_t kind;       /* enum fd_kind */
    bool registered;    /* in the poll set */
    bool unpollable;    /* the poll set refuses it: always ready */
    bool nonblock;      /* valid while owned: O_NONBLOCK is set */
    bool listening;     /* accept may wait on it */
    bool lists_threads; /* /proc/self/task: proc_list_threads reads it */
    bool no_nowait[2];  /* RWF_NOWAIT is refused: for reading, for writing */
    bool private_copy;  /* ours: keeps a closed file for those who wait on it */
    bool waits_for_disk; /* opened with O_DIRECT, O_SYNC or O_DSYNC */
    bool has_timeouts;   /* SO_RCVTIMEO or SO_SNDTIMEO may be set */
    uint16_t events;     /* counts those of the poll set, from EVENTS_FIRST */
    uint16_t drained_at; /* what `events` was before the last plain read, if that found the end */
    int peer;            /* 1 + the other end's number, of a pair made here; 0: none */
    uint32_t peer_generation;
    struct list readers, writers;
};

/* One coroutine waiting on one descriptor; lives as long as the wait. */
struct fd_waiter {
    struct list link;
    struct co *co;
    int fd;            /* changes when the program closes the number while we wait... */
    bool moved;        /* ...then it is a private duplicate: fd_wait_done */
    bool until_closed; /* ...or this, and the wait ends with -EBADF */
    uint8_t kind;      /* enum wait_kind, for observers; WAIT_NONE: the descriptor is all */
};

/* Where the two ends of a recently met pipe are: 1 + number, and its generation then. */
struct pipe_end {
    uint64_t inode;
    int fd[2]; /* reading, writing */
    uint32_t generation[2];
};

#define PIPE_SLOTS 1024

struct fd_table {
    struct fd_entry **blocks;
    struct pipe_end pipe[PIPE_SLOTS];
    uint32_t fork_generation;
    bool terminals;          /* some number has stood for one */
    bool timeouts_elsewhere; /* a socket that several numbers may stand for was given a timeout */
};

#define FD_MAX (1 << 22)

int fd_table_init(void);

/* The entry of @fd, made on demand; NULL when @fd is negative, beyond FD_MAX, or no memory. */
struct fd_entry *fd_entry(int fd);

/* The entry of @fd if there is one already. */
struct fd_entry *fd_entry_existing(int fd);

/* The kind of the file behind @fd, asked of the kernel once. */
enum fd_kind fd_kind(struct fd_entry *entry, int fd);

/* True when calls on @fd should wait: O_NONBLOCK is not set. */
bool fd_blocks(struct fd_entry *entry, int fd);

/* A new file that this process alone has, at @fd, as socket(2), accept(2) or pipe(2) made it. */
void fd_opened(int fd, enum fd_kind kind, bool nonblock);

/* @one and @other are the ends of a new pipe or socket pair. */
void fd_paired(int one, int other);

/* Something was written to (or read from) @entry: wakes who waits at the other end. */
void fd_transferred(struct fd_entry *entry, bool wrote);

/* True while this process alone has the file. */
bool fd_is_owned(const struct fd_entry *entry);

/* SO_RCVTIMEO or SO_SNDTIMEO may be set on @entry's socket: the kernel must be asked. */
bool fd_may_time_out(const struct fd_entry *entry);

/* The program sets one of them on @fd. */
void fd_set_timeouts(int fd);

/* A plain read of @entry's socket, begun when its events were @events, returned @result of @bytes. Less than
 * was asked for says that a TCP socket was empty then (epoll(7)). No other kind of receiving says so: out of
 * band, off the error queue, or a look. */
static inline void fd_was_read(struct fd_entry *entry, uint16_t events, long result, size_t bytes)
{
    entry->drained_at = result > 0 && (size_t)result < bytes ? events : EVENTS_ALWAYS_TRY;
}

/* True when a read of @fd would find nothing and has to wait, since fd_was_read said empty and no event has
 * come after: trying first would waste a call. */
bool fd_is_drained(struct fd_entry *entry, int fd);

/* The program changed O_NONBLOCK of @fd. */
void fd_set_nonblock(int fd, bool nonblock);

/* @fd's file may now be shared: dup, SCM_RIGHTS, fork (all descriptors). */
void fd_shared(int fd);
void fd_all_shared(void);

/* The program closes @fd, or puts another file there. Coroutines that wait on it go on waiting on
 * the old file, through a private descriptor, as they would in the kernel. Call it before. */
void fd_closing(int fd);

/* Waits until @waiter->fd may be readable (or writable), or @deadline_ns. Returns 0: try again;
 * -ETIMEDOUT; -ERESTARTSYS; another -errno. PARKS. */
int fd_wait(struct fd_waiter *waiter, bool for_write, uint64_t deadline_ns);

/* After the last fd_wait or fd_unwatch of @waiter: lets a private duplicate go. */
void fd_wait_done(struct fd_waiter *waiter);

/* Puts @waiter on the entry's lists without parking, registering @fd. Returns 0, or -EPERM when the
 * file is always ready, or another -errno. Taken off by fd_unwatch. For waits on several
 * descriptors. */
int fd_watch(struct fd_waiter *waiter, bool for_write);
void fd_unwatch(struct fd_waiter *waiter);

/* Wakes all who wait to read from a terminal: the process was continued, and may be in the background
 * now. Terminals alone cost anything. */
void fd_wake_terminals(void);

/* Forgets registrations and waiters: the poll set is new (child of a fork). */
void fd_table_reset(void);

/* True when @fd is one of the runtime's own descriptors. */
bool fd_private(int fd);

/* Where private descriptors are put: F_DUPFD's floor under the present limit. */
int fd_floor(void);

/* Puts a new descriptor of ours, @fd, at the first free number from @floor, close-on-exec. Returns
 * the new number; @fd itself when there is none. */
static inline long fd_move_up(long fd, int floor)
{
    const int f_dupfd_cloexec = 1030; /* linux/fcntl.h, which quarrels with libc's headers */
    long high = sys3(__NR_fcntl, fd, f_dupfd_cloexec, floor);
    if (high < 0)
        return fd;
    sys1(__NR_close, fd);
    return high;
}

#endif
