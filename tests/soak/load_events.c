/* Loads of events: cancellations, signals, processes, threads that come and go. */
#include "soak.h"

#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

/* Cancellation of a thread in any wait: its cleanup runs, and its lock is free again. */

struct victim {
    int how;
    int tube[2];
    pthread_mutex_t mutex;
    pthread_cond_t never;
    sem_t none;
    int cleaned;
};

static void clean(void *arg)
{
    struct victim *victim = arg;
    victim->cleaned++;
    if (victim->how == 1)
        pthread_mutex_unlock(&victim->mutex);
}

static void wait_somehow(struct victim *victim)
{
    struct pollfd one = { .fd = victim->tube[0], .events = POLLIN };
    char byte;
    switch (victim->how) {
    case 0:
        read(victim->tube[0], &byte, 1);
        break;
    case 1:
        pthread_mutex_lock(&victim->mutex);
        for (;;)
            pthread_cond_wait(&victim->never, &victim->mutex);
    case 2:
        sem_wait(&victim->none);
        break;
    case 3:
        poll(&one, 1, -1);
        break;
    case 4:
        sleep(1000);
        break;
    default:
        for (;;)
            pthread_testcancel();
    }
}

static void *waits(void *arg)
{
    pthread_cleanup_push(clean, arg);
    for (;;)
        wait_somehow(arg);
    pthread_cleanup_pop(0);
    return NULL;
}

void load_cancels(uint64_t *random)
{
    struct victim victim;
    CHECK_EQ(pipe(victim.tube), 0);
    pthread_mutex_init(&victim.mutex, NULL);
    pthread_cond_init(&victim.never, NULL);
    sem_init(&victim.none, 0, 0);
    while (!round_is_over()) {
        victim.how = (int)below(random, 6);
        victim.cleaned = 0;
        /* A cancellation before cleanup_push runs nothing, and how 1 must hold its lock when it comes:
         * so it does after the thread waits, or soon. */
        pthread_t thread = start(waits, &victim);
        sleep_ms(1 + (long)below(random, 3));
        if (victim.how == 1) /* it waits once the lock can be had */
            pthread_mutex_lock(&victim.mutex), pthread_mutex_unlock(&victim.mutex);
        CHECK_EQ(pthread_cancel(thread), 0);
        CHECK(join(thread) == PTHREAD_CANCELED);
        CHECK(victim.cleaned <= 1);
        CHECK_EQ(pthread_mutex_trylock(&victim.mutex), 0);
        CHECK_EQ(pthread_mutex_unlock(&victim.mutex), 0);
        counted(CANCELS, 1);
        counted(THREADS, 1);
    }
    sem_destroy(&victim.none);
    pthread_cond_destroy(&victim.never);
    pthread_mutex_destroy(&victim.mutex);
    close(victim.tube[0]);
    close(victim.tube[1]);
}

/* Queued signals to threads in waits are all handled, by the thread that they were sent to; others
 * come to whatever thread. */

#define TARGETS 3

static struct target {
    pthread_t thread;
    int tube[2];
    long sent, handled;
} targets[TARGETS];

static void on_queued(int signal, siginfo_t *info, void *context)
{
    struct target *target = info->si_value.sival_ptr;
    (void)signal, (void)context;
    if (pthread_equal(pthread_self(), target->thread))
        __atomic_add_fetch(&target->handled, 1, __ATOMIC_SEQ_CST);
}

static void on_any(int signal)
{
    (void)signal;
}

static void *bears_signals(void *arg)
{
    struct target *target = arg;
    char byte;
    CHECK_EQ(read(target->tube[0], &byte, 1), 0); /* restarted each time, to the end */
    return NULL;
}

