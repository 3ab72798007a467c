/* Threads that sleep, wait for signals and children, and in calls that a helper makes. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char path[] = "/tmp/coroshim-where-XXXXXX";
static int locked;

static void *in_sleep(void *argument)
{
    sleep(10000);
    return argument;
}

static void *in_usleep(void *argument)
{
    usleep(999999999);
    return argument;
}

static void *in_nanosleep(void *argument)
{
    nanosleep(&(struct timespec){ 10000, 0 }, NULL);
    return argument;
}

static void *in_clock_nanosleep(void *argument)
{
    clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ 10000, 0 }, NULL);
    return argument;
}

static void *in_pause(void *argument)
{
    pause();
    return argument;
}

static void *in_sigwait(void *argument)
{
    int signal;
    sigset_t set;
    sigfillset(&set);
    sigwait(&set, &signal);
    return argument;
}

static void *in_sigsuspend(void *argument)
{
    sigset_t set;
    sigfillset(&set);
    sigsuspend(&set);
    return argument;
}

static void *in_waitpid(void *argument)
{
    waitpid(*(pid_t *)argument, NULL, 0);
    return argument;
}

static void *in_flock(void *argument)
{
    flock(open(path, O_RDWR), LOCK_EX);
    return argument;
}

static void *in_fcntl(void *argument)
{
    struct flock lock = { .l_type = F_WRLCK };
    fcntl(open(path, O_RDWR), F_OFD_SETLKW, &lock);
    return argument;
}

static void *in_msgrcv(void *argument)
{
    struct {
        long type;
        char text[8];
    } message;
    msgrcv(*(int *)argument, &message, sizeof(message.text), 0, 0);
    return argument;
}

int main(void)
{
    static pid_t child;
    static int queue;
    struct flock lock = { .l_type = F_WRLCK };
    sigset_t all;
    pthread_t thread;

    locked = mkstemp(path);
    flock(locked, LOCK_EX);
    fcntl(locked, F_OFD_SETLKW, &lock);
    queue = msgget(IPC_PRIVATE, 0600);
    child = fork();
    if (child == 0) {
        char byte;
        close(locked);
        read(0, &byte, 1);
        _exit(0);
    }
    sigfillset(&all);
    sigdelset(&all, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_create(&thread, NULL, in_sleep, NULL);
    pthread_create(&thread, NULL, in_usleep, NULL);
    pthread_create(&thread, NULL, in_nanosleep, NULL);
    pthread_create(&thread, NULL, in_clock_nanosleep, NULL);
    pthread_create(&thread, NULL, in_pause, NULL);
    pthread_create(&thread, NULL, in_sigwait, NULL);
    pthread_create(&thread, NULL, in_sigsuspend, NULL);
    pthread_create(&thread, NULL, in_waitpid, &child);
    pthread_create(&thread, NULL, in_flock, NULL);
    pthread_create(&thread, NULL, in_fcntl, NULL);
    pthread_create(&thread, NULL, in_msgrcv, &queue);
    usleep(300000);
    unlink(path);
    msgctl(queue, IPC_STAT, &(struct msqid_ds){ 0 });
    pthread_join(thread, NULL);
    return 0;
}
