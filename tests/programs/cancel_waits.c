/* pthread_cancel of threads that wait where no descriptor becomes ready: for any child, in System V
 * and POSIX queues, for file locks, for a FIFO's other end. And a thread that has disabled
 * cancellation keeps what it has received so far, and the time it has waited. */
#include "net.h"

#include <mqueue.h>
#include <poll.h>
#include <semaphore.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/stat.h>
#include <sys/wait.h>

static sem_t started;
static pid_t child;
static int messages, locked;
static mqd_t queue;

static void in_wait(void)
{
    wait(NULL);
}
static void in_waitpid_any(void)
{
    waitpid(-1, NULL, WUNTRACED);
}
static void in_waitid(void)
{
    siginfo_t info;
    waitid(P_ALL, 0, &info, WEXITED);
}
static void in_msgrcv(void)
{
    char message[64];
    msgrcv(messages, message, sizeof(message) - sizeof(long), 0, 0);
}
static void in_mq_receive(void)
{
    char message[64];
    mq_receive(queue, message, sizeof(message), NULL);
}
static void in_mq_timedreceive(void)
{
    char message[64];
    struct timespec then = in_ms(CLOCK_REALTIME, 100000000);
    mq_timedreceive(queue, message, sizeof(message), NULL, &then);
}
static void in_lock(void)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    fcntl(locked, F_SETLKW, &lock);
}
static void in_lockf(void)
{
    lockf(locked, F_LOCK, 0);
}
static void in_open(void)
{
    open("fifo", O_RDONLY);
}

static const struct {
    const char *name;
    void (*block)(void);
} points[] = {
    { "wait", in_wait },
    { "waitpid of any", in_waitpid_any },
    { "waitid of any", in_waitid },
    { "msgrcv", in_msgrcv },
    { "mq_receive", in_mq_receive },
    { "mq_timedreceive", in_mq_timedreceive },
    { "F_SETLKW", in_lock },
    { "lockf", in_lockf },
    { "open of a FIFO", in_open },
};

static void cleans_up(void *arg)
{
    *(bool *)arg = true;
}

static bool clean;

static void *blocks(void *arg)
{
    pthread_cleanup_push(cleans_up, &clean);
    sem_post(&started);
    for (;;)
        points[(long)arg].block();
    pthread_cleanup_pop(0);
    return NULL;
}

/* Holds the lock on the file and lives on. */
static pid_t start_child(void)
{
    int ready[2];
    char byte;
    CHECK_EQ(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open("locked", O_RDWR);
        struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
        if (fcntl(fd, F_SETLK, &lock) == 0 && write(ready[1], "x", 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    close(ready[1]);
    CHECK_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

static int sockets[2];

static void *receives_disabled(void *arg)
{
    char bytes[5] = "";
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    sem_post(&started);
    CHECK_EQ(recv(sockets[0], bytes, 4, MSG_WAITALL), 4);
    printf("disabled: %s\n", bytes);
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    sem_post(&started);
    CHECK_EQ(poll(NULL, 0, 100), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000 >= 99);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_testcancel();
    return arg;
}

int main(void)
{
    struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 64 };
    char name[64];
    sem_init(&started, 0, 0);
    locked = open("locked", O_RDWR | O_CREAT, 0600);
    CHECK(locked >= 0);
    CHECK_EQ(mkfifo("fifo", 0600), 0);
    snprintf(name, sizeof(name), "/cancel-waits-%d", (int)getpid());
    queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    if (queue < 0 && errno == ENOSYS)
        return 77;
    CHECK(queue >= 0);
    mq_unlink(name);
    messages = msgget(IPC_PRIVATE, 0600);
    CHECK(messages >= 0);
    child = start_child();
    for (long i = 0; i < COUNT(points); i++) {
        for (int late = 0; late < 2; late++) {
            clean = false;
            pthread_t thread = start(blocks, (void *)i);
            sem_wait(&started);
            if (late)
                sleep_ms(10);
            CHECK_EQ(pthread_cancel(thread), 0);
            CHECK(join(thread) == PTHREAD_CANCELED);
            CHECK(clean);
        }
        printf("%s\n", points[i].name);
    }
    msgctl(messages, IPC_RMID, NULL);
    kill(child, SIGKILL);
    CHECK_EQ(waitpid(child, NULL, 0), child);

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    pthread_t thread = start(receives_disabled, NULL);
    sem_wait(&started);
    CHECK_EQ(send(sockets[1], "ab", 2, 0), 2);
    sleep_ms(10);
    CHECK_EQ(pthread_cancel(thread), 0);
    sleep_ms(10);
    CHECK_EQ(send(sockets[1], "cd", 2, 0), 2);
    sem_wait(&started);
    CHECK(join(thread) == PTHREAD_CANCELED);
    return 0;
}
