/* Hundreds of pipes with a blocked reader each; descriptors are closed wholesale with close_range
 * and closefrom in a threaded program, which goes on to work. */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define PIPES 400

static void *reads(void *arg)
{
    char byte;
    CHECK_EQ(read((int)(long)arg, &byte, 1), 1);
    return (void *)(long)byte;
}

static void work(void)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    pthread_t reader = start(reads, (void *)(long)ends[0]);
    usleep(2000);
    CHECK_EQ(write(ends[1], "w", 1), 1);
    CHECK_EQ((long)join(reader), 'w');
    CHECK_EQ(poll(NULL, 0, 1), 0);
    close(ends[0]);
    close(ends[1]);
}

static void close_all(void)
{
    pid_t child = fork();
    if (child == 0) {
        CHECK_EQ(close_range(3, ~0u, 0), 0);
        CHECK_EQ(fcntl(3, F_GETFD), -1);
        work();
        _exit(6);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 6);
    closefrom(3);
    work();
    /* The lowest free numbers are handed out, as the program expects. */
    CHECK_EQ(dup(0), 3);
    CHECK_EQ(dup(0), 4);
    for (int fd = 3; fd < 2000; fd++)
        close(fd);
    work();
    puts("closed wholesale, and still working");
}

int main(void)
{
    static pthread_t threads[PIPES];
    static int ends[PIPES][2];
    struct rlimit limit;
    long sum = 0;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 2 * PIPES + 100) {
        puts("too few descriptors are allowed");
        return 77;
    }
    for (int i = 0; i < PIPES; i++) {
        CHECK_EQ(pipe(ends[i]), 0);
        threads[i] = start(reads, (void *)(long)ends[i][0]);
    }
    for (int i = PIPES - 1; i >= 0; i--)
        CHECK_EQ(write(ends[i][1], &(char){ (char)(i % 100) }, 1), 1);
    for (int i = 0; i < PIPES; i++)
        sum += (long)join(threads[i]);
    printf("%d pipes, sum %ld\n", PIPES, sum);
    fflush(stdout);
    close_all();
    return 0;
}
