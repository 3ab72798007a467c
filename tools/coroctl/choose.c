/* Which process -p means, and what to say when it means none or too many. */
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/coroctl/command.h"
#include "tools/coroctl/process.h"

/* 0: a name. -1: neither, a number that no process has, or nothing. */
static pid_t parse_pid(const char *text)
{
    char *end;
    long pid;

    errno = 0;
    pid = strtol(text, &end, 10);
    if (*end != '\0')
        return 0;
    return end != text && errno == 0 && pid > 0 && pid <= INT32_MAX ? (pid_t)pid : -1;
}

/* Why there is no socket of @pid. */
static int explain_absence(pid_t pid, bool denied)
{
    char path[32], name[32];
    struct stat st;

    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    if (stat(path, &st) != 0) {
        error(0, 0, "there is no process %d", (int)pid);
        return EXIT_NO_PROCESS;
    }
    process_name(pid, name, sizeof(name));
    if (geteuid() != 0 && (denied || st.st_uid != geteuid())) {
        error(0, 0, "process %d (%s) belongs to user %u: permission denied", (int)pid, name,
              st.st_uid);
        return EXIT_DENIED;
    }
    error(0, 0, "process %d (%s) is not under coroshim, or has not started a thread yet", (int)pid,
          name);
    return EXIT_NO_PROCESS;
}

static void keep_named(struct process_list *list, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0)
            list->items[kept++] = list->items[i];
        else
            close(list->items[i].fd);
    }
    list->count = kept;
}

static int explain_none(const char *name, bool denied)
{
    if (name != NULL)
        error(0, 0, "no process named %s is under coroshim", name);
    else
        error(0, 0, "no process is under coroshim");
    return denied ? EXIT_DENIED : EXIT_NO_PROCESS;
}

static int explain_many(const struct process_list *list)
{
    error(0, 0, "which process? Name one with -p:");
    for (size_t i = 0; i < list->count; i++)
        fprintf(stderr, "%8d  %s\n", (int)list->items[i].pid, list->items[i].name);
    return EXIT_USAGE;
}

int process_choose(const char *wanted, struct process *process)
{
    pid_t pid = wanted != NULL ? parse_pid(wanted) : 0;
    struct process_list list;
    int code = EXIT_OK;

    if (pid < 0) {
        error(0, 0, "'%s' is neither a pid nor a name", wanted);
        return EXIT_USAGE;
    }
    list = process_find(pid);
    if (wanted != NULL && pid == 0)
        keep_named(&list, wanted);
    if (list.count == 1)
        *process = list.items[0];
    else if (list.count > 1)
        code = explain_many(&list);
    else if (pid != 0)
        code = explain_absence(pid, list.denied);
    else
        code = explain_none(wanted, list.denied);
    process_list_free(&list, code == EXIT_OK ? process : NULL);
    return code;
}
