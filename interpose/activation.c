/* The steps of an activation that touch the runtime's insides, for shim/activate.c, which can't see
 * them: it includes libc's headers, we the kernel's. */
#include "interpose/activation.h"

#include <linux/prctl.h>

#include "interpose/api.h"
#include "interpose/cancel.h"
#include "interpose/errand.h"
#include "interpose/prctl.h"
#include "interpose/signal.h"
#include "runtime/doctor_info.h"
#include "runtime/monitor.h"
#include "runtime/stack.h"
#include "shim/conf.h"

void activation_set_native(void)
{
    runtime.mode = MODE_NATIVE;
    runtime.locks_fast = false;
}

void activation_allow_fast_locks(void)
{
    runtime.locks_fast = true;
}

bool activation_gs_in_use(void)
{
    return gs_base_get(&runtime.cpu) != 0;
}

int activation_fd_floor(void)
{
    return fd_floor();
}

void activation_note_stack(uintptr_t low, uintptr_t high)
{
    memory_note_main_stack(low, high);
}

void activation_note_data(uintptr_t low, uintptr_t high)
{
    memory_note_data(low, high);
}

void activation_prepare(uint64_t hwcap2, uintptr_t vdso)
{
    cpu_init(&runtime.cpu, hwcap2);
    clock_init(&runtime.clock, vdso);
}

void activation_set_hooks(const struct op_hooks *hooks, bool (*owns_fd)(int fd))
{
    op_hooks = *hooks;
    op_fd_hooks.owns = owns_fd;
}

int activation_take_over(uint32_t tid_offset, uint32_t selfishness, size_t thread_block_bytes)
{
    runtime.selfishness = selfishness;
    fault_start(&conf.fault);
    runtime.favoured = conf.priority; /* the words' places are FAVOUR_* bits */
    runtime.pid = (int)sys0(__NR_getpid);
    stack_set_zeroed_top(thread_block_bytes);
    steer_reset();
    op_api_reset();
    int error = runtime_start((int)sys0(__NR_gettid));
    if (error)
        return error;
    struct carrier *carrier = this_carrier();
    struct co *co = carrier->current;
    if ((error = signal_takeover())) {
        gs_base_set(&runtime.cpu, 0);
        return error;
    }
    sys3(__NR_get_robust_list, 0, &co->robust_head, &co->robust_bytes);
    if (tid_offset)
        co->clear_child_tid = (int *)(co->fs_base + tid_offset);
    sys2(__NR_prctl, PR_GET_NAME, co->name);
    schedule_take_over(co);
    prctl_take_over(co);
    runtime_leave(carrier);
    return 0;
}

int activation_dispatch(void)
{
    return trapped_arm();
}

void activation_set_offload(uint32_t helpers)
{
    offload_set_bound(helpers);
}

int activation_start_monitor(const struct monitor_settings *settings)
{
    return monitor_start(settings);
}

uint32_t activation_facts(void)
{
    return (runtime.cpu.fsgsbase ? DOCTOR_FSGSBASE : 0) |
           (runtime.locks_fast ? DOCTOR_FAST_LOCKS : 0) |
           (stack_has_guard_markers() ? DOCTOR_GUARD_MARKERS : 0) |
           (runtime.can_hand_off ? DOCTOR_HAND_OFF : 0) |
           (process_signals.dispatching ? DOCTOR_DISPATCH : 0) |
           (cancel_word_offset ? DOCTOR_CANCEL_WORD : 0) | (errand_possible() ? DOCTOR_ERRANDS : 0);
}
