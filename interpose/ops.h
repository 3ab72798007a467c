/* Prototypes of all operations, from the table. */
#ifndef CORO_OPS_H
#define CORO_OPS_H

#include "interpose/types.h"
#include "runtime/signal.h"

#define GATE0(f, name, r)                             long op_##name(void);
#define GATE1(f, name, r, a, a_)                      long op_##name(a a_);
#define GATE2(f, name, r, a, a_, b, b_)               long op_##name(a a_, b b_);
#define GATE3(f, name, r, a, a_, b, b_, c, c_)        long op_##name(a a_, b b_, c c_);
#define GATE4(f, name, r, a, a_, b, b_, c, c_, d, d_) long op_##name(a a_, b b_, c c_, d d_);
#define GATE5(f, name, r, a, a_, b, b_, c, c_, d, d_, e, e_)                                       \
    long op_##name(a a_, b b_, c c_, d d_, e e_);
#define GATE6(f, name, r, a, a_, b, b_, c, c_, d, d_, e, e_, g, g_)                                \
    long op_##name(a a_, b b_, c c_, d d_, e e_, g g_);
#include "interpose/table_as_gate.h"
#include "interpose/table.def"
#include "interpose/table_end.h"

#endif
