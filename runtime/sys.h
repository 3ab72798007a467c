/* Raw system calls: the only way that code below the gate reaches the kernel.
 *
 * Each returns the kernel's own result: a value, or -errno. The register contract is that of
 * syscall(2): number in rax, words in rdi rsi rdx r10 r8 r9; rcx and r11 are clobbered. Our own
 * object is never rewritten, so these instructions always reach the kernel. */
#ifndef CORO_SYS_H
#define CORO_SYS_H

#include <asm/unistd.h>
#include <linux/errno.h>

#include "runtime/base.h"

/* Linux 6.7; the headers may be older. */
#ifndef __NR_futex_wake
#define __NR_futex_wake    454
#define __NR_futex_wait    455
#define __NR_futex_requeue 456
#endif

/* The largest value -errno can take: results in [-4095, -1] are errors. */
#define SYS_MAX_ERRNO 4095

static inline bool sys_is_error(long result)
{
    return (unsigned long)result >= (unsigned long)-SYS_MAX_ERRNO;
}

static inline long sys_call6(long nr, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#define SYS_ARG(x) ((long)(x))
#define sys6(nr, a, b, c, d, e, f)                                                                 \
    sys_call6((nr), SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), SYS_ARG(e), SYS_ARG(f))
#define sys5(nr, a, b, c, d, e) sys6(nr, a, b, c, d, e, 0)
#define sys4(nr, a, b, c, d)    sys6(nr, a, b, c, d, 0, 0)
#define sys3(nr, a, b, c)       sys6(nr, a, b, c, 0, 0, 0)
#define sys2(nr, a, b)          sys6(nr, a, b, 0, 0, 0, 0)
#define sys1(nr, a)             sys6(nr, a, 0, 0, 0, 0, 0)
#define sys0(nr)                sys6(nr, 0, 0, 0, 0, 0, 0)

#endif
