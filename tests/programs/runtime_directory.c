/* XDG_RUNTIME_DIR is a folder of the program's own: with a thread running in it, and in a program
 * that it executes with that folder, nothing stays behind there, so it can be removed. */
#include <dirent.h>
#include <limits.h>
#include <semaphore.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test.h"

static sem_t leave;

static void *stay(void *unused)
{
    while (sem_wait(&leave) != 0)
        ;
    return unused;
}

static void list(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;

    CHECK(folder != NULL);
    while ((entry = readdir(folder)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            printf("found %s\n", entry->d_name);
    closedir(folder);
}

static void make_and_set(char *path, size_t size)
{
    CHECK(getcwd(path, size - sizeof("/run")) != NULL);
    strcat(path, "/run");
    CHECK_EQ(mkdir(path, 0700), 0);
    CHECK_EQ(setenv("XDG_RUNTIME_DIR", path, 1), 0);
}

static void execute(const char *self)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        execl(self, self, "child", NULL);
        _exit(98);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
}

int main(int argc, char **argv __attribute__((unused)))
{
    char path[PATH_MAX];
    pthread_t thread;
    bool child = argc > 1;

    CHECK_EQ(sem_init(&leave, 0, 0), 0);
    if (!child)
        make_and_set(path, sizeof(path));
    thread = start(stay, NULL);
    if (!child) {
        list(path);
        execute("/proc/self/exe");
        list(path);
        CHECK_EQ(rmdir(path), 0);
    }
    CHECK_EQ(sem_post(&leave), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    if (!child)
        printf("removed\n");
    return 0;
}
