/* What threads are doing. */
#ifndef CORO_API_WHERE_H
#define CORO_API_WHERE_H

#include "base.h"

CORO_BEGIN

CORO_END

#endif
