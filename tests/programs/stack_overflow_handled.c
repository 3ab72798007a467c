/* A program that handles SIGSEGV on an alternate stack is told when a thread overflows its stack: it may
 * go on elsewhere, as language runtimes do, or have the last word and end natively. */
#include "test.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>

static volatile int endless = 1;
static sigjmp_buf away;
static char alternate[65536];

static int descend(volatile char *above)
{
    volatile char frame[1024];
    if (!endless)
        return 0;
    frame[0] = (char)(above[0] + 1);
    return descend(frame) + frame[0];
}

static void goes_elsewhere(int number)
{
    (void)number;
    siglongjmp(away, 1);
}

static void last_word(int number)
{
    static const char text[] = "the last word\n";
    CHECK(write(1, text, sizeof(text) - 1) > 0);
    signal(number, SIG_DFL);
}

static void handle_by(void (*handler)(int))
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
    CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
}

static void *overflows(void *arg)
{
    volatile char top = 0;
    stack_t stack = { .ss_sp = alternate, .ss_size = sizeof(alternate) };
    CHECK_EQ(sigaltstack(&stack, NULL), 0);
    if (sigsetjmp(away, 1) == 0)
        return (void *)((long)arg + descend(&top));
    puts("elsewhere");
    return NULL;
}

int main(void)
{
    struct rlimit none = { 0, 0 };
    CHECK_EQ(setrlimit(RLIMIT_CORE, &none), 0);
    handle_by(goes_elsewhere);
    for (int i = 0; i < 3; i++)
        join(start(overflows, NULL));
    fflush(stdout);
    handle_by(last_word);
    join(start(overflows, NULL));
    return 0;
}
