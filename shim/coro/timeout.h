/* Time limits around any function. */
#ifndef CORO_API_TIMEOUT_H
#define CORO_API_TIMEOUT_H

#include "base.h"

CORO_BEGIN

CORO_END

#endif
