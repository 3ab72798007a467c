/* The one place that says which release this is. */
#ifndef CORO_VERSION_H
#define CORO_VERSION_H

#define CORO_VERSION "0.1.0"

#endif
