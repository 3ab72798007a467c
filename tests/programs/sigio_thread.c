/* F_SETOWN_EX makes one thread the owner of a descriptor: SIGIO, or the signal of F_SETSIG, is that
 * thread's alone, also while it blocks the signal and the others don't. */
#include "gates.h"

#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/socket.h>

#define OWNERS 4

static sem_t owned[OWNERS], served[OWNERS];
static int ends[OWNERS][2];
static pthread_t served_by[OWNERS];

static void on_io(int signal, siginfo_t *info, void *unused)
{
    (void)signal, (void)unused;
    for (int i = 0; i < OWNERS; i++) {
        if (ends[i][0] != info->si_fd)
            continue;
        served_by[i] = pthread_self();
        sem_post(&served[i]);
    }
}

static void own(int index, int signal)
{
    struct f_owner_ex owner = { F_OWNER_TID, gettid() };
    int fd = ends[index][0];
    CHECK_EQ(fcntl(fd, F_SETOWN_EX, &owner), 0);
    CHECK_EQ(fcntl(fd, F_SETSIG, signal), 0);
    CHECK_EQ(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK), 0);
    owner = (struct f_owner_ex){ -1, -1 };
    CHECK_EQ(fcntl(fd, F_GETOWN_EX, &owner), 0);
    CHECK_EQ(owner.type, F_OWNER_TID);
    CHECK_EQ(owner.pid, gettid());
    CHECK_EQ(fcntl(fd, F_GETOWN), gettid());
    CHECK_EQ(syscall(SYS_fcntl, fd, F_GETOWN), gettid());
    CHECK_EQ(fcntl(fd, F_GETSIG), signal);
    sem_post(&owned[index]);
}

static void *handles(void *arg)
{
    int index = (int)(long)arg;
    own(index, SIGRTMIN + 3);
    while (sem_wait(&served[index]) != 0)
        CHECK_EQ(errno, EINTR);
    CHECK(pthread_equal(served_by[index], pthread_self()));
    return NULL;
}

static void *accepts(void *arg)
{
    sigset_t set;
    siginfo_t info;
    char byte;
    int index = (int)(long)arg;
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    own(index, 0);
    do
        CHECK_EQ(sigwaitinfo(&set, &info), SIGIO);
    while (read(ends[index][0], &byte, 1) != 1);
    return NULL;
}

static void *touches(void *arg)
{
    int index = (int)(long)arg;
    CHECK_EQ(write(ends[index][1], "x", 1), 1);
    return NULL;
}

static void wrong(void)
{
    struct f_owner_ex owner = { 99, gettid() };
    FAILS(EINVAL, SYS_fcntl, ends[0][0], F_SETOWN_EX, &owner);
    owner = (struct f_owner_ex){ F_OWNER_TID, 0x3ffffffe };
    FAILS(ESRCH, SYS_fcntl, ends[0][0], F_SETOWN_EX, &owner);
    FAILS(EFAULT, SYS_fcntl, ends[0][0], F_SETOWN_EX, NOWHERE);
    FAILS(EBADF, SYS_fcntl, -1, F_SETOWN_EX, &owner);
    owner = (struct f_owner_ex){ F_OWNER_PID, getpid() };
    CHECK_EQ(fcntl(ends[0][0], F_SETOWN_EX, &owner), 0);
    CHECK_EQ(fcntl(ends[0][0], F_GETOWN), getpid());
    owner = (struct f_owner_ex){ F_OWNER_TID, getpid() };
    CHECK_EQ(fcntl(ends[0][0], F_SETOWN_EX, &owner), 0);
    CHECK_EQ(fcntl(ends[0][0], F_SETOWN, getpid()), 0);
    owner.type = -1;
    CHECK_EQ(fcntl(ends[0][0], F_GETOWN_EX, &owner), 0);
    CHECK_EQ(owner.type, F_OWNER_PID);
}

int main(void)
{
    pthread_t threads[OWNERS];
    struct sigaction action = { .sa_sigaction = on_io, .sa_flags = SA_SIGINFO | SA_RESTART };
    CHECK_EQ(sigaction(SIGRTMIN + 3, &action, NULL), 0);
    for (long i = 0; i < OWNERS; i++) {
        CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
        CHECK_EQ(sem_init(&owned[i], 0, 0) | sem_init(&served[i], 0, 0), 0);
        threads[i] = start(i < OWNERS - 1 ? handles : accepts, (void *)i);
        while (sem_wait(&owned[i]) != 0)
            CHECK_EQ(errno, EINTR);
    }
    for (long i = 0; i < OWNERS; i++) {
        join(start(touches, (void *)i));
        join(threads[i]);
        puts(i < OWNERS - 1 ? "handled by its owner" : "accepted by its owner");
    }
    wrong();
    return 0;
}
