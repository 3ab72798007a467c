/* Threads wait on one epoll descriptor: each event is taken once with EPOLLONESHOT and EPOLLET, and
 * descriptors added meanwhile count; an epoll descriptor inside another wakes its waiter. */
#include "net.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define EVENTS  30
#define WORKERS 6
#define ROUNDS  20

static int epoll, handled[EVENTS], all_done;

/* Takes one-shot events until the descriptor that stops everybody is ready. */
static void *works(void *arg)
{
    for (;;) {
        struct epoll_event event;
        CHECK_EQ(epoll_wait(epoll, &event, 1, -1), 1);
        int fd = (int)(event.data.u64 >> 32), id = (int)(uint32_t)event.data.u64;
        if (id == EVENTS)
            return arg;
        uint64_t value;
        CHECK_EQ(read(fd, &value, sizeof(value)), sizeof(value));
        CHECK_EQ(value, 1);
        if (__atomic_add_fetch(&handled[id], 1, __ATOMIC_SEQ_CST) == ROUNDS)
            __atomic_add_fetch(&all_done, 1, __ATOMIC_SEQ_CST);
        event.events = EPOLLIN | EPOLLONESHOT;
        CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event), 0);
    }
}

static void one_shot(void)
{
    pthread_t threads[WORKERS];
    int fds[EVENTS + 1];
    uint64_t one = 1;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < WORKERS; i++)
        threads[i] = start(works, NULL);
    for (int i = 0; i <= EVENTS; i++) {
        struct epoll_event event = { .events = i < EVENTS ? EPOLLIN | EPOLLONESHOT : EPOLLIN };
        fds[i] = eventfd(0, EFD_SEMAPHORE);
        CHECK(fds[i] >= 0);
        event.data.u64 = (uint64_t)fds[i] << 32 | (unsigned)i;
        CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event), 0);
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < EVENTS; i++)
            CHECK_EQ(write(fds[i], &one, sizeof(one)), sizeof(one));
    while (__atomic_load_n(&all_done, __ATOMIC_SEQ_CST) < EVENTS)
        sleep_ms(1);
    CHECK_EQ(write(fds[EVENTS], &one, sizeof(one)), sizeof(one));
    for (int i = 0; i < WORKERS; i++)
        join(threads[i]);
    for (int i = 0; i < EVENTS; i++)
        CHECK_EQ(handled[i], ROUNDS);
    printf("one shot: %d events\n", EVENTS * ROUNDS);
}

static void *writes_later(void *arg)
{
    usleep(3000);
    CHECK_EQ(write((int)(long)arg, "ab", 2), 2);
    return NULL;
}

static void edge(void)
{
    int ends[2];
    char byte;
    struct epoll_event event = { .events = EPOLLIN | EPOLLET }, got;
    int set = epoll_create1(0);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event), 0);
    pthread_t thread = start(writes_later, (void *)(long)ends[1]);
    CHECK_EQ(epoll_wait(set, &got, 1, -1), 1);
    join(thread);
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    CHECK_EQ(epoll_wait(set, &got, 1, 20), 0);
    CHECK_EQ(write(ends[1], "c", 1), 1);
    CHECK_EQ(epoll_wait(set, &got, 1, 20000), 1);
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event), -1);
    CHECK_EQ(errno, EEXIST);
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL), 0);
    CHECK_EQ(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL), -1);
    CHECK_EQ(errno, ENOENT);
    CHECK_EQ(epoll_wait(set, &got, 0, 0), -1);
    CHECK_EQ(errno, EINVAL);
    CHECK_EQ(epoll_wait(ends[0], &got, 1, 0), -1);
    CHECK_EQ(errno, EINVAL);
    puts("edge");
}

static void nested(void)
{
    int ends[2];
    struct epoll_event event = { .events = EPOLLIN }, got;
    int inner = epoll_create1(0), outer = epoll_create1(0);
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(epoll_ctl(inner, EPOLL_CTL_ADD, ends[0], &event), 0);
    event.data.fd = inner;
    CHECK_EQ(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event), 0);
    struct timespec span = span_ms(50000);
    pthread_t thread = start(writes_later, (void *)(long)ends[1]);
    CHECK_EQ(epoll_pwait2(outer, &got, 1, &span, NULL), 1);
    CHECK_EQ(got.data.fd, inner);
    join(thread);
    struct pollfd wait = { outer, POLLIN, 0 };
    CHECK_EQ(poll(&wait, 1, -1), 1);
    int64_t begin = now_ms();
    char two[2];
    CHECK_EQ(read(ends[0], two, 2), 2);
    CHECK_EQ(epoll_wait(outer, &got, 1, 30), 0);
    CHECK(now_ms() - begin >= 29);
    puts("nested");
}

int main(void)
{
    one_shot();
    edge();
    nested();
    return 0;
}
