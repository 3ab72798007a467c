/* What threads are doing: see shim/coro/where.h. */
#include "shim/coro/where.h"

#include <stdio.h>

#include "shim/api/park.h"
#include "shim/api/wait.h"
#include "shim/where.h"

ssize_t coro_where(coro_id id, char *buffer, size_t bytes)
{
    if (!api_is_running())
        return snprintf(buffer, bytes, "[nothing is known: threads are the kernel's]");
    size_t length = where_thread(id, buffer, bytes);
    return length ? (ssize_t)length : api_error(ESRCH);
}

ssize_t coro_where_all(coro_where_fn each, void *context)
{
    if (!api_is_running())
        return api_error(ENOSYS);
    long count = where_all((where_visitor *)each, context);
    return count < 0 ? api_error((int)-count) : count;
}
