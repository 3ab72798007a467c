/* Loads of calls that block without readiness, and of locks. */
#include "soak.h"

#include <fcntl.h>
#include <semaphore.h>
#include <sys/file.h>
#include <sys/stat.h>

/* A number in a file, incremented under flock by threads with open files of their own. */

#define WRITERS        3
#define FILE_OF_NUMBER "soak.number"

static void *increments_file(void *arg)
{
    uint64_t *random = arg;
    long done = 0, number;
    int fd = open(FILE_OF_NUMBER, O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0);
    do { /* once at least, so that there is a number */
        while (flock(fd, LOCK_EX) != 0)
            CHECK_EQ(errno, EINTR);
        if (pread(fd, &number, sizeof(number), 0) != sizeof(number))
            number = 0;
        number++;
        CHECK_EQ(pwrite(fd, &number, sizeof(number), 0), sizeof(number));
        if (below(random, 8) == 0)
            CHECK_EQ(fdatasync(fd), 0);
        CHECK_EQ(flock(fd, LOCK_UN), 0);
        done++;
        sleep_ms((long)below(random, 3));
    } while (!round_is_over());
    close(fd);
    return (void *)done;
}

void load_files(uint64_t *random)
{
    pthread_t threads[WRITERS];
    uint64_t seeds[WRITERS];
    long done = 0, number = 0;
    unlink(FILE_OF_NUMBER);
    for (int i = 0; i < WRITERS; i++) {
        seeds[i] = split(random);
        threads[i] = start(increments_file, &seeds[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        done += (long)join(threads[i]);
    int fd = open(FILE_OF_NUMBER, O_RDONLY);
    CHECK_EQ(read(fd, &number, sizeof(number)), sizeof(number));
    CHECK_EQ(number, done);
    close(fd);
    unlink(FILE_OF_NUMBER);
    counted(MESSAGES, done);
    counted(THREADS, WRITERS);
}

/* Counters under each kind of lock. */

#define HOLDERS 6

static struct {
    pthread_mutex_t normal, recursive, robust, inheriting;
    pthread_rwlock_t rwlock;
    pthread_spinlock_t spin;
    sem_t one;
    long counters[7];
} locks;

static void *increments(void *arg)
{
    uint64_t *random = arg;
    long done = 0;
    pthread_mutex_t *const mutexes[] = { &locks.normal, &locks.recursive, &locks.robust,
                                         &locks.inheriting };
    while (!round_is_over()) {
        unsigned which = (unsigned)below(random, COUNT(locks.counters));
        if (which < 4) {
            CHECK_EQ(pthread_mutex_lock(mutexes[which]), 0);
        } else if (which == 4) {
            CHECK_EQ(pthread_rwlock_wrlock(&locks.rwlock), 0);
        } else if (which == 5) {
            CHECK_EQ(pthread_spin_lock(&locks.spin), 0);
        } else {
            while (sem_wait(&locks.one) != 0)
                CHECK_EQ(errno, EINTR);
        }
        long before = locks.counters[which];
        if (which != 5 && below(random, 16) == 0)
            sched_yield();
        locks.counters[which] = before + 1;
        if (which < 4)
            CHECK_EQ(pthread_mutex_unlock(mutexes[which]), 0);
        else if (which == 4)
            CHECK_EQ(pthread_rwlock_unlock(&locks.rwlock), 0);
        else if (which == 5)
            CHECK_EQ(pthread_spin_unlock(&locks.spin), 0);
        else
            CHECK_EQ(sem_post(&locks.one), 0);
        done++;
        if (below(random, 64) == 0)
            sleep_ms(1);
    }
    return (void *)done;
}

static void open_locks(void)
{
    pthread_mutexattr_t attributes;
    memset(&locks, 0, sizeof(locks));
    pthread_mutex_init(&locks.normal, NULL);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&locks.recursive, &attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_NORMAL);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&locks.robust, &attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_STALLED);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&locks.inheriting, &attributes);
    pthread_mutexattr_destroy(&attributes);
    pthread_rwlock_init(&locks.rwlock, NULL);
    pthread_spin_init(&locks.spin, 0);
    sem_init(&locks.one, 0, 1);
}

void load_locks(uint64_t *random)
{
    pthread_t threads[HOLDERS];
    uint64_t seeds[HOLDERS];
    long done = 0;
    open_locks();
    for (int i = 0; i < HOLDERS; i++) {
        seeds[i] = split(random);
        threads[i] = start(increments, &seeds[i]);
    }
    for (int i = 0; i < HOLDERS; i++)
        done += (long)join(threads[i]);
    for (int i = 0; i < COUNT(locks.counters); i++)
        done -= locks.counters[i];
    CHECK_EQ(done, 0);
    counted(THREADS, HOLDERS);
}
