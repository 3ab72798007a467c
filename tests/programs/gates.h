/* For the programs that reach the kernel by syscall() alone: checks of errors, and calls that wait
 * until another thread acts. */
#ifndef TESTS_PROGRAMS_GATES_H
#define TESTS_PROGRAMS_GATES_H

#include "test.h"

#include <sys/syscall.h>

#define NOWHERE ((void *)8) /* never mapped */

/* The call must fail with @error. */
#define FAILS(error, ...)                                                                          \
    do {                                                                                           \
        errno = 0;                                                                                 \
        CHECK_EQ(syscall(__VA_ARGS__), -1);                                                        \
        CHECK_EQ(errno, error);                                                                    \
    } while (0)

/* What another thread does after a while, and whether it has begun: a call that returned before
 * did not wait. */
struct release {
    void (*act)(long);
    long arg;
    int begun;
    pthread_t thread;
};

static inline void *release_run(void *arg)
{
    struct release *release = arg;
    sleep_ms(3);
    __atomic_store_n(&release->begun, 1, __ATOMIC_SEQ_CST);
    release->act(release->arg);
    return NULL;
}

static inline void release_later(struct release *release, void (*act)(long), long arg)
{
    *release = (struct release){ .act = act, .arg = arg };
    release->thread = start(release_run, release);
}

static inline void release_done(struct release *release)
{
    CHECK(__atomic_load_n(&release->begun, __ATOMIC_SEQ_CST));
    join(release->thread);
}

/* @call must wait until another thread has called @act with @arg; it leaves its result. */
#define WAITS_FOR(act, arg, want, call)                                                            \
    do {                                                                                           \
        struct release release_;                                                                   \
        release_later(&release_, act, arg);                                                        \
        CHECK_EQ(call, want);                                                                      \
        release_done(&release_);                                                                   \
    } while (0)

struct gate_test {
    const char *name;
    void (*run)(void);
};

static inline void *gate_run(void *arg)
{
    ((const struct gate_test *)arg)->run();
    return NULL;
}

/* Runs each in a thread of its own, beside others, and prints its name. */
static inline void run_gates(const struct gate_test *tests, int count)
{
    for (int i = 0; i < count; i++) {
        join(start(gate_run, (void *)&tests[i]));
        puts(tests[i].name);
    }
}

#endif
