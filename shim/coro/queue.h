/* Queues: first in first out, and by priority. */
#ifndef CORO_API_QUEUE_H
#define CORO_API_QUEUE_H

#include "base.h"

CORO_BEGIN

CORO_END

#endif
