/* Waiting for several descriptors: ask the kernel without waiting; if nothing is ready, watch all
 * of them in our own poll set, park, and ask again. The kernel gives every answer, so results are
 * its own; our poll set only says when to ask. The program's epoll descriptors are watched like
 * any other. */
#include "interpose/signal.h"
#include "interpose/wait_loop.h"

#define WATCH_ON_STACK 16
#define SIGSET_BYTES   8
#define SELECT_WORDS   16 /* bits of 1024 descriptors, FD_SETSIZE */

struct watch {
    struct fd_waiter *waiters;
    uint32_t count, capacity;
    size_t mapped_bytes;
};

static int watch_open(struct watch *watch, struct fd_waiter *on_stack, uint32_t capacity)
{
    *watch = (struct watch){ .waiters = on_stack, .capacity = capacity };
    if (capacity <= WATCH_ON_STACK)
        return 0;
    watch->mapped_bytes = capacity * sizeof(*watch->waiters);
    watch->waiters = pages_map(watch->mapped_bytes);
    return watch->waiters ? 0 : -ENOMEM;
}

static void watch_add(struct watch *watch, int fd, bool for_write)
{
    if (fd < 0 || watch->count == watch->capacity)
        return;
    struct fd_waiter *waiter = &watch->waiters[watch->count];
    *waiter = (struct fd_waiter){ .co = this_co(), .fd = fd };
    if (fd_watch(waiter, for_write) == 0)
        watch->count++;
}

static void watch_clear(struct watch *watch)
{
    for (uint32_t i = 0; i < watch->count; i++) {
        fd_unwatch(&watch->waiters[i]);
        fd_wait_done(&watch->waiters[i]);
    }
    watch->count = 0;
}

static void watch_close(struct watch *watch)
{
    watch_clear(watch);
    if (watch->mapped_bytes)
        pages_unmap(watch->waiters, watch->mapped_bytes);
}

static int watch_park(struct watch *watch, uint64_t deadline)
{
    struct co_wait wait = { .kind = watch->count ? WAIT_POLL : WAIT_SLEEP,
                            .fd = -1,
                            .count = watch->count };
    if (watch->count)
        wait.fd = watch->waiters[0].fd;
    co_waits(this_co(), wait);
    int result = fault_happens(FAULT_WAKE) ? 0 : op_park(deadline);
    op_refill_pace(this_co());
    watch_clear(watch);
    return result == -ERESTARTSYS ? -ERESTARTNOHAND : result;
}

/* poll */

static long try_poll(struct pollfd *fds, nfds_t count)
{
    struct signal_loan loan = signal_lend(this_co());
    long result = poll_now(fds, count);
    signal_take_back(loan);
    return result;
}

static long poll_until(struct pollfd *fds, nfds_t count, uint64_t deadline)
{
    struct fd_waiter on_stack[WATCH_ON_STACK];
    struct watch watch;
    op_pace(true);
    long result = try_poll(fds, count);
    if (result || deadline == 0)
        return result;
    if (watch_open(&watch, on_stack, (uint32_t)count * 2) != 0)
        return -ENOMEM;
    while (!result) {
        for (nfds_t i = 0; i < count; i++) {
            watch_add(&watch, fds[i].fd, false); /* errors and hang-ups count without being asked */
            if (fds[i].events & (POLLOUT | POLLWRNORM))
                watch_add(&watch, fds[i].fd, true);
        }
        int error = watch_park(&watch, deadline);
        if (error && error != -ETIMEDOUT) {
            result = error;
            break;
        }
        result = try_poll(fds, count);
        if (error == -ETIMEDOUT)
            break;
    }
    watch_close(&watch);
    return result;
}

static uint64_t milliseconds_deadline(int timeout)
{
    if (timeout <= 0)
        return timeout ? DEADLINE_NEVER : 0;
    return deadline_after(clock_now(&runtime.clock), (uint64_t)timeout * NSEC_PER_MSEC);
}

long op_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    return poll_until(fds, count, milliseconds_deadline(timeout));
}

/* NULL: never. Zero: 0, "do not wait". */
static int timespec_deadline(const struct __kernel_timespec *timeout, uint64_t *deadline)
{
    int error = op_deadline(timeout, deadline);
    if (!error && timeout && !timeout->tv_sec && !timeout->tv_nsec)
        *deadline = 0;
    return error;
}

static struct __kernel_timespec time_left(uint64_t deadline)
{
    uint64_t now = clock_now(&runtime.clock);
    return ns_timespec(deadline > now ? deadline - now : 0);
}

