/* The stack of one live thread as an observer needs it to unwind: registers, and where its memory
 * is. The record that the control socket carries. Fixed size, no pointers. */
#ifndef CORO_STACK_INFO_H
#define CORO_STACK_INFO_H

#include <stddef.h>
#include <stdint.h>

/* In the order of DWARF's register numbers for x86-64 (System V psABI, figure 3.36). */
enum stack_register {
    REGISTER_RAX,
    REGISTER_RDX,
    REGISTER_RCX,
    REGISTER_RBX,
    REGISTER_RSI,
    REGISTER_RDI,
    REGISTER_RBP,
    REGISTER_RSP,
    REGISTER_R8,
    REGISTER_R15 = REGISTER_R8 + 7,
    REGISTER_RIP,
    STACK_REGISTERS
};

struct co_stack_info {
    uint64_t id;
    uint32_t state;        /* enum co_state */
    uint32_t memory_bytes; /* of the stack, from RSP upwards: they follow the record */
    uint64_t slices;       /* as in struct co_info: tells whether the thread has run since */
    uint64_t registers[STACK_REGISTERS]; /* RIP is 0 when they could not be had */
};

/* Instead of an id. */
#define STACK_OF_RUNNING UINT64_MAX       /* of whichever thread runs */
#define STACK_KEPT       (UINT64_MAX - 1) /* the one that was kept for a report */

/* Writes records of live threads with id > @after_id (or of @only_id alone) and their memory, at
 * most @max_stack_bytes each, to @out of @room bytes. Returns the bytes written; *count says how many
 * records, *more whether there was no room for the next. The stack of the running thread is had by
 * interrupting it for a moment. Records begin at multiples of 8 bytes. On the monitor kernel thread; takes the runtime's list lock for a
 * bounded number of entries; never parks. */
size_t co_stacks(uint64_t after_id, uint64_t only_id, uint32_t max_stack_bytes, void *out,
                 size_t room, uint32_t *count, int *more);

/* Keeps the stack of the thread that runs, as a kick finds it. Returns its id, or 0. On the monitor. */
uint64_t co_stack_keep_running(void);

/* Keeps the caller's stack. @registers: in DWARF's order; NULL: as they are here. On the carrier, in
 * a coroutine. */
void co_stack_keep(const uint64_t *registers);

/* The same order, of registers as they stand at the head of struct sigcontext (snapshot_give). */
void co_registers_of_context(const uint64_t *context, uint64_t *registers);

/* Reads memory of this process, as much of @bytes at @address as is there. Never faults. */
size_t co_memory(void *to, uintptr_t address, size_t bytes);

#endif
