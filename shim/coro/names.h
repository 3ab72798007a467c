/* Conveniences of the preprocessor: functions are converted to coro_fn, and a thread without a name
 * gets its function's as it is written. (coro_spawn)(...) with parentheses is the function itself. */
#ifndef CORO_API_NAMES_H
#define CORO_API_NAMES_H

#include "base.h"

#endif
