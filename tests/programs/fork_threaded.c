/* fork in a threaded program: the child has the caller only, as its main thread, with the caller's
 * thread-local values; it can make threads, locks and I/O of its own, and fork again. */
#include "test.h"

#include <sys/wait.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static __thread int mine;
static int beats, stop;

static void *beats_on(void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        __atomic_add_fetch(&beats, 1, __ATOMIC_SEQ_CST);
        usleep(200);
    }
    return arg;
}

static void *adds(void *arg)
{
    CHECK_EQ(mine, 0);
    pthread_mutex_lock(&lock);
    *(int *)arg += 1;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void expect_exit(pid_t child, int wanted)
{
    int status;
    CHECK(child > 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), wanted);
}

static int in_child(pthread_t caller, int id)
{
    pthread_t threads[10];
    int count = 0, ends[2];
    char byte = 0;
    CHECK(pthread_equal(pthread_self(), caller));
    CHECK_EQ(gettid(), getpid());
    CHECK_EQ(mine, id);
    int seen = __atomic_load_n(&beats, __ATOMIC_SEQ_CST);
    sleep_ms(10);
    CHECK_EQ(__atomic_load_n(&beats, __ATOMIC_SEQ_CST), seen);
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(adds, &count);
    pthread_mutex_lock(&lock);
    while (count < COUNT(threads))
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    CHECK_EQ(pipe(ends), 0);
    pid_t grandchild = fork();
    if (grandchild == 0) {
        CHECK_EQ(write(ends[1], "g", 1), 1);
        join(start(adds, &count));
        _exit(count);
    }
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    expect_exit(grandchild, COUNT(threads) + 1);
    return 40 + id;
}

static void *forks(void *arg)
{
    mine = (int)(long)arg;
    pthread_t self = pthread_self();
    pid_t child = fork();
    if (child == 0)
        _exit(in_child(self, mine));
    expect_exit(child, 40 + mine);
    return NULL;
}

int main(void)
{
    pthread_t beating[3], forking[5];
    for (int i = 0; i < COUNT(beating); i++)
        beating[i] = start(beats_on, NULL);
    for (int i = 0; i < COUNT(forking); i++)
        forking[i] = start(forks, (void *)(long)(i + 1));
    for (int i = 0; i < COUNT(forking); i++)
        join(forking[i]);
    puts("forked by threads");
    forks((void *)9L);
    puts("forked by main");
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < COUNT(beating); i++)
        join(beating[i]);
    return 0;
}
