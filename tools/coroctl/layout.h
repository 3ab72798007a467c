/* What coroctl knows of the runtime's structures in a memory: the table of runtime/co_layout.h. */
#ifndef COROCTL_LAYOUT_H
#define COROCTL_LAYOUT_H

#include "runtime/co_layout.h"
#include "tools/coroctl/memory.h"

#define LAYOUT_SWITCH_MAX 1024  /* bytes of "switch" */
#define LAYOUT_CO_MAX     16384 /* bytes of a struct co, or of an unstarted thread */

/* The rows of the table that are read. */
enum field {
    RUNTIME_MODE,
    RUNTIME_ALL,
    RUNTIME_COARSE_NS,
    RUNTIME_SELFISHNESS,
    CARRIER_TID,
    CO,
    CO_ALL,
    CO_ID,
    CO_CREATOR_ID,
    CO_TID,
    CO_STATE,
    CO_NAME,
    CO_SP,
    CO_SINCE_NS,
    CO_CPU_NS,
    CO_SLICES,
    CO_PREEMPTIONS,
    CO_WAITS,
    CO_CALLS,
    CO_CALLS_BEFORE,
    CO_SELFISHNESS,
    CO_STACK_BASE,
    CO_STACK_BYTES,
    CO_WAIT_KIND,
    CO_WAIT_FD,
    CO_WAIT_COUNT,
    CO_WAIT_TID,
    CO_WAIT_PID,
    CO_WAIT_NR,
    CO_WAIT_ADDR,
    CO_DEADLINE,
    CO_TIMER_POSITION,
    RUNTIME_UNSTARTED,
    UNSTARTED,
    UNSTARTED_LINK,
    UNSTARTED_ID,
    UNSTARTED_CREATOR_ID,
    UNSTARTED_SINCE_NS,
    UNSTARTED_NAME,
    SWITCH,
    SWITCH_REGISTERS, /* to the end */
    SWITCH_RBX = SWITCH_REGISTERS,
    SWITCH_RBP,
    SWITCH_R12,
    SWITCH_R13,
    SWITCH_R14,
    SWITCH_R15,
    SWITCH_RIP,
    FIELDS
};

extern struct co_field layout[FIELDS];

/* Reads the table that the object's note at @note leads to, and where the runtime is. Returns an enum
 * exit_code, having said why unless it is 0. Fields that other releases lack have 0 bytes then. */
int layout_read(const struct memory_kind *kind, uint64_t note, uint64_t *runtime);

/* Whether the release has the fields of unstarted threads. */
bool layout_has_unstarted(void);

/* The value of @field in a copy of the structure that it is in. */
uint64_t layout_value(const unsigned char *copy, enum field field);

#endif
