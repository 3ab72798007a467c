/* The control socket's server. Runs on the monitor kernel thread, which has no TLS, no libc and all
 * signals blocked. One socket per process: PID.sock in $XDG_RUNTIME_DIR/coroshim/ or
 * /tmp/coroshim-UID/ (0700). The path is chosen in control_prepare, before the monitor runs.
 *
 * All functions are below the gate and never park. control_serve belongs to the monitor alone;
 * control_prepare and control_after_fork run while it does not; control_owns_fd and control_remove
 * may run beside it. */
#ifndef CORO_CONTROL_H
#define CORO_CONTROL_H

#include "runtime/base.h"
#include "runtime/doctor_info.h"
#include "runtime/errand_info.h"

/* What requests may change in the process. Called on the monitor; any may be NULL: then such a
 * request is refused. Errors are -errno. */
struct control_hooks {
    void (*apply)(void); /* `conf` has changed */
    int (*set_thread)(uint64_t id, uint32_t selfishness);
    int (*signal_thread)(uint64_t id, int signal);
    int64_t (*cancel)(uint64_t id); /* a ticket, for look; as interpose/errand.h */
    int64_t (*call)(const struct call_info *call);
    bool (*look)(uint64_t ticket, struct errand_info *info);
    /* Up to @max objects after @skip; how many there are in all. */
    size_t (*objects)(size_t skip, struct doctor_object *objects, size_t max);
    uint32_t (*facts)(void); /* enum doctor_fact */
};

extern struct control_hooks control_hooks;

/* Remembers the XDG_RUNTIME_DIR of the program's first environment. */
void control_read_environment(char *const envp[]);

/* Creates directory and listening socket. @fd_floor: our descriptors
 * are moved to numbers at or above it (F_DUPFD_CLOEXEC), so that the program never meets them.
 * Returns 0 or -errno; on error there is no control socket and the program goes on. */
int control_prepare(int fd_floor);

/* Waits at most @timeout_ns (UINT64_MAX: without end) for a client or for @wake_fd (an eventfd,
 * which it drains) and serves what is ready without ever blocking on a client. Returns true when
 * @wake_fd was signalled. Works without a socket, too. */
bool control_serve(int wake_fd, uint64_t timeout_ns);

/* Serves @fd, one end of a socketpair, as a client that has been accepted. Returns false, and closes it,
 * when there are too many. On the monitor. */
bool control_adopt(int fd);

/* True when @fd is one of the server's descriptors (the program must not close it). */
bool control_owns_fd(int fd);

/* Where the socket is; "" without one. */
const char *control_path(void);

/* The listening socket, -1 when there is none. */
int control_listen_fd(void);

/* From now on the server's kernel thread has a descriptor table of its own: its clients' numbers mean
 * nothing in the program's. */
void control_files_split(void);

/* Removes the socket file, and a directory that it leaves empty below XDG_RUNTIME_DIR; called before the
 * process exits. Idempotent, async-signal-safe; does nothing in a child that has not called control_prepare
 * itself. */
void control_remove(void);

/* Forgets (closes) everything in a forked child, without removing the parent's file. */
void control_after_fork(void);

#endif
