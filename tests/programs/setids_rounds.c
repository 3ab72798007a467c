/* A change of ids by libc reaches all threads, once: what the call would mean if it were made again
 * does not count. Calls that wait are made with the new ids, too. */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define THREADS 4
#define NOBODY  65534

static pthread_barrier_t barrier;
static uid_t real, effective, saved;

static void *checks_ids(void *arg)
{
    for (int round = 0; round < 3; round++) {
        uid_t r, e, s;
        pthread_barrier_wait(&barrier);
        CHECK_EQ(getresuid(&r, &e, &s), 0);
        CHECK(r == real && e == effective && s == saved);
        pthread_barrier_wait(&barrier);
    }
    return arg;
}

static void all_have(uid_t r, uid_t e, uid_t s)
{
    real = r;
    effective = e;
    saved = s;
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
}

static void *reads(void *path)
{
    return (void *)(long)open(path, O_RDONLY);
}

static void opens_as_root(char *path)
{
    pthread_t reader = start(reads, path);
    int writer = open(path, O_WRONLY);
    CHECK(writer >= 0);
    CHECK((long)join(reader) >= 0);
    CHECK_EQ(close(writer), 0);
}

static void changes_ids(void)
{
    char path[] = "fifo";
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(checks_ids, NULL);
    CHECK_EQ(mkfifo(path, 0600), 0);
    opens_as_root(path);
    CHECK_EQ(setresuid(NOBODY, NOBODY, 0), 0);
    all_have(NOBODY, NOBODY, 0);
    CHECK_EQ(setuid(0), 0); /* again, it would set all three */
    all_have(NOBODY, 0, 0);
    CHECK_EQ(setresuid(NOBODY, NOBODY, NOBODY), 0);
    all_have(NOBODY, NOBODY, NOBODY);
    CHECK_EQ(open(path, O_RDONLY), -1);
    CHECK_EQ(errno, EACCES);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
}

int main(void)
{
    int status;
    if (geteuid() != 0) {
        puts("only root may choose its ids");
        return 77;
    }
    pid_t child = fork();
    if (child == 0) {
        changes_ids();
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK_EQ(unlink("fifo"), 0);
    puts("changed once, everywhere");
    return 0;
}
