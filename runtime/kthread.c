/* Bare kernel threads. Stacks are small and come from the kernel; a thread that ends gives its own back. The start-up record is on the new thread's own stack. */
#include "runtime/kthread.h"

#include <asm/statfs.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "runtime/runtime.h"

#define MQUEUE_MAGIC 0x19800202 /* what fstatfs says of a message queue */
#define ALL_BUT_KICK (~(UINT64_C(1) << (KICK_SIGNAL - 1)))
#define KTHREAD_FLAGS                                                                              \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

void kthread_exit(void *stack, size_t bytes) __attribute__((noreturn));

struct start {
    struct kthread *kthread;
    void (*fn)(void *);
    void *argument;
};

static NO_ASAN void begin(void *argument)
{
    struct start start = *(struct start *)argument;
    start.kthread->tid = (int)sys0(__NR_gettid);
    gs_base_set(&runtime.cpu, (uint64_t)start.kthread);
    start.fn(start.argument);
}

int kthread_init_first(struct kthread *kthread, int tid)
{
    void *stack = kthread->stack ? kthread->stack : pages_map(KTHREAD_STACK_BYTES);
    if (!stack)
        return -ENOMEM;
    *kthread = (struct kthread){ .self = kthread, .tid = tid, .lasting = true, .stack = stack };
    list_init(&kthread->link);
    return 0;
}

static void set_mask(uint64_t mask, uint64_t *old)
{
    sys4(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, &mask, old, 8);
}

long kthread_start(struct kthread *kthread, const char *name, void (*fn)(void *), void *argument)
{
    char *stack = pages_map(KTHREAD_STACK_BYTES);
    if (!stack)
        return -ENOMEM;
    kthread->self = kthread;
    kthread->stack = stack;
    struct start *start = (struct start *)(stack + KTHREAD_STACK_BYTES) - 1;
    *start = (struct start){ kthread, fn, argument };
    uint64_t old;
    char own_name[CO_NAME_BYTES];
    set_mask(ALL_BUT_KICK, &old); /* inherited by the new thread */
    sys2(__NR_prctl, PR_GET_NAME, own_name);
    sys2(__NR_prctl, PR_SET_NAME, name); /* inherited too: nobody sees it under another name */
    long stack_pointer = (long)kthread_stack((uintptr_t)start, begin, start);
    long tid = kthread_clone(__NR_clone, (const long[5]){ KTHREAD_FLAGS, stack_pointer });
    sys2(__NR_prctl, PR_SET_NAME, own_name);
    set_mask(old, NULL);
    if (tid < 0)
        pages_unmap(stack, KTHREAD_STACK_BYTES);
    return tid;
}

void kthread_block_signals(void)
{
    set_mask(ALL_BUT_KICK, NULL);
}

NO_ASAN void kthread_end(struct kthread *kthread, void (*release)(struct kthread *kthread))
{
    void *stack = kthread->stack;
    set_mask(~UINT64_C(0), NULL);
    release(kthread);
    kthread_exit(stack, KTHREAD_STACK_BYTES);
}

static bool is_kept(int fd, const int *keep, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (keep[i] == fd)
            return true;
    }
    return false;
}

/* Whoever closes a message queue's descriptor takes the process's mq_notify request away, even if it
 * is a copy in another table: ours stays open until we end. */
static bool is_message_queue(int fd)
{
    struct statfs about;
    return sys2(__NR_fstatfs, fd, &about) == 0 && about.f_type == MQUEUE_MAGIC;
}

struct entry { /* struct linux_dirent64 */
    uint64_t inode;
    int64_t next;
    uint16_t bytes;
    uint8_t type;
    char name[];
};

static void close_others(const struct entry *entry, int listing, const int *keep, size_t count)
{
    int fd = 0;
    if (entry->name[0] == '.')
        return;
    for (const char *digit = entry->name; *digit; digit++)
        fd = fd * 10 + (*digit - '0');
    if (fd != listing && !is_kept(fd, keep, count) && !is_message_queue(fd))
        sys1(__NR_close, fd);
}

bool kthread_split_files(const int *keep, size_t count)
{
    _Alignas(struct entry) char entries[1024];
    const struct entry *entry;
    long bytes;
    /* Nothing lies up there: this only makes the copy. */
    if (sys3(__NR_close_range, UINT32_MAX, UINT32_MAX, CLOSE_RANGE_UNSHARE) != 0)
        return false;
    int listing = (int)sys3(__NR_openat, AT_FDCWD, "/proc/thread-self/fd", O_DIRECTORY);
    while ((bytes = sys3(__NR_getdents64, listing, entries, sizeof(entries))) > 0) {
        for (long at = 0; at < bytes; at += entry->bytes) {
            entry = (const void *)(entries + at);
            close_others(entry, listing, keep, count);
        }
    }
    sys1(__NR_close, listing);
    return true;
}

void kthread_kick(int tid)
{
    sys3(__NR_tgkill, sys0(__NR_getpid), tid, KICK_SIGNAL);
}

bool kthread_abort_call(uint64_t *pc)
{
    uintptr_t at = (uintptr_t)*pc;
    if (at < (uintptr_t)sys_interruptible_begin || at >= (uintptr_t)sys_interruptible_end)
        return false;
    *pc = (uint64_t)sys_interruptible_abort;
    return true;
}
