/* select and pselect beside other threads: sets, counts, time left, errors. */
#include "net.h"

#include <signal.h>
#include <sys/select.h>

static void *writes_later(void *arg)
{
    usleep(3000);
    CHECK_EQ(write((int)(long)arg, "x", 1), 1);
    return NULL;
}

static void *selects(void *arg)
{
    int ends[2], other[2];
    char byte;
    fd_set in, out;
    CHECK_EQ(pipe(ends), 0);
    CHECK_EQ(pipe(other), 0);
    struct timeval span = { 0, 30000 };
    int top = (ends[0] > other[1] ? ends[0] : other[1]) + 1;

    FD_ZERO(&in);
    FD_SET(ends[0], &in);
    int64_t begin = now_ms();
    CHECK_EQ(select(top, &in, NULL, NULL, &span), 0);
    CHECK(now_ms() - begin >= 29);
    CHECK(!FD_ISSET(ends[0], &in));
    CHECK(span.tv_sec == 0 && span.tv_usec == 0);

    pthread_t thread = start(writes_later, (void *)(long)ends[1]);
    FD_SET(ends[0], &in);
    span = (struct timeval){ 50, 0 };
    CHECK_EQ(select(top, &in, NULL, NULL, &span), 1);
    CHECK(FD_ISSET(ends[0], &in));
    CHECK(span.tv_sec < 50);
    join(thread);

    FD_ZERO(&out);
    FD_SET(other[1], &out);
    FD_SET(other[0], &in);
    CHECK_EQ(select(top, &in, &out, NULL, NULL), 2);
    CHECK(FD_ISSET(other[1], &out) && FD_ISSET(ends[0], &in) && !FD_ISSET(other[0], &in));
    CHECK_EQ(read(ends[0], &byte, 1), 1);

    struct timespec short_span = { 0, 20000000 };
    sigset_t none;
    sigemptyset(&none);
    FD_ZERO(&in);
    FD_SET(ends[0], &in);
    CHECK_EQ(pselect(top, &in, NULL, NULL, &short_span, &none), 0);
    CHECK_EQ(short_span.tv_nsec, 20000000);
    begin = now_ms();
    span = (struct timeval){ 0, 20000 };
    CHECK_EQ(select(0, NULL, NULL, NULL, &span), 0);
    CHECK(now_ms() - begin >= 19);
    return arg;
}

int main(void)
{
    pthread_t threads[6];
    fd_set set;
    int closed = dup(0);
    struct timeval none = { 0, 0 };
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(selects, NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    puts("selected, all");
    FD_ZERO(&set);
    FD_SET(closed, &set);
    close(closed);
    CHECK_EQ(select(closed + 1, &set, NULL, NULL, &none), -1);
    CHECK_EQ(errno, EBADF);
    CHECK_EQ(select(-1, NULL, NULL, NULL, &none), -1);
    CHECK_EQ(errno, EINVAL);
    puts("errors");
    return 0;
}
