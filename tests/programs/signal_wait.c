/* One thread takes the process's signals by sigwait, sigwaitinfo and sigtimedwait, and by signalfd,
 * while all others block them; queued real-time signals keep their order and values. */
#include "test.h"

#include <signal.h>
#include <sys/signalfd.h>

static sigset_t set;
static pthread_barrier_t barrier;

static void *takes(void *arg)
{
    siginfo_t info;
    int number;
    struct timespec span = span_ms(30);
    CHECK_EQ(sigwait(&set, &number), 0);
    printf("sigwait: %s\n", sigabbrev_np(number));
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN + 1);
        printf("sigwaitinfo: value %d\n", info.si_value.sival_int);
        CHECK_EQ(info.si_code, SI_QUEUE);
    }
    int64_t begin = now_ms();
    CHECK_EQ(sigtimedwait(&set, &info, &span), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK(now_ms() - begin >= 29);
    pthread_barrier_wait(&barrier);
    span = span_ms(50000);
    CHECK_EQ(sigtimedwait(&set, &info, &span), SIGHUP);
    puts("sigtimedwait: HUP");
    return arg;
}

static void *reads(void *arg)
{
    struct signalfd_siginfo info;
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
    CHECK_EQ(info.ssi_pid, getpid());
    printf("signalfd: %s\n", sigabbrev_np((int)info.ssi_signo));
    close(fd);
    return arg;
}

static volatile sig_atomic_t suspended;

static void ends_suspension(int number)
{
    suspended = number;
}

static void *suspends(void *arg)
{
    sigset_t without;
    pthread_sigmask(SIG_BLOCK, NULL, &without);
    sigdelset(&without, SIGUSR2);
    CHECK_EQ(sigsuspend(&without), -1);
    CHECK_EQ(errno, EINTR);
    CHECK_EQ(suspended, SIGUSR2);
    return arg;
}

static void *idles(void *arg)
{
    pthread_barrier_wait(arg);
    return NULL;
}

int main(void)
{
    pthread_t idle[4];
    pthread_barrier_t end;
    struct sigaction action = { .sa_handler = ends_suspension };
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGRTMIN + 1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    pthread_barrier_init(&end, NULL, COUNT(idle) + 1);
    pthread_barrier_init(&barrier, NULL, 2);
    for (int i = 0; i < COUNT(idle); i++)
        idle[i] = start(idles, &end);
    CHECK_EQ(kill(getpid(), SIGUSR1), 0);
    pthread_t taker = start(takes, NULL);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = i * 11 }), 0);
    pthread_barrier_wait(&barrier);
    usleep(2000);
    CHECK_EQ(pthread_kill(taker, SIGHUP), 0);
    join(taker);
    pthread_t reader = start(reads, NULL);
    usleep(2000);
    CHECK_EQ(kill(getpid(), SIGUSR2), 0);
    join(reader);
    CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
    pthread_t suspender = start(suspends, NULL);
    usleep(2000);
    CHECK_EQ(pthread_kill(suspender, SIGUSR2), 0);
    join(suspender);
    puts("sigsuspend: USR2");
    pthread_barrier_wait(&end);
    for (int i = 0; i < COUNT(idle); i++)
        join(idle[i]);
    return 0;
}
