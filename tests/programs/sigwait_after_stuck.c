/* A signal for the process reaches the thread that waits for it, also after calls so long that others went on
 * meanwhile on another kernel thread. */
#include "test.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>

#define BYTES  (64UL << 20)
#define ROUNDS 8

static sem_t received;

static void *waits(void *set)
{
    for (int round = 0; round < ROUNDS; round++) {
        int number;
        CHECK_EQ(sigwait(set, &number), 0);
        CHECK_EQ(number, SIGTERM);
        sem_post(&received);
    }
    return NULL;
}

static void *writes(void *memory)
{
    int file = memfd_create("large", MFD_CLOEXEC);
    CHECK(file >= 0);
    CHECK_EQ(pwrite(file, memory, BYTES, 0), (ssize_t)BYTES);
    close(file);
    return NULL;
}

int main(void)
{
    sigset_t set;
    void *memory = mmap(NULL, BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    sem_init(&received, 0, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_t waiter = start(waits, &set);
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t writer = start(writes, memory);
        for (int i = 0; i < 20; i++)
            usleep(1000);
        join(writer);
        CHECK_EQ(kill(getpid(), SIGTERM), 0);
        CHECK_EQ(sem_wait(&received), 0);
    }
    join(waiter);
    puts("all came");
    return 0;
}
