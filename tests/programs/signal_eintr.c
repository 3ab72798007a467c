/* A handler interrupts the call that its thread is blocked in: EINTR without SA_RESTART, going on
 * with it, and always EINTR for sleeps, polls and whatever waits on a futex for a time. pthread locks
 * are never interrupted. */
#include "test.h"

#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/socket.h>

static __thread volatile sig_atomic_t hits;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static sem_t sem;
static int ends[2], sockets[2], stop, done;

static void on_signal(int number)
{
    (void)number;
    hits++;
}

static int reads(void)
{
    char byte;
    return read(ends[0], &byte, 1) == 1 ? 0 : errno;
}

static int receives(void)
{
    char byte;
    return recv(sockets[0], &byte, 1, 0) == 1 ? 0 : errno;
}

static int sleeps(void)
{
    struct timespec span = span_ms(100000), left = { 0, 0 };
    int error = nanosleep(&span, &left) == 0 ? 0 : errno;
    CHECK(left.tv_sec > 10 && left.tv_sec <= 100);
    return error;
}

/* Less than it was asked for is left, and no second is counted that has begun. */
static int sleeps_seconds(void)
{
    unsigned left = sleep(100);
    CHECK(left > 10 && left < 100);
    return EINTR;
}

static int polls(void)
{
    return poll(NULL, 0, 100000) == 0 ? 0 : errno;
}

static int waits_sem(void)
{
    return sem_wait(&sem) == 0 ? 0 : errno;
}

static int waits_sem_timed(void)
{
    struct timespec then = in_ms(CLOCK_REALTIME, 100000);
    return sem_timedwait(&sem, &then) == 0 ? 0 : errno;
}

static int waits_sem_clocked(void)
{
    struct timespec then = in_ms(CLOCK_MONOTONIC, 100000);
    return sem_clockwait(&sem, CLOCK_MONOTONIC, &then) == 0 ? 0 : errno;
}

static int pauses(void)
{
    return pause() == 0 ? 0 : errno;
}

static void *runs(void *arg)
{
    int (*call)(void) = *(int (**)(void))arg;
    int error = call();
    CHECK(error == 0 || hits > 0);
    __atomic_store_n(&done, 1, __ATOMIC_RELEASE);
    return (void *)(long)error;
}

/* Signals the thread until it is through its call: one signal may come before the call. */
static int interrupted(int (*call)(void))
{
    __atomic_store_n(&done, 0, __ATOMIC_RELEASE);
    pthread_t thread = start(runs, &call);
    while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
        usleep(1000);
        pthread_kill(thread, SIGUSR1);
    }
    return (int)(long)join(thread);
}

static int restarted(int (*call)(void))
{
    pthread_t thread = start(runs, &call);
    for (int i = 0; i < 20; i++) {
        usleep(500);
        CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
    }
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(write(sockets[1], "x", 1), 1);
    CHECK_EQ(sem_post(&sem), 0);
    return (int)(long)join(thread);
}

static void *waits_cond(void *timed)
{
    struct timespec then = in_ms(CLOCK_REALTIME, 100000);
    pthread_mutex_lock(&lock);
    while (!stop)
        CHECK_EQ(timed ? pthread_cond_timedwait(&never, &lock, &then)
                       : pthread_cond_wait(&never, &lock),
                 0);
    pthread_mutex_unlock(&lock);
    return timed;
}

static void condition(void *timed)
{
    stop = 0;
    pthread_t waiting = start(waits_cond, timed);
    for (int i = 0; i < 20; i++) {
        usleep(500);
        CHECK_EQ(pthread_kill(waiting, SIGUSR1), 0);
    }
    pthread_mutex_lock(&lock);
    stop = 1;
    pthread_cond_signal(&never);
    pthread_mutex_unlock(&lock);
    join(waiting);
}

static void install(int flags)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
}

int main(void)
{
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    sem_init(&sem, 0, 0);
    install(0);
    printf("read %s\n", strerrorname_np(interrupted(reads)));
    printf("recv %s\n", strerrorname_np(interrupted(receives)));
    printf("nanosleep %s\n", strerrorname_np(interrupted(sleeps)));
    printf("sleep %s\n", strerrorname_np(interrupted(sleeps_seconds)));
    printf("poll %s\n", strerrorname_np(interrupted(polls)));
    printf("sem_wait %s\n", strerrorname_np(interrupted(waits_sem)));
    printf("pause %s\n", strerrorname_np(interrupted(pauses)));
    install(SA_RESTART);
    printf("read, restarted: %d\n", restarted(reads));
    printf("recv, restarted: %d\n", restarted(receives));
    printf("sem_wait, restarted: %d\n", restarted(waits_sem));
    printf("nanosleep, never restarted: %s\n", strerrorname_np(interrupted(sleeps)));
    printf("poll, never restarted: %s\n", strerrorname_np(interrupted(polls)));
    printf("sem_timedwait, never restarted: %s\n", strerrorname_np(interrupted(waits_sem_timed)));
    printf("sem_clockwait, never restarted: %s\n", strerrorname_np(interrupted(waits_sem_clocked)));
    install(0);
    condition(NULL);
    condition(&never);
    puts("the condition variable was not interrupted");
    return 0;
}
