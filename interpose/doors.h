/* The symbol doors: what they share. Doors are above the gate: they may call libc.
 *
 * A door is defined as door_NAME under the assembler name NAME, so that no libc prototype is in the
 * way. Closed (dormant, native, vfork child, or a cancelled thread at a cancellation point), it
 * calls libc's own function, which reaches us again by the gate if that is open. */
#ifndef CORO_DOORS_H
#define CORO_DOORS_H

#include "interpose/doors_limit.h"
#include "interpose/op.h"

enum door_class { PLAIN, CANCEL };

enum real_index {
#define GATE0(...)
#define GATE1(...)
#define GATE2(...)
#define GATE3(...)
#define GATE4(...)
#define GATE5(...)
#define GATE6(...)
#define CALL0(f, name, ...) REAL_##name,
#define CALL1(f, name, ...) REAL_##name,
#define CALL2(f, name, ...) REAL_##name,
#define CALL3(f, name, ...) REAL_##name,
#define CALL4(f, name, ...) REAL_##name,
#define CALL5(f, name, ...) REAL_##name,
#define CALL6(f, name, ...) REAL_##name,
#define DOOR(f, name)       REAL_##name,
#include "interpose/table.def"
#include "interpose/table_end.h"
    REAL_COUNT
};

/* libc's own functions; looked up by doors_resolve, or at first use before that. */
extern void *real_function[REAL_COUNT];
void *real_lookup(enum real_index index);
void doors_resolve(void);

#define REAL(name)                                                                                 \
    (likely(real_function[REAL_##name]) ? real_function[REAL_##name] : real_lookup(REAL_##name))

struct door {
    struct carrier *carrier;
    struct co *co;
};

/* At a cancellation point, by a thread that has reasons to leave it: acts on a time limit that is over,
 * and then doesn't return. False: libc's function acts on a cancellation. */
bool door_stays(const struct co *co);

/* A wait ended with -EDOOR: the same, or -ETIMEDOUT as the call's result, or -EDOOR: see libc. */
long door_left(const struct co *co);

static inline bool door_enter(struct door *door, enum door_class class)
{
    if (runtime.mode != MODE_ACTIVE)
        return false;
    door->carrier = this_carrier();
    struct co *co = door->co = door->carrier->current;
    if (unlikely(class == CANCEL && co->cancelled) && !door_stays(co))
        return false;
    if (!op_begin(door->carrier))
        return false;
    co->door = class == CANCEL ? DOOR_CANCEL : DOOR_SYMBOL;
    co->simd = SIMD_NONE;
    co->frame = NULL;
    if (unlikely(fault.on))
        fault_delay();
    return true;
}

/* True: call the operation again. Inlined into the door, whose caller handlers are told of. */
static inline __attribute__((always_inline)) bool door_leave(struct door *door, long *result)
{
    door->co->caller.pc = (uintptr_t)__builtin_return_address(0);
    door->co->caller.sp = (uintptr_t)__builtin_dwarf_cfa();
    return op_finish(door->carrier, door->co, result);
}

int *__errno_location(void);

/* Code was mapped meanwhile: rewrites it, now that no lock of ours or libc's can be held. */
void doors_objects_changed(void);

static inline long door_result(long result)
{
    if (unlikely(runtime.objects_changed))
        doors_objects_changed();
    if (unlikely(sys_is_error(result))) {
        *__errno_location() = (int)-result;
        return -1;
    }
    return result;
}

/* For a trace: the door is about to start the operation that answers call @nr. */
static inline void door_trace(struct door *door, uint64_t nr, long first)
{
    if (unlikely(door->carrier->watch.trace))
        trace_call(door->carrier, door->co, nr, first);
}

static inline bool is_interrupted(long result)
{
    return unlikely(result < 0) &&
           (result == -EINTR || (result <= -ERESTARTSYS && result >= -ERESTARTNOHAND));
}

/* The body of every door: @call is the operation, @real libc's function, with the same arguments; @nr
 * and @first are for a trace, the system call and its first argument.
 * An operation that passes (OP_PASS) is libc's to do as well, and so is to run the handlers that have
 * interrupted one. */
#define DOOR_BODY(class, ret, nr, first, call, real)                                               \
    struct door door;                                                                              \
    if (!door_enter(&door, class))                                                                 \
        return real;                                                                               \
    long result;                                                                                   \
    do {                                                                                           \
        door_trace(&door, nr, (long)(first));                                                      \
        result = call;                                                                             \
        if (unlikely(is_interrupted(result)) && op_hand_over(door.carrier, door.co, result)) {     \
            result = OP_PASS;                                                                      \
            break;                                                                                 \
        }                                                                                          \
    } while (door_leave(&door, &result));                                                          \
    if (unlikely(result == -EDOOR))                                                                \
        result = door_left(door.co);                                                               \
    if (unlikely(result == -EDOOR || result == OP_PASS))                                           \
        return real;                                                                               \
    return (ret)door_result(result);

#endif
