/* Of several signals that are let in together each interrupts the handler of the last before it has
 * begun, so the highest number runs first, and the thread's own after the process's; what a handler's frame says about mask and alternate stack
 * holds after it. */
#include "test.h"

#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31) /* libc has it no earlier than 2.39 */
#endif

static char stack_a[65536], stack_b[65536];
static char order[64];
static sigjmp_buf away;

static void note(int number)
{
    char text[8];
    snprintf(text, sizeof(text), " %d", number - SIGRTMIN);
    strcat(order, text);
}

static void install(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction act = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };
    CHECK_EQ(sigaction(number, &act, NULL), 0);
}

static void noting(int number, siginfo_t *info, void *context)
{
    (void)info, (void)context;
    note(number);
}

static void jumping(int number, siginfo_t *info, void *context)
{
    noting(number, info, context);
    siglongjmp(away, 1);
}

static void let_in(const char *what, void (*send)(int))
{
    sigset_t set, old;
    sigemptyset(&set);
    order[0] = 0;
    for (int i = 0; i < 4; i++)
        sigaddset(&set, SIGRTMIN + i);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
    for (int i = 0; i < 4; i++)
        send(SIGRTMIN + i);
    send(SIGRTMIN + 1);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
    printf("%s:%s\n", what, order);
}

static void send_to_thread(int number)
{
    CHECK_EQ(pthread_kill(pthread_self(), number), 0);
}

static void send_to_process(int number)
{
    CHECK_EQ(kill(getpid(), number), 0);
}

/* Two are the process's, and the one with the highest number is the thread's own. */
static void send_one_to_thread(int number)
{
    if (number == SIGRTMIN + 3)
        send_to_thread(number);
    else if (number != SIGRTMIN + 2)
        send_to_process(number);
}

/* A standard signal is pending once for the thread and once for the process. */
static void twice(void)
{
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    order[0] = 0;
    install(SIGUSR2, noting, 0);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, &old), 0);
    for (int i = 0; i < 3; i++) {
        send_to_thread(SIGUSR2);
        send_to_process(SIGUSR2);
    }
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
    int times = 0;
    for (const char *at = order; (at = strchr(at, ' ')); at++)
        times++;
    printf("thread's and process's: %d times\n", times);
}

static void blocks_usr2(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGUSR2);
}

static void swaps_stack(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
    stack_t other = { .ss_sp = stack_b, .ss_size = sizeof(stack_b) };
    CHECK_EQ(sigaltstack(&other, NULL), 0);
}

static void *stack_seen, *stack_in_context;
static int flags_seen;

static void looks(int number, siginfo_t *info, void *context)
{
    stack_t now;
    (void)number, (void)info;
    stack_in_context = ((ucontext_t *)context)->uc_stack.ss_sp;
    CHECK_EQ(sigaltstack(NULL, &now), 0);
    flags_seen = now.ss_flags;
    stack_seen = now.ss_sp;
}

static void frames(void)
{
    stack_t first = { .ss_sp = stack_a, .ss_size = sizeof(stack_a) }, now;
    sigset_t mask;
    install(SIGUSR1, blocks_usr2, 0);
    send_to_thread(SIGUSR1);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    printf("mask from the context: %d\n", sigismember(&mask, SIGUSR2));
    CHECK_EQ(sigaltstack(&first, NULL), 0);
    install(SIGUSR1, swaps_stack, 0);
    send_to_thread(SIGUSR1);
    CHECK_EQ(sigaltstack(NULL, &now), 0);
    printf("stack restored: %d\n", now.ss_sp == stack_a);
    install(SIGUSR1, looks, SA_ONSTACK);
    send_to_process(SIGUSR1);
    printf("on the stack: %d %d %d\n", flags_seen == SS_ONSTACK, stack_seen == stack_a,
           stack_in_context == stack_a);
    first.ss_flags = (int)SS_AUTODISARM;
    CHECK_EQ(sigaltstack(&first, NULL), 0);
    send_to_thread(SIGUSR1);
    printf("disarmed: %d %d\n", flags_seen == SS_DISABLE, stack_in_context == stack_a);
    CHECK_EQ(sigaltstack(NULL, &now), 0);
    printf("armed again: %d %d\n", now.ss_sp == stack_a, now.ss_flags == (int)SS_AUTODISARM);
}

static void *run(void *arg)
{
    (void)arg;
    for (int i = 0; i < 4; i++)
        install(SIGRTMIN + i, noting, 0);
    let_in("thread", send_to_thread);
    let_in("process", send_to_process);
    let_in("thread and process", send_one_to_thread);
    twice();
    install(SIGRTMIN + 3, jumping, 0);
    if (!sigsetjmp(away, 1))
        let_in("unreached", send_to_thread);
    printf("jumped away:%s\n", order);
    install(SIGRTMIN + 3, noting, 0);
    sigset_t none;
    sigemptyset(&none);
    order[0] = 0;
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &none, NULL), 0);
    printf("then:%s\n", order);
    frames();
    return NULL;
}

static void *wait_long(void *arg)
{
    for (;;)
        pause();
    return arg;
}

int main(void)
{
    sigset_t all, old;
    sigfillset(&all);
    run(NULL);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    start(wait_long, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    run(NULL);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    pthread_t other = start(run, NULL);
    join(other);
    return 0;
}
