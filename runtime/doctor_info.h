/* What a process tells of itself to coroctl doctor; part of the protocol (shim/protocol.h). */
#ifndef CORO_DOCTOR_INFO_H
#define CORO_DOCTOR_INFO_H

#include <stdint.h>

/* What the process has found on this machine, or was told to do. */
enum doctor_fact {
    DOCTOR_FSGSBASE = 1,      /* FS base is switched without a system call */
    DOCTOR_FAST_LOCKS = 2,    /* the mutex doors answer by themselves */
    DOCTOR_GUARD_MARKERS = 4, /* stacks' guards take no mapping each */
    DOCTOR_HAND_OFF = 8,      /* a stuck call can lose the carrier */
    DOCTOR_DISPATCH = 16,     /* calls from raw sites are trapped */
    DOCTOR_CANCEL_WORD = 32,  /* libc's state of cancellation was found */
    DOCTOR_ERRANDS = 64,      /* cancel and call work */
};

#define DOCTOR_REASONS 5 /* why sites are left raw: enum gate_raw_reason */

struct doctor_object {
    char name[128]; /* file */
    uint32_t rewritten, raw, unknown;
    uint32_t why[DOCTOR_REASONS]; /* of raw */
};

#endif
