/* The CORO_* variables that a process was started with, judged by the rows that judge them there. */
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/conf.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/doctor.h"

#define PREFIX    "CORO"
#define ABOUT     "environment"
#define BYTES_MAX (4UL << 20) /* of an environment; the kernel allows a quarter of the stack */

static void judge(struct findings *findings, const char *entry)
{
    const char *equals = strchr(entry, '=');
    size_t length = equals != NULL ? (size_t)(equals - entry) : 0;
    const struct conf_variable *variable, *nearest;
    struct conf scratch = conf;
    char name[64], why[CONF_TEXT_BYTES];

    if (length < strlen(PREFIX) || length >= sizeof(name) ||
        strncmp(entry, PREFIX, strlen(PREFIX)) != 0 ||
        (length > strlen(PREFIX) && entry[strlen(PREFIX)] != '_'))
        return;
    snprintf(name, sizeof(name), "%.*s", (int)length, entry);
    variable = conf_find(entry, length);
    nearest = conf_nearest(entry, length);
    if (variable == NULL && nearest != NULL)
        found(findings, ABOUT, name, LEVEL_PROBLEM, "is not known; %s is", nearest->name);
    else if (variable == NULL)
        found(findings, ABOUT, name, LEVEL_PROBLEM, "is not known");
    else if (variable->kind != CONF_TOOL && !conf_parse(variable, equals + 1, &scratch, why))
        found(findings, ABOUT, name, LEVEL_PROBLEM, "%.100s: %s; the default is used", equals + 1,
              why);
    else
        found(findings, ABOUT, name, LEVEL_OK, "%.200s", equals + 1);
}

static void read_environment(struct findings *findings, pid_t pid)
{
    char path[32], *entries;
    FILE *file;
    size_t bytes;

    snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
    file = fopen(path, "re");
    if (file == NULL) {
        found(findings, ABOUT, path, LEVEL_NOTE, "cannot be read: %s", strerrordesc_np(errno));
        return;
    }
    entries = malloc(BYTES_MAX + 1);
    if (entries == NULL)
        error(EXIT_FAILED, errno, "memory");
    bytes = fread(entries, 1, BYTES_MAX, file);
    entries[bytes] = '\0';
    for (const char *entry = entries; entry < entries + bytes; entry += strlen(entry) + 1)
        judge(findings, entry);
    free(entries);
    fclose(file);
}

void doctor_environment(struct findings *findings, pid_t pid)
{
    size_t before = findings->count;

    if (pid != 0)
        read_environment(findings, pid);
    for (char **entry = environ; pid == 0 && *entry != NULL; entry++)
        judge(findings, *entry);
    if (findings->count == before)
        found(findings, ABOUT, "CORO_*", LEVEL_OK, "none is set");
}
