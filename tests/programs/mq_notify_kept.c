/* A request for notification of a message outlives the making of the first thread, whether it was
 * made before or after, and is taken away by closing the queue. */
#include "test.h"

#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <signal.h>

static sem_t called;

static void notified(union sigval value)
{
    CHECK_EQ(value.sival_int, 42);
    sem_post(&called);
}

static void *nothing(void *arg)
{
    return arg;
}

static mqd_t make_queue(int number)
{
    struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
    char name[64];
    snprintf(name, sizeof(name), "/mq-notify-kept-%d-%d", (int)getpid(), number);
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    if (queue < 0 && errno == ENOSYS)
        exit(77);
    CHECK(queue >= 0);
    mq_unlink(name);
    return queue;
}

int main(void)
{
    struct sigevent by_signal = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    struct sigevent by_thread = { .sigev_notify = SIGEV_THREAD,
                                  .sigev_notify_function = notified,
                                  .sigev_value.sival_int = 42 };
    sigset_t set;
    siginfo_t info;
    sem_init(&called, 0, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    mqd_t first = make_queue(1), second = make_queue(2);

    CHECK_EQ(mq_notify(first, &by_signal), 0);
    CHECK(join(start(nothing, NULL)) == NULL);
    sleep_ms(20);
    CHECK_EQ(mq_send(first, "x", 1, 0), 0);
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    CHECK_EQ(info.si_code, SI_MESGQ);
    puts("by a signal");

    CHECK_EQ(mq_notify(second, &by_thread), 0);
    CHECK_EQ(mq_notify(second, NULL), 0);
    CHECK_EQ(mq_notify(second, &by_thread), 0);
    CHECK_EQ(mq_send(second, "x", 1, 0), 0);
    CHECK_EQ(sem_wait(&called), 0);
    puts("by a thread");
    CHECK_EQ(mq_close(first), 0);
    CHECK_EQ(mq_close(second), 0);
    return 0;
}
