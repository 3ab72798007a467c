/* A program finds the descriptors that it opened, and no others, before and after it has threads: by
 * /proc/self/fd and by asking for every number. */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define NUMBERS_MAX 65536
#define STAT_BYTES  256 /* more than any of the kernel's structures */

static void *returns(void *arg)
{
    return arg;
}

static int count_listed(const char *path)
{
    int count = 0;
    DIR *directory = opendir(path);
    CHECK(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 3; /* itself, and the two dots */
}

/* With so small a buffer one read may hold nothing but what isn't the program's. */
static int count_read(void)
{
    struct entry {
        uint64_t inode, offset;
        unsigned short bytes;
    };
    char buffer[64];
    int count = 0, fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
    long got;
    while ((got = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0) {
        for (long at = 0; at < got; at += ((struct entry *)(buffer + at))->bytes)
            count++;
    }
    CHECK_EQ(got, 0);
    close(fd);
    return count - 3;
}

static int count_asked(long (*asks)(int fd))
{
    struct rlimit limit;
    int count = 0;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int fd = 0; fd < NUMBERS_MAX && (rlim_t)fd < limit.rlim_cur; fd++) {
        if (asks(fd) == 0)
            count++;
        else
            CHECK_EQ(errno, EBADF);
    }
    return count;
}

static long by_fstat(int fd)
{
    struct stat about;
    return fstat(fd, &about);
}

static long by_fstat_call(int fd)
{
    char about[STAT_BYTES];
    return syscall(SYS_fstat, fd, about);
}

static long by_newfstatat(int fd)
{
    char about[STAT_BYTES];
    return syscall(SYS_newfstatat, fd, "", about, AT_EMPTY_PATH);
}

static long by_statx(int fd)
{
    char about[STAT_BYTES];
    return syscall(SYS_statx, fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, about);
}

static long by_flags(int fd)
{
    return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
}

static void count_all(int *counts)
{
    *counts++ = count_listed("/proc/self/fd");
    *counts++ = count_listed("/proc/self/fdinfo");
    *counts++ = count_read();
    *counts++ = count_asked(by_fstat);
    *counts++ = count_asked(by_fstat_call);
    *counts++ = count_asked(by_newfstatat);
    *counts++ = count_asked(by_statx);
    *counts++ = count_asked(by_flags);
}

int main(void)
{
    int before[8], with_threads[8];
    count_all(before);
    for (int i = 0; i < COUNT(before); i++)
        CHECK_EQ(before[i], before[0]);
    join(start(returns, NULL));
    count_all(with_threads);
    for (int i = 0; i < COUNT(before); i++)
        CHECK_EQ(with_threads[i], before[i]);
    puts("as many as before, however one asks");
    return 0;
}
