/* Job control: a process of threads stops as a whole and goes on as a whole, and its parent is told;
 * handlers of SIGTSTP and SIGCONT run in a thread. */
#include "test.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define THREADS 3

static volatile long *beats; /* shared with the child */
static volatile int *told;

static void *beats_on(void *arg)
{
    for (;;) {
        __atomic_add_fetch(&beats[(long)arg], 1, __ATOMIC_SEQ_CST);
        sleep_ms(1);
    }
    return arg;
}

static void handler(int signal)
{
    told[signal == SIGCONT] = 1;
}

static void live(void)
{
    signal(SIGTSTP, handler);
    signal(SIGCONT, handler);
    for (long i = 0; i < THREADS; i++)
        start(beats_on, (void *)i);
    for (;;)
        pause();
}

/* Waits until each thread has beaten again. */
static void wait_for_beats(void)
{
    for (int i = 0; i < THREADS; i++)
        for (long before = beats[i]; beats[i] == before;)
            sleep_ms(1);
}

static void wait_for(int what)
{
    while (!told[what])
        sleep_ms(1);
    told[what] = 0;
}

static void *returns(void *arg)
{
    return arg;
}

static void *watches(void *arg)
{
    int status;
    long before[THREADS];
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        live();
    wait_for_beats();
    CHECK_EQ(kill(child, SIGTSTP), 0); /* it is handled: nothing stops */
    wait_for(0);
    wait_for_beats();
    for (int round = 0; round < 5; round++) {
        CHECK_EQ(kill(child, SIGSTOP), 0);
        CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
        CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
        for (int i = 0; i < THREADS; i++)
            before[i] = beats[i];
        sleep_ms(20);
        for (int i = 0; i < THREADS; i++)
            CHECK_EQ(beats[i], before[i]);
        CHECK_EQ(kill(child, SIGCONT), 0);
        CHECK_EQ(waitpid(child, &status, WCONTINUED), child);
        CHECK(WIFCONTINUED(status));
        wait_for(1);
        wait_for_beats();
    }
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return arg;
}

int main(void)
{
    beats = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(beats != MAP_FAILED);
    told = (volatile int *)(beats + THREADS);
    join(start(returns, NULL));
    join(start(watches, NULL));
    puts("stopped and continued 5 times");
    return 0;
}
