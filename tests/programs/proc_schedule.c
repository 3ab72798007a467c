/* How a thread is scheduled, as /proc tells it: priority, niceness, policy and processors are those of the
 * thread whose files are read. */
#include "test.h"

#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>

#define PRIORITY    18 /* fields of stat */
#define NICENESS    19
#define RT_PRIORITY 40
#define POLICY      41

static char own[64]; /* the folder of the thread that looks */

static long stat_field(const char *folder, int wanted)
{
    char path[96], line[1024], *rest, *field;
    snprintf(path, sizeof(path), "%s/stat", folder);
    FILE *file = fopen(path, "r");
    CHECK(file && fgets(line, sizeof(line), file));
    fclose(file);
    field = strtok_r(strrchr(line, ')') + 2, " ", &rest);
    for (int i = 3; i < wanted; i++)
        field = strtok_r(NULL, " ", &rest);
    return strtol(field, NULL, 10);
}

static void shows(long priority, long niceness, long rt_priority, long policy)
{
    CHECK_EQ(stat_field(own, PRIORITY), priority);
    CHECK_EQ(stat_field(own, NICENESS), niceness);
    CHECK_EQ(stat_field(own, RT_PRIORITY), rt_priority);
    CHECK_EQ(stat_field(own, POLICY), policy);
}

/* What follows "NAME:" and a tab in status, commas left out if @plain. */
static void status_line(const char *folder, const char *name, bool plain, char text[1024])
{
    char path[96], line[1024], *to = text;
    size_t length = strlen(name);
    snprintf(path, sizeof(path), "%s/status", folder);
    FILE *file = fopen(path, "r");
    CHECK(file);
    do
        CHECK(fgets(line, sizeof(line), file));
    while (strncmp(line, name, length) != 0 || line[length] != ':');
    fclose(file);
    for (const char *at = line + length + 2; *at != '\n'; at++)
        if (!plain || *at != ',')
            *to++ = *at;
    *to = '\0';
}

static void allows(const cpu_set_t *set, const char *list)
{
    char text[1024], expected = 0;
    status_line(own, "Cpus_allowed_list", false, text);
    CHECK_EQ(strcmp(text, list), 0);
    status_line(own, "Cpus_allowed", true, text);
    size_t length = strlen(text);
    for (size_t digit = 0; digit < length; digit++) {
        unsigned bits = 0;
        for (int bit = 0; bit < 4; bit++)
            bits |= (unsigned)(CPU_ISSET((int)(4 * digit) + bit, set) != 0) << bit;
        expected = "0123456789abcdef"[bits];
        CHECK_EQ(text[length - 1 - digit], expected);
    }
}

static void processors(const cpu_set_t *all)
{
    char list[64];
    int first = -1, last = 0;
    cpu_set_t set;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, all))
            continue;
        first = first < 0 ? cpu : first;
        last = cpu;
    }
    CPU_ZERO(&set);
    CPU_SET(last, &set);
    CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
    snprintf(list, sizeof(list), "%d", last);
    allows(&set, list);
    if (first == last)
        return;
    CPU_SET(first, &set);
    CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
    snprintf(list, sizeof(list), "%d%c%d", first, first + 1 == last ? '-' : ',', last);
    allows(&set, list);
}

static void *ordinary(void *unused)
{
    struct sched_param none = { 0 };
    cpu_set_t all;
    snprintf(own, sizeof(own), "/proc/self/task/%d", (int)gettid());
    CHECK_EQ(setpriority(PRIO_PROCESS, 0, 18), 0);
    shows(38, 18, 0, SCHED_OTHER);
    CHECK_EQ(sched_setscheduler(0, SCHED_BATCH, &none), 0);
    CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)gettid(), 19), 0);
    shows(39, 19, 0, SCHED_BATCH);
    CHECK_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
    processors(&all);
    return unused;
}

static void *realtime(void *unused)
{
    struct sched_param param = { 12 };
    strcpy(own, "/proc/thread-self");
    if (sched_setscheduler(0, SCHED_RR, &param) == 0)
        shows(-13, getpriority(PRIO_PROCESS, 0), 12, SCHED_RR);
    return unused;
}

int main(void)
{
    char before[1024], after[1024];
    long niceness = getpriority(PRIO_PROCESS, 0);
    if (niceness > 18 || sched_getscheduler(0) != SCHED_OTHER) {
        puts("not run as an ordinary process");
        return 77;
    }
    status_line("/proc/self", "Cpus_allowed_list", false, before);
    join(start(ordinary, NULL));
    CHECK_EQ(stat_field("/proc/self", NICENESS), niceness);
    CHECK_EQ(stat_field("/proc/self", POLICY), SCHED_OTHER);
    status_line("/proc/self", "Cpus_allowed_list", false, after);
    CHECK_EQ(strcmp(before, after), 0);
    puts("ordinary");
    join(start(realtime, NULL));
    puts("real-time, if allowed");
    return 0;
}
