/* The gate's side of the doors: one system call in, its operation, the verdict out.
 *
 * Dormant, everything passes raw except the clone that makes the first thread: that one brings the
 * runtime up. In a guest (guest.c) everything passes raw. */
#include "interpose/process.h"
#include "interpose/signal.h"
#include "interpose/seen.h"

#include <linux/sched.h>

struct op_hooks op_hooks;

long gate_operation(struct gate_frame *f)
{
    switch (f->rax) {
#define ARG1(t) (t) f->rdi
#define ARG2(t) (t) f->rsi
#define ARG3(t) (t) f->rdx
#define ARG4(t) (t) f->r10
#define ARG5(t) (t) f->r8
#define ARG6(t) (t) f->r9
#define GATE0(fa, name, r)                                                                         \
    case __NR_##name:                                                                              \
        return op_##name();
#define GATE1(fa, name, r, a, a_)                                                                  \
    case __NR_##name:                                                                              \
        return op_##name(ARG1(a));
#define GATE2(fa, name, r, a, a_, b, b_)                                                           \
    case __NR_##name:                                                                              \
        return op_##name(ARG1(a), ARG2(b));
#define GATE3(fa, name, r, a, a_, b, b_, c, c_)                                                    \
    case __NR_##name:                                                                              \
        return op_##name(ARG1(a), ARG2(b), ARG3(c));
#define GATE4(fa, name, r, a, a_, b, b_, c, c_, d, d_)                                             \
    case __NR_##name:                                                                              \
        return op_##name(ARG1(a), ARG2(b), ARG3(c), ARG4(d));
#define GATE5(fa, name, r, a, a_, b, b_, c, c_, d, d_, e, e_)                                      \
    case __NR_##name:                                                                              \
        return op_##name(ARG1(a), ARG2(b), ARG3(c), ARG4(d), ARG5(e));
#define GATE6(fa, name, r, a, a_, b, b_, c, c_, d, d_, e, e_, g, g_)                               \
    case __NR_##name:                                                                              \
        return op_##name(ARG1(a), ARG2(b), ARG3(c), ARG4(d), ARG5(e), ARG6(g));
#include "interpose/table_as_gate.h"
#include "interpose/table.def"
#include "interpose/table_end.h"
    default:
        return OP_PASS;
    }
}

static bool makes_a_thread(const struct gate_frame *f)
{
    if (f->rax == __NR_clone)
        return f->rdi & CLONE_THREAD;
    return f->rax == __NR_clone3 && ((const struct clone_args *)f->rdi)->flags & CLONE_THREAD;
}

static long activate(void *unused)
{
    (void)unused;
    return op_hooks.activate ? op_hooks.activate() : -ENOSYS;
}

static bool dormant_call(struct gate_frame *f)
{
    if (runtime.mode != MODE_DORMANT || !makes_a_thread(f))
        return false;
    if (runtime.cpu.simd_mask)
        simd_call_full(activate, NULL, runtime.cpu.simd_bytes, runtime.cpu.simd_mask);
    else
        simd_call_xmm(activate, NULL);
    return runtime.mode == MODE_ACTIVE;
}

enum gate_verdict gate_dispatch(struct gate_frame *f)
{
    if (unlikely(runtime.mode != MODE_ACTIVE) && !dormant_call(f))
        return runtime.mode == MODE_DORMANT && futex_pi_dormant_call(f) ? GATE_DONE : GATE_RAW;
    struct carrier *carrier = this_carrier();
    if (!op_begin(carrier)) {
        guest_calls(f->rax);
        return GATE_RAW;
    }
    struct co *co = carrier->current;
    bool handed = unlikely(co->door == DOOR_HANDED);
    co->door = DOOR_GATE;
    co->simd = gate_site_in_libc(f->site) ? SIMD_XMM : SIMD_FULL;
    co->frame = f;
    if (unlikely(fault.on))
        fault_delay();
    seen_by_gate(f->rax);
    long result;
    do {
        if (unlikely(carrier->watch.trace))
            trace_call(carrier, co, f->rax, (long)f->rdi);
        result = unlikely(handed) ? co->handed : gate_operation(f);
        handed = false;
        if (result == OP_PASS && op_may_run_here(f->rax))
            result = op_direct((long)f->rax, (long)f->rdi, (long)f->rsi, (long)f->rdx, (long)f->r10,
                               (long)f->r8, (long)f->r9);
    } while (op_finish(carrier, co, &result));
    if (result == OP_PASS) {
        if (likely(!process_signals.dispatching))
            return GATE_RAW;
        result = sys6((long)f->rax, f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9);
    }
    f->rax = (uint64_t)result;
    return GATE_DONE;
}
