/* Handlers run in the thread that the signal is for, on its stack, with its thread-local values and
 * its own mask; a signal for the process goes to a thread that does not block it. */
#include "test.h"

#include <semaphore.h>
#include <signal.h>
#include <ucontext.h>

#define THREADS 6

static __thread int my_number, my_hits;
static __thread pthread_t self;
static volatile sig_atomic_t process_hits;
static sem_t handled;
static int stop;

static void on_usr1(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    char local;
    CHECK_EQ(number, SIGUSR1);
    CHECK_EQ(info->si_pid, getpid());
    CHECK(context != NULL);
    CHECK(pthread_equal(self, pthread_self()));
    uintptr_t interrupted = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RSP];
    CHECK(interrupted > (uintptr_t)&local && interrupted - (uintptr_t)&local < 100000);
    my_hits++;
    sem_post(&handled);
    errno = saved;
}

static void on_usr2(int number)
{
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    CHECK(sigismember(&mask, number) && sigismember(&mask, SIGHUP));
    CHECK_EQ(my_number, THREADS);
    process_hits++;
    sem_post(&handled);
}

static void *is_hit(void *arg)
{
    sigset_t set;
    self = pthread_self();
    my_number = (int)(long)arg;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    sem_post(&handled);
    errno = 55;
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        if (my_number % 3 == 0)
            usleep(300);
        CHECK(errno == 55 || errno == EINTR);
        errno = 55;
    }
    return (void *)(long)my_hits;
}

static void wait_handled(int count)
{
    while (count > 0)
        if (sem_wait(&handled) == 0)
            count--;
}

int main(void)
{
    pthread_t threads[THREADS];
    struct sigaction action = { .sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO };
    sem_init(&handled, 0, 0);
    self = pthread_self();
    my_number = THREADS;
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    action = (struct sigaction){ .sa_handler = on_usr2, .sa_flags = SA_RESTART };
    sigaddset(&action.sa_mask, SIGHUP);
    CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(is_hit, (void *)i);
    wait_handled(THREADS);
    for (int round = 0; round < 10; round++)
        for (int i = 0; i < THREADS; i++) {
            CHECK_EQ(pthread_kill(threads[i], SIGUSR1), 0);
            wait_handled(1);
        }
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(kill(getpid(), SIGUSR2), 0);
        wait_handled(1);
    }
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_EQ(my_hits, 1);
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < THREADS; i++)
        printf("thread %d: %ld signals\n", i, (long)join(threads[i]));
    printf("process: %d signals\n", (int)process_hits);
    return 0;
}
