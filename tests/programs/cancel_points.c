/* pthread_cancel of threads blocked in cancellation points: each ends as PTHREAD_CANCELED, its
 * handlers run in reverse, and a cancelled wait holds its mutex again. */
#include "net.h"

#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/wait.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static sem_t sem, started;
static int ends[2], sockets[2], server, epoll;
static pthread_t other;
static pid_t child;

static void in_read(void)
{
    char byte;
    read(ends[0], &byte, 1);
}
static void in_write(void)
{
    static char data[1 << 20];
    write(ends[1], data, sizeof(data));
}
static void in_recv(void)
{
    char byte;
    recv(sockets[0], &byte, 1, 0);
}
static void in_accept(void)
{
    accept(server, NULL, NULL);
}
static void in_poll(void)
{
    poll(NULL, 0, -1);
}
static void in_select(void)
{
    select(0, NULL, NULL, NULL, NULL);
}
static void in_epoll_wait(void)
{
    struct epoll_event event;
    epoll_wait(epoll, &event, 1, -1);
}
static void in_sleep(void)
{
    sleep(100000);
}
static void in_nanosleep(void)
{
    nanosleep(&(struct timespec){ 100000, 0 }, NULL);
}
static void in_pause(void)
{
    pause();
}
static void in_sem_wait(void)
{
    sem_wait(&sem);
}
static void in_join(void)
{
    pthread_join(other, NULL);
}
static void in_waitpid(void)
{
    waitpid(child, NULL, 0);
}
static void in_cond_timedwait(void)
{
    struct timespec then = in_ms(CLOCK_REALTIME, 100000000);
    pthread_cond_timedwait(&never, &lock, &then);
}
static void in_cond_wait(void)
{
    pthread_cond_wait(&never, &lock);
}
static void in_testcancel(void)
{
    pthread_testcancel();
}

static const struct {
    const char *name;
    void (*block)(void);
} points[] = {
    { "read", in_read },
    { "write", in_write },
    { "recv", in_recv },
    { "accept", in_accept },
    { "poll", in_poll },
    { "select", in_select },
    { "epoll_wait", in_epoll_wait },
    { "sleep", in_sleep },
    { "nanosleep", in_nanosleep },
    { "pause", in_pause },
    { "sem_wait", in_sem_wait },
    { "pthread_join", in_join },
    { "waitpid", in_waitpid },
    { "pthread_cond_timedwait", in_cond_timedwait },
    { "pthread_cond_wait", in_cond_wait },
    { "pthread_testcancel", in_testcancel },
};

static void cleans_up(void *arg)
{
    strcat(arg, "b");
}

static void unlocks(void *arg)
{
    strcat(arg, "a");
    /* An error-checking mutex: only its owner may unlock it. */
    CHECK_EQ(pthread_mutex_unlock(&lock), 0);
}

static char trace[8];

static void *blocks(void *arg)
{
    void (*block)(void) = points[(long)arg].block;
    pthread_cleanup_push(cleans_up, trace);
    CHECK_EQ(pthread_mutex_lock(&lock), 0);
    pthread_cleanup_push(unlocks, trace);
    sem_post(&started);
    for (;;)
        block();
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return NULL;
}

static void *waits_for_end(void *arg)
{
    sem_wait(arg);
    return NULL;
}

int main(void)
{
    sem_t end;
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&lock, &attr);
    sem_init(&sem, 0, 0);
    sem_init(&started, 0, 0);
    sem_init(&end, 0, 0);
    child = fork();
    if (child == 0)
        for (;;)
            pause();
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    server = listen_socket();
    epoll = epoll_create1(0);
    other = start(waits_for_end, &end);
    for (long i = 0; i < COUNT(points); i++) {
        memset(trace, 0, sizeof(trace));
        pthread_t thread = start(blocks, (void *)i);
        sem_wait(&started);
        if (i % 4)
            sleep_ms(2);
        CHECK_EQ(pthread_cancel(thread), 0);
        CHECK(join(thread) == PTHREAD_CANCELED);
        printf("%s: %s\n", points[i].name, trace);
    }
    sem_post(&end);
    join(other);
    kill(child, SIGKILL);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    return 0;
}
