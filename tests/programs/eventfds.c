/* eventfd between threads: blocked readers, a blocked writer, semaphore mode. */
#include "test.h"

#include <sys/eventfd.h>

static void *reads(void *arg)
{
    eventfd_t value;
    CHECK_EQ(eventfd_read((int)(long)arg, &value), 0);
    return (void *)(long)value;
}

static void *fills(void *arg)
{
    int fd = (int)(long)arg;
    CHECK_EQ(eventfd_write(fd, UINT64_MAX - 1), 0);
    CHECK_EQ(eventfd_write(fd, 5), 0);
    return NULL;
}

int main(void)
{
    pthread_t threads[10];
    eventfd_t value;
    int plain = eventfd(0, EFD_CLOEXEC), units = eventfd(0, EFD_SEMAPHORE);
    long sum = 0;
    CHECK(plain >= 0 && units >= 0);

    pthread_t reader = start(reads, (void *)(long)plain);
    usleep(2000);
    CHECK_EQ(eventfd_write(plain, 1234), 0);
    printf("read %ld\n", (long)join(reader));

    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(reads, (void *)(long)units);
    CHECK_EQ(eventfd_write(units, 4), 0);
    CHECK_EQ(eventfd_write(units, 6), 0);
    for (int i = 0; i < COUNT(threads); i++)
        sum += (long)join(threads[i]);
    printf("semaphore: %ld units\n", sum);

    pthread_t filler = start(fills, (void *)(long)plain);
    sleep_ms(20);
    CHECK_EQ(eventfd_read(plain, &value), 0);
    CHECK(value == UINT64_MAX - 1);
    CHECK_EQ(eventfd_read(plain, &value), 0);
    CHECK_EQ(value, 5);
    join(filler);
    puts("the writer waited for room");

    int none = eventfd(0, EFD_NONBLOCK);
    CHECK_EQ(eventfd_read(none, &value), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(write(plain, &value, 4), -1);
    CHECK_EQ(errno, EINVAL);
    return 0;
}
