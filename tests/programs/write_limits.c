/* Writes that the system refuses: a full device, a file beyond its limit, a pipe and a socket without
 * reader; with and without the signal. */
#include "net.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/wait.h>

static volatile int caught;
static pthread_t expected;

static void handler(int signal)
{
    if (pthread_equal(pthread_self(), expected))
        caught = signal;
}

static void *full_device(void *arg)
{
    char data[100] = { 0 };
    int fd = open("/dev/full", O_WRONLY);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, data, sizeof(data)), -1);
    CHECK_EQ(errno, ENOSPC);
    FILE *file = fdopen(fd, "w");
    CHECK(fputs("text", file) >= 0);
    CHECK_EQ(fflush(file), EOF);
    CHECK_EQ(errno, ENOSPC);
    fclose(file);
    puts("no space");
    return arg;
}

static void expect_file_signal(long result)
{
    CHECK_EQ(result, -1);
    CHECK_EQ(errno, EFBIG);
    CHECK_EQ(caught, SIGXFSZ); /* to this very thread */
    caught = 0;
}

/* Calls that wait for the disk. */
static void too_large_for_a_helper(int fd)
{
    int durable = open("large", O_RDWR | O_SYNC);
    struct iovec part = { "x", 1 };
    loff_t end = 1500;
    CHECK(durable >= 0);
    expect_file_signal(copy_file_range(durable, &(loff_t){ 0 }, fd, &end, 10, 0));
    expect_file_signal(pwrite(durable, "x", 1, end));
    expect_file_signal(pwritev2(fd, &part, 1, end, RWF_DSYNC));
    if (fallocate(fd, 0, 0, 1500) == 0)
        expect_file_signal(fallocate(fd, 0, 0, 1501));
    close(durable);
}

static void *large_file(void *arg)
{
    static char data[1000];
    int fd = open("large", O_WRONLY | O_CREAT, 0600);
    CHECK(fd >= 0);
    expected = pthread_self();
    CHECK_EQ(write(fd, data, sizeof(data)), 1000);
    CHECK_EQ(write(fd, data, sizeof(data)), 500); /* up to the limit */
    expect_file_signal(write(fd, data, sizeof(data)));
    too_large_for_a_helper(fd);
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQ(ftruncate(fd, 1501), -1);
    CHECK_EQ(errno, EFBIG);
    CHECK_EQ(caught, 0);
    close(fd);
    unlink("large");
    puts("too large");
    return arg;
}

static void expect_pipe_signal(long result)
{
    CHECK_EQ(result, -1);
    CHECK_EQ(errno, EPIPE);
    CHECK_EQ(caught, SIGPIPE); /* to this very thread */
    caught = 0;
}

/* The same by calls that move data in the kernel. */
static void moves(int into)
{
    int source[2], file = open("small", O_RDWR | O_CREAT, 0600);
    CHECK(file >= 0);
    CHECK_EQ(write(file, "xyz", 3), 3);
    CHECK_EQ(lseek(file, 0, SEEK_SET), 0);
    expect_pipe_signal(sendfile(into, file, NULL, 3));
    CHECK_EQ(pipe(source), 0);
    CHECK_EQ(write(source[1], "xyz", 3), 3);
    expect_pipe_signal(splice(source[0], NULL, into, NULL, 3, 0));
    close(source[0]);
    close(source[1]);
    close(file);
    unlink("small");
}

static void *no_reader(void *arg)
{
    int ends[2];
    expected = pthread_self();
    for (int kind = 0; kind < 2; kind++) {
        CHECK_EQ(kind ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends), 0);
        close(ends[0]);
        caught = 0;
        expect_pipe_signal(write(ends[1], "x", 1));
        moves(ends[1]);
        if (kind) {
            CHECK_EQ(send(ends[1], "x", 1, MSG_NOSIGNAL), -1);
            CHECK_EQ(errno, EPIPE);
            CHECK_EQ(caught, 0);
        }
        close(ends[1]);
    }
    puts("nobody reads");
    return arg;
}

static void *dies(void *arg)
{
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    close(ends[0]);
    write(ends[1], "x", 1);
    return arg;
}

int main(void)
{
    int status;
    signal(SIGXFSZ, handler);
    signal(SIGPIPE, handler);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 1500, RLIM_INFINITY });
    join(start(full_device, NULL));
    join(start(large_file, NULL));
    join(start(no_reader, NULL));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGPIPE, SIG_DFL);
        join(start(dies, NULL));
        _exit(0);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
    puts("dead of SIGPIPE");
    return 0;
}
