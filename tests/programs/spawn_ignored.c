/* Programs started from a thread inherit which signals are ignored, also those that a thread of ours
 * has blocked; blocked ones stay blocked, handled ones act by default. */
#include "test.h"

#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/wait.h>

extern char **environ;

static void does_nothing(int signal)
{
    (void)signal;
}

static void expect(pid_t child, bool by_signal, int wanted)
{
    int status = 0;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(WIFSIGNALED(status), by_signal);
    CHECK_EQ(by_signal ? WTERMSIG(status) : WEXITSTATUS(status), wanted);
}

static pid_t by_spawn(char **arguments)
{
    pid_t child;
    CHECK_EQ(posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ), 0);
    return child;
}

static pid_t by_spawn_with_default(char **arguments)
{
    posix_spawnattr_t attributes;
    sigset_t acts;
    pid_t child;
    sigemptyset(&acts);
    sigaddset(&acts, SIGUSR2);
    CHECK_EQ(posix_spawnattr_init(&attributes), 0);
    posix_spawnattr_setsigdefault(&attributes, &acts);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    CHECK_EQ(posix_spawn(&child, "/bin/sh", NULL, &attributes, arguments, environ), 0);
    posix_spawnattr_destroy(&attributes);
    return child;
}

static pid_t by_vfork(char **arguments)
{
    pid_t child = vfork();
    if (child == 0) {
        execv("/bin/sh", arguments);
        _exit(127);
    }
    return child;
}

static pid_t by_fork(char **arguments)
{
    pid_t child = fork();
    if (child == 0) {
        execv("/bin/sh", arguments);
        _exit(127);
    }
    return child;
}

static void *starts_programs(void *arg)
{
    pid_t (*ways[])(char **) = { by_spawn, by_vfork, by_fork };
    char *ignored[] = { "sh", "-c", "kill -USR2 $$; exit 7", NULL };
    char *handled[] = { "sh", "-c", "kill -USR1 $$; exit 7", NULL };
    for (int i = 0; i < COUNT(ways); i++) {
        expect(ways[i](ignored), false, 7);
        expect(ways[i](handled), true, SIGUSR1);
    }
    expect(by_spawn_with_default(ignored), true, SIGUSR2);
    return arg;
}

static void *blocks_all(void *arg)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    usleep(1000);
    return arg;
}

int main(void)
{
    sigset_t blocked;
    CHECK(signal(SIGUSR1, does_nothing) != SIG_ERR);
    CHECK(signal(SIGUSR2, SIG_IGN) != SIG_ERR);
    join(start(blocks_all, NULL));
    join(start(starts_programs, NULL));
    puts("ignored and handled");
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    char *arguments[] = { "sh", "-c", "kill -USR1 $$; exit 8", NULL };
    expect(by_spawn(arguments), false, 8);
    expect(by_vfork(arguments), false, 8);
    puts("blocked");
    return 0;
}
