/* waitid: by pid, group and pidfd, without reaping, for stops and continues; and a pidfd polled. */
#include "test.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static pid_t paused_child(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0)
        for (;;)
            pause();
    return child;
}

static void *kills_later(void *arg)
{
    sleep_ms(20);
    CHECK_EQ(kill((pid_t)(long)arg, SIGTERM), 0);
    return NULL;
}

static void *stops_and_continues(void *arg)
{
    siginfo_t info = { 0 };
    pid_t child = paused_child();
    CHECK_EQ(kill(child, SIGSTOP), 0);
    CHECK_EQ(waitid(P_PID, (id_t)child, &info, WSTOPPED), 0);
    CHECK(info.si_code == CLD_STOPPED && info.si_status == SIGSTOP && info.si_pid == child);
    CHECK_EQ(kill(child, SIGCONT), 0);
    CHECK_EQ(waitid(P_PID, (id_t)child, &info, WCONTINUED), 0);
    CHECK_EQ(info.si_code, CLD_CONTINUED);
    pthread_t killer = start(kills_later, (void *)(long)child);
    CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    CHECK(info.si_code == CLD_KILLED && info.si_status == SIGTERM);
    info.si_pid = 0;
    CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED), 0);
    CHECK_EQ(info.si_pid, child);
    CHECK_EQ(waitid(P_PID, (id_t)child, &info, WEXITED), -1);
    CHECK_EQ(errno, ECHILD);
    join(killer);
    return arg;
}

static void *by_pidfd(void *arg)
{
    siginfo_t info = { 0 };
    pid_t child = paused_child();
    int fd = (int)syscall(SYS_pidfd_open, child, 0);
    CHECK(fd >= 0);
    CHECK_EQ(waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG), 0);
    CHECK_EQ(info.si_pid, 0);
    pthread_t killer = start(kills_later, (void *)(long)child);
    struct pollfd wait = { fd, POLLIN, 0 };
    CHECK_EQ(poll(&wait, 1, -1), 1);
    CHECK_EQ(waitid(P_PIDFD, (id_t)fd, &info, WEXITED), 0);
    CHECK(info.si_pid == child && info.si_status == SIGTERM);
    join(killer);
    close(fd);
    return arg;
}

static void *by_group(void *arg)
{
    int status, ends[2];
    char byte;
    CHECK_EQ(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        CHECK_EQ(write(ends[1], "x", 1), 1);
        sleep_ms(20);
        _exit(21);
    }
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    CHECK_EQ(waitpid(-child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 21);
    close(ends[0]);
    close(ends[1]);
    return arg;
}

int main(void)
{
    void *(*const runs[])(void *) = { stops_and_continues, by_pidfd, by_group };
    pthread_t threads[2 * COUNT(runs)];
    for (int i = 0; i < COUNT(threads); i++)
        threads[i] = start(runs[i % COUNT(runs)], NULL);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    puts("stops, pidfds and groups");
    return 0;
}
