/* The life of threads: clone and exit as the kernel does them for CLONE_THREAD, and what it keeps
 * per thread: tid, robust list, name. kernel/fork.c and kernel/exit.c say
 * what happens in which order. */
#include "interpose/prctl.h"
#include "interpose/process.h"
#include "interpose/robust.h"

#include <asm/prctl.h>
#include <linux/futex.h>
#include <linux/sched.h>

#include "runtime/stack.h"
#include "shim/gate/gate.h"
#include "shim/log.h"

#define STACK_COLORS        32
#define COLORED_STACK_BYTES (128 * 1024UL) /* smaller ones have nothing to spare */

struct clone_request {
    uint64_t flags;
    uintptr_t stack_top;
    size_t stack_bytes; /* 0: unknown */
    int *parent_tid, *child_tid;
    uint64_t tls;
};

/* The first thing a new coroutine does: out of the runtime and back to the site, as the child. */
static void begin_thread(void *frame)
{
    struct carrier *carrier = this_carrier();
    struct co *co = carrier->current;
    long ignored = 0;
    co->door = DOOR_NONE;
    while (op_finish(carrier, co, &ignored))
        ;
    gate_leave(frame);
}

static void note_stack(struct co *co, const struct clone_request *request)
{
    if (stack_bounds(request->stack_top - 1, &co->stack_base, &co->stack_bytes))
        return;
    co->stack_base = request->stack_top - request->stack_bytes;
    co->stack_bytes = request->stack_bytes;
    /* libc's descriptor of the thread, with the tid that joins wait on, lies above the stack. */
    uintptr_t high = align_up((uintptr_t)request->child_tid + sizeof(int), PAGE_BYTES);
    if (co->id == 2 && high > co->stack_base)
        memory_note_first_stack(co->stack_base, high);
}

/* Stacks begin at the same place of a page, so the lines that every thread uses would share a few sets
 * of the cache: each thread begins a little lower than the last. Only for clone3: libc's clone hands the child its
 * arguments at the top of its stack. */
static size_t color_bytes(const struct co *co, const struct clone_request *request)
{
    bool roomy = request->stack_bytes >= COLORED_STACK_BYTES;
    return roomy ? co->id % STACK_COLORS * CACHE_BYTES : 0;
}

static long new_thread(const struct clone_request *request)
{
    struct co *parent = this_co();
    if (!parent->frame || !request->stack_top)
        return -EINVAL;
    struct co *co = fault_happens(FAULT_THREAD) ? NULL : co_create();
    if (!co)
        return -EAGAIN;
    if (unlikely(parent->child_id))
        co_renumber(co, parent->child_id);
    parent->child_id = 0;
    struct gate_frame *frame = clone_frame(request->stack_top - color_bytes(co, request));
    co->sp = context_prepare(frame, begin_thread, frame);
    co->fs_base = request->flags & CLONE_SETTLS ? request->tls : parent->fs_base;
    co->creator_id = parent->id;
    schedule_inherit(co, parent);
    prctl_inherit(co, parent);
    memcpy(co->name, parent->name, sizeof(co->name));
    signal_mask_inherit(co, parent);
    if (request->flags & CLONE_PARENT_SETTID)
        *request->parent_tid = (int)co->tid;
    if (request->flags & CLONE_CHILD_SETTID)
        *request->child_tid = (int)co->tid;
    if (request->flags & CLONE_CHILD_CLEARTID)
        co->clear_child_tid = request->child_tid;
    note_stack(co, request);
    sched_start(co);
    return co->tid;
}

static long clone_any(const struct clone_request *request)
{
    if (request->flags & CLONE_THREAD)
        return new_thread(request);
    if (request->flags & CLONE_VM)
        return request->stack_top ? op_clone_guest(request->flags, request->stack_top)
                                  : op_vfork_guest(request->flags);
    return op_clone_process(request->stack_top);
}

