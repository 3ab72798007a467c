/* A cancellation that comes while a signal handler runs in the middle of a read, which the handler's
 * SA_RESTART restarts: the thread does not wait for ever, and its cleanup runs. */
#include "test.h"

#include <signal.h>

static int tube[2], in_handler, cancelled, cleaned;

static void handler(int signal)
{
    (void)signal;
    __atomic_store_n(&in_handler, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&cancelled, __ATOMIC_SEQ_CST))
        sched_yield();
}

static void clean(void *arg)
{
    (void)arg;
    __atomic_add_fetch(&cleaned, 1, __ATOMIC_SEQ_CST);
}

static void *reads(void *arg)
{
    char byte;
    pthread_cleanup_push(clean, NULL);
    for (;;)
        CHECK_EQ(read(tube[0], &byte, 1), 1);
    pthread_cleanup_pop(0);
    return arg;
}

int main(void)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    CHECK_EQ(pipe(tube), 0);
    for (int round = 0; round < 20; round++) {
        pthread_t thread = start(reads, NULL);
        in_handler = cancelled = cleaned = 0;
        sleep_ms(round % 4 * 2);
        /* Not before cleanup_push: a byte that was read shows that the thread is past it. */
        CHECK_EQ(write(tube[1], "x", 1), 1);
        int left = 1;
        while (left) {
            struct timespec pause = span_ms(1);
            nanosleep(&pause, NULL);
            char peek;
            (void)peek;
            left = __atomic_load_n(&in_handler, __ATOMIC_SEQ_CST) ? 0 : left;
            if (left)
                CHECK_EQ(pthread_kill(thread, SIGUSR1), 0);
        }
        CHECK_EQ(pthread_cancel(thread), 0);
        __atomic_store_n(&cancelled, 1, __ATOMIC_SEQ_CST);
        CHECK(join(thread) == PTHREAD_CANCELED);
        CHECK(cleaned <= 1);
    }
    puts("cancelled 20 times in a handler");
    return 0;
}
