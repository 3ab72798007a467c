/* Offsets that assembly and C share; runtime/carrier.c asserts each. */
#ifndef CORO_LAYOUT_H
#define CORO_LAYOUT_H

#define KTHREAD_SELF       0  /* struct kthread.self */
#define KTHREAD_IN_RUNTIME 8  /* .in_runtime */
#define KTHREAD_ATTENTION  12 /* .attention */
#define CARRIER_CURRENT    24 /* struct carrier.current */

#endif
