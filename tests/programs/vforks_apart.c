/* A child of vfork or posix_spawn that has not executed a program yet holds up its own caller alone: it
 * waits for other threads, for locks they hold, and they for locks that it holds. */
#include "test.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ROUNDS 20

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int to_child[2], from_child[2];

static void wait_for(pid_t child, int wanted)
{
    int status;
    CHECK(child > 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), wanted);
}

static void send_byte(const int pipe[2])
{
    CHECK_EQ(write(pipe[1], "x", 1), 1);
}

static void *send_later(void *unused)
{
    (void)unused;
    sleep_ms(5);
    send_byte(to_child);
    return NULL;
}

/* Uses the stack below its caller's frames. */
static __attribute__((noinline)) int deep(int level)
{
    volatile char room[512];
    memset((char *)room, level, sizeof(room));
    return level ? deep(level - 1) + room[7] - level : 0;
}

static __attribute__((noinline)) void vfork_that_reads(void)
{
    char c;
    volatile int mine[64];
    for (int i = 0; i < COUNT(mine); i++)
        mine[i] = i;
    pthread_t sender = start(send_later, NULL);
    pid_t child = vfork();
    if (child == 0)
        _exit(read(to_child[0], &c, 1) == 1 ? 3 + deep(8) : 4);
    for (int i = 0; i < COUNT(mine); i++)
        CHECK_EQ(mine[i], i);
    wait_for(child, 3);
    join(sender);
}

static void *hold_lock(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    send_byte(to_child);
    sleep_ms(5);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static __attribute__((noinline)) void vfork_that_waits_for_lock(void)
{
    char c;
    pthread_t holder = start(hold_lock, NULL);
    CHECK_EQ(read(to_child[0], &c, 1), 1);
    pid_t child = vfork();
    if (child == 0) {
        pthread_mutex_lock(&lock);
        pthread_mutex_unlock(&lock);
        _exit(5);
    }
    wait_for(child, 5);
    join(holder);
}

static void *want_lock(void *unused)
{
    char c;
    (void)unused;
    CHECK_EQ(read(from_child[0], &c, 1), 1);
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static __attribute__((noinline)) void vfork_that_holds_lock(void)
{
    pthread_t wanter = start(want_lock, NULL);
    pid_t child = vfork();
    if (child == 0) {
        pthread_mutex_lock(&lock);
        send_byte(from_child);
        sleep_ms(5);
        pthread_mutex_unlock(&lock);
        _exit(6);
    }
    wait_for(child, 6);
    join(wanter);
}

static void *open_fifo(void *path)
{
    sleep_ms(5);
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0);
    close(fd);
    return NULL;
}

static void spawn_that_opens(char *path)
{
    posix_spawn_file_actions_t actions;
    char *arguments[] = { "true", NULL }, *environment[] = { NULL };
    pid_t child;
    pthread_t opener = start(open_fifo, path);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 20, path, O_WRONLY, 0);
    CHECK_EQ(posix_spawn(&child, "/bin/true", &actions, NULL, arguments, environment), 0);
    posix_spawn_file_actions_destroy(&actions);
    wait_for(child, 0);
    join(opener);
}

int main(void)
{
    char folder[] = "/tmp/vforks.XXXXXX", path[sizeof(folder) + 8];
    CHECK(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/fifo", folder);
    CHECK_EQ(mkfifo(path, 0600), 0);
    CHECK_EQ(pipe(to_child), 0);
    CHECK_EQ(pipe(from_child), 0);
    for (int i = 0; i < ROUNDS; i++) {
        vfork_that_reads();
        vfork_that_waits_for_lock();
        vfork_that_holds_lock();
        spawn_that_opens(path);
    }
    unlink(path);
    rmdir(folder);
    puts("apart");
    return 0;
}
