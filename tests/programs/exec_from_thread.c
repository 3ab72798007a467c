/* A thread calls exec while others are parked and spinning: the new program has the same process
 * id, arguments and environment, the descriptors without close-on-exec, and one thread. */
#include "test.h"

#include <fcntl.h>

static int ends[2];
static volatile int never;

static void *is_parked(void *arg)
{
    char byte;
    CHECK_EQ(read(ends[0], &byte, 1), 1);
    return arg;
}

static void *spins(void *arg)
{
    while (!never)
        continue;
    return arg;
}

static void *execs(void *arg)
{
    char pid[32], kept[32], closed[32];
    int fd = open("/dev/null", O_RDONLY), cloexec = open("/dev/null", O_RDONLY | O_CLOEXEC);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    snprintf(kept, sizeof(kept), "%d", fd);
    snprintf(closed, sizeof(closed), "%d", cloexec);
    CHECK_EQ(setenv("STAGE", "second", 1), 0);
    CHECK_EQ(execl("/no/such/program", "none", (char *)NULL), -1);
    CHECK_EQ(errno, ENOENT);
    fflush(stdout);
    execl("/proc/self/exe", arg, pid, kept, closed, (char *)NULL);
    CHECK(!"exec returned");
    return NULL;
}

static void *returns(void *arg)
{
    return arg;
}

static int second_stage(char **arguments)
{
    CHECK(strcmp(getenv("STAGE"), "second") == 0);
    CHECK_EQ(getpid(), atoi(arguments[1]));
    CHECK_EQ(gettid(), getpid());
    CHECK(fcntl(atoi(arguments[2]), F_GETFD) >= 0);
    CHECK_EQ(fcntl(atoi(arguments[3]), F_GETFD), -1);
    CHECK_EQ((long)join(start(returns, (void *)5L)), 5);
    printf("second stage as %s\n", arguments[0]);
    return 17;
}

int main(int count, char **arguments)
{
    if (count == 4)
        return second_stage(arguments);
    CHECK_EQ(pipe(ends), 0);
    for (int i = 0; i < 4; i++)
        start(i == 3 ? spins : is_parked, NULL);
    usleep(2000);
    puts("first stage");
    start(execs, "exec-from-thread");
    for (;;)
        pause();
}
