/* Robust locks: those that a thread or the process leaves behind are marked, and who waits is told
 * (handle_futex_death in kernel/futex/core.c). The kernel can't: the words name virtual tids.
 *
 * A process's end is seen when it is an exit, an exec, or a signal that we have met: a default death of
 * which the kernel would not tell us has a handler of ours once such a lock was taken that other
 * processes share (signal_watch_deaths). SIGKILL is seen by nobody. */
#include "interpose/robust.h"

#include <linux/futex.h>
#include <linux/uio.h>

#define LIST_LIMIT 2048 /* as in the kernel: a list may be a loop */

enum purpose {
    THREAD_ENDS,
    PROCESS_ENDS, /* perhaps in the midst of the runtime, or with faults blocked */
    EXEC_FAILED,  /* the marks are taken back */
};

/* Like the kernel we read through pointers that may lead anywhere. */
static bool fetch(void *to, const void *from, size_t bytes, enum purpose purpose)
{
    struct iovec into = { to, bytes }, out = { (void *)from, bytes };
    if (purpose != PROCESS_ENDS)
        return user_copy(to, from, bytes) == 0;
    return sys6(__NR_process_vm_readv, runtime.pid, &into, 1, &out, 1, 0) == (long)bytes;
}

static void wake(uint32_t *word, enum purpose purpose)
{
    if (purpose == THREAD_ENDS)
        futex_wake_next(word); /* also one that waits for a priority-inheritance lock */
    sys3(__NR_futex, word, FUTEX_WAKE, 1);
    if (runtime.guests)
        sys3(__NR_futex, word, FUTEX_WAKE_PRIVATE, 1);
}

static bool change(uint32_t *word, uint32_t *from, uint32_t to)
{
    return __atomic_compare_exchange_n(word, from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void mark(uint32_t *word, uint32_t tid, bool pending, enum purpose purpose)
{
    uint32_t value;
    if ((uintptr_t)word % sizeof(value) || !fetch(&value, word, sizeof(value), purpose))
        return;
    if (pending && !value) {
        wake(word, purpose);
        return;
    }
    while ((value & FUTEX_TID_MASK) == tid) {
        if (!change(word, &value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
            continue;
        if (value & FUTEX_WAITERS)
            wake(word, purpose);
        return;
    }
}

/* Unless somebody has taken the lock meanwhile. */
static void unmark(uint32_t *word, uint32_t tid)
{
    uint32_t value;
    if ((uintptr_t)word % sizeof(value) || user_copy(&value, word, sizeof(value)) != 0)
        return;
    while ((value & ~FUTEX_WAITERS) == FUTEX_OWNER_DIED) {
        if (change(word, &value, (value & FUTEX_WAITERS) | tid))
            return;
    }
}

static void walk(const struct co *co, enum purpose purpose)
{
    struct robust_list_head head;
    struct robust_list next;
    if (!co->robust_head || co->robust_bytes != sizeof(head) ||
        !fetch(&head, co->robust_head, sizeof(head), purpose))
        return;
    char *pending = (char *)((uintptr_t)head.list_op_pending & ~1UL);
    char *entry = (char *)((uintptr_t)head.list.next & ~1UL);
    for (int i = 0; entry != co->robust_head && i < LIST_LIMIT; i++) {
        bool last = !fetch(&next, entry, sizeof(next), purpose);
        uint32_t *word = (uint32_t *)(entry + head.futex_offset);
        if (purpose == EXEC_FAILED)
            unmark(word, co->tid);
        else if (entry != pending)
            mark(word, co->tid, false, purpose);
        if (last)
            return;
        entry = (char *)((uintptr_t)next.next & ~1UL);
    }
    if (pending && purpose != EXEC_FAILED)
        mark((uint32_t *)(pending + head.futex_offset), co->tid, true, purpose);
}

static void walk_all(enum purpose purpose)
{
    struct list *node, *after;
    list_for_each (node, after, &runtime.all)
        walk(container_of(node, struct co, all), purpose);
}

void robust_thread_ends(const struct co *co)
{
    walk(co, THREAD_ENDS);
}

void robust_process_ends(void)
{
    walk_all(PROCESS_ENDS);
}

void robust_exec_failed(void)
{
    walk_all(EXEC_FAILED);
}
