/* Operations of the C API alone. */
#include "interpose/api.h"

#include <linux/futex.h>

#include "interpose/op.h"

long op_api_wake(uint32_t *word, bool first)
{
    if (!first || unlikely(runtime.guests))
        return op_futex(word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    struct co *co = futex_wake_next(word);
    if (co)
        sched_run_first(co);
    return co != NULL;
}
