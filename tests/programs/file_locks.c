/* File locks that block: flock between open files, fcntl locks of open file descriptions between
 * threads, and record locks against another process; others run meanwhile. */
#include "test.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

#define THREADS 6

static const char name[] = "locked-file";
static int inside, total, beats, stop;

static void change(void)
{
    CHECK_EQ(__atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST), 0);
    int seen = total;
    usleep(200);
    total = seen + 1;
    __atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
}

static void *uses_flock(void *arg)
{
    int fd = open(name, O_RDWR);
    CHECK(fd >= 0);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(flock(fd, LOCK_EX), 0);
        change();
        CHECK_EQ(flock(fd, LOCK_UN), 0);
    }
    close(fd);
    return arg;
}

static void *uses_description_lock(void *arg)
{
    int fd = open(name, O_RDWR);
    CHECK(fd >= 0);
    for (int i = 0; i < 10; i++) {
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };
        CHECK_EQ(fcntl(fd, F_OFD_SETLKW, &lock), 0);
        change();
        lock.l_type = F_UNLCK;
        CHECK_EQ(fcntl(fd, F_OFD_SETLK, &lock), 0);
    }
    close(fd);
    return arg;
}

static void *beats_on(void *arg)
{
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        __atomic_add_fetch(&beats, 1, __ATOMIC_SEQ_CST);
        usleep(500);
    }
    return arg;
}

static void run(const char *what, void *(*uses)(void *))
{
    pthread_t threads[THREADS];
    total = 0;
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(uses, NULL);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("%s: %d\n", what, total);
}

/* The child holds the lock until others of this process have run for a while. */
static void other_process(void)
{
    int to_child[2], from_child[2];
    char byte;
    CHECK_EQ(pipe(to_child), 0);
    CHECK_EQ(pipe(from_child), 0);
    int fd = open(name, O_RDWR);
    pid_t child = fork();
    if (child == 0) {
        CHECK_EQ(lockf(fd, F_LOCK, 10), 0);
        CHECK_EQ(write(from_child[1], "l", 1), 1);
        CHECK_EQ(read(to_child[0], &byte, 1), 1);
        sleep_ms(50);
        _exit(0);
    }
    CHECK_EQ(read(from_child[0], &byte, 1), 1);
    CHECK_EQ(lockf(fd, F_TLOCK, 10), -1);
    CHECK(errno == EAGAIN || errno == EACCES);
    int seen = __atomic_load_n(&beats, __ATOMIC_SEQ_CST);
    CHECK_EQ(write(to_child[1], "g", 1), 1);
    CHECK_EQ(lockf(fd, F_LOCK, 10), 0);
    CHECK(__atomic_load_n(&beats, __ATOMIC_SEQ_CST) > seen);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    puts("other process: locked, and others ran meanwhile");
}

int main(void)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0);
    run("flock", uses_flock);
    run("fcntl", uses_description_lock);
    fflush(stdout);
    pthread_t beating = start(beats_on, NULL);
    other_process();
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    join(beating);
    CHECK_EQ(unlink(name), 0);
    return 0;
}
