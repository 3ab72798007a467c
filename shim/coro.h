/* coro.h: what coroshim offers beyond POSIX threads.
 *
 *     #include <coro.h>        cc program.c $(pkg-config --cflags --libs coroshim)
 *
 * Threads with any arguments, timeouts around any function, parallel work, channels, mailboxes,
 * queues and events. Every thread of the program is a coroutine; these calls and POSIX ones mix freely.
 *
 * Conventions
 *   - A function that can fail returns 0, or -1 with errno set; one that returns an id returns 0 with
 *     errno set, one that returns a pointer NULL. Success leaves errno alone. Each header says which
 *     errors there are; all may fail with ENOMEM, and with ENOSYS where no library answers (below).
 *   - Times are seconds in a double. A negative time is 0: try, don't wait. CORO_FOREVER is no limit.
 *     Not a number is EINVAL. A time that is over is ETIMEDOUT.
 *   - What waits lets other threads run, is a cancellation point, and is never ended by a signal (no
 *     EINTR). What doesn't wait is none. "WAITS" in a header means the former.
 *   - Objects are opaque and made and freed by calls. Freeing one that others wait on fails with EBUSY.
 *   - Where coroutines can't be had (CORO=off, or a reason that the log names), the same calls work on
 *     the kernel's threads.
 *   - Not for signal handlers, unless it says so. In the child of a fork only the forking thread is left;
 *     objects that others were using then are not to be used there.
 *
 * Without the library: a program compiled with CORO_WEAK defined, and not linked with -lcoroshim, uses
 * the library when it is preloaded and runs without it when it isn't. Then coro_is_running() is 0,
 * coro_with_timeout uses SIGALRM, coro_where says that there is nothing to tell, and everything else
 * fails with ENOSYS. */
#ifndef CORO_H
#define CORO_H

#include "coro/base.h"

#include "coro/channel.h"
#include "coro/event.h"
#include "coro/filter.h"
#include "coro/loop.h"
#include "coro/mailbox.h"
#include "coro/parallel.h"
#include "coro/queue.h"
#include "coro/sched.h"
#include "coro/thread.h"
#include "coro/timeout.h"
#include "coro/where.h"

#ifdef CORO_WEAK
#include "coro/fallback.h"
#include "coro/weak.h" /* made from the headers above */
#endif
#include "coro/names.h"

#endif
