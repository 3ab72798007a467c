/* Bare kernel threads. Stacks are small and come from the kernel; a thread that ends gives its own back. The start-up record is on the new thread's own stack. */
#include "runtime/kthread.h"

#include <linux/close_range.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "runtime/runtime.h"

#define KTHREAD_STACK_BYTES (64 * 1024UL)
#define KTHREAD_FLAGS                                                                              \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

void kthread_exit(void *stack, size_t bytes) __attribute__((noreturn));

struct start {
    struct kthread *kthread;
    void (*fn)(void *);
    void *argument;
};

static void begin(void *argument)
{
    struct start start = *(struct start *)argument;
    gs_base_set(&runtime.cpu, (uint64_t)start.kthread);
    start.fn(start.argument);
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
    kthread->in_runtime = 1;
    kthread->attention = 0;
    struct start *start = (struct start *)(stack + KTHREAD_STACK_BYTES) - 1;
    *start = (struct start){ kthread, fn, argument };
    uint64_t all_but_kick = ~(UINT64_C(1) << (KICK_SIGNAL - 1)), old;
    char own_name[CO_NAME_BYTES];
    set_mask(all_but_kick, &old); /* inherited by the new thread */
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

void kthread_end(struct kthread *kthread, void (*release)(struct kthread *kthread))
{
    void *stack = kthread->stack;
    set_mask(~UINT64_C(0), NULL);
    release(kthread);
    kthread_exit(stack, KTHREAD_STACK_BYTES);
}

/* The lowest of @keep that is at least @from. */
static unsigned next_kept(const int *keep, size_t count, unsigned from)
{
    unsigned next = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        if (keep[i] >= 0 && (unsigned)keep[i] >= from && (unsigned)keep[i] < next)
            next = (unsigned)keep[i];
    }
    return next;
}

bool kthread_split_files(const int *keep, size_t count)
{
    unsigned from = 0, flags = CLOSE_RANGE_UNSHARE;
    for (;;) {
        unsigned kept = next_kept(keep, count, from);
        if (kept > from || flags) {
            unsigned last = kept == UINT32_MAX ? kept : kept - 1;
            if (kept > from && sys3(__NR_close_range, from, last, flags) != 0)
                return false;
            flags = kept > from ? 0 : flags;
        }
        if (kept == UINT32_MAX)
            return true;
        from = kept + 1;
    }
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
