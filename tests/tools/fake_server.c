/* The library's own control server around threads that a test invents, for coroctl to look at.
 *
 *   fake_server [COUNT]     COUNT plain threads, or one of every kind
 *
 * Prints "ready" when the socket is there, and ends when standard input does. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <pthread.h>

#include "runtime/co_info.h"
#include "runtime/lock_site.h"
#include "runtime/stack_info.h"
#include "runtime/stat.h"
#include "shim/control.h"

#define FLOOR 200
#define TID   1073741824U /* of thread 0 */

static uint64_t thread_count;
static int file_fd, pipe_fd;

/* Where no test says otherwise: nothing waited on, nothing known. */
static struct co_info plain_thread(uint64_t id)
{
    struct co_info info = {
        .id = id,
        .creator_id = id > 1,
        .tid = TID + (uint32_t)id,
        .state = CO_PARKED,
        .wait_fd = -1,
        .wait_nr = UINT32_MAX,
        .wait_left_ns = UINT64_MAX,
        .state_ns = 1200000000,
        .cpu_ns = 3400000,
        .slices = 7,
        .preemptions = 2,
        .waits = 5,
        .io_calls = 11,
        .selfishness = 4,
        .stack_base = 0x7f0000000000 + id * 0x10000,
        .stack_bytes = 0x10000,
        .stack_used_bytes = 4096 + 512,
    };

    snprintf(info.name, sizeof(info.name), "worker-%lu", id);
    return info;
}

static size_t every_kind(struct co_info *all)
{
    size_t n = 0;

    for (uint32_t kind = WAIT_NONE; kind < WAIT_KINDS; kind++, n++) {
        all[n] = plain_thread(n + 1);
        all[n].wait_kind = kind;
        all[n].state = kind == WAIT_NONE ? CO_RUNNING : CO_PARKED;
    }
    snprintf(all[WAIT_NONE].name, sizeof(all[0].name), "na\033[2Jme\n");
    all[WAIT_READ].wait_fd = 7;
    snprintf(all[WAIT_READ].peer, sizeof(all[0].peer), "127.0.0.1:45122");
    all[WAIT_WRITE].wait_fd = pipe_fd;
    all[WAIT_POLL].wait_fd = file_fd;
    all[WAIT_POLL].wait_count = 3;
    all[WAIT_POLL].wait_left_ns = 2500000000;
    all[WAIT_FUTEX].wait_addr = 0x5550;
    all[WAIT_MUTEX].wait_addr = 0x5560;
    all[WAIT_MUTEX].wait_owner_tid = TID + 3;
    all[WAIT_COND].wait_addr = 0x5570;
    all[WAIT_JOIN].wait_owner_tid = TID + 12;
    all[WAIT_SLEEP].wait_left_ns = 1200000000;
    all[WAIT_CHILD].wait_pid = 4242;
    all[WAIT_OFFLOAD].wait_nr = SYS_fsync;
    all[WAIT_RWLOCK].wait_addr = 0x5580;
    all[WAIT_RWLOCK].wait_count = 2;
    all[WAIT_SEMAPHORE].wait_addr = 0x5590;
    all[WAIT_CHANNEL].wait_addr = 0x55a0;
    all[WAIT_QUEUE].wait_addr = 0x55b0;
    all[WAIT_MAILBOX].wait_addr = 0x55c0;
    all[WAIT_EVENT].wait_addr = 0x55d0;
    all[WAIT_USER].wait_addr = 0x55e0;
    all[n] = plain_thread(n + 1);
    all[n++].wait_kind = WAIT_OFFLOAD; /* no call: a page fault */
    return n;
}

size_t co_snapshot(uint64_t after_id, struct co_info *out, size_t max)
{
    struct co_info all[WAIT_KINDS + 1];
    size_t kinds = every_kind(all), count = 0;
    uint64_t last = thread_count != 0 ? thread_count : kinds;

    for (uint64_t id = after_id + 1; id <= last && count < max; id++)
        out[count++] = thread_count != 0 ? plain_thread(id) : all[id - 1];
    return count;
}

/* Nobody here has a stack: only that the server answers is looked at. */
size_t co_stacks(uint64_t after_id, uint64_t only_id, uint32_t max_stack_bytes, void *out,
                 size_t room, uint32_t *count, int *more)
{
    (void)after_id, (void)only_id, (void)max_stack_bytes, (void)out, (void)room;
    *count = 0;
    *more = 0;
    return 0;
}

size_t co_memory(void *to, uintptr_t address, size_t bytes)
{
    (void)to, (void)address, (void)bytes;
    return 0;
}

bool lock_site_of(uint64_t lock, uint32_t tid, struct lock_site *out)
{
    (void)lock, (void)tid, (void)out;
    return false;
}

size_t lock_sites_held(uint32_t *next, struct lock_site *out, size_t max, bool *more)
{
    (void)next, (void)out, (void)max;
    *more = false;
    return 0;
}

void runtime_read_stat(struct runtime_stat *stat)
{
    *stat = (struct runtime_stat){ .uptime_ns = 2000000000, .threads = 12, .switches = 345 };
}

static void *wait_for_end(void *wake_fd)
{
    char byte;

    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    eventfd_write(*(int *)wake_fd, 1);
    return NULL;
}

int main(int argc, char *argv[], char *envp[])
{
    int wake_fd = eventfd(0, EFD_CLOEXEC), pipes[2];
    pthread_t waiter;

    thread_count = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    file_fd = open("/proc/version", O_RDONLY | O_CLOEXEC);
    pipe_fd = pipe(pipes) == 0 ? pipes[1] : -1;
    control_read_environment(envp);
    if (control_prepare(FLOOR) != 0)
        return 1;
    puts("ready");
    fflush(stdout);
    if (pthread_create(&waiter, NULL, wait_for_end, &wake_fd) != 0)
        return 1;
    while (!control_serve(wake_fd, UINT64_MAX))
        ;
    control_remove();
    return 0;
}
