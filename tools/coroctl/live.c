/* The memory of a process that is stopped, as its own user may read it. Nothing is attached to it: who
 * stopped it may be a debugger, and a look must change nothing. */
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "runtime/base.h"
#include "tools/coroctl/command.h"
#include "tools/coroctl/image.h"
#include "tools/coroctl/memory.h"

#define PAGE 4096

static pid_t live_pid;
static char live_what[64];

bool live_is_stopped(pid_t pid)
{
    char path[32], line[512], *state = NULL;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    if (fgets(line, sizeof(line), file) != NULL)
        state = strrchr(line, ')');
    fclose(file);
    return state != NULL && (state[2] == 'T' || state[2] == 't');
}

static size_t read_part(uint64_t address, void *to, size_t bytes)
{
    struct iovec into = { .iov_base = to, .iov_len = bytes };
    struct iovec from = { .iov_base = (void *)address, .iov_len = bytes };
    ssize_t done = process_vm_readv(live_pid, &into, 1, &from, 1, 0);

    return done > 0 ? (size_t)done : 0;
}

/* Page by page when it has to be: one that isn't there takes the whole call with it. */
static size_t live_read(uint64_t address, void *to, size_t bytes)
{
    size_t done = read_part(address, to, bytes);

    if (done == bytes)
        return done;
    for (done = 0; done < bytes;) {
        size_t part = PAGE - (address + done) % PAGE;

        part = part < bytes - done ? part : bytes - done;
        if (read_part(address + done, (char *)to + done, part) != part)
            break;
        done += part;
    }
    return done;
}

/* Stack pointer and program counter: the last two words of a line that begins with the number of a
 * call and, when there is one, its arguments. */
static bool live_registers(pid_t tid, uint64_t registers[STACK_REGISTERS])
{
    char path[64], line[512], *last, *before;
    bool found = false;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)live_pid, (int)tid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    if (fgets(line, sizeof(line), file) != NULL && (last = strrchr(line, ' ')) != NULL) {
        *last = '\0';
        before = strrchr(line, ' ');
        registers[REGISTER_RIP] = strtoull(last + 1, NULL, 16);
        registers[REGISTER_RSP] = before != NULL ? strtoull(before + 1, NULL, 16) : 0;
        found = registers[REGISTER_RIP] != 0 && registers[REGISTER_RSP] != 0;
    }
    fclose(file);
    return found;
}

static uint64_t live_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

int live_open(pid_t pid, const struct memory_kind **kind)
{
    static const struct memory_kind live = {
        .read = live_read, .registers = live_registers, .now_ns = live_now, .what = live_what
    };
    int code = image_open(pid);

    live_pid = pid;
    snprintf(live_what, sizeof(live_what), "process %d, which is stopped", (int)pid);
    *kind = &live;
    return code;
}