/* As in the kernel, a timeout that can't be written stays as it was. */
static void put_time_left(struct __kernel_timespec *timeout, uint64_t deadline)
{
    struct __kernel_timespec left = time_left(deadline);
    user_put(timeout, left);
}

static sigbits checked_mask(const sigbits *mask, size_t bytes, int *error)
{
    sigbits wanted = 0;
    *error = mask && bytes != SIGSET_BYTES ? -EINVAL : 0;
    if (mask && !*error && user_get(wanted, mask) != 0)
        *error = -EFAULT;
    return wanted;
}

long op_ppoll(struct pollfd *fds, nfds_t count, struct __kernel_timespec *timeout,
              const sigbits *mask, size_t mask_bytes)
{
    struct co *co = this_co();
    uint64_t deadline;
    int error;
    sigbits wanted = checked_mask(mask, mask_bytes, &error);
    if (error || (error = timespec_deadline(timeout, &deadline)))
        return error;
    sigbits old = signal_push_mask(co, mask ? &wanted : NULL);
    long result = poll_until(fds, count, deadline);
    result = signal_pop_mask(co, mask, old, result);
    if (timeout && deadline)
        put_time_left(timeout, deadline);
    return result;
}

/* select: the kernel overwrites the sets, so each try works on copies. */

struct sets {
    uint64_t *in[3];
    uint64_t *copy;
    size_t words; /* per set */
    int count;
};

static long try_select(const struct sets *sets)
{
    uint64_t *copy[3];
    struct __kernel_old_timeval zero = { 0 };
    for (int i = 0; i < 3; i++) {
        copy[i] = sets->in[i] ? sets->copy + (size_t)i * sets->words : NULL;
        if (copy[i] && user_copy(copy[i], sets->in[i], sets->words * sizeof(*copy[i])) != 0)
            return -EFAULT;
    }
    struct signal_loan loan = signal_lend(this_co());
    long result;
    do /* as poll_now */
        result = sys5(__NR_select, sets->count, copy[0], copy[1], copy[2], &zero);
    while (result == -EINTR);
    signal_take_back(loan);
    return result;
}

static void deliver_sets(const struct sets *sets)
{
    for (int i = 0; i < 3; i++) {
        if (sets->in[i])
            memcpy(sets->in[i], sets->copy + (size_t)i * sets->words,
                   sets->words * sizeof(uint64_t));
    }
}

static void watch_sets(struct watch *watch, const struct sets *sets)
{
    for (int fd = 0; fd < sets->count; fd++) {
        for (int i = 0; i < 3; i++) {
            if (sets->in[i] && sets->in[i][fd / 64] >> (fd % 64) & 1)
                watch_add(watch, fd, i == 1);
        }
    }
}

static uint32_t count_bits(const struct sets *sets)
{
    uint32_t bits = 0;
    for (int i = 0; i < 3; i++) {
        for (size_t word = 0; sets->in[i] && word < sets->words; word++)
            bits += bit_count(sets->in[i][word]);
    }
    return bits;
}

static long select_loop(struct sets *sets, uint64_t deadline)
{
    struct fd_waiter on_stack[WATCH_ON_STACK];
    struct watch watch;
    op_pace(true);
    long result = try_select(sets);
    if (result || deadline == 0)
        return result;
    if (watch_open(&watch, on_stack, count_bits(sets)) != 0)
        return -ENOMEM;
    while (!result) {
        watch_sets(&watch, sets);
        int error = watch_park(&watch, deadline);
        if (error && error != -ETIMEDOUT) {
            result = error;
            break;
        }
        result = try_select(sets);
        if (error == -ETIMEDOUT)
            break;
    }
    watch_close(&watch);
    return result;
}

static long select_until(int count, fd_set *readers, fd_set *writers, fd_set *exceptions,
                         uint64_t deadline)
{
    uint64_t small[3 * SELECT_WORDS];
    if (count < 0)
        return -EINVAL;
    struct sets sets = {
        .in = { (uint64_t *)readers, (uint64_t *)writers, (uint64_t *)exceptions },
        .copy = small,
        .words = ((size_t)count + 63) / 64,
        .count = count,
    };
    size_t bytes = 3 * sets.words * sizeof(uint64_t);
    if (sets.words > SELECT_WORDS && !(sets.copy = pages_map(bytes)))
        return -ENOMEM;
    long result = select_loop(&sets, deadline);
    if (result >= 0)
        deliver_sets(&sets);
    if (sets.copy != small)
        pages_unmap(sets.copy, bytes);
    return result;
}

