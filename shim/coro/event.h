/* Events: one thread tells many. */
#ifndef CORO_API_EVENT_H
#define CORO_API_EVENT_H

#include "base.h"

CORO_BEGIN

CORO_END

#endif
