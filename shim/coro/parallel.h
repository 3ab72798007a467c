/* Many calls at a time, and calls again and again. */
#ifndef CORO_API_PARALLEL_H
#define CORO_API_PARALLEL_H

#include "base.h"

CORO_BEGIN

CORO_END

#endif
