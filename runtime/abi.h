/* Numbers of the kernel's interface that its exported headers leave to libc. */
#ifndef CORO_ABI_H
#define CORO_ABI_H

#include <linux/fcntl.h>

#define EFD_CLOEXEC  O_CLOEXEC
#define EFD_NONBLOCK O_NONBLOCK

#define AF_UNIX  1
#define AF_INET  2
#define AF_INET6 10

#endif
