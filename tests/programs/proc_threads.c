/* /proc/self tells of all threads: the folder task lists each, status and stat count them, and tell of
 * each one's name, id and signals. */
#include "test.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>

#define THREADS 150

static pthread_barrier_t all_there, done;
static int tids[THREADS];

/* What follows "NAME:" and a tab in a file like status. */
static void find_line(const char *path, const char *name, char *text, size_t size)
{
    char line[256];
    size_t length = strlen(name);
    FILE *file = fopen(path, "r");
    CHECK(file);
    for (;;) {
        CHECK(fgets(line, sizeof(line), file));
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            break;
    }
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    snprintf(text, size, "%s", line + length + 2);
}

static long number_in(const char *path, const char *name, int base)
{
    char text[256];
    find_line(path, name, text, sizeof(text));
    return (long)strtoul(text, NULL, base);
}

/* Of the set called @name: what the program has inherited is in it, too. */
static bool is_in(const char *path, const char *name, int signal)
{
    return (unsigned long)number_in(path, name, 16) >> (signal - 1) & 1;
}

/* Field @wanted of stat, counted from 1; 3 and later. */
static long stat_field(const char *path, int wanted)
{
    char line[1024], *rest, *field;
    FILE *file = fopen(path, "r");
    CHECK(file && fgets(line, sizeof(line), file));
    fclose(file);
    CHECK(strrchr(line, ')'));
    field = strtok_r(strrchr(line, ')') + 2, " ", &rest);
    for (int i = 3; i < wanted; i++)
        field = strtok_r(NULL, " ", &rest);
    return (long)strtoul(field, NULL, 10);
}

static void looks_at_itself(void)
{
    char path[64], text[64];
    struct stat about;
    snprintf(path, sizeof(path), "/proc/self/task/%d", (int)gettid());
    CHECK_EQ(stat(path, &about), 0);
    CHECK(S_ISDIR(about.st_mode));
    snprintf(path, sizeof(path), "/proc/%d/task/%d/status", (int)getpid(), (int)gettid());
    CHECK_EQ(number_in(path, "Pid", 10), gettid());
    CHECK_EQ(number_in(path, "Tgid", 10), getpid());
    CHECK_EQ(number_in(path, "Threads", 10), THREADS + 1);
    CHECK(is_in(path, "SigPnd", SIGUSR2) && !is_in(path, "SigPnd", SIGUSR1));
    CHECK(is_in(path, "SigBlk", SIGUSR2) && !is_in(path, "SigBlk", SIGUSR1));
    find_line(path, "Name", text, sizeof(text));
    CHECK(strcmp(text, "na) (me") == 0);
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)gettid());
    CHECK_EQ(stat_field(path, 20), THREADS + 1);
    CHECK(stat_field(path, 31) >> (SIGUSR2 - 1) & 1);
    CHECK(stat_field(path, 32) >> (SIGUSR2 - 1) & 1);
}

static void *stays(void *arg)
{
    int index = (int)(long)arg;
    tids[index] = gettid();
    pthread_barrier_wait(&all_there);
    if (index == 0) {
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, SIGUSR2);
        pthread_sigmask(SIG_BLOCK, &one, NULL);
        raise(SIGUSR2);
        CHECK_EQ(pthread_setname_np(pthread_self(), "na) (me"), 0);
        looks_at_itself();
    }
    pthread_barrier_wait(&done);
    return NULL;
}

static bool is_known(int tid)
{
    for (int i = 0; i < THREADS; i++) {
        if (tids[i] == tid)
            return true;
    }
    return tid == getpid();
}

static int count_listed(const char *path)
{
    int count = 0;
    struct dirent *entry;
    DIR *folder = opendir(path);
    CHECK(folder);
    while ((entry = readdir(folder))) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        CHECK(is_known(atoi(entry->d_name)));
        count++;
    }
    closedir(folder);
    return count;
}

int main(void)
{
    pthread_t threads[THREADS];
    CHECK(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
    pthread_barrier_init(&all_there, NULL, THREADS + 1);
    pthread_barrier_init(&done, NULL, THREADS + 1);
    for (long i = 0; i < THREADS; i++)
        threads[i] = start(stays, (void *)i);
    pthread_barrier_wait(&all_there);
    CHECK_EQ(count_listed("/proc/self/task"), THREADS + 1);
    CHECK_EQ(number_in("/proc/self/status", "Threads", 10), THREADS + 1);
    CHECK(!is_in("/proc/self/status", "SigPnd", SIGUSR2));
    CHECK(!is_in("/proc/self/status", "SigBlk", SIGUSR2));
    CHECK(is_in("/proc/self/status", "SigIgn", SIGUSR1));
    CHECK(!is_in("/proc/self/status", "SigIgn", SIGUSR2));
    CHECK_EQ(stat_field("/proc/self/stat", 20), THREADS + 1);
    CHECK(stat_field("/proc/self/stat", 33) >> (SIGUSR1 - 1) & 1);
    pthread_barrier_wait(&done);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    puts("all threads, each by its id");
    return 0;
}
