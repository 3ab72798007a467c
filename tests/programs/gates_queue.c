/* POSIX message queues and the kernel's queues of requests, by system call. */
#include "gates.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/mman.h>

static void send_message(long queue)
{
    CHECK_EQ(syscall(SYS_mq_timedsend, (int)queue, "abc", 4L, 5U, NULL), 0);
}

static void take_message(long queue)
{
    char text[16];
    CHECK_EQ(syscall(SYS_mq_timedreceive, (int)queue, text, sizeof(text), NULL, NULL), 4);
}

static void messages(void)
{
    char name[64], text[16] = "";
    unsigned priority = 0;
    struct mq_attr attributes = { .mq_maxmsg = 1, .mq_msgsize = sizeof(text) };
    struct timespec past = { 1, 0 }, wrong = { 1, -1 };
    snprintf(name, sizeof(name), "/gates-%d", (int)getpid());
    int queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
    CHECK(queue >= 0);
    CHECK_EQ(mq_unlink(name), 0);
    WAITS_FOR(send_message, queue, 4,
              syscall(SYS_mq_timedreceive, queue, text, sizeof(text), &priority, NULL));
    CHECK(strcmp(text, "abc") == 0 && priority == 5);
    FAILS(ETIMEDOUT, SYS_mq_timedreceive, queue, text, sizeof(text), NULL, &past);
    FAILS(EINVAL, SYS_mq_timedreceive, queue, text, sizeof(text), NULL, &wrong);
    FAILS(EMSGSIZE, SYS_mq_timedreceive, queue, text, 1L, NULL, NULL);
    send_message(queue);
    FAILS(ETIMEDOUT, SYS_mq_timedsend, queue, text, 4L, 0U, &past);
    WAITS_FOR(take_message, queue, 0, syscall(SYS_mq_timedsend, queue, text, 4L, 0U, NULL));
    FAILS(EMSGSIZE, SYS_mq_timedsend, queue, text, 999L, 0U, NULL);
    FAILS(EBADF, SYS_mq_timedsend, -1, text, 4L, 0U, NULL);
    FAILS(EBADF, SYS_mq_timedreceive, -1, text, sizeof(text), NULL, NULL);
    mq_close(queue);
}

static void write_one(long fd)
{
    CHECK_EQ(write((int)fd, "x", 1), 1);
}

/* A request to tell when the pipe is readable. */
static void asynchronous(void)
{
    int pair[2];
    aio_context_t context = 0;
    struct io_event event;
    struct timespec zero = { 0, 0 };
    struct iocb request = { .aio_lio_opcode = IOCB_CMD_POLL, .aio_buf = POLLIN, .aio_data = 99 };
    struct iocb *requests[] = { &request };
    CHECK_EQ(pipe(pair), 0);
    request.aio_fildes = (uint32_t)pair[0];
    if (syscall(SYS_io_setup, 4, &context) != 0)
        return; /* a kernel without */
    CHECK_EQ(syscall(SYS_io_submit, context, 1L, requests), 1);
    CHECK_EQ(syscall(SYS_io_getevents, context, 0L, 1L, &event, NULL), 0);
    CHECK_EQ(syscall(SYS_io_getevents, context, 1L, 1L, &event, &zero), 0);
    WAITS_FOR(write_one, pair[1], 1, syscall(SYS_io_getevents, context, 1L, 1L, &event, NULL));
    CHECK_EQ(event.data, 99);
    FAILS(EINVAL, SYS_io_getevents, context, 2L, 1L, &event, NULL);
    FAILS(EINVAL, SYS_io_getevents, 0L, 1L, 1L, &event, NULL);
    FAILS(EFAULT, SYS_io_getevents, context, 1L, 1L, &event, NOWHERE);
    CHECK_EQ(syscall(SYS_io_destroy, context), 0);
    close(pair[0]);
    close(pair[1]);
}

struct ring {
    int fd;
    char *base;
    struct io_uring_sqe *entries;
    struct io_uring_params about;
};

static int open_ring(struct ring *ring)
{
    memset(ring, 0, sizeof(*ring));
    ring->fd = (int)syscall(SYS_io_uring_setup, 4U, &ring->about);
    if (ring->fd < 0)
        return 0;
    CHECK(ring->about.features & IORING_FEAT_SINGLE_MMAP);
    ring->base =
        mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQ_RING);
    ring->entries = mmap(NULL, 4 * sizeof(*ring->entries), PROT_READ | PROT_WRITE, MAP_SHARED,
                         ring->fd, IORING_OFF_SQES);
    CHECK(ring->base != MAP_FAILED && ring->entries != MAP_FAILED);
    return 1;
}

static void put_poll(struct ring *ring, int fd)
{
    uint32_t *tail = (uint32_t *)(ring->base + ring->about.sq_off.tail);
    uint32_t *slots = (uint32_t *)(ring->base + ring->about.sq_off.array);
    ring->entries[0] = (struct io_uring_sqe){
        .opcode = IORING_OP_POLL_ADD, .fd = fd, .poll32_events = POLLIN, .user_data = 98
    };
    slots[*tail % ring->about.sq_entries] = 0;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
}

static void rings(void)
{
    int pair[2];
    struct ring ring;
    CHECK_EQ(pipe(pair), 0);
    if (!open_ring(&ring))
        return; /* a kernel without */
    put_poll(&ring, pair[0]);
    WAITS_FOR(write_one, pair[1], 1,
              syscall(SYS_io_uring_enter, ring.fd, 1U, 1U, IORING_ENTER_GETEVENTS, NULL, 0L));
    struct io_uring_cqe *done = (void *)(ring.base + ring.about.cq_off.cqes);
    CHECK_EQ(done[0].user_data, 98);
    CHECK_EQ(syscall(SYS_io_uring_enter, ring.fd, 0U, 0U, 0U, NULL, 0L), 0);
    FAILS(EINVAL, SYS_io_uring_enter, ring.fd, 0U, 0U, 1U << 30, NULL, 0L);
    FAILS(EBADF, SYS_io_uring_enter, -1, 0U, 0U, 0U, NULL, 0L);
    FAILS(EOPNOTSUPP, SYS_io_uring_enter, pair[0], 0U, 0U, 0U, NULL, 0L);
    close(ring.fd);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct gate_test tests[] = {
        { "mq_timedsend, mq_timedreceive", messages },
        { "io_getevents", asynchronous },
        { "io_uring_enter", rings },
    };
    run_gates(tests, COUNT(tests));
    return 0;
}
