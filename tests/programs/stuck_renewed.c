/* Credentials change while other threads are in calls that nothing interrupts. */
#include "test.h"

#include <sys/fsuid.h>
#include <sys/mman.h>

#define BYTES  (64UL << 20)
#define ROUNDS 6

static int stop;

static void *writes(void *memory)
{
    int file = memfd_create("large", MFD_CLOEXEC);
    CHECK(file >= 0);
    for (int round = 0; round < ROUNDS; round++)
        CHECK_EQ(pwrite(file, memory, BYTES, 0), (ssize_t)BYTES);
    close(file);
    return NULL;
}

static void *changes(void *unused)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
        CHECK_EQ(setfsuid(getuid()), (int)geteuid());
        usleep(500);
    }
    return unused;
}

int main(void)
{
    void *memory = mmap(NULL, BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    pthread_t changer = start(changes, NULL);
    writes(memory);
    pthread_t writers[] = { start(writes, memory), start(writes, memory) };
    join(writers[0]);
    join(writers[1]);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    join(changer);
    puts("written");
    return 0;
}
