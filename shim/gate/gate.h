/* The gate: every syscall instruction of every loaded object, rewritten to jump into us.
 *
 * A rewritten site jumps to its stub; the stub loads the address after the site and the address of
 * its own tail and enters gate_enter (enter.S), which saves the registers in a struct gate_frame
 * on the caller's stack, below the red zone, and calls gate_dispatch(). */
#ifndef CORO_GATE_H
#define CORO_GATE_H

#include "runtime/base.h"

/* The caller's registers as they were at the site, in the order that enter.S pushes them (lowest
 * address first). The caller's rsp is (char *)frame + sizeof(*frame) + 128. */
struct gate_frame {
    uint64_t r15, r14, r13, r12, rbp, rbx;
    uint64_t r9, r8, r10, rdx, rsi, rdi; /* arguments 6 5 4 3 2 1 */
    uint64_t rax;                        /* in: system call number; out: result */
    uint64_t tail;                       /* stub code to continue at, rsp as at the site */
    uint64_t raw_tail; /* stub code that executes the instruction itself, then tail */
    uint64_t site;     /* address after the original syscall instruction */
};

#define GATE_RED_ZONE 128

enum gate_verdict {
    GATE_DONE = 0, /* frame->rax is the result */
    GATE_RAW = 1,  /* execute the instruction itself with all registers restored (vfork, clone) */
};

/* Provided by interpose/: answers one system call. Runs on the caller's stack and may park. */
enum gate_verdict gate_dispatch(struct gate_frame *frame);

/* enter.S: the entry of every stub. Never called from C. */
void gate_enter(void);

/* enter.S: leaves through the frame at @frame as gate_enter would after GATE_DONE: restores all
 * registers and continues at frame->tail with rsp = (char *)(frame + 1) + GATE_RED_ZONE. A new
 * coroutine starts here on a copy of its creator's frame. Never returns. */
void gate_leave(struct gate_frame *frame) __attribute__((noreturn));

/* Rewrites only libc's clone and clone3 sites, so that the first thread creation is seen whatever
 * its door. Called by the constructor: must be cheap (well under 100 us), no Zydis.
 * Returns the number of sites rewritten, or -errno (step aside). */
int gate_arm(void);

/* Rewrites all remaining sites of all loaded objects. Called once, at the first thread creation,
 * while the process has one kernel thread, above the gate (may call libc, dlopen Zydis).
 * @raw_clones_work: threads that are made at sites that stay raw are seen nonetheless.
 * Returns 0 or -errno: then every site is as it was before the call (step aside). -ENOENT: the
 * decoder library is missing; -ENOTSUP: an object makes threads at a site that stays raw;
 * -EBUSY: an object writes the GS base by instruction. */
int gate_open(bool raw_clones_work);

/* Rewrites the sites of objects loaded since the last call; cheap when there are none.
 * Called above the gate, preemption off. */
void gate_refresh(void);

/* True when @pc lies in stub memory. Async-signal-safe. */
bool gate_owns_pc(uintptr_t pc);

/* For a signal that interrupted stub code at @pc: the equivalent address in the original object
 * where execution may resume with the same registers (rcx and r11 aside), or 0 when there is none
 * (between the instruction and a displaced one after it). Async-signal-safe. */
uintptr_t gate_original_pc(uintptr_t pc);

/* True when the address after a site, @site, is in libc.so or ld.so, whose system calls sit in
 * functions that keep only SSE registers alive; other objects need the full extended state. */
bool gate_site_in_libc(uintptr_t site);

/* True when @site is in ld.so. */
bool gate_site_in_ldso(uintptr_t site);

/* Why a site is left raw. */
enum gate_raw_reason {
    RAW_SIGRETURN, /* rt_sigreturn: unwinders know signal frames by these bytes */
    RAW_CROWDED,   /* too short, and what stands around is jumped to or cannot be moved */
    RAW_FLAGS,     /* flags are read behind it */
    RAW_UNDECODED, /* no decoder, and no idiom */
    RAW_NO_ROOM,   /* no memory within reach for its stub */
    RAW_REASONS,
};

/* Sites of one object: rewritten, and left raw with the reason. For coroctl doctor. */
struct gate_object_stats {
    char name[128]; /* file name of the object, as ld.so knows it; "" never */
    uint32_t rewritten;
    uint32_t raw;              /* the sum of: */
    uint32_t why[RAW_REASONS]; /* enum gate_raw_reason */
    uint32_t unknown; /* bytes 0f 05 outside any known function: perhaps no instruction at all */
};

/* Fills up to @max entries from the @skip-th on; returns the number of objects known. Below the gate,
 * any kernel thread of ours (the table only grows). */
size_t gate_stats(struct gate_object_stats *out, size_t skip, size_t max);

#endif
