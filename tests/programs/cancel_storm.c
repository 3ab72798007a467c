/* Hundreds of threads, cancelled at any moment in whatever they do: blocked, about to block, running,
 * between two types of cancelability. Every one ends as PTHREAD_CANCELED, its handler and its key's
 * destructor run once, and no lock stays taken. */
#include "test.h"

#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/socket.h>

#define THREADS 150
#define ROUNDS  3

static int ends[2], sockets[2];
static sem_t sem;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
static pthread_key_t key;
static pthread_t sleeper;
static int cleaned, destroyed;

static void count(void *arg)
{
    __atomic_add_fetch(arg ? &destroyed : &cleaned, 1, __ATOMIC_SEQ_CST);
    usleep(1); /* a cancellation point, but not in a thread that ends */
}

static void unlock(void *arg)
{
    CHECK_EQ(pthread_mutex_unlock(arg), 0);
}

static void wait_cond(unsigned milliseconds)
{
    CHECK_EQ(pthread_mutex_lock(&lock), 0);
    pthread_cleanup_push(unlock, &lock);
    if (milliseconds) {
        struct timespec then = in_ms(CLOCK_REALTIME, milliseconds);
        pthread_cond_timedwait(&never, &lock, &then);
    } else {
        pthread_cond_wait(&never, &lock);
    }
    pthread_cleanup_pop(1);
}

static void asynchronously(int fd)
{
    volatile unsigned turns = 0;
    char byte;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
    if (fd >= 0)
        read(fd, &byte, 1);
    for (;;)
        turns++;
}

static void disabled_for_a_while(void)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    CHECK_EQ(pthread_rwlock_rdlock(&shared), 0);
    CHECK_EQ(usleep(50), 0);
    CHECK_EQ(pthread_rwlock_unlock(&shared), 0);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_testcancel();
}

static void block(long kind)
{
    struct pollfd one = { .fd = sockets[0], .events = POLLIN };
    char byte;
    sigset_t set;
    int got;
    switch (kind) {
    case 0:
        read(ends[0], &byte, 1);
        return;
    case 1:
        recv(sockets[0], &byte, 1, 0);
        return;
    case 2:
        poll(&one, 1, -1);
        return;
    case 3:
        usleep(20);
        return;
    case 4:
        sem_wait(&sem);
        return;
    case 5:
        wait_cond(0);
        return;
    case 6:
        wait_cond(1);
        return;
    case 7:
        asynchronously(-1);
        return;
    case 8:
        asynchronously(ends[0]);
        return;
    case 9:
        disabled_for_a_while();
        return;
    case 10:
        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        sigwait(&set, &got);
        return;
    default:
        pthread_join(sleeper, NULL);
    }
}

static void *works(void *arg)
{
    int old;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
    CHECK_EQ(pthread_setspecific(key, &destroyed), 0);
    pthread_cleanup_push(count, NULL);
    pthread_setcancelstate(old, NULL);
    for (;;)
        block((long)arg % 12);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *sleeps(void *arg)
{
    for (;;)
        pause();
    return arg;
}

int main(void)
{
    static pthread_t threads[THREADS];
    unsigned seed = 1;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    sem_init(&sem, 0, 0);
    CHECK_EQ(pthread_key_create(&key, count), 0);
    sleeper = start(sleeps, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        for (long i = 0; i < THREADS; i++)
            threads[i] = start(works, (void *)i);
        if (round)
            usleep((unsigned)rand_r(&seed) % 2000);
        for (int i = 0; i < THREADS; i++)
            CHECK_EQ(pthread_cancel(threads[(i * 7) % THREADS]), 0);
        for (int i = 0; i < THREADS; i++)
            CHECK(join(threads[i]) == PTHREAD_CANCELED);
    }
    printf("%d cleaned, %d destroyed\n", cleaned, destroyed);
    CHECK_EQ(pthread_mutex_trylock(&lock), 0);
    CHECK_EQ(pthread_rwlock_trywrlock(&shared), 0);
    CHECK_EQ(pthread_cancel(sleeper), 0);
    CHECK(join(sleeper) == PTHREAD_CANCELED);
    return 0;
}
