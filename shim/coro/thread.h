/* Threads that call any function with any arguments. */
#ifndef CORO_API_THREAD_H
#define CORO_API_THREAD_H

#include "base.h"

CORO_BEGIN

CORO_END

#endif
