/* POSIX asynchronous I/O, which libc does with threads of its own, the process's first ones. */
#include "test.h"

#include <aio.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>

#define REQUESTS 8
#define SIZE     4096

static sem_t notified;

static void on_end(union sigval value)
{
    CHECK_EQ(value.sival_int, 99);
    sem_post(&notified);
}

static void wait_for(struct aiocb *request)
{
    const struct aiocb *list[1] = { request };
    while (aio_error(request) == EINPROGRESS)
        aio_suspend(list, 1, NULL);
}

int main(void)
{
    static char out[REQUESTS][SIZE], in[REQUESTS][SIZE];
    struct aiocb requests[REQUESTS];
    struct aiocb *list[REQUESTS];
    FILE *file = tmpfile();
    CHECK(file);
    int fd = fileno(file);
    memset(requests, 0, sizeof(requests));
    for (int i = 0; i < REQUESTS; i++) {
        memset(out[i], 'a' + i, SIZE);
        requests[i].aio_fildes = fd;
        requests[i].aio_buf = out[i];
        requests[i].aio_nbytes = SIZE;
        requests[i].aio_offset = (off_t)i * SIZE;
        requests[i].aio_lio_opcode = LIO_WRITE;
        list[i] = &requests[i];
    }
    CHECK_EQ(lio_listio(LIO_WAIT, list, REQUESTS, NULL), 0);
    for (int i = 0; i < REQUESTS; i++)
        CHECK_EQ(aio_return(&requests[i]), SIZE);
    puts("written");
    for (int i = 0; i < REQUESTS; i++) {
        requests[i].aio_buf = in[i];
        CHECK_EQ(aio_read(&requests[i]), 0);
    }
    for (int i = 0; i < REQUESTS; i++) {
        wait_for(&requests[i]);
        CHECK_EQ(aio_error(&requests[i]), 0);
        CHECK_EQ(aio_return(&requests[i]), SIZE);
        CHECK(memcmp(in[i], out[i], SIZE) == 0);
    }
    puts("read");
    sem_init(&notified, 0, 0);
    requests[0].aio_sigevent.sigev_notify = SIGEV_THREAD;
    requests[0].aio_sigevent.sigev_notify_function = on_end;
    requests[0].aio_sigevent.sigev_value.sival_int = 99;
    CHECK_EQ(aio_fsync(O_SYNC, &requests[0]), 0);
    CHECK_EQ(sem_wait(&notified), 0);
    wait_for(&requests[0]);
    CHECK_EQ(aio_return(&requests[0]), 0);
    puts("synced, notified by a thread");

    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    memset(&requests[1], 0, sizeof(requests[1]));
    requests[1].aio_fildes = ends[0];
    requests[1].aio_buf = in[1];
    requests[1].aio_nbytes = 5;
    CHECK_EQ(aio_read(&requests[1]), 0);
    usleep(2000);
    CHECK_EQ(aio_error(&requests[1]), EINPROGRESS);
    CHECK_EQ(write(ends[1], "hello", 5), 5);
    wait_for(&requests[1]);
    CHECK_EQ(aio_return(&requests[1]), 5);
    puts("read a pipe");
    fclose(file);
    return 0;
}
