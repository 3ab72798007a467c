/* A signalfd tells each thread of its own signals and the process's, and of no other's, also when another
 * thread does not block them; to read, poll, select and epoll alike. */
#include "test.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/uio.h>

static int fd, stop[2];
static pthread_barrier_t open_now;

static void must_not_run(int number)
{
    (void)number;
    CHECK(!"a handler ran");
}

static void *blocks_nothing(void *arg)
{
    char byte;
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, arg, NULL), 0);
    pthread_barrier_wait(&open_now);
    CHECK_EQ(read(stop[0], &byte, 1), 1);
    return NULL;
}

static int ready(int ms)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    return poll(&one, 1, ms);
}

static int set_of(void)
{
    int set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.u32 = 5 };
    CHECK(set >= 0);
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
    return set;
}

static void by_poll(void)
{
    CHECK_EQ(ready(-1), 1);
}

static void by_select(void)
{
    fd_set readable;
    FD_ZERO(&readable);
    FD_SET(fd, &readable);
    CHECK_EQ(select(fd + 1, &readable, NULL, NULL, NULL), 1);
    CHECK(FD_ISSET(fd, &readable));
}

static void by_epoll(void)
{
    struct epoll_event event;
    int set = set_of();
    CHECK_EQ(epoll_wait(set, &event, 1, -1), 1);
    CHECK(event.events == EPOLLIN && event.data.u32 == 5);
    close(set);
}

static void by_poll_of_epoll(void)
{
    struct pollfd one = { .fd = set_of(), .events = POLLIN };
    CHECK_EQ(poll(&one, 1, -1), 1);
    close(one.fd);
}

static void by_read(void)
{
}

static struct signalfd_siginfo take(void)
{
    struct signalfd_siginfo info;
    CHECK_EQ(read(fd, &info, sizeof(info)), (ssize_t)sizeof(info));
    return info;
}

struct reader {
    void (*waits)(void);
    const char *name;
};

static void *reads(void *arg)
{
    const struct reader *reader = arg;
    struct epoll_event event;
    reader->waits();
    struct signalfd_siginfo info = take();
    CHECK_EQ(info.ssi_pid, getpid());
    CHECK_EQ(ready(0), 0);
    int set = set_of();
    CHECK_EQ(epoll_wait(set, &event, 1, 0), 0);
    close(set);
    printf("%s: %s, code %d, %d\n", reader->name, info.ssi_signo == SIGUSR1 ? "USR1" : "RTMIN",
           info.ssi_code, info.ssi_int);
    return NULL;
}

static void each_way(void)
{
    static const struct reader readers[] = {
        { by_poll, "poll" },   { by_select, "select" },
        { by_epoll, "epoll" }, { by_poll_of_epoll, "poll of epoll" },
        { by_read, "read" },
    };
    for (int i = 0; i < 2 * COUNT(readers); i++) {
        pthread_t thread = start(reads, (void *)&readers[i / 2]);
        if (i / 2 != 2) /* it waits by then, or comes later */
            sleep_ms(5);
        if (i % 2)
            CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
        else
            CHECK_EQ(pthread_sigqueue(thread, SIGRTMIN, (union sigval){ .sival_int = i }), 0);
        join(thread);
    }
}

static void *finds_none(void *arg)
{
    struct epoll_event event;
    int set = set_of();
    printf("another's: poll %d, ", ready(5));
    printf("epoll %d\n", epoll_wait(set, &event, 1, 5));
    close(set);
    return arg;
}

static void only_own(void)
{
    CHECK_EQ(pthread_kill(pthread_self(), SIGRTMIN), 0);
    CHECK_EQ(pthread_kill(pthread_self(), SIGTERM), 0);
    join(start(finds_none, NULL));
    CHECK_EQ(take().ssi_signo, SIGTERM);
    CHECK_EQ(take().ssi_signo, SIGRTMIN);
}

/* One's own first, and the process's in the same read. */
static void several(void)
{
    struct signalfd_siginfo info[5];
    struct iovec parts[1] = { { &info[3], sizeof(info[3]) } };
    for (int i = 1; i <= 2; i++)
        CHECK_EQ(pthread_sigqueue(pthread_self(), SIGRTMIN, (union sigval){ .sival_int = i }), 0);
    CHECK_EQ(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 3 }), 0);
    CHECK_EQ(read(fd, info, sizeof(info)), 3 * (ssize_t)sizeof(info[0]));
    for (int i = 0; i < 3; i++)
        printf("several: RTMIN+%d, %d\n", (int)info[i].ssi_signo - SIGRTMIN, info[i].ssi_int);
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    CHECK_EQ(readv(fd, parts, 1), (ssize_t)sizeof(info[0]));
    CHECK_EQ(info[3].ssi_signo, SIGUSR1);
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    CHECK_EQ(read(fd, info, sizeof(info[0]) - 1), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(take().ssi_signo, SIGUSR1);
}

static void from_timer(clockid_t clock, int notify, int number)
{
    timer_t timer;
    struct sigevent event = { .sigev_notify = notify, .sigev_signo = number };
    struct itimerspec soon = { .it_value = { 0, 1 } };
    event.sigev_value.sival_int = 44;
    event._sigev_un._tid = gettid();
    CHECK_EQ(timer_create(clock, &event, &timer), 0);
    CHECK_EQ(timer_settime(timer, 0, &soon, NULL), 0);
    while (!ready(0)) /* it may measure our own time */
        continue;
    struct signalfd_siginfo info = take();
    CHECK(info.ssi_code == SI_TIMER && info.ssi_int == 44 && (int)info.ssi_signo == number);
    CHECK_EQ(timer_delete(timer), 0);
}

int main(void)
{
    sigset_t all, some;
    siginfo_t info;
    struct sigaction action = { .sa_handler = must_not_run };
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(sigaction(SIGRTMIN, &action, NULL), 0);
    sigemptyset(&some);
    sigaddset(&some, SIGUSR1);
    sigaddset(&some, SIGRTMIN);
    all = some;
    sigaddset(&all, SIGTERM);
    sigaddset(&all, SIGRTMIN + 1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &all, NULL), 0);
    CHECK_EQ(pipe(stop), 0);
    CHECK_EQ(pthread_barrier_init(&open_now, NULL, 2), 0);
    fd = signalfd(-1, &all, SFD_CLOEXEC);
    CHECK(fd >= 0);
    pthread_t open = start(blocks_nothing, &some);
    pthread_barrier_wait(&open_now);

    each_way();
    only_own();
    several();
    from_timer(CLOCK_MONOTONIC, SIGEV_THREAD_ID, SIGRTMIN);
    from_timer(CLOCK_THREAD_CPUTIME_ID, SIGEV_SIGNAL, SIGRTMIN + 1);
    CHECK_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    CHECK_EQ(sigwaitinfo(&all, &info), SIGUSR1);
    CHECK_EQ(ready(0), 0);
    CHECK_EQ(write(stop[1], "x", 1), 1);
    join(open);
    puts("all came");
    return 0;
}