void load_signals(uint64_t *random)
{
    struct sigaction action = { .sa_sigaction = on_queued, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigaction(SIGRTMIN + 2, &action, NULL);
    sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_any, .sa_flags = SA_RESTART }, NULL);
    for (int i = 0; i < TARGETS; i++) {
        CHECK_EQ(pipe(targets[i].tube), 0);
        targets[i].sent = targets[i].handled = 0;
        targets[i].thread = start(bears_signals, &targets[i]);
    }
    while (!round_is_over()) {
        struct target *target = &targets[below(random, TARGETS)];
        int error =
            pthread_sigqueue(target->thread, SIGRTMIN + 2, (union sigval){ .sival_ptr = target });
        CHECK(error == 0 || error == EAGAIN);
        target->sent += error == 0;
        if (below(random, 8) == 0)
            CHECK_EQ(kill(getpid(), SIGUSR1), 0);
        if (below(random, 4) == 0)
            sleep_ms((long)below(random, 2));
    }
    for (int i = 0; i < TARGETS; i++) {
        while (__atomic_load_n(&targets[i].handled, __ATOMIC_SEQ_CST) < targets[i].sent)
            sleep_ms(1);
        CHECK_EQ(close(targets[i].tube[1]), 0);
        join(targets[i].thread);
        close(targets[i].tube[0]);
        CHECK_EQ(targets[i].handled, targets[i].sent);
        counted(SIGNALS, targets[i].sent);
    }
    counted(THREADS, TARGETS);
}

/* Processes: a child with threads of its own, and programs. */

static void *adds_one(void *arg)
{
    ++*(int *)arg;
    return NULL;
}

static void end_child(int code)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, adds_one, &code) == 0)
        pthread_join(thread, NULL);
    _exit(code);
}

void load_forks(uint64_t *random)
{
    char *const program[] = { "true", NULL };
    while (!round_is_over()) {
        int status, code = (int)below(random, 100), wanted = 0;
        pid_t child;
        if (below(random, 2)) {
            wanted = code + 1;
            child = fork();
            if (child == 0)
                end_child(code);
        } else {
            CHECK_EQ(posix_spawnp(&child, program[0], NULL, NULL, program, environ), 0);
        }
        CHECK(child > 0);
        pid_t ended;
        do
            ended = waitpid(child, &status, 0);
        while (ended < 0 && errno == EINTR);
        CHECK_EQ(ended, child);
        CHECK(WIFEXITED(status));
        CHECK_EQ(WEXITSTATUS(status), wanted);
        counted(FORKS, 1);
        sleep_ms((long)below(random, 20));
    }
}

/* Threads that come and go, joined and detached; each one's key is destroyed. */

#define CROWD 20

static pthread_key_t key;
static long destroyed;
static sem_t gone;

static void destroy(void *value)
{
    __atomic_add_fetch(&destroyed, 1, __ATOMIC_SEQ_CST);
    if (value == &gone)
        sem_post(&gone);
}

static void *comes(void *arg)
{
    CHECK_EQ(pthread_setspecific(key, arg), 0);
    return arg;
}

void load_churn(uint64_t *random)
{
    pthread_attr_t detached;
    long made = 0;
    destroyed = 0;
    CHECK_EQ(pthread_key_create(&key, destroy), 0);
    CHECK_EQ(sem_init(&gone, 0, 0), 0);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    while (!round_is_over()) {
        pthread_t threads[CROWD];
        int crowd = 1 + (int)below(random, CROWD);
        bool joined = below(random, 2);
        for (int i = 0; i < crowd; i++)
            threads[i] = joined ? start(comes, &made) : start_with(&detached, comes, &gone);
        for (int i = 0; i < crowd; i++) {
            if (joined)
                join(threads[i]);
            else
                while (sem_wait(&gone) != 0)
                    CHECK_EQ(errno, EINTR);
        }
        made += crowd;
        sleep_ms((long)below(random, 3));
    }
    CHECK_EQ(destroyed, made);
    pthread_attr_destroy(&detached);
    sem_destroy(&gone);
    pthread_key_delete(key);
    counted(THREADS, made);
}
