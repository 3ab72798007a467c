/* Numbers that enter.S and the C side of the gate agree on. stub.c asserts them against the
 * structures; nothing here may change alone. */
#ifndef CORO_GATE_LAYOUT_H
#define CORO_GATE_LAYOUT_H

/* struct gate_frame: its size, and what remains of it once the registers are popped. */
#define GATE_FRAME_BYTES   128
#define GATE_TAIL_OFFSET   104 /* of tail; raw_tail and site follow */
#define GATE_RED_ZONE_ASM  128
#define GATE_CFA_OFFSET    256 /* from the frame to the caller's rsp at the site */
#define GATE_AFTER_POPS    0   /* tail, seen from rsp when the 13 registers are popped */
#define GATE_RAW_AFTER     8
#define GATE_SITE_AFTER    16
#define GATE_LEFT_ON_STACK 152 /* tail, raw_tail, site and the red zone */

/* A stub's raw_tail (the syscall instruction itself, 2 bytes) ends where its tail begins. */
#define GATE_SYSCALL_BYTES 2

#endif
