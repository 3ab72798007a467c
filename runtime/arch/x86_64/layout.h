/* Offsets that assembly and C share; runtime/carrier.c asserts each. */
#ifndef CORO_LAYOUT_H
#define CORO_LAYOUT_H

#define KTHREAD_SELF    0 /* struct kthread.self */
#define KTHREAD_CARRIER 8 /* .carrier */

#endif
