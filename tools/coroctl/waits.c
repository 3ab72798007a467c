/* What a parked thread waits on, in words: one function per kind of wait. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/base.h"
#include "tools/coroctl/text.h"

/* Calls that block without readiness, and so run on a helper; any other is shown by number. */
#define NAME(call) [SYS_##call] = #call
/* clang-format off */
static const char *const system_calls[] = {
    NAME(read), NAME(write), NAME(open), NAME(close), NAME(stat), NAME(fstat), NAME(lstat),
    NAME(lseek), NAME(pread64), NAME(pwrite64), NAME(readv), NAME(writev), NAME(access),
    NAME(sendfile), NAME(connect), NAME(accept), NAME(wait4), NAME(semop), NAME(msgsnd),
    NAME(msgrcv), NAME(fcntl), NAME(flock), NAME(fsync), NAME(fdatasync), NAME(truncate),
    NAME(ftruncate), NAME(getdents), NAME(rename), NAME(mkdir), NAME(rmdir), NAME(creat),
    NAME(link), NAME(unlink), NAME(symlink), NAME(readlink), NAME(chmod), NAME(statfs),
    NAME(fstatfs), NAME(sync), NAME(mount), NAME(umount2), NAME(readahead), NAME(futex),
    NAME(io_getevents), NAME(getdents64), NAME(semtimedop), NAME(fadvise64), NAME(mq_timedsend),
    NAME(waitid), NAME(openat), NAME(mkdirat), NAME(newfstatat), NAME(unlinkat), NAME(renameat),
    NAME(splice), NAME(tee), NAME(vmsplice), NAME(move_pages), NAME(fallocate), NAME(preadv),
    NAME(pwritev), NAME(syncfs), NAME(renameat2), NAME(getrandom), NAME(preadv2), NAME(pwritev2),
    NAME(statx), NAME(msync), NAME(ioctl), NAME(copy_file_range), NAME(sync_file_range),
    NAME(mq_timedreceive), NAME(io_uring_enter),
};
/* clang-format on */
#undef NAME

const char *system_call_name(uint32_t number)
{
    return number < ARRAY_SIZE(system_calls) ? system_calls[number] : NULL;
}

char *descriptor_target(pid_t pid, int fd)
{
    char path[64], target[PATH_MAX];
    ssize_t length;

    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
    length = readlink(path, target, sizeof(target) - 1);
    if (length < 0)
        return NULL;
    target[length] = '\0';
    return strdup(target);
}

static void print_descriptor(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    char *target;

    fprintf(out, "fd %d", thread->wait_fd);
    if (thread->peer[0] != '\0') {
        fputs(" (", out);
        print_escaped(out, thread->peer);
        fputc(')', out);
        return;
    }
    target = descriptor_target(threads->pid, thread->wait_fd);
    if (target != NULL) {
        fputs(" (", out);
        print_escaped(out, target);
        fputc(')', out);
    }
    free(target);
}

/* "3 (1073741827)": the thread's id and its tid, or the tid alone of a thread that is not ours. */
static void print_owner(FILE *out, const struct threads *threads, uint32_t tid)
{
    const struct co_info *owner = threads_by_tid(threads, tid);

    if (owner != NULL)
        fprintf(out, "%lu (%u)", owner->id, tid);
    else
        fprintf(out, "tid %u", tid);
}

static void print_poll(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    fprintf(out, "poll %u descriptor%s", thread->wait_count, thread->wait_count == 1 ? "" : "s");
    if (thread->wait_fd >= 0) {
        fputs(thread->wait_count == 1 ? ": " : ", first ", out);
        print_descriptor(out, threads, thread);
    }
}

static void print_lock(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    fprintf(out, "%s 0x%lx", wait_word(thread->wait_kind), thread->wait_addr);
    if (thread->wait_owner_tid != 0) {
        fputs(" held by ", out);
        print_owner(out, threads, thread->wait_owner_tid);
    } else if (thread->wait_kind == WAIT_RWLOCK && thread->wait_count > 0) {
        fprintf(out, " held by %u reader%s", thread->wait_count,
                thread->wait_count == 1 ? "" : "s");
    }
}

static void print_offload(FILE *out, const struct co_info *thread)
{
    const char *name = system_call_name(thread->wait_nr);

    if (thread->wait_nr == UINT32_MAX)
        fputs("page fault on a helper", out);
    else if (name != NULL)
        fprintf(out, "system call %s on a helper", name);
    else
        fprintf(out, "system call %u on a helper", thread->wait_nr);
}

static void print_child(FILE *out, const struct co_info *thread)
{
    if (thread->wait_fd >= 0)
        fprintf(out, "child of pidfd %d", thread->wait_fd);
    else if (thread->wait_pid > 0)
        fprintf(out, "child %d", thread->wait_pid);
    else if (thread->wait_pid == -1)
        fputs("any child", out);
    else if (thread->wait_pid == 0)
        fputs("any child of its process group", out);
    else
        fprintf(out, "any child of process group %d", -thread->wait_pid);
}

void print_wait_on(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    switch (thread->wait_kind) {
    case WAIT_NONE:
        break;
    case WAIT_READ:
    case WAIT_WRITE:
        fprintf(out, "%s ", wait_word(thread->wait_kind));
        print_descriptor(out, threads, thread);
        break;
    case WAIT_POLL:
        print_poll(out, threads, thread);
        break;
    case WAIT_FUTEX:
    case WAIT_MUTEX:
    case WAIT_COND:
    case WAIT_RWLOCK:
    case WAIT_SEMAPHORE:
    case WAIT_CHANNEL:
    case WAIT_QUEUE:
    case WAIT_MAILBOX:
    case WAIT_EVENT:
        print_lock(out, threads, thread);
        break;
    case WAIT_USER:
        fprintf(out, "user event 0x%lx", thread->wait_addr);
        break;
    case WAIT_JOIN:
        fputs("join", out);
        if (thread->wait_owner_tid != 0) {
            fputs(" of ", out);
            print_owner(out, threads, thread->wait_owner_tid);
        }
        break;
    case WAIT_CHILD:
        print_child(out, thread);
        break;
    case WAIT_OFFLOAD:
        print_offload(out, thread);
        break;
    default:
        fputs(wait_word(thread->wait_kind), out);
    }
}

void print_wait(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    print_wait_on(out, threads, thread);
    if (thread->wait_kind == WAIT_NONE || thread->wait_left_ns == UINT64_MAX)
        return;
    fputs(thread->wait_over_ns > 0 ? ", over for " : ", ", out);
    print_duration(out, thread->wait_over_ns > 0 ? thread->wait_over_ns : thread->wait_left_ns);
    if (thread->wait_over_ns == 0)
        fputs(" left", out);
}

void print_wait_exact(FILE *out, const struct threads *threads, const struct co_info *thread)
{
    print_wait_on(out, threads, thread);
    if (thread->wait_kind != WAIT_NONE && thread->wait_left_ns != UINT64_MAX)
        fprintf(out, ", %lu ns left", thread->wait_left_ns);
}
