/* The futex operations by libc's syscall(). */
#include "futex_ops.h"

static long futex(uint32_t *word, int op, uint32_t value, const void *time_or_value2,
                  uint32_t *word2, uint32_t value3)
{
    return syscall(SYS_futex, word, op, value, time_or_value2, word2, value3);
}
