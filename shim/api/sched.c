/* Who runs when: see shim/coro/sched.h. */
#include "shim/coro/sched.h"

#include "shim/api/park.h"
#include "shim/api/wait.h"

int coro_is_running(void)
{
    return api_is_running();
}

void coro_yield(void)
{
    api_yield();
}
