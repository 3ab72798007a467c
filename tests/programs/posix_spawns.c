/* posix_spawn from threads: file actions, attributes, errors by return value. */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static void *spawns(void *arg)
{
    long id = (long)arg;
    int ends[2];
    char text[32], got[32] = "";
    char *arguments[] = { "sh", "-c", "echo \"$0\"; exit 9", text, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t child;
    int status;
    snprintf(text, sizeof(text), "word %ld", id);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
        CHECK_EQ(posix_spawn_file_actions_init(&actions), 0);
        CHECK_EQ(posix_spawn_file_actions_adddup2(&actions, ends[1], 1), 0);
        CHECK_EQ(posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0), 0);
        CHECK_EQ(posix_spawnattr_init(&attributes), 0);
        sigemptyset(&none);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
        CHECK_EQ(posix_spawnp(&child, "sh", &actions, &attributes, arguments, environ), 0);
        close(ends[1]);
        ssize_t length = read(ends[0], got, sizeof(got) - 1);
        CHECK_EQ(length, strlen(text) + 1);
        CHECK(strncmp(got, text, strlen(text)) == 0);
        CHECK_EQ(read(ends[0], got, 1), 0);
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 9);
        close(ends[0]);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    errno = 3;
    CHECK_EQ(posix_spawn(&child, "/no/such/program", NULL, NULL, arguments, environ), ENOENT);
    return NULL;
}

int main(void)
{
    pthread_t threads[8];
    for (long i = 0; i < COUNT(threads); i++)
        threads[i] = start(spawns, (void *)i);
    for (int i = 0; i < COUNT(threads); i++)
        join(threads[i]);
    CHECK_EQ(waitpid(-1, NULL, 0), -1);
    CHECK_EQ(errno, ECHILD);
    puts("spawned, all");
    return 0;
}
