/* A message queue tells of its first message by signal; it forgets that neither when the first thread
 * is made nor later, until the queue is closed. */
#include "test.h"

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>

static volatile int told;

static void tell(int number, siginfo_t *info, void *context)
{
    (void)number, (void)context;
    told += info->si_code == SI_MESGQ ? info->si_value.sival_int : 1000;
}

static void *wait_long(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void once(mqd_t queue, int value)
{
    char byte[8];
    CHECK_EQ(mq_send(queue, "m", 1, 0), 0);
    printf("told %d\n", told);
    CHECK_EQ(told, value);
    CHECK_EQ(mq_receive(queue, byte, sizeof(byte), NULL), 1);
    told = 0;
}

int main(void)
{
    char name[64];
    struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 8 };
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
    struct sigaction act = { .sa_sigaction = tell, .sa_flags = SA_SIGINFO };
    snprintf(name, sizeof(name), "/programs-notify-%d", (int)getpid());
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    if (queue == (mqd_t)-1)
        return 77;
    CHECK_EQ(mq_unlink(name), 0);
    CHECK_EQ(sigaction(SIGUSR1, &act, NULL), 0);
    event.sigev_value.sival_int = 1;
    CHECK_EQ(mq_notify(queue, &event), 0);
    sigset_t all, old;
    sigfillset(&all);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &all, &old), 0);
    start(wait_long, NULL);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &old, NULL), 0);
    sleep_ms(50);
    once(queue, 1);
    event.sigev_value.sival_int = 2;
    CHECK_EQ(mq_notify(queue, &event), 0);
    CHECK_EQ(mq_notify(queue, &event), -1);
    CHECK_EQ(errno, EBUSY);
    once(queue, 2);
    return 0;
}
