/* The futex operations by a syscall instruction in the program's own text. */
#include "futex_ops.h"

static long futex(uint32_t *word, int op, uint32_t value, const void *time_or_value2,
                  uint32_t *word2, uint32_t value3)
{
    register long r10 __asm__("r10") = (long)time_or_value2;
    register long r8 __asm__("r8") = (long)word2;
    register long r9 __asm__("r9") = value3;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(SYS_futex), "D"(word), "S"(op), "d"(value), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    if (result < 0) {
        errno = (int)-result;
        return -1;
    }
    return result;
}