long op_clone(unsigned long flags, void *stack, int *ptid, int *ctid, unsigned long tls)
{
    struct clone_request request = {
        .flags = flags,
        .stack_top = (uintptr_t)stack,
        .parent_tid = ptid,
        .child_tid = ctid,
        .tls = tls,
    };
    return clone_any(&request);
}

long op_clone3(const void *args, size_t size)
{
    struct clone_args in;
    if (size < CLONE_ARGS_SIZE_VER0)
        return OP_PASS;
    if (user_copy(&in, args, CLONE_ARGS_SIZE_VER0) != 0)
        return -EFAULT;
    struct clone_request request = {
        .flags = in.flags,
        .stack_top = in.stack ? (uintptr_t)(in.stack + in.stack_size) : 0,
        .stack_bytes = in.stack_size,
        .parent_tid = (int *)in.parent_tid,
        .child_tid = (int *)in.child_tid,
        .tls = in.tls,
    };
    return clone_any(&request);
}

static void bury(struct co *co)
{
    signal_forget_co(co);
    if (co->affinity)
        pool_put(&runtime.affinity_pool, co->affinity);
    co_free(co);
}

long op_exit(int code)
{
    struct co *co = this_co();
    if (co->is_main)
        runtime.exit_code = code;
    if (runtime.live == 1)
        return op_exit_group(runtime.exit_code);
    robust_thread_ends(co);
    futex_pi_owner_died(co->tid);
    prctl_thread_ends(co);
    if (op_hooks.thread_ended)
        op_hooks.thread_ended(co->id);
    if (co->clear_child_tid) {
        uint32_t *word = (uint32_t *)co->clear_child_tid;
        __atomic_store_n(word, 0, __ATOMIC_SEQ_CST);
        futex_wake(word, 1, FUTEX_ANY); /* memory_is_private knew it by the tid in it */
        if (runtime.guests || !memory_is_private((uintptr_t)word))
            sys3(__NR_futex, word, FUTEX_WAKE, 1);
    }
    sched_exit(bury);
}

long op_exit_group(int code)
{
    robust_process_ends();
    if (op_hooks.leave_process)
        op_hooks.leave_process();
    return sys1(__NR_exit_group, code);
}

long op_set_tid_address(int *tid)
{
    this_co()->clear_child_tid = tid;
    return this_co()->tid;
}

long op_gettid(void)
{
    return this_co()->tid;
}

long op_set_robust_list(void *head, size_t size)
{
    if (size != sizeof(struct robust_list_head))
        return -EINVAL;
    this_co()->robust_head = head;
    this_co()->robust_bytes = size;
    return 0;
}

long op_get_robust_list(int tid, void **head, size_t *size)
{
    struct co *co = tid ? co_by_tid((uint32_t)tid) : this_co();
    if (!co)
        return -ESRCH;
    size_t bytes = sizeof(struct robust_list_head);
    return user_put(size, bytes) != 0 ? -EFAULT : user_put(head, co->robust_head);
}

/* glibc dies when registration fails for a thread after it worked for the first: say yes, and leave
 * the area marked as unregistered, so that users fall back. */
long op_rseq(void *area, unsigned size, int flags, unsigned signature)
{
    (void)area, (void)size, (void)flags, (void)signature;
    return 0;
}

long op_sched_yield(void)
{
    sched_yield_co();
    return 0;
}

long op_arch_prctl(int code, unsigned long address)
{
    struct co *co = this_co();
    if (code == ARCH_SET_FS) {
        if (address > USER_TOP)
            return -EPERM;
        co->fs_base = address;
        fs_base_set(&runtime.cpu, address);
        return 0;
    }
    if (code == ARCH_SET_GS) {
        log_line(LOG_ERROR, "thread %lu sets GS, which carries our own state: refused", co->id);
        return -EPERM;
    }
    if (code == ARCH_GET_GS) {
        uint64_t none = 0;
        return user_put((void *)address, none);
    }
    return OP_PASS;
}
