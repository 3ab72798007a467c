/* The monitor: one kernel thread that watches the carrier and serves the control socket. It answers
 * while the program spins or is deadlocked, since it needs neither the carrier nor any lock of the
 * program's. */
#ifndef CORO_MONITOR_H
#define CORO_MONITOR_H

#include "runtime/base.h"

#define SLICE_SHIFT_MAX 6                     /* a spinner's slice is halved so often at most... */
#define SPIN_SLICE_NS   (200 * NSEC_PER_USEC) /* ...and no shorter than this */
#define SPIN_SPAN       128                   /* bytes of code that a loop of waiting fits in */
#define SPIN_TICKS      256                   /* short ticks after a spinner was seen */

struct monitor_settings {
    uint64_t slice_ns;           /* 0: never preempt */
    uint64_t latency_warning_ns; /* 0: never warn */
    uint32_t deadlock;           /* enum deadlock_action */
    /* Waits up to a time for clients or the wake descriptor: control_serve, or a substitute. */
    bool (*serve)(int wake_fd, uint64_t timeout_ns);
    int listen_fd; /* serve's; -1: none */
    long (*report)(uint32_t kind,
                   uint64_t id); /* a report_start_fn; NULL: no reports with stacks */
    void (*files_split)(void);   /* told when the monitor has got descriptors of its own; or NULL */
};

/* Starts the monitor. Returns 0 or -errno (then nothing preempts or answers). */
int monitor_start(const struct monitor_settings *settings);

/* The carrier has something to do again: ends the monitor's long sleep. Cheap when it is awake. */
void monitor_wake(void);

/* Ends whatever wait the monitor is in. Any kernel thread of ours; async-signal-safe. */
void monitor_prod(void);

/* Other limits from now on. On the monitor. */
void monitor_set(uint64_t slice_ns, uint64_t latency_warning_ns);

/* Fills in what the monitor counts. On the monitor. */
struct runtime_stat;
void monitor_read_stat(struct runtime_stat *stat);

/* Fills in the monitor's part: uptime, stalls since the start, and the longest time that the carrier was
 * held since the last monitor_forget_longest. On the monitor. */
struct latency_info;
void monitor_read_latency(struct latency_info *info);
void monitor_forget_longest(void);

/* Interrupts the carrier, as at the end of a slice. On the monitor. */
void monitor_kick(void);

/* From here until monitor_release the monitor sends no kick, and none is on its way by the time
 * this returns. Around an exec: a kick that arrived after it would end the new program. */
void monitor_hold(void);
void monitor_release(void);

/* A descriptor for the file behind the program's @fd, valid on the calling kernel thread: @fd itself,
 * or on the monitor a duplicate. -errno on failure. Given back by monitor_return_fd. */
int monitor_borrow_fd(int fd);
void monitor_return_fd(int borrowed);

bool monitor_owns_fd(int fd);

/* The monitor's id to the kernel: of a thread that is not the process's first. */
int monitor_tid(void);

/* Forgets the monitor (child of a fork). */
void monitor_reset(void);

/* Has the monitor make a system call that changes what a kernel thread is allowed, which the carrier
 * has made; returns when that is done. The carrier. */
void monitor_follow(long nr, long a, long b, long c);

#endif
