/* More threads than most wait for one process-shared semaphore: in memory that could be shared, and in
 * memory that cannot. */
#include "test.h"

#include <semaphore.h>
#include <sys/mman.h>

#define THREADS 4500

static sem_t *semaphore;
static int passed;

static void *waits(void *arg)
{
    CHECK_EQ(sem_wait(semaphore), 0);
    __atomic_add_fetch(&passed, 1, __ATOMIC_SEQ_CST);
    return arg;
}

static void many(int sharing)
{
    static pthread_t threads[THREADS];
    pthread_attr_t attr;
    semaphore = mmap(NULL, 4096, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
    CHECK(semaphore != MAP_FAILED);
    CHECK_EQ(sem_init(semaphore, 1, 0), 0);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 32768);
    passed = 0;
    for (int i = 0; i < THREADS; i++)
        threads[i] = start_with(&attr, waits, NULL);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(sem_post(semaphore), 0);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("passed %d\n", passed);
    munmap(semaphore, 4096);
}

int main(void)
{
    many(MAP_PRIVATE);
    many(MAP_SHARED);
    return 0;
}
