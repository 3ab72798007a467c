/* A thread finds itself under /proc by its id: whatever call asks. */
#include "gates.h"

#include <fcntl.h>
#include <sys/stat.h>

#define THREADS 6

static void read_line(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    CHECK(file);
    CHECK(fgets(text, (int)size, file));
    text[strcspn(text, "\n")] = '\0';
    fclose(file);
}

static void finds(const char *path)
{
    struct stat about;
    CHECK_EQ(access(path, R_OK), 0);
    CHECK_EQ(faccessat(AT_FDCWD, path, F_OK, AT_EACCESS), 0);
    CHECK_EQ(syscall(SYS_faccessat, AT_FDCWD, path, F_OK), 0);
    CHECK_EQ(syscall(SYS_faccessat2, AT_FDCWD, path, F_OK, 0), 0);
    CHECK_EQ(syscall(SYS_stat, path, &about), 0);
    CHECK_EQ(syscall(SYS_lstat, path, &about), 0);
    CHECK(S_ISREG(about.st_mode));
    FAILS(EINVAL, SYS_readlink, path, &about, 1);
}

static void is_link_to(const char *path, const char *expected)
{
    char text[256] = "";
    size_t length = strlen(expected);
    CHECK_EQ(readlink(path, text, sizeof(text)), length);
    CHECK_EQ(strcmp(text, expected), 0);
    memset(text, 0, sizeof(text));
    CHECK_EQ(readlinkat(-1, path, text, 3), 3);
    CHECK_EQ(strncmp(text, expected, 3) | text[3], 0);
}

static void follows_links(void)
{
    struct stat about;
    char path[64], text[256] = "";
    snprintf(text, sizeof(text), "%d/task/%d", (int)getpid(), (int)gettid());
    is_link_to("/proc/thread-self", text);
    FAILS(EINVAL, SYS_readlink, "/proc/thread-self", text, 0);
    FAILS(EFAULT, SYS_readlinkat, AT_FDCWD, "/proc/thread-self", NOWHERE, 5);
    FAILS(EFAULT, SYS_readlink, NOWHERE, text, 5);
    FAILS(EFAULT, SYS_access, NOWHERE, F_OK);
    CHECK_EQ(lstat("/proc/thread-self", &about), 0);
    CHECK(S_ISLNK(about.st_mode));
    CHECK_EQ(stat("/proc/thread-self", &about), 0);
    CHECK(S_ISDIR(about.st_mode));
    CHECK(getcwd(text, sizeof(text)));
    snprintf(path, sizeof(path), "/proc/%d/cwd", (int)gettid());
    is_link_to(path, text);
    snprintf(path, sizeof(path), "/proc/self/task/%d/cwd", (int)gettid());
    is_link_to(path, text);
}

static void *finds_itself(void *arg)
{
    char path[64], name[32], text[64];
    snprintf(name, sizeof(name), "proc-%ld", (long)arg);
    CHECK_EQ(pthread_setname_np(pthread_self(), name), 0);
    usleep(500);
    snprintf(path, sizeof(path), "/proc/self/task/%d/comm", (int)gettid());
    read_line(path, text, sizeof(text));
    CHECK(strcmp(text, name) == 0);
    finds(path);
    snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", (int)getpid(), (int)gettid());
    finds(path);
    read_line(path, text, sizeof(text));
    CHECK(strcmp(text, name) == 0);
    read_line("/proc/thread-self/comm", text, sizeof(text));
    CHECK(strcmp(text, name) == 0);
    snprintf(path, sizeof(path), "/proc/%d/status", (int)gettid());
    finds(path);
    finds("/proc/thread-self/stat");
    follows_links();
    CHECK_EQ(access("/proc/self/task/999999999/comm", R_OK), -1);
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(finds_itself, (void *)i);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    puts("found, all");
    return 0;
}
