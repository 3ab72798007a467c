/* Thread ids are unique and stable, belong to the process, and are not re-used while alive;
 * pthread_getattr_np's stack contains the thread's locals, stacks do not overlap. */
#include "test.h"

#include <signal.h>
#include <sys/syscall.h>

#define THREADS 40

static pthread_barrier_t barrier;
static pid_t ids[THREADS];
static char *lowest[THREADS];
static size_t sizes[THREADS];

static void own_stack(char **low, size_t *size)
{
    pthread_attr_t attr;
    void *address;
    char local;
    CHECK_EQ(pthread_getattr_np(pthread_self(), &attr), 0);
    CHECK_EQ(pthread_attr_getstack(&attr, &address, size), 0);
    pthread_attr_destroy(&attr);
    *low = address;
    CHECK(&local >= *low && &local < *low + *size);
}

static void *worker(void *arg)
{
    long id = (long)arg;
    ids[id] = gettid();
    CHECK_EQ(syscall(SYS_gettid), ids[id]);
    own_stack(&lowest[id], &sizes[id]);
    pthread_barrier_wait(&barrier);
    usleep(1000);
    CHECK_EQ(gettid(), ids[id]);
    CHECK_EQ(tgkill(getpid(), ids[(id + 1) % THREADS], 0), 0);
    CHECK_EQ(syscall(SYS_tkill, ids[id], 0), 0);
    pthread_barrier_wait(&barrier);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    pthread_attr_t attr;
    char *low;
    size_t size;
    CHECK_EQ(gettid(), getpid());
    pthread_barrier_init(&barrier, NULL, THREADS);
    pthread_attr_init(&attr);
    for (long i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_attr_setstacksize(&attr, (size_t)(i + 1) * 65536), 0);
        threads[i] = start_with(&attr, worker, (void *)i);
    }
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    for (int i = 0; i < THREADS; i++) {
        CHECK(ids[i] > 0 && ids[i] != getpid());
        CHECK(sizes[i] >= (size_t)(i + 1) * 65536);
        for (int j = 0; j < i; j++) {
            CHECK(ids[i] != ids[j]);
            CHECK(lowest[i] + sizes[i] <= lowest[j] || lowest[j] + sizes[j] <= lowest[i]);
        }
        /* The kernel forgets the id a little after the join. */
        while (tgkill(getpid(), ids[i], 0) == 0)
            usleep(100);
        CHECK_EQ(errno, ESRCH);
    }
    CHECK_EQ(gettid(), getpid());
    own_stack(&low, &size);
    CHECK_EQ(tgkill(getpid(), 0x3ffffff, 0), -1);
    printf("%d threads with ids and stacks of their own\n", THREADS);
    return 0;
}
