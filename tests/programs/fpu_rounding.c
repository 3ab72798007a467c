/* Each thread keeps its own rounding mode, exception flags and MXCSR, through blocking calls and
 * preemption; a new thread inherits its creator's. */
#include "test.h"

#include <fenv.h>
#include <math.h>
#include <sched.h>
#include <xmmintrin.h>

#define THREADS 8

static const int modes[] = { FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO };
static pthread_barrier_t barrier;

static void check_mode(int mode)
{
    static const double plus[] = { 3, 2, 3, 2 }, minus[] = { -3, -3, -2, -2 };
    volatile double value = 2.75;
    volatile long double wide = 2.75L;
    CHECK_EQ(fegetround(), modes[mode]);
    CHECK(rint(value) == plus[mode]);
    CHECK(rint(-value) == minus[mode]);
    CHECK(rintl(wide) == plus[mode]);
}

static void *created_by_thread(void *arg)
{
    check_mode((int)(long)arg);
    CHECK((_mm_getcsr() & _MM_FLUSH_ZERO_MASK) == ((long)arg == 3 ? _MM_FLUSH_ZERO_ON : 0));
    return NULL;
}

static void *keeps_mode(void *arg)
{
    int mode = (int)(long)arg % 4;
    volatile double zero = 0, one = 1;
    CHECK_EQ(fesetround(modes[mode]), 0);
    feclearexcept(FE_ALL_EXCEPT);
    if (mode == 3)
        _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 200; i++) {
        check_mode(mode);
        if (i % 50 == 0)
            usleep(100);
        else
            sched_yield();
    }
    for (volatile int spin = 0; spin < 2000000; spin = spin + 1)
        continue;
    check_mode(mode);
    feclearexcept(FE_ALL_EXCEPT);
    pthread_barrier_wait(&barrier);
    if (mode == 1)
        zero = one / zero;
    pthread_barrier_wait(&barrier);
    CHECK_EQ(fetestexcept(FE_DIVBYZERO) != 0, mode == 1);
    CHECK((_mm_getcsr() & _MM_FLUSH_ZERO_MASK) == (mode == 3 ? _MM_FLUSH_ZERO_ON : 0));
    join(start(created_by_thread, (void *)(long)mode));
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(keeps_mode, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    check_mode(0);
    puts("rounding modes stayed with their threads");
    return 0;
}
