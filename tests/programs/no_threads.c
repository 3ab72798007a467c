/* A program that never makes a thread stays as it is: it waits, forks, polls and takes signals by
 * itself, and has one kernel thread. */
#include "net.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
    alarms += number == SIGALRM;
}

static int kernel_threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    struct dirent *entry;
    int count = 0;
    CHECK(folder);
    while ((entry = readdir(folder)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

int main(void)
{
    struct sigaction action = { .sa_handler = on_alarm };
    int ends[2], status;
    char text[16] = "";
    CHECK_EQ(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        usleep(2000);
        CHECK_EQ(write(ends[1], "from child", 10), 10);
        _exit(6);
    }
    CHECK_EQ(read(ends[0], text, sizeof(text)), 10);
    CHECK_EQ(waitpid(child, &status, 0), child);
    printf("%s, status %d\n", text, WEXITSTATUS(status));
    struct pollfd wait = { ends[0], POLLIN, 0 };
    int64_t begin = now_ms();
    CHECK_EQ(poll(&wait, 1, 20), 0);
    CHECK(now_ms() - begin >= 19);
    CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
    /* Again and again, in case the first comes before the read. */
    ualarm(5000, 50000);
    CHECK_EQ(read(ends[0], text, 1), -1);
    CHECK_EQ(errno, EINTR);
    ualarm(0, 0);
    CHECK(alarms > 0);
    CHECK_EQ(WEXITSTATUS(system("exit 4")), 4);
    printf("kernel threads: %d\n", kernel_threads());
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    CHECK_EQ(pthread_mutex_lock(&lock), 0);
    struct timespec then = in_ms(CLOCK_REALTIME, 10);
    CHECK_EQ(pthread_mutex_timedlock(&lock, &then), ETIMEDOUT);
    CHECK_EQ(pthread_join(pthread_self(), NULL), EDEADLK);
    return 0;
}
