/* Words every module uses: attributes, arithmetic, and the promises of the code below the gate.
 *
 * Code below the gate (runtime/, interpose/ operations, most of shim/gate) calls no libc function,
 * reads no TLS, never mallocs and uses general registers only: it may be entered from inside any
 * libc function, with any libc lock held. */
#ifndef CORO_BASE_H
#define CORO_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))

#define NSEC_PER_SEC  UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_USEC UINT64_C(1000)

#define PAGE_BYTES  4096UL
#define CACHE_BYTES 64

#define EXPORT   __attribute__((visibility("default")))
#define NOINLINE __attribute__((noinline))
#define INLINE   inline __attribute__((always_inline))
#define COLD     __attribute__((cold, noinline))

/* Not instrumented: code on a bare kernel thread that ends without returning. */
#define NO_ASAN __attribute__((no_sanitize_address))

/* A deadline that never comes; deadlines are CLOCK_MONOTONIC nanoseconds. */
#define DEADLINE_NEVER UINT64_MAX

static inline uintptr_t align_up(uintptr_t value, uintptr_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static inline uintptr_t align_down(uintptr_t value, uintptr_t alignment)
{
    return value & ~(alignment - 1);
}

/* How many bits are set. The builtin would be a call into libgcc. */
static inline uint32_t bit_count(uint64_t bits)
{
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (uint32_t)(bits * UINT64_C(0x0101010101010101) >> 56);
}

/* A compiler barrier: orders our stores against a signal handler on the same kernel thread. */
static inline void barrier(void)
{
    __asm__ volatile("" ::: "memory");
}

#endif
