/* Threads on stacks that the program provides, and on the smallest stacks there are, block, print
 * and handle locks within them. */
#include "test.h"

#include <limits.h>
#include <sys/mman.h>

#define THREADS 8
#define SIZE    (64 << 10)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int ends[2];

static void *small(void *arg)
{
    char byte;
    usleep(500);
    pthread_mutex_lock(&lock);
    usleep(100);
    pthread_mutex_unlock(&lock);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    return (char *)arg + byte;
}

static void *on_given_stack(void *arg)
{
    char local[2000];
    char *stack = arg;
    memset(local, 1, sizeof(local));
    CHECK(local >= stack && local < stack + SIZE);
    snprintf(local, sizeof(local), "%s %d", "text", 5);
    CHECK(strcmp(local, "text 5") == 0);
    return small(arg);
}

int main(void)
{
    pthread_t threads[THREADS];
    pthread_attr_t attr;
    char *stacks =
        mmap(NULL, THREADS * SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stacks != MAP_FAILED);
    CHECK_EQ(pipe(ends), 0);
    pthread_attr_init(&attr);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < THREADS; i++) {
            CHECK_EQ(pthread_attr_setstack(&attr, stacks + i * SIZE, SIZE), 0);
            threads[i] = start_with(&attr, on_given_stack, stacks + i * SIZE);
        }
        CHECK_EQ(write(ends[1], "\1\1\1\1\1\1\1\1", THREADS), THREADS);
        for (int i = 0; i < THREADS; i++)
            CHECK((char *)join(threads[i]) == stacks + i * SIZE + 1);
    }
    puts("on given stacks");
    pthread_attr_destroy(&attr);
    pthread_attr_init(&attr);
    CHECK_EQ(pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN - 1), EINVAL);
    CHECK_EQ(pthread_attr_setstacksize(&attr, (size_t)PTHREAD_STACK_MIN), 0);
    CHECK_EQ(pthread_attr_setguardsize(&attr, 0), 0);
    printf("smallest: %ld\n", (long)PTHREAD_STACK_MIN);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start_with(&attr, small, stacks);
    CHECK_EQ(write(ends[1], "\2\2\2\2\2\2\2\2", THREADS), THREADS);
    for (int i = 0; i < THREADS; i++)
        CHECK((char *)join(threads[i]) == stacks + 2);
    puts("on the smallest stacks");
    return 0;
}
