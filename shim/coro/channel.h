/* Channels: two threads meet to hand over a value. */
#ifndef CORO_API_CHANNEL_H
#define CORO_API_CHANNEL_H

#include "base.h"

CORO_BEGIN

CORO_END

#endif
