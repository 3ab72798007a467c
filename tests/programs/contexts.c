/* getcontext, makecontext and swapcontext inside threads: coroutines of the program's own, which
 * block in calls, beside ours. */
#include "test.h"

#include <ucontext.h>

#define THREADS    6
#define COROUTINES 4
#define STEPS      5
#define STACK      (64 << 10)

struct scheduler {
    ucontext_t main, coroutines[COROUTINES];
    char trace[COROUTINES * STEPS + 1];
    int length, current;
    pthread_t thread;
    pthread_mutex_t *lock;
};

static void coroutine(unsigned high, unsigned low)
{
    struct scheduler *s = (struct scheduler *)((uintptr_t)high << 32 | low);
    int id = s->current;
    double value = id;
    for (int step = 0; step < STEPS; step++) {
        CHECK(pthread_equal(pthread_self(), s->thread));
        pthread_mutex_lock(s->lock);
        usleep(50);
        pthread_mutex_unlock(s->lock);
        s->trace[s->length++] = (char)('a' + id);
        value = value * 2 + 1;
        CHECK_EQ(swapcontext(&s->coroutines[id], &s->main), 0);
    }
    CHECK(value == (id + 1) * 32.0 - 1);
}

static void *schedules(void *arg)
{
    struct scheduler *s = calloc(1, sizeof(*s));
    char *stacks = malloc(COROUTINES * STACK);
    CHECK(s && stacks);
    s->thread = pthread_self();
    s->lock = arg;
    for (int i = 0; i < COROUTINES; i++) {
        ucontext_t *context = &s->coroutines[i];
        CHECK_EQ(getcontext(context), 0);
        context->uc_stack.ss_sp = stacks + i * STACK;
        context->uc_stack.ss_size = STACK;
        context->uc_link = &s->main;
        makecontext(context, (void (*)(void))coroutine, 2, (unsigned)((uintptr_t)s >> 32),
                    (unsigned)(uintptr_t)s);
    }
    for (int step = 0; step <= STEPS; step++)
        for (s->current = 0; s->current < COROUTINES; s->current++)
            CHECK_EQ(swapcontext(&s->main, &s->coroutines[s->current]), 0);
    char *trace = strdup(s->trace);
    free(stacks);
    free(s);
    return trace;
}

int main(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(schedules, &lock);
    for (int i = 0; i < THREADS; i++) {
        char *trace = join(threads[i]);
        puts(trace);
        free(trace);
    }
    return 0;
}
