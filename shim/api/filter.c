/* Waiting for what happens elsewhere: the names that are taken, and the simple filters. See
 * shim/coro/filter.h. A key belongs to one thread; others reach it by its name, under the lock. */
#include "shim/api/filter.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "shim/api/ready.h"

#define BUCKETS 256 /* of some ten keys each with thousands of descriptors */

pthread_mutex_t filter_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t filter_closing = PTHREAD_COND_INITIALIZER;

static struct list buckets[BUCKETS]; /* under the lock; next NULL: not used yet */

static struct list *bucket_of(uintptr_t ident, int filter)
{
    struct list *bucket = &buckets[(ident * 31 + (uintptr_t)filter) % BUCKETS];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

static bool any(const struct filter_key *key)
{
    (void)key;
    return true;
}

struct filter_key *filter_find(uintptr_t ident, int filter,
                               bool (*which)(const struct filter_key *key))
{
    struct list *bucket = bucket_of(ident, filter), *node, *after;
    list_for_each (node, after, bucket) {
        struct filter_key *key = container_of(node, struct filter_key, link);
        if (key->ident == ident && key->filter == filter && which(key))
            return key;
    }
    return NULL;
}

int filter_open(struct filter_key *key)
{
    const struct filter_ops *ops = filter_ops(key->filter);
    if (!ops)
        return EINVAL;
    key->fd = -1;
    list_init(&key->waiters);
    pthread_mutex_lock(&filter_lock);
    bool taken = key->filter != CORO_TIMER && filter_find(key->ident, key->filter, any);
    if (!taken)
        list_push(bucket_of(key->ident, key->filter), &key->link);
    pthread_mutex_unlock(&filter_lock);
    if (taken)
        return EBUSY;
    int error = ops->open(key);
    if (error) {
        pthread_mutex_lock(&filter_lock);
        list_remove(&key->link);
        pthread_mutex_unlock(&filter_lock);
    }
    return error;
}

void filter_close(struct filter_key *key)
{
    filter_ops(key->filter)->close(key);
    pthread_mutex_lock(&filter_lock);
    list_remove(&key->link);
    if (key->closed) {
        *key->closed = true;
        pthread_cond_broadcast(&filter_closing);
    }
    pthread_mutex_unlock(&filter_lock);
}

int filter_wait(struct filter_key *key, uint64_t deadline_ns, struct coro_happening *happening)
{
    *happening = (struct coro_happening){ .ident = key->ident, .filter = key->filter };
    return filter_ops(key->filter)->wait(key, deadline_ns, happening);
}

static void close_it(void *key)
{
    filter_close(key);
}

int coro_wait_for(uintptr_t ident, int filter, uint32_t fflags, double seconds,
                  struct coro_happening *happening)
{
    struct filter_key key = { .ident = ident, .filter = filter, .fflags = fflags };
    struct coro_happening unwanted;
    uint64_t deadline_ns;
    int error = api_deadline(seconds, &deadline_ns);
    if (!error)
        error = filter_open(&key);
    if (error)
        return api_error(error);
    pthread_cleanup_push(close_it, &key);
    error = filter_wait(&key, deadline_ns, happening ? happening : &unwanted);
    pthread_cleanup_pop(1);
    return error ? api_error(error) : 0;
}

/* Descriptors. */

static int fd_open(struct filter_key *key)
{
    if (key->fflags)
        return EINVAL;
    return key->ident > INT32_MAX || fcntl((int)key->ident, F_GETFD) < 0 ? EBADF : 0;
}

static void fd_close(struct filter_key *key)
{
    (void)key;
}

static int read_wait(struct filter_key *key, uint64_t deadline_ns, struct coro_happening *happening)
{
    short events;
    int bytes = 0, error = api_ready((int)key->ident, false, deadline_ns, WAIT_NONE, &events);
    if (error)
        return error;
    bool known = ioctl((int)key->ident, FIONREAD, &bytes) == 0;
    happening->data = known ? bytes : 0;
    if (events & (POLLHUP | POLLERR) || (known && !bytes))
        happening->fflags = CORO_NOTE_EOF;
    return 0;
}

static int write_wait(struct filter_key *key, uint64_t deadline_ns,
                      struct coro_happening *happening)
{
    short events;
    int error = api_ready((int)key->ident, true, deadline_ns, WAIT_NONE, &events);
    if (!error && events & (POLLHUP | POLLERR))
        happening->fflags = CORO_NOTE_EOF;
    return error;
}

/* Time. */

static int timer_open(struct filter_key *key)
{
    uint64_t unit = NSEC_PER_MSEC;
    switch (key->fflags) {
    case 0:
        break;
    case CORO_NOTE_SECONDS:
        unit = NSEC_PER_SEC;
        break;
    case CORO_NOTE_USECONDS:
        unit = NSEC_PER_USEC;
        break;
    case CORO_NOTE_NSECONDS:
        unit = 1;
        break;
    default:
        return EINVAL;
    }
    if (key->ident > INT64_MAX / unit)
        return EINVAL;
    key->period_ns = key->ident * unit;
    key->due_ns = api_now_ns() + key->period_ns;
    return 0;
}

static int timer_wait(struct filter_key *key, uint64_t deadline_ns,
                      struct coro_happening *happening)
{
    struct api_waiter waiter = { .reason = { .kind = WAIT_SLEEP }, .object = key };
    uint64_t until = key->due_ns < deadline_ns ? key->due_ns : deadline_ns;
    pthread_mutex_lock(&filter_lock);
    api_wait(&key->waiters, &filter_lock, &waiter, until);
    pthread_mutex_unlock(&filter_lock);
    uint64_t now = api_now_ns();
    if (now < key->due_ns)
        return ETIMEDOUT;
    uint64_t over = key->period_ns ? 1 + (now - key->due_ns) / key->period_ns : 1;
    key->due_ns += over * key->period_ns;
    happening->data = (int64_t)over;
    return 0;
}

/* The program's own. */

static int user_open(struct filter_key *key)
{
    return key->fflags ? EINVAL : 0;
}

static int user_wait(struct filter_key *key, uint64_t deadline_ns, struct coro_happening *happening)
{
    struct api_waiter waiter = { .reason = { .kind = WAIT_USER, .about = key->ident },
                                 .object = key };
    int error = 0;
    pthread_mutex_lock(&filter_lock);
    if (!key->triggered)
        error = api_wait(&key->waiters, &filter_lock, &waiter, deadline_ns);
    if (key->triggered)
        error = 0;
    happening->fflags = key->told;
    key->told = 0;
    key->triggered = false;
    pthread_mutex_unlock(&filter_lock);
    return error;
}

int coro_trigger(uintptr_t ident, uint32_t fflags)
{
    pthread_mutex_lock(&filter_lock);
    struct filter_key *key = filter_find(ident, CORO_USER, any);
    if (key) {
        key->triggered = true;
        key->told |= fflags;
        api_wake_all(&key->waiters, 0);
    }
    pthread_mutex_unlock(&filter_lock);
    return key ? 0 : api_error(ENOENT);
}

const struct filter_ops *filter_ops(int filter)
{
    static const struct filter_ops reading = { fd_open, read_wait, fd_close },
                                   writing = { fd_open, write_wait, fd_close },
                                   timer = { timer_open, timer_wait, fd_close },
                                   user = { user_open, user_wait, fd_close };
    static const struct filter_ops *const all[] = {
        [CORO_READ] = &reading,     [CORO_WRITE] = &writing,        [CORO_TIMER] = &timer,
        [CORO_PROC] = &filter_proc, [CORO_SIGNAL] = &filter_signal, [CORO_VNODE] = &filter_vnode,
        [CORO_USER] = &user,
    };
    return filter < CORO_READ || filter > CORO_USER ? NULL : all[filter];
}
