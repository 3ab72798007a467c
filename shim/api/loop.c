/* The loop as a part of another: see shim/coro/loop.h. The descriptor is an epoll set with ours in it and a
 * timer, set at the end of each pass. A coroutine that polls it is told of what is pending, and else of nothing:
 * while it waits the others run anyway, and our set can't be watched by itself. */
#include "shim/coro/loop.h"

#include <errno.h>
#include <pthread.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "runtime/base.h"
#include "shim/api/park.h"
#include "shim/api/wait.h"

static struct {
    pthread_mutex_t lock; /* over the rest */
    pid_t owner;          /* the process that made the descriptors */
    int fd, timer_fd;
} shared = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void set_timer(uint64_t next_ns)
{
    struct itimerspec at = { { 0 }, { 0 } };
    pthread_mutex_lock(&shared.lock);
    if (shared.owner == getpid()) {
        if (next_ns != DEADLINE_NEVER) {
            at.it_value.tv_sec = (time_t)(next_ns / NSEC_PER_SEC);
            at.it_value.tv_nsec = (long)(next_ns % NSEC_PER_SEC);
        }
        timerfd_settime(shared.timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
    }
    pthread_mutex_unlock(&shared.lock);
}

int coro_run_once(double *seconds)
{
    uint64_t next_ns;
    if (!api_is_running())
        return api_error(ENOSYS);
    int runnable = (int)api_run_once(&next_ns);
    set_timer(runnable ? 1 : next_ns);
    if (seconds && next_ns == DEADLINE_NEVER) {
        *seconds = CORO_FOREVER;
    } else if (seconds) {
        uint64_t now = api_now_ns();
        *seconds = next_ns > now ? (double)(next_ns - now) / (double)NSEC_PER_SEC : 0;
    }
    return runnable;
}

/* Under the lock. Returns an error number. */
static int make_descriptors(void)
{
    int timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (timer_fd < 0)
        return errno;
    int fd = api_loop_fd(timer_fd);
    if (fd < 0) {
        close(timer_fd);
        return -fd;
    }
    shared.fd = fd;
    shared.timer_fd = timer_fd;
    shared.owner = getpid();
    return 0;
}

int coro_loop_fd(void)
{
    if (!api_is_running())
        return api_error(ENOSYS);
    pthread_mutex_lock(&shared.lock);
    int error = shared.owner == getpid() ? 0 : make_descriptors();
    int fd = shared.fd;
    pthread_mutex_unlock(&shared.lock);
    return error ? api_error(error) : fd;
}
