/* Threads whose stack pointer leads into memory with no room below, as language runtimes keep their
 * own stacks, compute and take signals on alternate stacks: the memory below stays untouched. */
#include "test.h"

#include <signal.h>
#include <stdatomic.h>

#define THREADS 3
#define ROUNDS  20
#define BELOW   4096
#define RED     128 /* bytes below the stack pointer that signal handlers leave alone */

struct own_stack {
    unsigned char below[BELOW];
    unsigned char red[RED];
    long words[16];
};

static atomic_int ready, ended;

static void count(int signal, siginfo_t *info, void *context)
{
    char here;
    stack_t now;
    (void)info, (void)context, (void)signal;
    CHECK_EQ(sigaltstack(NULL, &now), 0);
    CHECK(&here >= (char *)now.ss_sp && &here < (char *)now.ss_sp + now.ss_size);
}

/* Counts down with the stack pointer at @stack, and nothing on it. */
static long spin_on(void *stack, long turns)
{
    long left = turns;
    void *saved = NULL;
    __asm__ volatile("movq %%rsp, %1\n\t"
                     "movq %2, %%rsp\n"
                     "1:\tpause\n\t"
                     "subq $1, %0\n\t"
                     "jnz 1b\n\t"
                     "movq %1, %%rsp"
                     : "+r"(left), "+&r"(saved)
                     : "r"(stack)
                     : "cc", "memory");
    return left;
}

static void *computes(void *arg)
{
    struct own_stack *own = arg;
    stack_t alternate = { .ss_sp = malloc(64 << 10), .ss_size = 64 << 10 };
    CHECK_EQ(sigaltstack(&alternate, NULL), 0);
    memset(own->below, 0x5a, BELOW);
    ready++;
    for (int round = 0; round < ROUNDS; round++) {
        CHECK_EQ(spin_on(own->words, 30000), 0);
        for (int i = 0; i < BELOW; i++)
            CHECK_EQ(own->below[i], 0x5a);
    }
    ended++;
    return arg;
}

int main(void)
{
    pthread_t threads[THREADS];
    struct sigaction action = { .sa_sigaction = count, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    struct own_stack *stacks = calloc(THREADS, sizeof(*stacks));
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(computes, &stacks[i]);
    while (ready < THREADS)
        usleep(100);
    for (int i = 0; ended < THREADS; i = (i + 1) % THREADS) {
        CHECK_EQ(pthread_kill(threads[i], SIGUSR1), 0);
        usleep(100);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK(join(threads[i]) == &stacks[i]);
    puts("nothing below was touched");
    return 0;
}
