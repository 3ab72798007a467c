/* POSIX and System V message queues and semaphores that block between threads of one process. */
#include "test.h"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

#define MESSAGES 40

static mqd_t queue;
static int sysv_queue, sysv_sem;

struct message {
    long type;
    int value;
};

static void *receives_posix(void *arg)
{
    long sum = 0;
    int value;
    unsigned priority;
    for (int i = 0; i < MESSAGES; i++) {
        CHECK_EQ(mq_receive(queue, (char *)&value, sizeof(value), &priority), sizeof(value));
        CHECK_EQ(priority, 3);
        sum += value;
    }
    (void)arg;
    return (void *)sum;
}

static int posix(void)
{
    char name[64];
    struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = sizeof(int) };
    snprintf(name, sizeof(name), "/programs-queue-%d", (int)getpid());
    queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    if (queue == (mqd_t)-1)
        return 0;
    CHECK_EQ(mq_unlink(name), 0);
    struct timespec then = in_ms(CLOCK_REALTIME, 20);
    int value;
    CHECK_EQ(mq_timedreceive(queue, (char *)&value, sizeof(value), NULL, &then), -1);
    CHECK_EQ(errno, ETIMEDOUT);
    pthread_t receiver = start(receives_posix, NULL);
    usleep(2000);
    for (int i = 0; i < MESSAGES; i++)
        CHECK_EQ(mq_send(queue, (char *)&i, sizeof(i), 3), 0);
    printf("POSIX: sum %ld\n", (long)join(receiver));
    mq_close(queue);
    return 1;
}

static void *receives_sysv(void *arg)
{
    struct message message;
    long sum = 0;
    for (int i = 0; i < MESSAGES; i++) {
        CHECK_EQ(msgrcv(sysv_queue, &message, sizeof(message.value), (long)arg, 0),
                 sizeof(message.value));
        CHECK_EQ(message.type, (long)arg);
        sum += message.value;
    }
    return (void *)sum;
}

static void *counts_down(void *arg)
{
    struct sembuf down = { 0, -1, 0 };
    for (int i = 0; i < MESSAGES; i++)
        CHECK_EQ(semop(sysv_sem, &down, 1), 0);
    return arg;
}

static int sysv(void)
{
    sysv_queue = msgget(IPC_PRIVATE, 0600);
    sysv_sem = semget(IPC_PRIVATE, 1, 0600);
    if (sysv_queue < 0 || sysv_sem < 0)
        return 0;
    pthread_t one = start(receives_sysv, (void *)1L), two = start(receives_sysv, (void *)2L);
    pthread_t counter = start(counts_down, NULL);
    usleep(2000);
    for (int i = 0; i < 2 * MESSAGES; i++) {
        struct message message = { 2 - i % 2, i };
        struct sembuf up = { 0, 1, 0 };
        CHECK_EQ(msgsnd(sysv_queue, &message, sizeof(message.value), 0), 0);
        if (i % 2)
            CHECK_EQ(semop(sysv_sem, &up, 1), 0);
    }
    printf("System V: sum %ld\n", (long)join(one));
    printf("System V: sum %ld\n", (long)join(two));
    join(counter);
    CHECK_EQ(msgctl(sysv_queue, IPC_RMID, NULL), 0);
    CHECK_EQ(semctl(sysv_sem, 0, IPC_RMID), 0);
    return 1;
}

int main(void)
{
    if (!posix() || !sysv()) {
        puts("the machine has no message queues");
        return 77;
    }
    return 0;
}