long op_select(int count, fd_set *readers, fd_set *writers, fd_set *exceptions,
               struct timeval *timeout)
{
    struct __kernel_old_timeval time;
    struct __kernel_timespec relative;
    uint64_t deadline = DEADLINE_NEVER;
    if (timeout) {
        if (user_get(time, timeout) != 0)
            return -EFAULT;
        if (time.tv_sec < 0 || time.tv_usec < 0)
            return -EINVAL;
        relative = ns_timespec((uint64_t)time.tv_sec * NSEC_PER_SEC +
                               (uint64_t)time.tv_usec * NSEC_PER_USEC);
        timespec_deadline(&relative, &deadline);
    }
    long result = select_until(count, readers, writers, exceptions, deadline);
    if (timeout && deadline) {
        relative = time_left(deadline);
        time.tv_sec = relative.tv_sec;
        time.tv_usec = relative.tv_nsec / 1000;
        user_put(timeout, time);
    }
    return result;
}

long op_pselect6(int count, fd_set *readers, fd_set *writers, fd_set *exceptions,
                 struct __kernel_timespec *timeout, const void *mask)
{
    struct {
        const sigbits *set;
        size_t bytes;
    } packed = { 0 };
    struct co *co = this_co();
    if (mask && user_get(packed, mask) != 0)
        return -EFAULT;
    const sigbits *set = packed.set;
    uint64_t deadline;
    int error;
    sigbits wanted = checked_mask(set, packed.bytes, &error);
    if (error || (error = timespec_deadline(timeout, &deadline)))
        return error;
    sigbits old = signal_push_mask(co, set ? &wanted : NULL);
    long result = select_until(count, readers, writers, exceptions, deadline);
    result = signal_pop_mask(co, set, old, result);
    if (timeout && deadline)
        put_time_left(timeout, deadline);
    return result;
}

/* epoll: its descriptor is readable when there are events. */

/* On a helper. */
static long epoll_outside(int fd, struct epoll_event *events, int max, uint64_t deadline)
{
    uint64_t now = clock_now(&runtime.clock);
    uint64_t left_ms = deadline > now ? (deadline - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC : 0;
    long timeout = deadline == DEADLINE_NEVER ? -1
                   : left_ms < INT32_MAX      ? (long)left_ms
                                              : INT32_MAX;
    long result = op_offload(__NR_epoll_pwait, fd, (long)events, max, timeout, 0, SIGSET_BYTES);
    return result == -ERESTARTSYS ? -ERESTARTNOHAND : result;
}

static long epoll_until(int fd, struct epoll_event *events, int max, uint64_t deadline)
{
    struct fd_waiter waiter = { .fd = fd };
    long result;
    op_pace(true);
    for (;;) {
        struct signal_loan loan = signal_lend(this_co());
        result = sys6(__NR_epoll_pwait, waiter.fd, events, max, 0, 0, SIGSET_BYTES);
        signal_take_back(loan);
        if (result || deadline == 0)
            break;
        int error = op_fd_wait(&waiter, false, deadline);
        op_refill_pace(this_co());
        if (error == -ETIMEDOUT)
            break;
        if (error == -ELOOP) { /* our own set is in it: coro_loop_fd */
            result = epoll_outside(fd, events, max, deadline);
            break;
        }
        if (error) {
            result = error == -ERESTARTSYS ? -ERESTARTNOHAND : error;
            break;
        }
    }
    fd_wait_done(&waiter);
    return result;
}

long op_epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
    return epoll_until(fd, events, max, milliseconds_deadline(timeout));
}

static long epoll_masked(int fd, struct epoll_event *events, int max, uint64_t deadline,
                         const sigbits *mask, size_t mask_bytes)
{
    struct co *co = this_co();
    int error;
    sigbits wanted = checked_mask(mask, mask_bytes, &error);
    if (error)
        return error;
    sigbits old = signal_push_mask(co, mask ? &wanted : NULL);
    long result = epoll_until(fd, events, max, deadline);
    return signal_pop_mask(co, mask, old, result);
}

long op_epoll_pwait(int fd, struct epoll_event *events, int max, int timeout, const sigbits *mask,
                    size_t mask_bytes)
{
    return epoll_masked(fd, events, max, milliseconds_deadline(timeout), mask, mask_bytes);
}

long op_epoll_pwait2(int fd, struct epoll_event *events, int max,
                     const struct __kernel_timespec *timeout, const sigbits *mask,
                     size_t mask_bytes)
{
    uint64_t deadline;
    int error = timespec_deadline(timeout, &deadline);
    return error ? error : epoll_masked(fd, events, max, deadline, mask, mask_bytes);
}
