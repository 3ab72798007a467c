/* What is pending: from before the first thread, across exec, beyond the limit, until a signal is
 * ignored, and how often a timer ran meanwhile. */
#include "test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static volatile int handled;
static pthread_barrier_t barrier;

static void handler(int number)
{
    (void)number;
    handled++;
}

static sigset_t set_of(int number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    return set;
}

static void change_mask(int how, int number)
{
    sigset_t set = set_of(number);
    CHECK_EQ(pthread_sigmask(how, &set, NULL), 0);
}

static int is_pending(int number)
{
    sigset_t set;
    CHECK_EQ(sigpending(&set), 0);
    return sigismember(&set, number);
}

static void *look(void *arg)
{
    (void)arg;
    printf("another thread: USR1 %d USR2 %d\n", is_pending(SIGUSR1), is_pending(SIGUSR2));
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

/* SIGUSR1 was sent to the main thread, SIGUSR2 to the process. */
static void before_the_first_thread(void)
{
    change_mask(SIG_BLOCK, SIGUSR1);
    change_mask(SIG_BLOCK, SIGUSR2);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR2);
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t other = start(look, NULL);
    pthread_barrier_wait(&barrier);
    printf("main: USR1 %d USR2 %d\n", is_pending(SIGUSR1), is_pending(SIGUSR2));
    sigset_t set = set_of(SIGUSR1);
    siginfo_t info;
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    CHECK_EQ(info.si_code, SI_USER);
    set = set_of(SIGUSR2);
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR2);
    CHECK_EQ(info.si_code, SI_USER);
    CHECK_EQ(is_pending(SIGUSR1) | is_pending(SIGUSR2), 0);
    pthread_barrier_wait(&barrier);
    join(other);
}

static void *idle(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void ignoring(void)
{
    const struct sigaction ignore = { .sa_handler = SIG_IGN }, act = { .sa_handler = handler };
    CHECK_EQ(sigaction(SIGHUP, &act, NULL), 0);
    change_mask(SIG_BLOCK, SIGHUP);
    raise(SIGHUP);
    kill(getpid(), SIGHUP);
    CHECK_EQ(is_pending(SIGHUP), 1);
    CHECK_EQ(sigaction(SIGHUP, &ignore, NULL), 0);
    printf("ignored: %d\n", is_pending(SIGHUP));
    CHECK_EQ(sigaction(SIGHUP, &act, NULL), 0);
    change_mask(SIG_UNBLOCK, SIGHUP);
    printf("handled: %d\n", handled);
}

static void timer_overruns(void)
{
    const struct sigaction act = { .sa_handler = handler };
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
    struct itimerspec fast = { { 0, 1000000 }, { 0, 1000000 } }, off = { 0 };
    timer_t timer;
    CHECK_EQ(sigaction(SIGALRM, &act, NULL), 0);
    change_mask(SIG_BLOCK, SIGALRM);
    CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    CHECK_EQ(timer_settime(timer, 0, &fast, NULL), 0);
    sleep_ms(50);
    handled = 0;
    sigset_t set = set_of(SIGALRM);
    siginfo_t info;
    CHECK_EQ(sigwaitinfo(&set, &info), SIGALRM);
    CHECK_EQ(timer_settime(timer, 0, &off, NULL), 0);
    CHECK(info.si_overrun >= 40);
    CHECK_EQ(timer_delete(timer), 0);
    puts("overruns counted");
}

static int queue_to_process(int value)
{
    return sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = value }) == 0 ? 0 : errno;
}

static int queue_to_thread(int value)
{
    return pthread_sigqueue(pthread_self(), SIGRTMIN, (union sigval){ .sival_int = value });
}

static void queue_until_refused(int (*queue)(int))
{
    struct rlimit old, few;
    CHECK_EQ(getrlimit(RLIMIT_SIGPENDING, &old), 0);
    few = old;
    few.rlim_cur = 20;
    CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &few), 0);
    change_mask(SIG_BLOCK, SIGRTMIN);
    int sent = 0, error = 0;
    while (sent < 1000 && !(error = queue(sent)))
        sent++;
    CHECK_EQ(error, EAGAIN);
    CHECK(sent <= 20);
    CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &old), 0);
    sigset_t set = set_of(SIGRTMIN);
    siginfo_t info;
    for (int i = 0; i < sent; i++) {
        CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
        CHECK_EQ(info.si_value.sival_int, i);
    }
    puts("queue limited");
}

/* More than any table of ours holds come in at once. */
static void many_at_once(void)
{
    const struct sigaction act = { .sa_handler = handler };
    CHECK_EQ(sigaction(SIGRTMIN, &act, NULL), 0);
    for (int i = 0; i < 2000; i++)
        CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval){ 0 }), 0);
    handled = 0;
    change_mask(SIG_UNBLOCK, SIGRTMIN);
    printf("at once: %d\n", handled);
}

static void after_exec(void)
{
    printf("after exec: USR1 %d RTMIN %d HUP %d\n", is_pending(SIGUSR1), is_pending(SIGRTMIN),
           is_pending(SIGHUP));
    sigset_t set = set_of(SIGRTMIN);
    siginfo_t info;
    CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
    CHECK_EQ(info.si_value.sival_int, 77);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        after_exec();
        return 0;
    }
    before_the_first_thread();
    sigset_t all, old;
    sigfillset(&all);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &all, &old), 0);
    pthread_t other = start(idle, NULL);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
    ignoring();
    timer_overruns();
    queue_until_refused(queue_to_process);
    queue_until_refused(queue_to_thread);
    many_at_once();
    fflush(stdout);
    change_mask(SIG_BLOCK, SIGUSR1);
    change_mask(SIG_BLOCK, SIGRTMIN);
    pthread_kill(pthread_self(), SIGUSR1);
    pthread_sigqueue(pthread_self(), SIGRTMIN, (union sigval){ .sival_int = 77 });
    pthread_kill(other, SIGHUP);
    CHECK_EQ(execl("/nonexistent", "x", NULL), -1);
    CHECK_EQ(is_pending(SIGUSR1), 1);
    execl("/proc/self/exe", argv[0], "again", NULL);
    return 1;
}
