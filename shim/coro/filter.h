/* Waiting for what happens elsewhere, as with kqueue: descriptors, time, processes, signals, files, and
 * events of the program's own.
 *
 * What is waited for is named by a number and a filter; at most one thread waits for one such pair, but
 * any number for time. */
#ifndef CORO_API_FILTER_H
#define CORO_API_FILTER_H

#include "base.h"

CORO_BEGIN

/* What @ident is, and what coro_happening.data and .fflags say afterwards. */
enum coro_filter {
    CORO_READ =
        1,      /* a descriptor that can be read. data: the bytes that are there, as far as known */
    CORO_WRITE, /* a descriptor that can be written */
    CORO_TIMER, /* a time, in the unit that fflags name; data: how many are over */
    CORO_PROC,  /* a process's id. data: its exit status as from waitpid, of a child; the child is
                    * still to be waited for */
    CORO_SIGNAL, /* a signal's number. data: how many came. While a thread waits for a signal its default
                    * action is not taken; a handler that the program has runs as well */
    CORO_VNODE, /* a descriptor of a file or directory. fflags: what happened to it */
    CORO_USER,  /* any number; coro_trigger makes it happen. fflags: what coro_trigger gave */
};

/* fflags. */
enum {
    CORO_NOTE_EOF = 1 << 0, /* told of CORO_READ and CORO_WRITE: the other end is closed */

    CORO_NOTE_SECONDS = 1 << 0, /* the unit of CORO_TIMER; none: milliseconds */
    CORO_NOTE_USECONDS = 1 << 1,
    CORO_NOTE_NSECONDS = 1 << 2,

    CORO_NOTE_EXIT = 1 << 0, /* of CORO_PROC, and the only one; none means it too */

    CORO_NOTE_DELETE = 1 << 0, /* of CORO_VNODE, asked for and told; none: all of them */
    CORO_NOTE_WRITE = 1 << 1,  /* written; of a directory: a name came or went */
    CORO_NOTE_EXTEND = 1 << 2, /* written and longer than before */
    CORO_NOTE_ATTRIB = 1 << 3, /* owner, mode, times */
    CORO_NOTE_LINK = 1 << 4,   /* the number of its names changed */
    CORO_NOTE_RENAME = 1 << 5,
};

struct coro_happening {
    uintptr_t ident;
    int filter;
    uint32_t fflags;
    int64_t data;
};

/* Waits for it and tells of it in *@happening (NULL: not wanted).
 * EBUSY: another thread waits for it, or a handler; EBADF: no such descriptor, or it was closed meanwhile, even
 * when the number means another file by now (on the kernel's threads, only before); ESRCH: no such process;
 * EINVAL: no such filter, signal or fflags, or the signal can't be caught; ETIMEDOUT; and what pidfd_open(2) or
 * inotify_init1(2) fail with. WAITS. */
CORO_API int coro_wait_for(uintptr_t ident, int filter, uint32_t fflags, double seconds,
                           struct coro_happening *happening);

/* For coro_set_handler. */
enum {
    CORO_ONCE = 0,
    CORO_PERSIST = 1, /* again and again, one call after the other, until coro_clear_handler */
};

/* What happened, and coro_set_handler's argument. */
typedef void (*coro_handler)(const struct coro_happening *happening, void *argument);

/* When it happens, a thread of its own calls @handler with what coro_wait_for would have told and
 * @argument. Cancelling is off meanwhile. Returns at once; the errors are coro_wait_for's, as far as they can be
 * told beforehand, and EAGAIN: no room for a thread. When the wait fails later, the handler is called with
 * filter 0 and the error number in data, for the last time. */
CORO_API int coro_set_handler(uintptr_t ident, int filter, uint32_t fflags, int flags,
                              coro_handler handler, void *argument);

/* No more of it; a call under way ends by itself. ENOENT: there is no handler. Timers are told apart by
 * @ident too: the oldest is cleared. */
CORO_API int coro_clear_handler(uintptr_t ident, int filter);

/* Makes CORO_USER event @ident happen: for who waits, or once the handler is done with the last one, when its
 * @fflags are joined to those that came meanwhile. ENOENT: nobody waits for it. */
CORO_API int coro_trigger(uintptr_t ident, uint32_t fflags);

CORO_END

#endif
