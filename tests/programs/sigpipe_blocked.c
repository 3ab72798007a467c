/* SIGPIPE and SIGXFSZ are the thread's whose call fails: where it blocks them they wait for it, though
 * by default they end the process and other threads block nothing. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

static bool is_pending(int signal)
{
    sigset_t set;
    CHECK_EQ(sigpending(&set), 0);
    return sigismember(&set, signal);
}

/* As libpq does after each send. */
static void take(int signal)
{
    const struct timespec none = { 0 };
    sigset_t set;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, signal);
    CHECK(is_pending(signal));
    CHECK_EQ(sigtimedwait(&set, &info, &none), signal);
    CHECK_EQ(info.si_pid, getpid());
    CHECK(!is_pending(signal));
}

static void fails(const char *how, long result)
{
    int error = errno;
    CHECK_EQ(result, -1);
    printf("%s: %s\n", how, strerror(error));
}

static void meets_no_reader(void)
{
    struct iovec part = { "x", 1 };
    int pipes[2], sockets[2], file = memfd_create("source", 0);
    CHECK_EQ(pipe(pipes), 0);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    CHECK_EQ(ftruncate(file, 10), 0);
    close(pipes[0]);
    close(sockets[0]);
    fails("write", write(pipes[1], "x", 1));
    take(SIGPIPE);
    fails("writev", writev(pipes[1], &part, 1));
    take(SIGPIPE);
    fails("system call", syscall(SYS_write, pipes[1], "x", 1));
    take(SIGPIPE);
    fails("send", send(sockets[1], "x", 1, 0));
    take(SIGPIPE);
    fails("quiet send", send(sockets[1], "x", 1, MSG_NOSIGNAL));
    CHECK(!is_pending(SIGPIPE));
    fails("sendfile", sendfile(sockets[1], file, NULL, 1));
    take(SIGPIPE);
    fails("write to a socket", write(sockets[1], "x", 1));
    take(SIGPIPE);
    close(pipes[1]);
    close(sockets[1]);
    close(file);
}

static void grows_too_large(void)
{
    struct rlimit before, limit;
    int file = memfd_create("file", 0);
    CHECK_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 4096;
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    fails("a file too large", pwrite(file, "x", 1, 4096));
    take(SIGXFSZ);
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    close(file);
}

static void *blocks(void *unused)
{
    sigset_t all;
    sigfillset(&all);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &all, NULL), 0);
    meets_no_reader();
    grows_too_large();
    return unused;
}

static pthread_barrier_t barrier;

static void *leaves_it_pending(void *unused)
{
    int pipes[2];
    CHECK_EQ(pipe(pipes), 0);
    close(pipes[0]);
    fails("write beside others that block it", write(pipes[1], "x", 1));
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    take(SIGPIPE);
    close(pipes[1]);
    return unused;
}

static void is_not_for_others(void)
{
    sigset_t set;
    CHECK_EQ(pthread_barrier_init(&barrier, NULL, 2), 0);
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    pthread_t thread = start(leaves_it_pending, NULL);
    pthread_barrier_wait(&barrier);
    CHECK(!is_pending(SIGPIPE));
    CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
    pthread_barrier_wait(&barrier);
    join(thread);
}

static void *dies(void *unused)
{
    int pipes[2];
    CHECK_EQ(pipe(pipes), 0);
    close(pipes[0]);
    write(pipes[1], "x", 1);
    return unused;
}

static void ends_another_process(void)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        join(start(blocks, NULL));
        fflush(stdout);
        join(start(dies, NULL));
        _exit(1);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
}

int main(void)
{
    join(start(blocks, NULL));
    CHECK(!is_pending(SIGPIPE));
    is_not_for_others();
    ends_another_process();
    puts("who doesn't block it ended by it");
    return 0;
}
