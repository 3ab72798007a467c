/* The running program looks at its own threads, as the monitor does. From above the gate; active. */
#ifndef CORO_LOOK_H
#define CORO_LOOK_H

#include <stdbool.h>

#include "runtime/co_info.h"
#include "runtime/stack_info.h"

/* The calling thread's id; 0: there are no coroutines. */
uint64_t look_own_id(void);

/* co_snapshot. */
size_t look_threads(uint64_t after_id, struct co_info *out, size_t max);

/* The registers of live thread @id. False: there is none, or it is the caller, which knows. */
bool look_registers(uint64_t id, struct co_stack_info *out);

/* co_memory; in any mode. */
size_t look_memory(void *to, uintptr_t address, size_t bytes);

#endif
