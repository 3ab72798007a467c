/* The context that a handler is given tells where its thread is, also when it interrupts a call: a
 * profiler or a crash handler unwinds from there. */
#include "test.h"

#include <dlfcn.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>

static int ends[2];
static volatile sig_atomic_t handled;
static char *volatile outer;

static void check_place(ucontext_t *context)
{
    Dl_info where = { 0 };
    char *pc = (char *)context->uc_mcontext.gregs[REG_RIP];
    char *sp = (char *)context->uc_mcontext.gregs[REG_RSP], here;
    CHECK(dladdr(pc, &where));
    CHECK(!strstr(where.dli_fname, "coroshim"));
    CHECK(sp > &here && sp < outer);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info;
    check_place(context);
    handled++;
}

static void *blocks(void *raw)
{
    char byte;
    outer = (char *)__builtin_frame_address(0) + 4096;
    ssize_t bytes = raw ? syscall(SYS_read, ends[0], &byte, 1) : read(ends[0], &byte, 1);
    CHECK(bytes == -1 && errno == EINTR);
    CHECK_EQ(pause(), -1);
    return NULL;
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    for (long raw = 0; raw < 2; raw++) {
        pthread_t thread = start(blocks, (void *)raw);
        for (int wanted = 1; wanted <= 2; wanted++) {
            handled = 0;
            sleep_ms(20);
            CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
            while (!handled)
                sleep_ms(1);
        }
        join(thread);
    }
    puts("every handler knew the place");
    return 0;
}
